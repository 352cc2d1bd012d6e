/* SPDX-License-Identifier: MIT */
/*
 * The client of file systems: paths. (Calls on an open node: fsnode.c.)
 *
 * How a path is followed. A `cursor` is where the walk stands: a directory handle and the rest of
 * the path. Each round sends the rest to the file system that owns the directory, or as many whole
 * components of it as fit into a message (which are then only opened). What comes back is the
 * result or a new cursor: the root of a mounted file system, or an absolute link's target.
 */
#include <ipc/fsclient.h>

#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/claims.h>
#include <ipc/namecache.h>

#define ROUNDS_MAX 256 /* mount crossings and pieces of one path: a server that loops is stopped */

struct cursor {
    handle_t directory;
    bool owned; /* directory is ours to close */
    const char *rest;
    size_t length;
    uint32_t links;           /* symbolic links followed so far */
    char buffer[FS_PATH_MAX]; /* rest, once a server has returned a part of it */
};

static void move_to(struct cursor *cursor, handle_t directory, bool owned)
{
    if (cursor->owned)
        handle_drop(&cursor->directory);
    cursor->directory = directory;
    cursor->owned = owned;
}

static void skip_root(struct cursor *cursor, const struct fs_walk_context *context)
{
    if (cursor->length == 0 || cursor->rest[0] != '/')
        return;
    move_to(cursor, context->root, false);
    for (; cursor->length > 0 && cursor->rest[0] == '/'; cursor->length--)
        cursor->rest++;
}

/* The length of the longest prefix of whole components that is not the whole path; 0: there is none. */
static size_t prefix_length(const char *path, size_t length, size_t max)
{
    size_t end = length - 1 < max ? length - 1 : max;
    while (end > 0 && path[end] != '/')
        end--;
    return end;
}

static status_t send(struct ipc *ipc, const struct fs_walk_context *context,
                     const struct cursor *cursor, size_t length, const struct fs_path_args *args,
                     struct fs_path_reply *reply)
{
    struct fs_path_request request = {
        .op = args->op,
        .flags = args->flags,
        .mode = args->mode,
        .rdev = args->rdev,
        .uid = context->uid,
        .gid = context->gid,
        .links_followed = cursor->links,
        .path_length = length,
        .root_ino = context->root_ino,
        .root_device = context->root_device,
    };
    ipc_begin(ipc, LABEL_fs_path, &request, sizeof request);
    ipc->flags = context->flags;
    status_t status = ipc_tail(ipc, cursor->rest, length);
    if (status == OK)
        status = ipc_tail(ipc, args->extra, args->extra_length);
    if (status == OK && args->handle != HANDLE_NONE)
        status = ipc_handle_copy(ipc, args->handle);
    return status == OK ? ipc_call(ipc, cursor->directory, reply, sizeof *reply) : status;
}

/* The walk has to go on elsewhere: what the server returned comes before what was not sent. */
static status_t redirect(struct ipc *ipc, const struct fs_walk_context *context,
                         struct cursor *cursor, size_t sent, const struct fs_path_reply *reply)
{
    size_t unsent = cursor->length - sent;
    size_t length = ipc->tail_length + unsent;
    handle_t next = ipc_take(ipc, 0);
    ipc_drop(ipc);
    if (length > sizeof cursor->buffer || reply->links_followed > FS_LINKS_MAX) {
        handle_drop(&next);
        return length > sizeof cursor->buffer ? ERR_NAME_TOO_LONG : ERR_SYMLINK_LOOP;
    }
    memmove(cursor->buffer + ipc->tail_length, cursor->rest + sent, unsent);
    memcpy(cursor->buffer, ipc->tail, ipc->tail_length);
    cursor->rest = cursor->buffer;
    cursor->length = length;
    cursor->links = reply->links_followed;
    if (reply->walk == FS_WALK_MOUNT && next != HANDLE_NONE) {
        move_to(cursor, next, true);
        return OK;
    }
    handle_drop(&next);
    if (reply->walk != FS_WALK_ABSOLUTE || length == 0 || cursor->rest[0] != '/')
        return ERR_IO_ERROR;
    skip_root(cursor, context);
    return OK;
}

