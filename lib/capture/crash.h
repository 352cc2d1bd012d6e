/* SPDX-License-Identifier: MIT */
/*
 * Snapshots that crashes take by themselves. Rules are lines of /etc/snap.conf:
 *
 *   crash DIRECTORY [NAME]...     a crash of a program of this name (without names: of any) is
 *                                 written to DIRECTORY/crash-NAME-PID.snap
 */
#ifndef LIB_CAPTURE_CRASH_H
#define LIB_CAPTURE_CRASH_H

#include <ipc/fsclient.h>

#define CAPTURE_CRASH_PATH 300u

/* Whether there is a rule for the program. */
bool capture_crash_wanted(const struct fs_walk_context *walk, const char *program);
/*
 * If there is a rule for the program, has `write` write its snapshot into an open file, which gets its
 * name when it is complete. `path`: CAPTURE_CRASH_PATH bytes, which name. NOT_FOUND: there is no rule.
 */
status_t capture_crash(const struct fs_walk_context *walk, const char *program, uint32_t pid,
                       status_t (*write)(void *context, handle_t file), void *context, char *path);

#endif
