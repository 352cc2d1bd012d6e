/* SPDX-License-Identifier: MIT */
/*
 * The registry. Keys and values are kept in the order in which NT enumerates them: by name, without
 * case. A deleted key lives on, unreachable, until its last handle is closed.
 *
 * A handle's object stands for the key: keys are nodes of a tree with counts of handles of their own.
 */
#include <personalities/nt/registry.h>

#include <atomik/log.h>
#include <personalities/nt/nt.h>

#include <stdlib.h>
#include <string.h>

#define NAME_MAX  255u
#define VALUE_MAX 0x100000u
#define DEPTH_MAX 64u

struct value {
    struct value *next;
    WCHAR *name;
    uint32_t name_length, type, size;
    uint8_t *data;
};

struct key {
    struct key *parent, *children, *next; /* children in order */
    struct value *values;                 /* in order */
    WCHAR *name, *class;
    uint32_t name_length, class_length;
    uint64_t written;    /* FILETIME */
    uint32_t references; /* open handles and the tree */
    bool deleted;
};

/* What a handle refers to. */
struct key_object {
    struct object object;
    struct key *key;
};

static struct key root = {.name = L"REGISTRY", .name_length = 8, .references = 1};

static struct text name_of(const struct key *key)
{
    return (struct text){key->name, key->name_length};
}

/* ---- the tree ---- */

static void value_free(struct value *value)
{
    free(value->name);
    free(value->data);
    free(value);
}

static void key_release(struct key *key)
{
    if (--key->references > 0)
        return;
    while (key->values) {
        struct value *value = key->values;
        key->values = value->next;
        value_free(value);
    }
    free(key->name);
    free(key->class);
    free(key);
}

static struct key *find_child(const struct key *key, struct text name)
{
    struct key *child = key->children;
    while (child && !text_equal(name_of(child), name))
        child = child->next;
    return child;
}

static struct key *add_child(struct key *parent, struct text name)
{
    struct key *key = calloc(1, sizeof *key), **place = &parent->children;
    if (!key)
        return NULL;
    key->name = text_copy(name);
    if (!key->name) {
        free(key);
        return NULL;
    }
    key->name_length = name.length;
    key->parent = parent;
    key->references = 1;
    key->written = nt_time();
    while (*place && text_compare(name_of(*place), name) < 0)
        place = &(*place)->next;
    key->next = *place;
    *place = key;
    return key;
}

static void remove_child(struct key *key)
{
    struct key **place = &key->parent->children;
    while (*place != key)
        place = &(*place)->next;
    *place = key->next;
    key->deleted = true;
    key->parent->written = nt_time();
    key_release(key);
}

static struct value **find_value(struct key *key, struct text name)
{
    struct value **place = &key->values;
    while (*place && !text_equal((struct text){(*place)->name, (*place)->name_length}, name))
        place = &(*place)->next;
    return place;
}

static struct value *add_value(struct key *key, struct text name)
{
    struct value *value = calloc(1, sizeof *value), **place = &key->values;
    if (!value)
        return NULL;
    value->name = text_copy(name);
    value->name_length = name.length;
    while (*place && text_compare((struct text){(*place)->name, (*place)->name_length}, name) < 0)
        place = &(*place)->next;
    value->next = *place;
    *place = value;
    return value;
}

/* Consumes the data. */
static NTSTATUS set_value(struct key *key, struct text name, uint32_t type, uint8_t *data,
                          uint32_t size)
{
    struct value *value = *find_value(key, name);
    if (!value)
        value = add_value(key, name);
    if (!value) {
        free(data);
        return STATUS_NO_MEMORY;
    }
    free(value->data);
    value->type = type;
    value->data = data;
    value->size = size;
    key->written = nt_time();
    return STATUS_SUCCESS;
}

static struct text next_component(struct text *rest)
{
    uint32_t length = 0;
    while (rest->length && rest->chars[0] == '\\')
        *rest = text_skip(*rest, 1);
    while (length < rest->length && rest->chars[length] != '\\')
        length++;
    struct text component = {rest->chars, length};
    *rest = text_skip(*rest, length);
    return component;
}

