/* SPDX-License-Identifier: MIT */
/*
 * The program's handles and the objects behind them. What the kernel has is looked at through handles
 * of our own to the same objects; what a server has is asked of the server. An object of a server that
 * keeps more than can be asked for is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>

#include "save.h"

#define ASK_PATIENCE NS_PER_S

/* ---- taking them ---------------------------------------------------------------------------------- */

static bool same_object(const struct saved_handle *a, const struct saved_handle *b)
{
    return a->info.object_id == b->info.object_id && a->info.badge == b->info.badge &&
           a->info.type == b->info.type;
}

static void number_handle(struct save *save, struct saved_handle *handle)
{
    for (const struct saved_handle *each = save->handles; each != handle; each++)
        if (same_object(each, handle)) {
            handle->object = each->object;
            return;
        }
    handle->object = ++save->object_count;
}

static struct saved_handle *new_handle(struct save *save)
{
    if (save->handle_count == save->handle_room) {
        uint32_t room = save->handle_room != 0 ? 2 * save->handle_room : 32;
        struct saved_handle *grown = realloc(save->handles, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        save->handles = grown;
        save->handle_room = room;
    }
    struct saved_handle *handle = &save->handles[save->handle_count++];
    memset(handle, 0, sizeof *handle);
    return handle;
}

void save_take_handles(struct save *save)
{
    handle_t value = 0, own, process = save->process->program.process;
    while (process_handle(process, value, &value, &own) == OK) {
        struct saved_handle *handle = new_handle(save);
        if (handle == NULL) {
            handle_drop(&own);
            save_refuse(save, ERR_NO_MEMORY, "no memory for its handles");
            return;
        }
        handle->value = value;
        handle->own = own;
        if (handle_info(own, &handle->info) != OK ||
            (handle->info.type == OBJECT_VMO && vmo_info(own, &handle->memory) != OK))
            save_refuse(save, ERR_BAD_STATE, "handle %#x cannot be looked at", (unsigned)value);
        number_handle(save, handle);
    }
}

const struct startup_handle *save_granted(const struct save *save, handle_t value, uint32_t *index)
{
    *index = 0;
    for (uint32_t i = 0; i < save->startup.handle_count; i++) {
        const struct startup_handle *granted = &save->granted[i];
        bool is_device = granted->tag >= STARTUP_FD(0) && granted->kind == FD_DEVICE;
        if (is_device || granted->handle != value)
            continue;
        for (uint32_t before = 0; before < i; before++)
            *index += save->granted[before].tag == granted->tag;
        return granted;
    }
    return NULL;
}

/* The handle by which the program was given an object, or NULL. */
static const struct startup_handle *granted_object(const struct save *save, uint32_t object,
                                                   uint32_t *index)
{
    for (uint32_t i = 0; i < save->handle_count; i++) {
        const struct startup_handle *granted =
            save->handles[i].object == object ? save_granted(save, save->handles[i].value, index)
                                              : NULL;
        if (granted != NULL && granted->tag != STARTUP_TTY)
            return granted;
    }
    return NULL;
}

/* Which standard stream it is, if it is one: what a restore takes the restoring program's own for. */
static bool put_standard(struct save *save, const struct saved_handle *handle)
{
    uint32_t index;
    const struct startup_handle *granted = granted_object(save, handle->object, &index);
    if (granted == NULL || granted->tag < STARTUP_FD(0) || granted->tag >= STARTUP_FD(3))
        return false;
    snap_put_u32(&save->snapshot, SNAP_OBJECT_STANDARD, granted->tag - STARTUP_FD(0));
    return true;
}

static void put_role(struct save *save, handle_t value)
{
    static const char *const names[] = {
        [STARTUP_PROCESS] = "process", [STARTUP_SPACE] = "space", [STARTUP_INIT] = "init",
        [STARTUP_ROOT] = "root",       [STARTUP_CWD] = "cwd",     [STARTUP_TTY] = "terminal"};
    uint32_t index;
    const struct startup_handle *granted = save_granted(save, value, &index);
    char text[32];
    if (granted == NULL)
        return;
    if (granted->tag >= STARTUP_FD(0)) {
        snprintf(text, sizeof text, "fd %u%s", (unsigned)(granted->tag - STARTUP_FD(0)),
                 index > 0 ? ", second handle" : "");
        snap_put_text(&save->snapshot, SNAP_FD_ROLE, text);
    } else if (granted->tag < sizeof names / sizeof *names) {
        snap_put_text(&save->snapshot, SNAP_FD_ROLE, names[granted->tag]);
    }
}

/* ---- kernel objects --------------------------------------------------------------------------------- */

static void put_class(struct save *save, const char *class)
{
    snap_put_text(&save->snapshot, SNAP_OBJECT_CLASS, class);
}

static const struct saved_handle *find_handle(const struct save *save, uint32_t type,
                                              uint32_t object_id, uint32_t rights)
{
    for (uint32_t i = 0; i < save->handle_count; i++) {
        const struct saved_handle *handle = &save->handles[i];
        if (handle->info.type == type && handle->info.object_id == object_id &&
            (handle->info.rights & rights) == rights && (rights == 0 || handle->info.badge == 0))
            return handle;
    }
    return NULL;
}

static void put_own(struct save *save, const struct saved_handle *handle, const char *class,
                    handle_t mine)
{
    struct handle_info own;
    put_class(save, class);
    if (handle_info(mine, &own) != OK || own.object_id != handle->info.object_id)
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to another %s than its own",
                    (unsigned)handle->value, class);
}

