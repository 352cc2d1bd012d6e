/* SPDX-License-Identifier: MIT */
/*
 * What is below a process that is restored. Windows processes are members: each is a new process with
 * the number that it had, if that is free. For those of other personalities there is an object here as
 * for any program that a Windows program starts; init starts them when it knows of their parents.
 */
#include <personalities/nt/console.h>
#include <personalities/nt/file.h>
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/token.h>

#include <ipc/call.h>

#include <stdlib.h>
#include <string.h>

#define DEFAULT_CAPACITY 65536u

/* ---- reading ------------------------------------------------------------------------------------- */

static struct restore *member_of(const struct restore_group *group, uint32_t old_pid)
{
    struct restore *restore = group->members;
    while (restore && restore->old_pid != old_pid)
        restore = restore->next;
    return restore;
}

/* Called without the lock: the tree is only the restore's. */
static status_t open_member(void *context, uint32_t pid, handle_t *vmo)
{
    const struct restore_group *group = context;
    handle_t node = HANDLE_NONE;
    status_t status =
        capture_open_beside(&group->members->process->fs, group->path, pid, &node, vmo);
    handle_drop(&node);
    return status;
}

static NTSTATUS read_child(struct restore *parent, uint32_t pid)
{
    struct restore_group *group = parent->group;
    struct capture_tree *tree = &group->tree;
    struct restore *child;
    handle_t vmo = HANDLE_NONE;
    bool taken = false;
    status_t status = BLOCKING(open_member(group, pid, &vmo));
    if (status != OK)
        return restore_refuse(parent, nt_status(status), "the snapshot of child %u is not there",
                              pid);
    status = BLOCKING(capture_tree_child(tree, "nt", pid, vmo, &taken));
    if (status != OK)
        return restore_refuse(parent, nt_status(status), "child %u: %s", tree->where,
                              tree->problem ? tree->problem : "it cannot be read");
    if (taken)
        return STATUS_SUCCESS;
    NTSTATUS error = restore_add(group, vmo, &child);
    if (!error && (child->old_pid != pid || child->old_ppid != parent->old_pid))
        error = restore_refuse(parent, STATUS_INVALID_IMAGE_FORMAT,
                               "the file of child %u is another process's", pid);
    if (!error && capture_tree_own(tree, &child->snapshot) != OK)
        error = restore_refuse(parent, STATUS_INVALID_IMAGE_FORMAT, "an impossible tree");
    return error;
}

NTSTATUS restore_read_tree(struct restore_group *group)
{
    NTSTATUS status = STATUS_SUCCESS;
    group->tree.open = open_member;
    group->tree.context = group;
    group->tree.init = nt_init;
    if (capture_tree_own(&group->tree, &group->members->snapshot) != OK)
        return STATUS_NO_MEMORY;
    for (struct restore *each = group->members; each && !status; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_CHILD, NULL);
        for (; note && !status; note = snap_next(&each->snapshot, SNAP_CHILD, note))
            status = read_child(each, snap_get_u32(note, SNAP_CHILD_PID, 0));
    }
    return status;
}

/* ---- members ------------------------------------------------------------------------------------- */

static NTSTATUS take_surroundings(struct nt_process *process, const struct nt_process *root)
{
    process->fs = root->fs;
    process->fs.root = handle_copy(root->fs.root);
    process->fs.cwd = handle_copy(root->fs.cwd);
    process->pgid = root->pgid;
    process->sid = root->sid;
    process->uid = root->uid;
    if (!process->fs.root || !process->fs.cwd)
        return STATUS_NO_MEMORY;
    return token_inherit(process, root->token);
}

static NTSTATUS enter_registry(const struct restore *restore, struct nt_process *process)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    const struct restore *parent = member_of(restore->group, restore->old_ppid);
    char name[32] = "";
    (void)snap_get_text(note, SNAP_PROCESS_NAME, name, sizeof name);
    process->ppid = process->creator = parent->process->pid;
    process->reap = true;
    return nt_status(BLOCKING(init_proc_create(nt_init, process->ppid, 0, 0, process->uid,
                                               restore->old_pid, name, &process->pid)));
}

