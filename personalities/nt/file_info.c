/* SPDX-License-Identifier: MIT */
/* Information classes of files and volumes. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define MODE_TYPE      0170000u
#define MODE_DIRECTORY 0040000u
#define MODE_WRITABLE  0222u
#define SECTOR         512u
#define CLUSTER        4096u

/* ---- from the file system's attributes ---- */

static uint32_t file_attributes(const struct fs_attr *attr)
{
    uint32_t attributes = (attr->mode & MODE_TYPE) == MODE_DIRECTORY ? FILE_ATTRIBUTE_DIRECTORY
                                                                     : FILE_ATTRIBUTE_ARCHIVE;
    if (!(attr->mode & MODE_WRITABLE))
        attributes |= FILE_ATTRIBUTE_READONLY;
    return attributes;
}

static uint64_t file_size(const struct fs_attr *attr)
{
    return (attr->mode & MODE_TYPE) == MODE_DIRECTORY ? 0 : attr->size;
}

static uint64_t file_allocation(const struct fs_attr *attr)
{
    return (file_size(attr) + CLUSTER - 1) & ~(uint64_t)(CLUSTER - 1);
}

void fill_basic(const struct fs_attr *attr, FILE_BASIC_INFORMATION *info)
{
    uint64_t created = attr->ctime < attr->mtime ? attr->ctime : attr->mtime;
    memset(info, 0, sizeof *info);
    info->CreationTime.QuadPart = nt_from_ns(created);
    info->LastAccessTime.QuadPart = nt_from_ns(attr->atime);
    info->LastWriteTime.QuadPart = nt_from_ns(attr->mtime);
    info->ChangeTime.QuadPart = nt_from_ns(attr->ctime);
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
    info->Directory = (attr->mode & MODE_TYPE) == MODE_DIRECTORY;
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
            file->kind == FILE_DISK ? current_position(file) : 0;
        return sizeof info->position;
    case FileAccessInformation:
        info->access.AccessFlags = file->access;
        return sizeof info->access;
    case FileModeInformation:
        info->mode.Mode =
            file->options & (FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_SYNCHRONOUS_IO_ALERT |
                             FILE_SYNCHRONOUS_IO_NONALERT);
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
        info->id.VolumeSerialNumber = attr->device;
        memcpy(&info->id.FileId, &attr->ino, sizeof attr->ino);
        return sizeof info->id;
    }
    return 0;
}

/* The name below the volume: what follows \??\C:. */
static const WCHAR *volume_name(const struct nt_file *file)
{
    return file->nt_name && text_length(file->nt_name) > 6 ? file->nt_name + 6 : L"";
}

/* A structure with the name behind it: its length at `length_at`, the characters at `chars_at`. */
static NTSTATUS return_named(struct call *call, struct nt_file *file, void *bytes,
                             uint32_t length_at, uint32_t chars_at, uint32_t *information)
{
    const WCHAR *name = volume_name(file);
    uint32_t name_bytes = text_length(name) * sizeof(WCHAR), size = call->args[3];
    if (size < chars_at)
        return STATUS_INFO_LENGTH_MISMATCH;
    uint32_t fits = size - chars_at < name_bytes ? size - chars_at : name_bytes;
    memcpy((uint8_t *)bytes + length_at, &name_bytes, sizeof name_bytes);
    NTSTATUS status = guest_write(call->args[2], bytes, chars_at);
    if (!status)
        status = guest_write(call->args[2] + chars_at, name, fits);
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
    *information = size;
    return guest_write(call->args[2], &info, size);
}

