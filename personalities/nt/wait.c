/* SPDX-License-Identifier: MIT */
/* The wait engine and the calls that wait. See wait.h. */
#include <personalities/nt/wait.h>

#include <atomik/time.h>
#include <personalities/nt/directory_notify.h>
#include <personalities/nt/exception.h>
#include <personalities/nt/file.h>

#include <stdlib.h>
#include <string.h>

/* ---- satisfying ---- */

static void wait_end(struct nt_thread *thread)
{
    for (uint32_t i = 0; i < thread->wait_count; i++) {
        list_remove(&thread->wait_blocks[i].object_link);
        object_release(thread->wait_blocks[i].object);
    }
    thread->wait_count = 0;
    thread->waiting = false;
}

static bool is_signaled(struct object *object, struct nt_thread *thread)
{
    return !object->type->signaled || object->type->signaled(object, thread);
}

static NTSTATUS satisfy(struct object *object, struct nt_thread *thread)
{
    return object->type->satisfy ? object->type->satisfy(object, thread) : STATUS_SUCCESS;
}

/* Is the wait of this thread over? Then take from the objects and set the status. */
static bool wait_try(struct nt_thread *thread)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (thread->wait_all) {
        for (uint32_t i = 0; i < thread->wait_count; i++)
            if (!is_signaled(thread->wait_blocks[i].object, thread))
                return false;
        for (uint32_t i = 0; i < thread->wait_count; i++)
            status |= satisfy(thread->wait_blocks[i].object, thread);
        thread->wait_status = status ? STATUS_ABANDONED : STATUS_SUCCESS;
        return true;
    }
    for (uint32_t i = 0; i < thread->wait_count; i++) {
        if (!is_signaled(thread->wait_blocks[i].object, thread))
            continue;
        thread->wait_status = satisfy(thread->wait_blocks[i].object, thread) + (NTSTATUS)i;
        return true;
    }
    return false;
}

void object_changed(struct object *object)
{
    list_each(block, &object->waiters, struct wait_block, object_link)
    {
        struct nt_thread *thread = block->thread;
        if (thread->wait_done || thread_attention(thread) || !wait_try(thread))
            continue;
        thread->wait_done = true;
        thread_wake(thread);
        if (!is_signaled(object, thread))
            break;
    }
}

/* ---- sleeping ---- */

bool thread_attention(const struct nt_thread *thread)
{
    return thread->terminating || thread->suspend_count > 0 || thread->process->exiting ||
           thread->process->stopped || thread->process->frozen > 0 ||
           thread->process->debug_stops > 0;
}

void thread_wake(struct nt_thread *thread)
{
    __atomic_add_fetch(&thread->wake, 1, __ATOMIC_SEQ_CST);
    (void)!futex_wake((uintptr_t)&thread->wake, 1, NULL);
    if (thread->wake_by_event)
        (void)!event_signal(thread->wake_event, 0, SIGNAL_SET);
}

/* Objects that stand for something of the kernel's are waited for there. */
static uint32_t kernel_items(struct nt_thread *thread, struct wait_item *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < thread->wait_count; i++)
        if (thread->wait_blocks[i].object->type == &file_type &&
            file_kernel_wait(thread->wait_blocks[i].object, &items[count]))
            count++;
    return count;
}

static void sleep_on_event(struct nt_thread *thread, struct wait_item *items, uint32_t count,
                           uint64_t deadline)
{
    if (!thread->wake_event && event_create(0, &thread->wake_event) != OK)
        return;
    (void)!event_signal(thread->wake_event, SIGNAL_SET, 0);
    items[count] = (struct wait_item){.handle = thread->wake_event, .wanted = SIGNAL_SET};
    thread->wake_by_event = true;
    (void)!BLOCKING(wait_any(items, count + 1, nt_deadline_ns(deadline)));
    thread->wake_by_event = false;
}

void thread_sleep(struct nt_thread *thread, uint64_t deadline)
{
    struct wait_item items[MAXIMUM_WAIT_OBJECTS + 1];
    uint32_t count = kernel_items(thread, items);
    if (count) {
        sleep_on_event(thread, items, count, deadline);
        return;
    }
    uint32_t seen = __atomic_load_n(&thread->wake, __ATOMIC_SEQ_CST);
    (void)!BLOCKING(futex_wait((uintptr_t)&thread->wake, seen, nt_deadline_ns(deadline), 0));
}

