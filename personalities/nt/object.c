/* SPDX-License-Identifier: MIT */
/* Objects and handles. See object.h. */
#include <personalities/nt/nt.h>
#include <personalities/nt/security.h>
#include <personalities/nt/token.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct type_counts type_counts[TYPE_COUNT];

static void count_up(uint32_t *now, uint32_t *most)
{
    if (++*now > *most)
        *most = *now;
}

static void count_handle(const struct object *object)
{
    struct type_counts *counts = &type_counts[object->type->number];
    count_up(&counts->handles, &counts->handles_most);
}

void object_init(struct object *object, const struct nt_type *type)
{
    struct type_counts *counts = &type_counts[type->number];
    counts->type = type;
    count_up(&counts->objects, &counts->objects_most);
    memset(object, 0, sizeof *object);
    object->type = type;
    object->references = 1;
    list_init(&object->waiters);
}

void object_hold(struct object *object)
{
    object->references++;
}

void object_release(struct object *object)
{
    if (!object)
        return;
    assert(object->references > 0);
    if (--object->references > 0)
        return;
    assert(list_empty(&object->waiters));
    if (object->name)
        namespace_remove(object);
    type_counts[object->type->number].objects--;
    security_free(object->security);
    object->type->destroy(object);
}

/* ---- handles ---- */

#define NAME_BYTES_MAX 65534u /* of a path in OBJECT_ATTRIBUTES */

static uint32_t handle_index(uint32_t handle)
{
    return (handle >> 2) - 1; /* 0 becomes the highest number: never in use */
}

static ACCESS_MASK map_access(const struct nt_type *type, ACCESS_MASK access)
{
    if (access & GENERIC_READ)
        access |= type->mapping.GenericRead;
    if (access & GENERIC_WRITE)
        access |= type->mapping.GenericWrite;
    if (access & GENERIC_EXECUTE)
        access |= type->mapping.GenericExecute;
    if (access & (GENERIC_ALL | MAXIMUM_ALLOWED))
        access |= type->mapping.GenericAll;
    /* Who may see or set all may see or set the little that others may. */
    if (type->number == TYPE_THREAD && (access & THREAD_QUERY_INFORMATION))
        access |= THREAD_QUERY_LIMITED_INFORMATION;
    if (type->number == TYPE_THREAD && (access & THREAD_SET_INFORMATION))
        access |= THREAD_SET_LIMITED_INFORMATION;
    if (type->number == TYPE_PROCESS && (access & PROCESS_QUERY_INFORMATION))
        access |= PROCESS_QUERY_LIMITED_INFORMATION;
    return access & 0x01ffffff;
}

static NTSTATUS table_grow(struct handle_table *table, uint32_t wanted)
{
    uint32_t size = table->size ? table->size : 32;
    while (size < wanted)
        size *= 2;
    if (size > HANDLES_MAX)
        return STATUS_TOO_MANY_OPENED_FILES;
    struct handle_entry *entries = realloc(table->entries, size * sizeof *entries);
    if (!entries)
        return STATUS_NO_MEMORY;
    memset(entries + table->size, 0, (size - table->size) * sizeof *entries);
    table->entries = entries;
    table->size = size;
    return STATUS_SUCCESS;
}

void handle_change(struct handle_entry *entry, ACCESS_MASK access, uint32_t attributes)
{
    entry->access = map_access(entry->object->type, access);
    entry->inherit = (attributes & OBJ_INHERIT) != 0;
}

NTSTATUS handle_create(struct nt_process *process, struct object *object, ACCESS_MASK access,
                       uint32_t attributes, uint32_t *handle)
{
    struct handle_table *table = &process->handles;
    uint32_t index = table->first;
    while (index < table->size && table->entries[index].object)
        index++;
    if (index == table->size) {
        NTSTATUS status = table_grow(table, index + 1);
        if (status)
            return status;
    }
    object_hold(object);
    object->handle_count++;
    count_handle(object);
    table->entries[index] = (struct handle_entry){.object = object};
    handle_change(&table->entries[index], access, attributes);
    table->first = index + 1;
    table->used++;
    *handle = (index + 1) * 4;
    return STATUS_SUCCESS;
}

bool handle_put(struct nt_process *process, uint32_t handle, const struct handle_entry *entry)
{
    struct handle_table *table = &process->handles;
    uint32_t index = handle_index(handle);
    if (index >= HANDLES_MAX || (index >= table->size && table_grow(table, index + 1)))
        return false;
    if (table->entries[index].object)
        return false;
    object_hold(entry->object);
    entry->object->handle_count++;
    count_handle(entry->object);
    table->entries[index] = *entry;
    table->used++;
    return true;
}

struct handle_entry *handle_entry(struct nt_process *process, uint32_t handle)
{
    uint32_t index = handle_index(handle);
    if (index >= process->handles.size || !process->handles.entries[index].object)
        return NULL;
    return &process->handles.entries[index];
}

