/* SPDX-License-Identifier: MIT */
/*
 * What programs asked for and did not get because it is not there: system calls, requests, options and
 * files of /proc and /sys. Counted per program in /proc/atomik/missing (atrace --missing); each kind of
 * thing is named once in the log. With or without the server lock.
 */
#ifndef POSIX_MISSING_H
#define POSIX_MISSING_H

#include "core.h"

void missing_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A system call that has no name. Programs that look for what there is ask often: again is cheap. */
void missing_number(uint32_t number);
/* The same and the answer: -error. */
#define missing_error(error, ...) (missing_note(__VA_ARGS__), -(error))

#endif
