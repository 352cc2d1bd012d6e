/* SPDX-License-Identifier: MIT */
/* Reads through a null pointer. Once the snapshot of the crash is edited, it goes on. */
#include <stdio.h>

volatile int *pointer;
static volatile int value = 1;

int main(void)
{
    printf("before\n");
    fflush(stdout);
    int read = *pointer;
    printf("after: %d %d\n", read, value);
    return 7;
}
