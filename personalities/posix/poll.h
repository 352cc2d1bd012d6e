/* SPDX-License-Identifier: MIT */
/* Waiting for files. */
#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include "core.h"

struct file;
int32_t poll_restart(struct thread *thread);
/* A watched file is gone: the instances forget it. */
void epoll_file_closed(struct file *file);

#endif
