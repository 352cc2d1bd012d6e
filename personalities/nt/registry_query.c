/* SPDX-License-Identifier: MIT */
/* Questions about keys and values. */
#include <personalities/nt/registry.h>

#include <stdlib.h>
#include <string.h>

/* ---- answers: a header, then variable parts; what does not fit is cut and reported ---- */

struct answer {
    uint32_t buffer, size, returned;
};

static NTSTATUS answer_parts(const struct answer *answer, const void *header, uint32_t header_size,
                             const void *first, uint32_t first_size, uint32_t second_at,
                             const void *second, uint32_t second_size)
{
    uint32_t needed = second_size ? second_at + second_size : header_size + first_size;
    NTSTATUS status = guest_return32(answer->returned, needed);
    if (status)
        return status;
    if (answer->size < header_size)
        return STATUS_BUFFER_TOO_SMALL;
    status = guest_write(answer->buffer, header, header_size);
    uint32_t room = answer->size - header_size;
    if (!status)
        status =
            guest_write(answer->buffer + header_size, first, first_size < room ? first_size : room);
    if (!status && second_size && answer->size > second_at) {
        room = answer->size - second_at;
        status = guest_write(answer->buffer + second_at, second,
                             second_size < room ? second_size : room);
    }
    return status ? status : answer->size < needed ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS answer_value(const struct answer *answer, const struct value *value, uint32_t class)
{
    uint32_t name_bytes = value->name_length * sizeof(WCHAR);
    uint32_t header = offsetof(KEY_VALUE_FULL_INFORMATION, Name);
    KEY_VALUE_FULL_INFORMATION full = {
        .Type = value->type, .DataLength = value->size, .NameLength = name_bytes};
    KEY_VALUE_BASIC_INFORMATION basic = {.Type = value->type, .NameLength = name_bytes};
    KEY_VALUE_PARTIAL_INFORMATION partial = {.Type = value->type, .DataLength = value->size};
    switch (class) {
    case KeyValueBasicInformation:
        return answer_parts(answer, &basic, offsetof(KEY_VALUE_BASIC_INFORMATION, Name),
                            value->name, name_bytes, 0, NULL, 0);
    case KeyValuePartialInformation:
        return answer_parts(answer, &partial, offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data),
                            value->data, value->size, 0, NULL, 0);
    case KeyValueFullInformation:
        full.DataOffset = (header + name_bytes + 3) & ~3u;
        return answer_parts(answer, &full, header, value->name, name_bytes, full.DataOffset,
                            value->data, value->size);
    }
    return STATUS_INVALID_PARAMETER;
}

static void count_key(const struct key *key, KEY_FULL_INFORMATION *info)
{
    for (const struct key *child = key->children; child; child = child->next) {
        info->SubKeys++;
        if (child->name_length * sizeof(WCHAR) > info->MaxNameLen)
            info->MaxNameLen = child->name_length * sizeof(WCHAR);
        if (child->class_length * sizeof(WCHAR) > info->MaxClassLen)
            info->MaxClassLen = child->class_length * sizeof(WCHAR);
    }
    for (const struct value *value = key->values; value; value = value->next) {
        info->Values++;
        if (value->name_length * sizeof(WCHAR) > info->MaxValueNameLen)
            info->MaxValueNameLen = value->name_length * sizeof(WCHAR);
        if (value->size > info->MaxValueDataLen)
            info->MaxValueDataLen = value->size;
    }
}

static NTSTATUS answer_full(const struct answer *answer, const struct key *key)
{
    KEY_FULL_INFORMATION info = {.ClassLength = key->class_length * sizeof(WCHAR),
                                 .ClassOffset = -1};
    uint32_t header = offsetof(KEY_FULL_INFORMATION, Class);
    info.LastWriteTime.QuadPart = key->written;
    if (info.ClassLength)
        info.ClassOffset = header;
    count_key(key, &info);
    return answer_parts(answer, &info, header, key->class, info.ClassLength, 0, NULL, 0);
}

static NTSTATUS answer_cached(const struct answer *answer, const struct key *key)
{
    KEY_FULL_INFORMATION full = {0};
    count_key(key, &full);
    KEY_CACHED_INFORMATION info = {.SubKeys = full.SubKeys,
                                   .MaxNameLen = full.MaxNameLen,
                                   .Values = full.Values,
                                   .MaxValueNameLen = full.MaxValueNameLen,
                                   .MaxValueDataLen = full.MaxValueDataLen,
                                   .NameLength = key->name_length * sizeof(WCHAR)};
    info.LastWriteTime.QuadPart = key->written;
    return answer_parts(answer, &info, sizeof info, NULL, 0, 0, NULL, 0);
}

static NTSTATUS answer_name(const struct answer *answer, struct key *key)
{
    uint32_t length;
    WCHAR *path = key_full_name(key, &length);
    if (!path)
        return STATUS_NO_MEMORY;
    KEY_NAME_INFORMATION info = {.NameLength = length * sizeof(WCHAR)};
    NTSTATUS status = answer_parts(answer, &info, offsetof(KEY_NAME_INFORMATION, Name), path,
                                   info.NameLength, 0, NULL, 0);
    free(path);
    return status;
}

