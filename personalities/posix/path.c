/* SPDX-License-Identifier: MIT */
/* Walking paths across file system servers and internal directories. See path.h. */
#include "path.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>
#include <string.h>

#include "file.h"
#include "server.h"
#include "task.h"

#define PATH_PER_MESSAGE \
    640u /* of a path; the rest of a message is for the request and the extra string */
#define GROUPS_PER_MESSAGE 12u /* what is left beside a path and a new name */

/* Where the walk stands. */
struct place {
    handle_t directory; /* HANDLE_NONE: only the text is known */
    uint64_t ino;       /* of the directory */
    uint32_t device;    /* 0: not known */
    bool owned;         /* directory is to be closed */
    const char *base;   /* text of the directory while it is known, else NULL */
    struct file *file;  /* keeps the directory open */
};

static void place_move(struct place *place, handle_t directory, bool owned)
{
    if (place->owned)
        close_handle(place->directory);
    place->directory = directory;
    place->device = 0;
    place->owned = owned;
    place->base = NULL;
}

static void place_root(struct place *place, const struct fs_context *fs)
{
    place_move(place, fs->root, false);
    place->ino = fs->root_ino;
    place->device = fs->root_device;
}

/* The working directory, which another thread may change at any time. */
static void place_cwd(struct place *place, struct fs_context *fs)
{
    struct fs_attr attr;
    server_lock();
    *place = (struct place){.directory = fs->cwd, .ino = fs->cwd_ino, .device = fs->cwd_device};
    place->base = fs->cwd_text[0] ? fs->cwd_text : NULL;
    server_unlock();
    if (place->device || !place->directory || node_stat(place->directory, &attr) != OK)
        return;
    place->ino = attr.ino;
    place->device = attr.device;
    server_lock();
    if (fs->cwd == place->directory) {
        fs->cwd_ino = attr.ino;
        fs->cwd_device = attr.device;
    }
    server_unlock();
}

static void place_end(struct place *place)
{
    place_move(place, HANDLE_NONE, false);
    if (place->file)
        file_release(place->file);
}

static int place_begin(struct place *place, const struct walk *walk)
{
    *place = (struct place){.directory = HANDLE_NONE};
    if (walk->path[0] == '/')
        return 0;
    if (walk->start) {
        place->file = walk->start;
        file_hold(place->file);
    } else if ((int32_t)walk->dirfd == AT_FDCWD) {
        place_cwd(place, self()->process->fs);
        return 0;
    } else {
        place->file = fd_get(walk->dirfd);
    }
    if (!place->file)
        return -EBADF;
    place->directory = place->file->handle;
    place->ino = place->file->attr.ino;
    place->device = place->file->attr.device;
    place->base = place->file->path;
    if (S_ISDIR(place->file->attr.mode))
        return 0;
    place_end(place);
    return -ENOTDIR;
}

/* Who asks, beside the supplementary groups. */
struct caller {
    uint32_t uid, gid;
    bool power;
};

static struct caller caller_of(const struct walk *walk)
{
    const struct credentials *credentials = &self()->process->credentials;
    if (!walk->as_real_user)
        return (struct caller){credentials->fsuid, credentials->fsgid, capable(CAP_DAC_OVERRIDE)};
    bool power = credentials->uid == 0 && (credentials->permitted >> CAP_DAC_OVERRIDE & 1);
    return (struct caller){credentials->uid, credentials->gid, power};
}

static int fill_request(struct ipc *ipc, const struct walk *walk, uint32_t op, uint32_t flags,
                        const char *path, uint32_t length, uint32_t links, uint32_t first_group)
{
    const struct process *process = self()->process;
    const struct group_list *groups = process->credentials.groups;
    struct caller caller = caller_of(walk);
    uint32_t count = groups && groups->count > first_group ? groups->count - first_group : 0;
    count = caller.power ? 0 : MIN(count, GROUPS_PER_MESSAGE);
    struct fs_path_request request = {.op = op,
                                      .flags = flags,
                                      .mode = walk->mode,
                                      .rdev = walk->rdev,
                                      .uid = caller.uid,
                                      .gid = caller.gid,
                                      .who =
                                          count | (caller.power ? FS_WHO_POWER : FS_WHO_NO_POWER),
                                      .links_followed = links,
                                      .path_length = length,
                                      .root_ino = process->fs->root_ino,
                                      .root_device = process->fs->root_device};
    ipc_begin(ipc, LABEL_fs_path, &request, sizeof request);
    ipc->flags = CALL_UNINTERRUPTIBLE;
    if (ipc_tail(ipc, path, length) != OK)
        return -ENAMETOOLONG;
    bool whole = op == walk->op; /* else only a directory on the way */
    if (whole && walk->extra && ipc_tail(ipc, walk->extra, walk->extra_length) != OK)
        return -ENAMETOOLONG;
    if (count > 0 && ipc_tail(ipc, groups->gids + first_group, count * 4) != OK)
        return -ENAMETOOLONG;
    return whole && walk->handle ? file_errno(ipc_handle_copy(ipc, walk->handle)) : 0;
}

