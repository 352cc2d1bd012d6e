/* SPDX-License-Identifier: MIT */
/*
 * Path walk inside one file system. `at` moves from component to component; the text still to walk
 * lives in walk->path, at the end of which symbolic links' targets are put before the rest.
 */
#include <string.h>

#include <ipc/call.h>

#include "internal.h"

struct position {
    struct fs_server *server;
    const struct fs_path_request *request;
    const struct fs_who *who;
    struct fs_node *at; /* referenced */
    char *next, *end;   /* text to walk */
    uint32_t flags;
};

static bool is_type(struct fs_node *node, uint32_t type)
{
    struct fs_attr attr;
    if (node->type != 0)
        return node->type == type;
    return fs_attributes(node, &attr) == OK && (attr.mode & FS_TYPE_MASK) == type;
}

static void step_to(struct position *position, struct fs_node *node)
{
    fs_node_put(position->at);
    position->at = node;
}

static status_t leave(struct position *position, struct walk *walk, uint32_t outcome, handle_t next)
{
    walk->outcome = outcome;
    walk->rest = position->next;
    walk->rest_length = (size_t)(position->end - position->next);
    if (outcome != FS_WALK_MOUNT)
        return OK;
    walk->next = handle_copy(next);
    return walk->next == HANDLE_NONE ? ERR_NO_HANDLES : OK;
}

/* `..`; *left: it led out of this file system. */
static status_t step_up(struct position *position, struct walk *walk, bool *left)
{
    struct fs_server *server = position->server;
    struct fs_node *parent;
    *left = false;
    if (position->at->ino == position->request->root_ino &&
        server->device == position->request->root_device)
        return OK;
    if (position->at == server->root) {
        if (server->parent == HANDLE_NONE)
            return OK;
        *left = true;
        return leave(position, walk, FS_WALK_MOUNT, server->parent);
    }
    status_t status = server->ops->parent(position->at, &parent);
    if (status == OK)
        step_to(position, parent);
    return status;
}

/* Replace the component just taken by the link's target. */
static status_t follow(struct position *position, struct walk *walk, struct fs_node *link)
{
    char target[FS_PATH_LIMIT];
    size_t length, rest = (size_t)(position->end - position->next);
    fs_passed(walk, link);
    if (++walk->links > FS_LINKS_MAX)
        return ERR_SYMLINK_LOOP;
    if (position->server->ops->read_link == NULL)
        return ERR_NOT_SUPPORTED;
    status_t status = position->server->ops->read_link(link, target, sizeof target, &length);
    if (status != OK)
        return status;
    if (length == 0)
        return ERR_NOT_FOUND;
    if (length + rest > sizeof walk->path) /* rest begins with its slash, if there is one */
        return ERR_NAME_TOO_LONG;
    walk->name = NULL; /* its text goes away; the target's last component takes its place */
    char *start = walk->path + sizeof walk->path - rest;
    memmove(start, position->next, rest);
    position->next = start - length;
    position->end = start + rest;
    memcpy(position->next, target, length);
    return OK;
}

static status_t missing(struct position *position, struct walk *walk, bool last, status_t status)
{
    if (status != ERR_NOT_FOUND || !last || (position->flags & WALK_NEW) == 0)
        return status;
    walk->directory = fs_node_get(position->at);
    return OK;
}

/* Without case: the name as it is in the directory takes the place of the one that was asked for. */
static status_t find_folded(struct position *position, struct walk *walk, const char *name,
                            size_t length, bool last, struct fs_node **child)
{
    char found[FS_NAME_MAX];
    size_t found_length;
    status_t status = fs_folded_find(position->at, name, length, found, &found_length);
    if (status == OK)
        status = fs_lookup(position->at, found, found_length, false, child);
    if (status == OK && last) {
        memcpy(walk->found, found, found_length);
        walk->name = walk->found;
        walk->name_length = found_length;
    }
    return status;
}

