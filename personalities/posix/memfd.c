/* SPDX-License-Identifier: MIT */
/*
 * memfd_create: files without a name whose content is a memory object of this server, with seals. A
 * seal only ever adds; writable shared mappings and F_SEAL_WRITE exclude one another.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "memfd.h"
#include "snapshot/kinds.h"
#include "task.h"

#define NAME_LIMIT  249
#define MFD_CLOEXEC 1u
#define MFD_SEALING 2u
#define MFD_HUGETLB 4u
#define MFD_NOEXEC  8u
#define MFD_EXEC    16u
#define SEALS_ALL \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#define MEMFD_DEVICE 1u
#define SIZE_LIMIT   0x7ffff000u

struct memfd {
    uint32_t references; /* descriptions of it */
    handle_t vmo;
    uint64_t size;
    uint32_t seals;
    bool mapped_for_writing; /* by somebody, some time */
    struct fs_attr attr;
};

static const struct file_ops memfd_ops;

/* ---- data ---------------------------------------------------------------------------------------- */

static int memfd_read(struct file *file, struct io *io, uint64_t *offset)
{
    const struct memfd *own = file->data;
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    uint32_t sum = 0;
    while (io->left > 0 && *offset < own->size) {
        uint32_t length = (uint32_t)MIN(MIN(io->left, PATH_MAX), own->size - *offset);
        if (vmo_read(own->vmo, *offset, buffer, length) != OK)
            return sum ? (int)sum : -EIO;
        if (io_put(io, buffer, length) < 0)
            return sum ? (int)sum : -EFAULT;
        sum += length;
        *offset += length;
    }
    return (int)sum;
}

static int set_size(struct memfd *own, uint64_t size)
{
    if (size == own->size)
        return 0;
    if (own->seals & (size < own->size ? F_SEAL_SHRINK : F_SEAL_GROW))
        return -EPERM;
    if (size > SIZE_LIMIT)
        return -EFBIG;
    if (vmo_set_size(own->vmo, size) != OK)
        return -ENOSPC;
    own->size = size;
    return 0;
}

static int memfd_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct memfd *own = file->data;
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    uint32_t sum = 0;
    if (own->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (file->flags & O_APPEND)
        *offset = own->size;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, PATH_MAX);
        int error = 0;
        if (*offset + length > own->size)
            error = set_size(own, *offset + length);
        if (error == 0 && io_take(io, buffer, length) < 0)
            error = -EFAULT;
        if (error == 0 && vmo_write(own->vmo, *offset, buffer, length) != OK)
            error = -ENOSPC;
        if (error < 0)
            return sum ? (int)sum : error;
        sum += length;
        *offset += length;
    }
    own->attr.mtime = own->attr.ctime = wall_clock();
    return (int)sum;
}

static int memfd_size(struct file *file, uint64_t *size)
{
    *size = ((struct memfd *)file->data)->size;
    return 0;
}

static int memfd_stat(struct file *file, struct fs_attr *attr)
{
    const struct memfd *own = file->data;
    *attr = own->attr;
    attr->size = own->size;
    attr->blocks = (own->size + PAGE_MASK) / PAGE_SIZE * (PAGE_SIZE / 512);
    return 0;
}

static int memfd_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    struct memfd *own = file->data;
    if (mask & FS_ATTR_SIZE) {
        int error = set_size(own, attr->size);
        if (error < 0)
            return error;
    }
    if ((mask & FS_ATTR_MODE) && (own->seals & F_SEAL_EXEC) &&
        ((attr->mode ^ own->attr.mode) & 0111))
        return -EPERM;
    file_apply_attr(&own->attr, mask, attr);
    return 0;
}

static int memfd_vmo(struct file *file, uint32_t prot, bool shared, handle_t *vmo)
{
    struct memfd *own = file->data;
    uint32_t rights = RIGHT_MAP | RIGHT_READ | RIGHT_EXECUTE;
    bool sealed = own->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    if (shared && sealed && (prot & PROT_W))
        return -EPERM;
    if (shared && file_writable(file) && !sealed) {
        rights |= RIGHT_WRITE;
        own->mapped_for_writing = true;
    }
    return errno_of(handle_duplicate(own->vmo, rights, vmo));
}