/* Takes what a finished operation returned. */
static void take_result(struct walk *walk, struct ipc *ipc, const struct fs_path_reply *reply)
{
    walk->attr = reply->attr;
    if (walk->op == FS_OP_OPEN) {
        walk->node = ipc_take(ipc, 0);
        walk->vmo = ipc_take(ipc, 1);
    }
    if (walk->op == FS_OP_READLINK) {
        walk->text = worker_self()->scratch;
        memcpy(walk->text, ipc->tail, ipc->tail_length);
        walk->text[ipc->tail_length] = '\0';
    }
}

static bool more_groups(uint32_t from)
{
    const struct group_list *groups = self()->process->credentials.groups;
    return groups && groups->count > from && !capable(CAP_DAC_OVERRIDE);
}

static struct name_key name_key(const struct walk *walk, const struct place *place,
                                const char *path, uint32_t length)
{
    const struct process *process = self()->process;
    struct caller caller = caller_of(walk);
    return (struct name_key){.ino = place->ino,
                             .root_ino = process->fs->root_ino,
                             .device = place->device,
                             .root_device = process->fs->root_device,
                             .op = walk->op,
                             .flags = walk->flags,
                             .uid = caller.uid,
                             .gid = caller.gid,
                             .power = caller.power,
                             .path = path,
                             .length = length};
}

/* The same as send_step below for an answer that is remembered; 2: there is none. */
static int remembered_step(struct walk *walk, struct place *place, const struct name_key *key,
                           char *rest, uint32_t *links)
{
    struct name_answer answer;
    if (!namecache_find(key, &answer))
        return 2;
    *links += answer.links;
    if (answer.walk == FS_WALK_ABSENT)
        return -ENOENT;
    if (answer.walk == FS_WALK_ABSOLUTE) {
        strlcpy(rest, answer.rest, PATH_MAX);
        place_move(place, HANDLE_NONE, false);
        return *links > FS_LINKS_MAX ? -ELOOP : 1;
    }
    walk->attr = answer.attr;
    walk->node = answer.node;
    return 0;
}

/* A name that is known to be there is not made: no message says so better. */
static bool is_remembered(struct name_key key)
{
    key.op = FS_OP_STAT;
    key.flags = 0;
    if (namecache_exists(&key))
        return true;
    key.flags = FS_O_NOFOLLOW;
    return namecache_exists(&key);
}

/* What these find at the end of the path is what STAT would find there next. */
static bool is_like_stat(uint32_t op)
{
    return op == FS_OP_SETATTR || op == FS_OP_MKDIR;
}

/* What may have made the last name of a path that leads there without links. */
static bool may_make(uint32_t op)
{
    return op == FS_OP_OPEN || op == FS_OP_MKDIR || op == FS_OP_MKNOD;
}

static void remember(const struct name_key *key, const struct place *place, const struct ipc *ipc,
                     const struct fs_path_reply *reply, uint32_t links)
{
    struct fs_path_reply own = *reply;
    own.links_followed -= MIN(links, own.links_followed);
    namecache_add(key, place->directory, &own, ipc->tail, ipc->tail_length,
                  ipc->message.handle_count > 0 ? ipc->message.handles[0] : HANDLE_NONE, NULL);
}

bool path_remembers(const struct fs_attr *directory)
{
    return !more_groups(0) && check_access(directory, 1, true) == 0;
}

void path_remember_entries(const struct file *directory, const struct fs_listing *listing)
{
    const struct walk as_stat = {.op = FS_OP_STAT};
    const struct place place = {.ino = directory->attr.ino, .device = directory->attr.device};
    namecache_add_entries(name_key(&as_stat, &place, NULL, 0), directory->handle, listing);
}

