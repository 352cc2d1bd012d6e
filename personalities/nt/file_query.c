/* SPDX-License-Identifier: MIT */
/* What NtQueryInformationFile answers. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define CLUSTER 4096u

/* ---- from the file system's attributes ---- */

static uint32_t file_attributes(const struct fs_attr *attr)
{
    bool directory = ntfile_is_directory(attr);
    uint32_t attributes = directory ? FILE_ATTRIBUTE_DIRECTORY : 0;
    if (attr->dos & FS_DOS_KNOWN)
        attributes |= attr->dos & FS_DOS_MASK;
    else if (!directory)
        attributes |= FILE_ATTRIBUTE_ARCHIVE;
    if (!(attr->mode & MODE_WRITABLE))
        attributes |= FILE_ATTRIBUTE_READONLY;
    return attributes != 0 ? attributes : FILE_ATTRIBUTE_NORMAL;
}

static uint64_t file_size(const struct fs_attr *attr)
{
    return ntfile_is_directory(attr) ? 0 : attr->size;
}

static uint64_t file_allocation(const struct fs_attr *attr)
{
    return (file_size(attr) + CLUSTER - 1) & ~(uint64_t)(CLUSTER - 1);
}

void fill_basic(const struct fs_attr *attr, FILE_BASIC_INFORMATION *info)
{
    uint64_t written = nt_from_ns(attr->mtime);
    uint64_t changed = attr->ctime == attr->mtime ? written : nt_from_ns(attr->ctime);
    memset(info, 0, sizeof *info);
    info->CreationTime.QuadPart = attr->btime         ? nt_from_ns(attr->btime)
                                  : changed < written ? changed
                                                      : written;
    info->LastAccessTime.QuadPart = attr->atime == attr->mtime ? written : nt_from_ns(attr->atime);
    info->LastWriteTime.QuadPart = written;
    info->ChangeTime.QuadPart = changed;
    info->FileAttributes = file_attributes(attr);
}

void fill_network_open(const struct fs_attr *attr, FILE_NETWORK_OPEN_INFORMATION *info)
{
    FILE_BASIC_INFORMATION basic;
    fill_basic(attr, &basic);
    memset(info, 0, sizeof *info);
    info->CreationTime = basic.CreationTime;
    info->LastAccessTime = basic.LastAccessTime;
    info->LastWriteTime = basic.LastWriteTime;
    info->ChangeTime = basic.ChangeTime;
    info->AllocationSize.QuadPart = file_allocation(attr);
    info->EndOfFile.QuadPart = file_size(attr);
    info->FileAttributes = basic.FileAttributes;
}

static void fill_standard(const struct nt_file *file, const struct fs_attr *attr,
                          FILE_STANDARD_INFORMATION *info)
{
    memset(info, 0, sizeof *info);
    info->AllocationSize.QuadPart = file_allocation(attr);
    info->EndOfFile.QuadPart = file_size(attr);
    info->NumberOfLinks = attr->nlink;
    info->DeletePending = file->delete_pending;
    info->Directory = ntfile_is_directory(attr);
}

static uint64_t current_position(struct nt_file *file)
{
    uint64_t before, after;
    if (!file->shared_position)
        return file->position;
    return BLOCKING(fs_client_position(file->node, 1, 0, &before, &after)) == OK ? after : 0;
}

/* ---- queries ---- */

union file_info {
    FILE_BASIC_INFORMATION basic;
    FILE_STANDARD_INFORMATION standard;
    FILE_INTERNAL_INFORMATION internal;
    FILE_EA_INFORMATION ea;
    FILE_ACCESS_INFORMATION access;
    FILE_POSITION_INFORMATION position;
    FILE_END_OF_FILE_INFORMATION end;
    FILE_ALLOCATION_INFORMATION allocation;
    FILE_MODE_INFORMATION mode;
    FILE_ALIGNMENT_INFORMATION alignment;
    FILE_NETWORK_OPEN_INFORMATION network;
    FILE_ATTRIBUTE_TAG_INFORMATION tag;
    FILE_ID_INFORMATION id;
    FILE_PIPE_INFORMATION pipe;
    FILE_PIPE_LOCAL_INFORMATION pipe_local;
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION notification;
};

static bool has_node(const struct nt_file *file)
{
    return file->node != HANDLE_NONE;
}

/* Of classes that need no node; 0: not one of these. */
static uint32_t query_object(struct nt_file *file, uint32_t class, union file_info *info)
{
    switch (class) {
    case FilePositionInformation:
        info->position.CurrentByteOffset.QuadPart =
            file->kind == FILE_DISK || file->kind == FILE_DIRECTORY ? current_position(file) : 0;
        return sizeof info->position;
    case FileAccessInformation:
        info->access.AccessFlags = file->access;
        return sizeof info->access;
    case FileModeInformation:
        info->mode.Mode =
            file->options &
            (FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_NO_INTERMEDIATE_BUFFERING |
             FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT);
        return sizeof info->mode;
    case FileAlignmentInformation:
        return sizeof info->alignment;
    case FileEaInformation:
        return sizeof info->ea;
    case FileIoCompletionNotificationInformation:
        info->notification.Flags = file->notification_modes;
        return sizeof info->notification;
    case FilePipeInformation:
        pipe_information(file, &info->pipe);
        return file->kind == FILE_PIPE ? sizeof info->pipe : 0;
    case FilePipeLocalInformation:
        pipe_local_information(file, &info->pipe_local);
        return file->kind == FILE_PIPE ? sizeof info->pipe_local : 0;
    }
    return 0;
}