static void put_thread(struct save *save, const struct saved_handle *handle)
{
    put_class(save, "thread");
    snap_put_u32(&save->snapshot, SNAP_OBJECT_THREAD, handle->info.object_id);
    snap_put_u64(&save->snapshot, SNAP_OBJECT_VALUE, handle->info.signals);
}

uint32_t save_memory_number(const struct save *save, uint32_t vmo_id)
{
    for (uint32_t i = 0; i < save->handle_count; i++)
        if (save->handles[i].info.type == OBJECT_VMO && save->handles[i].memory.id == vmo_id)
            return save->handles[i].object;
    for (uint32_t i = 0; i < save->loose_count; i++)
        if (save->loose[i] == vmo_id)
            return save->object_count + i + 1;
    return 0;
}

static void put_memory(struct save *save, const struct saved_handle *handle)
{
    const struct vmo_info *info = &handle->memory;
    uint64_t size = info->size_low | (uint64_t)info->size_high << 32;
    put_class(save, "memory");
    snap_put_u64(&save->snapshot, SNAP_OBJECT_SIZE, size);
    if (info->paged || info->physical || (info->flags & VMO_CONTIGUOUS))
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to memory of a %s",
                    (unsigned)handle->value, info->paged ? "file" : "device");
    else if (!(handle->info.rights & RIGHT_READ))
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to memory that may not be read",
                    (unsigned)handle->value);
    else if (info->committed > 0)
        save_content(save, handle->object, handle->own, size);
}

static void put_stream(struct save *save, const struct saved_handle *handle, struct snap_note *note)
{
    struct snapshot *snapshot = &save->snapshot;
    bool reads = handle->info.rights & RIGHT_READ;
    uint32_t queued = 0, capacity = 0;
    handle_t ends[2] = {HANDLE_NONE, HANDLE_NONE};
    struct handle_info info[2] = {{0}, {0}};
    (void)!stream_info(handle->own, &queued, &capacity);
    for (uint32_t side = 0; side < 2; side++)
        if (stream_open(handle->own, side, &ends[side]) != OK ||
            handle_info(ends[side], &info[side]) != OK)
            save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x: the other end cannot be seen",
                        (unsigned)handle->value);
    put_class(save, "stream");
    snap_put_text(snapshot, SNAP_OBJECT_SIDE, reads ? "read" : "write");
    snap_put_u32(snapshot, SNAP_OBJECT_CAPACITY, capacity);
    snap_put_u32(snapshot, SNAP_OBJECT_STREAM, info[1].object_id);
    const struct saved_handle *peer = find_handle(save, OBJECT_STREAM, info[reads].object_id, 0);
    if (peer != NULL)
        snap_put_u32(snapshot, SNAP_OBJECT_PEER, peer->object);
    else
        snap_put_u32(snapshot, SNAP_OBJECT_EXTERNAL, 1);
    put_standard(save, handle);
    if (!peer && (handle->info.signals & SIGNAL_PEER_CLOSED))
        snap_put_u64(snapshot, SNAP_OBJECT_VALUE, SIGNAL_PEER_CLOSED);
    if (reads && note != NULL)
        capture_queue(snapshot, note, ends[0]);
    handle_drop(&ends[0]);
    handle_drop(&ends[1]);
}