/* How much of a path goes into one message: all of it, or up to a slash (0: there is none). */
static uint32_t part_for_message(const char *path)
{
    uint32_t length = (uint32_t)strlen(path);
    if (length <= PATH_PER_MESSAGE)
        return length;
    length = PATH_PER_MESSAGE;
    while (length > 0 && path[length] != '/')
        length--;
    return length;
}

/* rest = `begin`, then `after`, which may lie in rest, if there is one. False: that is too long. */
static bool join_rest(char *rest, const uint8_t *begin, uint32_t length, const char *after)
{
    if (length + (after ? strlen(after) + 1 : 0) >= PATH_MAX)
        return false;
    if (after) {
        memmove(rest + length + (length ? 1 : 0), after, strlen(after) + 1);
        if (length)
            rest[length] = '/';
    } else {
        rest[length] = '\0';
    }
    memcpy(rest, begin, length);
    return true;
}

/* One request: all of the operation, or opening the directory that the beginning of a long path leads to. */
struct request {
    uint32_t op, flags, length;
    const char *after; /* what is left of the path, or NULL */
    struct name_key key;
    bool may_take, takes; /* whether answers about names can be remembered; whether this one is */
};

static int request_begin(struct request *request, const struct walk *walk,
                         const struct place *place, const char *path)
{
    *request =
        (struct request){.op = walk->op, .flags = walk->flags, .length = part_for_message(path)};
    if (path[request->length] != '\0') {
        if (request->length == 0)
            return -ENAMETOOLONG;
        request->after = path + request->length + 1;
        request->op = FS_OP_OPEN;
        request->flags = FS_O_NODE | FS_O_DIRECTORY;
    }
    request->key = name_key(walk, place, path, request->length);
    request->may_take = !request->after && place->device && !more_groups(0);
    request->takes = request->may_take && namecache_takes(request->op, request->flags);
    return 0;
}

/* A process in very many groups asks with some at a time. */
static int exchange(struct ipc *ipc, const struct walk *walk, const struct place *place,
                    const struct request *request, uint32_t links, struct fs_path_reply *reply)
{
    uint32_t group = 0, flags = request->flags;
    status_t status;
    flags |= request->takes ? FS_O_ABSENT : 0;
    flags |= walk->wants_vmo && !request->after ? FS_O_VMO : 0;
    do {
        int error = fill_request(ipc, walk, request->op, flags, request->key.path, request->length,
                                 links, group);
        if (error < 0) {
            ipc_drop(ipc);
            return error;
        }
        status = ipc_call(ipc, place->directory, reply, sizeof *reply);
        group += GROUPS_PER_MESSAGE;
    } while (status == ERR_ACCESS_DENIED && more_groups(group));
    return file_errno(status);
}

static void remember_reply(const struct request *request, const struct place *place,
                           const struct ipc *ipc, const struct fs_path_reply *reply, uint32_t links)
{
    struct name_key key = request->key;
    bool is_stat = request->may_take && is_like_stat(request->op);
    if (request->may_take && may_make(request->op) && reply->links_followed == links)
        namecache_add_above(&key, place->directory, reply, ipc->tail, ipc->tail_length);
    if (is_stat)
        key.op = FS_OP_STAT;
    if (is_stat || request->takes)
        remember(&key, place, ipc, reply, links);
}

/* The walk goes on elsewhere, with the path now in `rest`. */
static int redirect(struct place *place, struct ipc *ipc, const struct fs_path_reply *reply,
                    const char *after, char *rest)
{
    uint32_t tail = reply->walk == FS_WALK_DONE ? 0 : ipc->tail_length;
    if (!join_rest(rest, ipc->tail, tail, after))
        return -ENAMETOOLONG;
    if (reply->walk == FS_WALK_ABSOLUTE) {
        place_move(place, HANDLE_NONE, false);
        return 1;
    }
    /* What is left is relative to that directory, whatever slashes it begins with. */
    uint32_t slashes = (uint32_t)strspn(rest, "/");
    memmove(rest, rest + slashes, strlen(rest + slashes) + 1);
    place_move(place, ipc_take(ipc, 0), true);
    return 1;
}

/*
 * Sends one request. 0: done; 1: go on with the path now in `rest`; -errno. A path that is too long
 * for a message first opens the directory that its beginning leads to.
 */
