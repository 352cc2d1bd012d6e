/* SPDX-License-Identifier: MIT */
/* A console program as a stock MinGW makes it: arguments, environment, standard output, exit code. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *user = getenv("USER");
    printf("Hello from a Win32 program!\n");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    printf("USER is %s\n", user ? user : "not set");
    return 3;
}
