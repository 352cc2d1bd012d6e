/* SPDX-License-Identifier: MIT */
/* Internal nodes as files: generated text, internal directories, path links. See internal.h. */
#include "internal.h"

#include <string.h>

#include "blockdev.h"
#include "devattr.h"
#include "file.h"
#include "missing.h"
#include "memfd.h"
#include "path.h"
#include "task.h"
#include "tty.h"

bool internal_owns(const char *absolute)
{
    if (strncmp(absolute, "/dev", 4) == 0 && (absolute[4] == '\0' || absolute[4] == '/'))
        return strncmp(absolute, "/dev/shm", 8) != 0 || (absolute[8] != '\0' && absolute[8] != '/');
    if (strncmp(absolute, "/sys", 4) == 0 && (absolute[4] == '\0' || absolute[4] == '/'))
        return true;
    return strncmp(absolute, "/proc", 5) == 0 && (absolute[5] == '\0' || absolute[5] == '/');
}

int internal_lookup(const char *absolute, struct internal_node *node, char *redirect)
{
    bool proc = absolute[1] == 'p';
    const char *rest = absolute + (proc ? 5 : 4);
    memset(node, 0, sizeof *node);
    rest += *rest == '/';
    if (absolute[1] == 'd')
        return dev_lookup(rest, node, redirect);
    int result = proc ? proc_lookup(rest, node, redirect) : sysfs_lookup(rest, node, redirect);
    if (result == -ENOENT && !(*rest >= '0' && *rest <= '9'))
        missing_note("the file %s", absolute);
    return result;
}

void internal_attr(const struct internal_node *node, struct fs_attr *attr)
{
    uint64_t time = wall_clock();
    *attr = (struct fs_attr){.ino = node->ino,
                             .mode = node->mode,
                             .nlink = S_ISDIR(node->mode) ? 2 : 1,
                             .rdev = node->rdev,
                             .device = node->rdev >> 8 == PTS_MAJOR ? PTS_DEVICE : INTERNAL_DEVICE,
                             .atime = time,
                             .mtime = time,
                             .ctime = time};
    if (node->rdev)
        dev_attr_apply(attr);
    const struct process *process = node->pid ? process_find(node->pid) : NULL;
    if (node->pid) {
        attr->uid = process ? process->credentials.euid : node->uid;
        attr->gid = process ? process->credentials.egid : node->uid;
    }
}

/* ---- generated text ------------------------------------------------------------------------------ */

static int text_read(struct file *file, struct io *io, uint64_t *offset)
{
    const struct text *text = file->data;
    return io_put_from(io, text->data, text->length, offset);
}

static int attr_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    return 0;
}

/* Rewinding makes the text anew: top and ps -o keep such files open. */
static int text_seek(struct file *file, uint64_t offset)
{
    struct text *text = file->data;
    struct internal_node *node = (struct internal_node *)(text + 1);
    if (offset != 0)
        return 0;
    text->length = 0;
    node->ops->generate(node, text);
    return 0;
}

#define STORE_MAX 256u

/* Each write sets the file anew. */
static int text_write(struct file *file, struct io *io, uint64_t *offset)
{
    char text[STORE_MAX];
    const struct internal_node *node = (struct internal_node *)((struct text *)file->data + 1);
    uint32_t length = io->left;
    if (!node->ops->store)
        return -EPERM;
    if (length >= sizeof text)
        return -EINVAL;
    if (io_take(io, text, length) < 0)
        return -EFAULT;
    text[length] = '\0';
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    int error = node->ops->store(node, text);
    *offset += length;
    return error < 0 ? error : (int)length;
}

static int internal_statfs(struct file *file, struct fs_statistics *statistics)
{
    (void)file;
    *statistics = (struct fs_statistics){
        .type = 0x9fa0, .block_size = PAGE_SIZE, .name_max = 255, .device = INTERNAL_DEVICE};
    return 0;
}

static void text_close(struct file *file)
{
    struct text *text = file->data;
    if (text)
        text_free(text);
    release(text);
}

static const struct file_ops text_ops = {
    .name = "generated",
    .read = text_read,
    .write = text_write,
    .seekable = true,
    .seek = text_seek,
    .stat = attr_stat,
    .statfs = internal_statfs,
    .close = text_close,
};

static int open_text(struct file *file, const struct internal_node *node)
{
    struct text *text = allocate(sizeof *text + sizeof *node);
    if (!text)
        return -ENOMEM;
    memcpy(text + 1, node, sizeof *node);
    file->data = text;
    node->ops->generate(node, text);
    return text->failed ? -ENOMEM : 0;
}

/* ---- directories --------------------------------------------------------------------------------- */

