/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing. Transfers of disk files complete before the call returns, also on handles
 * opened for overlapped use: then the event, the APC and the completion packet say so as they would
 * later. Those of named pipes may be pending.
 */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/console.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define SMALL      256u     /* transfers that need no buffer from the heap */
#define BUFFER_MAX 0x10000u /* of one piece of a large transfer */

/* ---- disk files ---- */

static NTSTATUS disk_read(struct nt_file *file, void *to, uint32_t length, uint64_t offset,
                          uint32_t *done)
{
    size_t moved = 0;
    bool current = offset == OFFSET_CURRENT;
    uint64_t from = !current ? offset : file->shared_position ? FS_POSITION : file->position;
    status_t status = BLOCKING(fs_client_read(file->node, from, to, length, &moved));
    *done = moved;
    if (status != OK && moved == 0)
        return nt_status(status);
    if (moved == 0 && length)
        return STATUS_END_OF_FILE;
    if (!file->shared_position && (current || ntfile_synchronous(file)))
        file->position = from + moved;
    return STATUS_SUCCESS;
}

static NTSTATUS disk_write(struct nt_file *file, const void *from, uint32_t length, uint64_t offset,
                           uint32_t *done)
{
    size_t moved = 0;
    uint64_t end = 0;
    bool append = file->append || offset == OFFSET_APPEND;
    uint64_t to = append                     ? FS_APPEND
                  : offset != OFFSET_CURRENT ? offset
                  : file->shared_position    ? FS_POSITION
                                             : file->position;
    status_t status = BLOCKING(fs_client_write(file->node, to, from, length, &moved, &end));
    *done = moved;
    if (status != OK && moved == 0)
        return nt_status(status);
    if (!file->shared_position && (offset == OFFSET_CURRENT || ntfile_synchronous(file)))
        file->position = end;
    return STATUS_SUCCESS;
}

/* ---- streams ---- */

/* A transfer was interrupted: true if it is to be tried again, after the thread may go on. */
static bool may_go_on(struct nt_thread *thread)
{
    while (!thread->terminating && !thread->process->exiting &&
           (thread->suspend_count > 0 || thread->process->stopped))
        thread_sleep(thread, 0);
    return !thread->terminating && !thread->process->exiting;
}

static NTSTATUS stream_status(status_t status)
{
    if (status == ERR_INTERRUPTED)
        return STATUS_RESTART_CALL;
    return nt_status(status);
}

static NTSTATUS stream_take(struct nt_thread *thread, struct nt_file *file, void *to,
                            uint32_t length, uint32_t *done)
{
    if (!file->read_end)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (length == 0)
        return STATUS_SUCCESS;
    status_t status = BLOCKING(stream_read(file->read_end, to, length, done, DEADLINE_NEVER));
    if (status == ERR_INTERRUPTED && !thread_attention(thread))
        return STATUS_RESTART_CALL;
    if (status != OK)
        return stream_status(status);
    return *done ? STATUS_SUCCESS : STATUS_PIPE_BROKEN;
}

static NTSTATUS stream_put(struct nt_thread *thread, struct nt_file *file, const void *from,
                           uint32_t length, uint32_t *done)
{
    if (!file->write_end)
        return STATUS_INVALID_DEVICE_REQUEST;
    *done = 0;
    while (*done < length) {
        uint32_t moved = 0;
        status_t status = BLOCKING(stream_write(file->write_end, (const uint8_t *)from + *done,
                                                length - *done, &moved, DEADLINE_NEVER));
        if (status == OK)
            *done += moved;
        if (status == ERR_PEER_CLOSED || (status == OK && moved == 0))
            return STATUS_PIPE_CLOSING;
        if (status == ERR_INTERRUPTED && !may_go_on(thread))
            return STATUS_RESTART_CALL;
        if (status != OK && status != ERR_INTERRUPTED)
            return nt_status(status);
    }
    return STATUS_SUCCESS;
}

