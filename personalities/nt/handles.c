/* SPDX-License-Identifier: MIT */
/* The calls on handles of any type. */
#include <personalities/nt/nt.h>

#include <personalities/nt/file.h>
#include <personalities/nt/path.h>
#include <personalities/nt/registry.h>

#include <stdlib.h>
#include <string.h>

NTSTATUS nt_close(struct call *call)
{
    int32_t handle = (int32_t)call->args[0];
    if (handle < 0 && handle >= -6) /* pseudo handles */
        return STATUS_SUCCESS;
    return nt_handle_close(call->process, call->args[0]);
}

/* A duplicate that takes its source's place in the same process has the source's value, as on NT. */
static bool in_place(const struct handle_entry *entry, uint32_t options)
{
    return entry && !entry->protect && (options & DUPLICATE_CLOSE_SOURCE);
}

/* The handle's own access and attributes where the caller keeps them. */
static NTSTATUS duplicate(struct call *call, struct nt_process *source, struct nt_process *target)
{
    uint32_t options = call->args[6], access = call->args[4], attributes = call->args[5], value;
    struct handle_entry *entry = handle_entry(source, call->args[1]);
    struct object *object;
    NTSTATUS status = STATUS_SUCCESS;
    if (source == call->process) {
        status = handle_object(call->thread, call->args[1], NULL, 0, &object);
    } else if (entry) {
        object = entry->object;
        object_hold(object);
    } else {
        status = STATUS_INVALID_HANDLE;
    }
    if (status)
        return status;
    if (options & DUPLICATE_SAME_ACCESS)
        access = entry ? entry->access : object->type->mapping.GenericAll;
    if (options & DUPLICATE_SAME_ATTRIBUTES)
        attributes = entry && entry->inherit ? OBJ_INHERIT : 0;
    if (source == target && in_place(entry, options)) {
        handle_change(entry, access, attributes);
        value = call->args[1];
    } else {
        status = handle_create(target, object, access, attributes, &value);
        if (!status && (options & DUPLICATE_CLOSE_SOURCE))
            (void)nt_handle_close(source, call->args[1]);
    }
    object_release(object);
    if (!status && call->args[3])
        status = guest_write32(call->args[3], value);
    return status;
}

NTSTATUS nt_duplicate_object(struct call *call)
{
    struct nt_process *source, *target = NULL;
    NTSTATUS status = process_from_handle(call->thread, call->args[0], PROCESS_DUP_HANDLE, &source);
    if (status)
        return status;
    if (call->args[2])
        status = process_from_handle(call->thread, call->args[2], PROCESS_DUP_HANDLE, &target);
    if (status) {
        object_release(&source->object);
        return status;
    }
    if (target && !target->exiting && !target->foreign)
        status = duplicate(call, source, target);
    else if (!target && (call->args[6] & DUPLICATE_CLOSE_SOURCE))
        status = nt_handle_close(source, call->args[1]);
    else
        status = STATUS_PROCESS_IS_TERMINATING;
    object_release(&source->object);
    if (target)
        object_release(&target->object);
    return status;
}

NTSTATUS nt_compare_objects(struct call *call)
{
    struct object *a, *b;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &a);
    if (status)
        return status;
    status = handle_object(call->thread, call->args[1], NULL, 0, &b);
    if (!status) {
        status = a == b ? STATUS_SUCCESS : STATUS_NOT_SAME_OBJECT;
        object_release(b);
    }
    object_release(a);
    return status;
}

