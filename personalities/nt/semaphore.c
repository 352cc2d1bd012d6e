/* SPDX-License-Identifier: MIT */
/* Semaphores. */
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

struct semaphore {
    struct object object;
    uint32_t count, maximum;
};

static bool semaphore_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return container_of(object, struct semaphore, object)->count > 0;
}

static NTSTATUS semaphore_satisfy(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    container_of(object, struct semaphore, object)->count--;
    return STATUS_SUCCESS;
}

static void semaphore_destroy(struct object *object)
{
    free(container_of(object, struct semaphore, object));
}

static void semaphore_save(struct object *object, struct save *save)
{
    const struct semaphore *semaphore = container_of(object, struct semaphore, object);
    snap_put_u64(&save->snapshot, SNAP_OBJECT_VALUE, semaphore->count);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_MAXIMUM, semaphore->maximum);
}

static NTSTATUS semaphore_new(int32_t count, int32_t maximum, struct object **result)
{
    if (maximum <= 0 || count < 0 || count > maximum)
        return STATUS_INVALID_PARAMETER;
    struct semaphore *semaphore = malloc(sizeof *semaphore);
    if (!semaphore)
        return STATUS_NO_MEMORY;
    object_init(&semaphore->object, &semaphore_type);
    semaphore->count = count;
    semaphore->maximum = maximum;
    *result = &semaphore->object;
    return STATUS_SUCCESS;
}

static NTSTATUS semaphore_restore(struct restore *restore, const struct snap_note *note,
                                  struct object **result)
{
    (void)restore;
    return semaphore_new((int32_t)snap_get_u64(note, SNAP_OBJECT_VALUE, 0),
                         (int32_t)snap_get_u32(note, SNAP_OBJECT_MAXIMUM, 0), result);
}

const struct nt_type semaphore_type = {
    .name = L"Semaphore",
    .number = TYPE_SEMAPHORE,
    .mapping = {STANDARD_RIGHTS_READ | SEMAPHORE_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | SEMAPHORE_MODIFY_STATE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, SEMAPHORE_ALL_ACCESS},
    .signaled = semaphore_signaled,
    .satisfy = semaphore_satisfy,
    .destroy = semaphore_destroy,
    .save = semaphore_save,
    .restore = semaphore_restore,
};

NTSTATUS nt_create_semaphore(struct call *call)
{
    struct object *semaphore;
    NTSTATUS status = semaphore_new((int32_t)call->args[3], (int32_t)call->args[4], &semaphore);
    return status ? status
                  : object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                                        semaphore);
}

NTSTATUS nt_open_semaphore(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &semaphore_type);
}

static NTSTATUS release(struct semaphore *semaphore, uint32_t count, uint32_t *previous)
{
    if (count > semaphore->maximum - semaphore->count)
        return STATUS_SEMAPHORE_LIMIT_EXCEEDED;
    *previous = semaphore->count;
    semaphore->count += count;
    object_changed(&semaphore->object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_release_semaphore(struct call *call)
{
    struct object *object;
    uint32_t previous;
    NTSTATUS status = handle_object(call->thread, call->args[0], &semaphore_type,
                                    SEMAPHORE_MODIFY_STATE, &object);
    if (status)
        return status;
    status = release(container_of(object, struct semaphore, object), call->args[1], &previous);
    object_release(object);
    return status ? status : guest_return32(call->args[2], previous);
}

NTSTATUS nt_query_semaphore(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &semaphore_type, SEMAPHORE_QUERY_STATE, &object);
    if (status)
        return status;
    struct semaphore *semaphore = container_of(object, struct semaphore, object);
    uint32_t info[2] = {semaphore->count, semaphore->maximum};
    object_release(object);
    if (call->args[1] != SemaphoreBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], info, sizeof info);
}

NTSTATUS semaphore_release_one(struct object *object)
{
    uint32_t previous;
    return release(container_of(object, struct semaphore, object), 1, &previous);
}
