/* SPDX-License-Identifier: MIT */
/*
 * Restoring processes of other personalities with a tree. Each is begun as a process of ours that has
 * the descriptors it is to have, and executes its snapshot. See foreign.h.
 */
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <string.h>

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
    text_free(&foreign->arguments.bytes);
    release(foreign->path);
    release(foreign);
}

int foreign_read(struct restore_group *group, handle_t image, uint32_t pid)
{
    bool taken;
    status_t status = capture_tree_child(&group->tree, "posix", pid, image, &taken);
    if (status == OK)
        return !taken;
    restore_complain("process %u: %s", group->tree.where,
                     group->tree.problem ? group->tree.problem : "it cannot be read");
    return taken ? errno_of(status) : 1;
}

void foreign_free(struct restore_group *group)
{
    while (group->foreign) {
        struct restore_foreign *foreign = group->foreign;
        group->foreign = foreign->next;
        foreign_release_one(foreign);
    }
    capture_tree_free(&group->tree);
}

/* ---- pipes -------------------------------------------------------------------------------------- */

/* Whatever pipes the restoring process has beside its standard streams. */
static void keep_pipes(struct capture_tree *tree)
{
    for (uint32_t fd = STREAMS; fd < STREAMS + CAPTURE_STREAMS_MAX; fd++) {
        struct file *file = fd_get(fd);
        if (file && file_is_pipe(file)) {
            handle_t ends[2] = {file->handle ? handle_copy(file->handle) : HANDLE_NONE,
                                file->handle2 ? handle_copy(file->handle2) : HANDLE_NONE};
            capture_tree_keep(tree, fd, ends);
        }
        if (file)
            file_release(file);
    }
}

int foreign_option(struct restore_group *group, const char *option)
{
    keep_pipes(&group->tree);
    return capture_tree_option(&group->tree, option)
               ? 0
               : restore_refuse(-EINVAL, "a pipe that was not handed in", 0);
}

static status_t open_side(struct restore_group *group, const struct snap_note *note, bool write,
                          handle_t *end)
{
    return capture_tree_pipe(&group->tree, snap_get_u32(note, SNAP_OBJECT_STREAM, 0),
                             snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY), write, end);
}

int foreign_pipe(struct restore_group *group, const struct snap_note *note, struct file **file)
{
    handle_t ends[2] = {HANDLE_NONE, HANDLE_NONE};
    char side[8] = "";
    status_t status = OK;
    (void)snap_get_text(note, SNAP_OBJECT_SIDE, side, sizeof side);
    if (strcmp(side, "write") != 0)
        status = open_side(group, note, false, &ends[0]);
    if (status == OK && strcmp(side, "read") != 0)
        status = open_side(group, note, true, &ends[1]);
    if (status != OK) {
        close_handle(ends[0]);
        return errno_of(status);
    }
    *file = stream_file(ends[0], ends[1], snap_get_u32(note, SNAP_OBJECT_FLAGS, 0));
    return *file ? 0 : -ENOMEM;
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

static bool had_terminal(const struct restore_foreign *foreign, uint32_t number)
{
    const struct snap_note *note = snap_next(foreign->member->snapshot, SNAP_OBJECT, NULL);
    char class[8];
    uint32_t length;
    while (note && snap_get_u32(note, SNAP_OBJECT_STANDARD, STREAMS) != number)
        note = snap_next(foreign->member->snapshot, SNAP_OBJECT, note);
    return note && (snap_get(note, SNAP_OBJECT_ROLE, &length) ||
                    (snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class) &&
                     strcmp(class, "tty") == 0));
}

/* The terminal of the tree where it had one; else those of who restores. */
static int give_standard(const struct restore_foreign *foreign, struct files *files)
{
    int error = 0;
    for (uint32_t number = 0; number < STREAMS && error >= 0; number++) {
        struct file *file = had_terminal(foreign, number) ? terminal_of(foreign->group) : NULL;
        if (!file)
            file = fd_get(number);
        if (file)
            error = fd_install_at(files, number, file, false);
    }
    return MIN(error, 0);
}

/* The pipes that it shares with others, each with the option that says which it is. */
static int give_pipes(struct restore_foreign *foreign, struct files *files)
{
    struct capture_tree *tree = &foreign->group->tree;
    uint32_t streams[CAPTURE_STREAMS_MAX];
    uint32_t count = capture_tree_streams(tree, foreign->member, streams, CAPTURE_STREAMS_MAX);
    int error = 0;
    for (uint32_t i = 0; i < count && error >= 0; i++) {
        char option[CAPTURE_OPTION_MAX];
        handle_t ends[2];
        error = errno_of(
            capture_tree_descriptor(tree, foreign->member, streams[i], STREAMS + i, ends, option));
        if (error < 0)
            break;
        struct file *file = stream_file(ends[0], ends[1],
                                        ends[0] && ends[1] ? O_RDWR
                                        : ends[1]          ? O_WRONLY
                                                           : O_RDONLY);
        error = file ? fd_install_at(files, STREAMS + i, file, false) : -ENOMEM;
        string_list_add(&foreign->arguments, option);
    }
    return MIN(error, 0);
}

/* ---- its beginning --------------------------------------------------------------------------------- */

static void add_options(struct restore_foreign *foreign)
{
    const struct restore_group *group = foreign->group;
    string_list_add(&foreign->arguments, "restore");
    string_list_add(&foreign->arguments, capture_policy_option(group->options.policy));
    if (group->options.accept_edited)
        string_list_add(&foreign->arguments, "--accept-edited");
    if (group->options.lazy)
        string_list_add(&foreign->arguments, "--lazy");
}

/* The process is the other personality's when this returns 0: then it does not return. */
static void foreign_begin(struct thread *thread)
{
    struct restore_foreign *foreign = thread->begin_argument;
    struct restore_group *group = foreign->group;
    struct string_list arguments = foreign->arguments, none = {.count = 0};
    char *path = foreign->path;
    foreign->arguments = (struct string_list){.count = 0};
    foreign->path = NULL;
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
    process->pgid = restore_group_number(foreign->group, foreign->member->snapshot,
                                         SNAP_PROCESS_PGID, root->pgid);
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

static struct restore_foreign *new_foreign(struct restore_group *group,
                                           const struct capture_member *member)
{
    struct restore_foreign *foreign = allocate(sizeof *foreign);
    if (!foreign)
        return NULL;
    *foreign = (struct restore_foreign){.next = group->foreign,
                                        .group = group,
                                        .member = member,
                                        .path = restore_path_beside(group->path, member->pid)};
    group->foreign = foreign;
    add_options(foreign);
    return foreign->path ? foreign : NULL;
}

static int start_one(struct restore_group *group, const struct capture_member *member)
{
    struct restore *above = restore_member(group, member->ppid);
    struct restore_foreign *foreign = new_foreign(group, member);
    uint32_t pid;
    if (!above || !above->pid)
        return restore_refuse(-ENOEXEC, "a process without its parent", member->pid);
    struct files *files = foreign ? files_new() : NULL;
    if (!files)
        return -ENOMEM;
    int error = give_standard(foreign, files);
    if (error == 0)
        error = give_pipes(foreign, files);
    if (error == 0)
        error = restore_number(group, member->pid, above->pid, &pid);
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
    const struct capture_member *member = NULL;
    int error = 0;
    while (error == 0 && (member = capture_tree_next(&group->tree, member)) != NULL)
        error = start_one(group, member);
    return error;
}