static void wait_begin(struct nt_thread *thread, struct object **objects, uint32_t count, bool all)
{
    thread->wait_count = count;
    thread->wait_all = all;
    thread->wait_done = false;
    thread->waiting = true;
    for (uint32_t i = 0; i < count; i++) {
        struct wait_block *block = &thread->wait_blocks[i];
        object_hold(objects[i]);
        block->object = objects[i];
        block->thread = thread;
        list_append(&objects[i]->waiters, &block->object_link);
    }
}

NTSTATUS wait_objects(struct nt_thread *thread, struct object **objects, uint32_t count, bool all,
                      bool alertable, uint64_t deadline)
{
    NTSTATUS status;
    notify_poll();
    wait_begin(thread, objects, count, all && count > 1);
    for (;;) {
        if (thread->wait_done || (count && wait_try(thread))) {
            status = thread->wait_status;
            break;
        }
        if (alertable && !list_empty(&thread->apcs)) {
            status = STATUS_USER_APC;
            break;
        }
        if (deadline && nt_time() >= deadline) {
            status = STATUS_TIMEOUT;
            break;
        }
        if (thread_attention(thread)) {
            thread->wait_deadline = deadline;
            status = STATUS_RESTART_CALL;
            break;
        }
        thread_sleep(thread, deadline);
    }
    wait_end(thread);
    return status;
}

NTSTATUS wait_deadline(struct nt_thread *thread, uint32_t guest, uint64_t *deadline, bool *poll)
{
    int64_t value;
    *deadline = 0;
    *poll = false;
    if (!guest)
        return STATUS_SUCCESS;
    NTSTATUS status = guest_read(&value, guest, sizeof value);
    if (status || value == INT64_MAX || value == INT64_MIN)
        return status;
    *poll = value == 0;
    if (value > 0)
        *deadline = value;
    else if (thread->restarted)
        *deadline = thread->wait_deadline;
    else
        *deadline = nt_time() - value;
    return STATUS_SUCCESS;
}

NTSTATUS apc_queue(struct nt_thread *thread, uint32_t function, uint32_t a1, uint32_t a2,
                   uint32_t a3)
{
    return apc_queue_for(thread, NULL, function, a1, a2, a3);
}

void apc_withdraw(struct nt_thread *thread, const void *owner)
{
    list_each(apc, &thread->apcs, struct apc, link)
    {
        if (apc->owner != owner)
            continue;
        list_remove(&apc->link);
        free(apc);
    }
}

NTSTATUS apc_queue_for(struct nt_thread *thread, const void *owner, uint32_t function, uint32_t a1,
                       uint32_t a2, uint32_t a3)
{
    struct apc *apc = malloc(sizeof *apc);
    if (!apc)
        return STATUS_NO_MEMORY;
    *apc = (struct apc){.owner = owner, .function = function, .arguments = {a1, a2, a3}};
    list_append(&thread->apcs, &apc->link);
    thread_wake(thread);
    return STATUS_SUCCESS;
}

/* ---- calls ---- */

NTSTATUS wait_return(struct call *call, NTSTATUS status)
{
    return status == STATUS_USER_APC ? apc_deliver(call->thread, status) : status;
}

NTSTATUS nt_wait_for_single_object(struct call *call)
{
    struct object *object;
    uint64_t deadline;
    bool poll;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, SYNCHRONIZE, &object);
    if (status)
        return status;
    status = wait_deadline(call->thread, call->args[2], &deadline, &poll);
    if (!status)
        status = object->type->signaled
                     ? wait_objects(call->thread, &object, 1, false, call->args[1] & 0xff, deadline)
                     : STATUS_OBJECT_TYPE_MISMATCH;
    object_release(object);
    return wait_return(call, status);
}

