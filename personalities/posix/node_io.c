/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing an open node: through a view of its inode's VMO, or by messages, where there is none that is
 * the file, and for a node whose position is shared with another personality.
 */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "inotify.h"
#include "mm.h"
#include "node.h"
#include "server.h"
#include "task.h"

#define LOCKED_COPY PAGE_SIZE /* copies up to this size keep the server lock */
#define SMALL_SIZE  16384u    /* files up to this size are copied without a mapping */
#define SMALL_TIMES 4u        /* as long as that is not done more often */

/* ---- a file's inode ---------------------------------------------------------------------------------- */

/* The VMO that came with the node, or another one. */
static status_t take_vmo(struct file *file, uint32_t wanted, handle_t *vmo, bool *coherent)
{
    struct node_data *data = node_data_of(file);
    uint64_t size;
    server_lock();
    *vmo = data->vmo;
    data->vmo = HANDLE_NONE;
    server_unlock();
    *coherent = true;
    return *vmo ? OK : fs_client_vmo(file->handle, wanted, vmo, &size, coherent);
}

int node_need_vmo(struct file *file, uint32_t prot)
{
    struct node_data *data = node_data_of(file);
    struct inode *inode = data->inode;
    handle_t vmo;
    bool coherent;
    if (unlikely(!inode)) {
        server_lock();
        if (!data->inode)
            data->inode = inode_get(&file->attr);
        inode = data->inode;
        server_unlock();
        if (!inode)
            return -ENOMEM;
    }
    if (unlikely(inode->incoherent))
        return 1;
    if (likely(inode->vmo && (inode->prot & prot) == prot))
        return 0;
    uint32_t wanted = prot | inode->prot;
    if (file_readable(file))
        wanted |= PROT_R | PROT_X;
    else
        wanted &= ~(uint32_t)(PROT_R | PROT_X);
    if (file_writable(file))
        wanted |= PROT_W;
    else
        wanted &= ~(uint32_t)PROT_W; /* a writer gets it anew with its own descriptor */
    status_t status = take_vmo(file, wanted, &vmo, &coherent);
    if (status == ERR_NOT_SUPPORTED || (status == OK && !coherent)) {
        if (status == OK)
            close_handle(vmo);
        inode->incoherent = true;
        return 1;
    }
    if (status != OK)
        return file_errno(status);
    server_lock();
    if (inode
            ->pins) { /* a copy goes on through the old view: keep it, this file goes by messages once */
        server_unlock();
        close_handle(vmo);
        return 1;
    }
    inode_drop_view(inode);
    close_handle(inode->vmo);
    inode->vmo = vmo;
    inode->prot = wanted | PROT_R;
    inode_refresh(inode);
    server_unlock();
    return 0;
}

/* ---- transfers through the view ---------------------------------------------------------------------- */

/* Copies one stretch; lock held on entry and exit, released meanwhile if it is long. */
static int copy_stretch(struct inode *inode, uint8_t *at, struct io *io, uint32_t length,
                        bool write)
{
    int result;
    if (length <= LOCKED_COPY && !inode->paged)
        return write ? io_take(io, at, length) : io_put(io, at, length);
    inode->pins++;
    server_unlock();
    result = write ? io_take(io, at, length) : io_put(io, at, length);
    server_lock();
    inode->pins--;
    return result;
}

/* A copy that ended in a fault: was it the file's page? */
static int page_error(struct inode *inode, uint64_t offset)
{
    uint8_t byte;
    handle_t vmo = inode->vmo;
    inode->pins++;
    server_unlock();
    status_t status = vmo_read(vmo, offset, &byte, 1);
    server_lock();
    inode->pins--;
    return status == OK || status == ERR_OUT_OF_RANGE ? -EFAULT : file_errno(status);
}

/* Bytes copied; stops early at a fault. */
static int copy_through_view(struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                             bool write)
{
    int error = 0;
    uint32_t before = io->done;
    uint64_t start = offset;
    while (error == 0 && count > 0) {
        uint32_t length = MIN(count, VIEW_MAX / 2);
        uint8_t *at = inode_view(inode, offset, &length);
        if (!at)
            return -ENOMEM;
        error = copy_stretch(inode, at, io, length, write);
        count -= length;
        offset += length;
    }
    uint32_t done = io->done - before;
    if (!done && error == -EFAULT && inode->paged)
        error = page_error(inode, start);
    return done ? (int)done : error;
}

static bool is_small(const struct inode *inode, struct io *io, uint32_t count, bool write)
{
    return !inode->view && inode->size <= SMALL_SIZE && inode->copies < SMALL_TIMES &&
           (!write || io->kernel || io_contiguous(io, count) == count);
}

/* Between the VMO and memory of ours. */
static int copy_content(const struct inode *inode, uint8_t *memory, uint64_t offset, uint32_t count,
                        bool write)
{
    status_t status = write ? vmo_write(inode->vmo, offset, memory, count)
                            : vmo_read(inode->vmo, offset, memory, count);
    if (write && status == ERR_NO_MEMORY)
        self()->out_of_memory = true; /* as a copy into a view has it */
    return status == ERR_OUT_OF_RANGE ? 0 : status == OK ? (int)count : file_errno(status);
}

