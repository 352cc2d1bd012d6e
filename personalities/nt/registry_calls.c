/* SPDX-License-Identifier: MIT */
/* Calls that make, change and remove keys and values. */
#include <personalities/nt/registry.h>

#include <ipc/call.h>
#include <personalities/nt/file.h>

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX      0x100000u
#define VALUE_NAME_MAX 16383u
#define HIVE_MAX       0x1000000u

/* ---- opening ---- */

static NTSTATUS return_key(struct call *call, struct key *key, uint32_t attributes)
{
    struct object *object;
    NTSTATUS status = key_object_new(key, &object);
    return status ? status
                  : object_return_handle(call->thread, call->args[0], object, call->args[1],
                                         attributes);
}

/* Keys, unlike other objects, must be given a name, if an empty one. */
static NTSTATUS key_attributes(struct call *call, struct attributes *attributes)
{
    OBJECT_ATTRIBUTES raw;
    NTSTATUS status = guest_read(&raw, call->args[2], sizeof raw);
    if (status || !raw.ObjectName)
        return STATUS_ACCESS_VIOLATION;
    return attributes_read_open(call->thread, call->args[2], attributes);
}

static NTSTATUS open_key(struct call *call, uint32_t options)
{
    struct attributes attributes;
    struct key *key;
    struct text missing;
    WCHAR *storage;
    NTSTATUS status = key_attributes(call, &attributes);
    if (status)
        return status;
    bool open_link = (attributes.flags & OBJ_OPENLINK) || (options & REG_OPTION_OPEN_LINK);
    status = key_walk(&attributes, open_link, &key, &missing, &storage);
    free(storage);
    if (!status)
        status = return_key(call, key, attributes.flags);
    else
        (void)guest_write32(call->args[0], 0);
    attributes_free(&attributes);
    return status;
}

NTSTATUS nt_open_key(struct call *call)
{
    return open_key(call, 0);
}

NTSTATUS nt_open_key_ex(struct call *call)
{
    return open_key(call, call->args[3]);
}

static NTSTATUS set_class(struct key *key, uint32_t guest)
{
    struct text class;
    WCHAR *storage;
    NTSTATUS status = guest ? guest_read_text(guest, &class, &storage) : STATUS_SUCCESS;
    if (!guest || status)
        return status;
    key->class = storage;
    key->class_length = class.length;
    return STATUS_SUCCESS;
}

/* A new key `name` below *key, which it then is. */
static NTSTATUS add_key(struct call *call, struct key **key, struct text name)
{
    uint32_t options = call->args[5];
    if (*key == &registry_root)
        return STATUS_ACCESS_DENIED;
    if ((*key)->is_volatile && !(options & REG_OPTION_VOLATILE))
        return STATUS_CHILD_MUST_BE_VOLATILE;
    struct key *child = key_add_child(*key, name);
    if (!child)
        return STATUS_NO_MEMORY;
    child->is_volatile = (options & REG_OPTION_VOLATILE) != 0;
    child->is_link = (options & REG_OPTION_CREATE_LINK) != 0;
    NTSTATUS status = set_class(child, call->args[4]);
    if (status) {
        key_remove(child);
        return status;
    }
    (*key)->written = nt_time();
    registry_store_changed(child);
    key_changed(*key, REG_NOTIFY_CHANGE_NAME);
    *key = child;
    return STATUS_SUCCESS;
}

static NTSTATUS create_key(struct call *call, const struct attributes *attributes, struct key **key,
                           uint32_t *disposition)
{
    struct text missing;
    WCHAR *storage;
    uint32_t options = call->args[5];
    bool open_link = (attributes->flags & OBJ_OPENLINK) ||
                     (options & (REG_OPTION_OPEN_LINK | REG_OPTION_CREATE_LINK));
    NTSTATUS status = key_walk(attributes, open_link, key, &missing, &storage);
    *disposition = REG_OPENED_EXISTING_KEY;
    if (!status && (options & REG_OPTION_CREATE_LINK))
        status = STATUS_OBJECT_NAME_COLLISION;
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && missing.length) {
        *disposition = REG_CREATED_NEW_KEY;
        status = add_key(call, key, missing);
    }
    free(storage);
    return status;
}

