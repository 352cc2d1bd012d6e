/* SPDX-License-Identifier: MIT */
/* Changes a few of many pages in each of its rounds, with pauses between them; at last it says what came of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE  4096u
#define PAGES 512u

static unsigned char memory[PAGES][PAGE];

int main(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < PAGES; i++)
        memset(memory[i], (int)(i % 255 + 1), PAGE);
    for (unsigned round = 0; round < 120; round++) {
        for (unsigned i = 0; i < 3; i++)
            memory[(round * 7 + i * 171) % PAGES][round]++;
        if (round % 20 == 0)
            printf("round %u\n", round);
        fflush(stdout);
        usleep(20000);
    }
    for (unsigned i = 0; i < PAGES; i++)
        for (unsigned j = 0; j < PAGE; j++)
            sum = sum * 31 + memory[i][j];
    printf("sum %08x\n", sum);
    return 0;
}
