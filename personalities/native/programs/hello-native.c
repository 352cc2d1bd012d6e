/* SPDX-License-Identifier: MIT */
/*
 * A small native program: `hello-native [words]` prints what it was given, `hello-native -` copies
 * standard input to standard output.
 */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <stdio.h>
#include <string.h>

static int copy(void)
{
    static char buffer[16384];
    size_t got, done;
    for (;;) {
        status_t status = file_read(0, buffer, sizeof buffer, &got);
        if (status == OK && got == 0)
            return 0;
        if (status == OK)
            status = file_write(1, buffer, got, &done);
        if (status != OK) {
            fprintf(stderr, "hello-native: %s\n", status_text(status));
            return 1;
        }
    }
}

int main(int argc, char **argv, char **envp)
{
    int variables = 0;
    if (argc == 2 && strcmp(argv[1], "-") == 0)
        return copy();
    while (envp[variables] != NULL)
        variables++;
    printf("hello from a native program, pid %u\n", (unsigned)startup_pid());
    for (int i = 0; i < argc; i++)
        printf("argv[%d] = %s\n", i, argv[i]);
    printf("%d environment variables\n", variables);
    return 0;
}
