/* SPDX-License-Identifier: MIT */
/* Mutants: Win32's mutexes. */
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

struct mutant {
    struct object object;
    struct nt_thread *owner; /* not held: a thread that ends gives its mutants up */
    uint32_t count;
    bool abandoned;
    struct list link; /* nt_thread.mutants of the owner */
};

static bool mutant_signaled(struct object *object, struct nt_thread *thread)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    return !mutant->owner || mutant->owner == thread;
}

static NTSTATUS mutant_satisfy(struct object *object, struct nt_thread *thread)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    NTSTATUS status = mutant->abandoned ? STATUS_ABANDONED : STATUS_SUCCESS;
    if (!mutant->owner)
        list_append(&thread->mutants, &mutant->link);
    mutant->owner = thread;
    mutant->count++;
    mutant->abandoned = false;
    return status;
}

static void mutant_destroy(struct object *object)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    list_remove(&mutant->link);
    free(mutant);
}

static void mutant_save(struct object *object, struct save *save)
{
    const struct mutant *mutant = container_of(object, struct mutant, object);
    snap_put_u64(&save->snapshot, SNAP_OBJECT_VALUE, mutant->count);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_MODES, mutant->abandoned);
    if (mutant->owner)
        snap_put_u32(&save->snapshot, SNAP_OBJECT_THREAD, mutant->owner->tid);
}

static struct mutant *mutant_new(struct nt_thread *owner, uint32_t count)
{
    struct mutant *mutant = malloc(sizeof *mutant);
    if (!mutant)
        return NULL;
    object_init(&mutant->object, &mutant_type);
    mutant->owner = owner;
    mutant->count = count;
    mutant->abandoned = false;
    list_init(&mutant->link);
    if (owner)
        list_append(&owner->mutants, &mutant->link);
    return mutant;
}

/* One that somebody outside owned is free. */
static NTSTATUS mutant_restore(struct restore *restore, const struct snap_note *note,
                               struct object **result)
{
    uint32_t count = (uint32_t)snap_get_u64(note, SNAP_OBJECT_VALUE, 0);
    struct nt_thread *owner =
        count ? restored_thread(restore, snap_get_u32(note, SNAP_OBJECT_THREAD, 0)) : NULL;
    struct mutant *mutant = mutant_new(owner, owner ? count : 0);
    if (!mutant)
        return STATUS_NO_MEMORY;
    mutant->abandoned = snap_get_u32(note, SNAP_OBJECT_MODES, 0) & 1;
    *result = &mutant->object;
    return STATUS_SUCCESS;
}

const struct nt_type mutant_type = {
    .name = L"Mutant",
    .number = TYPE_MUTANT,
    .mapping = {STANDARD_RIGHTS_READ | MUTANT_QUERY_STATE, STANDARD_RIGHTS_WRITE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, MUTANT_ALL_ACCESS},
    .signaled = mutant_signaled,
    .satisfy = mutant_satisfy,
    .destroy = mutant_destroy,
    .save = mutant_save,
    .restore = mutant_restore,
};

void mutants_abandon(struct nt_thread *thread)
{
    while (!list_empty(&thread->mutants)) {
        struct mutant *mutant = container_of(thread->mutants.next, struct mutant, link);
        list_remove(&mutant->link);
        mutant->owner = NULL;
        mutant->count = 0;
        mutant->abandoned = true;
        object_changed(&mutant->object);
    }
}

NTSTATUS nt_create_mutant(struct call *call)
{
    bool owned = call->args[3] & 0xff;
    struct mutant *mutant = mutant_new(owned ? call->thread : NULL, owned);
    if (!mutant)
        return STATUS_NO_MEMORY;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &mutant->object);
}

NTSTATUS nt_open_mutant(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &mutant_type);
}

static NTSTATUS release(struct nt_thread *thread, struct mutant *mutant, int32_t *previous)
{
    if (mutant->owner != thread)
        return STATUS_MUTANT_NOT_OWNED;
    *previous = 1 - (int32_t)mutant->count;
    if (--mutant->count == 0) {
        list_remove(&mutant->link);
        mutant->owner = NULL;
        object_changed(&mutant->object);
    }
    return STATUS_SUCCESS;
}

NTSTATUS nt_release_mutant(struct call *call)
{
    struct object *object;
    int32_t previous;
    NTSTATUS status = handle_object(call->thread, call->args[0], &mutant_type, 0, &object);
    if (status)
        return status;
    status = release(call->thread, container_of(object, struct mutant, object), &previous);
    object_release(object);
    return status ? status : guest_return32(call->args[1], previous);
}

NTSTATUS nt_query_mutant(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &mutant_type, MUTANT_QUERY_STATE, &object);
    if (status)
        return status;
    struct mutant *mutant = container_of(object, struct mutant, object);
    MUTANT_BASIC_INFORMATION info = {.CurrentCount = 1 - (int32_t)mutant->count,
                                     .OwnedByCaller = mutant->owner == call->thread,
                                     .AbandonedState = mutant->abandoned};
    object_release(object);
    if (call->args[1] != MutantBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

NTSTATUS mutant_release_one(struct nt_thread *thread, struct object *object)
{
    int32_t previous;
    return release(thread, container_of(object, struct mutant, object), &previous);
}
