/* SPDX-License-Identifier: MIT */
#include_next <spawn.h>

#ifndef _ATOMIK_SPAWN_H
#define _ATOMIK_SPAWN_H

#include <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *__restrict,
                                         const char *__restrict);
int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *, int);

#ifdef __cplusplus
}
#endif

#endif
