/* SPDX-License-Identifier: MIT */
/*
 * Calls that move data from file to file: sendfile, copy_file_range, splice, tee, vmsplice. Data goes
 * through a buffer here. Out of a pipe it is taken only once it is in the other file.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "path.h"
#include "task.h"

#define COUNT_MAX  0x7ffff000u
#define COPY_CHUNK COPY_BUFFER
#define FLAGS_ALL  0xfu /* SPLICE_F_MOVE, NONBLOCK, MORE, GIFT */
#define NONBLOCK_  2u
#define VECTOR_FEW 8u

/* One buffer is kept: mapping memory takes longer than copying a small file. */
static uint8_t *spare_buffer;

uint8_t *copy_buffer_take(void)
{
    server_lock();
    uint8_t *buffer = spare_buffer;
    spare_buffer = NULL;
    server_unlock();
    return buffer ? buffer : allocate(COPY_BUFFER);
}

void copy_buffer_give(uint8_t *buffer)
{
    server_lock();
    if (!spare_buffer) {
        spare_buffer = buffer;
        buffer = NULL;
    }
    server_unlock();
    release(buffer);
}

/* Where one side of a copy stands: at a place of its own, or at the file's. */
struct side {
    struct file *file;
    uint64_t offset;
    bool own_place;
};

static uint64_t place(const struct side *side)
{
    return side->own_place ? side->offset : side->file->offset;
}

static void advance(struct side *side, uint32_t length)
{
    if (side->own_place)
        side->offset += length;
    else if (side->file->ops->seekable)
        side->file->offset += length;
}

static int read_some(struct side *in, uint8_t *buffer, uint32_t length)
{
    uint64_t from = place(in);
    struct io io;
    io_kernel(&io, buffer, length);
    if (in->file->ops->seekable)
        return in->file->ops->read ? in->file->ops->read(in->file, &io, &from) : -EINVAL;
    return file_read_bytes(in->file, &io);
}

static int write_some(struct side *out, uint8_t *buffer, uint32_t length)
{
    uint64_t to = out->offset;
    struct io io;
    io_kernel(&io, buffer, length);
    if (!out->own_place)
        return file_write_bytes(out->file, &io);
    return out->file->ops->write ? out->file->ops->write(out->file, &io, &to) : -EINVAL;
}

/* Up to count bytes from a file with places; how many, or -errno. */
static int32_t copy_from_file(struct side *out, struct side *in, uint32_t count)
{
    uint8_t *buffer = copy_buffer_take();
    uint32_t done = 0;
    int32_t result = buffer ? 0 : -ENOMEM;
    while (result >= 0 && done < count) {
        result = read_some(in, buffer, MIN(count - done, COPY_CHUNK));
        if (result <= 0)
            break;
        result = write_some(out, buffer, (uint32_t)result);
        if (result <= 0)
            break;
        done += (uint32_t)result;
        advance(in, (uint32_t)result);
        if (out->own_place)
            out->offset += (uint32_t)result;
    }
    copy_buffer_give(buffer);
    return done ? (int32_t)done : file_write_result(out->file, result);
}

/* ---- sendfile ------------------------------------------------------------------------------------ */

static int32_t do_sendfile(uint32_t out_fd, uint32_t in_fd, uint64_t *offset, bool own_place,
                           uint32_t count)
{
    struct side out = {.file = fd_get(out_fd)},
                in = {.file = fd_get(in_fd), .offset = *offset, .own_place = own_place};
    int32_t result = -EBADF;
    if (out.file && in.file && file_readable(in.file) && file_writable(out.file)) {
        result = !in.file->ops->seekable      ? (own_place ? -ESPIPE : -EINVAL)
                 : (int64_t)in.offset < 0     ? -EINVAL
                 : out.file->flags & O_APPEND ? -EINVAL
                                              : copy_from_file(&out, &in, MIN(count, COUNT_MAX));
    }
    if (out.file)
        file_release(out.file);
    if (in.file)
        file_release(in.file);
    *offset = in.offset;
    return result;
}

