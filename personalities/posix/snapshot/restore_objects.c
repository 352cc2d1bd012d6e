/* SPDX-License-Identifier: MIT */
/*
 * What processes of a snapshot hold beside open files: System V objects, messages in queues, locks,
 * pidfds. An object of the machine that is there already, under its number and key, is used as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../ipc.h"
#include "../lock.h"
#include "../task.h"
#include "kinds.h"
#include "restore.h"

/* ---- System V ------------------------------------------------------------------------------------------- */

static bool is_kind(const struct snap_note *note, const char *kind)
{
    char text[8] = "";
    return snap_get_text(note, SNAP_IPC_KIND, text, sizeof text) && strcmp(text, kind) == 0;
}

static int fill_segment(const struct restore *restore, const struct snap_note *note, handle_t vmo)
{
    const struct snap_blob *blob =
        snap_find_blob(&restore->snapshot, snap_get_u32(note, SNAP_IPC_BLOB, 0));
    uint8_t *buffer = malloc(PAGE_SIZE);
    status_t status = buffer ? OK : ERR_NO_MEMORY;
    for (uint32_t at = 0; blob && status == OK && at < blob->size; at += PAGE_SIZE) {
        uint32_t part = MIN(blob->size - at, PAGE_SIZE);
        status = snap_bytes_read(&blob->bytes, at, buffer, part);
        if (status == OK)
            status = vmo_write(vmo, at, buffer, part);
    }
    free(buffer);
    return errno_of(status);
}

static int add_shared(struct restore_group *group, uint32_t id, handle_t vmo, bool present)
{
    struct restored_shared *larger =
        realloc(group->shared, (group->shared_count + 1) * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    group->shared = larger;
    larger[group->shared_count++] = (struct restored_shared){id, vmo, present};
    return 0;
}

static bool has_shared(const struct restore_group *group, uint32_t id)
{
    for (uint32_t i = 0; i < group->shared_count; i++)
        if (group->shared[i].id == id)
            return true;
    return false;
}

static int make_segment(struct restore *restore, const struct snap_note *note)
{
    uint32_t id = snap_get_u32(note, SNAP_IPC_OBJECT, 0);
    handle_t vmo = HANDLE_NONE;
    bool present = false;
    if (has_shared(restore->group, id))
        return 0; /* another process's note */
    server_lock();
    int error = shm_restore(note, &vmo, &present);
    server_unlock();
    if (error == 0 && !present)
        error = fill_segment(restore, note, vmo);
    if (error == 0)
        error = add_shared(restore->group, id, vmo, present);
    if (error < 0)
        close_handle(vmo);
    return error;
}

static int make_set(const struct snap_note *note)
{
    server_lock();
    int error = sem_restore(note);
    server_unlock();
    return error;
}

static int read_blob(const struct restore *restore, const struct snap_note *note, uint8_t **bytes,
                     uint32_t *size)
{
    const struct snap_blob *blob =
        snap_find_blob(&restore->snapshot, snap_get_u32(note, SNAP_MESSAGE_BLOB, 0));
    *size = blob ? blob->size : 0;
    *bytes = *size <= 1u << 24 ? malloc(*size + 1) : NULL;
    if (!*bytes)
        return -ENOMEM;
    return blob ? errno_of(snap_bytes_read(&blob->bytes, 0, *bytes, *size)) : 0;
}

static int make_queue(struct restore *restore, const struct snap_note *queue)
{
    uint32_t id = snap_get_u32(queue, SNAP_IPC_ID, 0);
    bool present = false;
    server_lock();
    int error = msg_restore(queue, &present);
    server_unlock();
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_MESSAGE, NULL);
    for (; note && error == 0 && !present;
         note = snap_next(&restore->snapshot, SNAP_MESSAGE, note)) {
        uint8_t *bytes = NULL;
        uint32_t size;
        if (snap_get_u32(note, SNAP_MESSAGE_IPC, UINT32_MAX) != id)
            continue;
        error = read_blob(restore, note, &bytes, &size);
        server_lock();
        if (error == 0)
            error = msg_restore_message(id, (int32_t)snap_get_u32(note, SNAP_MESSAGE_TYPE, 0),
                                        bytes, size);
        server_unlock();
        free(bytes);
    }
    return error;
}

static int make_ipc(struct restore *restore, const struct snap_note *note)
{
    int error = is_kind(note, "shm")   ? make_segment(restore, note)
                : is_kind(note, "sem") ? make_set(note)
                : is_kind(note, "msg") ? make_queue(restore, note)
                                       : -ENOEXEC;
    return error < 0 ? restore_refuse(error, "a System V object cannot be had",
                                      snap_get_u32(note, SNAP_IPC_ID, 0))
                     : 0;
}