/* ---- key objects ---- */

static void key_destroy(struct object *object)
{
    struct key_object *key = container_of(object, struct key_object, object);
    key_release(key->key);
    free(key);
}

const struct nt_type key_type = {
    .name = L"Key",
    .mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE, KEY_ALL_ACCESS},
    .destroy = key_destroy,
};

static NTSTATUS key_object_new(struct key *key, struct object **result)
{
    struct key_object *object = malloc(sizeof *object);
    if (!object)
        return STATUS_NO_MEMORY;
    object_init(&object->object, &key_type);
    object->key = key;
    key->references++;
    *result = &object->object;
    return STATUS_SUCCESS;
}

WCHAR *key_path(struct object *object, uint32_t *length)
{
    const struct key *key = container_of(object, struct key_object, object)->key;
    uint32_t total = 0;
    for (const struct key *at = key; at; at = at->parent)
        total += at->name_length + 1;
    WCHAR *path = malloc((total + 1) * sizeof(WCHAR));
    if (!path)
        return NULL;
    uint32_t end = total;
    path[total] = 0;
    for (const struct key *at = key; at; at = at->parent) {
        end -= at->name_length;
        memcpy(path + end, at->name, at->name_length * sizeof(WCHAR));
        path[--end] = '\\';
    }
    *length = total;
    return path;
}

