/* SPDX-License-Identifier: MIT */
/* Waiting for files: what poll, select and epoll share. */
#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include "core.h"

struct file;
struct fs_attr;
int32_t poll_restart(struct thread *thread);
/* A watched file is gone: the instances forget it. */
void epoll_file_closed(struct file *file);

ktime_t deadline_of_ms(int32_t timeout);
/* Puts a temporary signal mask in place until the call, or the handler that it runs, returns. */
int poll_begin_mask(user_t mask, uint32_t size);
void poll_end_mask(int32_t result);
/* A relative time limit; afterwards what is left of it is written back. */
int poll_begin_span(user_t timeout, bool wide, ktime_t *deadline);
void poll_end_span(user_t timeout, bool wide, ktime_t deadline);

#endif
