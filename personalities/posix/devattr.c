/* SPDX-License-Identifier: MIT */
/* Changed attributes of device nodes. See devattr.h. */
#include "devattr.h"

struct row {
    struct list link;
    uint32_t rdev, mode, uid, gid;
    uint64_t atime, mtime, ctime;
    bool exclusive;
};
static struct list rows = LIST_INIT(rows);

static struct row *find(uint32_t rdev)
{
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
        row->exclusive = false;
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

/* The node's row, with the attributes that it is made with if it had none. Lock held. */
static struct row *row_of(const struct fs_attr *made)
{
    struct row *row = find(made->rdev);
    if (!row && (row = find_or_add(made->rdev))) {
        row->mode = made->mode;
        row->uid = made->uid;
        row->gid = made->gid;
        row->atime = made->atime;
        row->mtime = made->mtime;
    }
    return row;
}

void dev_set_exclusive(const struct fs_attr *made, bool exclusive)
{
    server_lock();
    struct row *row = row_of(made);
    if (row)
        row->exclusive = exclusive;
    server_unlock();
}

bool dev_is_exclusive(uint32_t rdev)
{
    server_lock();
    const struct row *row = find(rdev);
    bool exclusive = row && row->exclusive;
    server_unlock();
    return exclusive;
}

int dev_attr_set(const struct fs_attr *old, uint32_t mask, const struct fs_attr *attr)
{
    if (mask & FS_ATTR_SIZE)
        return -EINVAL;
    server_lock();
    struct row *row = row_of(old);
    if (row)
        change(row, mask, attr);
    server_unlock();
    return row ? 0 : -ENOMEM;
}
