/* SPDX-License-Identifier: MIT */
/*
 * inotify. Changes are told by the file systems; what programs of this server open, read and close
 * is told from here, by the functions below, which cost nothing while there is no instance.
 */
#ifndef POSIX_INOTIFY_H
#define POSIX_INOTIFY_H

#include "core.h"

struct file;
extern uint32_t inotify_instances;

enum inotify_events {
    INOTIFY_ACCESS = 0x1,
    INOTIFY_CLOSE_WRITE = 0x8,
    INOTIFY_CLOSE_NOWRITE = 0x10,
    INOTIFY_OPEN = 0x20,
};
void inotify_tell(struct file *file, uint32_t event); /* without the lock */
/* A file system is gone, and with it all watches of its files. Without the lock. */
void inotify_unmounted(uint32_t device);
static inline void inotify_file(struct file *file, uint32_t event)
{
    if (unlikely(inotify_instances != 0))
        inotify_tell(file, event);
}

#endif