static int send_step(struct walk *walk, struct place *place, const char *path, char *rest,
                     uint32_t *links)
{
    struct ipc ipc;
    struct fs_path_reply reply;
    struct request request;
    int error = request_begin(&request, walk, place, path);
    if (error < 0)
        return error;
    walk->change_known = place->device && namecache_now(place->device, &walk->change);
    error = request.takes ? remembered_step(walk, place, &request.key, rest, links) : 2;
    if (error != 2)
        return error;
    if (request.op == FS_OP_MKDIR && request.may_take && is_remembered(request.key))
        return -EEXIST;
    error = exchange(&ipc, walk, place, &request, *links, &reply);
    if (error < 0)
        return error;
    remember_reply(&request, place, &ipc, &reply, *links);
    *links = reply.links_followed;
    int result = 0;
    if (reply.walk == FS_WALK_ABSENT)
        result = -ENOENT;
    else if (reply.walk == FS_WALK_DONE && !request.after)
        take_result(walk, &ipc, &reply);
    else
        result = redirect(place, &ipc, &reply, request.after, rest);
    ipc_drop(&ipc);
    return result;
}

/* A path that this server resolves itself: 0 found, 1 go on with `rest`, -errno. */
static int internal_step(struct walk *walk, const char *absolute, char *rest, uint32_t *links)
{
    int result = internal_lookup(absolute, &walk->internal, rest);
    if (result != 0)
        return result == 1 && ++*links > FS_LINKS_MAX ? -ELOOP : result;
    const struct internal_ops *ops = walk->internal.ops;
    bool follow =
        !(walk->flags & FS_O_NOFOLLOW) && walk->op != FS_OP_READLINK && walk->op != FS_OP_UNLINK;
    if (S_ISLNK(walk->internal.mode) && follow && !ops->magic) {
        if (++*links > FS_LINKS_MAX)
            return -ELOOP;
        char target[PATH_MAX / 4];
        result = ops->target(&walk->internal, target);
        if (result < 0)
            return result;
        const char *slash = strrchr(absolute, '/');
        char *base = worker_self()->scratch;
        memcpy(base, absolute, (size_t)(slash - absolute));
        base[slash - absolute] = '\0';
        result = path_absolute(base, target, rest);
        return result < 0 ? result : 1;
    }
    walk->is_internal = true;
    internal_attr(&walk->internal, &walk->attr);
    return 0;
}

/* An absolute path through a directory that only this server knows, and up again. */
static bool leaves_internal(const char *path)
{
    bool through = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
    return through && strstr(path, "/..") != NULL;
}

/* From a directory that is no internal one, and not up from there. */
static bool is_outside(const struct place *place, const char *path)
{
    return place->directory != HANDLE_NONE && path[0] != '/' && place->base[1] != '\0' &&
           !internal_owns(place->base) && !strstr(path, "..");
}

/* The path as absolute text, where the directory's is known. Only what has no other name needs it: else it may be too long. */
static int find_text(struct walk *walk, struct place *place, const char *path)
{
    if (!place->base)
        return 0;
    if (walk->op != FS_OP_OPEN && is_outside(place, path)) {
        place->base = NULL;
        return 0;
    }
    walk->absolute = worker_self()->path2;
    int error = path_absolute(place->base, path, worker_self()->path2);
    if (error == 0 || place->directory == HANDLE_NONE)
        return error;
    walk->absolute = place->base = NULL;
    return 0;
}

static int walk_steps(struct walk *walk, struct place *place, char *rest)
{
    struct fs_context *fs = self()->process->fs;
    char *absolute = worker_self()->path2;
    const char *path = walk->path;
    uint32_t links = 0;
    for (int result = 1; result == 1; path = rest) {
        if (path[0] == '/') {
            place_root(place, fs);
            place->base = "/";
        }
        result = find_text(walk, place, path);
        if (result < 0)
            return result;
        if (place->base) {
            if (internal_owns(absolute)) {
                result = internal_step(walk, absolute, rest, &links);
                if (result <= 0)
                    return result;
                continue;
            }
            /* `..` out of an internal directory */
            if (place->directory == HANDLE_NONE || leaves_internal(path)) {
                place_root(place, fs);
                path = absolute;
            }
        }
        while (*path == '/')
            path++;
        result = send_step(walk, place, path, rest, &links);
        if (result <= 0)
            return result;
    }
    return -ELOOP;
}

int path_walk(struct walk *walk)
{
    struct place place;
    walk->is_internal = false;
    walk->node = walk->vmo = HANDLE_NONE;
    walk->absolute = NULL;
    if (!walk->path[0])
        return -ENOENT;
    int error = place_begin(&place, walk);
    if (error < 0)
        return error;
    error = walk_steps(walk, &place, worker_self()->rest);
    place_end(&place);
    return error;
}