/* Open the first components of a path that is too long for one message. */
static status_t advance(struct ipc *ipc, const struct fs_walk_context *context,
                        struct cursor *cursor, size_t room)
{
    static const struct fs_path_args open_directory = {.op = FS_OP_OPEN,
                                                       .flags = FS_O_NODE | FS_O_DIRECTORY};
    struct fs_path_reply reply;
    size_t sent = prefix_length(cursor->rest, cursor->length, room);
    if (sent == 0)
        return ERR_NAME_TOO_LONG;
    status_t status = send(ipc, context, cursor, sent, &open_directory, &reply);
    if (status != OK)
        return status;
    if (reply.walk != FS_WALK_DONE)
        return redirect(ipc, context, cursor, sent, &reply);
    handle_t directory = ipc_take(ipc, 0);
    ipc_drop(ipc);
    if (directory == HANDLE_NONE)
        return ERR_IO_ERROR;
    move_to(cursor, directory, true);
    cursor->links = reply.links_followed;
    for (; sent < cursor->length && cursor->rest[sent] == '/'; sent++)
        ;
    cursor->rest += sent;
    cursor->length -= sent;
    return OK;
}

static void take_result(struct ipc *ipc, const struct fs_path_args *args,
                        const struct fs_path_reply *reply, struct fs_path_result *result)
{
    result->attr = reply->attr;
    result->node = result->vmo = HANDLE_NONE;
    result->claim = NULL;
    result->text_length = 0;
    if (args->op == FS_OP_OPEN) {
        result->node = ipc_take(ipc, 0);
        result->vmo = ipc_take(ipc, 1);
    }
    if (args->op == FS_OP_READLINK) {
        result->text_length =
            ipc->tail_length < sizeof result->text ? ipc->tail_length : sizeof result->text;
        memcpy(result->text, ipc->tail, result->text_length);
    }
    ipc_drop(ipc);
}

/* What is remembered of an answer. */
enum kept { KEPT_NOTHING, KEPT_ABSENCE, KEPT_ALL };

/*
 * Whether the answer from here may be remembered, and under what. A name that is absent for STAT is so
 * for every OPEN that does not make it.
 */
static enum kept name_key(const struct fs_walk_context *context, const struct cursor *cursor,
                          const struct fs_path_args *args, struct name_key *key)
{
    bool root = cursor->directory == context->root;
    uint32_t op = args->op, flags = args->flags;
    uint32_t denies = args->claims ? flags & FS_O_DENY_WRITE : 0;
    enum kept kept = KEPT_ALL;
    if (!context->remember ||
        (!root && (cursor->directory != context->cwd || !context->cwd_device)))
        return KEPT_NOTHING;
    if (op == FS_OP_OPEN && !(flags & FS_O_CREATE) && !namecache_takes(op, flags & ~denies)) {
        op = FS_OP_STAT;
        flags &= FS_O_NOFOLLOW | FS_O_NOCASE;
        kept = KEPT_ABSENCE;
    }
    if (!namecache_takes(op, flags & ~denies))
        return KEPT_NOTHING;
    *key = (struct name_key){.ino = root ? context->root_ino : context->cwd_ino,
                             .root_ino = context->root_ino,
                             .device = root ? context->root_device : context->cwd_device,
                             .root_device = context->root_device,
                             .op = op,
                             .flags = flags,
                             .uid = context->uid,
                             .gid = context->gid,
                             .path = cursor->rest,
                             .length = cursor->length};
    return kept;
}

