/* SPDX-License-Identifier: MIT */
/*
 * Block devices as files. Each open file description is a session of its own with the driver; its
 * lock orders the threads that use it and is the only one held while the device works. Bytes go
 * straight through: what is written has reached the device (not yet the medium: fsync) when write
 * returns. A part of a sector is read, changed and written.
 */
#include "blockdev.h"

#include <atomik/thread.h>
#include <ipc/blockclient.h>
#include <ipc/initclient.h>
#include <linux/hdreg.h>
#include <string.h>

#include "cred.h"
#include "devattr.h"
#include "file.h"
#include "internal.h"
#include "server.h"

#define BUFFER_SIZE  (128u << 10)
#define MINORS       16u
#define GID_DISK     6u
#define HEADS        64u
#define HEAD_SECTORS 32u

struct block_file {
    struct mutex lock;
    struct block_session session;
    bool written; /* since the last flush */
};

/* ---- names and numbers --------------------------------------------------------------------------- */

static uint32_t digits(const char **text)
{
    uint32_t value = 0;
    while (**text >= '0' && **text <= '9' && value < 1000)
        value = value * 10 + (uint32_t)(*(*text)++ - '0');
    return value;
}

uint32_t block_number(const char *name)
{
    static const struct {
        char prefix[4];
        uint32_t major;
    } lettered[] = {{"sd", 8}, {"vd", 254}}, numbered[] = {{"sr", 11}, {"ram", 1}};
    for (uint32_t i = 0; i < ARRAY_COUNT(lettered); i++) {
        const char *at = name + 2;
        if (strncmp(name, lettered[i].prefix, 2) != 0 || *at < 'a' || *at > 'p')
            continue;
        uint32_t disk = (uint32_t)(*at++ - 'a'), part = digits(&at);
        return *at || part >= MINORS ? 0 : DEVICE(lettered[i].major, disk * MINORS + part);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(numbered); i++) {
        uint32_t length = (uint32_t)strlen(numbered[i].prefix);
        const char *at = name + length;
        if (strncmp(name, numbered[i].prefix, length) != 0 || *at < '0' || *at > '9')
            continue;
        uint32_t number = digits(&at);
        return *at || number > 255 ? 0 : DEVICE(numbered[i].major, number);
    }
    return 0;
}

int block_by_name(const char *name, struct block_info *info)
{
    status_t status = block_client_info(server.init, name, info);
    if (status == OK && info->sectors == 0 && !(info->flags & BLOCK_REMOVABLE))
        status = ERR_NOT_FOUND;
    return status == OK ? 0 : status == ERR_NO_DEVICE ? -ENOENT : errno_of(status);
}

bool block_next(uint32_t *at, struct block_info *info)
{
    char name[INIT_NAME_MAX];
    while (init_name_list(server.init, *at, name, sizeof name) == OK) {
        ++*at;
        if (strncmp(name, BLOCK_NAME_PREFIX, sizeof BLOCK_NAME_PREFIX - 1) == 0 &&
            block_by_name(name, info) == 0 && block_number(info->name) != 0)
            return true;
    }
    return false;
}

int block_by_number(uint32_t rdev, struct block_info *info)
{
    uint32_t at = 0;
    while (block_next(&at, info))
        if (block_number(info->name) == rdev)
            return 0;
    return -ENXIO;
}

/* ---- data ---------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct block_info *info)
{
    return info->sectors * BLOCK_SECTOR;
}

/* A piece of the device in the buffer: whole sectors around [offset, offset + length). */
struct piece {
    struct block_extent extent;
    uint32_t before, length; /* bytes of it before offset; bytes from there on */
};

static struct piece piece_at(const struct block_session *session, uint64_t offset, uint32_t length)
{
    uint32_t size = session->info.sector_size;
    struct piece piece = {.before = (uint32_t)offset & (size - 1)};
    piece.length = MIN(length, session->buffer_size - piece.before);
    piece.extent.sector = (offset - piece.before) / BLOCK_SECTOR;
    piece.extent.count = (piece.before + piece.length + size - 1) / size * (size / BLOCK_SECTOR);
    return piece;
}

