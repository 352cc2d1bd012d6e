/* SPDX-License-Identifier: MIT */
/* Walking paths across file system servers and internal directories. See path.h. */
#include "path.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>
#include <string.h>

#include "blockdev.h"
#include "file.h"
#include "lease.h"
#include "mm.h"
#include "server.h"
#include "task.h"

#define PATH_PER_MESSAGE \
    640u /* of a path; the rest of a message is for the request and the extra string */
#define GROUPS_PER_MESSAGE 12u /* what is left beside a path and a new name */

/* ---- directories of a process ------------------------------------------------------------------ */

struct fs_context *fs_context_copy(struct fs_context *fs)
{
    struct fs_context *copy = allocate(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *fs;
    copy->references = 1;
    copy->root = handle_copy(fs->root);
    copy->cwd = handle_copy(fs->cwd);
    copy->cwd_text = text_copy(fs->cwd_text);
    if (copy->cwd_text && copy->root && (copy->cwd || !fs->cwd))
        return copy;
    fs_context_release(copy);
    return NULL;
}

void fs_context_set_root(struct fs_context *fs, handle_t root, const struct fs_attr *attr)
{
    server_lock();
    handle_t old = fs->root;
    fs->root = root;
    fs->root_ino = attr->ino;
    fs->root_device = attr->device;
    server_unlock();
    close_handle(old);
}

void fs_context_release(struct fs_context *fs)
{
    if (!fs || --fs->references != 0)
        return;
    close_handle(fs->root);
    close_handle(fs->cwd);
    release(fs->cwd_text);
    release(fs);
}

/* ---- text -------------------------------------------------------------------------------------- */

/* Takes the last component off. */
static uint32_t go_up(const char *text, uint32_t length)
{
    while (length > 0 && text[--length] != '/')
        ;
    return length;
}

/* Appends the components of `path` to the absolute text of *length bytes in `result`; every path comes by here. */
static int append_components(char *result, uint32_t *length, const char *path)
{
    uint32_t at = *length;
    while (*path) {
        uint32_t start = at;
        for (result[at++] = '/'; *path && *path != '/' && at < PATH_MAX - 1; path++)
            result[at++] = *path;
        if (*path && *path != '/')
            return -ENAMETOOLONG;
        uint32_t count = at - start - 1;
        const char *name = result + start + 1;
        if (count == 0 || (count == 1 && name[0] == '.'))
            at = start;
        else if (count == 2 && name[0] == '.' && name[1] == '.')
            at = go_up(result, start);
        while (*path == '/')
            path++;
    }
    *length = at;
    return 0;
}

int path_absolute(const char *base, const char *path, char *result)
{
    uint32_t length = 0;
    int error = path[0] == '/' ? 0 : append_components(result, &length, base);
    if (error == 0)
        error = append_components(result, &length, path);
    if (length == 0)
        result[length++] = '/';
    result[length] = '\0';
    return error;
}

/* A root other than the machine's hides what is above it. */
static int below_root(char *name)
{
    char root[MESSAGE_BYTES];
    const struct fs_context *fs = self()->process->fs;
    if (fs->root_ino == server.root_ino && fs->root_device == server.root_device)
        return 0;
    status_t status = fs_client_name_of(fs->root, root, sizeof root);
    if (status != OK)
        return file_errno(status);
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root), all = strlen(name);
    if (strncmp(name, root, length) == 0 && (name[length] == '/' || name[length] == '\0')) {
        memmove(name, name + length, all - length + 1);
        if (!name[0])
            strcpy(name, "/");
        return 0;
    }
    if (all + sizeof "(unreachable)" > PATH_MAX)
        return -ENAMETOOLONG;
    memmove(name + sizeof "(unreachable)" - 1, name, all + 1);
    memcpy(name, "(unreachable)", sizeof "(unreachable)" - 1);
    return 0;
}

int path_of_directory(handle_t node, char *to)
{
    status_t status = fs_client_name_of(node, to, PATH_MAX);
    return status == OK ? below_root(to) : file_errno(status);
}