void object_drop_use(struct object *object)
{
    if (--object->handle_count > 0)
        return;
    if (object->name && !object->name->permanent)
        namespace_remove(object);
    if (object->type->last_handle)
        object->type->last_handle(object);
}

static void entry_drop(struct nt_process *process, struct handle_entry *entry)
{
    struct object *object = entry->object;
    memset(entry, 0, sizeof *entry);
    process->handles.used--;
    type_counts[object->type->number].handles--;
    if (object->type->process_handle)
        object->type->process_handle(object, process);
    object_drop_use(object);
    object_release(object);
}

NTSTATUS nt_handle_close(struct nt_process *process, uint32_t handle)
{
    struct handle_entry *entry = handle_entry(process, handle);
    if (!entry)
        return STATUS_INVALID_HANDLE;
    if (entry->protect)
        return STATUS_HANDLE_NOT_CLOSABLE;
    uint32_t index = handle_index(handle);
    if (index < process->handles.first)
        process->handles.first = index;
    entry_drop(process, entry);
    return STATUS_SUCCESS;
}

void handle_close_all(struct nt_process *process)
{
    /* Closing may give the lock up; nobody makes new handles in a process that has ended. */
    for (uint32_t i = 0; i < process->handles.size; i++)
        if (process->handles.entries[i].object)
            entry_drop(process, &process->handles.entries[i]);
    free(process->handles.entries);
    memset(&process->handles, 0, sizeof process->handles);
}

static struct object *pseudo_object(struct nt_thread *thread, uint32_t handle)
{
    switch ((int32_t)handle) {
    case -1:
        return &thread->process->object;
    case -2:
        return &thread->object;
    case -4:
        return token_of_process(thread->process);
    case -5:
        return token_of_thread(thread);
    case -6:
        return token_of_thread(thread) ? token_of_thread(thread)
                                       : token_of_process(thread->process);
    }
    return NULL;
}

NTSTATUS handle_object(struct nt_thread *thread, uint32_t handle, const struct nt_type *type,
                       ACCESS_MASK access, struct object **object)
{
    struct object *found = pseudo_object(thread, handle);
    if (!found) {
        struct handle_entry *entry = handle_entry(thread->process, handle);
        if (!entry)
            return STATUS_INVALID_HANDLE;
        if (type && entry->object->type != type)
            return STATUS_OBJECT_TYPE_MISMATCH;
        if ((entry->access & access) != access)
            return STATUS_ACCESS_DENIED;
        found = entry->object;
    }
    if (type && found->type != type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    object_hold(found);
    *object = found;
    return STATUS_SUCCESS;
}

NTSTATUS process_from_handle(struct nt_thread *thread, uint32_t handle, ACCESS_MASK access,
                             struct nt_process **process)
{
    struct object *object;
    NTSTATUS status = handle_object(thread, handle, &process_type, access, &object);
    if (status)
        return status;
    *process = process_of(object);
    return STATUS_SUCCESS;
}

NTSTATUS thread_from_handle(struct nt_thread *thread, uint32_t handle, ACCESS_MASK access,
                            struct nt_thread **result)
{
    struct object *object;
    NTSTATUS status = handle_object(thread, handle, &thread_type, access, &object);
    if (status)
        return status;
    *result = thread_of(object);
    return STATUS_SUCCESS;
}

/* ---- attributes ---- */

/* The name alone; its memory is looked at last. */
static NTSTATUS attributes_name(uint32_t guest, struct attributes *attributes)
{
    UNICODE_STRING string;
    NTSTATUS status = guest_read(&string, guest, sizeof string);
    if (status)
        return status;
    if ((uint32_t)string.Buffer & 1)
        return STATUS_DATATYPE_MISALIGNMENT;
    if ((string.Length & 1) || string.Length >= NAME_BYTES_MAX)
        return STATUS_OBJECT_NAME_INVALID;
    return guest_read_text(guest, &attributes->name, &attributes->storage);
}

static NTSTATUS attributes_read_raw(uint32_t guest, struct attributes *attributes, uint32_t *root)
{
    OBJECT_ATTRIBUTES raw;
    NTSTATUS status = guest_read(&raw, guest, sizeof raw);
    if (status)
        return status;
    if (raw.Length != sizeof raw)
        return STATUS_INVALID_PARAMETER;
    if (raw.RootDirectory && !raw.ObjectName)
        return STATUS_OBJECT_NAME_INVALID;
    attributes->flags = raw.Attributes;
    attributes->security_descriptor = (uint32_t)raw.SecurityDescriptor;
    *root = (uint32_t)raw.RootDirectory;
    return raw.ObjectName ? attributes_name((uint32_t)raw.ObjectName, attributes) : STATUS_SUCCESS;
}

static NTSTATUS attributes_root(struct nt_thread *thread, struct attributes *attributes,
                                uint32_t root)
{
    NTSTATUS status = handle_object(thread, root, NULL, 0, &attributes->root);
    if (status)
        attributes_free(attributes);
    return status;
}

NTSTATUS attributes_read(struct nt_thread *thread, uint32_t guest, struct attributes *attributes)
{
    uint32_t root = 0;
    memset(attributes, 0, sizeof *attributes);
    NTSTATUS status = guest ? attributes_read_raw(guest, attributes, &root) : STATUS_SUCCESS;
    if (status || !root || attributes->name.length == 0)
        return status;
    return attributes_root(thread, attributes, root);
}

NTSTATUS attributes_read_open(struct nt_thread *thread, uint32_t guest,
                              struct attributes *attributes)
{
    uint32_t root = 0;
    memset(attributes, 0, sizeof *attributes);
    if (!guest)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = attributes_read_raw(guest, attributes, &root);
    if (status)
        return status;
    if (root)
        return attributes_root(thread, attributes, root);
    if (attributes->name.length)
        return STATUS_SUCCESS;
    attributes_free(attributes);
    return STATUS_OBJECT_PATH_SYNTAX_BAD;
}

void attributes_free(struct attributes *attributes)
{
    object_release(attributes->root);
    free(attributes->storage);
    attributes->root = NULL;
    attributes->storage = NULL;
}

NTSTATUS object_return_handle(struct nt_thread *thread, uint32_t handle_guest,
                              struct object *object, ACCESS_MASK access, uint32_t attributes)
{
    uint32_t handle;
    NTSTATUS status = handle_create(thread->process, object, access, attributes, &handle);
    object_release(object);
    if (status)
        return status;
    status = guest_write32(handle_guest, handle);
    if (status)
        nt_handle_close(thread->process, handle);
    return status;
}

static uint32_t how(const struct attributes *attributes)
{
    return attributes->flags & OBJ_CASE_INSENSITIVE ? 0 : LOOKUP_EXACT;
}

/* Name the new object, or replace *object by the one that has the name. */
static NTSTATUS name_or_find(const struct attributes *attributes, struct object **object)
{
    struct object *found = NULL, *directory = NULL;
    struct text rest;
    WCHAR *storage = NULL;
    NTSTATUS status = namespace_lookup(attributes->root, attributes->name, how(attributes), &found,
                                       &directory, &rest, &storage);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && directory) {
        status =
            namespace_insert(directory, rest, *object, (attributes->flags & OBJ_PERMANENT) != 0);
    } else if (!status) {
        if (rest.length)
            status = STATUS_OBJECT_PATH_NOT_FOUND;
        else if (!(attributes->flags & OBJ_OPENIF))
            status = STATUS_OBJECT_NAME_COLLISION;
        else if (found->type != (*object)->type)
            status = STATUS_OBJECT_TYPE_MISMATCH;
        if (!status) {
            object_release(*object);
            *object = found;
            object_hold(found);
            status = STATUS_OBJECT_NAME_EXISTS;
        }
    }
    object_release(found);
    object_release(directory);
    free(storage);
    return status;
}

