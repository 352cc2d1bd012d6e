/* SPDX-License-Identifier: MIT */
/*
 * Memory that was restored is the program's own: it can be discarded, moved, made larger and inherited, whether it has
 * been brought in or not. Between filling its memory and using it the program waits for a file, `go`; it makes another one, `filled`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB  (1u << 20)
#define PAGE 4096u
#define SIZE (2 * MIB)

static unsigned value_at(unsigned index)
{
    return index * 2654435761u | 1;
}

static void fill(unsigned *words)
{
    for (unsigned i = 0; i < SIZE / sizeof *words; i++)
        words[i] = value_at(i);
}

static const char *state_of(const unsigned *words, unsigned from, unsigned to)
{
    bool same = true, zero = true;
    for (unsigned i = from / sizeof *words; i < to / sizeof *words; i++) {
        same &= words[i] == value_at(i);
        zero &= words[i] == 0;
    }
    return same ? "as it was" : zero ? "zero" : "something else";
}

static unsigned *map(void)
{
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(1);
    fill(memory);
    return memory;
}

static void discard(unsigned *words)
{
    int error = madvise((char *)words + 64 * PAGE, 64 * PAGE, MADV_DONTNEED);
    printf("discarded %d: %s, %s, %s\n", error, state_of(words, 0, 64 * PAGE),
           state_of(words, 64 * PAGE, 128 * PAGE), state_of(words, 128 * PAGE, SIZE));
}

static void grow(unsigned *words)
{
    unsigned *larger = mremap(words, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
    if (larger == MAP_FAILED)
        exit(2);
    printf("grown: %s, %s\n", state_of(larger, 0, SIZE), state_of(larger, SIZE, 2 * SIZE));
}

static void inherit(unsigned *words)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        memset(words, 0, SIZE / 2);
        printf("child: %s, %s\n", state_of(words, 0, SIZE / 2), state_of(words, SIZE / 2, SIZE));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("parent: %s\n", state_of(words, 0, SIZE));
}

int main(void)
{
    unsigned *discarded = map(), *grown = map(), *inherited = map(), *heap = malloc(SIZE);
    fill(heap);
    close(open("filled", O_CREAT | O_WRONLY, 0600));
    while (access("go", F_OK) != 0)
        usleep(10000);
    discard(discarded);
    grow(grown);
    inherit(inherited);
    unsigned *larger = realloc(heap, 3 * SIZE);
    printf("heap: %s\n", larger ? state_of(larger, 0, SIZE) : "none");
    return 7;
}
