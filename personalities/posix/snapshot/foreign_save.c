/* SPDX-License-Identifier: MIT */
/* Taking processes of other personalities together with a tree. See foreign.h. */
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <string.h>

#include "../server.h"
#include "../task.h"
#include "foreign.h"
#include "save.h"

#define REMOTE_MAX 128u

bool foreign_is_held(const struct save_group *group, uint32_t pid)
{
    for (const struct save_foreign *each = group->foreign; each; each = each->next)
        if (each->pid == pid)
            return true;
    return false;
}

static status_t make_file(uint32_t uid, handle_t directory, uint32_t pid, handle_t *file)
{
    struct fs_walk_context walk = {.root = directory, .cwd = directory, .uid = uid, .gid = uid};
    char name[32];
    snprintf(name, sizeof name, "p%u.snap", pid);
    status_t status = fs_client_root(&walk);
    return status != OK ? status
                        : fs_client_open(&walk, HANDLE_NONE, name, strlen(name),
                                         FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE |
                                             FS_O_NOFOLLOW,
                                         0700, file, NULL);
}

/* init believes personalities, so it is checked here. */
static status_t is_of(uint32_t uid, uint32_t pid)
{
    struct proc_record record;
    if (uid == 0)
        return OK;
    status_t status = init_proc_info(server.init, pid, false, &record, NULL, 0);
    return status == OK && record.uid != uid ? ERR_NOT_PERMITTED : status;
}

static status_t hold(struct save_group *group, handle_t directory, uint32_t pid)
{
    struct snapshot_result none;
    struct save_foreign *foreign = allocate(sizeof *foreign);
    handle_t file;
    if (!foreign)
        return ERR_NO_MEMORY;
    uint32_t flags = group->flags & (SNAPSHOT_NO_TEXT | SNAPSHOT_FILES);
    status_t status = is_of(group->uid, pid);
    if (status == OK)
        status = make_file(group->uid, directory, pid, &file);
    if (status == OK) {
        status = init_snapshot(server.init, pid, flags | SNAPSHOT_HOLD, file, &none);
        close_handle(file);
    }
    if (status != OK) {
        release(foreign);
        return status;
    }
    *foreign = (struct save_foreign){group->foreign, pid};
    group->foreign = foreign;
    return OK;
}

/* Their numbers: those of a frozen process do not change, but for ends. */
static uint32_t remote_children(const struct save *save, uint32_t pids[REMOTE_MAX])
{
    uint32_t count = 0;
    server_lock();
    struct process *process = process_find(save->pid), *child;
    if (process)
        list_each(child, &process->children, struct process, sibling_link)
        {
            if (child->state == PROCESS_REMOTE && count < REMOTE_MAX)
                pids[count++] = child->pid;
        }
    server_unlock();
    return count;
}

status_t foreign_hold(struct save_group *group, handle_t directory)
{
    status_t status = OK;
    for (struct save *save = group->members; save && status == OK; save = save->next) {
        uint32_t pids[REMOTE_MAX], count = remote_children(save, pids);
        for (uint32_t i = 0; i < count && status == OK; i++) {
            status = hold(group, directory, pids[i]);
            if (status == ERR_NO_PROCESS)
                status = OK; /* it has ended meanwhile */
        }
    }
    return status;
}

status_t foreign_release(struct save_group *group, bool stop)
{
    status_t result = OK;
    while (group->foreign) {
        struct save_foreign *foreign = group->foreign;
        struct snapshot_result taken;
        status_t status =
            init_snapshot(server.init, foreign->pid, SNAPSHOT_RELEASE | (stop ? SNAPSHOT_STOP : 0u),
                          HANDLE_NONE, &taken);
        if (result == OK)
            result = status;
        group->foreign = foreign->next;
        release(foreign);
    }
    return result;
}