static NTSTATUS query_file(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct fs_attr attr = {0};
    FILE_NAME_INFORMATION name = {0};
    if (has_node(file)) {
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

static NTSTATUS with_file(struct call *call,
                          NTSTATUS (*act)(struct call *, struct nt_file *, uint32_t *))
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
    return with_file(call, query_file);
}

/* ---- changes ---- */

static NTSTATUS read_info(struct call *call, void *info, uint32_t size)
{
    return call->args[3] < size ? STATUS_INFO_LENGTH_MISMATCH
                                : guest_read(info, call->args[2], size);
}

static bool time_given(LARGE_INTEGER time)
{
    return time.QuadPart != 0 && time.QuadPart != -1 && time.QuadPart != -2;
}

static NTSTATUS set_basic(struct call *call, struct nt_file *file)
{
    FILE_BASIC_INFORMATION info;
    struct fs_attr attr, result;
    uint32_t mask = 0;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (!status)
        status = nt_status(BLOCKING(fs_client_stat(file->node, &attr)));
    if (status)
        return status;
    if (time_given(info.LastAccessTime)) {
        attr.atime = nt_to_ns(info.LastAccessTime.QuadPart);
        mask |= FS_ATTR_ATIME;
    }
    if (time_given(info.LastWriteTime)) {
        attr.mtime = nt_to_ns(info.LastWriteTime.QuadPart);
        mask |= FS_ATTR_MTIME;
    }
    if (info.FileAttributes) {
        if (info.FileAttributes & FILE_ATTRIBUTE_READONLY)
            attr.mode &= ~MODE_WRITABLE;
        else
            attr.mode |= 0200;
        file->read_only = (info.FileAttributes & FILE_ATTRIBUTE_READONLY) != 0;
        mask |= FS_ATTR_MODE;
    }
    return mask ? nt_status(BLOCKING(fs_client_setattr(file->node, mask, &attr, &result)))
                : STATUS_SUCCESS;
}

static NTSTATUS set_size(struct call *call, struct nt_file *file)
{
    FILE_END_OF_FILE_INFORMATION info;
    struct fs_attr attr = {0}, result;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (status)
        return status;
    if (!(file->access & FILE_WRITE_DATA))
        return STATUS_ACCESS_DENIED;
    attr.size = info.EndOfFile.QuadPart;
    return nt_status(BLOCKING(fs_client_setattr(file->node, FS_ATTR_SIZE, &attr, &result)));
}

static NTSTATUS set_position(struct call *call, struct nt_file *file)
{
    FILE_POSITION_INFORMATION info;
    uint64_t before, after;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (status)
        return status;
    if (file->kind != FILE_DISK)
        return STATUS_SUCCESS;
    if (info.CurrentByteOffset.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if (!file->shared_position) {
        file->position = info.CurrentByteOffset.QuadPart;
        return STATUS_SUCCESS;
    }
    return nt_status(BLOCKING(
        fs_client_position(file->node, 0, info.CurrentByteOffset.QuadPart, &before, &after)));
}

static NTSTATUS directory_is_empty(struct nt_file *file)
{
    uint8_t records[MESSAGE_BYTES] __attribute__((aligned(8)));
    uint64_t cookie = 0;
    uint32_t length, count;
    for (;;) {
        status_t status = BLOCKING(fs_client_readdir(file->node, cookie, records, &length, &count));
        if (status != OK || length == 0)
            return nt_status(status);
        for (uint32_t at = 0; at < length;) {
            const struct fs_dirent *entry = (const struct fs_dirent *)(records + at);
            bool dots = (entry->name_length == 1 && entry->name[0] == '.') ||
                        (entry->name_length == 2 && entry->name[0] == '.' && entry->name[1] == '.');
            if (!dots)
                return STATUS_DIRECTORY_NOT_EMPTY;
            cookie = entry->cookie;
            at += entry->record_length;
        }
    }
}

static NTSTATUS set_disposition(struct call *call, struct nt_file *file)
{
    uint8_t delete = 0;
    NTSTATUS status = read_info(call, &delete, sizeof delete);
    if (status)
        return status;
    if (!(file->access & DELETE) || !file->unix_path)
        return STATUS_ACCESS_DENIED;
    if (delete &&file->read_only && file->kind == FILE_DISK)
        return STATUS_CANNOT_DELETE;
    if (delete &&file->kind == FILE_DIRECTORY)
        status = directory_is_empty(file);
    if (!status)
        file->delete_pending = delete;
    return status;
}

/* FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION have the same layout. */
struct new_name {
    FILE_RENAME_INFORMATION info;
    struct object *root; /* held, or NULL */
    WCHAR *chars;
    struct text text;
};

static NTSTATUS read_new_name(struct call *call, struct new_name *name)
{
    uint32_t header = offsetof(FILE_RENAME_INFORMATION, FileName);
    memset(name, 0, sizeof *name);
    NTSTATUS status = read_info(call, &name->info, header);
    if (status)
        return status;
    uint32_t bytes = name->info.FileNameLength;
    if (bytes > call->args[3] - header || (bytes & 1) || bytes > 0xffff)
        return STATUS_INVALID_PARAMETER;
    name->chars = malloc(bytes + sizeof(WCHAR));
    if (!name->chars)
        return STATUS_NO_MEMORY;
    status = guest_read(name->chars, call->args[2] + header, bytes);
    name->text = (struct text){name->chars, bytes / sizeof(WCHAR)};
    if (!status && name->info.RootDirectory)
        status = handle_object(call->thread, (uint32_t)name->info.RootDirectory, &file_type, 0,
                               &name->root);
    return status;
}

static void free_new_name(struct new_name *name)
{
    object_release(name->root);
    free(name->chars);
}

/* The Unix path that the new name means: the old directory for a bare name. */
static NTSTATUS new_path(struct call *call, struct nt_file *file, const struct new_name *name,
                         char **path)
{
    bool slash, bare = !name->root && (name->text.length == 0 || name->text.chars[0] != '\\');
    if (bare) {
        size_t directory = strrchr(file->unix_path, '/') - file->unix_path;
        char *prefix = strndup(file->unix_path, directory);
        NTSTATUS status =
            prefix ? path_from_nt(prefix, name->text, path, &slash) : STATUS_NO_MEMORY;
        free(prefix);
        return status;
    }
    return path_resolve(call->process, name->root, name->text, path);
}

static NTSTATUS check_target(struct nt_process *process, const struct nt_file *file,
                             const char *path, bool replace)
{
    struct fs_attr attr;
    status_t found = BLOCKING(
        fs_client_stat_path(&process->fs, HANDLE_NONE, path, strlen(path), FS_O_NOCASE, &attr));
    if (found != OK) {
        NTSTATUS status = path_status(process, path, found);
        return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_SUCCESS : status;
    }
    if (attr.ino == file->ino && attr.device == file->device)
        return STATUS_SUCCESS;
    if (!replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if ((attr.mode & MODE_TYPE) == MODE_DIRECTORY || !(attr.mode & MODE_WRITABLE))
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

static NTSTATUS rename_to(struct nt_process *process, struct nt_file *file, const char *path)
{
    const char *old = file->unix_path;
    status_t status = BLOCKING(fs_client_rename(&process->fs, HANDLE_NONE, old, strlen(old),
                                                HANDLE_NONE, path, strlen(path), 0));
    if (status != OK)
        return nt_status(status);
    free(file->unix_path);
    free(file->nt_name);
    file->unix_path = strdup(path);
    file->nt_name = path_object_name(path);
    return STATUS_SUCCESS;
}

static NTSTATUS link_to(struct nt_process *process, struct nt_file *file, const char *path)
{
    const char *old = file->unix_path;
    return nt_status(BLOCKING(fs_client_link(&process->fs, HANDLE_NONE, old, strlen(old),
                                             HANDLE_NONE, path, strlen(path), 0)));
}

static NTSTATUS set_name(struct call *call, struct nt_file *file)
{
    struct new_name name;
    char *path = NULL;
    bool link = call->args[4] == FileLinkInformation;
    if (!file->unix_path)
        return STATUS_ACCESS_DENIED;
    NTSTATUS status = read_new_name(call, &name);
    if (!status)
        status = new_path(call, file, &name, &path);
    if (!status)
        status = check_target(call->process, file, path, name.info.ReplaceIfExists);
    if (!status)
        status = link ? link_to(call->process, file, path) : rename_to(call->process, file, path);
    free(path);
    free_new_name(&name);
    return status;
}

static NTSTATUS set_port(struct call *call, struct nt_file *file)
{
    FILE_COMPLETION_INFORMATION info;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (status)
        return status;
    if (file->port)
        return STATUS_INVALID_PARAMETER;
    status = handle_object(call->thread, (uint32_t)info.CompletionPort, &completion_type,
                           IO_COMPLETION_MODIFY_STATE, &file->port);
    file->port_key = info.CompletionKey;
    return status;
}

static NTSTATUS set_pipe(struct call *call, struct nt_file *file)
{
    FILE_PIPE_INFORMATION info;
    NTSTATUS status = read_info(call, &info, sizeof info);
    return status ? status : pipe_set_information(file, &info);
}

static NTSTATUS set_file(struct call *call, struct nt_file *file, uint32_t *information)
{
    (void)information;
    switch (call->args[4]) {
    case FileCompletionInformation:
        return set_port(call, file);
    case FilePositionInformation:
        return set_position(call, file);
    case FileIoCompletionNotificationInformation:
    case FileModeInformation:
        return STATUS_SUCCESS;
    case FilePipeInformation:
        return set_pipe(call, file);
    }
    if (!has_node(file))
        return STATUS_INVALID_DEVICE_REQUEST;
    switch (call->args[4]) {
    case FileBasicInformation:
        return set_basic(call, file);
    case FileEndOfFileInformation:
        return set_size(call, file);
    case FileAllocationInformation:
    case FileValidDataLengthInformation:
        return STATUS_SUCCESS; /* space is found when it is needed */
    case FileDispositionInformation:
        return set_disposition(call, file);
    case FileRenameInformation:
    case FileLinkInformation:
        return set_name(call, file);
    }
    return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS nt_set_information_file(struct call *call)
{
    return with_file(call, set_file);
}

/* ---- volumes ---- */

static NTSTATUS volume_label(struct call *call, uint32_t *information)
{
    static const WCHAR label[] = L"Atomik";
    FILE_FS_VOLUME_INFORMATION info;
    uint32_t header = offsetof(FILE_FS_VOLUME_INFORMATION, VolumeLabel),
             bytes = sizeof label - sizeof(WCHAR);
    if (call->args[3] < header)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(&info, 0, sizeof info);
    info.VolumeSerialNumber = 0x41544d4b;
    info.VolumeLabelLength = bytes;
    info.SupportsObjects = TRUE;
    uint32_t fits = call->args[3] - header < bytes ? call->args[3] - header : bytes;
    NTSTATUS status = guest_write(call->args[2], &info, header);
    if (!status)
        status = guest_write(call->args[2] + header, label, fits);
    *information = header + fits;
    return status ? status : fits < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS volume_attributes(struct call *call, uint32_t *information)
{
    static const WCHAR name[] = L"NTFS";
    FILE_FS_ATTRIBUTE_INFORMATION info;
    uint32_t header = offsetof(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName),
             bytes = sizeof name - sizeof(WCHAR);
    if (call->args[3] < header)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(&info, 0, sizeof info);
    info.FileSystemAttributes =
        FILE_CASE_SENSITIVE_SEARCH | FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK;
    info.MaximumComponentNameLength = FS_NAME_MAX;
    info.FileSystemNameLength = bytes;
    uint32_t fits = call->args[3] - header < bytes ? call->args[3] - header : bytes;
    NTSTATUS status = guest_write(call->args[2], &info, header);
    if (!status)
        status = guest_write(call->args[2] + header, name, fits);
    *information = header + fits;
    return status ? status : fits < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS volume_size(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct fs_statistics statistics;
    if (!has_node(file))
        return STATUS_INVALID_DEVICE_REQUEST;
    status_t found = BLOCKING(fs_client_statfs(file->node, &statistics));
    if (found != OK)
        return nt_status(found);
    uint32_t sectors = statistics.block_size >= SECTOR ? statistics.block_size / SECTOR : 1;
    FILE_FS_SIZE_INFORMATION size = {.SectorsPerAllocationUnit = sectors, .BytesPerSector = SECTOR};
    FILE_FS_FULL_SIZE_INFORMATION full = {.SectorsPerAllocationUnit = sectors,
                                          .BytesPerSector = SECTOR};
    size.TotalAllocationUnits.QuadPart = full.TotalAllocationUnits.QuadPart = statistics.blocks;
    size.AvailableAllocationUnits.QuadPart = statistics.blocks_free;
    full.CallerAvailableAllocationUnits.QuadPart = full.ActualAvailableAllocationUnits.QuadPart =
        statistics.blocks_free;
    bool wants_full = call->args[4] == FileFsFullSizeInformation;
    *information = wants_full ? sizeof full : sizeof size;
    if (call->args[3] < *information)
        return STATUS_BUFFER_TOO_SMALL;
    return guest_write(call->args[2], wants_full ? (void *)&full : (void *)&size, *information);
}

/* What GetFileType and isatty make of a handle. */
static NTSTATUS volume_device(struct call *call, struct nt_file *file, uint32_t *information)
{
    static const uint8_t types[] = {
        [FILE_DISK] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_DIRECTORY] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_VOLUME] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_PIPE] = FILE_DEVICE_NAMED_PIPE,
        [FILE_PIPE_DEVICE] = FILE_DEVICE_NAMED_PIPE,
        [FILE_NULL] = FILE_DEVICE_NULL,
        [FILE_CONSOLE] = FILE_DEVICE_CONSOLE,
    };
    FILE_FS_DEVICE_INFORMATION info = {.DeviceType = types[file->kind]};
    if (info.DeviceType == FILE_DEVICE_DISK_FILE_SYSTEM)
        info.Characteristics = FILE_DEVICE_IS_MOUNTED;
    *information = sizeof info;
    return call->args[3] < sizeof info ? STATUS_INFO_LENGTH_MISMATCH
                                       : guest_write(call->args[2], &info, sizeof info);
}

static NTSTATUS query_volume(struct call *call, struct nt_file *file, uint32_t *information)
{
    switch (call->args[4]) {
    case FileFsVolumeInformation:
        return volume_label(call, information);
    case FileFsSizeInformation:
    case FileFsFullSizeInformation:
        return volume_size(call, file, information);
    case FileFsDeviceInformation:
        return volume_device(call, file, information);
    case FileFsAttributeInformation:
        return volume_attributes(call, information);
    }
    return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS nt_query_volume_information_file(struct call *call)
{
    return with_file(call, query_volume);
}
