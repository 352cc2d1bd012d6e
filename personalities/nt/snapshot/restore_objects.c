/* SPDX-License-Identifier: MIT */
/*
 * Objects of a snapshot and the handles to them. An object with a name that exists here already is
 * that one; all others are made by their kinds, and get their names.
 */
#include <personalities/nt/file.h>
#include <personalities/nt/job.h>
#include <personalities/nt/process.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/section.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/token.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX HANDLES_MAX

static struct restored_object *find_object(const struct restore_group *group, uint32_t id)
{
    for (uint32_t i = 0; id && i < group->object_count; i++)
        if (group->objects[i].id == id)
            return &group->objects[i];
    return NULL;
}

struct object *restored_object(const struct restore *restore, uint32_t id)
{
    const struct restored_object *object = find_object(restore->group, id);
    return object ? object->object : NULL;
}

static const struct nt_type *find_type(struct text class)
{
    const struct nt_type *const types[] = {
        &event_type, &mutant_type,  &semaphore_type, &timer_type,   &completion_type,
        &file_type,  &section_type, &key_type,       &process_type, &thread_type,
        &token_type, &job_type,     &directory_type, &symlink_type, &keyed_event_type};
    for (uint32_t i = 0; i < sizeof types / sizeof *types; i++)
        if (text_equal((struct text){types[i]->name, text_length(types[i]->name)}, class))
            return types[i];
    return NULL;
}

/* ---- names ----------------------------------------------------------------------------------------- */

/* The object of this name and type, held; or its directory, held, and the name below that. */
static NTSTATUS look_for(struct text name, const struct nt_type *type, struct object **object,
                         struct object **directory, struct text *rest, WCHAR **storage)
{
    NTSTATUS status =
        namespace_lookup(NULL, name, LOOKUP_OPEN_LINK, object, directory, rest, storage);
    if (!status && (*object)->type != type) {
        object_release(*object);
        *object = NULL;
        status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_SUCCESS : status;
}

static NTSTATUS make_named(struct restore *restore, const struct snap_note *note,
                           const struct nt_type *type, struct text name, struct object **result)
{
    struct object *directory = NULL;
    struct text rest;
    WCHAR *storage = NULL;
    NTSTATUS status = look_for(name, type, result, &directory, &rest, &storage);
    if (!status && !*result) {
        status = type->restore(restore, note, result);
        if (!status)
            status = namespace_insert(directory, rest, *result, false);
    }
    object_release(directory);
    free(storage);
    return status;
}

static bool has_name_here(const struct nt_type *type)
{
    return type != &file_type && type != &key_type;
}

static NTSTATUS make_object(struct restore *restore, const struct snap_note *note,
                            struct object **result)
{
    uint32_t class_length = 0, name_length = 0;
    WCHAR *class = restored_text(note, SNAP_OBJECT_CLASS, &class_length);
    WCHAR *name = restored_text(note, SNAP_OBJECT_NAME, &name_length);
    const struct nt_type *type = class ? find_type((struct text){class, class_length}) : NULL;
    NTSTATUS status;
    *result = NULL;
    if (!type || !type->restore)
        status = restore_refuse(restore, STATUS_NOT_SUPPORTED, "object %u is of unknown kind",
                                snap_get_u32(note, SNAP_OBJECT_ID, 0));
    else if (name && has_name_here(type))
        status = make_named(restore, note, type, (struct text){name, name_length}, result);
    else
        status = type->restore(restore, note, result);
    free(class);
    free(name);
    if (status && *result) {
        object_release(*result);
        *result = NULL;
    }
    return status;
}

/* ---- all ------------------------------------------------------------------------------------------- */

static NTSTATUS keep_object(struct restore *restore, uint32_t id, struct object *object)
{
    struct restore_group *group = restore->group;
    struct restored_object *grown = NULL;
    if (id && group->object_count < OBJECTS_MAX)
        grown = realloc(group->objects, (group->object_count + 1) * sizeof *grown);
    if (!grown) {
        object_release(object);
        return STATUS_INVALID_PARAMETER;
    }
    group->objects = grown;
    grown[group->object_count++] = (struct restored_object){id, restore, object};
    return STATUS_SUCCESS;
}

/* Of an object that several processes have each has a note; it is made of the first. */
static NTSTATUS make_objects(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OBJECT, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_OBJECT, note)) {
        uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
        const struct restored_object *present = find_object(restore->group, id);
        struct object *object;
        if (present && present->owner != restore)
            continue;
        if (present)
            return restore_refuse(restore, STATUS_INVALID_PARAMETER, "object %u is there twice",
                                  id);
        status = make_object(restore, note, &object);
        if (!status)
            status = keep_object(restore, id, object);
    }
    return status;
}

/* The object of a note, if it was made of this one; or NULL. */
static struct object *own_object(const struct restore *restore, const struct snap_note *note,
                                 uint16_t tag)
{
    const struct restored_object *object = find_object(restore->group, snap_get_u32(note, tag, 0));
    return object && object->owner == restore ? object->object : NULL;
}

static NTSTATUS connect_objects(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OBJECT, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_OBJECT, note)) {
        struct object *object = own_object(restore, note, SNAP_OBJECT_ID);
        if (object && object->type->connect)
            status = object->type->connect(restore, note, object);
    }
    return status;
}

/* Memory of sections; what belongs to files has been written by them. */
static NTSTATUS fill_objects(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FILEDATA, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_FILEDATA, note)) {
        struct object *object = own_object(restore, note, SNAP_FILEDATA_OBJECT);
        const struct snap_blob *blob =
            snap_find_blob(&restore->snapshot, snap_get_u32(note, SNAP_FILEDATA_BLOB, 0));
        if (object && blob && object->type == &section_type)
            status = section_restore_content(object, &blob->bytes, blob->size);
    }
    return status;
}

NTSTATUS restore_objects(struct restore_group *group)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (struct restore *each = group->members; each && !status; each = each->next)
        status = make_objects(each);
    for (struct restore *each = group->members; each && !status; each = each->next)
        status = connect_objects(each);
    for (struct restore *each = group->members; each && !status; each = each->next)
        status = fill_objects(each);
    return status;
}

NTSTATUS restore_handles(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FD, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_FD, note)) {
        uint32_t handle = snap_get_u32(note, SNAP_FD_FD, 0);
        struct handle_entry entry = {
            .object = restored_object(restore, snap_get_u32(note, SNAP_FD_OBJECT, 0)),
            .inherit = !snap_get_u32(note, SNAP_FD_CLOEXEC, 0),
            .protect = snap_get_u32(note, SNAP_FD_PROTECT, 0) & 1};
        if (!entry.object || handle % 4 != 0)
            return restore_refuse(restore, STATUS_INVALID_HANDLE, "handle %#x means nothing",
                                  handle);
        entry.access =
            snap_get_u32(note, SNAP_FD_ACCESS, 0) & entry.object->type->mapping.GenericAll;
        if (!handle_put(restore->process, handle, &entry))
            return restore_refuse(restore, STATUS_INVALID_HANDLE, "handle %#x is impossible",
                                  handle);
    }
    return STATUS_SUCCESS;
}
