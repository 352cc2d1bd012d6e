/* SPDX-License-Identifier: MIT */
/* The requests of 9P2000.L; see p9.h. */
#include "p9_wire.h"

#include <string.h>

#define NO_FID        0xffffffffu
#define NO_ID         0xffffffffu /* user or group: leave it as it is */
#define AT_REMOVEDIR  0x200
#define GETATTR_BASIC 0x7ff
#define NS            1000000000ull

static void get_qid(struct p9_qid *qid)
{
    qid->type = wire_get8();
    qid->version = wire_get32();
    qid->path = wire_get64();
}

static uint64_t get_time(void)
{
    uint64_t seconds = wire_get64();
    return seconds * NS + wire_get64();
}

/* As nobody in particular: what is created belongs to the host's user who runs the machine. */
static status_t attach(void)
{
    struct p9_qid qid;
    wire_begin(TVERSION);
    wire_put32(WIRE_SIZE_MAX);
    wire_put_string("9P2000.L", 8);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    if (wire_get32() < WIRE_SIZE_MAX)
        return ERR_NOT_SUPPORTED;
    wire_begin(TATTACH);
    wire_put32(P9_ROOT_FID);
    wire_put32(NO_FID);
    wire_put_string("root", 4);
    wire_put_string("", 0);
    wire_put32(NO_ID);
    status = wire_transact();
    if (status == OK)
        get_qid(&qid);
    return status == OK ? wire_finish() : status;
}

status_t p9_connect(const char *tag)
{
    status_t status = wire_connect(tag);
    return status == OK ? attach() : status;
}

/* ---- the requests ------------------------------------------------------------------------------------ */

status_t p9_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                 struct p9_qid *qid)
{
    wire_begin(TWALK);
    wire_put32(fid);
    wire_put32(newfid);
    wire_put16(1);
    wire_put_string(name, length);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    if (wire_get16() != 1)
        return ERR_NOT_FOUND;
    get_qid(qid);
    return wire_finish();
}

status_t p9_clone(uint32_t fid, uint32_t newfid)
{
    wire_begin(TWALK);
    wire_put32(fid);
    wire_put32(newfid);
    wire_put16(0);
    return wire_transact();
}

status_t p9_clunk_status(uint32_t fid)
{
    wire_begin(TCLUNK);
    wire_put32(fid);
    return wire_transact();
}

void p9_clunk(uint32_t fid)
{
    if (p9_clunk_status(fid) != OK)
        return; /* the fid is gone on the host either way */
}

status_t p9_xattr_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                       uint64_t *size)
{
    wire_begin(TXATTRWALK);
    wire_put32(fid);
    wire_put32(newfid);
    wire_put_string(name, length);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    *size = wire_get64();
    return wire_finish();
}

status_t p9_xattr_create(uint32_t fid, const char *name, uint32_t length, uint32_t size,
                         uint32_t flags)
{
    wire_begin(TXATTRCREATE);
    wire_put32(fid);
    wire_put_string(name, length);
    wire_put64(size);
    wire_put32(flags);
    return wire_transact();
}

status_t p9_getattr(uint32_t fid, struct fs_attr *attr, struct p9_qid *qid)
{
    wire_begin(TGETATTR);
    wire_put32(fid);
    wire_put64(GETATTR_BASIC);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    (void)wire_get64();
    get_qid(qid);
    *attr = (struct fs_attr){.ino = qid->path};
    attr->mode = wire_get32();
    attr->uid = wire_get32();
    attr->gid = wire_get32();
    attr->nlink = (uint32_t)wire_get64();
    attr->rdev = (uint32_t)wire_get64();
    attr->size = wire_get64();
    (void)wire_get64();
    attr->blocks = wire_get64();
    attr->atime = get_time();
    attr->mtime = get_time();
    attr->ctime = get_time();
    return wire_finish();
}

/* Bits of Tsetattr's valid field. */
enum {
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 16,
    SET_MTIME = 32,
    SET_ATIME_GIVEN = 128,
    SET_MTIME_GIVEN = 256
};

static uint32_t setattr_bits(uint32_t mask)
{
    uint32_t bits = mask & (SET_MODE | SET_UID | SET_GID | SET_SIZE);
    if (mask & FS_ATTR_ATIME)
        bits |= SET_ATIME | SET_ATIME_GIVEN;
    if (mask & FS_ATTR_MTIME)
        bits |= SET_MTIME | SET_MTIME_GIVEN;
    if (mask & FS_ATTR_ATIME_NOW)
        bits |= SET_ATIME;
    if (mask & FS_ATTR_MTIME_NOW)
        bits |= SET_MTIME;
    return bits;
}

status_t p9_setattr(uint32_t fid, uint32_t mask, const struct fs_attr *attr)
{
    wire_begin(TSETATTR);
    wire_put32(fid);
    wire_put32(setattr_bits(mask));
    wire_put32(attr->mode & 07777);
    wire_put32(attr->uid);
    wire_put32(attr->gid);
    wire_put64(attr->size);
    wire_put64(attr->atime / NS);
    wire_put64(attr->atime % NS);
    wire_put64(attr->mtime / NS);
    wire_put64(attr->mtime % NS);
    return wire_transact();
}

