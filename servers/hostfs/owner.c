/* SPDX-License-Identifier: MIT */
/*
 * Owners and modes that the host's user may not set. If the root directory belongs to an ordinary
 * user of the host, then that user stands for root: its files are root's in here, whatever their group. What a file is
 * otherwise - another owner, set-id bits, a mode without rights for its owner, a device - is kept in
 * an extended attribute of the host's file, and the file is marked so that others need not be asked
 * for one: files by the sticky bit, directories by the set-group bit. A device, FIFO or socket is an
 * empty file on the host. Links cannot have such attributes: they are root's.
 */
#include <string.h>

#include "hostfs.h"

#define ATTRIBUTE "user.atomik"
#define MODE_BITS 07777u

struct record {
    uint32_t mode, uid, gid, rdev; /* with type bits */
};

static bool mapping;
static uint32_t host_uid;

void owner_init(const struct fs_attr *root)
{
    mapping = root->uid != 0;
    host_uid = root->uid;
}

bool owner_maps(void)
{
    return mapping;
}

static uint32_t mark_of(const struct node *node)
{
    return is_directory(node) ? FS_MODE_SETGID : FS_MODE_STICKY;
}

uint32_t owner_host_mode(uint32_t mode, bool directory)
{
    if (!mapping)
        return mode & MODE_BITS;
    return (mode & 0777) | (directory ? 0700 : 0600);
}

void owner_learn(struct node *node)
{
    struct fs_attr *attr = &node->attr;
    struct record record;
    uint32_t length, fid;
    if (!mapping)
        return;
    if (attr->uid == host_uid)
        attr->uid = 0;
    attr->gid = 0; /* groups of the host mean nothing in here */
    if (!(attr->mode & mark_of(node)) || (attr->mode & FS_TYPE_MASK) == FS_TYPE_LINK)
        return;
    fid = fid_new();
    status_t status = p9_getxattr(node->fid, fid, ATTRIBUTE, &record, sizeof record, &length);
    fid_forget(fid);
    if (status != OK || length != sizeof record)
        return; /* the bit is the file's own */
    attr->mode = record.mode;
    attr->uid = record.uid;
    attr->gid = record.gid;
    attr->rdev = record.rdev;
}

/* Can the host's mode and owner say it all? */
static bool is_plain(const struct node *node, const struct fs_attr *attr)
{
    uint32_t mode = attr->mode & MODE_BITS;
    bool host_type = is_directory(node) || (attr->mode & FS_TYPE_MASK) == FS_TYPE_FILE;
    return host_type && attr->uid == 0 && attr->gid == 0 &&
           mode == owner_host_mode(mode, is_directory(node));
}

status_t owner_store(struct node *node, const struct fs_attr *attr)
{
    struct record record = {attr->mode, attr->uid, attr->gid, attr->rdev};
    struct fs_attr host = {.mode = owner_host_mode(attr->mode, is_directory(node))};
    status_t status = OK;
    if ((attr->mode & FS_TYPE_MASK) == FS_TYPE_LINK)
        return attr->uid == 0 && attr->gid == 0 ? OK : ERR_NOT_PERMITTED;
    if (!is_plain(node, attr)) {
        uint32_t fid = fid_new();
        status = p9_setxattr(node->fid, fid, ATTRIBUTE, &record, sizeof record);
        fid_forget(fid);
        host.mode |= mark_of(node);
    }
    return status == OK ? p9_setattr(node->fid, FS_ATTR_MODE, &host) : status;
}