static int copy_buffered(const struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                         bool write, uint8_t *buffer)
{
    uint32_t before = io->done;
    if (!buffer)
        return -ENOMEM;
    int result = write ? io_take(io, buffer, count) : 0;
    if (result < 0)
        return result;
    result = copy_content(inode, buffer, offset, count, write);
    if (write && result <= 0)
        io_undo(io, count);
    if (write || result <= 0)
        return result;
    int error = io_put(io, buffer, count);
    return io->done > before ? (int)(io->done - before) : error;
}

/* Of a file that is small, all at once; lock held on entry and exit. */
static int copy_small(struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                      bool write)
{
    int result;
    inode->copies++;
    inode->pins++;
    server_unlock();
    if (io->kernel) {
        result = copy_content(inode, io->kernel + io->at, offset, count, write);
        io_advance(io, (uint32_t)MAX(result, 0));
    } else {
        uint8_t *buffer = copy_buffer_take();
        result = copy_buffered(inode, io, offset, count, write, buffer);
        copy_buffer_give(buffer);
    }
    server_lock();
    inode->pins--;
    return result;
}

static int copy(struct inode *inode, struct io *io, uint64_t offset, uint32_t count, bool write)
{
    return is_small(inode, io, count, write) ? copy_small(inode, io, offset, count, write)
                                             : copy_through_view(inode, io, offset, count, write);
}

static int read_view(struct inode *inode, struct io *io, uint64_t *offset)
{
    server_lock();
    if (*offset + io->left > inode->size)
        inode_refresh(inode);
    int result = 0;
    if (*offset < inode->size)
        result = copy(inode, io, *offset, (uint32_t)MIN(io->left, inode->size - *offset), false);
    if (result > 0)
        *offset += (uint32_t)result;
    server_unlock();
    return result;
}

/* ---- transfers by message ---------------------------------------------------------------------------- */

static bool need_bulk(struct file *file)
{
    struct node_data *data = node_data_of(file);
    struct map_request map = {
        .length = BULK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    if (data->bulk_view)
        return true;
    if (node_own(file) < 0)
        return false;
    if (!data->bulk && vmo_create(0, BULK_SIZE, &data->bulk) != OK)
        return false;
    map.vmo = data->bulk;
    if (space_map(HANDLE_SELF, &map) != OK)
        return false;
    if (fs_client_buffer(file->handle, data->bulk, BULK_SIZE) != OK) {
        ignore(space_unmap(HANDLE_SELF, map.address, BULK_SIZE));
        return false;
    }
    data->bulk_view = (uint8_t *)map.address;
    return true;
}

/* Reads up to one buffer's worth at `at`. */
static int read_message(struct file *file, struct io *io, uint64_t at)
{
    uint8_t inline_data[FS_INLINE_MAX];
    uint32_t wanted = MIN(io->left, BULK_SIZE), got = 0;
    size_t done = 0;
    status_t status;
    uint8_t *from = inline_data;
    if (wanted > FS_INLINE_MAX && need_bulk(file)) {
        from = node_data_of(file)->bulk_view;
        status = fs_client_read_bulk(file->handle, at, wanted, &got);
    } else {
        status = fs_client_read(file->handle, at, inline_data, MIN(wanted, FS_INLINE_MAX), &done);
        got = (uint32_t)done;
    }
    if (status != OK)
        return file_errno(status);
    if (got > wanted)
        return -EIO;
    return io_put(io, from, got) < 0 ? -EFAULT : (int)got;
}

static int write_message(struct file *file, struct io *io, uint64_t at, uint64_t *end)
{
    uint8_t inline_data[FS_INLINE_MAX];
    uint32_t wanted = io_contiguous(io, BULK_SIZE), put = 0;
    size_t done = 0;
    status_t status;
    if (wanted > FS_INLINE_MAX && need_bulk(file)) {
        if (io_take(io, node_data_of(file)->bulk_view, wanted) < 0)
            return -EFAULT;
        status = fs_client_write_bulk(file->handle, at, wanted, &put, end);
    } else {
        wanted = MIN(wanted, FS_INLINE_MAX);
        if (io_take(io, inline_data, wanted) < 0)
            return -EFAULT;
        status = fs_client_write(file->handle, at, inline_data, wanted, &done, end);
        put = (uint32_t)done;
    }
    if (put < wanted)
        io_undo(io, wanted - MIN(put, wanted));
    return status != OK && put == 0 ? file_errno(status) : (int)MIN(put, wanted);
}

static void learn_end(struct inode *inode, uint64_t end)
{
    server_lock();
    if (inode->vmo && !inode->incoherent)
        (void)inode_reaches(inode, end);
    else
        inode->size = end;
    server_unlock();
}

/* Repeats one of the two above until the transfer is done or comes back short. */
static int message_loop(struct file *file, struct io *io, uint64_t *offset, bool write, bool append)
{
    struct node_data *data = node_data_of(file);
    int result = 0, sum = 0;
    while (io->left > 0) {
        uint64_t at = append ? FS_APPEND : data->shared_position ? FS_POSITION : *offset, end = 0;
        uint32_t wanted = MIN(io->left, BULK_SIZE);
        result = write ? write_message(file, io, at, &end) : read_message(file, io, at);
        if (result <= 0)
            break;
        sum += result;
        if (append)
            *offset = end;
        else
            *offset += (uint32_t)result;
        if (!write && (uint32_t)result < MIN(wanted, FS_INLINE_MAX))
            break;
        if (data->inode && write && end > data->inode->size)
            learn_end(data->inode, end);
    }
    return sum > 0 ? sum : result;
}

/* ---- read and write ---------------------------------------------------------------------------------- */

/* Tells the file system about writes through the view, before anyone looks at the times. */
void node_flush_modified(struct file *file)
{
    struct node_data *data = node_data_of(file);
    if (!data->modified)
        return;
    data->modified = false;
    ignore(fs_client_modified(file->handle));
}

int node_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = node_data_of(file);
    if (unlikely(S_ISDIR(file->attr.mode)))
        return -EISDIR;
    if (unlikely(data->shared_position))
        return message_loop(file, io, offset, false, false);
    int result = node_need_vmo(file, PROT_R);
    if (likely(result == 0))
        return read_view(data->inode, io, offset);
    return result < 0 ? result : message_loop(file, io, offset, false, false);
}

