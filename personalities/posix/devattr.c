/* SPDX-License-Identifier: MIT */
/* Changed attributes of device nodes. See devattr.h. */
#include "devattr.h"

struct row {
    struct list link;
    uint32_t rdev, mode, uid, gid;
    uint64_t atime, mtime, ctime;
};
static struct list rows = LIST_INIT(rows);

static struct row *find(uint32_t rdev)
{
    struct row *row;
    list_each(row, &rows, struct row, link)
    {
        if (row->rdev == rdev)
            return row;
    }
    return NULL;
}

static struct row *find_or_add(uint32_t rdev)
{
    struct row *row = find(rdev);
    if (row || !(row = allocate(sizeof *row)))
        return row;
    row->rdev = rdev;
    list_append(&rows, &row->link);
    return row;
}

void dev_attr_new(uint32_t rdev, uint32_t mode, uint32_t uid, uint32_t gid)
{
    uint64_t time = wall_clock();
    server_lock();
    struct row *row = find_or_add(rdev);
    if (row) {
        row->mode = mode;
        row->uid = uid;
        row->gid = gid;
        row->atime = row->mtime = row->ctime = time;
    }
    server_unlock();
}

void dev_attr_apply(struct fs_attr *attr)
{
    server_lock();
    const struct row *row = find(attr->rdev);
    if (row) {
        attr->mode = row->mode;
        attr->uid = row->uid;
        attr->gid = row->gid;
        attr->atime = row->atime;
        attr->mtime = row->mtime;
        attr->ctime = row->ctime;
    }
    server_unlock();
}

static void change(struct row *row, uint32_t mask, const struct fs_attr *attr)
{
    uint64_t time = wall_clock();
    if (mask & FS_ATTR_MODE)
        row->mode = (row->mode & S_IFMT) | (attr->mode & 07777);
    if (mask & FS_ATTR_UID)
        row->uid = attr->uid;
    if (mask & FS_ATTR_GID)
        row->gid = attr->gid;
    if (mask & (FS_ATTR_ATIME | FS_ATTR_ATIME_NOW))
        row->atime = mask & FS_ATTR_ATIME_NOW ? time : attr->atime;
    if (mask & (FS_ATTR_MTIME | FS_ATTR_MTIME_NOW))
        row->mtime = mask & FS_ATTR_MTIME_NOW ? time : attr->mtime;
    row->ctime = time;
}

int dev_attr_set(const struct fs_attr *old, uint32_t mask, const struct fs_attr *attr)
{
    if (mask & FS_ATTR_SIZE)
        return -EINVAL;
    server_lock();
    struct row *row = find(old->rdev);
    if (!row && (row = find_or_add(old->rdev))) {
        row->mode = old->mode;
        row->uid = old->uid;
        row->gid = old->gid;
        row->atime = old->atime;
        row->mtime = old->mtime;
    }
    if (row)
        change(row, mask, attr);
    server_unlock();
    return row ? 0 : -ENOMEM;
}