NTSTATUS nt_create_key(struct call *call)
{
    struct attributes attributes;
    struct key *key;
    uint32_t disposition;
    NTSTATUS status = key_attributes(call, &attributes);
    if (status)
        return status;
    status = create_key(call, &attributes, &key, &disposition);
    if (!status)
        status = return_key(call, key, attributes.flags);
    else
        (void)guest_write32(call->args[0], 0);
    attributes_free(&attributes);
    return status ? status : guest_return32(call->args[6], disposition);
}

NTSTATUS nt_delete_key(struct call *call)
{
    struct object *object;
    struct key *key;
    NTSTATUS status = key_from(call, DELETE, &object, &key);
    if (status)
        return status == STATUS_KEY_DELETED ? STATUS_SUCCESS : status;
    if (key->children)
        status = STATUS_CANNOT_DELETE;
    else if (!key->parent || key->parent == &registry_root)
        status = STATUS_ACCESS_DENIED;
    else
        key_remove(key);
    object_release(object);
    return status;
}

static bool has_backslash(struct text name)
{
    for (uint32_t i = 0; i < name.length; i++)
        if (name.chars[i] == '\\')
            return true;
    return false;
}

/* (key, *new name) */
NTSTATUS nt_rename_key(struct call *call)
{
    struct object *object;
    struct key *key;
    struct text name;
    WCHAR *storage;
    NTSTATUS status = guest_read_text(call->args[1], &name, &storage);
    if (status)
        return status;
    if (name.length == 0 || has_backslash(name))
        status = STATUS_INVALID_PARAMETER;
    if (!status)
        status = key_from(call, KEY_WRITE, &object, &key);
    if (!status) {
        if (!key->parent || key->parent == &registry_root)
            status = STATUS_INVALID_PARAMETER;
        else if (key_find_child(key->parent, name))
            status = STATUS_CANNOT_DELETE;
        else
            status = key_rename(key, name);
        object_release(object);
    }
    free(storage);
    return status;
}

/* ---- values ---- */

static NTSTATUS store_value(struct call *call, struct key *key, struct text name)
{
    uint32_t type = call->args[3], size = call->args[5];
    if (size > VALUE_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (key->is_link && (!text_equal(name, LITERAL("SymbolicLinkValue")) || type != REG_LINK))
        return STATUS_ACCESS_DENIED;
    uint8_t *data = malloc(size + 1);
    if (!data)
        return STATUS_NO_MEMORY;
    NTSTATUS status = guest_read(data, call->args[4], size);
    if (status) {
        free(data);
        return status;
    }
    return key_set_value(key, name, type, data, size);
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
    status = name.length > VALUE_NAME_MAX ? STATUS_INVALID_PARAMETER
                                          : key_from(call, KEY_SET_VALUE, &object, &key);
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
        if (!key_delete_value(key, name))
            status = STATUS_OBJECT_NAME_NOT_FOUND;
        object_release(object);
    }
    free(storage);
    return status;
}

/* (key, class, buffer, length) */
NTSTATUS nt_set_information_key(struct call *call)
{
    struct object *object;
    struct key *key;
    enum { KEY_WRITE_TIME = 0, KEY_USER_FLAGS = 1 };
    uint64_t time;
    NTSTATUS status = key_from(call, KEY_SET_VALUE, &object, &key);
    if (status)
        return status;
    if (call->args[1] == KEY_WRITE_TIME && call->args[3] == sizeof time) {
        status = guest_read(&time, call->args[2], sizeof time);
        if (!status)
            key->written = time;
    } else if (call->args[1] == KEY_USER_FLAGS && call->args[3] == sizeof key->user_flags) {
        status = guest_read(&key->user_flags, call->args[2], sizeof key->user_flags);
    } else {
        status = call->args[1] <= KEY_USER_FLAGS ? STATUS_INFO_LENGTH_MISMATCH
                                                 : STATUS_INVALID_INFO_CLASS;
    }
    object_release(object);
    return status;
}

NTSTATUS nt_flush_key(struct call *call)
{
    struct object *object;
    struct key *key;
    NTSTATUS status = key_from(call, 0, &object, &key);
    if (status)
        return status;
    object_release(object);
    return registry_store_flush();
}

/* ---- hives in files of the program's ---- */

/* (key, file) */
NTSTATUS nt_save_key(struct call *call)
{
    struct object *object, *file;
    struct key *key;
    size_t length;
    uint32_t done;
    NTSTATUS status = key_from(call, 0, &object, &key);
    if (status)
        return status;
    status = handle_object(call->thread, call->args[1], &file_type, FILE_WRITE_DATA, &file);
    if (!status) {
        char *text = registry_write_text(key, &length);
        status = text ? ntfile_write(call->thread, file_of(file), text, length, 0, &done)
                      : STATUS_NO_MEMORY;
        free(text);
        object_release(file);
    }
    object_release(object);
    return status;
}