int path_copy_in(user_t path)
{
    char *to = worker_self()->path;
    int length = copy_in_string(to, path, PATH_MAX);
    if (length < 0)
        return length;
    return length == 0 ? -ENOENT : 0;
}

/* ---- one walk ---------------------------------------------------------------------------------- */

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

/* ---- open -------------------------------------------------------------------------------------- */

static uint32_t open_flags(uint32_t flags)
{
    uint32_t result = 0;
    if (flags & O_PATH)
        return FS_O_NODE | (flags & O_DIRECTORY ? FS_O_DIRECTORY : 0) |
               (flags & O_NOFOLLOW ? FS_O_NOFOLLOW : 0);
    if ((flags & O_ACCMODE) != O_WRONLY)
        result |= FS_O_READ;
    if ((flags & O_ACCMODE) != O_RDONLY)
        result |= FS_O_WRITE;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return result | FS_O_UNNAMED | (flags & O_EXCL ? FS_O_EXCLUSIVE : 0);
    if (flags & O_CREAT)
        result |= FS_O_CREATE;
    if (flags & O_EXCL)
        result |= FS_O_EXCLUSIVE;
    if (flags & O_TRUNC)
        result |= FS_O_TRUNCATE;
    if (flags & O_APPEND)
        result |= FS_O_APPEND;
    if (flags & O_DIRECTORY)
        result |= FS_O_DIRECTORY;
    if (flags & O_NOFOLLOW)
        result |= FS_O_NOFOLLOW;
    return result;
}

static int open_internal(struct walk *walk, uint32_t flags, struct file **result)
{
    const struct internal_node *node = &walk->internal;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_DIRECTORY) && !S_ISDIR(node->mode))
        return -ENOTDIR;
    if (S_ISLNK(node->mode) && !(flags & O_PATH)) {
        struct file *file =
            node->ops->magic && !(flags & O_NOFOLLOW) ? node->ops->magic(node) : NULL;
        if (!file)
            return node->ops->magic ? -ENOENT : -ELOOP;
        int error = file_reopen(file, flags, result);
        file_release(file);
        return error;
    }
    return internal_open(node, flags, walk->absolute, result);
}

/* Only an owner may leave the time of the last access alone. */
static bool may_hide_access(const struct fs_attr *attr)
{
    return self()->process->credentials.fsuid == attr->uid || capable(CAP_FOWNER);
}

static int open_fifo(const struct walk *walk, uint32_t flags, struct file **result)
{
    int error = fifo_open(&walk->attr, flags, result);
    if (error == 0 && walk->absolute)
        (*result)->path = text_copy(walk->absolute);
    return error;
}

/* What a node of a file system turns out to be. Takes the node, and the VMO that only regular files have. */
static int open_node(struct walk *walk, uint32_t flags, struct file **result)
{
    if ((flags & O_NOATIME) && !(flags & O_PATH) && !may_hide_access(&walk->attr)) {
        close_handle(walk->node);
        close_handle(walk->vmo);
        return -EPERM;
    }
    if (!(flags & O_PATH)) {
        if (S_ISCHR(walk->attr.mode) || S_ISBLK(walk->attr.mode)) {
            close_handle(walk->node);
            if (walk->attr.mount & FS_MOUNT_NO_DEVICES)
                return -EACCES;
            return S_ISBLK(walk->attr.mode) ? block_open(walk->attr.rdev, flags, result)
                                            : device_open(walk->attr.rdev, flags, result);
        }
        if (S_ISFIFO(walk->attr.mode)) {
            close_handle(walk->node);
            return open_fifo(walk, flags, result);
        }
        if (S_ISSOCK(walk->attr.mode)) {
            close_handle(walk->node);
            return -ENXIO;
        }
    }
    int error = node_file(walk->node, &walk->attr, flags, walk->absolute, result);
    if (error < 0) {
        close_handle(walk->vmo);
        return error;
    }
    if (walk->change_known)
        node_known(*result, &walk->attr, walk->change);
    node_give_vmo(*result, walk->vmo);
    if (namecache_takes(walk->op, walk->flags))
        node_shared(*result);
    return 0;
}