NTSTATUS nt_wait_for_multiple_objects(struct call *call)
{
    struct object *objects[MAXIMUM_WAIT_OBJECTS];
    uint32_t handles[MAXIMUM_WAIT_OBJECTS], count = call->args[0], held = 0;
    uint64_t deadline;
    bool poll;
    if (count == 0 || count > MAXIMUM_WAIT_OBJECTS)
        return STATUS_INVALID_PARAMETER_1;
    NTSTATUS status = guest_read(handles, call->args[1], count * sizeof handles[0]);
    if (!status)
        status = wait_deadline(call->thread, call->args[4], &deadline, &poll);
    while (!status && held < count) {
        status = handle_object(call->thread, handles[held], NULL, SYNCHRONIZE, &objects[held]);
        if (!status && !objects[held++]->type->signaled)
            status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    if (!status)
        status = wait_objects(call->thread, objects, count, (call->args[2] & 0xff) == WaitAll,
                              call->args[3] & 0xff, deadline);
    while (held > 0)
        object_release(objects[--held]);
    return wait_return(call, status);
}

static NTSTATUS object_signal(struct nt_thread *thread, struct object *object)
{
    if (object->type == &mutant_type)
        return mutant_release_one(thread, object);
    if (object->type == &semaphore_type)
        return semaphore_release_one(object);
    if (object->type != &event_type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    event_set(object, true);
    return STATUS_SUCCESS;
}

NTSTATUS nt_signal_and_wait_for_single_object(struct call *call)
{
    /* The restarted call must not signal again: it is issued as a plain wait by then. */
    if (!call->thread->restarted) {
        struct object *object;
        NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &object);
        if (status)
            return status;
        status = object_signal(call->thread, object);
        object_release(object);
        if (status)
            return status;
    }
    call->args[0] = call->args[1];
    call->args[1] = call->args[2];
    call->args[2] = call->args[3];
    return nt_wait_for_single_object(call);
}

NTSTATUS nt_delay_execution(struct call *call)
{
    uint64_t deadline;
    bool poll;
    NTSTATUS status = wait_deadline(call->thread, call->args[1], &deadline, &poll);
    if (status)
        return status;
    if (poll)
        (void)!BLOCKING(thread_yield(0));
    status = wait_objects(call->thread, NULL, 0, false, call->args[0] & 0xff, deadline);
    return wait_return(call, status == STATUS_TIMEOUT ? STATUS_SUCCESS : status);
}

NTSTATUS nt_yield_execution(struct call *call)
{
    (void)call;
    (void)!BLOCKING(thread_yield(0));
    return STATUS_SUCCESS;
}

NTSTATUS nt_wait_for_alert_by_thread_id(struct call *call)
{
    struct nt_thread *thread = call->thread;
    uint64_t deadline;
    bool poll;
    NTSTATUS status = wait_deadline(thread, call->args[1], &deadline, &poll);
    while (!status) {
        if (thread->alerted) {
            thread->alerted = false;
            return STATUS_ALERTED;
        }
        if (deadline && nt_time() >= deadline)
            return STATUS_TIMEOUT;
        if (thread_attention(thread)) {
            thread->wait_deadline = deadline;
            return STATUS_RESTART_CALL;
        }
        thread_sleep(thread, deadline);
    }
    return status;
}

NTSTATUS nt_alert_thread_by_thread_id(struct call *call)
{
    list_each(thread, &call->process->threads, struct nt_thread, link)
    {
        if (thread->tid != call->args[0])
            continue;
        thread->alerted = true;
        thread_wake(thread);
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_CID;
}

NTSTATUS nt_queue_apc_thread(struct call *call)
{
    struct nt_thread *thread;
    NTSTATUS status = thread_from_handle(call->thread, call->args[0], THREAD_SET_CONTEXT, &thread);
    if (status)
        return status;
    if (thread->exited)
        status = STATUS_UNSUCCESSFUL;
    else if (call->args[1]) /* one without a function does nothing */
        status = apc_queue(thread, call->args[1], call->args[2], call->args[3], call->args[4]);
    object_release(&thread->object);
    return status;
}

NTSTATUS nt_test_alert(struct call *call)
{
    return list_empty(&call->thread->apcs) ? STATUS_SUCCESS
                                           : apc_deliver(call->thread, STATUS_SUCCESS);
}
