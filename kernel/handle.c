/* SPDX-License-Identifier: MIT */
/*
 * Handle tables: a process's names for objects, each with its rights.
 *
 * A table is one heap block that doubles up to the process's max_handles. Entries of handles that
 * travel in a message are locked: nobody can use or close them, and their value stays reserved
 * until the message was received (handle_unlock_remove) or failed (handle_unlock).
 */
#include <kernel/calls.h>
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/object.h>
#include <kernel/thread.h>

#define FIRST_CAPACITY 16
#define CAPACITY_LIMIT 65536 /* one heap block must be able to hold the table */

static handle_t handle_of_index(uint32_t index)
{
    return (index + 1) << 2;
}

void handle_count(struct object *object, uint32_t rights)
{
    object_hold(object);
    object->handles++;
    if (rights & RIGHT_RECEIVE)
        object->receivers++;
}

void handle_uncount(struct object *object, uint32_t rights)
{
    assert(object->handles);
    object->handles--;
    if (rights & RIGHT_RECEIVE) {
        assert(object->receivers);
        if (--object->receivers == 0 && object->ops->last_receiver)
            object->ops->last_receiver(object);
    }
    if (!object->handles && object->ops->last_handle)
        object->ops->last_handle(object);
    object_release(object);
}

static status_t table_grow(struct process *process, uint32_t needed)
{
    struct handle_table *table = &process->handles;
    uint32_t limit = process->privileges.max_handles;
    uint32_t capacity = table->capacity ? table->capacity : FIRST_CAPACITY;

    if (limit > CAPACITY_LIMIT)
        limit = CAPACITY_LIMIT;
    if (needed > limit)
        return ERR_NO_HANDLES;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > limit)
        capacity = limit;
    struct handle_entry *entries = heap_alloc(capacity * sizeof *entries);
    if (!entries)
        return ERR_NO_MEMORY;
    if (table->capacity)
        __builtin_memcpy(entries, table->entries, table->capacity * sizeof *entries);
    heap_free(table->entries);
    table->entries = entries;
    table->capacity = capacity;
    return OK;
}

status_t handle_reserve(struct process *process, uint32_t count)
{
    struct handle_table *table = &process->handles;

    if (process->finished)
        return ERR_BAD_STATE;
    if (count > CAPACITY_LIMIT)
        return ERR_NO_HANDLES;
    if (table->used + count <= table->capacity)
        return OK;
    return table_grow(process, table->used + count);
}

/* A free entry; handle_reserve has made sure that there is one. */
static uint32_t free_index(struct handle_table *table)
{
    uint32_t index = table->next % table->capacity;

    assert(table->used < table->capacity);
    while (table->entries[index].object)
        index = index + 1 < table->capacity ? index + 1 : 0;
    return index;
}

status_t handle_add_at(struct process *process, struct object *object, uint32_t rights,
                       handle_t value)
{
    struct handle_table *table = &process->handles;
    uint32_t index = (value >> 2) - 1;

    if (!value || (value & 3))
        return ERR_INVALID_ARGUMENT;
    status_t status = index >= table->capacity ? table_grow(process, index + 1) : OK;
    if (status == OK && table->entries[index].object)
        status = ERR_ALREADY_EXISTS;
    if (status != OK)
        return status;
    table->entries[index] = (struct handle_entry){.object = object, .rights = rights};
    table->used++;
    handle_count(object, rights);
    return OK;
}

status_t handle_add(struct process *process, struct object *object, uint32_t rights,
                    handle_t *result)
{
    status_t status = handle_reserve(process, 1);

    if (status != OK)
        return status;
    uint32_t index = free_index(&process->handles);
    process->handles.next = index + 1;
    *result = handle_of_index(index);
    return handle_add_at(process, object, rights, *result);
}

status_t handle_next(struct process *process, handle_t *value, struct handle_entry **entry)
{
    const struct handle_table *table = &process->handles;

    for (uint32_t index = *value >> 2; index < table->capacity; index++) {
        *entry = &table->entries[index];
        *value = handle_of_index(index);
        if ((*entry)->object)
            return OK;
    }
    return ERR_NOT_FOUND;
}

/* The entry of a handle value, locked or not; NULL if there is none. */
static struct handle_entry *entry_of(struct process *process, handle_t handle)
{
    uint32_t index = (handle >> 2) - 1;

    if (!handle || (handle & 3) || index >= process->handles.capacity)
        return NULL;
    struct handle_entry *entry = &process->handles.entries[index];
    return entry->object ? entry : NULL;
}

status_t handle_get_entry(struct process *process, handle_t handle, struct handle_entry **entry)
{
    struct handle_entry *found = entry_of(process, handle);

    if (!found || found->locked)
        return ERR_BAD_HANDLE;
    *entry = found;
    return OK;
}

status_t handle_get(struct process *process, handle_t handle, enum object_type type,
                    uint32_t rights, struct object **object)
{
    struct handle_entry *entry;
    status_t status = handle_get_entry(process, handle, &entry);

    if (status != OK)
        return status;
    if (type != OBJECT_NONE && entry->object->type != type)
        return ERR_WRONG_TYPE;
    if ((entry->rights & rights) != rights)
        return ERR_ACCESS_DENIED;
    *object = entry->object;
    return OK;
}

static void entry_clear(struct process *process, struct handle_entry *entry)
{
    struct handle_table *table = &process->handles;
    struct object *object = entry->object;
    uint32_t rights = entry->rights;
    uint32_t index = (uint32_t)(entry - table->entries);

    *entry = (struct handle_entry){0};
    table->used--;
    /* The lowest free entry of a larger table takes long to find. */
    if (index < table->next && table->capacity <= FIRST_CAPACITY * 64)
        table->next = index;
    handle_uncount(object, rights);
}

status_t handle_remove(struct process *process, handle_t handle)
{
    struct handle_entry *entry;
    status_t status = handle_get_entry(process, handle, &entry);

    if (status == OK)
        entry_clear(process, entry);
    return status;
}

status_t handle_lock(struct process *process, handle_t handle, struct object **object,
                     uint32_t *rights)
{
    struct handle_entry *entry;
    status_t status = handle_get_entry(process, handle, &entry);

    if (status != OK)
        return status;
    if (!(entry->rights & RIGHT_TRANSFER))
        return ERR_ACCESS_DENIED;
    entry->locked = true;
    *object = entry->object;
    *rights = entry->rights;
    return OK;
}

static struct handle_entry *locked_entry(struct process *process, handle_t handle)
{
    struct handle_entry *entry = entry_of(process, handle);

    assert(entry && entry->locked);
    return entry;
}

void handle_unlock(struct process *process, handle_t handle)
{
    locked_entry(process, handle)->locked = false;
}

void handle_unlock_remove(struct process *process, handle_t handle)
{
    entry_clear(process, locked_entry(process, handle));
}

/* Entries go one by one, since closing one may look at the table again (a port's last receiver). */
void handle_table_destroy(struct process *process)
{
    struct handle_table *table = &process->handles;

    for (uint32_t index = 0; index < table->capacity; index++)
        if (table->entries[index].object)
            entry_clear(process, &table->entries[index]);
    heap_free(table->entries);
    *table = (struct handle_table){0};
}

status_t handle_return(struct object *object, uint32_t rights, user_t result)
{
    handle_t handle;
    status_t status = handle_add(current->process, object, rights, &handle);

    if (status == OK) {
        status = user_write(result, &handle, sizeof handle);
        if (status != OK && handle_remove(current->process, handle) != OK)
            panic("handle %x vanished", handle);
    }
    object_release(object);
    return status;
}
