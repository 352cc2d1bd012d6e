/* SPDX-License-Identifier: MIT */
/*
 * Handles, and the objects behind them. An object gets its number when it is first referred to, and a
 * note of its own after that; its kind fills that in.
 */
#include <personalities/nt/file.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>

uint32_t save_object(struct save *save, struct object *object)
{
    if (!object)
        return 0;
    for (uint32_t i = 0; i < save->object_count; i++)
        if (save->objects[i].object == object)
            return save->objects[i].id;
    if (save->object_count == save->object_room) {
        uint32_t room = save->object_room ? 2 * save->object_room : 32;
        struct saved_object *grown = realloc(save->objects, room * sizeof *grown);
        if (!grown) {
            save->snapshot.failed = true;
            return 0;
        }
        save->objects = grown;
        save->object_room = room;
    }
    uint32_t id = save->object_count + 1;
    object_hold(object);
    save->objects[save->object_count++] = (struct saved_object){object, id};
    return id;
}

void save_handles(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct handle_table *table = &save->process->handles;
    for (uint32_t i = 0; i < table->size; i++) {
        const struct handle_entry *entry = &table->entries[i];
        if (!entry->object)
            continue;
        snap_note_begin(snapshot, SNAP_FD);
        snap_put_u32(snapshot, SNAP_FD_FD, (i + 1) * 4);
        snap_put_u32(snapshot, SNAP_FD_OBJECT, save_object(save, entry->object));
        snap_put_u32(snapshot, SNAP_FD_CLOEXEC, !entry->inherit);
        snap_put_u32(snapshot, SNAP_FD_ACCESS, entry->access);
        snap_put_u32(snapshot, SNAP_FD_PROTECT, entry->protect);
    }
}

/* Which standard stream it is, if it is one: what a restore takes the restoring program's own for. */
static void put_standard(struct save *save, const struct object *object)
{
    for (uint32_t i = 0; i < 3; i++) {
        const struct handle_entry *entry = handle_entry(save->process, save->standard[i]);
        if (!entry || entry->object != object)
            continue;
        snap_put_u32(&save->snapshot, SNAP_OBJECT_STANDARD, i);
        return;
    }
}

static void put_object(struct save *save, struct object *object)
{
    struct snapshot *snapshot = &save->snapshot;
    const WCHAR *type = object->type->name;
    uint32_t length;
    snap_note_begin(snapshot, SNAP_OBJECT);
    snap_put_u32(snapshot, SNAP_OBJECT_ID, save->current);
    save_text(save, SNAP_OBJECT_CLASS, (struct text){type, text_length(type)});
    if (object->type != &file_type) {
        WCHAR *name = object_full_name(object, &length);
        if (name)
            save_text(save, SNAP_OBJECT_NAME, (struct text){name, length});
        free(name);
    }
    put_standard(save, object);
    if (object->type->save)
        object->type->save(object, save);
    if (!object->type->restore)
        save_refuse(save, ERR_NOT_SUPPORTED, "it has an object of a kind that cannot be saved");
}

void save_objects(struct save *save)
{
    for (uint32_t i = 0; i < save->object_count; i++) {
        save->current = save->objects[i].id;
        put_object(save, save->objects[i].object);
    }
}