static uint32_t put_record(uint8_t *record, const char *name, uint32_t type, uint64_t cookie,
                           bool wide)
{
    uint32_t header = wide ? sizeof(struct linux_dirent64) : sizeof(struct linux_dirent);
    uint32_t size = (uint32_t)strlen(name), length = (header + size + 2 + 7) & ~7u;
    memset(record, 0, length);
    if (wide) {
        struct linux_dirent64 *to = (void *)record;
        *to = (struct linux_dirent64){cookie + 1, cookie, (uint16_t)length, (uint8_t)type};
    } else {
        struct linux_dirent *to = (void *)record;
        *to = (struct linux_dirent){(uint32_t)cookie + 1, (uint32_t)cookie, (uint16_t)length};
        record[length - 1] = (uint8_t)type;
    }
    memcpy(record + header, name, size + 1);
    return length;
}

static int directory_list(struct file *file, bool wide, user_t buffer, uint32_t size)
{
    const struct internal_node *node = file->data;
    uint8_t record[sizeof(struct linux_dirent64) + FS_NAME_MAX + 16] __attribute__((aligned(8)));
    char name[FS_NAME_MAX + 1];
    uint32_t used = 0, type;
    for (;; file->offset++) {
        uint32_t index = (uint32_t)file->offset;
        if (index < 2) {
            memcpy(name, "..", 3);
            name[index + 1] = '\0';
            type = S_IFDIR >> 12;
        } else {
            uint32_t at = index - 2;
            if (!node->ops->list(node, &at, name, &type))
                return (int)used;
            file->offset = index = at + 2;
        }
        uint32_t length = put_record(record, name, type, index + 1, wide);
        if (length > size - used)
            return used ? (int)used : -EINVAL;
        if (copy_out(user_at(buffer, used), record, length) < 0)
            return -EFAULT;
        used += length;
    }
}

static int directory_read(struct file *file, struct io *io, uint64_t *offset)
{
    (void)file;
    (void)io;
    (void)offset;
    return -EISDIR;
}

static void directory_close(struct file *file)
{
    release(file->data);
}

static const struct file_ops directory_ops = {
    .name = "internal directory",
    .read = directory_read,
    .seekable = true,
    .stat = attr_stat,
    .read_directory = directory_list,
    .statfs = internal_statfs,
    .close = directory_close,
};

static int open_directory(struct file *file, const struct internal_node *node)
{
    file->data = allocate(sizeof *node);
    if (!file->data)
        return -ENOMEM;
    memcpy(file->data, node, sizeof *node);
    return 0;
}

static const struct file_ops path_ops = {
    .name = "path", .stat = attr_stat, .statfs = internal_statfs};

int internal_open(const struct internal_node *node, uint32_t flags, const char *absolute,
                  struct file **result)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (S_ISCHR(node->mode) && !(flags & O_PATH))
        return device_open(node->rdev, flags, result);
    if (S_ISBLK(node->mode) && !(flags & O_PATH))
        return block_open(node->rdev, flags, result);
    if (S_ISDIR(node->mode) && writes)
        return -EISDIR;
    if (S_ISREG(node->mode) && writes && !(node->mode & 0222))
        return -EACCES;
    if (node->ops->open && !(flags & O_PATH))
        return node->ops->open(node, flags, result);
    struct file *file = file_new(flags & O_PATH        ? &path_ops
                                 : S_ISDIR(node->mode) ? &directory_ops
                                                       : &text_ops,
                                 flags);
    if (!file)
        return -ENOMEM;
    internal_attr(node, &file->attr);
    file->path = text_copy(absolute);
    int error = file->path ? 0 : -ENOMEM;
    if (error == 0 && !(flags & O_PATH))
        error = S_ISDIR(node->mode) ? open_directory(file, node) : open_text(file, node);
    if (error == 0)
        *result = file;
    else
        file_release(file);
    return error;
}

/* ---- files opened again -------------------------------------------------------------------------- */

int file_reopen(struct file *file, uint32_t flags, struct file **result)
{
    if (file_is_node(file))
        return node_reopen(file, flags, result);
    if (file_is_pipe(file))
        return stream_reopen(file, flags, result);
    if (S_ISCHR(file->attr.mode) && file->attr.rdev)
        return device_open(file->attr.rdev, flags, result);
    if (S_ISBLK(file->attr.mode) && file->attr.rdev)
        return block_open(file->attr.rdev, flags, result);
    if (memfd_get_seals(file) >= 0)
        return memfd_reopen(file, flags, result);
    if (file->path && file->path[0] == '/')
        return path_open((uint32_t)AT_FDCWD, file->path, flags, 0, result);
    return -ENXIO;
}