NTSTATUS object_create_named(struct nt_thread *thread, uint32_t handle_guest, ACCESS_MASK access,
                             uint32_t attributes_guest, struct object *created)
{
    struct attributes attributes;
    NTSTATUS status = attributes_read(thread, attributes_guest, &attributes);
    NTSTATUS named = STATUS_SUCCESS;
    if (!status && attributes.security_descriptor)
        status = security_read(attributes.security_descriptor, SECURITY_ALL, &created->security);
    if (!status && attributes.name.length)
        status = named = name_or_find(&attributes, &created);
    if (!NT_SUCCESS_(status)) {
        object_release(created);
    } else {
        status = object_return_handle(thread, handle_guest, created, access, attributes.flags);
        if (!status)
            status = named;
    }
    attributes_free(&attributes);
    return status;
}

static bool is_container(const struct nt_type *type)
{
    return type == &directory_type || type == &symlink_type;
}

NTSTATUS object_open_named(struct nt_thread *thread, uint32_t handle_guest, ACCESS_MASK access,
                           uint32_t attributes_guest, const struct nt_type *type)
{
    struct attributes attributes;
    struct object *found = NULL, *directory = NULL;
    struct text rest = {NULL, 0};
    WCHAR *storage = NULL;
    NTSTATUS status = attributes_read_open(thread, attributes_guest, &attributes);
    if (!status)
        status = namespace_lookup(attributes.root, attributes.name,
                                  how(&attributes) | (type == &symlink_type ? LOOKUP_OPEN_LINK : 0),
                                  &found, &directory, &rest, &storage);
    if (!status && rest.length)
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    bool itself = attributes.name.length == 0; /* the root that was given */
    if (!status && (found->type != type || (itself && !is_container(type))))
        status = STATUS_OBJECT_TYPE_MISMATCH;
    if (!status) {
        object_hold(found);
        status = object_return_handle(thread, handle_guest, found, access, attributes.flags);
    }
    object_release(found);
    object_release(directory);
    free(storage);
    attributes_free(&attributes);
    return status;
}
