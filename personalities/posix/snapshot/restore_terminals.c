/* SPDX-License-Identifier: MIT */
/*
 * Terminals of a snapshot. A pseudo terminal whose master end is in the snapshot is made again, with
 * what waited in it, under its number if that is free. Any other terminal becomes the one at which the
 * restore is started, with the settings of the old one.
 */
#include <ipc/ttyclient.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../task.h"
#include "../tty.h"
#include "restore.h"

#define STREAMS 3u

/* ---- the present terminal ------------------------------------------------------------------------------- */

static struct file *present_terminal(void)
{
    for (uint32_t fd = 0; fd < STREAMS; fd++) {
        struct file *file = fd_get(fd);
        if (file && tty_of(file) && tty_of(file)->kind != TTY_MASTER)
            return file;
        if (file)
            file_release(file);
    }
    return NULL;
}

static int take_present(const struct snap_note *note, struct file **result)
{
    uint32_t length = 0;
    struct tty_attributes attributes;
    const uint8_t *saved = snap_get(note, SNAP_OBJECT_TERMIOS, &length);
    struct file *present = present_terminal(), *file = NULL;
    if (!present && tty_open_controlling(O_RDWR, &present) < 0)
        return restore_refuse(-ENXIO, "it needs a terminal", 0);
    struct tty *tty = tty_of(present);
    if (saved && length == sizeof attributes) {
        memcpy(&attributes, saved, sizeof attributes);
        ignore(tty_client_set_attributes(tty->terminal, &attributes, 0));
    }
    tty_hold(tty);
    file = tty_file_of(tty, snap_get_u32(note, SNAP_OBJECT_FLAGS, O_RDWR) & ~(uint32_t)O_CREAT,
                       present->attr.rdev);
    file_release(present);
    *result = file;
    return file ? 0 : -ENOMEM;
}

/* ---- pseudo terminals ------------------------------------------------------------------------------------- */

static bool is_tty(const struct snap_note *note, uint32_t kind)
{
    char class[8] = "";
    return snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class) &&
           strcmp(class, "tty") == 0 && snap_get_u32(note, SNAP_OBJECT_KIND, TTY_CONSOLE) == kind;
}

/* The master end of a number in the snapshot. */
static struct restored_object *master_slot(const struct restore_group *group, uint64_t number)
{
    for (uint32_t i = 0; i < group->object_count; i++) {
        struct restored_object *object = &group->objects[i];
        if (is_tty(object->note, TTY_MASTER) &&
            snap_get_u64(object->note, SNAP_OBJECT_VALUE, UINT64_MAX) == number)
            return object;
    }
    return NULL;
}

struct creation {
    uint32_t number;
    handle_t terminal, event;
};

static status_t create_at(handle_t server, void *context)
{
    struct creation *creation = context;
    return pty_client_create_at(server, creation->number, &creation->terminal, &creation->event);
}

static status_t create_any(handle_t server, void *context)
{
    struct creation *creation = context;
    return pty_client_create(server, &creation->terminal, &creation->event, &creation->number);
}

static int take_pty_state(const struct restored_object *slot, const struct tty *tty)
{
    const struct snap_blob *blob =
        snap_find_blob(&slot->owner->snapshot, snap_get_u32(slot->note, SNAP_OBJECT_STATE, 0));
    uint8_t *state = blob && blob->size <= PTY_STATE_MAX ? malloc(blob->size + 1) : NULL;
    if (!state)
        return blob ? -ENOMEM : 0;
    status_t status = snap_bytes_read(&blob->bytes, 0, state, blob->size);
    if (status == OK)
        status = pty_client_import(tty->terminal, state, blob->size);
    free(state);
    return status == OK ? 0
                        : restore_refuse(-ENOEXEC, "an impossible state of a terminal", slot->id);
}

static int make_master(struct restored_object *slot)
{
    struct creation creation = {.number = (uint32_t)snap_get_u64(slot->note, SNAP_OBJECT_VALUE, 0)};
    status_t status = tty_server_call(create_at, &creation);
    if (status != OK)
        status = tty_server_call(create_any, &creation);
    if (status != OK)
        return errno_of(status);
    struct tty *tty = tty_new(creation.terminal, creation.event);
    slot->file =
        tty ? tty_file_of(tty, snap_get_u32(slot->note, SNAP_OBJECT_FLAGS, O_RDWR), DEVICE_PTMX)
            : NULL;
    if (!slot->file)
        return -ENOMEM;
    if (creation.number != snap_get_u64(slot->note, SNAP_OBJECT_VALUE, 0))
        restore_complain("/dev/pts/%llu is another terminal's; it is /dev/pts/%u now",
                         (unsigned long long)snap_get_u64(slot->note, SNAP_OBJECT_VALUE, 0),
                         (unsigned)creation.number);
    return take_pty_state(slot, tty);
}