/* One component that is a name. *done: the walk is over. */
static status_t step_name(struct position *position, struct walk *walk, const char *name,
                          size_t length, bool last, bool *done)
{
    struct fs_node *child;
    bool nocase = (position->flags & WALK_NOCASE) != 0;
    if (length > FS_NAME_MAX)
        return ERR_NAME_TOO_LONG;
    if (last) {
        walk->name = name;
        walk->name_length = length;
    }
    status_t status = fs_lookup(position->at, name, length, nocase, &child);
    if (status == ERR_NOT_FOUND && nocase)
        status = find_folded(position, walk, name, length, last, &child);
    *done = last || status != OK;
    if (status != OK)
        return missing(position, walk, last, status);
    bool keep_link = last && (position->flags & WALK_NOFOLLOW) != 0 && !walk->trailing_slash;
    if (!keep_link && is_type(child, FS_TYPE_LINK)) {
        status = follow(position, walk, child);
        fs_node_put(child);
        *done = status != OK;
        if (status == OK && position->next[0] == '/') {
            *done = true;
            return leave(position, walk, FS_WALK_ABSOLUTE, HANDLE_NONE);
        }
        return status;
    }
    if (child->mounted != HANDLE_NONE && !(last && (position->flags & WALK_COVERED) != 0)) {
        *done = true;
        status = leave(position, walk, FS_WALK_MOUNT, child->mounted);
        fs_node_put(child);
        return status;
    }
    if (last)
        walk->directory = fs_node_get(position->at);
    step_to(position, child);
    return OK;
}

/* The next component; *done: the walk is over, walk holds the outcome but for its node. */
static status_t step(struct position *position, struct walk *walk, bool *done)
{
    while (position->next < position->end && *position->next == '/')
        position->next++;
    if (position->next == position->end) {
        *done = true;
        return OK;
    }
    fs_passed(walk, position->at);
    if (!is_type(position->at, FS_TYPE_DIRECTORY))
        return ERR_NOT_DIRECTORY;
    status_t status = fs_access(position->at, position->who, MAY_EXECUTE);
    if (status != OK)
        return status;
    const char *name = position->next;
    while (position->next < position->end && *position->next != '/')
        position->next++;
    size_t length = (size_t)(position->next - name);
    char *after = position->next;
    while (after < position->end && *after == '/')
        after++;
    bool last = after == position->end;
    walk->trailing_slash = last && after != position->next;
    if (length == 1 && name[0] == '.')
        return OK;
    if (length == 2 && name[0] == '.' && name[1] == '.')
        return step_up(position, walk, done);
    return step_name(position, walk, name, length, last, done);
}

void walk_end(struct walk *walk)
{
    fs_node_put(walk->node);
    fs_node_put(walk->directory);
    handle_drop(&walk->next);
    walk->node = walk->directory = NULL;
}

status_t walk_path(struct fs_server *server, struct fs_node *start,
                   const struct fs_path_request *request, const struct fs_who *who,
                   const char *path, uint32_t flags, struct walk *walk)
{
    size_t length = request->path_length;
    bool done = false;
    walk->outcome = FS_WALK_DONE;
    walk->links = request->links_followed;
    walk->node = walk->directory = NULL;
    walk->name = NULL;
    walk->name_length = 0;
    walk->trailing_slash = false;
    walk->place_count = 0;
    walk->own_place = false;
    walk->next = HANDLE_NONE;
    memcpy(walk->path, path, length);
    struct position position = {.server = server,
                                .request = request,
                                .who = who,
                                .at = fs_node_get(start),
                                .next = walk->path,
                                .end = walk->path + length,
                                .flags = flags};
    status_t status = OK;
    while (status == OK && !done)
        status = step(&position, walk, &done);
    bool absent =
        walk->outcome == FS_WALK_DONE && walk->name != NULL && walk->directory == position.at;
    if (status == OK && walk->outcome == FS_WALK_DONE && !absent) {
        if (walk->trailing_slash && !is_type(position.at, FS_TYPE_DIRECTORY))
            status = ERR_NOT_DIRECTORY;
        walk->node = position.at;
        position.at = NULL;
        fs_passed_last(walk);
    }
    fs_node_put(position.at);
    if (status != OK)
        walk_end(walk);
    return status;
}