static void put_event(struct save *save, const struct saved_handle *handle)
{
    uint32_t index;
    const struct startup_handle *granted = granted_object(save, handle->object, &index);
    bool terminal =
        granted != NULL && granted->tag >= STARTUP_FD(0) && granted->kind == FD_TTY && index > 0;
    put_class(save, terminal ? "tty event" : "event");
    snap_put_u64(&save->snapshot, SNAP_OBJECT_VALUE, handle->info.signals);
    if (handle->info.signals & SIGNAL_READABLE)
        save_refuse(save, ERR_NOT_SUPPORTED,
                    "handle %#x is to an event with watches that have fired",
                    (unsigned)handle->value);
}

static void put_timer(struct save *save, const struct saved_handle *handle)
{
    struct snapshot *snapshot = &save->snapshot;
    uint64_t deadline = DEADLINE_NEVER, period = 0, now = time_monotonic();
    put_class(save, "timer");
    if (timer_info(handle->own, &deadline, &period) != OK)
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to a timer that may not be read",
                    (unsigned)handle->value);
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, handle->info.signals);
    snap_put_u64(snapshot, SNAP_OBJECT_INTERVAL, period);
    if (deadline != DEADLINE_NEVER)
        snap_put_u64(snapshot, SNAP_OBJECT_LEFT, deadline > now ? deadline - now : 0);
}

/* ---- what servers have ------------------------------------------------------------------------------- */

static status_t ask(handle_t port, uint32_t label, void *reply, uint32_t size)
{
    struct ipc ipc;
    ipc_begin(&ipc, label, NULL, 0);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_call_until(&ipc, port, reply, size, time_monotonic() + ASK_PATIENCE);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

static const struct startup_file *told_file(const struct save *save, uint32_t object)
{
    for (uint32_t i = 0; i < save->startup.file_count; i++)
        for (uint32_t j = 0; save->files[i].handle != HANDLE_NONE && j < save->handle_count; j++)
            if (save->handles[j].value == save->files[i].handle &&
                save->handles[j].object == object)
                return &save->files[i];
    return NULL;
}

/* A string of the program's; relative names are from where it was started. */
static char *read_path(const struct save *save, uint32_t address)
{
    char text[FS_NAME_MAX + 1], *path = NULL;
    uint32_t done = 0;
    const char *cwd = save->process->cwd;
    if (address == 0 ||
        (space_read(save->process->program.space, address, text, sizeof text - 1, &done) != OK &&
         done == 0))
        return NULL;
    text[done] = '\0';
    size_t length = strlen(text);
    if (length == done || (path = malloc(strlen(cwd) + length + 2)) == NULL)
        return NULL;
    if (text[0] == '/')
        strcpy(path, text);
    else
        snprintf(path, strlen(cwd) + length + 2, "%s/%s", strcmp(cwd, "/") ? cwd : "", text);
    return path;
}

static void put_file_content(struct save *save, const struct saved_handle *handle)
{
    handle_t readable = HANDLE_NONE, vmo = HANDLE_NONE;
    uint64_t size = 0;
    bool coherent;
    status_t status = fs_client_reopen(handle->own, FS_O_READ, &readable);
    if (status == OK)
        status = fs_client_vmo(readable, PROT_R, &vmo, &size, &coherent);
    if (status == OK)
        save_content(save, handle->object, vmo, size);
    handle_drop(&readable);
    handle_drop(&vmo);
    if (status != OK)
        save_refuse(save, status, "the content of a file cannot be read");
}

static void put_attributes(struct save *save, const struct fs_attr *attr)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_put_u64(snapshot, SNAP_OBJECT_INO, attr->ino);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, attr->device);
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, attr->size);
    snap_put_u64(snapshot, SNAP_OBJECT_MTIME, attr->mtime);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, attr->mode);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, attr->nlink);
}

