/* SPDX-License-Identifier: MIT */
/*
 * Restoring processes of other personalities with a tree. Each is begun as a process of ours that has
 * the standard streams it is to have, and executes its snapshot. See foreign.h.
 */
#include <ipc/initclient.h>
#include <stdio.h>
#include <string.h>

#include "../exec.h"
#include "../file.h"
#include "../path.h"
#include "../server.h"
#include "../signals.h"
#include "../task.h"
#include "../tty.h"
#include "foreign.h"
#include "restore.h"

#define STREAMS 3u

/* ---- reading ------------------------------------------------------------------------------------ */

static void foreign_release_one(struct restore_foreign *foreign)
{
    snap_free(&foreign->snapshot);
    capture_image_close(&foreign->image);
    close_handle(foreign->image.vmo);
    release(foreign->path);
    release(foreign);
}

static char *path_beside(const char *path, uint32_t pid)
{
    const char *slash = strrchr(path, '/');
    struct text name = {.length = 0};
    text_printf(&name, "%.*sp%u.snap", slash ? (int)(slash - path) + 1 : 0, path, pid);
    char *copy = name.failed ? NULL : text_copy(name.data);
    text_free(&name);
    return copy;
}

int foreign_read(struct restore_group *group, const char *path, handle_t image, uint32_t pid)
{
    char personality[16];
    const char *problem;
    if (!capture_personality(image, personality, sizeof personality) ||
        strcmp(personality, "posix") == 0)
        return 1;
    struct restore_foreign *foreign = allocate(sizeof *foreign);
    if (!foreign) {
        close_handle(image);
        return -ENOMEM;
    }
    *foreign = (struct restore_foreign){.group = group,
                                        .image = {.vmo = image, .init = server.init},
                                        .path = path_beside(path, pid)};
    snap_init(&foreign->snapshot);
    status_t status =
        foreign->path ? capture_read(&foreign->snapshot, &foreign->image, &group->options, &problem)
                      : ERR_NO_MEMORY;
    const struct snap_note *process = snap_next(&foreign->snapshot, SNAP_PROCESS, NULL);
    if (status != OK || !process) {
        foreign->image.vmo = HANDLE_NONE; /* it stays the caller's */
        foreign_release_one(foreign);
        return 1;
    }
    foreign->old_pid = snap_get_u32(process, SNAP_PROCESS_PID, 0);
    if (foreign->old_pid != pid) {
        foreign_release_one(foreign);
        return restore_refuse(-ENOEXEC, "the file of a child is another process's", pid);
    }
    foreign->old_ppid = snap_get_u32(process, SNAP_PROCESS_PPID, 0);
    foreign->next = group->foreign;
    group->foreign = foreign;
    group->member_count++;
    return 0;
}

bool foreign_has(const struct restore_group *group, uint32_t pid)
{
    const struct restore_foreign *each = group->foreign;
    while (each && each->old_pid != pid)
        each = each->next;
    return each != NULL;
}

static void bridge_free(struct restore_bridge *bridge)
{
    for (uint32_t side = 0; side < 2; side++)
        if (bridge->ends[side])
            file_release(bridge->ends[side]);
    release(bridge);
}

void foreign_free(struct restore_group *group)
{
    while (group->foreign) {
        struct restore_foreign *foreign = group->foreign;
        group->foreign = foreign->next;
        foreign_release_one(foreign);
    }
    while (group->bridges) {
        struct restore_bridge *bridge = group->bridges;
        group->bridges = bridge->next;
        bridge_free(bridge);
    }
}

/* ---- pipes -------------------------------------------------------------------------------------- */

static const struct snap_note *next_stream(const struct restore_foreign *foreign,
                                           const struct snap_note *note)
{
    do
        note = snap_next(&foreign->snapshot, SNAP_OBJECT, note);
    while (note && !snap_get_u32(note, SNAP_OBJECT_STREAM, 0));
    return note;
}

bool foreign_uses(const struct restore_group *group, uint32_t stream)
{
    for (const struct restore_foreign *each = group->foreign; stream && each; each = each->next)
        for (const struct snap_note *note = next_stream(each, NULL); note;
             note = next_stream(each, note))
            if (snap_get_u32(note, SNAP_OBJECT_STREAM, 0) == stream)
                return true;
    return false;
}

