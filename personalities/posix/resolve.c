/* SPDX-License-Identifier: MIT */
/*
 * openat2's ways of resolving a path. One name at a time: each directory on the way is open, a name that
 * turns out to be a link is read and its text takes the name's place, and `..` goes back to the
 * directory that was come from. So what is renamed meanwhile leads nowhere outside, and no file server is
 * ever asked for more than one name of a directory that was found to be allowed.
 */
#include <linux/openat2.h>
#include <string.h>

#include "file.h"
#include "path.h"
#include "task.h"

#define SCOPED (RESOLVE_BENEATH | RESOLVE_IN_ROOT)

struct level {
    struct level *below; /* what `..` leads to; NULL at the base */
    struct file *directory;
};
struct resolution {
    uint32_t resolve, links;
    struct level *top;
    char *rest; /* PATH_MAX bytes: what is still to be resolved */
};

static int push(struct resolution *at, struct file *directory)
{
    struct level *level = allocate(sizeof *level);
    if (!level) {
        file_release(directory);
        return -ENOMEM;
    }
    *level = (struct level){at->top, directory};
    at->top = level;
    return 0;
}

static void pop(struct resolution *at)
{
    struct level *level = at->top;
    at->top = level->below;
    file_release(level->directory);
    release(level);
}

/* Back to the base, or to another one. */
static int restart(struct resolution *at, struct file *base)
{
    while (at->top && (base || at->top->below))
        pop(at);
    return base ? push(at, base) : 0;
}

static int restart_at(struct resolution *at, uint32_t dirfd, const char *path)
{
    struct file *base;
    int error = path_open(dirfd, path, O_PATH | O_DIRECTORY, 0, &base);
    return error < 0 ? error : restart(at, base);
}

static bool crosses(const struct resolution *at, uint32_t device)
{
    return (at->resolve & RESOLVE_NO_XDEV) && device != at->top->directory->attr.device;
}

static int enter(struct resolution *at, const char *name)
{
    struct file *directory;
    int error =
        path_open_name(at->top->directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, &directory);
    if (error < 0)
        return error;
    if (!crosses(at, directory->attr.device))
        return push(at, directory);
    file_release(directory);
    return -EXDEV;
}

/* An absolute path or link. */
static int go_to_root(struct resolution *at)
{
    if (at->resolve & RESOLVE_BENEATH)
        return -EXDEV;
    if (at->resolve & RESOLVE_IN_ROOT)
        return restart(at, NULL);
    uint32_t device = at->top ? at->top->directory->attr.device : 0;
    int error = restart_at(at, (uint32_t)AT_FDCWD, "/");
    return error == 0 && device && crosses(at, device) ? -EXDEV : error;
}

static int go_up(struct resolution *at)
{
    if (at->top->below) {
        uint32_t device = at->top->below->directory->attr.device;
        if (crosses(at, device))
            return -EXDEV;
        pop(at);
        return 0;
    }
    if (at->resolve & SCOPED)
        return at->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
    int error = enter(at, "..");
    if (error < 0)
        return error;
    struct file *above = at->top->directory;
    file_hold(above);
    return restart(at, above);
}

/* Takes the next name off; *last: it is the last one, *must: a slash follows it, it has to be a directory. */
static int next_name(struct resolution *at, char name[NAME_MAX + 1], bool *last, bool *must)
{
    const char *rest = at->rest + strspn(at->rest, "/");
    size_t length = strcspn(rest, "/"), slashes = strspn(rest + length, "/");
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, rest, length);
    name[length] = '\0';
    *must = slashes > 0;
    *last = rest[length + slashes] == '\0';
    memmove(at->rest, rest + length + slashes, strlen(rest + length + slashes) + 1);
    return 0;
}

