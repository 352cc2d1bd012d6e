/* SPDX-License-Identifier: MIT */
/* fs_path: a request is read, its path walked, its operation run, its answer filled. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "path.h"

static status_t op_stat(struct path_call *call)
{
    return fs_attributes(call->walk.node, &call->attr);
}

static bool assumed_rightly(const struct path_call *call, uint32_t assumptions)
{
    uint32_t type = call->attr.mode & FS_TYPE_MASK;
    bool plain = type == FS_TYPE_DIRECTORY || type == FS_TYPE_LINK ||
                 (call->attr.mode & (FS_MODE_SETUID | FS_MODE_SETGID)) == 0;
    return (plain || !(assumptions & FS_ASSUME_NO_SET_ID)) &&
           (call->attr.uid == call->request.uid || !(assumptions & FS_ASSUME_OWNER));
}

static status_t op_setattr(struct path_call *call)
{
    struct fs_path_setattr change;
    const struct fs_open as_if = {.node = call->walk.node};
    if (call->extra_length != sizeof change)
        return ERR_INVALID_ARGUMENT;
    memcpy(&change, call->extra, sizeof change);
    status_t status = fs_attributes(call->walk.node, &call->attr);
    if (status == OK && !assumed_rightly(call, change.assumptions))
        status = ERR_BAD_STATE;
    if (status == OK) /* which refuses the size: nothing is open */
        status = fs_check_setattr(&as_if, &call->who, change.mask, &change.attr);
    if (status == OK)
        status = fs_set_attributes(call->walk.node, change.mask, &change.attr);
    return status == OK ? fs_attributes(call->walk.node, &call->attr) : status;
}