int32_t sys_sendfile(uint32_t out, uint32_t in, user_t offset_at, uint32_t count)
{
    uint32_t low = 0;
    if (offset_at.address && get_user(&low, offset_at) < 0)
        return -EFAULT;
    uint64_t offset = (uint64_t)(int32_t)low;
    int32_t result = do_sendfile(out, in, &offset, offset_at.address, count);
    return offset_at.address && put_user(offset_at, (uint32_t)offset) < 0 ? -EFAULT : result;
}

int32_t sys_sendfile64(uint32_t out, uint32_t in, user_t offset_at, uint32_t count)
{
    uint64_t offset = 0;
    if (offset_at.address && copy_in(&offset, offset_at, 8) < 0)
        return -EFAULT;
    int32_t result = do_sendfile(out, in, &offset, offset_at.address, count);
    return offset_at.address && copy_out(offset_at, &offset, 8) < 0 ? -EFAULT : result;
}

/* ---- copy_file_range ----------------------------------------------------------------------------- */

static bool overlaps(const struct side *in, const struct side *out, uint32_t count)
{
    uint64_t from = place(in), to = place(out);
    return in->file->attr.ino == out->file->attr.ino &&
           in->file->attr.device == out->file->attr.device && from < to + count &&
           to < from + count;
}

static int32_t copy_range(struct side *in, struct side *out, uint32_t count)
{
    if (S_ISDIR(in->file->attr.mode) || S_ISDIR(out->file->attr.mode))
        return -EISDIR;
    if (!S_ISREG(in->file->attr.mode) || !S_ISREG(out->file->attr.mode) ||
        !in->file->ops->seekable || !out->file->ops->seekable)
        return -EINVAL;
    if (!file_readable(in->file) || !file_writable(out->file) || (out->file->flags & O_APPEND))
        return -EBADF;
    if ((int64_t)place(in) < 0 || (int64_t)place(out) < 0 || overlaps(in, out, count))
        return -EINVAL;
    return copy_from_file(out, in, MIN(count, COUNT_MAX));
}

static int place_in(struct side *side, user_t at)
{
    side->own_place = at.address;
    return at.address && copy_in(&side->offset, at, 8) < 0 ? -EFAULT : 0;
}

static int place_out(const struct side *side, user_t at)
{
    return at.address && copy_out(at, &side->offset, 8) < 0 ? -EFAULT : 0;
}

int32_t sys_copy_file_range(uint32_t in_fd, user_t in_at, uint32_t out_fd, user_t out_at,
                            uint32_t count, uint32_t flags)
{
    struct side in = {.file = NULL}, out = {.file = NULL};
    if (flags)
        return -EINVAL;
    if (place_in(&in, in_at) < 0 || place_in(&out, out_at) < 0)
        return -EFAULT;
    in.file = fd_get(in_fd);
    out.file = fd_get(out_fd);
    int32_t result = in.file && out.file ? copy_range(&in, &out, count) : -EBADF;
    if (in.file)
        file_release(in.file);
    if (out.file)
        file_release(out.file);
    if (result > 0 && (place_out(&in, in_at) < 0 || place_out(&out, out_at) < 0))
        return -EFAULT;
    return result;
}

/* ---- splice, tee --------------------------------------------------------------------------------- */

static bool is_pipe(const struct file *file)
{
    return file_is_pipe(file);
}

static bool waits_not(const struct file *file, uint32_t flags)
{
    return (flags & NONBLOCK_) || (file->flags & O_NONBLOCK);
}