static status_t load(struct block_session *session, const struct piece *piece)
{
    return block_client_transfer(session, BLOCK_READ, 0, &piece->extent, 1);
}

static int block_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct block_file *block = file->data;
    uint64_t size = bytes_of(&block->session.info);
    int error = 0;
    uint32_t done = 0;
    mutex_lock(&block->lock);
    while (io->left > 0 && *offset < size && error == 0) {
        uint32_t wanted = size - *offset < io->left ? (uint32_t)(size - *offset) : io->left;
        struct piece piece = piece_at(&block->session, *offset, wanted);
        error = errno_of(load(&block->session, &piece));
        if (error == 0)
            error = io_put(io, block->session.data + piece.before, piece.length);
        if (error == 0) {
            *offset += piece.length;
            done += piece.length;
        }
    }
    mutex_unlock(&block->lock);
    return done > 0 ? (int)done : error;
}

static int write_piece(struct block_file *block, struct io *io, const struct piece *piece)
{
    uint32_t whole = piece->extent.count * BLOCK_SECTOR;
    bool partial = piece->before != 0 || piece->length != whole;
    int error = partial ? errno_of(load(&block->session, piece)) : 0;
    if (error == 0)
        error = io_take(io, block->session.data + piece->before, piece->length);
    if (error == 0)
        error = errno_of(block_client_transfer(&block->session, BLOCK_WRITE, 0, &piece->extent, 1));
    block->written = true;
    return error;
}

static int block_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct block_file *block = file->data;
    uint64_t size = bytes_of(&block->session.info);
    int error = 0;
    uint32_t done = 0;
    if (block->session.info.flags & BLOCK_READ_ONLY)
        return -EPERM;
    if (io->left > 0 && *offset >= size)
        return -ENOSPC;
    mutex_lock(&block->lock);
    while (io->left > 0 && *offset < size && error == 0) {
        uint32_t wanted = size - *offset < io->left ? (uint32_t)(size - *offset) : io->left;
        struct piece piece = piece_at(&block->session, *offset, wanted);
        error = write_piece(block, io, &piece);
        if (error == 0) {
            *offset += piece.length;
            done += piece.length;
        }
    }
    mutex_unlock(&block->lock);
    return done > 0 ? (int)done : error;
}

static int block_flush(struct block_file *block)
{
    mutex_lock(&block->lock);
    status_t status = block->written ? block_client_flush(&block->session) : OK;
    block->written = block->written && status != OK;
    mutex_unlock(&block->lock);
    return errno_of(status);
}

static int block_sync(struct file *file)
{
    return block_flush(file->data);
}

static int block_size(struct file *file, uint64_t *size)
{
    const struct block_file *block = file->data;
    *size = bytes_of(&block->session.info);
    return 0;
}

/* ---- ioctl --------------------------------------------------------------------------------------- */

static int put_size(const struct block_info *info, user_t argument)
{
    uint64_t size = bytes_of(info);
    return copy_out(argument, &size, sizeof size);
}

static int put_geometry(const struct block_info *info, user_t argument)
{
    uint64_t cylinders = info->sectors / (HEADS * HEAD_SECTORS);
    struct hd_geometry geometry = {.heads = HEADS,
                                   .sectors = HEAD_SECTORS,
                                   .cylinders =
                                       (unsigned short)(cylinders > 0xffff ? 0xffff : cylinders),
                                   .start = (unsigned long)info->start};
    return copy_out(argument, &geometry, sizeof geometry);
}

static int discard(struct block_file *block, user_t argument)
{
    uint64_t range[2];
    const struct block_info *info = &block->session.info;
    if (copy_in(range, argument, sizeof range) < 0)
        return -EFAULT;
    if (range[0] % info->sector_size || range[1] % info->sector_size || range[1] == 0 ||
        range[0] >= bytes_of(info) || range[1] > bytes_of(info) - range[0])
        return -EINVAL;
    mutex_lock(&block->lock);
    status_t status =
        block_client_discard(&block->session, range[0] / BLOCK_SECTOR, range[1] / BLOCK_SECTOR);
    mutex_unlock(&block->lock);
    return errno_of(status);
}

