/* SPDX-License-Identifier: MIT */
/* Devices that this server makes up, and the directory /dev that names them. */
#include <stdio.h>
#include <stdio.h>
#include <linux/random.h>
#include <string.h>

#include "blockdev.h"
#include "devattr.h"
#include "file.h"
#include "internal.h"
#include "path.h"
#include "server.h"
#include "task.h"
#include "tty.h"

#define ZEROS PAGE_SIZE

/* ---- data ---------------------------------------------------------------------------------------- */

static int read_nothing(struct file *file, struct io *io, uint64_t *offset)
{
    (void)file;
    (void)io;
    (void)offset;
    return 0;
}

static int write_anything(struct file *file, struct io *io, uint64_t *offset)
{
    (void)file;
    (void)offset;
    return (int)io->left;
}

static int write_full(struct file *file, struct io *io, uint64_t *offset)
{
    (void)file;
    (void)io;
    (void)offset;
    return -ENOSPC;
}

static int read_zeros(struct file *file, struct io *io, uint64_t *offset)
{
    static const uint8_t zeros[ZEROS];
    uint32_t sum = 0;
    (void)file;
    (void)offset;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, ZEROS);
        if (io_put(io, zeros, length) < 0)
            return sum ? (int)sum : -EFAULT;
        sum += length;
    }
    return (int)sum;
}

static int read_random(struct file *file, struct io *io, uint64_t *offset)
{
    uint8_t bytes[256];
    uint32_t sum = 0;
    (void)file;
    (void)offset;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, sizeof bytes);
        if (random_get(bytes, length) != OK)
            return -EIO;
        if (io_put(io, bytes, length) < 0)
            return sum ? (int)sum : -EFAULT;
        sum += length;
    }
    return (int)sum;
}

/*
 * /dev/kmsg: a read takes one record, "priority,sequence,microseconds,-;text\n". The offset is a
 * position in the kernel's log, which has no times of its own and says 0.
 */
static int read_log(struct file *file, struct io *io, uint64_t *offset)
{
    char bytes[512], record[sizeof bytes + 64];
    uint32_t done, next, length = 0;
    status_t status = log_read((uint32_t)*offset, bytes, sizeof bytes, &done, &next);
    if (status != OK)
        return errno_of(status);
    if (done == 0)
        return file->flags & O_NONBLOCK ? -EAGAIN : 0;
    while (length < done && bytes[length] != '\n')
        length++;
    uint32_t start = next - done;
    int size = snprintf(record, sizeof record, "6,%u,0,-;%.*s\n", start, (int)length, bytes);
    if ((uint32_t)size > io->left)
        return -EINVAL;
    if (io_put(io, record, (uint32_t)size) < 0)
        return -EFAULT;
    *offset = start + length + (length < done);
    return size;
}

static int write_log(struct file *file, struct io *io, uint64_t *offset)
{
    char line[256];
    uint32_t length = MIN(io->left, sizeof line);
    (void)file;
    (void)offset;
    if (io_take(io, line, length) < 0)
        return -EFAULT;
    ignore(log_write(line, length));
    return (int)length;
}

static int device_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    dev_attr_apply(attr);
    return 0;
}

static int device_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    return dev_attr_set(&file->attr, mask, attr);
}

static int device_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    (void)handles;
    fd->kind = FD_DEVICE;
    fd->flags = file->flags;
    fd->device = file->attr.rdev;
    return 0;
}

/* No VMO: the mapping is anonymous memory. */
static int zero_vmo(struct file *file, uint32_t prot, bool shared, handle_t *vmo)
{
    (void)file;
    (void)prot;
    (void)shared;
    *vmo = HANDLE_NONE;
    return 0;
}

static int random_ioctl(struct file *file, uint32_t request, user_t argument)
{
    (void)file;
    return request == RNDGETENTCNT ? put_user(argument, ENTROPY_BITS) : -ENOTTY;
}

#define DEVICE_FIELDS(device_name, reader, writer, mapper)                        \
    .name = (device_name), .read = (reader), .write = (writer), .seekable = true, \
    .stat = device_stat, .set_attr = device_set_attr, .export = device_export, .vmo = (mapper)