static uint32_t query_node(struct nt_file *file, const struct fs_attr *attr, uint32_t class,
                           union file_info *info)
{
    switch (class) {
    case FileBasicInformation:
        fill_basic(attr, &info->basic);
        return sizeof info->basic;
    case FileStandardInformation:
        fill_standard(file, attr, &info->standard);
        return sizeof info->standard;
    case FileEndOfFileInformation:
        info->end.EndOfFile.QuadPart = file_size(attr);
        return sizeof info->end;
    case FileAllocationInformation:
        info->allocation.AllocationSize.QuadPart = file_allocation(attr);
        return sizeof info->allocation;
    case FileInternalInformation:
        info->internal.IndexNumber.QuadPart = attr->ino;
        return sizeof info->internal;
    case FileNetworkOpenInformation:
        fill_network_open(attr, &info->network);
        return sizeof info->network;
    case FileAttributeTagInformation:
        info->tag.FileAttributes = file_attributes(attr);
        return sizeof info->tag;
    case FileIdInformation:
        info->id.VolumeSerialNumber = VOLUME_SERIAL;
        memcpy(&info->id.FileId, &attr->ino, sizeof attr->ino);
        return sizeof info->id;
    }
    return 0;
}

/* A structure with the name behind it: its length at `length_at`, the characters at `chars_at`. */
static NTSTATUS return_named(struct call *call, struct nt_file *file, void *bytes,
                             uint32_t length_at, uint32_t chars_at, uint32_t *information)
{
    struct text name = ntfile_volume_name(file);
    uint32_t name_bytes = name.length * sizeof(WCHAR), size = call->args[3];
    if (size < chars_at + sizeof(WCHAR) * 2 && size < chars_at + name_bytes)
        return STATUS_INFO_LENGTH_MISMATCH;
    uint32_t fits = size - chars_at < name_bytes ? size - chars_at : name_bytes;
    memcpy((uint8_t *)bytes + length_at, &name_bytes, sizeof name_bytes);
    NTSTATUS status = guest_write(call->args[2], bytes, chars_at);
    if (!status)
        status = guest_write(call->args[2] + chars_at, name.chars, fits);
    *information = chars_at + fits;
    return status ? status : fits < name_bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS query_all(struct call *call, struct nt_file *file, const struct fs_attr *attr,
                          uint32_t *information)
{
    FILE_ALL_INFORMATION all;
    memset(&all, 0, sizeof all);
    fill_basic(attr, &all.BasicInformation);
    fill_standard(file, attr, &all.StandardInformation);
    all.InternalInformation.IndexNumber.QuadPart = attr->ino;
    all.AccessInformation.AccessFlags = file->access;
    all.PositionInformation.CurrentByteOffset.QuadPart =
        file->kind == FILE_DISK ? current_position(file) : 0;
    all.ModeInformation.Mode = file->options;
    return return_named(call, file, &all,
                        offsetof(FILE_ALL_INFORMATION, NameInformation.FileNameLength),
                        offsetof(FILE_ALL_INFORMATION, NameInformation.FileName), information);
}

/* Classes that need a right on the handle. */
static bool may_query(const struct nt_file *file, uint32_t class)
{
    if (class == FilePipeInformation || class == FilePipeLocalInformation)
        return file->access & (FILE_READ_ATTRIBUTES | FILE_READ_DATA);
    return true;
}

static NTSTATUS query_fixed(struct call *call, struct nt_file *file, const struct fs_attr *attr,
                            uint32_t *information)
{
    union file_info info;
    memset(&info, 0, sizeof info);
    uint32_t class = call->args[4], size = query_object(file, class, &info);
    if (!size && has_node(file))
        size = query_node(file, attr, class, &info);
    if (!size)
        return has_node(file) ? STATUS_NOT_IMPLEMENTED : STATUS_INVALID_DEVICE_REQUEST;
    if (call->args[3] < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (!may_query(file, class))
        return STATUS_ACCESS_DENIED;
    *information = size;
    return guest_write(call->args[2], &info, size);
}

static NTSTATUS query_file(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct fs_attr attr = {0};
    FILE_NAME_INFORMATION name = {0};
    if (pipe_is_cut_off(file))
        return STATUS_PIPE_DISCONNECTED;
    if (has_node(file)) {
        view_flush(file);
        status_t status = BLOCKING(fs_client_stat(file->node, &attr));
        if (status != OK)
            return nt_status(status);
    }
    switch (call->args[4]) {
    case FileAllInformation:
        return has_node(file) ? query_all(call, file, &attr, information)
                              : STATUS_INVALID_DEVICE_REQUEST;
    case FileNameInformation:
    case FileNormalizedNameInformation:
        return return_named(call, file, &name, offsetof(FILE_NAME_INFORMATION, FileNameLength),
                            offsetof(FILE_NAME_INFORMATION, FileName), information);
    }
    return query_fixed(call, file, &attr, information);
}

NTSTATUS with_file(struct call *call, NTSTATUS (*act)(struct call *, struct nt_file *, uint32_t *))
{
    struct object *object;
    uint32_t information = 0;
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (status)
        return status;
    status = act(call, file_of(object), &information);
    object_release(object);
    if (!NT_SUCCESS_(status) && status != STATUS_BUFFER_OVERFLOW)
        return status;
    IO_STATUS_BLOCK block = {.Information = information};
    block.Status = status;
    NTSTATUS written = guest_write(call->args[1], &block, sizeof block);
    return written ? written : status;
}

NTSTATUS nt_query_information_file(struct call *call)
{
    if (call->args[4] == 0 || call->args[4] >= FileMaximumInformation)
        return STATUS_INVALID_INFO_CLASS;
    return with_file(call, query_file);
}