int restore_ipc(struct restore_group *group)
{
    int error = 0;
    for (struct restore *each = group->members; each && error == 0; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_IPC, NULL);
        for (; note && error == 0; note = snap_next(&each->snapshot, SNAP_IPC, note))
            error = make_ipc(each, note);
    }
    return error;
}

/* ---- messages of POSIX queues ---------------------------------------------------------------------------- */

static int make_messages(const struct restored_object *slot)
{
    const struct snapshot *snapshot = &slot->owner->snapshot;
    const struct snap_note *note = snap_next(snapshot, SNAP_MESSAGE, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(snapshot, SNAP_MESSAGE, note)) {
        uint8_t *bytes = NULL;
        uint32_t size;
        if (snap_get_u32(note, SNAP_MESSAGE_OBJECT, 0) != slot->id)
            continue;
        error = read_blob(slot->owner, note, &bytes, &size);
        server_lock();
        if (error == 0)
            error = mq_restore_message(slot->file, snap_get_u32(note, SNAP_MESSAGE_PRIORITY, 0),
                                       bytes, size);
        server_unlock();
        free(bytes);
    }
    return error;
}

int restore_messages(struct restore_group *group)
{
    int error = 0;
    for (uint32_t i = 0; i < group->object_count && error == 0; i++)
        if (group->objects[i].fresh && group->objects[i].file)
            error = make_messages(&group->objects[i]);
    return error;
}

/* ---- locks ------------------------------------------------------------------------------------------------ */

static int take_lock(struct restore *restore, const struct snap_note *note)
{
    struct file *file = restored_file(restore->group, snap_get_u32(note, SNAP_LOCK_OBJECT, 0));
    char kind[8] = "";
    (void)snap_get_text(note, SNAP_LOCK_KIND, kind, sizeof kind);
    struct lock_range range = {.pid = strcmp(kind, "record") == 0 ? 0 : UINT32_MAX,
                               .whole = strcmp(kind, "flock") == 0,
                               .exclusive = snap_get_u32(note, SNAP_LOCK_EXCLUSIVE, 0) != 0,
                               .start = snap_get_u64(note, SNAP_LOCK_START, 0),
                               .end = snap_get_u64(note, SNAP_LOCK_END, UINT64_MAX)};
    return file ? lock_take(file, &range) : -ENOEXEC;
}

int restore_holdings(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_LOCK, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_LOCK, note))
        if (take_lock(restore, note) < 0)
            restore_complain("a lock of process %u is somebody else's now",
                             (unsigned)self()->process->pid);
    note = snap_next(&restore->snapshot, SNAP_UNDO, NULL);
    server_lock();
    int error = 0;
    for (; note && error == 0; note = snap_next(&restore->snapshot, SNAP_UNDO, note))
        error = sem_restore_undo(self()->process, note);
    server_unlock();
    return error;
}

/* ---- when all processes are there --------------------------------------------------------------------------- */

static uint32_t new_pid(const struct restore_group *group, uint32_t old_pid)
{
    for (const struct restore *each = group->members; each; each = each->next)
        if (each->old_pid == old_pid)
            return each->pid;
    return 0;
}

static bool is_child(const struct restore_group *group, uint32_t pid)
{
    for (const struct restore *each = group->members; each; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_CHILD, NULL);
        for (; note; note = snap_next(&each->snapshot, SNAP_CHILD, note))
            if (snap_get_u32(note, SNAP_CHILD_PID, 0) == pid)
                return true;
    }
    return false;
}

/* One of a process that is not in the snapshot is refused: the number may be anybody's. */
static void bind_pidfd(const struct restore_group *group, const struct restored_object *slot)
{
    uint32_t old = snap_get_u32(slot->note, SNAP_OBJECT_PID, 0), pid = new_pid(group, old);
    if (old == 0 || !slot->file)
        return;
    server_lock();
    bool found = (pid || is_child(group, old)) && pidfd_bind(slot->file, pid ? pid : old);
    server_unlock();
    if (!found)
        log_line("snapshot: a pidfd of process %u names nobody now", (unsigned)old);
}

void restore_relations(struct restore_group *group)
{
    restore_sessions(group);
    for (uint32_t i = 0; i < group->object_count; i++) {
        const struct restored_object *slot = &group->objects[i];
        uint32_t length = 0;
        bind_pidfd(group, slot);
        const uint8_t *notify = snap_get(slot->note, SNAP_OBJECT_NOTIFY, &length);
        uint32_t pid = 0;
        if (!notify || length < 4 || !slot->file)
            continue;
        memcpy(&pid, notify, 4);
        server_lock();
        mq_restore_notify(slot->file, slot->note, new_pid(group, pid));
        server_unlock();
    }
    for (const struct restore *each = group->members; each; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_IPC, NULL);
        for (; note; note = snap_next(&each->snapshot, SNAP_IPC, note)) {
            server_lock();
            if (is_kind(note, "shm"))
                shm_restore_end(note);
            server_unlock();
        }
    }
}
