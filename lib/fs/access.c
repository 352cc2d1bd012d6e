/* SPDX-License-Identifier: MIT */
/* Who may do what: the owner, group and other bits of Unix; who has power may do everything. */
#include "internal.h"

status_t fs_attributes(struct fs_node *node, struct fs_attr *attr)
{
    status_t status = node->server->ops->attributes(node, attr);
    attr->device = node->server->device;
    attr->mount = node->server->mount_flags;
    return status;
}

struct fs_who fs_who_calls(const struct message *message, const struct fs_open *open)
{
    uint32_t user = message->principal;
    return user == 0 ? open->who : (struct fs_who){.uid = user, .gid = user, .is_user = true};
}

bool fs_in_group(const struct fs_who *who, uint32_t gid)
{
    for (uint32_t i = 0; i < who->group_count; i++) {
        if (who->groups[i] == gid)
            return true;
    }
    return who->gid == gid;
}

status_t fs_access(struct fs_node *node, const struct fs_who *who, uint32_t want)
{
    struct fs_attr attr;
    bool closed = (want & MAY_WRITE) && fs_is_read_only(node->server);
    if ((who->power && !closed) || want == 0)
        return OK;
    status_t status = fs_attributes(node, &attr);
    if (status != OK)
        return status;
    uint32_t type = attr.mode & FS_TYPE_MASK;
    if (closed && (type == FS_TYPE_FILE || type == FS_TYPE_DIRECTORY))
        return ERR_READ_ONLY;
    if (who->power)
        return OK;
    uint32_t shift = attr.uid == who->uid ? 6 : fs_in_group(who, attr.gid) ? 3 : 0;
    return (attr.mode >> shift & want) == want ? OK : ERR_ACCESS_DENIED;
}

status_t fs_may_change(struct fs_node *directory, struct fs_node *child, const struct fs_who *who)
{
    struct fs_attr attr, child_attr;
    status_t status = fs_access(directory, who, MAY_WRITE | MAY_EXECUTE);
    if (status != OK || who->power || child == NULL)
        return status;
    status = fs_attributes(directory, &attr);
    if (status == OK)
        status = fs_attributes(child, &child_attr);
    if (status != OK)
        return status;
    if ((attr.mode & FS_MODE_STICKY) != 0 && attr.uid != who->uid && child_attr.uid != who->uid)
        return ERR_NOT_PERMITTED;
    return OK;
}

status_t fs_check_setattr(const struct fs_open *open, const struct fs_who *who, uint32_t mask,
                          const struct fs_attr *wanted)
{
    struct fs_attr attr;
    if ((mask & FS_ATTR_SIZE) != 0 && (open->flags & FS_O_WRITE) == 0)
        return ERR_BAD_HANDLE;
    if (who->power || (!who->is_user && (mask & FS_ATTR_CHECKED) != 0))
        return OK;
    status_t status = fs_attributes(open->node, &attr);
    if (status != OK)
        return status;
    bool owner = attr.uid == who->uid;
    if ((mask & FS_ATTR_UID) != 0 && wanted->uid != attr.uid)
        return ERR_NOT_PERMITTED;
    if ((mask & FS_ATTR_GID) != 0 &&
        (!owner || (wanted->gid != attr.gid && wanted->gid != who->gid)))
        return ERR_NOT_PERMITTED;
    if ((mask & (FS_ATTR_MODE | FS_ATTR_ATIME | FS_ATTR_MTIME)) != 0 && !owner)
        return ERR_NOT_PERMITTED;
    const uint32_t writers = FS_ATTR_ATIME_NOW | FS_ATTR_MTIME_NOW | FS_ATTR_DOS | FS_ATTR_BTIME;
    if ((mask & writers) != 0 && !owner)
        return fs_access(open->node, who, MAY_WRITE);
    return OK;
}