static NTSTATUS answer_key(const struct answer *answer, struct key *key, uint32_t class)
{
    uint32_t name_bytes = key->name_length * sizeof(WCHAR),
             class_bytes = key->class_length * sizeof(WCHAR);
    KEY_BASIC_INFORMATION basic = {.NameLength = name_bytes};
    KEY_NODE_INFORMATION node = {
        .NameLength = name_bytes, .ClassLength = class_bytes, .ClassOffset = -1};
    uint32_t node_header = offsetof(KEY_NODE_INFORMATION, Name);
    basic.LastWriteTime.QuadPart = node.LastWriteTime.QuadPart = key->written;
    switch (class) {
    case KeyBasicInformation:
        return answer_parts(answer, &basic, offsetof(KEY_BASIC_INFORMATION, Name), key->name,
                            name_bytes, 0, NULL, 0);
    case KeyNodeInformation:
        if (class_bytes)
            node.ClassOffset = node_header + name_bytes;
        return answer_parts(answer, &node, node_header, key->name, name_bytes,
                            node_header + name_bytes, key->class, class_bytes);
    case KeyFullInformation:
        return answer_full(answer, key);
    case KeyNameInformation:
        return answer_name(answer, key);
    case KeyCachedInformation:
        return answer_cached(answer, key);
    }
    return STATUS_INVALID_PARAMETER;
}

NTSTATUS nt_query_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct answer answer = {call->args[2], call->args[3], call->args[4]};
    NTSTATUS status = key_from(call, KEY_QUERY_VALUE, &object, &key);
    if (status == STATUS_ACCESS_DENIED && call->args[1] == KeyNameInformation)
        status = key_from(call, 0, &object, &key);
    if (status)
        return status;
    status = answer_key(&answer, key, call->args[1]);
    object_release(object);
    return status;
}

NTSTATUS nt_enumerate_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct answer answer = {call->args[3], call->args[4], call->args[5]};
    NTSTATUS status = key_from(call, KEY_ENUMERATE_SUB_KEYS, &object, &key);
    if (status)
        return status;
    struct key *child = key->children;
    for (uint32_t i = call->args[1]; child && i > 0; i--)
        child = child->next;
    status = child ? answer_key(&answer, child, call->args[2]) : STATUS_NO_MORE_ENTRIES;
    object_release(object);
    return status;
}

NTSTATUS nt_query_value_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct text name;
    WCHAR *storage;
    struct answer answer = {call->args[3], call->args[4], call->args[5]};
    NTSTATUS status = guest_read_text(call->args[1], &name, &storage);
    if (status)
        return status;
    status = key_from(call, KEY_QUERY_VALUE, &object, &key);
    if (!status) {
        struct value *value = key_find_value(key, name);
        status = value ? answer_value(&answer, value, call->args[2]) : STATUS_OBJECT_NAME_NOT_FOUND;
        object_release(object);
    }
    free(storage);
    return status;
}

NTSTATUS nt_enumerate_value_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct answer answer = {call->args[3], call->args[4], call->args[5]};
    NTSTATUS status = key_from(call, KEY_QUERY_VALUE, &object, &key);
    if (status)
        return status;
    struct value *value = key->values;
    for (uint32_t i = call->args[1]; value && i > 0; i--)
        value = value->next;
    status = value ? answer_value(&answer, value, call->args[2]) : STATUS_NO_MORE_ENTRIES;
    object_release(object);
    return status;
}

/* (key, entries, count, buffer, *length, *needed) */
NTSTATUS nt_query_multiple_value_key(struct call *call)
{
    struct object *object;
    struct key *key;
    uint32_t room, used = 0, needed = 0;
    NTSTATUS status = guest_read(&room, call->args[4], sizeof room);
    if (!status)
        status = key_from(call, KEY_QUERY_VALUE, &object, &key);
    if (status)
        return status;
    for (uint32_t i = 0; !status && i < call->args[2]; i++) {
        KEY_MULTIPLE_VALUE_INFORMATION entry;
        uint32_t at = call->args[1] + i * sizeof entry;
        struct text name;
        WCHAR *storage;
        status = guest_read(&entry, at, sizeof entry);
        if (!status)
            status = guest_read_text((uint32_t)entry.ValueName, &name, &storage);
        if (status)
            break;
        const struct value *value = key_find_value(key, name);
        free(storage);
        if (!value) {
            status = STATUS_OBJECT_NAME_NOT_FOUND;
            break;
        }
        needed = ((needed + 3) & ~3u) + value->size;
        if (needed > room)
            continue;
        entry.DataOffset = used = needed - value->size;
        entry.DataLength = value->size;
        entry.Type = value->type;
        status = guest_write(call->args[3] + used, value->data, value->size);
        if (!status)
            status = guest_write(at, &entry, sizeof entry);
    }
    object_release(object);
    NTSTATUS written = guest_return32(call->args[5], needed);
    if (!status && needed > room)
        status = STATUS_BUFFER_OVERFLOW;
    return status ? status : written;
}

/* (*name, *type, buffer, length, *needed): values that the licence of the system would give */
NTSTATUS nt_query_license_value(struct call *call)
{
    struct attributes place = {
        .name = LITERAL("\\Registry\\Machine\\Software\\Wine\\LicenseInformation")};
    struct text name, missing;
    struct key *key = NULL;
    WCHAR *storage, *unused;
    if (!call->args[0] || !call->args[4])
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read_text(call->args[0], &name, &storage);
    if (status)
        return status;
    bool found = name.length && !key_walk(&place, false, &key, &missing, &unused);
    const struct value *value = found ? key_find_value(key, name) : NULL;
    status = name.length ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_INVALID_PARAMETER;
    free(storage);
    if (!value)
        return status;
    status = guest_return32(call->args[1], value->type);
    if (!status)
        status = guest_write32(call->args[4], value->size);
    if (status)
        return status;
    return call->args[3] < value->size ? STATUS_BUFFER_TOO_SMALL
                                       : guest_write(call->args[2], value->data, value->size);
}
