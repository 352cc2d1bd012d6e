/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SCHED_H_
#define _SYS_SCHED_H_

#define SCHED_OTHER         0
#define SCHED_FIFO          1
#define SCHED_RR            2
#define SCHED_BATCH         3
#define SCHED_IDLE          5
#define SCHED_RESET_ON_FORK 0x40000000

struct sched_param {
    int sched_priority;
};

#endif
