/* SPDX-License-Identifier: MIT */
/* System calls about directories and symbolic links of the name space. */
#include <personalities/nt/namespace.h>

#include <stdlib.h>

NTSTATUS nt_create_directory_object(struct call *call)
{
    struct object *directory;
    NTSTATUS status = directory_create(&directory);
    if (status)
        return status;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               directory);
}

NTSTATUS nt_open_directory_object(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &directory_type);
}

/* A target without any memory is refused, after whatever is wrong with the attributes. */
static NTSTATUS check_attributes(struct call *call)
{
    struct attributes attributes;
    NTSTATUS status = attributes_read(call->thread, call->args[2], &attributes);
    attributes_free(&attributes);
    return status == STATUS_ACCESS_VIOLATION ? status : STATUS_INVALID_PARAMETER;
}

NTSTATUS nt_create_symbolic_link_object(struct call *call)
{
    struct text target;
    WCHAR *storage;
    struct object *symlink;
    UNICODE_STRING string;
    NTSTATUS status =
        call->args[2] ? guest_read(&string, call->args[3], sizeof string) : STATUS_ACCESS_VIOLATION;
    if (!status && string.MaximumLength == 0)
        status = check_attributes(call);
    if (!status)
        status = guest_read_text(call->args[3], &target, &storage);
    if (status)
        return status;
    status = symlink_create(target, &symlink);
    free(storage);
    if (status)
        return status;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2], symlink);
}

NTSTATUS nt_open_symbolic_link_object(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &symlink_type);
}

NTSTATUS nt_query_symbolic_link_object(struct call *call)
{
    struct object *object;
    UNICODE_STRING string;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &symlink_type, SYMBOLIC_LINK_QUERY, &object);
    if (status)
        return status;
    struct symlink *symlink = symlink_of(object);
    uint32_t bytes = symlink->length * sizeof(WCHAR);
    status = guest_read(&string, call->args[1], sizeof string);
    if (!status)
        status = guest_return32(call->args[2], bytes + sizeof(WCHAR));
    if (!status && string.MaximumLength < bytes + (call->args[2] ? sizeof(WCHAR) : 0))
        status = STATUS_BUFFER_TOO_SMALL;
    if (!status)
        status = guest_write((uint32_t)string.Buffer, symlink->target,
                             string.MaximumLength >= bytes + sizeof(WCHAR) ? bytes + sizeof(WCHAR)
                                                                           : bytes);
    string.Length = bytes;
    if (!status)
        status = guest_write(call->args[1], &string, sizeof string);
    object_release(object);
    return status;
}

/*
 * Entries in the caller's buffer: an array of them that an empty one ends, then their strings. How many
 * there will be is counted first, as the strings' place depends on it.
 */
struct entry_list {
    uint32_t buffer, length; /* in the guest */
    uint32_t count, bytes;   /* entries that fit, and their strings; with the first that does not */
    uint32_t next;           /* where the next string goes */
};

static uint32_t entry_strings(const struct name *name)
{
    return (name->length + 1 + text_length(name->object->type->name) + 1) * sizeof(WCHAR);
}

static uint32_t list_bytes(uint32_t count, uint32_t strings)
{
    return (count + 1) * sizeof(DIRECTORY_BASIC_INFORMATION) + strings;
}

static NTSTATUS put_string(struct entry_list *list, const WCHAR *chars, uint32_t length,
                           UNICODE_STRING *string)
{
    uint32_t bytes = length * sizeof(WCHAR);
    WCHAR end = 0;
    *string = (UNICODE_STRING){bytes, bytes + sizeof(WCHAR), (WCHAR *)list->next};
    NTSTATUS status = guest_write(list->next, chars, bytes);
    list->next += bytes + sizeof(WCHAR);
    return status ? status : guest_write(list->next - sizeof(WCHAR), &end, sizeof end);
}

static NTSTATUS put_entry(struct entry_list *list, uint32_t index, const struct name *name)
{
    const WCHAR *type = name->object->type->name;
    DIRECTORY_BASIC_INFORMATION entry;
    NTSTATUS status = put_string(list, name->chars, name->length, &entry.ObjectName);
    if (!status)
        status = put_string(list, type, text_length(type), &entry.ObjectTypeName);
    return status ? status : guest_write(list->buffer + index * sizeof entry, &entry, sizeof entry);
}

/* Count what fits from this entry on; false: there are more. */
static bool count_entries(struct entry_list *list, const struct directory *directory,
                          uint32_t first, bool single)
{
    uint32_t position = 0;
    list_each(name, &directory->names, struct name, link)
    {
        if (position++ < first)
            continue;
        if (single && list->count == 1)
            break;
        uint32_t bytes = list->bytes + entry_strings(name);
        if (list_bytes(list->count + 1, bytes) > list->length) {
            if (single)
                list->bytes = bytes; /* what would have been needed */
            return false;
        }
        list->bytes = bytes;
        list->count++;
    }
    return true;
}

static NTSTATUS put_entries(struct entry_list *list, const struct directory *directory,
                            uint32_t first)
{
    static const DIRECTORY_BASIC_INFORMATION end;
    uint32_t position = 0;
    NTSTATUS status = STATUS_SUCCESS;
    list->next = list->buffer + list_bytes(list->count, 0);
    list_each(name, &directory->names, struct name, link)
    {
        if (position >= first && position < first + list->count && !status)
            status = put_entry(list, position - first, name);
        position++;
    }
    if (!status && list->length >= sizeof end)
        status = guest_write(list->buffer + list->count * sizeof end, &end, sizeof end);
    return status;
}

static NTSTATUS list_directory(struct call *call, const struct directory *directory, uint32_t first)
{
    struct entry_list list = {.buffer = call->args[1], .length = call->args[2]};
    bool single = call->args[3] & 0xff;
    bool all = count_entries(&list, directory, first, single);
    if (!all && single) {
        NTSTATUS status = guest_return32(call->args[6], list_bytes(1, list.bytes));
        return status ? status : STATUS_BUFFER_TOO_SMALL;
    }
    NTSTATUS status = guest_return32(call->args[6], list_bytes(list.count, list.bytes));
    if (!status)
        status = put_entries(&list, directory, first);
    if (!status && all && list.count == 0)
        return STATUS_NO_MORE_ENTRIES;
    if (!status)
        status = guest_write32(call->args[5], first + list.count);
    return status ? status : all ? STATUS_SUCCESS : STATUS_MORE_ENTRIES;
}

/* (directory, buffer, length, single, restart, *context, *returned) */
NTSTATUS nt_query_directory_object(struct call *call)
{
    struct object *object;
    uint32_t first = 0;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &directory_type, DIRECTORY_QUERY, &object);
    if (status)
        return status;
    status = guest_read(&first, call->args[5], sizeof first);
    if (call->args[4] & 0xff)
        first = 0;
    if (!status)
        status = list_directory(call, directory_of(object), first);
    object_release(object);
    return status;
}
