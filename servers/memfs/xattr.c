/* SPDX-License-Identifier: MIT */
/* Extended attributes of files in memory: a list per node, in the order in which they were set. */
#include <stdlib.h>
#include <string.h>

#include <atomik/time.h>

#include "memfs.h"

struct memfs_xattr {
    struct memfs_xattr *next;
    uint32_t size;
    uint8_t *value;
    size_t name_length;
    char name[];
};

static struct memfs_xattr **find(struct memfs_node *node, const struct fs_xattr *call)
{
    struct memfs_xattr **at = &node->xattrs;
    while (*at != NULL && ((*at)->name_length != call->name_length ||
                           memcmp((*at)->name, call->name, call->name_length) != 0))
        at = &(*at)->next;
    return at;
}

static status_t set_value(struct memfs_xattr *attribute, const struct fs_xattr *call)
{
    uint8_t *value = malloc(call->size + 1);
    if (value == NULL)
        return ERR_NO_SPACE;
    memcpy(value, call->value, call->size);
    free(attribute->value);
    attribute->value = value;
    attribute->size = call->size;
    return OK;
}

static status_t set(struct memfs_node *node, const struct fs_xattr *call)
{
    struct memfs_xattr **at = find(node, call), *attribute = *at;
    if (attribute != NULL && (call->flags & FS_XATTR_CREATE) != 0)
        return ERR_ALREADY_EXISTS;
    if (attribute == NULL && (call->flags & FS_XATTR_REPLACE) != 0)
        return ERR_NO_ATTRIBUTE;
    if (attribute != NULL)
        return set_value(attribute, call);
    attribute = calloc(1, sizeof *attribute + call->name_length);
    if (attribute == NULL)
        return ERR_NO_SPACE;
    attribute->name_length = call->name_length;
    memcpy(attribute->name, call->name, call->name_length);
    status_t status = set_value(attribute, call);
    if (status == OK)
        *at = attribute;
    else
        free(attribute);
    return status;
}

static void free_one(struct memfs_xattr *attribute)
{
    free(attribute->value);
    free(attribute);
}

static status_t remove_one(struct memfs_node *node, const struct fs_xattr *call)
{
    struct memfs_xattr **at = find(node, call), *attribute = *at;
    if (attribute == NULL)
        return ERR_NO_ATTRIBUTE;
    *at = attribute->next;
    free_one(attribute);
    return OK;
}

static status_t get(struct memfs_node *node, struct fs_xattr *call)
{
    const struct memfs_xattr *attribute = *find(node, call);
    if (attribute == NULL)
        return ERR_NO_ATTRIBUTE;
    call->result = attribute->size;
    if (call->result <= call->size)
        memcpy(call->value, attribute->value, attribute->size);
    return OK;
}

static status_t list(struct memfs_node *node, struct fs_xattr *call)
{
    call->result = 0;
    for (const struct memfs_xattr *at = node->xattrs; at != NULL; at = at->next) {
        if (call->result + at->name_length + 1 <= call->size) {
            memcpy(call->value + call->result, at->name, at->name_length);
            call->value[call->result + at->name_length] = 0;
        }
        call->result += at->name_length + 1;
    }
    return OK;
}

status_t memfs_xattr(struct fs_node *base, struct fs_xattr *call)
{
    struct memfs_node *node = memfs_node_of(base);
    status_t status;
    switch (call->op) {
    case FS_XATTR_GET:
        return get(node, call);
    case FS_XATTR_LIST:
        return list(node, call);
    case FS_XATTR_SET:
        status = set(node, call);
        break;
    default:
        status = remove_one(node, call);
    }
    if (status == OK)
        node->ctime = time_realtime();
    return status;
}

void memfs_xattrs_free(struct memfs_node *node)
{
    while (node->xattrs != NULL) {
        struct memfs_xattr *attribute = node->xattrs;
        node->xattrs = attribute->next;
        free_one(attribute);
    }
}