/* Takes the remembered answer. True: *status is the end of the walk, or SHOULD_WAIT to go on with it. */
static bool recall(const struct fs_walk_context *context, struct cursor *cursor,
                   const struct name_key *key, enum kept kept, struct fs_path_result *result,
                   status_t *status)
{
    struct name_answer answer;
    if (!namecache_find(key, &answer) || (kept == KEPT_ABSENCE && answer.walk == FS_WALK_DONE))
        return false;
    cursor->links += answer.links;
    *status = answer.walk == FS_WALK_ABSENT ? ERR_NOT_FOUND : OK;
    if (answer.walk == FS_WALK_ABSOLUTE) {
        cursor->length = strlen(answer.rest);
        memcpy(cursor->buffer, answer.rest, cursor->length);
        cursor->rest = cursor->buffer;
        skip_root(cursor, context);
        *status = cursor->links > FS_LINKS_MAX ? ERR_SYMLINK_LOOP : ERR_SHOULD_WAIT;
    }
    result->attr = answer.attr;
    result->node = answer.node;
    result->claim = answer.claim;
    result->vmo = HANDLE_NONE;
    result->text_length = 0;
    return true;
}

static void remember(const struct name_key *key, const struct cursor *cursor, const struct ipc *ipc,
                     const struct fs_path_reply *reply, struct fs_claim *claim)
{
    struct fs_path_reply own = *reply;
    own.links_followed -= cursor->links < own.links_followed ? cursor->links : own.links_followed;
    namecache_add(key, cursor->directory, &own, ipc->tail, ipc->tail_length,
                  ipc->message.handle_count > 0 ? ipc->message.handles[0] : HANDLE_NONE, claim);
}

/* The message of which an answer may be remembered, and what it says; SHOULD_WAIT: the walk goes on. */
static status_t ask_with(const struct fs_walk_context *context, struct cursor *cursor,
                         const struct fs_path_args *args, const struct name_key *key,
                         enum kept kept, struct fs_claim *claim, struct fs_path_result *result)
{
    struct ipc ipc;
    struct fs_path_reply reply;
    status_t status = send(&ipc, context, cursor, cursor->length, args, &reply);
    if (status != OK)
        return status;
    if (kept == KEPT_ALL || (kept == KEPT_ABSENCE && reply.walk != FS_WALK_DONE))
        remember(key, cursor, &ipc, &reply, claim);
    if (reply.walk == FS_WALK_ABSENT) {
        ipc_drop(&ipc);
        return ERR_NOT_FOUND;
    }
    if (reply.walk == FS_WALK_DONE) {
        take_result(&ipc, args, &reply, result);
        return args->op == FS_OP_OPEN && result->node == HANDLE_NONE ? ERR_IO_ERROR : OK;
    }
    status = redirect(&ipc, context, cursor, cursor->length, &reply);
    return status == OK ? ERR_SHOULD_WAIT : status;
}

/* By what is remembered, or by a message. */
static status_t ask(const struct fs_walk_context *context, struct cursor *cursor,
                    const struct fs_path_args *args, struct fs_path_result *result)
{
    struct name_key key;
    struct fs_path_args asked = *args;
    struct fs_claim *claim = NULL;
    status_t status;
    enum kept kept = name_key(context, cursor, args, &key);
    if (kept != KEPT_NOTHING && recall(context, cursor, &key, kept, result, &status))
        return status;
    asked.flags |= kept != KEPT_NOTHING ? FS_O_ABSENT : 0;
    if (kept == KEPT_ALL && args->op == FS_OP_OPEN && (args->flags & FS_O_DENY_WRITE))
        claim = claim_new(&asked.handle, &asked.rdev);
    status = ask_with(context, cursor, &asked, &key, kept, claim, result);
    if (status == OK)
        result->claim = claim;
    else if (claim != NULL)
        claim_end(claim);
    return status;
}

static status_t walk(const struct fs_walk_context *context, struct cursor *cursor,
                     const struct fs_path_args *args, struct fs_path_result *result)
{
    struct ipc ipc;
    size_t room = MESSAGE_BYTES - sizeof(struct fs_path_request);
    if (args->extra_length >= room)
        return ERR_NAME_TOO_LONG;
    skip_root(cursor, context);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        status_t status;
        if (cursor->length > room - args->extra_length) {
            status = advance(&ipc, context, cursor, room);
            if (status != OK)
                return status;
            continue;
        }
        status = ask(context, cursor, args, result);
        if (status != ERR_SHOULD_WAIT)
            return status;
    }
    return ERR_SYMLINK_LOOP;
}

