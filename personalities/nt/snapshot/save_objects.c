/* SPDX-License-Identifier: MIT */
/*
 * Handles, and the objects behind them. An object gets its number when it is first referred to, and a
 * note of its own after that; its kind fills that in.
 */
#include <personalities/nt/file.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>

/* Room for one more in an array; NULL when out of memory. */
static void *grow(void *array, uint32_t count, uint32_t *room, uint32_t size)
{
    if (count < *room)
        return array;
    uint32_t wanted = *room ? 2 * *room : 32;
    void *grown = realloc(array, wanted * size);
    if (grown)
        *room = wanted;
    return grown;
}

/* Its number in the group; 0 without memory. */
static uint32_t number(struct save_group *group, struct object *object)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].object == object)
            return group->objects[i].id;
    struct saved_object *objects =
        grow(group->objects, group->object_count, &group->object_room, sizeof *objects);
    if (!objects)
        return 0;
    uint32_t id = group->object_count + 1;
    object_hold(object);
    objects[group->object_count++] = (struct saved_object){object, id};
    group->objects = objects;
    return id;
}

uint32_t save_object(struct save *save, struct object *object)
{
    uint32_t id = object ? number(save->group, object) : 0;
    for (uint32_t i = 0; i < save->used_count; i++)
        if (save->used[i] == id)
            return id;
    if (!object)
        return 0;
    uint32_t *used = id ? grow(save->used, save->used_count, &save->used_room, sizeof *used) : NULL;
    if (!used) {
        save->snapshot.failed = true;
        return 0;
    }
    used[save->used_count++] = id;
    save->used = used;
    return id;
}

struct object *save_used(const struct save *save, uint32_t index)
{
    return save->group->objects[save->used[index] - 1].object;
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
    for (uint32_t i = 0; i < save->used_count; i++) {
        save->current = save->used[i];
        put_object(save, save_used(save, i));
    }
}