static NTSTATUS make_process(struct restore *restore)
{
    const struct nt_process *root = restore->group->members->process;
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    struct nt_process *process = process_new();
    if (!process)
        return STATUS_NO_MEMORY;
    process->building = true;
    restore->process = process;
    NTSTATUS status = take_surroundings(process, root);
    if (!status)
        status = enter_registry(restore, process);
    process->command = restored_path(note, SNAP_PROCESS_COMMAND);
    process->command_length = process->command ? strlen(process->command) : 0;
    if (root->console && snap_next(&restore->snapshot, SNAP_CONSOLE, NULL))
        process->console = console_hold(root->console);
    return status;
}

/* ---- processes of other personalities --------------------------------------------------------------- */

static NTSTATUS make_foreign(struct restore_group *group, const struct capture_member *member)
{
    const struct nt_process *root = group->members->process;
    struct restored_foreign *foreign = calloc(1, sizeof *foreign);
    struct nt_process *process = foreign ? process_new() : NULL;
    if (!process) {
        free(foreign);
        return STATUS_NO_MEMORY;
    }
    object_hold(&process->object);
    process->foreign = process->building = true;
    process->uid = root->uid;
    process->ppid = process->creator = member_of(group, member->ppid)->process->pid;
    foreign->member = member;
    foreign->process = process;
    foreign->next = group->foreign;
    group->foreign = foreign;
    NTSTATUS status = token_inherit(process, root->token);
    return status ? status : process_stand_in(process, &foreign->thread);
}

NTSTATUS restore_make_members(struct restore_group *group)
{
    const struct capture_member *member = NULL;
    NTSTATUS status = STATUS_SUCCESS;
    for (struct restore *each = group->members->next; each && !status; each = each->next)
        status = make_process(each);
    while (!status && (member = capture_tree_next(&group->tree, member)) != NULL)
        status = make_foreign(group, member);
    return status;
}

static NTSTATUS start_foreign(struct restore_group *group, struct restored_foreign *foreign)
{
    struct nt_process *process = foreign->process;
    const struct capture_start start = {.init = nt_init,
                                        .walk = &group->members->process->fs,
                                        .path = group->path,
                                        .cwd = group->directory,
                                        .ppid = process->ppid,
                                        .uid = process->uid,
                                        .streams = group->stream_kinds,
                                        .handles = group->stream_handles};
    uint32_t pid = 0;
    process_expect_child();
    status_t status = BLOCKING(capture_tree_start(&group->tree, foreign->member, &start, &pid));
    process->building = false;
    process_claim_child(process, status == OK ? pid : 0);
    return nt_status(status);
}

NTSTATUS restore_start_foreign(struct restore_group *group)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (struct restored_foreign *each = group->foreign; each && !status; each = each->next)
        status = start_foreign(group, each);
    return status;
}

/* One that was not started never was. */
static void foreign_free(struct restored_foreign *foreign)
{
    struct nt_process *process = foreign->process;
    process->building = false;
    if (!process->pid)
        process_terminate_nt(process, (uint32_t)STATUS_UNSUCCESSFUL);
    if (foreign->thread)
        object_release(&foreign->thread->object);
    object_release(&process->object);
    free(foreign);
}

void restore_tree_free(struct restore_group *group)
{
    while (group->foreign) {
        struct restored_foreign *foreign = group->foreign;
        group->foreign = foreign->next;
        foreign_free(foreign);
    }
    capture_tree_free(&group->tree);
}

struct nt_process *restored_process(const struct restore *restore, uint32_t pid)
{
    const struct restore *member = member_of(restore->group, pid);
    if (member)
        return member->process;
    for (const struct restored_foreign *each = restore->group->foreign; each; each = each->next)
        if (each->member->pid == pid)
            return each->process;
    return NULL;
}

/* ---- pipes ------------------------------------------------------------------------------------------- */

NTSTATUS restored_shared_stream(struct restore *restore, const struct snap_note *note,
                                struct object **file)
{
    char side[8] = "";
    handle_t end = HANDLE_NONE;
    (void)snap_get_text(note, SNAP_OBJECT_SIDE, side, sizeof side);
    bool writes = strcmp(side, "write") == 0;
    const struct start_fd fd = {.kind = writes ? FD_STREAM_WRITE : FD_STREAM_READ, .flags = writes};
    status_t status =
        capture_tree_pipe(&restore->group->tree, snap_get_u32(note, SNAP_OBJECT_STREAM, 0),
                          snap_get_u32(note, SNAP_OBJECT_CAPACITY, DEFAULT_CAPACITY), writes, &end);
    return status == OK ? ntfile_from_descriptor(restore->process, &fd, end, HANDLE_NONE, file)
                        : nt_status(status);
}