/* Waits until the pipe has data (or, for writing, room): 1; 0: nobody writes any more; -errno. */
static int wait_for_pipe(struct file *pipe, bool write, bool poll)
{
    handle_t handle = write ? pipe->handle2 : pipe->handle;
    struct wait_item item = {.handle = handle,
                             .wanted =
                                 (write ? SIGNAL_WRITABLE : SIGNAL_READABLE) | SIGNAL_PEER_CLOSED};
    for (;;) {
        status_t status = wait_any(&item, 1, poll ? DEADLINE_POLL : DEADLINE_NEVER);
        if (status == OK && write)
            return item.observed & SIGNAL_PEER_CLOSED ? -EPIPE : 1;
        if (status == OK)
            return item.observed & SIGNAL_READABLE ? 1 : 0;
        if (status != ERR_INTERRUPTED)
            return status == ERR_SHOULD_WAIT ? -EAGAIN : errno_of(status);
        if (thread_interrupted(self()))
            return -ERESTARTSYS;
    }
}

/* The first bytes of a pipe, which stay in it. */
static int peek(struct file *pipe, uint8_t *buffer, uint32_t length)
{
    uint32_t done = 0;
    status_t status = stream_peek(pipe->handle, buffer, length, &done);
    return status == OK ? (int)done : errno_of(status);
}

/* What fits into a pipe without waiting. */
static int put_into_pipe(struct file *pipe, const uint8_t *buffer, uint32_t length)
{
    uint32_t queued, capacity, done = 0;
    if (stream_info(pipe->handle2, &queued, &capacity) == OK)
        length = MIN(length, capacity - queued);
    if (length == 0)
        return 0;
    status_t status = stream_write(pipe->handle2, buffer, length, &done, DEADLINE_POLL);
    return done > 0 ? (int)done : status == OK ? 0 : errno_of(status);
}

/* One piece from pipe to pipe; `take`: it is gone from the first. */
static int32_t pipe_to_pipe(struct file *in, struct file *out, uint32_t count, uint32_t flags,
                            bool take)
{
    uint8_t *buffer = copy_buffer_take();
    int result = buffer ? wait_for_pipe(in, false, waits_not(in, flags)) : -ENOMEM;
    if (result == 1)
        result = wait_for_pipe(out, true, waits_not(out, flags));
    if (result == 1)
        result = peek(in, buffer, MIN(count, COPY_CHUNK));
    if (result > 0)
        result = put_into_pipe(out, buffer, (uint32_t)result);
    if (result > 0 && take) {
        uint32_t done;
        ignore(stream_read(in->handle, buffer, (uint32_t)result, &done, DEADLINE_POLL));
    }
    copy_buffer_give(buffer);
    return result;
}

static int32_t pipe_to_file(struct file *in, struct side *out, uint32_t count, uint32_t flags)
{
    uint8_t *buffer = copy_buffer_take();
    uint32_t sum = 0;
    int result = buffer ? 0 : -ENOMEM;
    while (result >= 0 && sum < count) {
        uint32_t done;
        result = wait_for_pipe(in, false, sum > 0 || waits_not(in, flags));
        if (result <= 0)
            break;
        result = peek(in, buffer, MIN(count - sum, COPY_CHUNK));
        if (result > 0)
            result = write_some(out, buffer, (uint32_t)result);
        if (result <= 0)
            break;
        ignore(stream_read(in->handle, buffer, (uint32_t)result, &done, DEADLINE_POLL));
        sum += (uint32_t)result;
        if (out->own_place)
            out->offset += (uint32_t)result;
    }
    copy_buffer_give(buffer);
    return sum ? (int32_t)sum : result;
}

static int32_t file_to_pipe(struct side *in, struct file *out, uint32_t count, uint32_t flags)
{
    uint32_t queued, capacity;
    uint8_t *buffer = copy_buffer_take();
    int result = buffer ? wait_for_pipe(out, true, waits_not(out, flags)) : -ENOMEM;
    if (result == 1 && stream_info(out->handle2, &queued, &capacity) == OK)
        result = read_some(in, buffer, MIN(count, MIN(COPY_CHUNK, capacity - queued)));
    if (result > 0) {
        result = put_into_pipe(out, buffer, (uint32_t)result);
        if (result > 0)
            advance(in, (uint32_t)result);
    }
    copy_buffer_give(buffer);
    return result;
}