NTSTATUS ntfile_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                     uint64_t offset, uint32_t *done)
{
    *done = 0;
    switch (file->kind) {
    case FILE_DISK:
        return disk_read(file, to, length, offset, done);
    case FILE_PIPE:
        return file->pipe ? STATUS_INVALID_DEVICE_REQUEST
                          : stream_take(thread, file, to, length, done);
    case FILE_CONSOLE:
        return console_read(thread, file, to, length, done);
    case FILE_NULL:
        return STATUS_END_OF_FILE;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

NTSTATUS ntfile_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                      uint32_t length, uint64_t offset, uint32_t *done)
{
    *done = 0;
    switch (file->kind) {
    case FILE_DISK:
        return disk_write(file, from, length, offset, done);
    case FILE_PIPE:
        *done = length;
        return file->pipe ? pipe_put_bytes(file->pipe, from, length)
                          : stream_put(thread, file, from, length, done);
    case FILE_CONSOLE:
        return console_write(thread, file, from, length, done);
    case FILE_NULL:
        *done = length;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

/* ---- the calls ---- */

struct transfer {
    struct nt_file *file; /* held */
    struct io_call io;
    uint32_t buffer, length;
    uint64_t offset;
};

static NTSTATUS transfer_offset(struct transfer *transfer, uint32_t guest, bool writing)
{
    int64_t offset = -2;
    const struct nt_file *file = transfer->file;
    NTSTATUS status = guest ? guest_read(&offset, guest, sizeof offset) : STATUS_SUCCESS;
    if (status)
        return status;
    if (offset == -1 && file->kind == FILE_DISK && writing)
        transfer->offset = OFFSET_APPEND;
    else if (offset == -2 || file->kind != FILE_DISK)
        transfer->offset = OFFSET_CURRENT;
    else if (offset < 0)
        return STATUS_INVALID_PARAMETER;
    else
        transfer->offset = offset;
    if ((file->kind == FILE_DISK || file->kind == FILE_NULL) && offset == -2 &&
        !ntfile_synchronous(file) && !file->shared_position)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* The arguments that reads and writes share; the access must have been granted to the handle. */
static NTSTATUS transfer_begin(struct call *call, ACCESS_MASK any_of, bool segments,
                               struct transfer *transfer)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (status)
        return status;
    struct nt_file *file = file_of(object);
    *transfer = (struct transfer){
        .file = file,
        .io = {call->args[1], call->args[2], call->args[3], call->args[4]},
        .buffer = call->args[5],
        .length = call->args[6],
    };
    if (file->kind == FILE_DIRECTORY || file->kind == FILE_VOLUME ||
        file->kind == FILE_PIPE_DEVICE || file->kind == FILE_MOUNT_POINTS)
        status = STATUS_INVALID_DEVICE_REQUEST;
    else if (!(file->access & any_of))
        status = STATUS_ACCESS_DENIED;
    else
        status = transfer_offset(transfer, call->args[7], any_of != FILE_READ_DATA);
    /* Even where nothing will be read the buffer must be one. */
    if (!status && any_of == FILE_READ_DATA && !segments && transfer->length &&
        !vm_writable(call->process, transfer->buffer, transfer->length))
        status = STATUS_ACCESS_VIOLATION;
    if (!status)
        status = io_begin(call->thread, file, &transfer->io);
    if (status)
        object_release(object);
    return status;
}

static uint64_t advance(uint64_t offset, uint32_t done)
{
    return offset == OFFSET_CURRENT || offset == OFFSET_APPEND ? offset : offset + done;
}

/* A transfer of a disk file at a known place, through its view; false: to be done by message. */
static bool through_view(struct transfer *t, bool write, uint32_t *total, NTSTATUS *status)
{
    struct nt_file *file = t->file;
    bool current = t->offset == OFFSET_CURRENT;
    uint64_t at = current ? file->position : t->offset;
    if (file->kind != FILE_DISK || file->shared_position || t->offset == OFFSET_APPEND ||
        (write && file->append) || t->length == 0)
        return false;
    if (!(write ? view_write(file, t->buffer, t->length, at, total)
                : view_read(file, t->buffer, t->length, at, total)))
        return false;
    *status = *total == 0 ? STATUS_END_OF_FILE : STATUS_SUCCESS;
    if (*total && (current || ntfile_synchronous(file)))
        file->position = at + *total;
    return true;
}

/* Of a disk file all is read or it is an error: programs take less for the end of the file. */
static NTSTATUS read_ended(const struct transfer *t, NTSTATUS status, uint32_t *total)
{
    if (*total && (t->file->kind != FILE_DISK || status == STATUS_END_OF_FILE))
        return STATUS_SUCCESS;
    *total = 0;
    return status;
}

/* In pieces; only a disk file gives a second one. */
static NTSTATUS read_pieces(struct nt_thread *thread, struct transfer *t, uint8_t *buffer,
                            uint32_t size, uint32_t *total)
{
    NTSTATUS status = STATUS_SUCCESS;
    *total = 0;
    do {
        uint32_t part = t->length - *total < size ? t->length - *total : size, done;
        status = ntfile_read(thread, t->file, buffer, part, t->offset, &done);
        if (!NT_SUCCESS_(status) && status != STATUS_BUFFER_OVERFLOW)
            return read_ended(t, status, total);
        if (done && guest_write(t->buffer + *total, buffer, done))
            return STATUS_ACCESS_VIOLATION;
        *total += done;
        t->offset = advance(t->offset, done);
        if (done == 0 || t->file->kind != FILE_DISK)
            break;
    } while (*total < t->length);
    return status;
}

static NTSTATUS write_pieces(struct nt_thread *thread, struct transfer *t, uint8_t *buffer,
                             uint32_t size, uint32_t *total)
{
    *total = 0;
    do {
        uint32_t part = t->length - *total < size ? t->length - *total : size, done;
        if (part && guest_read(buffer, t->buffer + *total, part))
            return STATUS_INVALID_USER_BUFFER;
        NTSTATUS status = ntfile_write(thread, t->file, buffer, part, t->offset, &done);
        *total += done;
        if (!NT_SUCCESS_(status))
            return status;
        t->offset = advance(t->offset, done);
        if (done == 0 || (done < part && t->file->kind != FILE_DISK))
            break;
    } while (*total < t->length);
    return STATUS_SUCCESS;
}

typedef NTSTATUS (*pieces)(struct nt_thread *, struct transfer *, uint8_t *, uint32_t, uint32_t *);

/* One page after the other, where an array of addresses says. */
static NTSTATUS run_segments(struct call *call, struct transfer *t, pieces run, uint32_t *total)
{
    uint32_t array = t->buffer, length = t->length;
    uint8_t *page = malloc(PAGE_SIZE);
    NTSTATUS status = page ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    for (*total = 0; !status && *total < length; array += sizeof(uint64_t)) {
        uint64_t address;
        uint32_t done = 0;
        status = guest_read(&address, array, sizeof address);
        if (!status && address >> 32)
            status = STATUS_ACCESS_VIOLATION;
        if (status)
            break;
        t->buffer = (uint32_t)address;
        t->length = length - *total < PAGE_SIZE ? length - *total : PAGE_SIZE;
        status = run(call->thread, t, page, PAGE_SIZE, &done);
        *total += done;
        if (done < t->length)
            break;
    }
    free(page);
    return *total ? STATUS_SUCCESS : status;
}

static NTSTATUS segments_call(struct call *call, ACCESS_MASK any_of, pieces run)
{
    struct transfer transfer;
    uint32_t total = 0;
    NTSTATUS status = transfer_begin(call, any_of, true, &transfer);
    if (status)
        return status;
    struct nt_file *file = transfer.file;
    if (file->kind != FILE_DISK || ntfile_synchronous(file) ||
        !(file->options & FILE_NO_INTERMEDIATE_BUFFERING) || transfer.offset == OFFSET_CURRENT)
        status = STATUS_INVALID_PARAMETER;
    if (!status)
        status =
            locks_check(call->process, file, transfer.offset, transfer.length, run == write_pieces);
    if (!status)
        view_flush(file);
    if (!status)
        status = run_segments(call, &transfer, run, &total);
    status = io_complete_disk(call->thread, file, &transfer.io, status, total);
    object_release(&file->object);
    return status;
}

NTSTATUS nt_read_file_scatter(struct call *call)
{
    return segments_call(call, FILE_READ_DATA, read_pieces);
}

NTSTATUS nt_write_file_gather(struct call *call)
{
    return segments_call(call, FILE_WRITE_DATA | FILE_APPEND_DATA, write_pieces);
}

static NTSTATUS transfer_run(struct call *call, struct transfer *transfer, pieces run)
{
    uint8_t small[SMALL], *buffer = small;
    uint32_t size = SMALL, total = 0;
    bool write = run == write_pieces;
    NTSTATUS status =
        locks_check(call->process, transfer->file, transfer->offset, transfer->length, write);
    bool fast = !status && through_view(transfer, write, &total, &status);
    if (!fast && !status && transfer->length > SMALL) {
        size = transfer->length < BUFFER_MAX ? transfer->length : BUFFER_MAX;
        buffer = malloc(size);
        if (!buffer)
            status = STATUS_NO_MEMORY;
    }
    if (!fast && !status)
        status = run(call->thread, transfer, buffer, size, &total);
    if (buffer != small)
        free(buffer);
    status = transfer->file->kind == FILE_DISK
                 ? io_complete_disk(call->thread, transfer->file, &transfer->io, status, total)
                 : io_complete(call->thread, transfer->file, &transfer->io, status, total);
    object_release(&transfer->file->object);
    return status;
}

/* Named pipes move bytes between the two guests; the others go through a buffer. */
static NTSTATUS pipe_transfer(struct call *call, struct transfer *t,
                              NTSTATUS (*run)(struct call *, struct nt_file *,
                                              const struct io_call *, uint32_t, uint32_t,
                                              uint32_t *))
{
    uint32_t done = 0;
    NTSTATUS status = run(call, t->file, &t->io, t->buffer, t->length, &done);
    status = io_complete(call->thread, t->file, &t->io, status, done);
    object_release(&t->file->object);
    return status;
}

NTSTATUS nt_read_file(struct call *call)
{
    struct transfer transfer;
    NTSTATUS status = transfer_begin(call, FILE_READ_DATA, false, &transfer);
    if (status)
        return status;
    return transfer.file->pipe ? pipe_transfer(call, &transfer, pipe_read)
                               : transfer_run(call, &transfer, read_pieces);
}

NTSTATUS nt_write_file(struct call *call)
{
    struct transfer transfer;
    NTSTATUS status = transfer_begin(call, FILE_WRITE_DATA | FILE_APPEND_DATA, false, &transfer);
    if (status)
        return status;
    return transfer.file->pipe ? pipe_transfer(call, &transfer, pipe_write)
                               : transfer_run(call, &transfer, write_pieces);
}

static NTSTATUS file_from(struct call *call, struct nt_file **file)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (!status)
        *file = file_of(object);
    return status;
}

NTSTATUS nt_flush_buffers_file(struct call *call)
{
    struct nt_file *file;
    IO_STATUS_BLOCK block = {0};
    NTSTATUS status = file_from(call, &file);
    if (status)
        return status;
    if (file->kind == FILE_DISK && !(file->access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
        status = STATUS_ACCESS_DENIED;
    else if (file->kind == FILE_DISK) {
        view_flush(file);
        status = nt_status(BLOCKING(fs_client_sync(file->node, false)));
    } else if (file->pipe)
        status = pipe_flush(call, file, call->args[1]);
    object_release(&file->object);
    return status ? status : guest_write(call->args[1], &block, sizeof block);
}
