/* SPDX-License-Identifier: MIT */
/* What the programs of tests/nt have in common: they print what happened, and nothing that varies. */
#ifndef TESTS_NT_SHOW_H
#define TESTS_NT_SHOW_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TIME 10000 /* ms: what is waited for should come at once */
#define SOON      100   /* ms: what should not come by then does not come */

static inline void show_begin(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
}

/* The value of a call, and GetLastError if that is not 0. */
#define SHOW(expression)                                                  \
    do {                                                                  \
        SetLastError(0);                                                  \
        long value_ = (long)(expression);                                 \
        unsigned long error_ = GetLastError();                            \
        if (error_)                                                       \
            printf("%s = %ld, error %lu\n", #expression, value_, error_); \
        else                                                              \
            printf("%s = %ld\n", #expression, value_);                    \
    } while (0)

/* Start this program again with an argument, suspended if flags say so. */
static inline PROCESS_INFORMATION start_self(const char *argument, DWORD flags, BOOL inherit)
{
    char path[MAX_PATH], line[MAX_PATH + 100];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION process = {0};
    GetModuleFileNameA(NULL, path, sizeof path);
    snprintf(line, sizeof line, "\"%s\" %s", path, argument);
    if (!CreateProcessA(NULL, line, NULL, NULL, inherit, flags, NULL, NULL, &start, &process))
        printf("CreateProcess: error %lu\n", GetLastError());
    return process;
}

#endif