/* What the process that reads has seen waiting goes in again. */
static int fill(const struct restore_foreign *foreign, const struct snap_note *note,
                handle_t write_end)
{
    struct restore as_member = {.snapshot = foreign->snapshot};
    return restore_fill(&as_member, write_end, note);
}

static int fill_from_readers(const struct restore_group *group, uint32_t stream, handle_t write_end)
{
    int error = 0;
    for (const struct restore_foreign *each = group->foreign; each; each = each->next)
        for (const struct snap_note *note = next_stream(each, NULL); note && error == 0;
             note = next_stream(each, note)) {
            uint32_t length;
            if (snap_get_u32(note, SNAP_OBJECT_STREAM, 0) == stream &&
                snap_get(note, SNAP_OBJECT_QUEUE, &length))
                return fill(each, note, write_end);
        }
    return error;
}

/* An open file of the group at the pipe, or NULL. */
static struct file *member_end(const struct restore_group *group, uint32_t stream)
{
    for (uint32_t i = 0; i < group->object_count; i++) {
        const struct restored_object *object = &group->objects[i];
        if (object->file && object->note && file_is_pipe(object->file) &&
            snap_get_u32(object->note, SNAP_OBJECT_STREAM, 0) == stream)
            return object->file;
    }
    return NULL;
}

static struct restore_bridge *find_bridge(const struct restore_group *group, uint32_t stream)
{
    struct restore_bridge *bridge = group->bridges;
    while (bridge && bridge->stream != stream)
        bridge = bridge->next;
    return bridge;
}

/* Ends of the pipe that a member has one of. */
static int open_from(const struct file *member, struct file *ends[2])
{
    handle_t from = member->handle ? member->handle : member->handle2, end;
    int error = errno_of(stream_open(from, 0, &end));
    if (error < 0)
        return error;
    ends[0] = stream_file(end, HANDLE_NONE, O_RDONLY);
    error = ends[0] ? errno_of(stream_open(from, 1, &end)) : -ENOMEM;
    if (error < 0)
        return error;
    ends[1] = stream_file(HANDLE_NONE, end, O_WRONLY);
    return ends[1] ? 0 : -ENOMEM;
}

/* Both ends of the pipe, from a member's end or new. */
static int open_ends(const struct restore_group *group, uint32_t stream, uint32_t capacity,
                     struct file *ends[2])
{
    const struct file *member = member_end(group, stream);
    return member ? open_from(member, ends) : stream_pair(0, capacity, ends);
}

/* With what waited in it, which whoever reads brings. */
static int make_bridge(struct restore_group *group, uint32_t stream, uint32_t capacity,
                       struct restore_bridge **result)
{
    struct restore_bridge *bridge = allocate(sizeof *bridge);
    if (!bridge)
        return -ENOMEM;
    int error = open_ends(group, stream, capacity, bridge->ends);
    if (error == 0)
        error = fill_from_readers(group, stream, bridge->ends[1]->handle2);
    bridge->stream = stream;
    if (error < 0) {
        bridge_free(bridge);
        return error;
    }
    bridge->next = group->bridges;
    group->bridges = bridge;
    *result = bridge;
    return 0;
}

/* The end of a pipe that a process has; *file is a reference. */
static int pipe_end(struct restore_group *group, const struct snap_note *note, struct file **file)
{
    uint32_t stream = snap_get_u32(note, SNAP_OBJECT_STREAM, 0);
    char side[8] = "";
    struct restore_bridge *bridge = find_bridge(group, stream);
    int error = bridge
                    ? 0
                    : make_bridge(group, stream,
                                  snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY), &bridge);
    if (error < 0)
        return error;
    (void)snap_get_text(note, SNAP_OBJECT_SIDE, side, sizeof side);
    *file = bridge->ends[strcmp(side, "write") == 0];
    file_hold(*file);
    return 0;
}

/* ---- its standard streams ------------------------------------------------------------------------- */

/* A terminal that the group has open; a reference, or NULL. */
static struct file *terminal_of(const struct restore_group *group)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].file && tty_of(group->objects[i].file)) {
            file_hold(group->objects[i].file);
            return group->objects[i].file;
        }
    return NULL;
}

static bool is_terminal(const struct snap_note *note)
{
    char class[8];
    return snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class) && strcmp(class, "tty") == 0;
}

