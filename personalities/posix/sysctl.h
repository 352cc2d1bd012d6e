/* SPDX-License-Identifier: MIT */
/* What /proc/sys tells and sets. Only what has an effect is there. */
#ifndef POSIX_SYSCTL_H
#define POSIX_SYSCTL_H

#include "core.h"

/* Values that can be set; read without the lock. */
struct sysctl {
    uint32_t shm_max, shm_all, shm_mni;             /* bytes, pages, segments */
    uint32_t sem_msl, sem_mns, sem_opm, sem_mni;    /* per set, in all, per call, sets */
    uint32_t msg_max, msg_mnb, msg_mni;             /* bytes of a message, of a queue, queues */
    uint32_t shm_next_id, sem_next_id, msg_next_id; /* UINT32_MAX: none */
    uint32_t mq_queues, mq_messages, mq_size, mq_messages_default, mq_size_default;
    uint32_t lease_break_time; /* seconds */
    uint32_t nr_open, inotify_instances, pipe_size, map_count;
    uint32_t protected_hardlinks, protected_symlinks;
};
extern struct sysctl sysctl;

#endif