static struct tty *open_other_side(struct restored_object *master)
{
    handle_t terminal, event;
    int error = master->file ? 0 : make_master(master);
    if (error < 0 || pty_client_open_peer(tty_of(master->file)->terminal, &terminal, &event) != OK)
        return NULL;
    return tty_new(terminal, event);
}

int restore_terminal(struct restore *restore, const struct snap_note *note, struct file **result)
{
    const struct restore_group *group = restore->group;
    uint64_t number = snap_get_u64(note, SNAP_OBJECT_VALUE, UINT64_MAX);
    struct restored_object *master = is_tty(note, TTY_CONSOLE) ? NULL : master_slot(group, number);
    if (!master)
        return take_present(note, result);
    if (is_tty(note, TTY_MASTER)) {
        int error = make_master(master);
        *result = master->file;
        return error;
    }
    struct tty *tty = open_other_side(master);
    *result =
        tty ? tty_file_of(tty, snap_get_u32(note, SNAP_OBJECT_FLAGS, O_RDWR), tty_rdev(tty)) : NULL;
    return *result ? 0 : -ENOMEM;
}

/* ---- sessions --------------------------------------------------------------------------------------------- */

bool restore_leads_session(const struct restore *restore)
{
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    uint32_t sid = snap_get_u32(process, SNAP_PROCESS_SID, 0);
    if (sid != restore->old_pid || restore->old_pid == 0)
        return false;
    for (uint32_t i = 0; i < restore->group->object_count; i++) {
        const struct snap_note *note = restore->group->objects[i].note;
        bool terminal = is_tty(note, TTY_CONSOLE) || is_tty(note, TTY_PSEUDO);
        if (terminal && snap_get_u32(note, SNAP_OBJECT_SID, 0) == sid &&
            !master_slot(restore->group, snap_get_u64(note, SNAP_OBJECT_VALUE, UINT64_MAX)))
            return false;
    }
    return true;
}

/* The pseudo terminal of a session of the snapshot. */
static void take_session(struct restore_group *group, struct restored_object *slot)
{
    uint32_t sid = snap_get_u32(slot->note, SNAP_OBJECT_SID, 0);
    const struct restore *leader = sid ? restore_member(group, sid) : NULL;
    const struct restore *front =
        restore_member(group, snap_get_u32(slot->note, SNAP_OBJECT_PGID, 0));
    struct tty *tty = leader && leader->pid ? open_other_side(slot) : NULL;
    if (!tty)
        return;
    server_lock();
    struct process *process = process_find(leader->pid);
    struct session *session = process ? process->session : NULL;
    bool ours = session && session->sid == leader->pid && !session->tty;
    const struct process *first = front && front->pid ? process_find(front->pid) : process;
    uint32_t pgid = first ? first->pgid : 0;
    if (ours) {
        tty_hold(tty);
        session->tty = tty;
    }
    server_unlock();
    if (ours)
        ignore(tty_client_set_session(tty->terminal, leader->pid, pgid, false));
    tty_release(tty);
}

/* The group that was in the foreground of what is the present terminal now. */
static void take_foreground(struct restore_group *group, const struct restored_object *slot)
{
    const struct restore *front =
        restore_member(group, snap_get_u32(slot->note, SNAP_OBJECT_PGID, 0));
    const struct tty *tty = slot->file ? tty_of(slot->file) : NULL;
    uint32_t pgid, sid;
    if (!front || !front->pid || !tty || tty->kind == TTY_MASTER ||
        master_slot(group, snap_get_u64(slot->note, SNAP_OBJECT_VALUE, UINT64_MAX)) ||
        tty_client_get_group(tty->terminal, &pgid, &sid) != OK || pgid != group->present_pgid)
        return;
    server_lock();
    const struct process *process = process_find(front->pid);
    uint32_t wanted = process && process->session->sid == sid ? process->pgid : 0;
    server_unlock();
    if (wanted && wanted != pgid)
        ignore(tty_client_set_group(tty->terminal, wanted, sid));
}

void restore_sessions(struct restore_group *group)
{
    for (uint32_t i = 0; i < group->object_count; i++) {
        struct restored_object *slot = &group->objects[i];
        if (is_tty(slot->note, TTY_MASTER))
            take_session(group, slot);
        else
            take_foreground(group, slot);
    }
}