/* Where the attributes' path begins; *rest is the path from there. */
static NTSTATUS walk_start(const struct attributes *attributes, struct key **start,
                           struct text *rest)
{
    *rest = attributes->name;
    if (attributes->root) {
        if (attributes->root->type != &key_type)
            return STATUS_OBJECT_TYPE_MISMATCH;
        *start = container_of(attributes->root, struct key_object, object)->key;
        if (rest->length && rest->chars[0] == '\\')
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        return (*start)->deleted ? STATUS_KEY_DELETED : STATUS_SUCCESS;
    }
    if (rest->length == 0 || rest->chars[0] != '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    struct text first = next_component(rest);
    *start = &root;
    return text_equal(first, name_of(&root)) ? STATUS_SUCCESS : STATUS_OBJECT_PATH_NOT_FOUND;
}

/* The key, or its parent and the missing last component. */
static NTSTATUS walk_key(const struct attributes *attributes, struct key **key,
                         struct text *missing)
{
    struct text rest;
    NTSTATUS status = walk_start(attributes, key, &rest);
    missing->length = 0;
    while (!status) {
        struct text component = next_component(&rest);
        if (component.length == 0)
            return STATUS_SUCCESS;
        if (component.length > NAME_MAX)
            return STATUS_INVALID_PARAMETER;
        struct key *child = find_child(*key, component);
        if (!child) {
            while (rest.length && rest.chars[0] == '\\')
                rest = text_skip(rest, 1);
            if (rest.length == 0)
                *missing = component;
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        *key = child;
    }
    return status;
}

/* ---- creation and opening ---- */

static NTSTATUS return_key(struct call *call, struct key *key, uint32_t attributes)
{
    struct object *object;
    NTSTATUS status = key_object_new(key, &object);
    return status ? status
                  : object_return_handle(call->thread, call->args[0], object, call->args[1],
                                         attributes);
}

NTSTATUS nt_open_key(struct call *call)
{
    struct attributes attributes;
    struct key *key;
    struct text missing;
    NTSTATUS status = attributes_read(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    status = walk_key(&attributes, &key, &missing);
    if (!status)
        status = return_key(call, key, attributes.flags);
    else
        (void)guest_write32(call->args[0], 0);
    attributes_free(&attributes);
    return status;
}

static NTSTATUS create_key(struct call *call, const struct attributes *attributes, struct key **key,
                           uint32_t *disposition)
{
    struct text missing, class;
    WCHAR *storage = NULL;
    NTSTATUS status = walk_key(attributes, key, &missing);
    *disposition = REG_OPENED_EXISTING_KEY;
    if (status != STATUS_OBJECT_NAME_NOT_FOUND || missing.length == 0)
        return status;
    if (*key == &root)
        return STATUS_ACCESS_DENIED;
    status = call->args[4] ? guest_read_text(call->args[4], &class, &storage) : STATUS_SUCCESS;
    if (status)
        return status;
    *key = add_child(*key, missing);
    *disposition = REG_CREATED_NEW_KEY;
    if (*key && storage) {
        (*key)->class = storage;
        (*key)->class_length = class.length;
    } else {
        free(storage);
    }
    return *key ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

NTSTATUS nt_create_key(struct call *call)
{
    struct attributes attributes;
    struct key *key;
    uint32_t disposition;
    NTSTATUS status = attributes_read(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    status = create_key(call, &attributes, &key, &disposition);
    if (!status)
        status = return_key(call, key, attributes.flags);
    attributes_free(&attributes);
    return status ? status : guest_return32(call->args[6], disposition);
}

static NTSTATUS key_from(struct call *call, ACCESS_MASK access, struct object **object,
                         struct key **key)
{
    NTSTATUS status = handle_object(call->thread, call->args[0], &key_type, access, object);
    if (status)
        return status;
    *key = container_of(*object, struct key_object, object)->key;
    if (!(*key)->deleted)
        return STATUS_SUCCESS;
    object_release(*object);
    return STATUS_KEY_DELETED;
}

NTSTATUS nt_delete_key(struct call *call)
{
    struct object *object;
    struct key *key;
    NTSTATUS status = key_from(call, DELETE, &object, &key);
    if (status)
        return status;
    if (key->children)
        status = STATUS_CANNOT_DELETE;
    else if (!key->parent || key->parent == &root)
        status = STATUS_ACCESS_DENIED;
    else
        remove_child(key);
    object_release(object);
    return status;
}

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
    struct key_object object = {.key = key};
    uint32_t length;
    WCHAR *path = key_path(&object.object, &length);
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

/* ---- values ---- */

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
        struct value *value = *find_value(key, name);
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

static NTSTATUS store_value(struct call *call, struct key *key, struct text name)
{
    uint32_t size = call->args[5];
    if (size > VALUE_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    uint8_t *data = malloc(size + 1);
    if (!data)
        return STATUS_NO_MEMORY;
    NTSTATUS status = guest_read(data, call->args[4], size);
    if (status) {
        free(data);
        return status;
    }
    return set_value(key, name, call->args[3], data, size);
}

NTSTATUS nt_set_value_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct text name;
    WCHAR *storage;
    NTSTATUS status = guest_read_text(call->args[1], &name, &storage);
    if (status)
        return status;
    status =
        name.length > 16383 ? STATUS_NAME_TOO_LONG : key_from(call, KEY_SET_VALUE, &object, &key);
    if (!status) {
        status = store_value(call, key, name);
        object_release(object);
    }
    free(storage);
    return status;
}

NTSTATUS nt_delete_value_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct text name;
    WCHAR *storage;
    NTSTATUS status = guest_read_text(call->args[1], &name, &storage);
    if (status)
        return status;
    status = key_from(call, KEY_SET_VALUE, &object, &key);
    if (!status) {
        struct value **place = find_value(key, name), *value = *place;
        if (value) {
            *place = value->next;
            value_free(value);
            key->written = nt_time();
        } else {
            status = STATUS_OBJECT_NAME_NOT_FOUND;
        }
        object_release(object);
    }
    free(storage);
    return status;
}

/* ---- the text form ----
 *
 *   [Machine\Software\Microsoft]        a key below \REGISTRY
 *   "Name"="text"                       REG_SZ; @ is the value without a name
 *   "Name"=dword:0000002a               REG_DWORD
 *   "Name"=hex:01,02,ff                 REG_BINARY
 *   ; a remark
 *
 * Backslashes and quotes inside quotes are doubled with a backslash.
 */

static struct key *make_path(struct text path)
{
    struct key *key = &root;
    for (uint32_t depth = 0; key && depth < DEPTH_MAX; depth++) {
        struct text component = next_component(&path);
        if (component.length == 0)
            return key;
        struct key *child = find_child(key, component);
        key = child ? child : add_child(key, component);
    }
    return NULL;
}

/* The text between quotes at *at, which moves behind the closing one; NULL: there is none. */
static WCHAR *read_quoted(const char **at, const char *end, uint32_t *length)
{
    const char *from = *at;
    char *bytes = malloc(end - from + 1);
    size_t used = 0;
    if (!bytes || from == end || *from++ != '"') {
        free(bytes);
        return NULL;
    }
    while (from < end && *from != '"') {
        if (*from == '\\' && from + 1 < end)
            from++;
        bytes[used++] = *from++;
    }
    WCHAR *chars = from < end ? text_from_utf8(bytes, used, length) : NULL;
    *at = from + 1;
    free(bytes);
    return chars;
}

static NTSTATUS read_hex(const char *at, const char *end, uint8_t **data, uint32_t *size)
{
    *data = malloc((end - at) / 2 + 1);
    *size = 0;
    if (!*data)
        return STATUS_NO_MEMORY;
    while (at < end) {
        char *stop;
        (*data)[(*size)++] = strtoul(at, &stop, 16);
        at = stop < end && *stop == ',' ? stop + 1 : end;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS read_data(struct key *key, struct text name, const char *at, const char *end)
{
    uint8_t *data;
    uint32_t size, length;
    if (end - at > 6 && strncmp(at, "dword:", 6) == 0) {
        uint32_t number = strtoul(at + 6, NULL, 16);
        data = malloc(sizeof number);
        if (data)
            memcpy(data, &number, sizeof number);
        return data ? set_value(key, name, REG_DWORD, data, sizeof number) : STATUS_NO_MEMORY;
    }
    if (end - at >= 4 && strncmp(at, "hex:", 4) == 0) {
        NTSTATUS status = read_hex(at + 4, end, &data, &size);
        return status ? status : set_value(key, name, REG_BINARY, data, size);
    }
    WCHAR *text = read_quoted(&at, end, &length);
    return text ? set_value(key, name, REG_SZ, (uint8_t *)text, (length + 1) * sizeof(WCHAR))
                : STATUS_INVALID_PARAMETER;
}

static NTSTATUS read_value_line(struct key *key, const char *at, const char *end)
{
    uint32_t length = 0;
    WCHAR *name = *at == '@' ? calloc(1, sizeof(WCHAR)) : read_quoted(&at, end, &length);
    if (!name)
        return STATUS_INVALID_PARAMETER;
    if (length == 0 && *at == '@')
        at++;
    NTSTATUS status = at < end && *at == '='
                          ? read_data(key, (struct text){name, length}, at + 1, end)
                          : STATUS_INVALID_PARAMETER;
    free(name);
    return status;
}

static NTSTATUS read_line(struct key **key, const char *at, const char *end)
{
    uint32_t length;
    if (at == end || *at == ';')
        return STATUS_SUCCESS;
    if (*at != '[')
        return *key ? read_value_line(*key, at, end) : STATUS_INVALID_PARAMETER;
    if (end[-1] != ']')
        return STATUS_INVALID_PARAMETER;
    WCHAR *path = text_from_utf8(at + 1, end - at - 2, &length);
    *key = path ? make_path((struct text){path, length}) : NULL;
    free(path);
    return *key ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void registry_load(const char *text, size_t length)
{
    struct key *key = NULL;
    const char *at = text, *limit = text + length;
    for (uint32_t line = 1; at < limit; line++) {
        const char *end = memchr(at, '\n', limit - at);
        if (!end)
            end = limit;
        if (read_line(&key, at, end))
            log_printf("registry: line %u is wrong", line);
        at = end + 1;
    }
}

void registry_init(void)
{
    static const struct text roots[] = {{L"Machine", 7}, {L"User", 4}};
    for (uint32_t i = 0; i < 2; i++)
        if (!make_path(roots[i]))
            abort();
}
