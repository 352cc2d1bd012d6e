/* SPDX-License-Identifier: MIT */
/* Files as descriptors of programs of other personalities, and the other way round. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/console.h>
#include <personalities/nt/pipe.h>

#include <string.h>

#define LINUX_ACCESS_MODE  3u
#define LINUX_APPEND       02000u
#define DEVICE_NUMBER_NULL 0x103u /* major 1, minor 3 */

static ACCESS_MASK access_of_flags(uint32_t flags)
{
    switch (flags & LINUX_ACCESS_MODE) {
    case 0:
        return FILE_GENERIC_READ;
    case 1:
        return FILE_GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    }
    return FILE_GENERIC_READ | FILE_GENERIC_WRITE;
}

static NTSTATUS adopt_node(struct nt_file *file, handle_t node)
{
    struct fs_attr attr;
    char path[1024];
    file->node = node;
    if (BLOCKING(fs_client_stat(node, &attr)) != OK)
        return STATUS_INVALID_HANDLE;
    file->ino = attr.ino;
    file->device = attr.device;
    file->shared_position = true;
    if (ntfile_is_directory(&attr)) {
        file->kind = FILE_DIRECTORY;
        if (BLOCKING(fs_client_name_of(node, path, sizeof path)) == OK)
            file->unix_path = strdup(path);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS adopt(struct nt_file *file, const struct start_fd *fd, handle_t h0, handle_t h1)
{
    switch (fd->kind) {
    case FD_FILE:
        return adopt_node(file, h0);
    case FD_STREAM_READ:
        file->kind = FILE_PIPE;
        file->read_end = h0;
        return STATUS_SUCCESS;
    case FD_STREAM_WRITE:
        file->kind = FILE_PIPE;
        file->write_end = h0;
        return STATUS_SUCCESS;
    case FD_STREAM_PAIR:
        file->kind = FILE_PIPE;
        file->read_end = h0;
        file->write_end = h1;
        return STATUS_SUCCESS;
    default:
        /* The null device is exact; of the others NT has no notion. */
        file->kind = FILE_NULL;
        handle_drop(&h0);
        handle_drop(&h1);
        return STATUS_SUCCESS;
    }
}

NTSTATUS ntfile_from_descriptor(struct nt_process *process, const struct start_fd *fd, handle_t h0,
                                handle_t h1, struct object **result)
{
    if (fd->kind == FD_TTY) {
        if (!process->console)
            process->console = console_new(h0, h1);
        else {
            handle_drop(&h0);
            handle_drop(&h1);
        }
        if (!process->console)
            return STATUS_NO_MEMORY;
        return console_file(process->console,
                            fd->fd == 0 ? CONSOLE_ROLE_INPUT : CONSOLE_ROLE_OUTPUT,
                            FILE_GENERIC_READ | FILE_GENERIC_WRITE, result);
    }
    struct nt_file *file =
        ntfile_new(FILE_DISK, access_of_flags(fd->flags), FILE_SYNCHRONOUS_IO_NONALERT);
    if (!file) {
        handle_drop(&h0);
        handle_drop(&h1);
        return STATUS_NO_MEMORY;
    }
    file->share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    NTSTATUS status = adopt(file, fd, h0, h1);
    if (status)
        object_release(&file->object);
    else
        *result = &file->object;
    return status;
}

static uint32_t flags_of_access(const struct nt_file *file)
{
    bool reads = file->access & FILE_READ_DATA, writes = access_writes(file->access);
    return (reads && writes ? 2 : writes ? 1 : 0) | (file->append ? LINUX_APPEND : 0);
}

static NTSTATUS named_pipe_descriptor(struct nt_file *file, struct start_fd *fd, handle_t *h0,
                                      handle_t *h1)
{
    NTSTATUS status = pipe_streams(file, h0, h1);
    fd->kind = *h0 && *h1 ? FD_STREAM_PAIR : *h0 ? FD_STREAM_READ : FD_STREAM_WRITE;
    if (!*h0) {
        *h0 = *h1;
        *h1 = HANDLE_NONE;
    }
    return status;
}

/* Before the position of the node itself is used. */
static status_t own_node(struct nt_file *file)
{
    handle_t node;
    if (!file->shared_node)
        return OK;
    status_t status = BLOCKING(fs_client_reopen(file->node, FS_O_SAME, &node));
    if (status != OK)
        return status;
    file->other_node = file->node; /* somebody may still be using it */
    file->node = node;
    file->shared_node = false;
    return OK;
}

NTSTATUS ntfile_to_descriptor(struct nt_file *file, struct start_fd *fd, handle_t *h0, handle_t *h1)
{
    fd->flags = flags_of_access(file);
    *h0 = *h1 = HANDLE_NONE;
    switch (file->kind) {
    case FILE_DISK:
        /* From now on both programs move the node's position. */
        if (!file->shared_position) {
            uint64_t before, after;
            view_flush(file);
            if (own_node(file) != OK)
                return STATUS_INVALID_HANDLE;
            if (BLOCKING(fs_client_position(file->node, 0, file->position, &before, &after)) != OK)
                return STATUS_INVALID_HANDLE;
            file->shared_position = true;
        }
        fd->kind = FD_FILE;
        *h0 = handle_copy(file->node);
        return STATUS_SUCCESS;
    case FILE_PIPE:
        if (file->pipe)
            return named_pipe_descriptor(file, fd, h0, h1);
        fd->kind = !file->write_end  ? FD_STREAM_READ
                   : !file->read_end ? FD_STREAM_WRITE
                                     : FD_STREAM_PAIR;
        *h0 = handle_copy(file->read_end ? file->read_end : file->write_end);
        if (fd->kind == FD_STREAM_PAIR)
            *h1 = handle_copy(file->write_end);
        return STATUS_SUCCESS;
    case FILE_CONSOLE:
        fd->kind = FD_TTY;
        fd->flags = 2;
        console_descriptor(file->console, h0, h1);
        return STATUS_SUCCESS;
    case FILE_NULL:
        fd->kind = FD_DEVICE;
        fd->device = DEVICE_NUMBER_NULL;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_HANDLE;
    }
}