/* The link's text takes the place of its name. */
static int replace(struct resolution *at, const char *text, bool must)
{
    size_t length = strlen(text), rest = strlen(at->rest), slash = must || rest;
    if (length + slash + rest >= PATH_MAX)
        return -ENAMETOOLONG;
    memmove(at->rest + length + slash, at->rest, rest + 1);
    if (slash)
        at->rest[length] = '/';
    memcpy(at->rest, text, length);
    return text[0] == '/' ? go_to_root(at) : 0;
}

/* A link that leads somewhere by itself: its text, if there is one, is an absolute path out of /proc. */
static bool is_magic(const struct resolution *at, const struct internal_ops *ops, const char *text)
{
    const char *directory = at->top->directory->path;
    return ops->magic || (text[0] == '/' && directory && strncmp(directory, "/proc/", 6) == 0);
}

static int follow(struct resolution *at, const char *name, const struct walk *link, bool must)
{
    const struct internal_ops *ops = link->is_internal ? link->internal.ops : NULL;
    if (at->resolve & RESOLVE_NO_SYMLINKS)
        return -ELOOP;
    if (++at->links > FS_LINKS_MAX)
        return -ELOOP;
    struct walk walk = {
        .start = at->top->directory, .path = name, .op = FS_OP_READLINK, .flags = FS_O_NOFOLLOW};
    walk.text = worker_self()->scratch;
    int error = ops ? ops->target(&link->internal, walk.text) : path_walk(&walk);
    if (error < 0)
        return error;
    if (ops && is_magic(at, ops, walk.text))
        return at->resolve & RESOLVE_NO_MAGICLINKS ? -ELOOP : -EXDEV;
    return replace(at, walk.text, must);
}

static bool is_dots(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* One step. 0: *result is open; 1: go on. */
static int step(struct resolution *at, uint32_t flags, uint32_t mode, struct file **result)
{
    char name[NAME_MAX + 1];
    bool last, must;
    int error = next_name(at, name, &last, &must);
    if (error < 0)
        return error;
    if (is_dots(name)) {
        error = strcmp(name, "..") == 0 ? go_up(at) : 0;
        if (error < 0 || !last)
            return error < 0 ? error : 1;
        return path_open_name(at->top->directory, ".", flags, mode, result);
    }
    if (last && must && (flags & O_CREAT))
        return -EISDIR;
    struct walk found = {
        .start = at->top->directory, .path = name, .op = FS_OP_STAT, .flags = FS_O_NOFOLLOW};
    error = path_walk(&found);
    bool is_link = error == 0 && S_ISLNK(found.attr.mode);
    bool keeps = last && !must && ((flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL)));
    if (is_link && !keeps)
        error = follow(at, name, &found, must);
    else if (error == 0 && crosses(at, found.attr.device))
        error = -EXDEV;
    else if (!last && error == 0)
        error = enter(at, name);
    else if (error == 0 || error == -ENOENT)
        return last ? path_open_name(at->top->directory, name, flags | (must ? O_DIRECTORY : 0),
                                     mode, result)
                    : error;
    return error < 0 ? error : 1;
}

static int begin(struct resolution *at, uint32_t dirfd, const char *path)
{
    bool absolute = path[0] == '/';
    if (absolute && (at->resolve & RESOLVE_BENEATH))
        return -EXDEV;
    strlcpy(at->rest, path, PATH_MAX);
    if (absolute && !(at->resolve & RESOLVE_IN_ROOT))
        return go_to_root(at);
    return restart_at(at, dirfd, ".");
}

int path_open_resolved(uint32_t dirfd, const char *path, uint32_t flags, uint32_t mode,
                       uint32_t resolve, struct file **result)
{
    struct resolution at = {.resolve = resolve, .rest = allocate(PATH_MAX)};
    int error = at.rest ? begin(&at, dirfd, path) : -ENOMEM;
    for (error = error < 0 ? error : 1; error == 1;)
        error = step(&at, flags, mode, result);
    while (at.top)
        pop(&at);
    release(at.rest);
    return error;
}
