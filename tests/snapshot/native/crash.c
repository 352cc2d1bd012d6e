/* SPDX-License-Identifier: MIT */
/* Reads through a null pointer. Once the snapshot of the crash is edited, it goes on. */
#include <stdio.h>

static volatile int value = 1;

int main(void)
{
    volatile int *volatile pointer = 0;
    printf("before\n");
    fflush(stdout);
    int read = *pointer; /* cppcheck-suppress nullPointer */
    printf("after: %d %d\n", read, value);
    return 7;
}
