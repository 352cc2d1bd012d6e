/* SPDX-License-Identifier: MIT */
/*
 * Kinds of open files that a snapshot makes again from their OBJECT note: the reverse of file_ops.save.
 * Each returns 0 and a file, or -errno. Flags and offset are the caller's business.
 */
#ifndef POSIX_SNAPSHOT_KINDS_H
#define POSIX_SNAPSHOT_KINDS_H

#include <snapshot/snapshot.h>

#include "core.h"

struct file;
struct process;

int eventfd_restore(const struct snap_note *note, struct file **result);
int timerfd_restore(const struct snap_note *note, struct file **result);
int signalfd_restore(const struct snap_note *note, struct file **result);
int epoll_restore(const struct snap_note *note, struct file **result);

/* What an epoll instance watches; lock held. */
void epoll_each(struct file *instance,
                void (*tell)(void *context, struct file *watched, uint32_t fd,
                             const struct linux_epoll_event *event),
                void *context);
int epoll_watch(struct file *instance, struct file *file, uint32_t fd,
                const struct linux_epoll_event *event);

/* Interval and POSIX timers; lock held. */
void timers_save(struct process *process, struct snapshot *snapshot);
int timers_restore(struct process *process, const struct snapshot *snapshot);

#endif
