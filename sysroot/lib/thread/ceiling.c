/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with a priority ceiling (PTHREAD_PRIO_PROTECT): while a thread holds some, it runs with the highest of their
 * ceilings. It counts those that it holds for each ceiling; with none left it has the scheduling that it had before.
 */
#include "ceiling.h"

#include <errno.h>
#include <sched.h>

#include "system.h"

static int set_scheduling(int policy, int priority)
{
    struct sched_param parameter = {priority};
    return (int)-CALL(sched_setscheduler, 0, policy, &parameter);
}

static int highest_held(const struct __atomik_thread *self)
{
    int ceiling = CEILING_MAX;
    while (ceiling > 0 && self->ceilings[ceiling] == 0)
        ceiling--;
    return ceiling;
}

/* Runs as the highest ceiling wants, or as before. */
static int apply(struct __atomik_thread *self)
{
    int wanted = highest_held(self), policy = self->base_policy;
    if (wanted == self->boost)
        return 0;
    int error = wanted == 0 ? set_scheduling(policy, self->base_priority)
                            : set_scheduling(policy == SCHED_RR ? SCHED_RR : SCHED_FIFO, wanted);
    if (!error)
        self->boost = wanted;
    return error;
}

static int note_base(struct __atomik_thread *self)
{
    struct sched_param parameter;
    long policy = CALL(sched_getscheduler, 0);
    long raw = CALL(sched_getparam, 0, &parameter);
    if (policy < 0 || raw < 0)
        return (int)-(policy < 0 ? policy : raw);
    self->base_policy = (int)policy;
    self->base_priority = parameter.sched_priority;
    return 0;
}

int __atomik_ceiling_take(struct __atomik_thread *self, int ceiling)
{
    int error = self->boost == 0 ? note_base(self) : 0;
    if (!error && self->base_priority > ceiling)
        error = EINVAL;
    if (!error && self->ceilings[ceiling] == UINT8_MAX)
        error = EAGAIN;
    if (error)
        return error;
    self->ceilings[ceiling]++;
    error = apply(self);
    if (error)
        self->ceilings[ceiling]--;
    return error;
}

void __atomik_ceiling_give(struct __atomik_thread *self, int ceiling)
{
    self->ceilings[ceiling]--;
    apply(self);
}

void __atomik_ceiling_change(struct __atomik_thread *self, int from, int to)
{
    self->ceilings[from]--;
    self->ceilings[to]++;
}
