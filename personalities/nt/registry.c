/* SPDX-License-Identifier: MIT */
/* The tree of keys. See registry.h. */
#include <personalities/nt/registry.h>

#include <personalities/nt/security.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define NAME_MAX  255u
#define DEPTH_MAX 64u
#define LINKS_MAX 16u

#define LINK_VALUE L"SymbolicLinkValue"

struct key registry_root = {.name = L"REGISTRY",
                            .name_length = 8,
                            .references = 1,
                            .is_volatile = true,
                            .watches = {&registry_root.watches, &registry_root.watches}};

/* ---- keys ---- */

static void value_free(struct value *value)
{
    free(value->name);
    free(value->data);
    free(value);
}

void key_release(struct key *key)
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
    security_free(key->security);
    free(key);
}

struct key *key_find_child(const struct key *key, struct text name)
{
    struct key *child = key->children;
    while (child && !text_equal(key_name(child), name))
        child = child->next;
    return child;
}

static void link_child(struct key *parent, struct key *key)
{
    struct key **place = &parent->children;
    while (*place && text_compare(key_name(*place), key_name(key)) < 0)
        place = &(*place)->next;
    key->next = *place;
    *place = key;
    key->parent = parent;
}

static void unlink_child(struct key *key)
{
    struct key **place = &key->parent->children;
    while (*place != key)
        place = &(*place)->next;
    *place = key->next;
}

struct key *key_add_child(struct key *parent, struct text name)
{
    struct key *key = calloc(1, sizeof *key);
    if (!key)
        return NULL;
    key->name = text_copy(name);
    if (!key->name) {
        free(key);
        return NULL;
    }
    list_init(&key->watches);
    key->name_length = name.length;
    key->references = 1;
    key->written = nt_time();
    key->is_volatile = parent->is_volatile && parent != &registry_root;
    link_child(parent, key);
    return key;
}

void key_remove(struct key *key)
{
    struct key *parent = key->parent;
    unlink_child(key);
    key->deleted = true;
    parent->written = nt_time();
    if (!key->is_volatile)
        registry_store_changed(parent);
    key_watches_end(key, NULL);
    key_changed(parent, REG_NOTIFY_CHANGE_NAME);
    key_release(key);
}

void key_remove_tree(struct key *key)
{
    while (key->children)
        key_remove_tree(key->children);
    key_remove(key);
}

NTSTATUS key_rename(struct key *key, struct text name)
{
    struct key *parent = key->parent;
    WCHAR *copy = text_copy(name);
    if (!copy)
        return STATUS_NO_MEMORY;
    unlink_child(key);
    free(key->name);
    key->name = copy;
    key->name_length = name.length;
    link_child(parent, key);
    key->written = parent->written = nt_time();
    registry_store_changed(key);
    key_changed(parent, REG_NOTIFY_CHANGE_NAME);
    return STATUS_SUCCESS;
}

/* ---- values ---- */

static struct value **value_place(struct key *key, struct text name)
{
    struct value **place = &key->values;
    while (*place && !text_equal((struct text){(*place)->name, (*place)->name_length}, name))
        place = &(*place)->next;
    return place;
}

struct value *key_find_value(struct key *key, struct text name)
{
    return *value_place(key, name);
}

static struct value *add_value(struct key *key, struct text name)
{
    struct value *value = calloc(1, sizeof *value), **place = &key->values;
    if (!value)
        return NULL;
    value->name = text_copy(name);
    if (!value->name) {
        free(value);
        return NULL;
    }
    value->name_length = name.length;
    while (*place && text_compare((struct text){(*place)->name, (*place)->name_length}, name) < 0)
        place = &(*place)->next;
    value->next = *place;
    *place = value;
    return value;
}

NTSTATUS key_set_value(struct key *key, struct text name, uint32_t type, uint8_t *data,
                       uint32_t size)
{
    struct value *value = key_find_value(key, name);
    /* Every program writes the time zone again: what stays the same is no change. */
    if (value && value->type == type && value->size == size &&
        memcmp(value->data, data, size) == 0) {
        free(data);
        return STATUS_SUCCESS;
    }
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
    registry_store_changed(key);
    key_changed(key, REG_NOTIFY_CHANGE_LAST_SET);
    return STATUS_SUCCESS;
}

bool key_delete_value(struct key *key, struct text name)
{
    struct value **place = value_place(key, name), *value = *place;
    if (!value)
        return false;
    *place = value->next;
    value_free(value);
    key->written = nt_time();
    registry_store_changed(key);
    key_changed(key, REG_NOTIFY_CHANGE_LAST_SET);
    return true;
}

/* ---- key objects ---- */

static void key_last_handle(struct object *object)
{
    key_watches_end(container_of(object, struct key_object, object)->key, object);
}

static void key_destroy(struct object *object)
{
    struct key_object *key = container_of(object, struct key_object, object);
    key_release(key->key);
    free(key);
}

static NTSTATUS key_restore(struct restore *restore, const struct snap_note *note,
                            struct object **result);

const struct nt_type key_type = {
    .name = L"Key",
    .number = TYPE_KEY,
    .more_access = SYNCHRONIZE,
    .mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE | KEY_CREATE_LINK, KEY_ALL_ACCESS},
    .last_handle = key_last_handle,
    .destroy = key_destroy,
    .restore = key_restore,
};

NTSTATUS key_object_new(struct key *key, struct object **result)
{
    struct key_object *object = calloc(1, sizeof *object);
    if (!object)
        return STATUS_NO_MEMORY;
    object_init(&object->object, &key_type);
    object->key = key;
    key->references++;
    *result = &object->object;
    return STATUS_SUCCESS;
}

