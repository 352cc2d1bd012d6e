/* SPDX-License-Identifier: MIT */
/* Waiting for children, and what they and the process have used. Times of rusage are 32 bits wide. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

struct kernel_rusage {
    int32_t user_seconds, user_microseconds, system_seconds, system_microseconds;
    long counts[14];
};

static void translate(const struct kernel_rusage *from, struct rusage *to)
{
    to->ru_utime = (struct timeval){from->user_seconds, from->user_microseconds};
    to->ru_stime = (struct timeval){from->system_seconds, from->system_microseconds};
    memcpy(&to->ru_maxrss, from->counts, sizeof from->counts);
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    struct kernel_rusage used;
    long raw = CANCEL(wait4, pid, status, options, usage ? &used : NULL);
    if (raw > 0 && usage)
        translate(&used, usage);
    return (pid_t)RESULT(raw);
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
    return wait4(-1, status, options, usage);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return wait4(pid, status, options, NULL);
}

pid_t wait(int *status)
{
    return wait4(-1, status, 0, NULL);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    return (int)RESULT(CANCEL(waitid, type, id, info, options, 0));
}

int getrusage(int who, struct rusage *usage)
{
    struct kernel_rusage used;
    long raw = CALL(getrusage, who, &used);
    if (raw == 0)
        translate(&used, usage);
    return (int)RESULT(raw);
}

/* Ticks since some moment: any word is a good result but the one that is an error. */
clock_t times(struct tms *result)
{
    long raw = CALL(times, result);
    return raw == -EFAULT ? (clock_t)RESULT(raw) : (clock_t)raw;
}
