/* SPDX-License-Identifier: MIT */
/*
 * Counts at both ends of memory that is shared, in turns, for as long as its argument says (in tenths of
 * a second of its own time). What the two ends show has to be of one moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define SIZE (8u << 20)

int main(int argc, char **argv)
{
    volatile unsigned *first =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile unsigned *last = first + SIZE / sizeof *first - 1;
    clock_t end = (argc > 1 ? atoi(argv[1]) : 10) * (CLOCKS_PER_SEC / 10);
    if (first == MAP_FAILED)
        return 2;
    for (unsigned i = 0; i < SIZE / sizeof *first; i += 1024)
        first[i + 1] = i;
    while (clock() < end)
        for (int i = 0; i < 1000; i++) {
            if (*first != *last) {
                puts("torn");
                return 1;
            }
            ++*first;
            ++*last;
        }
    puts("of one moment");
    return 0;
}
