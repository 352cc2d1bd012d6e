/* SPDX-License-Identifier: MIT */
/*
 * Things that are due at a moment: timers, time-outs of operations that nobody's thread waits in. One
 * thread sleeps until the earliest of them.
 */
#ifndef NT_ALARM_H
#define NT_ALARM_H

#include <personalities/nt/nt.h>

struct alarm {
    struct list
        link;     /* sorted by due; unlinked when it is not set. A zeroed one is not set either. */
    uint64_t due; /* FILETIME */
    void (*fire)(struct alarm *entry); /* with the lock; the entry is not set any more */
};

void alarm_init(void);
/* Set it, perhaps anew. */
void alarm_set(struct alarm *entry, uint64_t due);
void alarm_stop(struct alarm *entry);
bool alarm_is_set(const struct alarm *entry);

#endif