static int memfd_sync(struct file *file)
{
    (void)file;
    return 0;
}

static void memfd_close(struct file *file)
{
    struct memfd *own = file->data;
    if (!own || __atomic_sub_fetch(&own->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    close_handle(own->vmo);
    release(own);
}

static int memfd_statfs(struct file *file, struct fs_statistics *statistics)
{
    (void)file;
    *statistics = (struct fs_statistics){
        .type = 0x01021994, .block_size = PAGE_SIZE, .name_max = 255, .device = MEMFD_DEVICE};
    return 0;
}

/* Its content goes along as that of a file without a name does. */
static void memfd_save(struct file *file, struct snapshot *snapshot)
{
    const struct memfd *own = file->data;
    struct vmo_info info;
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, file->offset);
    snap_put_u32(snapshot, SNAP_OBJECT_SEALS, own->seals);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, own->attr.mode);
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, own->size);
    snap_put_u32(snapshot, SNAP_OBJECT_UID, own->attr.uid);
    snap_put_u32(snapshot, SNAP_OBJECT_GID, own->attr.gid);
    if (vmo_info(own->vmo, &info) == OK)
        snap_put_u32(snapshot, SNAP_OBJECT_MEMORY, info.id);
}

static const struct file_ops memfd_ops = {.name = "memfd",
                                          .read = memfd_read,
                                          .write = memfd_write,
                                          .seekable = true,
                                          .size = memfd_size,
                                          .stat = memfd_stat,
                                          .set_attr = memfd_set_attr,
                                          .vmo = memfd_vmo,
                                          .sync = memfd_sync,
                                          .statfs = memfd_statfs,
                                          .save = memfd_save,
                                          .close = memfd_close};

/* ---- seals ----------------------------------------------------------------------------------------- */

int32_t memfd_get_seals(struct file *file)
{
    if (file->ops != &memfd_ops)
        return -EINVAL;
    return (int32_t)((struct memfd *)file->data)->seals;
}

/* Whether somebody may still write through a mapping. */
static bool written_elsewhere(const struct memfd *own)
{
    struct handle_info info;
    return own->mapped_for_writing && handle_info(own->vmo, &info) == OK && info.references > 1;
}

int32_t memfd_add_seals(struct file *file, uint32_t seals)
{
    struct memfd *own = file->data;
    if (file->ops != &memfd_ops || (seals & ~(uint32_t)SEALS_ALL))
        return -EINVAL;
    if (!file_writable(file) || (own->seals & F_SEAL_SEAL))
        return -EPERM;
    if ((seals & F_SEAL_WRITE) && !(own->seals & F_SEAL_WRITE) && written_elsewhere(own))
        return -EBUSY;
    own->seals |= seals;
    return 0;
}

/* Holes and room: what fallocate does to a memfd. */
int memfd_allocate(struct file *file, uint32_t mode, uint64_t offset, uint64_t length)
{
    struct memfd *own = file->data;
    uint64_t end = MIN(offset + length, own->size);
    if (file->ops != &memfd_ops)
        return -EOPNOTSUPP;
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        static const uint8_t zeros[256];
        if (own->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
            return -EPERM;
        while (offset < end) {
            uint64_t pages = (end - offset) & ~(uint64_t)PAGE_MASK;
            uint32_t part = (uint32_t)MIN(end - offset, sizeof zeros);
            bool whole = (offset & PAGE_MASK) == 0 && pages > 0;
            status_t status = whole ? vmo_discard(own->vmo, offset, pages)
                                    : vmo_write(own->vmo, offset, zeros, part);
            if (status != OK)
                return errno_of(status);
            offset += whole ? pages : MIN(part, PAGE_SIZE - (offset & PAGE_MASK));
        }
        return 0;
    }
    return mode & FALLOC_FL_KEEP_SIZE || offset + length <= own->size
               ? 0
               : set_size(own, offset + length);
}

/* ---- making them ------------------------------------------------------------------------------------ */