status_t p9_open(uint32_t fid, uint32_t linux_flags)
{
    wire_begin(TLOPEN);
    wire_put32(fid);
    wire_put32(linux_flags);
    return wire_transact();
}

status_t p9_create(uint32_t fid, const char *name, uint32_t length, uint32_t linux_flags,
                   uint32_t mode)
{
    wire_begin(TLCREATE);
    wire_put32(fid);
    wire_put_string(name, length);
    wire_put32(linux_flags);
    wire_put32(mode);
    wire_put32(NO_ID);
    return wire_transact();
}

status_t p9_read(uint32_t fid, uint64_t offset, void *buffer, uint32_t length, uint32_t *done)
{
    wire_begin(TREAD);
    wire_put32(fid);
    wire_put64(offset);
    wire_put32(length < P9_DATA_MAX ? length : P9_DATA_MAX);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    uint32_t count = wire_get32();
    if (count > length)
        return ERR_IO_ERROR;
    wire_get(buffer, count);
    *done = count;
    return wire_finish();
}

status_t p9_write(uint32_t fid, uint64_t offset, const void *buffer, uint32_t length,
                  uint32_t *done)
{
    if (length > P9_DATA_MAX)
        length = P9_DATA_MAX;
    wire_begin(TWRITE);
    wire_put32(fid);
    wire_put64(offset);
    wire_put32(length);
    wire_put(buffer, length);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    *done = wire_get32();
    return *done <= length ? wire_finish() : ERR_IO_ERROR;
}

status_t p9_mkdir(uint32_t fid, const char *name, uint32_t length, uint32_t mode)
{
    wire_begin(TMKDIR);
    wire_put32(fid);
    wire_put_string(name, length);
    wire_put32(mode);
    wire_put32(NO_ID);
    return wire_transact();
}

status_t p9_symlink(uint32_t fid, const char *name, uint32_t length, const char *target,
                    uint32_t target_length)
{
    wire_begin(TSYMLINK);
    wire_put32(fid);
    wire_put_string(name, length);
    wire_put_string(target, target_length);
    wire_put32(NO_ID);
    return wire_transact();
}

status_t p9_readlink(uint32_t fid, char *target, uint32_t size, uint32_t *length)
{
    wire_begin(TREADLINK);
    wire_put32(fid);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    uint32_t count = wire_get16();
    if (count > size)
        return ERR_NAME_TOO_LONG;
    wire_get(target, count);
    *length = count;
    return wire_finish();
}

status_t p9_link(uint32_t directory, uint32_t fid, const char *name, uint32_t length)
{
    wire_begin(TLINK);
    wire_put32(directory);
    wire_put32(fid);
    wire_put_string(name, length);
    return wire_transact();
}

status_t p9_unlink(uint32_t directory, const char *name, uint32_t length, bool is_directory)
{
    wire_begin(TUNLINKAT);
    wire_put32(directory);
    wire_put_string(name, length);
    wire_put32(is_directory ? AT_REMOVEDIR : 0);
    return wire_transact();
}

status_t p9_rename(uint32_t from, const char *name, uint32_t length, uint32_t to,
                   const char *new_name, uint32_t new_length)
{
    wire_begin(TRENAMEAT);
    wire_put32(from);
    wire_put_string(name, length);
    wire_put32(to);
    wire_put_string(new_name, new_length);
    return wire_transact();
}

status_t p9_fsync(uint32_t fid, bool data_only)
{
    wire_begin(TFSYNC);
    wire_put32(fid);
    wire_put32(data_only);
    return wire_transact();
}

status_t p9_statfs(uint32_t fid, struct fs_statistics *statistics)
{
    wire_begin(TSTATFS);
    wire_put32(fid);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    statistics->type = wire_get32();
    statistics->block_size = wire_get32();
    statistics->blocks = wire_get64();
    statistics->blocks_free = wire_get64();
    (void)wire_get64();
    statistics->files = wire_get64();
    statistics->files_free = wire_get64();
    (void)wire_get64();
    statistics->name_max = wire_get32();
    return wire_finish();
}

status_t p9_readdir(uint32_t fid, uint64_t cookie, uint8_t *buffer, uint32_t length, uint32_t *done)
{
    wire_begin(TREADDIR);
    wire_put32(fid);
    wire_put64(cookie);
    wire_put32(length < P9_DATA_MAX ? length : P9_DATA_MAX);
    status_t status = wire_transact();
    if (status != OK)
        return status;
    uint32_t count = wire_get32();
    if (count > length)
        return ERR_IO_ERROR;
    wire_get(buffer, count);
    *done = count;
    return wire_finish();
}

bool p9_next_entry(const uint8_t **at, const uint8_t *end, struct p9_entry *entry)
{
    enum { FIXED = 13 + 8 + 1 + 2 };
    const uint8_t *p = *at;
    uint16_t length;
    if ((uint32_t)(end - p) < FIXED)
        return false;
    entry->qid.type = p[0];
    memcpy(&entry->qid.version, p + 1, 4);
    memcpy(&entry->qid.path, p + 5, 8);
    memcpy(&entry->cookie, p + 13, 8);
    entry->type = p[21];
    memcpy(&length, p + 22, 2);
    if (length > (uint32_t)(end - p) - FIXED)
        return false;
    entry->name = (const char *)p + FIXED;
    entry->name_length = length;
    *at = p + FIXED + length;
    return true;
}