static bool put_directory(struct save *save, const struct saved_handle *handle)
{
    char *path = malloc(FS_PATH_MAX);
    bool good = path != NULL && fs_client_name_of(handle->own, path, FS_PATH_MAX) == OK;
    put_class(save, "directory");
    if (good)
        snap_put_text(&save->snapshot, SNAP_OBJECT_PATH, path);
    free(path);
    return good;
}

static void put_file(struct save *save, const struct saved_handle *handle,
                     const struct fs_attr *attr)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct startup_file *told = told_file(save, handle->object);
    char *path = told != NULL ? read_path(save, told->path) : NULL;
    uint64_t before = 0, after;
    put_class(save, "file");
    (void)!fs_client_position(handle->own, 1, 0, &before, &after);
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, before);
    if (told != NULL && told->buffer != 0) {
        snap_put_u32(snapshot, SNAP_OBJECT_BUFFER, told->buffer);
        snap_put_u32(snapshot, SNAP_OBJECT_BUFFER_SIZE, told->buffer_size);
    }
    if (path != NULL) {
        snap_put_text(snapshot, SNAP_OBJECT_PATH, path);
        snap_put_u32(snapshot, SNAP_OBJECT_FLAGS,
                     told->flags & (FS_O_READ | FS_O_WRITE | FS_O_APPEND));
    } else if (put_standard(save, handle)) {
        snap_put_u32(snapshot, SNAP_OBJECT_EXTERNAL, 1);
    } else {
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to a file whose name is not known",
                    (unsigned)handle->value);
    }
    free(path);
    if (attr->nlink == 0 || (save->flags & SNAPSHOT_FILES))
        put_file_content(save, handle);
}

static bool put_node(struct save *save, const struct saved_handle *handle)
{
    struct fs_stat_reply reply;
    if (ask(handle->own, LABEL_fs_stat, &reply, sizeof reply) != OK)
        return false;
    if ((reply.attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY) {
        if (!put_directory(save, handle))
            save_refuse(save, ERR_NOT_FOUND, "handle %#x is to a directory without a name",
                        (unsigned)handle->value);
    } else {
        put_file(save, handle, &reply.attr);
    }
    put_attributes(save, &reply.attr);
    return true;
}

static bool put_terminal(struct save *save, const struct saved_handle *handle)
{
    struct snapshot *snapshot = &save->snapshot;
    struct tty_describe_reply reply;
    struct tty_attributes attributes;
    struct tty_size size;
    if (ask(handle->own, LABEL_tty_describe, &reply, sizeof reply) != OK)
        return false;
    put_class(save, "tty");
    put_standard(save, handle);
    if (reply.kind == TTY_MASTER)
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is the master end of a pseudo terminal",
                    (unsigned)handle->value);
    if (tty_client_get_attributes(handle->own, &attributes) == OK)
        snap_put(snapshot, SNAP_OBJECT_TERMIOS, &attributes, sizeof attributes);
    if (tty_client_get_size(handle->own, &size) == OK)
        snap_put(snapshot, SNAP_OBJECT_WINDOW, &size, 2 * sizeof size.rows);
    return true;
}

static bool put_service(struct save *save, const struct saved_handle *handle)
{
    char name[INIT_NAME_MAX];
    bool found = false;
    for (uint32_t i = 0; !found && init_name_list(native_init, i, name, sizeof name) == OK; i++) {
        struct handle_info info;
        handle_t service;
        if (init_name_lookup(native_init, name, false, &service) != OK)
            continue;
        found = handle_info(service, &info) == OK && info.object_id == handle->info.object_id &&
                info.badge == handle->info.badge;
        handle_drop(&service);
    }
    if (!found)
        return false;
    put_class(save, "service");
    snap_put_text(&save->snapshot, SNAP_OBJECT_NAME, name);
    return true;
}

/* Its root or working directory, which a service may have under its name, too. */
static bool is_place(const struct save *save, const struct saved_handle *handle)
{
    uint32_t index;
    const struct startup_handle *granted = granted_object(save, handle->object, &index);
    return granted != NULL && (granted->tag == STARTUP_ROOT || granted->tag == STARTUP_CWD);
}

