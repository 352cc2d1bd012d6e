/* SPDX-License-Identifier: MIT */
/* Timers. They fire in the alarm thread. */
#include <personalities/nt/alarm.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

struct timer {
    struct object object;
    bool manual, signaled;
    struct alarm alarm;           /* set while it runs */
    uint32_t period;              /* ms */
    struct nt_thread *apc_thread; /* held; gets the APC when the timer fires */
    uint32_t apc_function, apc_argument;
};

static bool timer_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return container_of(object, struct timer, object)->signaled;
}

static NTSTATUS timer_satisfy(struct object *object, struct nt_thread *thread)
{
    struct timer *timer = container_of(object, struct timer, object);
    (void)thread;
    if (!timer->manual)
        timer->signaled = false;
    return STATUS_SUCCESS;
}

/* Not running, and no APC of it waits to be run. */
static void timer_stop(struct timer *timer)
{
    alarm_stop(&timer->alarm);
    if (!timer->apc_thread)
        return;
    apc_withdraw(timer->apc_thread, timer);
    object_release(&timer->apc_thread->object);
    timer->apc_thread = NULL;
}

static void timer_destroy(struct object *object)
{
    struct timer *timer = container_of(object, struct timer, object);
    timer_stop(timer);
    free(timer);
}

static void timer_fire(struct alarm *alarm)
{
    struct timer *timer = container_of(alarm, struct timer, alarm);
    uint64_t due = alarm->due, now = nt_time(), period = timer->period * 10000ull;
    object_hold(&timer->object);
    /* The first of its moments that is still to come: some may have been missed. */
    if (period)
        alarm_set(alarm, due > now ? due + period : due + ((now - due) / period + 1) * period);
    timer->signaled = true;
    if (timer->apc_thread && !timer->apc_thread->exited)
        (void)apc_queue_for(timer->apc_thread, timer, timer->apc_function, timer->apc_argument,
                            (uint32_t)due, (uint32_t)(due >> 32));
    object_changed(&timer->object);
    object_release(&timer->object);
}

static void timer_save(struct object *object, struct save *save)
{
    struct timer *timer = container_of(object, struct timer, object);
    struct snapshot *snapshot = &save->snapshot;
    uint64_t now = nt_time();
    uint32_t apc[2] = {timer->apc_function, timer->apc_argument};
    snap_put_u32(snapshot, SNAP_OBJECT_MANUAL, timer->manual);
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, timer->signaled);
    snap_put_u64(snapshot, SNAP_OBJECT_INTERVAL, timer->period * 1000000ull);
    if (alarm_is_set(&timer->alarm))
        snap_put_u64(snapshot, SNAP_OBJECT_LEFT,
                     timer->alarm.due > now ? (timer->alarm.due - now) * 100 : 0);
    if (timer->apc_thread) {
        snap_put_u32(snapshot, SNAP_OBJECT_THREAD, timer->apc_thread->tid);
        snap_put(snapshot, SNAP_OBJECT_APC, apc, sizeof apc);
    }
}

static struct timer *timer_new(bool manual)
{
    struct timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return NULL;
    object_init(&timer->object, &timer_type);
    timer->manual = manual;
    timer->alarm.fire = timer_fire;
    return timer;
}

static NTSTATUS timer_restore(struct restore *restore, const struct snap_note *note,
                              struct object **result)
{
    struct timer *timer = timer_new(snap_get_u32(note, SNAP_OBJECT_MANUAL, 0));
    uint64_t left = snap_get_u64(note, SNAP_OBJECT_LEFT, UINT64_MAX);
    uint32_t apc[2];
    if (!timer)
        return STATUS_NO_MEMORY;
    timer->signaled = snap_get_u64(note, SNAP_OBJECT_VALUE, 0);
    timer->period = (uint32_t)(snap_get_u64(note, SNAP_OBJECT_INTERVAL, 0) / 1000000);
    struct nt_thread *thread = restored_thread(restore, snap_get_u32(note, SNAP_OBJECT_THREAD, 0));
    if (thread && restored_bytes(note, SNAP_OBJECT_APC, apc, sizeof apc)) {
        object_hold(&thread->object);
        timer->apc_thread = thread;
        timer->apc_function = apc[0];
        timer->apc_argument = apc[1];
    }
    if (left != UINT64_MAX)
        alarm_set(&timer->alarm, nt_time() + left / 100);
    *result = &timer->object;
    return STATUS_SUCCESS;
}

const struct nt_type timer_type = {
    .name = L"Timer",
    .number = TYPE_TIMER,
    .mapping = {STANDARD_RIGHTS_READ | TIMER_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | TIMER_MODIFY_STATE, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                TIMER_ALL_ACCESS},
    .signaled = timer_signaled,
    .satisfy = timer_satisfy,
    .destroy = timer_destroy,
    .save = timer_save,
    .restore = timer_restore,
};

NTSTATUS nt_create_timer(struct call *call)
{
    if (call->args[3] > SynchronizationTimer)
        return STATUS_INVALID_PARAMETER;
    struct timer *timer = timer_new(call->args[3] == NotificationTimer);
    if (!timer)
        return STATUS_NO_MEMORY;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &timer->object);
}

NTSTATUS nt_open_timer(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &timer_type);
}

static NTSTATUS timer_from(struct call *call, ACCESS_MASK access, struct timer **timer)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &timer_type, access, &object);
    if (!status)
        *timer = container_of(object, struct timer, object);
    return status;
}

/* (timer, due, apc, argument, resume, period, *previous) */
NTSTATUS nt_set_timer(struct call *call)
{
    struct timer *timer;
    int64_t due;
    NTSTATUS status = guest_read(&due, call->args[1], sizeof due);
    if (!status)
        status = timer_from(call, TIMER_MODIFY_STATE, &timer);
    if (status)
        return status;
    uint8_t before = timer->signaled;
    timer_stop(timer);
    timer->signaled = false;
    timer->period = call->args[5];
    if (call->args[2]) {
        timer->apc_thread = call->thread;
        object_hold(&call->thread->object);
        timer->apc_function = call->args[2];
        timer->apc_argument = call->args[3];
    }
    uint64_t moment = due > 0 ? (uint64_t)due : nt_time() - due;
    timer->alarm.due = moment;
    if (moment <= nt_time())
        timer_fire(&timer->alarm);
    else
        alarm_set(&timer->alarm, moment);
    object_release(&timer->object);
    return call->args[6] ? guest_write(call->args[6], &before, 1) : STATUS_SUCCESS;
}

NTSTATUS nt_cancel_timer(struct call *call)
{
    struct timer *timer;
    NTSTATUS status = timer_from(call, TIMER_MODIFY_STATE, &timer);
    if (status)
        return status;
    uint8_t state = timer->signaled;
    timer_stop(timer);
    object_release(&timer->object);
    return call->args[1] ? guest_write(call->args[1], &state, 1) : STATUS_SUCCESS;
}

NTSTATUS nt_query_timer(struct call *call)
{
    struct timer *timer;
    NTSTATUS status = timer_from(call, TIMER_QUERY_STATE, &timer);
    if (status)
        return status;
    TIMER_BASIC_INFORMATION info = {.TimerState = timer->signaled};
    uint64_t now = nt_time();
    if (timer->alarm.due)
        info.RemainingTime.QuadPart = (int64_t)(timer->alarm.due - now);
    object_release(&timer->object);
    if (call->args[1] != TimerBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}
