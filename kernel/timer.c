/* SPDX-License-Identifier: MIT */
/* Timers: SIGNAL_EXPIRED at a deadline and then, if wanted, every period. */
#include <kernel/calls.h>
#include <kernel/memory.h>

#define PERIOD_MIN (1000000000ull / TICK_HZ) /* the clock does not tick faster */

struct timer {
    struct object object;
    struct timeout timeout;
    ktime_t period; /* 0 = once */
};

static struct timer *timer_from_object(struct object *object)
{
    return list_entry(object, struct timer, object);
}

static ktime_t later(ktime_t time, ktime_t by)
{
    return by < DEADLINE_NEVER - time ? time + by : DEADLINE_NEVER;
}

/* In the clock interrupt. Periods that were missed are not made up for. */
static void timer_fire(struct timeout *timeout)
{
    struct timer *timer = list_entry(timeout, struct timer, timeout);

    if (timer->period) {
        ktime_t now = arch_clock_now(), next = later(timeout->deadline, timer->period);
        timeout_start(timeout, next > now ? next : later(now, timer->period));
    }
    object_signal(&timer->object, 0, SIGNAL_EXPIRED);
}

static void timer_destroy(struct object *object)
{
    struct timer *timer = timer_from_object(object);

    timeout_stop(&timer->timeout);
    heap_free(timer);
}

static const struct object_ops timer_ops = {.name = "timer", .destroy = timer_destroy};

status_t call_timer_create(user_t result)
{
    struct object *object;
    status_t status =
        object_new(sizeof(struct timer), &timer_ops, OBJECT_TIMER, current->process, &object);

    if (status != OK)
        return status;
    struct timer *timer = timer_from_object(object);
    list_init(&timer->timeout.link);
    timer->timeout.fire = timer_fire;
    return handle_return(object, RIGHT_ALL, result);
}

status_t call_timer_info(handle_t handle, user_t deadline, user_t period)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_TIMER, RIGHT_READ, &object);

    if (status != OK)
        return status;
    const struct timer *timer = timer_from_object(object);
    ktime_t due = list_empty(&timer->timeout.link) ? DEADLINE_NEVER : timer->timeout.deadline;
    status = user_write(deadline, &due, sizeof due);
    return status == OK ? user_write(period, &timer->period, sizeof timer->period) : status;
}

status_t call_timer_set(handle_t handle, uint64_t deadline, uint64_t period)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_TIMER, RIGHT_SIGNAL, &object);

    if (status != OK)
        return status;
    struct timer *timer = timer_from_object(object);
    timeout_stop(&timer->timeout);
    object_signal(object, SIGNAL_EXPIRED, 0);
    timer->period = period && period < PERIOD_MIN ? PERIOD_MIN : period;
    if (deadline == DEADLINE_NEVER)
        return OK;
    if (deadline <= arch_clock_now() && !period)
        object_signal(object, 0, SIGNAL_EXPIRED);
    else
        timeout_start(&timer->timeout, deadline);
    return OK;
}
