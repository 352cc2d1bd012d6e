/* SPDX-License-Identifier: MIT */
/*
 * Byte-range locks where other personalities see them: at the file's server, which keeps what is locked
 * here apart from what they lock. For file_locks.c. All of these give up the lock of this server.
 */
#ifndef NT_LOCK_SHARE_H
#define NT_LOCK_SHARE_H

#include <personalities/nt/file.h>

struct file_lock {
    struct list link;           /* nt_file.locks */
    struct nt_process *process; /* not held: its last handle takes the lock away */
    uint64_t start, length;
    uint32_t key, pid;
    uint32_t id;     /* the file's server knows it by that */
    uint32_t asking; /* its file's server is being asked */
    uint32_t round;  /* of tries for those who wait, in which it was tried last */
    bool exclusive;
    bool dropped;               /* while `asking`; who asks frees it */
    struct io_request *request; /* that waits for it, or NULL */
};

/* BUSY: another personality's lock is in the way. */
status_t lock_share(const struct nt_file *file, const struct file_lock *lock);
void lock_unshare(const struct nt_file *file, const struct file_lock *lock);

/*
 * From now on locks_retry is called when locks of the file have changed at its server; at least once,
 * and then lock_watch is 0 again. Nothing is done if that is so already.
 */
NTSTATUS lock_watch(struct nt_file *file);
void lock_watch_end(struct nt_file *file);
void locks_retry(void); /* in file_locks.c */

#endif