static int give_streams(struct restore_foreign *foreign, struct files *files)
{
    const struct snap_note *note = snap_next(&foreign->snapshot, SNAP_OBJECT, NULL);
    int error = 0;
    for (; note && error >= 0; note = snap_next(&foreign->snapshot, SNAP_OBJECT, note)) {
        uint32_t number = snap_get_u32(note, SNAP_OBJECT_STANDARD, STREAMS), length;
        struct file *file = NULL;
        if (number >= STREAMS)
            continue;
        if (snap_get_u32(note, SNAP_OBJECT_STREAM, 0))
            error = pipe_end(foreign->group, note, &file);
        else if (snap_get(note, SNAP_OBJECT_ROLE, &length) || is_terminal(note))
            file = terminal_of(foreign->group);
        if (error >= 0 && file)
            error = fd_install_at(files, number, file, false);
    }
    return MIN(error, 0);
}

/* ---- its beginning --------------------------------------------------------------------------------- */

static void add_options(const struct restore_group *group, struct string_list *arguments)
{
    string_list_add(arguments, "restore");
    if (group->options.policy != POLICY_FAIL)
        string_list_add(arguments, group->options.policy == POLICY_CURRENT ? "--files=current"
                                                                           : "--files=snapshot");
    if (group->options.accept_edited)
        string_list_add(arguments, "--accept-edited");
    if (group->options.lazy)
        string_list_add(arguments, "--lazy");
}

/* The process is the other personality's when this returns 0: then it does not return. */
static void foreign_begin(struct thread *thread)
{
    struct restore_foreign *foreign = thread->begin_argument;
    struct restore_group *group = foreign->group;
    struct string_list arguments = {.count = 0}, none = {.count = 0};
    char *path = text_copy(foreign->path);
    add_options(group, &arguments);
    server_lock();
    group->beginning--;
    wait_queue_wake(&group->begun, WAKE_ALL); /* the group may be gone after the lock */
    server_unlock();
    int error = path ? exec_program(path, &arguments, &none, true) : -ENOMEM;
    if (error < 0)
        log_line("snapshot: %s cannot be started: error %d", path ? path : "?", -error);
    release(path);
    thread->attention = 1;
    server_lock();
    process_end_all(thread->process, SIGKILL);
    server_unlock();
}

/* Takes the files. Lock held; it is given up after an error. */
static int make_process(struct restore_foreign *foreign, uint32_t pid, struct process *parent,
                        struct files *files)
{
    struct process *root = self()->process, *process = parent ? process_new(pid) : NULL;
    struct thread *thread;
    if (!process) {
        server_unlock();
        files_release(files);
        server_lock();
        return parent ? -ENOMEM : -ESRCH;
    }
    process->fs = fs_context_copy(root->fs);
    process->sighand = sighand_copy(root->sighand);
    process->files = files;
    process->session = root->session;
    session_hold(process->session);
    process->pgid =
        restore_group_number(foreign->group, &foreign->snapshot, SNAP_PROCESS_PGID, root->pgid);
    credentials_copy(&process->credentials, &root->credentials);
    process_set_parent(process, parent);
    int error = process->fs && process->sighand ? thread_new(process, pid, true, &thread) : -ENOMEM;
    if (error < 0) {
        restore_discard(process);
        return error;
    }
    struct proc_record record = {.pid = pid, .pgid = process->pgid};
    ignore(init_proc_set(server.init, pid, PROC_PGID, &record, NULL));
    thread->begin = foreign_begin;
    thread->begin_argument = foreign;
    foreign->group->beginning++;
    thread_start(thread);
    return 0;
}

static int start_one(struct restore_foreign *foreign)
{
    struct restore *above = restore_member(foreign->group, foreign->old_ppid);
    uint32_t pid;
    if (!above || !above->pid)
        return restore_refuse(-ENOEXEC, "a process without its parent", foreign->old_pid);
    struct files *files = files_new();
    if (!files)
        return -ENOMEM;
    int error = give_streams(foreign, files);
    if (error == 0)
        error = restore_number(foreign->group, foreign->old_pid, above->pid, &pid);
    if (error < 0) {
        files_release(files);
        return error;
    }
    server_lock();
    struct process *parent = process_find(above->pid);
    error = make_process(foreign, pid, parent, files);
    server_unlock();
    if (error < 0)
        restore_give_back(pid);
    return error;
}

int foreign_start(struct restore_group *group)
{
    int error = 0;
    for (struct restore_foreign *each = group->foreign; each && error == 0; each = each->next)
        error = start_one(each);
    return error;
}
