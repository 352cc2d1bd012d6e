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

int inotify_restore(const struct snap_note *note, struct file **result);
int pidfd_restore(const struct snap_note *note, struct file **result);
/* `other`: an open file of the same memory or queue that was made before, or NULL. */
int memfd_restore(const struct snap_note *note, struct file *other, struct file **result);
int mq_restore(const struct snap_note *note, struct file *other, struct file **result, bool *fresh);

/* Adds what waits in a stream. */
void stream_save(struct file *file, struct snapshot *snapshot);

/* A pidfd that was made of nothing is one of this process. Lock held. */
bool pidfd_bind(struct file *file, uint32_t pid);

handle_t memfd_memory(const struct file *file); /* borrowed; HANDLE_NONE: it is no memfd */
void memfd_seal(struct file *file, uint32_t seals);

/* Messages of a POSIX message queue; what is called with the lock, or on a queue that nobody else has. */
void mq_each(struct file *file,
             void (*tell)(void *context, uint32_t priority, const void *text, uint32_t size),
             void *context);
int mq_restore_message(struct file *file, uint32_t priority, const void *text, uint32_t size);
void mq_restore_notify(struct file *file, const struct snap_note *note, uint32_t pid);

/* What an inotify instance watches; lock held. */
void inotify_each(struct file *file,
                  void (*tell)(void *context, uint32_t id, uint32_t mask, const char *path),
                  void *context);
int inotify_watch(struct file *file, uint32_t id, uint32_t mask, const char *path);

/* Whom SIGIO goes to: words are type, id, signal and descriptor. Lock held for the first. */
bool owner_save(const struct file *file, uint32_t words[4]);
int owner_restore(struct file *file, const uint32_t words[4]);

/*
 * What an epoll instance watches; lock held. Candidates may have something to report and come first, in
 * their order; what others have to report has been reported.
 */
void epoll_each(struct file *instance,
                void (*tell)(void *context, struct file *watched, uint32_t fd,
                             const struct linux_epoll_event *event, bool candidate),
                void *context);
int epoll_watch(struct file *instance, struct file *file, uint32_t fd,
                const struct linux_epoll_event *event, bool candidate);

/* Interval and POSIX timers; lock held. */
void timers_save(struct process *process, struct snapshot *snapshot);
int timers_restore(struct process *process, const struct snapshot *snapshot);

#endif