static int break_leases(const struct walk *opening, uint32_t flags)
{
    struct walk walk = {.dirfd = opening->dirfd,
                        .start = opening->start,
                        .path = opening->path,
                        .op = FS_OP_STAT,
                        .flags = opening->flags & FS_O_NOFOLLOW};
    if (path_walk(&walk) < 0 || walk.is_internal)
        return 0; /* opening says what is wrong */
    return lease_break(&walk.attr, (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC),
                       flags & O_NONBLOCK);
}

/* The walk says where, the path, and flags beyond those of open(2). */
static int open_with(struct walk *walk, uint32_t flags, uint32_t mode, struct file **result)
{
    walk->op = FS_OP_OPEN;
    walk->flags |= open_flags(flags);
    walk->wants_vmo = !(flags & (O_PATH | O_DIRECTORY));
    walk->mode = mode & 07777 & ~self()->process->fs->umask;
    int error = lease_count && !(flags & O_PATH) ? break_leases(walk, flags) : 0;
    if (error == 0)
        error = path_walk(walk);
    if (error < 0)
        return error;
    return walk->is_internal ? open_internal(walk, flags, result) : open_node(walk, flags, result);
}

int path_open(uint32_t dirfd, const char *path, uint32_t flags, uint32_t mode, struct file **result)
{
    struct walk walk = {.dirfd = dirfd, .path = path};
    return open_with(&walk, flags, mode, result);
}

int path_open_name(struct file *directory, const char *name, uint32_t flags, uint32_t mode,
                   struct file **result)
{
    struct walk walk = {.start = directory, .path = name, .flags = FS_O_NOFOLLOW};
    return open_with(&walk, flags, mode, result);
}

static int open_program(const char *path, struct file **result)
{
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = path, .flags = FS_O_DENY_WRITE};
    return open_with(&walk, O_RDONLY | O_LARGEFILE, 0, result);
}

/* A node that is kept for the sake of a mapping that is gone is no writer. */
int path_open_program(const char *path, struct file **result)
{
    int error = open_program(path, result);
    if (error != -ETXTBSY)
        return error;
    inodes_settle();
    return open_program(path, result);
}

/* ---- attributes -------------------------------------------------------------------------------- */

static int stat_descriptor(uint32_t fd, struct fs_attr *attr)
{
    struct fs_context *fs = self()->process->fs;
    if ((int32_t)fd == AT_FDCWD) {
        if (fs->cwd)
            return file_errno(node_stat(fs->cwd, attr));
        struct walk walk = {.dirfd = fd, .path = fs->cwd_text, .op = FS_OP_STAT};
        int error = path_walk(&walk);
        *attr = walk.attr;
        return error;
    }
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = file->ops->stat(file, attr);
    file_release(file);
    return error;
}

/* Attributes behind a link that leads to an open file. */
static int stat_magic(const struct walk *walk, struct fs_attr *attr)
{
    struct file *file = walk->internal.ops->magic(&walk->internal);
    if (!file)
        return -ENOENT;
    int error = file->ops->stat(file, attr);
    file_release(file);
    return error;
}

static int stat_as(uint32_t dirfd, user_t path, uint32_t at_flags, bool as_real_user,
                   struct fs_attr *attr)
{
    struct worker *worker = worker_self();
    int error = path_copy_in(path);
    if (error == -ENOENT && (at_flags & AT_EMPTY_PATH))
        return stat_descriptor(dirfd, attr);
    if (error < 0)
        return error;
    struct walk walk = {
        .dirfd = dirfd, .path = worker->path, .op = FS_OP_STAT, .as_real_user = as_real_user};
    if (at_flags & AT_SYMLINK_NOFOLLOW)
        walk.flags = FS_O_NOFOLLOW;
    error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && S_ISLNK(walk.internal.mode) && !(at_flags & AT_SYMLINK_NOFOLLOW) &&
        walk.internal.ops->magic)
        return stat_magic(&walk, attr);
    *attr = walk.attr;
    return 0;
}

int path_stat(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr)
{
    return stat_as(dirfd, path, at_flags, false, attr);
}

int path_stat_real(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr)
{
    return stat_as(dirfd, path, at_flags, true, attr);
}
