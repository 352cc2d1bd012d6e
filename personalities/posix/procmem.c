/* SPDX-License-Identifier: MIT */
/*
 * Memory of other processes: /proc/PID/mem, process_vm_readv and process_vm_writev. The mm is held
 * while it is looked into, so the process may end or execute another program meanwhile.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "internal.h"
#include "procinfo.h"
#include "task.h"
#include "trace.h"

#define VECTOR_MAX 1024u

static void mm_put(struct mm *mm)
{
    server_lock();
    mm_release(mm);
    server_unlock();
}

/* The memory of a thread that the caller may look into, with a reference. */
static int mm_of(uint32_t tid, struct mm **mm)
{
    int result = -ESRCH;
    server_lock();
    struct thread *thread = thread_find(tid);
    if (thread && thread->process->mm) {
        result = trace_allowed(thread->process) ? 0 : -EPERM;
        if (result == 0) {
            *mm = thread->process->mm;
            (*mm)->references++;
        }
    }
    server_unlock();
    return result;
}

/* One piece of at most a page; bytes done. */
static uint32_t transfer_piece(struct mm *mm, uint32_t address, struct io *io, bool write)
{
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    uint32_t length = MIN(io->left, PATH_MAX), done = 0;
    if (address >= GUEST_LIMIT)
        return 0;
    length = MIN(length, PAGE_SIZE - (address & PAGE_MASK));
    if (!write) {
        if (space_read(mm->space, address, buffer, length, &done) != OK)
            return 0;
        return io_put(io, buffer, done) < 0 ? 0 : done;
    }
    struct io before = *io;
    if (io_take(io, buffer, length) < 0)
        return 0;
    if (space_write(mm->space, address, buffer, length, &done) != OK)
        done = 0;
    if (done < length) {
        *io = before;
        ignore(done ? (status_t)io_take(io, buffer, done) : OK);
    }
    return done;
}

static uint32_t transfer(struct mm *mm, uint32_t address, uint32_t length, struct io *io,
                         bool write)
{
    uint32_t done = 0;
    while (done < length && io->left > 0) {
        struct io part = *io;
        part.left = MIN(part.left, length - done);
        uint32_t left = part.left, count = transfer_piece(mm, address + done, &part, write);
        if (count == 0)
            break;
        part.left += io->left - left;
        *io = part;
        done += count;
    }
    return done;
}

/* ---- /proc/PID/mem ------------------------------------------------------------------------------- */

static int mem_transfer(struct file *file, struct io *io, uint64_t *offset, bool write)
{
    if (io->left == 0)
        return 0;
    if (*offset >= GUEST_LIMIT)
        return -EIO;
    uint32_t done = transfer(file->data, (uint32_t)*offset, io->left, io, write);
    *offset += done;
    return done ? (int)done : -EIO;
}

static int mem_read(struct file *file, struct io *io, uint64_t *offset)
{
    return mem_transfer(file, io, offset, false);
}

static int mem_write(struct file *file, struct io *io, uint64_t *offset)
{
    return mem_transfer(file, io, offset, true);
}

static int mem_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    return 0;
}

static void mem_close(struct file *file)
{
    if (file->data)
        mm_put(file->data);
}

static const struct file_ops mem_ops = {
    .name = "memory",
    .read = mem_read,
    .write = mem_write,
    .seekable = true,
    .stat = mem_stat,
    .close = mem_close,
};

int proc_open_mem(const struct internal_node *node, uint32_t flags, struct file **result)
{
    struct mm *mm = NULL;
    int error = mm_of(node->pid, &mm);
    if (error < 0)
        return error == -EPERM ? -EACCES : error;
    *result = file_new(&mem_ops, flags);
    if (*result)
        (*result)->data = mm;
    else
        mm_put(mm);
    return *result ? 0 : -ENOMEM;
}

/* ---- process_vm_readv, process_vm_writev -------------------------------------------------------------- */

static int copy_in_pieces(struct linux_iovec **pieces, user_t from, uint32_t count, uint32_t *sum)
{
    *sum = 0;
    *pieces = NULL;
    if (count > VECTOR_MAX)
        return -EINVAL;
    if (count == 0)
        return 0;
    if (!(*pieces = allocate(count * sizeof **pieces)))
        return -ENOMEM;
    int error = copy_in(*pieces, from, count * sizeof **pieces);
    for (uint32_t i = 0; error == 0 && i < count; i++) {
        if ((int32_t)(*pieces)[i].length < 0)
            error = -EINVAL;
        *sum += (*pieces)[i].length;
    }
    return error;
}

static int32_t transfer_pieces(struct mm *mm, struct io *io, const struct linux_iovec *remote,
                               uint32_t count, bool write)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count && io->left > 0; i++) {
        uint32_t wanted = MIN(remote[i].length, io->left);
        uint32_t done = transfer(mm, remote[i].base, wanted, io, write);
        total += done;
        if (done < wanted)
            return total ? (int32_t)total : -EFAULT;
    }
    return (int32_t)total;
}

static int32_t process_vm(int32_t pid, user_t local_at, uint32_t local_count, user_t remote_at,
                          uint32_t remote_count, uint32_t flags, bool write)
{
    struct linux_iovec *local = NULL, *remote = NULL;
    struct mm *mm = NULL;
    struct io io;
    uint32_t local_sum, remote_sum;
    if (flags != 0)
        return -EINVAL;
    int32_t result = copy_in_pieces(&local, local_at, local_count, &local_sum);
    if (result == 0)
        result = copy_in_pieces(&remote, remote_at, remote_count, &remote_sum);
    if (result == 0 && local_sum != 0 && remote_sum != 0) {
        result = mm_of((uint32_t)pid, &mm);
        if (result == 0) {
            io_vector(&io, local, local_sum);
            result = transfer_pieces(mm, &io, remote, remote_count, write);
            mm_put(mm);
        }
    }
    release(local);
    release(remote);
    return result;
}

int32_t sys_process_vm_readv(int32_t pid, user_t local, uint32_t local_count, user_t remote,
                             uint32_t remote_count, uint32_t flags)
{
    return process_vm(pid, local, local_count, remote, remote_count, flags, false);
}

int32_t sys_process_vm_writev(int32_t pid, user_t local, uint32_t local_count, user_t remote,
                              uint32_t remote_count, uint32_t flags)
{
    return process_vm(pid, local, local_count, remote, remote_count, flags, true);
}