/* A key that is not there is made anew if what is there now is to count. */
static NTSTATUS key_restore(struct restore *restore, const struct snap_note *note,
                            struct object **result)
{
    struct attributes attributes = {0};
    struct key *key;
    struct text missing;
    WCHAR *storage = NULL;
    WCHAR *name = restored_text(note, SNAP_OBJECT_NAME, &attributes.name.length);
    if (!name)
        return STATUS_INVALID_PARAMETER;
    attributes.name.chars = name;
    NTSTATUS status = key_walk(&attributes, false, &key, &missing, &storage);
    free(storage);
    if (status && restore->group->options.policy != POLICY_FAIL &&
        text_starts(attributes.name, LITERAL("\\REGISTRY\\"))) {
        key = key_make_path(&registry_root, text_skip(attributes.name, 10));
        status = key ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    free(name);
    if (status)
        return restore_refuse(restore, status, "a registry key is not there");
    return key_object_new(key, result);
}

NTSTATUS key_from(struct call *call, ACCESS_MASK access, struct object **object, struct key **key)
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

WCHAR *key_full_name(const struct key *key, uint32_t *length)
{
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

WCHAR *key_path(struct object *object, uint32_t *length)
{
    return key_full_name(container_of(object, struct key_object, object)->key, length);
}

/* ---- paths ---- */

static struct text next_component(struct text *rest)
{
    uint32_t length = 0;
    while (rest->length && rest->chars[0] == '\\')
        *rest = text_skip(*rest, 1);
    while (length < rest->length && rest->chars[length] != '\\')
        length++;
    struct text component = {rest->chars, length};
    *rest = text_skip(*rest, length);
    while (rest->length && rest->chars[0] == '\\')
        *rest = text_skip(*rest, 1);
    return component;
}

struct key *key_make_path(struct key *from, struct text path)
{
    struct key *key = from;
    for (uint32_t depth = 0; key && depth < DEPTH_MAX; depth++) {
        struct text component = next_component(&path);
        if (component.length == 0)
            return key;
        struct key *child = key_find_child(key, component);
        key = child ? child : key_add_child(key, component);
    }
    return NULL;
}

/* A path that does not lead to \REGISTRY may lead to something else. */
static NTSTATUS not_a_key(struct text path)
{
    struct object *found = NULL, *directory = NULL;
    struct text rest;
    WCHAR *storage = NULL;
    NTSTATUS status = namespace_lookup(NULL, path, 0, &found, &directory, &rest, &storage);
    object_release(found);
    object_release(directory);
    free(storage);
    return status ? status : STATUS_OBJECT_TYPE_MISMATCH;
}

/* From \REGISTRY, whose name the path begins with. */
static NTSTATUS walk_from_root(struct text *rest, struct key **start)
{
    struct text path = *rest;
    if (rest->length == 0 || rest->chars[0] != '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    struct text first = next_component(rest);
    *start = &registry_root;
    if (first.length == 0)
        return path.length == 1 ? STATUS_OBJECT_TYPE_MISMATCH : STATUS_OBJECT_NAME_INVALID;
    return text_equal(first, key_name(&registry_root)) ? STATUS_SUCCESS : not_a_key(path);
}

static NTSTATUS walk_start(const struct attributes *attributes, struct key **start,
                           struct text *rest)
{
    *rest = attributes->name;
    if (!attributes->root)
        return walk_from_root(rest, start);
    if (attributes->root->type != &key_type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    *start = container_of(attributes->root, struct key_object, object)->key;
    if (rest->length && rest->chars[0] == '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    return (*start)->deleted ? STATUS_KEY_DELETED : STATUS_SUCCESS;
}

/* The link's target, then what was left of the path: in *storage. */
static NTSTATUS follow(struct key *link, struct text *rest, struct key **key, WCHAR **storage)
{
    const struct value *target = key_find_value(link, LITERAL(LINK_VALUE));
    if (!target || target->type != REG_LINK || target->size < sizeof(WCHAR))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    uint32_t length = target->size / sizeof(WCHAR);
    WCHAR *path = malloc((length + 1 + rest->length + 1) * sizeof(WCHAR));
    if (!path)
        return STATUS_NO_MEMORY;
    memcpy(path, target->data, length * sizeof(WCHAR));
    path[length] = '\\';
    memcpy(path + length + 1, rest->chars, rest->length * sizeof(WCHAR));
    *rest = (struct text){path, length + 1 + rest->length};
    free(*storage);
    *storage = path;
    return walk_from_root(rest, key);
}

NTSTATUS key_walk(const struct attributes *attributes, bool open_link, struct key **key,
                  struct text *missing, WCHAR **storage)
{
    struct text rest;
    uint32_t links = 0;
    *storage = NULL;
    missing->length = 0;
    NTSTATUS status = walk_start(attributes, key, &rest);
    while (!status) {
        struct text component = next_component(&rest);
        if (component.length == 0)
            return STATUS_SUCCESS;
        if (component.length > NAME_MAX)
            return STATUS_INVALID_PARAMETER;
        struct key *child = key_find_child(*key, component);
        if (!child) {
            if (rest.length == 0)
                *missing = component;
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        *key = child;
        if (!child->is_link || (open_link && rest.length == 0))
            continue;
        if (++links > LINKS_MAX)
            return STATUS_NAME_TOO_LONG;
        status = follow(child, &rest, key, storage);
    }
    return status;
}

void registry_init(void)
{
    static const struct text roots[] = {{L"Machine", 7}, {L"User", 4}};
    for (uint32_t i = 0; i < 2; i++)
        if (!key_make_path(&registry_root, roots[i]))
            abort();
}
