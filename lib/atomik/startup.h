/* SPDX-License-Identifier: MIT */
/*
 * What the creator of this process gave it: handles by tag, arguments, environment. crt0 fills this
 * in before main; it never changes afterwards (but for what file.c tells of open
 * files), so every thread may read it.
 */
#ifndef ATOMIK_STARTUP_H
#define ATOMIK_STARTUP_H

#include <atomik/objects.h>

/* The handle given under a tag (enum startup_tag), or HANDLE_NONE. It stays the process's. */
handle_t startup_handle(uint32_t tag);
/* The index-th handle given under a tag that may occur several times, or HANDLE_NONE. */
handle_t startup_handle_at(uint32_t tag, uint32_t index);
struct startup_info *startup_info(void);
uint32_t startup_pid(void);
const char *environment_get(const char *name); /* value or NULL */

/* Flush the standard streams and end the process. */
void process_end(int code) __attribute__((noreturn));
/* Log "what: text of status" and end the process with code 1. */
void process_fail(const char *what, status_t status) __attribute__((noreturn));
/* The text of an error of abi/atomik/errors.def. */
const char *status_text(status_t status);
/* Its Linux errno number, positive; 0 for OK. */
int status_errno(status_t status);

#endif
