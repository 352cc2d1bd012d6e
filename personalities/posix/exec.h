/* SPDX-License-Identifier: MIT */
/* Running a program in the calling thread: execve, and the first program of a process that arrives. */
#ifndef POSIX_EXEC_H
#define POSIX_EXEC_H

#include "core.h"

/* NUL-terminated strings one after the other. */
struct string_list {
    struct text bytes;
    uint32_t count;
};
void string_list_add(struct string_list *list, const char *string);

/*
 * Replace the calling thread's program by the one at `path` (in our memory, not in a worker's
 * buffers). Takes the lists. 0: the registers are the new program's; -errno: nothing has changed.
 * `foreign` false: a program of another personality is refused (-ENOEXEC).
 */
int exec_program(const char *path, struct string_list *arguments, struct string_list *environment,
                 bool foreign);

#endif