status_t fs_client_path(const struct fs_walk_context *context, handle_t dir, const char *path,
                        size_t length, const struct fs_path_args *args,
                        struct fs_path_result *result)
{
    if (length > FS_PATH_MAX)
        return ERR_NAME_TOO_LONG;
    struct cursor cursor;
    cursor.directory = dir != HANDLE_NONE ? dir : context->cwd;
    cursor.owned = false;
    cursor.rest = path;
    cursor.length = length;
    cursor.links = 0;
    status_t status = walk(context, &cursor, args, result);
    move_to(&cursor, HANDLE_NONE, false);
    return status;
}

status_t fs_client_root(struct fs_walk_context *context)
{
    struct fs_attr attr;
    status_t status = fs_client_stat(context->root, &attr);
    if (status == OK) {
        context->root_ino = attr.ino;
        context->root_device = attr.device;
    }
    return status;
}

status_t fs_client_open(const struct fs_walk_context *context, handle_t dir, const char *path,
                        size_t length, uint32_t flags, uint32_t mode, handle_t *node,
                        struct fs_attr *attr)
{
    struct fs_path_args args = {.op = FS_OP_OPEN, .flags = flags, .mode = mode};
    struct fs_path_result result;
    status_t status = fs_client_path(context, dir, path, length, &args, &result);
    if (status != OK)
        return status;
    handle_drop(&result.vmo);
    *node = result.node;
    if (attr != NULL)
        *attr = result.attr;
    return OK;
}

status_t fs_client_stat_path(const struct fs_walk_context *context, handle_t dir, const char *path,
                             size_t length, uint32_t flags, struct fs_attr *attr)
{
    struct fs_path_args args = {.op = FS_OP_STAT, .flags = flags};
    struct fs_path_result result;
    status_t status = fs_client_path(context, dir, path, length, &args, &result);
    if (status == OK)
        *attr = result.attr;
    return status;
}

status_t fs_client_parent(const struct fs_walk_context *context, handle_t dir, const char *path,
                          size_t length, handle_t *parent, char *name)
{
    while (length > 0 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    size_t name_length = length - start;
    const char *last = path + start;
    if (name_length == 0 || fs_is_dots(last, name_length))
        return ERR_INVALID_ARGUMENT;
    if (name_length > FS_NAME_MAX)
        return ERR_NAME_TOO_LONG;
    status_t status =
        fs_client_open(context, dir, path, start, FS_O_NODE | FS_O_DIRECTORY, 0, parent, NULL);
    if (status == OK) {
        memcpy(name, last, name_length);
        name[name_length] = 0;
    }
    return status;
}

status_t fs_client_rename(const struct fs_walk_context *context, handle_t old_dir,
                          const char *old_path, size_t old_length, handle_t new_dir,
                          const char *new_path, size_t new_length, uint32_t flags)
{
    char name[FS_NAME_MAX + 1];
    handle_t parent;
    struct fs_path_result result;
    status_t status = fs_client_parent(context, new_dir, new_path, new_length, &parent, name);
    if (status != OK)
        return status == ERR_INVALID_ARGUMENT ? ERR_BUSY : status;
    struct fs_path_args args = {.op = FS_OP_RENAME,
                                .flags = flags,
                                .extra = name,
                                .extra_length = strlen(name),
                                .handle = parent};
    status = fs_client_path(context, old_dir, old_path, old_length, &args, &result);
    handle_drop(&parent);
    return status;
}

status_t fs_client_link(const struct fs_walk_context *context, handle_t old_dir,
                        const char *old_path, size_t old_length, handle_t new_dir,
                        const char *new_path, size_t new_length, uint32_t flags)
{
    handle_t node;
    struct fs_path_result result;
    status_t status =
        fs_client_open(context, old_dir, old_path, old_length, flags | FS_O_NODE, 0, &node, NULL);
    if (status != OK)
        return status;
    struct fs_path_args args = {.op = FS_OP_LINK, .handle = node};
    status = fs_client_path(context, new_dir, new_path, new_length, &args, &result);
    handle_drop(&node);
    return status;
}