static status_t op_readlink(struct path_call *call)
{
    status_t status = fs_attributes(call->walk.node, &call->attr);
    if (status != OK)
        return status;
    if ((call->attr.mode & FS_TYPE_MASK) != FS_TYPE_LINK || call->server->ops->read_link == NULL)
        return ERR_INVALID_ARGUMENT;
    return call->server->ops->read_link(call->walk.node, call->target, sizeof call->target,
                                        &call->target_length);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct {
    path_operation *run;
    uint32_t walk_flags;
} operations[] = {
    [FS_OP_OPEN] = {path_op_open, 0},
    [FS_OP_STAT] = {op_stat, 0},
    [FS_OP_MKDIR] = {path_op_mkdir, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_MKNOD] = {path_op_mknod, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_SYMLINK] = {path_op_symlink, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_READLINK] = {op_readlink, WALK_NOFOLLOW},
    [FS_OP_UNLINK] = {path_op_unlink, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_RMDIR] = {path_op_rmdir, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_LINK] = {path_op_link, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_RENAME] = {path_op_rename, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_SETATTR] = {op_setattr, 0},
};
#define OPERATION_COUNT (sizeof operations / sizeof operations[0])

/* Operations on what a path names, that follow links unless they are told not to. */
static bool tells_node(uint32_t op)
{
    return op == FS_OP_OPEN || op == FS_OP_STAT || op == FS_OP_SETATTR;
}

static uint32_t walk_flags_of(const struct fs_path_request *request)
{
    uint32_t flags = operations[request->op].walk_flags;
    if (request->op == FS_OP_RENAME)
        return flags;
    if (request->flags & FS_O_NOCASE)
        flags |= WALK_NOCASE;
    if (request->flags & FS_O_COVERED)
        flags |= WALK_COVERED;
    if (!tells_node(request->op))
        return flags;
    if (request->flags & FS_O_NOFOLLOW)
        flags |= WALK_NOFOLLOW;
    if (request->op == FS_OP_OPEN && (request->flags & FS_O_CREATE)) {
        flags |= WALK_NEW;
        if (request->flags & FS_O_EXCLUSIVE)
            flags |= WALK_NOFOLLOW;
    }
    return flags;
}

/* Who asks: as the request says, or as the kernel does. */
static void find_who(struct path_call *call, const struct message *message, uint32_t group_count)
{
    struct fs_path_request *request = &call->request;
    bool root = request->uid == 0 && !(request->who & FS_WHO_NO_POWER);
    call->who = message->principal != 0
                    ? fs_who_calls(message, call->start)
                    : (struct fs_who){.uid = request->uid,
                                      .gid = request->gid,
                                      .power = (request->who & FS_WHO_POWER) || root,
                                      .groups = call->groups,
                                      .group_count = group_count};
    request->uid = call->who.uid;
    request->gid = call->who.gid;
}

static status_t read_request(struct path_call *call, struct service *service,
                             struct message *message)
{
    const uint8_t *tail;
    uint32_t tail_length;
    const struct fs_path_request *request =
        service_request(message, sizeof *request, &tail, &tail_length);
    uint32_t groups = request != NULL ? (request->who & FS_WHO_GROUPS) * 4 : 0;
    if (request == NULL || request->path_length > tail_length ||
        groups > tail_length - request->path_length || request->op >= OPERATION_COUNT ||
        operations[request->op].run == NULL || memchr(tail, 0, request->path_length) != NULL)
        return ERR_INVALID_ARGUMENT;
    call->server = fs_server_of(service);
    call->start = fs_open_of(call->server, message->badge);
    if (call->start == NULL)
        return ERR_BAD_HANDLE;
    call->request = *request;
    memcpy(call->text, tail, tail_length);
    call->extra = call->text + request->path_length;
    call->extra_length = tail_length - request->path_length - groups;
    memcpy(call->groups, tail + tail_length - groups, groups);
    find_who(call, message, groups / 4);
    call->handle = service_take(message, 0);
    call->handles[0] = call->handles[1] = HANDLE_NONE;
    call->target_length = 0;
    return OK;
}

static status_t fill_reply(struct path_call *call, struct message *message)
{
    struct walk *walk = &call->walk;
    struct fs_path_reply *reply = service_reply(message, sizeof *reply);
    reply->walk = walk->outcome;
    reply->links_followed = walk->links;
    if (tells_node(call->request.op) || walk->own_place)
        fs_tell_places(call->server, walk, reply);
    if (walk->outcome != FS_WALK_DONE) {
        service_handle(message, walk->next);
        walk->next = HANDLE_NONE;
        return service_tail(message, walk->rest, walk->rest_length) == OK ? OK : ERR_NAME_TOO_LONG;
    }
    reply->attr = call->attr;
    service_handle(message, call->handles[0]);
    service_handle(message, call->handles[1]);
    call->handles[0] = call->handles[1] = HANDLE_NONE;
    return service_tail(message, call->target, call->target_length) == OK ? OK : ERR_NAME_TOO_LONG;
}

/* The walk failed: an absent name is an answer too, for clients that remember names. */
static status_t tell_absent(struct path_call *call, struct message *message)
{
    if (!tells_node(call->request.op) || (call->request.flags & FS_O_ABSENT) == 0)
        return ERR_NOT_FOUND;
    struct fs_path_reply *reply = service_reply(message, sizeof *reply);
    reply->walk = FS_WALK_ABSENT;
    reply->links_followed = call->walk.links;
    fs_tell_places(call->server, &call->walk, reply);
    return OK;
}

static status_t run_operation(struct path_call *call)
{
    status_t status = operations[call->request.op].run(call);
    bool asks = call->request.op == FS_OP_OPEN || call->request.op == FS_OP_STAT;
    if (status == OK && asks && (call->request.flags & FS_O_NOCASE))
        fs_dos_get(call->walk.node, &call->attr);
    return status;
}

status_t fs_handle_path(struct service *service, struct message *message)
{
    static struct path_call call; /* one thread; too large for its stack */
    if (fs_server_of(service)->finished)
        return ERR_IO_ERROR;
    status_t status = read_request(&call, service, message);
    if (status != OK)
        return status;
    status = walk_path(call.server, call.start->node, &call.request, &call.who, call.text,
                       walk_flags_of(&call.request), &call.walk);
    if (status == OK) {
        if (call.walk.outcome == FS_WALK_DONE)
            status = run_operation(&call);
        if (status == OK)
            status = fill_reply(&call, message);
        walk_end(&call.walk);
    } else if (status == ERR_NOT_FOUND) {
        status = tell_absent(&call, message);
    }
    handle_drop(&call.handles[0]);
    handle_drop(&call.handles[1]);
    handle_drop(&call.handle);
    return status;
}
