/* SPDX-License-Identifier: MIT */
/*
 * What all kernel objects share: references, charging to a process, signals and waiting.
 *
 * An object is charged to its owner from object_init until its last reference is gone. A process
 * that ends passes what it is charged on to its own owner (its creator), so that the sums stay
 * right and no object ever points at a process that is gone.
 */
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/object.h>
#include <kernel/thread.h>
#include <kernel/vmo.h>

static uint32_t last_id;
static uint32_t total;

uint32_t object_total(void)
{
    return total;
}

/* The nearest process up the chain of creators that can still be charged, or NULL. */
static struct process *living_owner(struct process *process)
{
    while (process && process->finished)
        process = process->object.owner;
    return process;
}

status_t object_init(struct object *object, const struct object_ops *ops, enum object_type type,
                     struct process *owner)
{
    owner = living_owner(owner);
    if (owner && owner->object_count >= owner->privileges.max_objects)
        return ERR_LIMIT_REACHED;
    if (owner && !(owner->privileges.flags & PRIVILEGE_RESERVE) &&
        !frame_available(FRAME_FOR_PROGRAM))
        return ERR_NO_MEMORY;
    object->ops = ops;
    object->type = type;
    object->id = ++last_id;
    object->references = 1;
    object->handles = object->receivers = 0;
    object->signals = 0;
    list_init(&object->waiters);
    object->owner = owner;
    list_init(&object->owner_link);
    if (owner) {
        owner->object_count++;
        list_append(&owner->objects, &object->owner_link);
    }
    total++;
    return OK;
}

status_t object_new(uint32_t size, const struct object_ops *ops, enum object_type type,
                    struct process *owner, struct object **result)
{
    struct object *object = heap_alloc(size);

    if (!object)
        return ERR_NO_MEMORY;
    status_t status = object_init(object, ops, type, owner);
    if (status == OK)
        *result = object;
    else
        heap_free(object);
    return status;
}

void object_free(struct object *object)
{
    heap_free(object);
}

static void uncharge(struct object *object)
{
    if (object->owner) {
        assert(object->owner->object_count);
        object->owner->object_count--;
        object->owner = NULL;
        list_remove(&object->owner_link);
    }
    total--;
}

void object_cancel(struct object *object)
{
    assert(object->references == 1 && !object->handles);
    uncharge(object);
    heap_free(object);
}

void object_hold(struct object *object)
{
    assert(object->references);
    object->references++;
}

/*
 * Objects without references that wait for their destroy, linked by their empty lists of waiters.
 * Destroying one may release others, and so on without end (a process in the handle table of a
 * process in the handle table ...): so the outermost call works them off one after the other.
 */
static struct list doomed = {&doomed, &doomed};
static bool destroying;

static void destroy_doomed(void)
{
    struct list *item;

    destroying = true;
    while ((item = list_first(&doomed))) {
        struct object *object = list_entry(item, struct object, waiters);
        struct process *owner = object->owner;
        list_remove(item);
        uncharge(object);
        object->owner = owner; /* destroy gives back what else was charged */
        object->ops->destroy(object);
    }
    destroying = false;
}

void object_release(struct object *object)
{
    assert(object->references);
    if (--object->references)
        return;
    assert(!object->handles && list_empty(&object->waiters));
    list_append(&doomed, &object->waiters);
    if (!destroying)
        destroy_doomed();
}

void object_signal(struct object *object, uint32_t clear, uint32_t set)
{
    struct list *item, *following;

    object->signals = (object->signals & ~clear) | set;
    if (!set)
        return;
    list_for_each_safe(item, following, &object->waiters)
    {
        struct waiter *waiter = list_entry(item, struct waiter, link);
        if (!waiter->thread && (waiter->wanted & set))
            watch_fire(waiter);
        else if (waiter->thread && (waiter->wanted & object->signals))
            thread_wake(waiter->thread, OK);
    }
}

status_t object_wait(struct object *object, uint32_t wanted, ktime_t deadline, bool interruptible)
{
    struct waiter waiter = {.thread = current, .wanted = wanted};

    while (!(object->signals & wanted)) {
        list_append(&object->waiters, &waiter.link);
        status_t status = thread_block(deadline, interruptible);
        list_remove(&waiter.link);
        /* A kick or kill must reach the caller; a deadline that met the signal need not. */
        if (status == ERR_INTERRUPTED || status == ERR_CANCELLED)
            return status;
        if (status != OK && !(object->signals & wanted))
            return status;
    }
    return OK;
}

void object_pass_on(struct process *process)
{
    struct process *heir = living_owner(process->object.owner);
    struct list *item;

    assert(process->finished);
    while ((item = list_first(&process->objects))) {
        struct object *object = list_entry(item, struct object, owner_link);
        list_remove(item);
        object->owner = heir;
        if (object->type == OBJECT_VMO)
            vmo_owner_ended(vmo_from_object(object));
        if (heir)
            list_append(&heir->objects, item);
    }
    if (heir) {
        heir->object_count += process->object_count;
        heir->page_count += process->page_count;
    }
    process->object_count = process->page_count = 0;
}
