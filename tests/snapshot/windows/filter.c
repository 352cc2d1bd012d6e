/* SPDX-License-Identifier: MIT */
/* Copies lines from its input to its output, numbered and in capitals; ends with code 4 at the end. */
#include <ctype.h>
#include <stdio.h>

int main(void)
{
    char line[256];
    for (int number = 1; fgets(line, sizeof line, stdin); number++) {
        for (char *at = line; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        printf("%d %s", number, line);
        fflush(stdout);
    }
    return 4;
}
