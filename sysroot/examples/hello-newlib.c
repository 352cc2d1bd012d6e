/* SPDX-License-Identifier: MIT */
/* A C program for newlib, built by the cross-compiler wrapper as a user would build it. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    printf("hello from newlib (%d arguments)\n", argc - 1);
    for (int i = 1; i < argc; i++)
        printf("argv[%d] = %s\n", i, argv[i]);
    printf("HOME = %s, one third is %.6f\n", getenv("HOME") ? getenv("HOME") : "unset", 1.0 / 3);
    return 0;
}
