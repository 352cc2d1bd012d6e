/* SPDX-License-Identifier: MIT */
#ifndef _SCHED_H_
#define _SCHED_H_

#include <sys/sched.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

int sched_get_priority_max(int);
int sched_get_priority_min(int);
int sched_getparam(pid_t, struct sched_param *);
int sched_getscheduler(pid_t);
int sched_rr_get_interval(pid_t, struct timespec *);
int sched_setparam(pid_t, const struct sched_param *);
int sched_setscheduler(pid_t, int, const struct sched_param *);
int sched_yield(void);

#define CPU_SETSIZE 1024
typedef struct {
    unsigned long __bits[CPU_SETSIZE / 32];
} cpu_set_t;
#define CPU_ZERO(set)       __builtin_memset((set), 0, sizeof *(set))
#define CPU_SET(cpu, set)   ((void)((set)->__bits[(cpu) / 32] |= 1UL << (cpu) % 32))
#define CPU_CLR(cpu, set)   ((void)((set)->__bits[(cpu) / 32] &= ~(1UL << (cpu) % 32)))
#define CPU_ISSET(cpu, set) ((int)((set)->__bits[(cpu) / 32] >> (cpu) % 32 & 1))
int __sched_cpucount(const cpu_set_t *);
#define CPU_COUNT(set) __sched_cpucount(set)
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int sched_setaffinity(pid_t, size_t, const cpu_set_t *);
int sched_getcpu(void);

#define CLONE_VM             0x100
#define CLONE_FS             0x200
#define CLONE_FILES          0x400
#define CLONE_SIGHAND        0x800
#define CLONE_VFORK          0x4000
#define CLONE_THREAD         0x10000
#define CLONE_SYSVSEM        0x40000
#define CLONE_SETTLS         0x80000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_CHILD_SETTID   0x1000000

#ifdef __cplusplus
}
#endif

#endif