static NTSTATUS read_whole(struct nt_thread *thread, struct object *file, char **text,
                           uint32_t *length)
{
    struct fs_attr attr;
    if (file_of(file)->kind != FILE_DISK)
        return STATUS_INVALID_PARAMETER;
    status_t status = BLOCKING(fs_client_stat(file_of(file)->node, &attr));
    if (status != OK)
        return nt_status(status);
    *text = attr.size < HIVE_MAX ? malloc(attr.size + 1) : NULL;
    if (!*text)
        return STATUS_NO_MEMORY;
    NTSTATUS error = ntfile_read(thread, file_of(file), *text, attr.size, 0, length);
    if (error)
        free(*text);
    return error;
}

/* Fill a key from a file. */
static NTSTATUS load_into(struct call *call, struct key *key, struct object *file)
{
    char *text;
    uint32_t length;
    NTSTATUS status = read_whole(call->thread, file, &text, &length);
    if (status)
        return status;
    registry_read_text(key, text, length);
    free(text);
    registry_store_changed(key);
    key_changed(key, REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET);
    return STATUS_SUCCESS;
}

static NTSTATUS open_hive(struct call *call, uint32_t attributes_guest, struct object **file)
{
    struct attributes attributes;
    struct open_request request = {.thread = call->thread,
                                   .process = call->process,
                                   .access = FILE_READ_DATA | SYNCHRONIZE,
                                   .share = FILE_SHARE_READ,
                                   .disposition = FILE_OPEN,
                                   .options = FILE_SYNCHRONOUS_IO_NONALERT};
    NTSTATUS status = attributes_read(call->thread, attributes_guest, &attributes);
    if (status)
        return status;
    status = ntfile_open_path(attributes.root, attributes.name, &request, file);
    attributes_free(&attributes);
    return status;
}

/* (key attributes, file attributes): the file's content as a new key, volatile as a loaded hive is */
NTSTATUS nt_load_key(struct call *call)
{
    struct attributes attributes;
    struct key *parent, *key;
    struct text missing;
    WCHAR *storage;
    struct object *file;
    NTSTATUS status = open_hive(call, call->args[1], &file);
    if (status)
        return status;
    status = attributes_read(call->thread, call->args[0], &attributes);
    if (status) {
        object_release(file);
        return status;
    }
    status = key_walk(&attributes, false, &parent, &missing, &storage);
    if (!status) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else if (status == STATUS_OBJECT_NAME_NOT_FOUND && missing.length) {
        key = key_add_child(parent, missing);
        status = key ? STATUS_SUCCESS : STATUS_NO_MEMORY;
        if (key) {
            key->is_volatile = key->is_hive = true;
            status = load_into(call, key, file);
            if (status)
                key_remove_tree(key);
            else
                key_changed(parent, REG_NOTIFY_CHANGE_NAME);
        }
    }
    free(storage);
    attributes_free(&attributes);
    object_release(file);
    return status;
}

/* (key attributes) */
NTSTATUS nt_unload_key(struct call *call)
{
    struct attributes attributes;
    struct key *key;
    struct text missing;
    WCHAR *storage;
    NTSTATUS status = attributes_read(call->thread, call->args[0], &attributes);
    if (status)
        return status;
    status = key_walk(&attributes, false, &key, &missing, &storage);
    free(storage);
    attributes_free(&attributes);
    if (status)
        return status;
    if (!key->is_hive)
        return STATUS_INVALID_PARAMETER;
    if (key->references > 1)
        return STATUS_CANNOT_DELETE;
    key_remove_tree(key);
    return STATUS_SUCCESS;
}

/* (key, file, flags): the file's content in place of the key's */
NTSTATUS nt_restore_key(struct call *call)
{
    struct object *object, *file;
    struct key *key;
    NTSTATUS status = key_from(call, KEY_WRITE, &object, &key);
    if (status)
        return status;
    status = handle_object(call->thread, call->args[1], &file_type, FILE_READ_DATA, &file);
    if (!status) {
        while (key->children)
            key_remove_tree(key->children);
        while (key->values)
            (void)key_delete_value(key, (struct text){key->values->name, key->values->name_length});
        status = load_into(call, key, file);
        object_release(file);
    }
    object_release(object);
    return status;
}
