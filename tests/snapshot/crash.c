/* SPDX-License-Identifier: MIT */
/* Reads through a null pointer, and goes on to print what it read: once somebody has mended that. */
#include <stdio.h>

volatile int *pointer;
volatile int value = 5;

int main(void)
{
    puts("before");
    fflush(stdout);
    int read = *pointer;
    printf("after: %d\n", read);
    return read;
}
