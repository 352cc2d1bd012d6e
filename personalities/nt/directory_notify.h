/* SPDX-License-Identifier: MIT */
/* Watching directories: NtNotifyChangeDirectoryFile. */
#ifndef NT_DIRECTORY_NOTIFY_H
#define NT_DIRECTORY_NOTIFY_H

#include <personalities/nt/file.h>

/*
 * The lock may be given up. Take what file systems have told so far. They tell a change before they answer the request that made
 * it; so who looks afterwards whether something has happened must see it.
 */
void notify_poll(void);
/* The last handle of a directory that may be watched is gone. The lock may be given up. */
void notify_end(struct nt_file *file);

#endif