/* The file system has made the file that long. 1: its VMO is not it any more. */
static int has_grown(struct inode *inode, uint64_t size)
{
    server_lock();
    bool reaches = inode_reaches(inode, size);
    server_unlock();
    return reaches ? 0 : 1;
}

/* Makes the file at least `size` bytes long; as has_grown, or -errno. */
static int extend(struct file *file, struct inode *inode, uint64_t size)
{
    struct fs_attr attr = {.size = size}, result;
    status_t status = fs_client_setattr(file->handle, FS_ATTR_SIZE | FS_ATTR_SPACE, &attr, &result);
    if (status != OK)
        return file_errno(status);
    return has_grown(inode, size);
}

/* Where an append goes: the file is extended there at the same time. */
static int reserve_append(struct file *file, struct inode *inode, uint32_t count, uint64_t *offset)
{
    uint64_t before, after;
    status_t status = fs_client_position(file->handle, 3, count, &before, &after);
    if (status != OK)
        return file_errno(status);
    *offset = before;
    return has_grown(inode, after);
}

/* A copy into the view that lacked memory is a full file system, not the program's end. */
static bool ran_out_of_space(void)
{
    struct thread *thread = self();
    bool was = thread->out_of_memory;
    thread->out_of_memory = false;
    return was;
}

/* Undoes what a write that got only as far as `end` extended the file by; the write's result. */
static int give_back(struct file *file, struct inode *inode, uint64_t old_size, uint64_t end,
                     int result)
{
    uint64_t wanted = MAX(old_size, end);
    if (wanted < inode->size && extend(file, inode, wanted) < 0)
        log_line("a file keeps a hole where a write found no space");
    return result > 0 ? result : -ENOSPC;
}

static int write_view(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = node_data_of(file);
    struct inode *inode = data->inode;
    bool append = file->flags & O_APPEND;
    uint32_t count = io->left;
    int result = 0;
    if (*offset + count > inode->size) {
        server_lock();
        inode_refresh(inode);
        server_unlock();
    }
    uint64_t old_size = inode->size;
    if (append || *offset + count > inode->size) {
        if (count <= FS_INLINE_MAX && io_contiguous(io, count) == count)
            return message_loop(file, io, offset, true, file->flags & O_APPEND);
        result = append ? reserve_append(file, inode, count, offset)
                        : extend(file, inode, *offset + count);
    }
    if (result == -ENOSPC) /* for all of it; there may be for some */
        return message_loop(file, io, offset, true, append);
    if (result < 0)
        return result;
    if (result > 0)
        return message_loop(file, io, offset, true, false);
    uint64_t start = *offset;
    bool watched = unlikely(inotify_instances != 0);
    server_lock();
    /* What lies behind the old end has been told with the new one. */
    data->modified |= watched || !(append || start >= old_size);
    result = copy(inode, io, *offset, count, true);
    server_unlock();
    if (watched)
        node_flush_modified(file); /* whoever watches the file is told at once */
    if (result > 0)
        *offset += (uint32_t)result;
    if (result < (int)count && ran_out_of_space())
        result = give_back(file, inode, append ? start : old_size, *offset, result);
    return result;
}

int node_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = node_data_of(file);
    if (io->left == 0)
        return 0;
    if ((uint64_t)*offset + io->left > self()->process->limits[RLIMIT_FSIZE].current) {
        server_lock();
        signal_simple(self()->process, SIGXFSZ);
        server_unlock();
        return -EFBIG;
    }
    if (unlikely(data->shared_position))
        return message_loop(file, io, offset, true, file->flags & O_APPEND);
    int result = node_need_vmo(file, PROT_W);
    if (likely(result == 0))
        return write_view(file, io, offset);
    return result < 0 ? result : message_loop(file, io, offset, true, file->flags & O_APPEND);
}