static int32_t splice_files(struct side *in, struct side *out, uint32_t count, uint32_t flags)
{
    bool from_pipe = is_pipe(in->file), to_pipe = is_pipe(out->file);
    if (!file_readable(in->file) || !file_writable(out->file))
        return -EBADF;
    if ((from_pipe && in->own_place) || (to_pipe && out->own_place))
        return -ESPIPE;
    if (from_pipe && to_pipe)
        return in->file->attr.ino == out->file->attr.ino
                   ? -EINVAL
                   : pipe_to_pipe(in->file, out->file, count, flags, true);
    if (from_pipe) {
        if ((out->file->flags & O_APPEND) || !out->file->ops->write)
            return -EINVAL;
        if (out->own_place && !out->file->ops->seekable)
            return -EINVAL;
        return pipe_to_file(in->file, out, count, flags);
    }
    if (!to_pipe || !in->file->ops->read)
        return -EINVAL;
    if (in->own_place && !in->file->ops->seekable)
        return -EINVAL;
    return file_to_pipe(in, out->file, count, flags);
}

int32_t sys_splice(uint32_t in_fd, user_t in_at, uint32_t out_fd, user_t out_at, uint32_t count,
                   uint32_t flags)
{
    struct side in = {.file = NULL}, out = {.file = NULL};
    if (count == 0)
        return 0;
    if (flags & ~FLAGS_ALL)
        return -EINVAL;
    if (place_in(&in, in_at) < 0 || place_in(&out, out_at) < 0)
        return -EFAULT;
    in.file = fd_get(in_fd);
    out.file = fd_get(out_fd);
    int32_t result = -EBADF;
    if (in.file && out.file)
        result = file_write_result(out.file, splice_files(&in, &out, MIN(count, COUNT_MAX), flags));
    if (in.file)
        file_release(in.file);
    if (out.file)
        file_release(out.file);
    if (result > 0 && (place_out(&in, in_at) < 0 || place_out(&out, out_at) < 0))
        return -EFAULT;
    return result;
}

int32_t sys_tee(uint32_t in_fd, uint32_t out_fd, uint32_t count, uint32_t flags)
{
    if (flags & ~FLAGS_ALL)
        return -EINVAL;
    if (count == 0)
        return 0;
    struct file *in = fd_get(in_fd), *out = fd_get(out_fd);
    int32_t result = -EBADF;
    if (in && out && file_readable(in) && file_writable(out))
        result = is_pipe(in) && is_pipe(out) && in->attr.ino != out->attr.ino
                     ? file_write_result(out, pipe_to_pipe(in, out, count, flags, false))
                     : -EINVAL;
    if (in)
        file_release(in);
    if (out)
        file_release(out);
    return result;
}

/* What there is room for; it waits only while there is none. */
static int32_t vmsplice_out(struct file *file, struct io *io)
{
    uint32_t room = stream_room(file);
    io->left = MIN(io->left, room ? room : PAGE_SIZE);
    return file_write_result(file, file_write_bytes(file, io));
}

int32_t sys_vmsplice(uint32_t fd, user_t from, uint32_t count, uint32_t flags)
{
    struct linux_iovec few[VECTOR_FEW], *vector;
    struct io io;
    if (flags & ~FLAGS_ALL)
        return -EINVAL;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = is_pipe(file) ? 0 : -EBADF;
    if (result == 0)
        result = io_copy_in_vector(from, count, few, VECTOR_FEW, &vector);
    if (result >= 0) {
        uint32_t saved = file->flags;
        if (flags & NONBLOCK_)
            file->flags |= O_NONBLOCK;
        io_vector(&io, vector, (uint32_t)result);
        if (result > 0)
            result = file->handle2 ? vmsplice_out(file, &io) : file_read_bytes(file, &io);
        file->flags = saved;
        if (vector != few)
            release(vector);
    }
    file_release(file);
    return result;
}