static struct file *file_of(struct memfd *own, uint32_t flags, const char *name)
{
    struct file *file = file_new(&memfd_ops, flags);
    struct text path = {.data = NULL};
    if (!file)
        return NULL;
    file->data = own;
    own->references++;
    file->attr = own->attr;
    if (name) {
        text_printf(&path, "/memfd:%s (deleted)", name);
        file->path = path.data;
    }
    return file;
}

int memfd_reopen(struct file *file, uint32_t flags, struct file **result)
{
    struct memfd *own = file->data;
    if (file->ops != &memfd_ops)
        return -ENXIO;
    *result = file_of(own, flags, NULL);
    if (*result && file->path)
        (*result)->path = text_copy(file->path);
    if (*result && (flags & O_TRUNC)) {
        int error = set_size(own, 0);
        if (error < 0)
            file_release(*result);
        return error;
    }
    return *result ? 0 : -ENOMEM;
}

static int new_memfd(uint32_t flags, struct memfd **result)
{
    static uint32_t last_ino;
    const struct credentials *own_ids = &self()->process->credentials;
    uint64_t time = wall_clock();
    struct memfd *own = allocate(sizeof *own);
    if (!own)
        return -ENOMEM;
    if (vmo_create(0, 0, &own->vmo) != OK) {
        release(own);
        return -ENOMEM;
    }
    own->seals = flags & (MFD_SEALING | MFD_NOEXEC) ? 0 : F_SEAL_SEAL;
    if (flags & MFD_NOEXEC)
        own->seals |= F_SEAL_EXEC;
    own->attr = (struct fs_attr){.ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED),
                                 .mode = S_IFREG | (flags & MFD_NOEXEC ? 0666 : 0777),
                                 .uid = own_ids->fsuid,
                                 .gid = own_ids->fsgid,
                                 .device = MEMFD_DEVICE,
                                 .atime = time,
                                 .mtime = time,
                                 .ctime = time};
    *result = own;
    return 0;
}

int32_t sys_memfd_create(user_t name_at, uint32_t flags)
{
    char name[NAME_LIMIT + 1];
    struct memfd *own;
    if (flags & ~(MFD_CLOEXEC | MFD_SEALING | MFD_NOEXEC | MFD_EXEC))
        return -EINVAL; /* no large pages among them */
    if ((flags & MFD_NOEXEC) && (flags & MFD_EXEC))
        return -EINVAL;
    int error = copy_in_string(name, name_at, sizeof name);
    if (error < 0)
        return error == -ENAMETOOLONG ? -EINVAL : error;
    error = new_memfd(flags, &own);
    if (error < 0)
        return error;
    struct file *file = file_of(own, O_RDWR | O_LARGEFILE, name);
    if (!file) {
        close_handle(own->vmo);
        release(own);
        return -ENOMEM;
    }
    return fd_install(file, 0, flags & MFD_CLOEXEC);
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

handle_t memfd_memory(const struct file *file)
{
    return file->ops == &memfd_ops ? ((const struct memfd *)file->data)->vmo : HANDLE_NONE;
}

/* Seals come last: see memfd_seal. */
int memfd_restore(const struct snap_note *note, struct file *other, struct file **result)
{
    char path[NAME_LIMIT + 32] = "";
    struct memfd *own = NULL;
    int error = 0;
    if (other && other->ops == &memfd_ops)
        own = other->data;
    else if (other)
        return -EINVAL;
    else
        error = new_memfd(MFD_SEALING, &own);
    if (error < 0)
        return error;
    (void)snap_get_text(note, SNAP_OBJECT_PATH, path, sizeof path);
    own->attr.mode = S_IFREG | (snap_get_u32(note, SNAP_OBJECT_MODE, 0777) & 07777);
    struct file *file = file_of(own, O_RDWR, NULL);
    if (!file && !other) {
        close_handle(own->vmo);
        release(own);
    }
    if (!file)
        return -ENOMEM;
    file->path = text_copy(path);
    *result = file;
    return other ? 0 : set_size(own, snap_get_u64(note, SNAP_OBJECT_SIZE, 0));
}

void memfd_seal(struct file *file, uint32_t seals)
{
    if (file->ops == &memfd_ops)
        ((struct memfd *)file->data)->seals = seals & SEALS_ALL;
}
