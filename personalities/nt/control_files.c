/* SPDX-License-Identifier: MIT */
/* NtDeviceIoControlFile and NtFsControlFile. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/console.h>
#include <personalities/nt/mount_points.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define TRANSFER_MAX 0x100000u

struct buffers {
    void *in, *out;
    uint32_t in_length, out_length;
};

static NTSTATUS buffers_begin(struct call *call, struct buffers *buffers)
{
    memset(buffers, 0, sizeof *buffers);
    buffers->in_length = call->args[7];
    buffers->out_length = call->args[9];
    if (buffers->in_length > TRANSFER_MAX || buffers->out_length > TRANSFER_MAX)
        return STATUS_INVALID_PARAMETER;
    buffers->in = malloc(buffers->in_length + 1);
    buffers->out = calloc(1, buffers->out_length + 1);
    if (!buffers->in || !buffers->out)
        return STATUS_NO_MEMORY;
    return buffers->in_length ? guest_read(buffers->in, call->args[6], buffers->in_length)
                              : STATUS_SUCCESS;
}

static void buffers_free(struct buffers *buffers)
{
    free(buffers->in);
    free(buffers->out);
}

/* What is copied in and out for devices that want it so. */
static NTSTATUS buffered_control(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct buffers buffers;
    NTSTATUS status = buffers_begin(call, &buffers);
    if (!status)
        status =
            file->kind == FILE_CONSOLE
                ? console_ioctl(call->thread, file, call->args[5], buffers.in, buffers.in_length,
                                buffers.out, buffers.out_length, information)
                : mount_points_control(call->args[5], buffers.in, buffers.in_length, buffers.out,
                                       buffers.out_length, information);
    if (*information && call->args[8] && *information <= buffers.out_length &&
        guest_write(call->args[8], buffers.out, *information))
        status = STATUS_ACCESS_VIOLATION;
    buffers_free(&buffers);
    return status;
}

static NTSTATUS device_control(struct call *call, struct nt_file *file, const struct io_call *io,
                               uint32_t *information)
{
    (void)io;
    if (file->kind == FILE_CONSOLE || file->kind == FILE_MOUNT_POINTS)
        return buffered_control(call, file, information);
    /* Console questions to something else: kernelbase wants to hear that it is no console. */
    if (call->args[5] >> 16 == FILE_DEVICE_CONSOLE)
        return STATUS_OBJECT_TYPE_MISMATCH;
    return STATUS_INVALID_DEVICE_REQUEST;
}

/* A number that tells files apart: the loader recognises a DLL by it. */
static NTSTATUS object_id(struct call *call, struct nt_file *file, uint32_t *information)
{
    FILE_OBJECTID_BUFFER id;
    uint64_t device = file->device;
    memset(&id, 0, sizeof id);
    if (call->args[9] < sizeof id)
        return STATUS_BUFFER_TOO_SMALL;
    if (!file->node)
        return STATUS_INVALID_DEVICE_REQUEST;
    memcpy(id.ObjectId, &device, sizeof device);
    memcpy(id.ObjectId + sizeof device, &file->ino, sizeof file->ino);
    *information = sizeof id;
    return guest_write(call->args[8], &id, sizeof id);
}

/* ---- sparse files: what was never written takes no room on any of our file systems ---- */

#define ZERO_PIECE 0x10000u

static NTSTATUS set_sparse(struct nt_file *file)
{
    if (file->kind != FILE_DISK)
        return STATUS_INVALID_PARAMETER;
    return file->access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES) ? STATUS_SUCCESS
                                                                    : STATUS_ACCESS_DENIED;
}

static NTSTATUS write_zeros(struct nt_thread *thread, struct nt_file *file, uint64_t from,
                            uint64_t end)
{
    NTSTATUS status = STATUS_SUCCESS;
    void *zeros = calloc(1, ZERO_PIECE);
    if (!zeros)
        return STATUS_NO_MEMORY;
    while (!status && from < end) {
        uint32_t done, part = end - from < ZERO_PIECE ? (uint32_t)(end - from) : ZERO_PIECE;
        status = ntfile_write(thread, file, zeros, part, from, &done);
        if (!status && done == 0)
            status = STATUS_DISK_FULL;
        from += done;
    }
    free(zeros);
    return status;
}

/* The file does not grow. */
static NTSTATUS set_zero_data(struct call *call, struct nt_file *file)
{
    int64_t range[2]; /* FILE_ZERO_DATA_INFORMATION: the first byte, and the one behind the last */
    struct fs_attr attr;
    if (call->args[7] < sizeof range || file->kind != FILE_DISK)
        return STATUS_INVALID_PARAMETER;
    if (!(file->access & FILE_WRITE_DATA))
        return STATUS_ACCESS_DENIED;
    NTSTATUS status = guest_read(range, call->args[6], sizeof range);
    if (status)
        return status;
    if (range[0] < 0 || range[1] < range[0])
        return STATUS_INVALID_PARAMETER;
    view_flush(file);
    status = nt_status(BLOCKING(fs_client_stat(file->node, &attr)));
    uint64_t from = (uint64_t)range[0], end = (uint64_t)range[1];
    if (status)
        return status;
    return write_zeros(call->thread, file, from, end < attr.size ? end : attr.size);
}

static NTSTATUS fs_control(struct call *call, struct nt_file *file, const struct io_call *io,
                           uint32_t *information)
{
    uint32_t code = call->args[5];
    if (code == FSCTL_GET_OBJECT_ID)
        return object_id(call, file, information);
    if (code == FSCTL_SET_SPARSE)
        return set_sparse(file);
    if (code == FSCTL_SET_ZERO_DATA)
        return set_zero_data(call, file);
    if (code >> 16 == FILE_DEVICE_NAMED_PIPE)
        return pipe_control(call, file, io, information);
    /* Links are the Unix tree's own and followed: no file has a reparse point or can be given one. */
    if (code == FSCTL_GET_REPARSE_POINT)
        return STATUS_NOT_A_REPARSE_POINT;
    if (code == FSCTL_SET_REPARSE_POINT)
        return STATUS_NOT_SUPPORTED;
    return STATUS_INVALID_DEVICE_REQUEST;
}

static NTSTATUS control(struct call *call, NTSTATUS (*act)(struct call *, struct nt_file *,
                                                           const struct io_call *, uint32_t *))
{
    struct object *object;
    uint32_t information = 0;
    struct io_call io = {call->args[1], call->args[2], call->args[3], call->args[4]};
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (status)
        return status;
    status = io_begin(call->thread, file_of(object), &io);
    if (!status)
        status = act(call, file_of(object), &io, &information);
    status = io_complete(call->thread, file_of(object), &io, status, information);
    object_release(object);
    return status;
}

NTSTATUS nt_device_io_control_file(struct call *call)
{
    return control(call, device_control);
}
NTSTATUS nt_fs_control_file(struct call *call)
{
    return control(call, fs_control);
}
