/* SPDX-License-Identifier: MIT */
/*
 * The one lock of the server. Handlers run with it held. It is given up while a thread runs its
 * guest, waits, or calls another server: whatever was looked up before must then be held by a
 * reference, and whatever was read may have changed.
 */
#ifndef NT_LOCK_H
#define NT_LOCK_H

void nt_lock(void);
void nt_unlock(void);
extern struct mutex nt_mutex; /* for who waits on a condition with it */

/* Evaluate a call that may block, without the lock. */
#define BLOCKING(expression)                \
    ({                                      \
        nt_unlock();                        \
        __auto_type result_ = (expression); \
        nt_lock();                          \
        result_;                            \
    })

#endif
