/* SPDX-License-Identifier: MIT */
/* Extended attributes: lib/ext has them, here are the operations as lib/fs names them. */
#include "extfs.h"

static status_t get(uint32_t ino, struct fs_xattr *call)
{
    size_t length = 0;
    status_t status =
        ext_get_xattr(fs, ino, call->name, call->name_length, call->value, call->size, &length);
    call->result = (uint32_t)length;
    return status == ERR_OUT_OF_RANGE ? OK : status; /* the result says how much there is */
}

static status_t list(uint32_t ino, struct fs_xattr *call)
{
    size_t length = 0;
    status_t status = ext_list_xattrs(fs, ino, call->value, call->size, &length);
    call->result = (uint32_t)length;
    return status;
}

static status_t set(uint32_t ino, const struct fs_xattr *call)
{
    uint32_t flags = (call->flags & FS_XATTR_CREATE ? EXT_XATTR_CREATE : 0u) |
                     (call->flags & FS_XATTR_REPLACE ? EXT_XATTR_REPLACE : 0u);
    return ext_set_xattr(fs, ino, call->name, call->name_length, call->value, call->size, flags);
}

status_t extfs_xattr(struct fs_node *base, struct fs_xattr *call)
{
    uint32_t ino = node_of(base)->ino;
    status_t status;
    bool changes = call->op == FS_XATTR_SET || call->op == FS_XATTR_REMOVE;
    if (changes && ext_is_read_only(fs))
        return ERR_READ_ONLY;
    if (changes)
        node_changed(base);
    if (call->op == FS_XATTR_GET)
        status = get(ino, call);
    else if (call->op == FS_XATTR_LIST)
        status = list(ino, call);
    else if (call->op == FS_XATTR_SET)
        status = set(ino, call);
    else
        status = ext_remove_xattr(fs, ino, call->name, call->name_length);
    return status == ERR_NOT_FOUND ? ERR_NO_ATTRIBUTE : status;
}