#define DEVICE_OPS(...)            \
    {                              \
        DEVICE_FIELDS(__VA_ARGS__) \
    }
#define RANDOM_OPS(name)                                                              \
    {                                                                                 \
        DEVICE_FIELDS(name, read_random, write_anything, NULL), .ioctl = random_ioctl \
    }

static const struct device {
    const char *name;
    uint32_t rdev, mode;
    struct file_ops ops;
} devices[] = {
    {"null", DEVICE_NULL, 0666, DEVICE_OPS("null", read_nothing, write_anything, NULL)},
    {"zero", DEVICE_ZERO, 0666, DEVICE_OPS("zero", read_zeros, write_anything, zero_vmo)},
    {"full", DEVICE_FULL, 0666, DEVICE_OPS("full", read_zeros, write_full, zero_vmo)},
    {"random", DEVICE_RANDOM, 0666, RANDOM_OPS("random")},
    {"urandom", DEVICE_URANDOM, 0666, RANDOM_OPS("urandom")},
    {"kmsg", DEVICE_KMSG, 0600, DEVICE_OPS("kmsg", read_log, write_log, NULL)},
    {"tty", DEVICE_TTY, 0666, {.name = NULL}},
    {"console", DEVICE_CONSOLE, 0600, {.name = NULL}},
    {"ptmx", DEVICE_PTMX, 0666, {.name = NULL}},
    {"tty0", DEVICE_TTY0, 0600, {.name = NULL}},
    {"ttyS0", DEVICE_TTYS0, 0600, {.name = NULL}},
};

static const struct device *device_find(uint32_t rdev)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(devices); i++) {
        if (devices[i].rdev == rdev)
            return &devices[i];
    }
    return NULL;
}

