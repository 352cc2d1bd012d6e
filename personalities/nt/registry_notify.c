/* SPDX-License-Identifier: MIT */
/*
 * NtNotifyChangeKey: who wants to hear of changes. A watch is told once; it belongs to the handle's
 * object and ends with it, with STATUS_NOTIFY_CLEANUP.
 */
#include <personalities/nt/registry.h>

#include <personalities/nt/ntdll.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

struct watch {
    struct list link;                                /* key.watches */
    const struct object *object;                     /* of the handle; only compared */
    struct nt_thread *thread;                        /* held; gets the status block and the APC */
    struct object *event;                            /* held, or NULL */
    uint32_t filter, apc, apc_context, status_block; /* guest addresses */
    bool subtree;
    bool waited_for; /* by its thread, on whose behalf it lives */
    bool told;
    NTSTATUS status;
    struct made_call made;
};

static void watch_free(struct watch *watch)
{
    list_remove(&watch->link);
    object_release(watch->event);
    object_release(&watch->thread->object);
    free(watch);
}

static void tell(struct watch *watch, NTSTATUS status)
{
    list_remove(&watch->link);
    watch->told = true;
    watch->status = status;
    if (watch->waited_for) {
        thread_wake(watch->thread);
        return;
    }
    /* Not the status block: kernelbase gives one on the stack of a function that has returned. */
    if (watch->event)
        event_set(watch->event, true);
    if (watch->apc && !watch->thread->exited)
        (void)apc_queue(watch->thread, watch->apc, watch->apc_context, watch->status_block, 0);
    watch_free(watch);
}

static void tell_watches(struct key *key, uint32_t change, bool below)
{
    list_each(watch, &key->watches, struct watch, link)
    {
        if ((watch->filter & change) && (!below || watch->subtree))
            tell(watch, STATUS_NOTIFY_ENUM_DIR);
    }
}

void key_changed(struct key *key, uint32_t change)
{
    for (struct key *at = key; at; at = at->parent)
        tell_watches(at, change, at != key);
}

void key_watches_end(struct key *key, const struct object *object)
{
    list_each(watch, &key->watches, struct watch, link)
    {
        if (!object || watch->object == object)
            tell(watch, object ? STATUS_NOTIFY_CLEANUP : STATUS_NOTIFY_ENUM_DIR);
    }
}

void key_watches_save(struct object *object, struct save *save)
{
    const struct key *key = container_of(object, struct key_object, object)->key;
    list_each(watch, &key->watches, struct watch, link)
    {
        if (watch->object == object && watch->thread->process == save->process &&
            !watch->waited_for)
            save_operation(save, watch->thread, &watch->made);
    }
}

static NTSTATUS wait_for(struct watch *watch)
{
    struct nt_thread *thread = watch->thread;
    while (!watch->told && !thread_attention(thread))
        thread_sleep(thread, 0);
    NTSTATUS status = watch->told ? watch->status : STATUS_RESTART_CALL;
    watch_free(watch);
    return status;
}

/* (key, event, apc, apc context, *status block, filter, subtree, buffer, length, asynchronous) */
NTSTATUS nt_notify_change_key(struct call *call)
{
    struct object *object, *event = NULL;
    struct key *key;
    NTSTATUS status = key_from(call, KEY_NOTIFY, &object, &key);
    if (status)
        return status;
    if (call->args[1])
        status =
            handle_object(call->thread, call->args[1], &event_type, EVENT_MODIFY_STATE, &event);
    struct watch *watch = status ? NULL : calloc(1, sizeof *watch);
    if (!watch) {
        object_release(event);
        object_release(object);
        return status ? status : STATUS_NO_MEMORY;
    }
    watch->object = object;
    watch->thread = call->thread;
    object_hold(&call->thread->object);
    watch->event = event;
    watch->apc = call->args[2];
    watch->apc_context = call->args[3];
    watch->status_block = call->args[4];
    /* Later calls on a handle only add to whom the changes of the first are told. */
    struct key_object *handle = container_of(object, struct key_object, object);
    if (!handle->notifies) {
        handle->notifies = true;
        handle->filter = call->args[5];
        handle->subtree = call->args[6] & 0xff;
    }
    watch->filter = handle->filter;
    watch->subtree = handle->subtree;
    watch->waited_for = !(call->args[9] & 0xff);
    watch->made = call_made(call);
    list_append(&key->watches, &watch->link);
    if (event)
        event_set(event, false);
    object_release(object);
    return watch->waited_for ? wait_for(watch) : STATUS_PENDING;
}

/* The same, with a count and an array of further keys behind the first: none are supported. */
NTSTATUS nt_notify_change_multiple_keys(struct call *call)
{
    if (call->args[1])
        return STATUS_NOT_IMPLEMENTED;
    for (uint32_t i = 1; i < 10; i++)
        call->args[i] = call->args[i + 2];
    call->row = &call_rows[CALL_NtNotifyChangeKey];
    return nt_notify_change_key(call);
}
