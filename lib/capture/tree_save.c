/* SPDX-License-Identifier: MIT */
/* Taking snapshots of trees that have processes of several personalities. See tree.h. */
#include "tree.h"

#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (5 * NS_PER_S) /* for one that is about to begin or end */
#define LOOK     (NS_PER_S / 1000)

/* As capture_hold; NO_PROCESS also if its personality does not know it at the moment. */
static status_t try_to_hold(struct capture_held **list, handle_t init, uint32_t pid, uint32_t flags,
                            uint32_t uid, handle_t directory)
{
    struct snapshot_result none;
    struct capture_held *held = malloc(sizeof *held);
    if (held == NULL)
        return ERR_NO_MEMORY;
    flags = (flags & (SNAPSHOT_NO_TEXT | SNAPSHOT_FILES)) | SNAPSHOT_TREE | SNAPSHOT_HOLD;
    status_t status = init_snapshot_for(init, pid, flags, uid, directory, &none);
    if (status != OK) {
        free(held);
        return status;
    }
    *held = (struct capture_held){*list, pid};
    *list = held;
    return OK;
}

status_t capture_hold(struct capture_held **list, handle_t init, uint32_t pid, uint32_t flags,
                      uint32_t uid, handle_t directory, bool (*ended)(uint32_t pid))
{
    ktime_t deadline = time_monotonic() + PATIENCE;
    status_t status = try_to_hold(list, init, pid, flags, uid, directory);
    while (status == ERR_NO_PROCESS && !ended(pid)) {
        if (time_monotonic() >= deadline)
            return ERR_TIMED_OUT;
        time_sleep(LOOK);
        status = try_to_hold(list, init, pid, flags, uid, directory);
    }
    return status;
}

bool capture_is_held(const struct capture_held *list, uint32_t pid)
{
    while (list != NULL && list->pid != pid)
        list = list->next;
    return list != NULL;
}

status_t capture_release(struct capture_held **list, handle_t init, enum capture_end end)
{
    static const uint32_t flags[] = {[CAPTURE_GO_ON] = SNAPSHOT_RELEASE,
                                     [CAPTURE_STOP] = SNAPSHOT_RELEASE | SNAPSHOT_STOP,
                                     [CAPTURE_CANCEL] = SNAPSHOT_RELEASE | SNAPSHOT_CANCEL};
    status_t result = OK;
    while (*list != NULL) {
        struct capture_held *held = *list;
        struct snapshot_result none;
        status_t status = init_snapshot(init, held->pid, flags[end], HANDLE_NONE, &none);
        if (result == OK)
            result = status;
        *list = held->next;
        free(held);
    }
    return end == CAPTURE_CANCEL ? OK : result;
}

struct member_file {
    struct snapshot *snapshot;
    uint64_t size;
};

static status_t fill_member(void *context, handle_t file)
{
    struct member_file *member = context;
    return capture_write(member->snapshot, file, &member->size);
}

status_t capture_write_member(struct snapshot *snapshot, handle_t directory, uint32_t uid,
                              uint32_t pid, uint64_t *size)
{
    struct fs_walk_context walk = {.root = directory, .cwd = directory, .uid = uid, .gid = uid};
    struct member_file member = {.snapshot = snapshot};
    char name[32];
    snprintf(name, sizeof name, "p%u.snap", (unsigned)pid);
    status_t status = fs_client_root(&walk);
    if (status == OK)
        status = capture_file(&walk, name, fill_member, &member);
    *size += member.size;
    return status;
}