int device_open(uint32_t rdev, uint32_t flags, struct file **result)
{
    const struct device *device = device_find(rdev);
    if (dev_is_exclusive(rdev) && !capable(CAP_SYS_ADMIN))
        return -EBUSY;
    if (rdev >> 8 == PTS_MAJOR)
        return pty_open_number(rdev & 0xff, flags, result);
    if (!device)
        return -ENXIO;
    switch (rdev) {
    case DEVICE_TTY:
        return tty_open_controlling(flags, result);
    case DEVICE_CONSOLE:
    case DEVICE_TTY0:
        return tty_open_index(0, flags, result);
    case DEVICE_TTYS0:
        return tty_open_index(1, flags, result);
    case DEVICE_PTMX:
        return pty_open_master(flags, result);
    }
    struct file *file = file_new(&device->ops, flags);
    if (!file)
        return -ENOMEM;
    uint64_t time = wall_clock();
    file->attr = (struct fs_attr){.ino = rdev,
                                  .mode = S_IFCHR | device->mode,
                                  .nlink = 1,
                                  .rdev = rdev,
                                  .device = INTERNAL_DEVICE,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
    struct text path = {.data = NULL};
    text_printf(&path, "/dev/%s", device->name);
    file->path = path.data;
    *result = file;
    return 0;
}

/* ---- /dev ---------------------------------------------------------------------------------------- */

static const struct dev_link {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

static int link_target(const struct internal_node *node, char *target)
{
    const struct dev_link *link = node->entry;
    strcpy(target, link->target);
    return 0;
}

/* Block devices come last; `at` is their index behind all else. */
static bool list_blocks(uint32_t index, uint32_t *at, char *name, uint32_t *type)
{
    struct block_info info;
    uint32_t next = index;
    if (!block_next(&next, &info))
        return false;
    *at += next - 1 - index;
    strcpy(name, info.name);
    *type = S_IFBLK >> 12;
    return true;
}

static bool list_devices(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    uint32_t index = *at;
    (void)node;
    if (index < ARRAY_COUNT(devices)) {
        strcpy(name, devices[index].name);
        *type = S_IFCHR >> 12;
        return true;
    }
    index -= ARRAY_COUNT(devices);
    if (index < ARRAY_COUNT(links)) {
        strcpy(name, links[index].name);
        *type = S_IFLNK >> 12;
        return true;
    }
    index -= ARRAY_COUNT(links);
    if (index < 2) {
        strcpy(name, index == 0 ? "shm" : "pts");
        *type = S_IFDIR >> 12;
        return true;
    }
    return list_blocks(index - 2, at, name, type);
}

/* /dev/pts: ptmx, then a name for each pseudo terminal. */
static bool list_ptys(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    uint32_t number = *at ? *at - 1 : 0;
    (void)node;
    *type = S_IFCHR >> 12;
    if (*at == 0) {
        strcpy(name, "ptmx");
        return true;
    }
    if (!pty_next(&number))
        return false;
    (void)snprintf(name, 12, "%u", number);
    *at = number + 1;
    return true;
}

static const struct internal_ops root_ops = {.list = list_devices},
                                 link_ops = {.target = link_target}, pts_ops = {.list = list_ptys},
                                 device_node_ops = {.list = NULL};

static int pts_lookup(const char *rest, struct internal_node *node)
{
    uint32_t number = 0;
    if (!*rest) {
        *node = (struct internal_node){.ops = &pts_ops, .mode = S_IFDIR | 0755, .ino = 1};
        return 0;
    }
    if (strcmp(rest, "ptmx") == 0) {
        *node = (struct internal_node){
            .ops = &device_node_ops, .mode = S_IFCHR, .rdev = DEVICE_PTMX, .ino = 2};
        return 0;
    }
    for (const char *digit = rest; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || number > 0xff || (rest[0] == '0' && rest[1]))
            return -ENOENT;
        number = number * 10 + (uint32_t)(*digit - '0');
    }
    if (number > 0xff || !pty_exists(number))
        return -ENOENT;
    *node = (struct internal_node){.ops = &device_node_ops,
                                   .mode = S_IFCHR | 0620,
                                   .rdev = DEVICE(PTS_MAJOR, number),
                                   .ino = 3 + number};
    return 0;
}

static int block_lookup(const char *rest, uint32_t length, struct internal_node *node)
{
    char name[BLOCK_NAME_MAX];
    struct block_info info;
    if (length >= sizeof name)
        return -ENOENT;
    memcpy(name, rest, length);
    name[length] = '\0';
    uint32_t rdev = block_number(name);
    if (!rdev || block_by_name(name, &info) < 0)
        return -ENOENT;
    if (rest[length])
        return -ENOTDIR;
    *node = (struct internal_node){
        .ops = &device_node_ops, .mode = S_IFBLK | 0660, .rdev = rdev, .ino = 0x10000 + rdev};
    return 0;
}

int dev_lookup(const char *rest, struct internal_node *node, char *redirect)
{
    uint32_t length = (uint32_t)strcspn(rest, "/");
    if (length == 0) {
        *node = (struct internal_node){.ops = &root_ops, .mode = S_IFDIR | 0755, .ino = 1};
        return 0;
    }
    if (length == 3 && memcmp(rest, "pts", 3) == 0)
        return pts_lookup(rest + 3 + strspn(rest + 3, "/"), node);
    for (uint32_t i = 0; i < ARRAY_COUNT(devices); i++) {
        if (strlen(devices[i].name) != length || memcmp(devices[i].name, rest, length) != 0)
            continue;
        if (rest[length])
            return -ENOTDIR;
        *node = (struct internal_node){.ops = &device_node_ops,
                                       .mode = S_IFCHR | devices[i].mode,
                                       .rdev = devices[i].rdev,
                                       .ino = devices[i].rdev};
        return 0;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(links); i++) {
        if (strlen(links[i].name) != length || memcmp(links[i].name, rest, length) != 0)
            continue;
        if (rest[length]) {
            if (strlen(rest) + 32 >= PATH_MAX)
                return -ENAMETOOLONG;
            strcpy(redirect, links[i].target);
            strcat(redirect, rest + length);
            return 1;
        }
        *node = (struct internal_node){
            .ops = &link_ops, .mode = S_IFLNK | 0777, .entry = &links[i], .ino = 0x1000 + i};
        return 0;
    }
    return block_lookup(rest, length, node);
}