NTSTATUS nt_make_temporary_object(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &object);
    if (status)
        return status;
    if (object->name && object->name->permanent && object->type != &directory_type) {
        object->name->permanent = false;
        object_release(object);
    }
    object_release(object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_set_information_object(struct call *call)
{
    OBJECT_DATA_INFORMATION info;
    if (call->args[1] != ObjectDataInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (call->args[3] < sizeof info)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = guest_read(&info, call->args[2], sizeof info);
    struct handle_entry *entry = handle_entry(call->process, call->args[0]);
    if (status)
        return status;
    if (!entry)
        return STATUS_INVALID_HANDLE;
    entry->inherit = info.InheritHandle;
    entry->protect = info.ProtectFromClose;
    return STATUS_SUCCESS;
}

/* ---- queries ---- */

WCHAR *object_full_name(struct object *object, uint32_t *length)
{
    if (object->type == &file_type)
        return ntfile_object_name(file_of(object), length);
    if (object->type == &key_type)
        return key_path(object, length);
    return namespace_path(object, length);
}

/* A name, its characters behind it. Too short a buffer is told in one of two ways. */
static NTSTATUS return_name(struct call *call, const WCHAR *chars, uint32_t length, bool is_file)
{
    uint32_t header = sizeof(UNICODE_STRING), bytes = chars ? (length + 1) * sizeof(WCHAR) : 0;
    UNICODE_STRING string = {.Length = length * sizeof(WCHAR), .MaximumLength = bytes};
    string.Buffer = bytes ? (WCHAR *)(call->args[2] + header) : NULL;
    NTSTATUS status = guest_return32(call->args[4], header + bytes);
    if (status)
        return status;
    if (call->args[3] < header + bytes)
        return is_file && call->args[3] >= header ? STATUS_BUFFER_OVERFLOW
                                                  : STATUS_INFO_LENGTH_MISMATCH;
    status = guest_write(call->args[2], &string, sizeof string);
    if (!status && bytes)
        status = guest_write(call->args[2] + header, chars, bytes);
    return status;
}

/* What is known of a type, its name behind it, at `at` in the guest. */
static NTSTATUS return_type(const struct nt_type *type, uint32_t at)
{
    const struct type_counts *counts = &type_counts[type->number];
    OBJECT_TYPE_INFORMATION info;
    uint32_t bytes = text_length(type->name) * sizeof(WCHAR);
    memset(&info, 0, sizeof info);
    info.TypeName = (UNICODE_STRING){bytes, bytes + sizeof(WCHAR), (WCHAR *)(at + sizeof info)};
    info.TotalNumberOfObjects = counts->objects;
    info.TotalNumberOfHandles = counts->handles;
    info.HighWaterNumberOfObjects = counts->objects_most;
    info.HighWaterNumberOfHandles = counts->handles_most;
    info.GenericMapping = type->mapping;
    info.ValidAccessMask = type->mapping.GenericAll | type->more_access;
    NTSTATUS status = guest_write(at, &info, sizeof info);
    return status ? status : guest_write(at + sizeof info, type->name, bytes + sizeof(WCHAR));
}

static uint32_t type_bytes(const struct nt_type *type)
{
    uint32_t name = (text_length(type->name) + 1) * sizeof(WCHAR);
    return sizeof(OBJECT_TYPE_INFORMATION) + ((name + 3) & ~3u);
}

static NTSTATUS query_type(struct call *call, const struct nt_type *type)
{
    uint32_t needed = type_bytes(type);
    NTSTATUS status = guest_return32(call->args[4], needed);
    if (status)
        return status;
    return call->args[3] < needed ? STATUS_INFO_LENGTH_MISMATCH : return_type(type, call->args[2]);
}

/* All types that there are objects of, or have been: a count, then one after the other. */
static NTSTATUS query_types(struct call *call)
{
    uint32_t count = 0, needed = sizeof(uint32_t), at = call->args[2] + sizeof(uint32_t);
    for (uint32_t i = 0; i < TYPE_COUNT; i++) {
        needed += type_counts[i].type ? type_bytes(type_counts[i].type) : 0;
        count += type_counts[i].type != NULL;
    }
    NTSTATUS status = guest_return32(call->args[4], needed);
    if (!status && call->args[3] < needed)
        status = STATUS_INFO_LENGTH_MISMATCH;
    if (!status)
        status = guest_write32(call->args[2], count);
    for (uint32_t i = 0; i < TYPE_COUNT && !status; i++) {
        const struct nt_type *type = type_counts[i].type;
        if (!type)
            continue;
        status = return_type(type, at);
        at += type_bytes(type);
    }
    return status;
}

static NTSTATUS query_basic(struct call *call, const struct object *object)
{
    OBJECT_BASIC_INFORMATION info;
    const struct handle_entry *entry = handle_entry(call->process, call->args[0]);
    memset(&info, 0, sizeof info);
    info.Attributes = entry && entry->inherit ? OBJ_INHERIT : 0;
    info.GrantedAccess = entry ? entry->access : object->type->mapping.GenericAll;
    info.HandleCount = object->handle_count;
    info.PointerCount = object->references;
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

static NTSTATUS query_flags(struct call *call)
{
    const struct handle_entry *entry = handle_entry(call->process, call->args[0]);
    if (!entry)
        return STATUS_INVALID_HANDLE;
    OBJECT_DATA_INFORMATION info = {.InheritHandle = entry->inherit,
                                    .ProtectFromClose = entry->protect};
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

static NTSTATUS query_name(struct call *call, struct object *object)
{
    uint32_t length = 0;
    WCHAR *name = object_full_name(object, &length);
    NTSTATUS status = return_name(call, name, length, object->type == &file_type);
    free(name);
    return status;
}

NTSTATUS nt_query_object(struct call *call)
{
    struct object *object;
    if (call->args[1] == ObjectTypesInformation)
        return query_types(call);
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &object);
    if (status)
        return status;
    switch (call->args[1]) {
    case ObjectBasicInformation:
        status = query_basic(call, object);
        break;
    case ObjectNameInformation:
        status = query_name(call, object);
        break;
    case ObjectTypeInformation:
        status = query_type(call, object->type);
        break;
    case ObjectDataInformation:
        status = query_flags(call);
        break;
    default:
        status = STATUS_INVALID_INFO_CLASS;
    }
    object_release(object);
    return status;
}