static void put_port(struct save *save, const struct saved_handle *handle)
{
    struct snapshot *snapshot = &save->snapshot;
    struct handle_info init;
    const struct saved_handle *port =
        find_handle(save, OBJECT_PORT, handle->info.object_id, RIGHT_RECEIVE);
    if (handle->info.badge == 0 && port != NULL) {
        put_class(save, "port");
        if (handle->info.signals & SIGNAL_READABLE)
            save_refuse(save, ERR_BUSY,
                        "handle %#x: a message in its port has been taken or "
                        "cancelled half way: try again",
                        (unsigned)handle->value);
    } else if (port != NULL) {
        put_class(save, "caller");
        snap_put_u32(snapshot, SNAP_OBJECT_PEER, port->object);
        snap_put_u64(snapshot, SNAP_OBJECT_VALUE, handle->info.badge);
    } else if (handle_info(native_init, &init) == OK && init.object_id == handle->info.object_id) {
        put_class(save, "init");
    } else if (!(is_place(save, handle) && put_node(save, handle)) && !put_service(save, handle) &&
               !put_node(save, handle) && !put_terminal(save, handle)) {
        put_class(save, "server");
        save_refuse(save, ERR_NOT_SUPPORTED,
                    "handle %#x is to a server that keeps something for it (port %u, badge %u)",
                    (unsigned)handle->value, (unsigned)handle->info.object_id,
                    (unsigned)handle->info.badge);
    }
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static void put_object(struct save *save, const struct saved_handle *handle)
{
    const struct program *program = &save->process->program;
    struct snap_note *note = snap_note_begin(&save->snapshot, SNAP_OBJECT);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_ID, handle->object);
    switch (handle->info.type) {
    case OBJECT_PROCESS:
        put_own(save, handle, "process", program->process);
        break;
    case OBJECT_SPACE:
        put_own(save, handle, "space", program->space);
        break;
    case OBJECT_THREAD:
        put_thread(save, handle);
        break;
    case OBJECT_VMO:
        put_memory(save, handle);
        break;
    case OBJECT_PORT:
        put_port(save, handle);
        break;
    case OBJECT_STREAM:
        put_stream(save, handle, note);
        break;
    case OBJECT_EVENT:
        put_event(save, handle);
        break;
    case OBJECT_TIMER:
        put_timer(save, handle);
        break;
    default:
        put_class(save, "device");
        save_refuse(save, ERR_NOT_SUPPORTED, "handle %#x is to a device", (unsigned)handle->value);
    }
}

static void put_loose(struct save *save)
{
    for (uint32_t i = 0; i < save->loose_count; i++) {
        snap_note_begin(&save->snapshot, SNAP_OBJECT);
        snap_put_u32(&save->snapshot, SNAP_OBJECT_ID, save->object_count + i + 1);
        put_class(save, "memory");
    }
}

void save_handles(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    for (uint32_t i = 0; i < save->handle_count; i++) {
        const struct saved_handle *handle = &save->handles[i];
        snap_note_begin(snapshot, SNAP_FD);
        snap_put_u32(snapshot, SNAP_FD_FD, handle->value);
        snap_put_u32(snapshot, SNAP_FD_OBJECT, handle->object);
        snap_put_u32(snapshot, SNAP_FD_ACCESS, handle->info.rights);
        put_role(save, handle->value);
    }
    for (uint32_t i = 0, done = 0; i < save->handle_count && save->status == OK; i++)
        if (save->handles[i].object > done) {
            put_object(save, &save->handles[i]);
            done = save->handles[i].object;
        }
    put_loose(save);
}

void save_queues_again(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    struct snap_note *note = snap_next(snapshot, SNAP_OBJECT, NULL);
    for (; note != NULL; note = snap_next(snapshot, SNAP_OBJECT, note))
        for (uint32_t i = 0; i < save->handle_count; i++) {
            const struct saved_handle *handle = &save->handles[i];
            if (handle->object != snap_get_u32(note, SNAP_OBJECT_ID, 0) ||
                handle->info.type != OBJECT_STREAM || !(handle->info.rights & RIGHT_READ))
                continue;
            capture_queue(snapshot, note, handle->own);
            break;
        }
}