static int reread(struct block_file *block)
{
    uint32_t count;
    if (!capable(CAP_SYS_ADMIN))
        return -EACCES;
    if (block->session.info.partition != 0)
        return -EINVAL;
    mutex_lock(&block->lock);
    status_t status = block_client_rescan(&block->session, &count);
    mutex_unlock(&block->lock);
    return errno_of(status);
}

static int block_ioctl(struct file *file, uint32_t request, user_t argument)
{
    struct block_file *block = file->data;
    const struct block_info *info = &block->session.info;
    switch (request) {
    case BLKGETSIZE64:
        return put_size(info, argument);
    case BLKGETSIZE:
        return info->sectors > UINT32_MAX ? -EFBIG : put_user(argument, (uint32_t)info->sectors);
    case BLKSSZGET:
    case BLKPBSZGET:
    case BLKIOMIN:
        return put_user(argument, info->sector_size);
    case BLKBSZGET:
        return put_user(argument, PAGE_SIZE);
    case BLKRAGET:
    case BLKIOOPT:
    case BLKALIGNOFF:
    case BLKDISCARDZEROES:
        return put_user(argument, 0);
    case BLKROGET:
        return put_user(argument, (info->flags & BLOCK_READ_ONLY) != 0);
    case BLKFLSBUF:
        return capable(CAP_SYS_ADMIN) ? block_flush(block) : -EACCES;
    case BLKRRPART:
        return reread(block);
    case BLKDISCARD:
        return file_writable(file) ? discard(block, argument) : -EBADF;
    case HDIO_GETGEO:
        return put_geometry(info, argument);
    }
    return -ENOTTY;
}

/* ---- open and close ------------------------------------------------------------------------------ */

static int block_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    dev_attr_apply(attr);
    return 0;
}

static int block_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    return dev_attr_set(&file->attr, mask, attr);
}

static int block_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    (void)file;
    (void)fd;
    (void)handles;
    return -EOPNOTSUPP;
}

static void block_close(struct file *file)
{
    struct block_file *block = file->data;
    if (block_flush(block) < 0)
        log_line("%s: its cache could not be flushed", block->session.info.name);
    block_client_close(&block->session);
    release(block);
}

static const struct file_ops block_ops = {.name = "block device",
                                          .read = block_read,
                                          .write = block_write,
                                          .seekable = true,
                                          .size = block_size,
                                          .stat = block_stat,
                                          .set_attr = block_set_attr,
                                          .ioctl = block_ioctl,
                                          .sync = block_sync,
                                          .export = block_export,
                                          .close = block_close};

/* A read-only device is opened for writing too; only writing to it fails, as on Linux. */
static int open_session(const struct block_info *info, uint32_t flags, struct block_file *block)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY && !(info->flags & BLOCK_READ_ONLY);
    status_t status = block_client_open(server.init, info->name,
                                        (writes ? BLOCK_OPEN_WRITE : 0) |
                                            (flags & O_EXCL ? BLOCK_OPEN_EXCLUSIVE : 0),
                                        BUFFER_SIZE, &block->session);
    return errno_of(status);
}

static void set_attributes(struct file *file, uint32_t rdev)
{
    uint64_t time = wall_clock();
    file->attr = (struct fs_attr){.ino = 0x10000 + rdev,
                                  .mode = S_IFBLK | 0660,
                                  .nlink = 1,
                                  .gid = GID_DISK,
                                  .rdev = rdev,
                                  .device = INTERNAL_DEVICE,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
}

int block_open(uint32_t rdev, uint32_t flags, struct file **result)
{
    struct block_info info;
    int error = block_by_number(rdev, &info);
    if (error < 0)
        return error;
    struct block_file *block = allocate(sizeof *block);
    if (!block)
        return -ENOMEM;
    error = open_session(&info, flags, block);
    struct file *file = error == 0 ? file_new(&block_ops, flags) : NULL;
    if (!file) {
        if (error == 0)
            block_client_close(&block->session);
        release(block);
        return error ? error : -ENOMEM;
    }
    file->data = block;
    set_attributes(file, rdev);
    struct text path = {.data = NULL};
    text_printf(&path, "/dev/%s", info.name);
    file->path = path.data;
    *result = file;
    return 0;
}
