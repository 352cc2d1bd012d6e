/* SPDX-License-Identifier: MIT */
/*
 * Owners and modes that the host's user may not set. If the root directory belongs to an ordinary
 * user of the host, then that user stands for root: its files are root's in here, whatever their group. What a file is
 * otherwise - another owner, set-id bits, a mode without rights for its owner, a device - is kept in
 * an extended attribute of the host's file, and the file is marked so that others need not be asked
 * for one: files by the sticky bit, directories by the set-group bit. Links cannot have such attributes:
 * they are root's.
 *
 * A device, FIFO or socket is an empty file on the host, with such an attribute, whoever the root directory
 * belongs to: QEMU opens no other kinds of files, not even to set the mode of one that it made.
 */
#include <string.h>

#include "hostfs.h"

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

static bool is_special(uint32_t mode)
{
    uint32_t type = mode & FS_TYPE_MASK;
    return type != FS_TYPE_FILE && type != FS_TYPE_DIRECTORY && type != FS_TYPE_LINK;
}

bool owner_keeps(uint32_t mode)
{
    return mapping || is_special(mode);
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
    struct record record = {0};
    struct fs_xattr call = {.op = FS_XATTR_GET,
                            .name = OWNER_ATTRIBUTE,
                            .name_length = sizeof OWNER_ATTRIBUTE - 1,
                            .value = (uint8_t *)&record,
                            .size = sizeof record};
    if (mapping && attr->uid == host_uid)
        attr->uid = 0;
    if (mapping)
        attr->gid = 0; /* groups of the host mean nothing in here */
    else if (is_directory(node) || attr->size != 0)
        return;
    if (!(attr->mode & mark_of(node)) || (attr->mode & FS_TYPE_MASK) == FS_TYPE_LINK)
        return;
    if (p9_xattr(node->fid, &call) != OK || call.result != sizeof record ||
        !owner_keeps(record.mode))
        return; /* the bit is the file's own */
    attr->mode = record.mode;
    attr->uid = record.uid;
    attr->gid = record.gid;
    attr->rdev = record.rdev;
}

/* ---- what others see of attributes ---------------------------------------------------------------- */

static bool is_ours(const char *name, size_t length)
{
    return length == sizeof OWNER_ATTRIBUTE - 1 && memcmp(name, OWNER_ATTRIBUTE, length) == 0;
}

/* The list of names without ours. The caller gave room for all, or asked for the size: then it is a little more. */
static void hide_ours(struct fs_xattr *call)
{
    uint32_t kept = 0, length;
    if (call->result > call->size)
        return;
    for (uint32_t at = 0; at < call->result; at += length + 1) {
        const char *name = (const char *)call->value + at;
        length = (uint32_t)strnlen(name, call->result - at);
        if (is_ours(name, length))
            continue;
        memmove(call->value + kept, name, length + 1);
        kept += length + 1;
    }
    call->result = kept;
}

status_t owner_xattr(struct node *node, struct fs_xattr *call)
{
    if (call->op != FS_XATTR_LIST && is_ours(call->name, call->name_length))
        return call->op == FS_XATTR_SET ? ERR_NOT_PERMITTED : ERR_NO_ATTRIBUTE;
    status_t status = p9_xattr(node->fid, call);
    if (status == OK && call->op == FS_XATTR_LIST)
        hide_ours(call);
    return status;
}

/* ---- storing -------------------------------------------------------------------------------------- */

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
        struct fs_xattr call = {.op = FS_XATTR_SET,
                                .name = OWNER_ATTRIBUTE,
                                .name_length = sizeof OWNER_ATTRIBUTE - 1,
                                .value = (uint8_t *)&record,
                                .size = sizeof record};
        status = p9_xattr(node->fid, &call);
        host.mode |= mark_of(node);
    }
    return status == OK ? p9_setattr(node->fid, FS_ATTR_MODE, &host) : status;
}
