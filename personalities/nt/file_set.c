/* SPDX-License-Identifier: MIT */
/* What NtSetInformationFile changes. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/section.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define FILE_DISPOSITION_EX 64 /* FileDispositionInformationEx */

static bool has_node(const struct nt_file *file)
{
    return file->node != HANDLE_NONE;
}

static NTSTATUS read_info(struct call *call, void *info, uint32_t size)
{
    return call->args[3] < size ? STATUS_INFO_LENGTH_MISMATCH
                                : guest_read(info, call->args[2], size);
}

static bool time_given(LARGE_INTEGER time)
{
    return time.QuadPart != 0 && time.QuadPart != -1 && time.QuadPart != -2;
}

/* Where there is no place for them, a file keeps the attributes that every file has there. */
NTSTATUS ntfile_set_dos(handle_t node, const struct fs_attr *attr, uint32_t attributes)
{
    bool directory = ntfile_is_directory(attr);
    uint32_t usual = directory ? 0 : FILE_ATTRIBUTE_ARCHIVE;
    uint32_t now = attr->dos & FS_DOS_KNOWN ? attr->dos & FS_DOS_MASK : usual;
    struct fs_attr wanted = {.dos = attributes & FS_DOS_MASK}, result;
    if (wanted.dos == now)
        return STATUS_SUCCESS;
    status_t status = BLOCKING(fs_client_setattr(node, FS_ATTR_DOS, &wanted, &result));
    bool plain = !(attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM));
    return status == ERR_NOT_SUPPORTED && plain ? STATUS_SUCCESS : nt_status(status);
}

static NTSTATUS set_basic(struct call *call, struct nt_file *file)
{
    FILE_BASIC_INFORMATION info;
    struct fs_attr attr, result;
    uint32_t mask = 0;
    NTSTATUS status = read_info(call, &info, sizeof info);
    view_flush(file);
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
    if (time_given(info.CreationTime)) {
        attr.btime = nt_to_ns(info.CreationTime.QuadPart);
        mask |= FS_ATTR_BTIME;
    }
    if (info.FileAttributes) {
        status = ntfile_set_dos(file->node, &attr, info.FileAttributes);
        if (status)
            return status;
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

/* What is mapped is not cut off. */
static NTSTATUS check_cut(const struct nt_file *file, uint64_t size)
{
    struct fs_attr attr;
    if (!(section_file_uses(file->ino, file->device) & FILE_USE_DATA))
        return STATUS_SUCCESS;
    NTSTATUS status = nt_status(BLOCKING(fs_client_stat(file->node, &attr)));
    return status ? status : size < attr.size ? STATUS_USER_MAPPED_FILE : STATUS_SUCCESS;
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
    status = check_cut(file, attr.size);
    if (status)
        return status;
    return nt_status(BLOCKING(fs_client_setattr(file->node, FS_ATTR_SIZE, &attr, &result)));
}

static NTSTATUS set_position(struct call *call, struct nt_file *file)
{
    FILE_POSITION_INFORMATION info;
    uint64_t before, after;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (status)
        return status;
    if (file->kind != FILE_DISK && file->kind != FILE_DIRECTORY)
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
    struct fs_listing listing;
    const struct fs_dirent *entry;
    uint64_t cookie = 0;
    for (;;) {
        status_t status = BLOCKING(fs_client_list(file->node, cookie, false, &listing));
        if (status != OK || listing.length == 0)
            return nt_status(status);
        for (uint32_t at = 0; (entry = fs_listing_next(&listing, &at, NULL));) {
            if (!fs_is_dots(entry->name, entry->name_length))
                return STATUS_DIRECTORY_NOT_EMPTY;
            cookie = entry->cookie;
        }
    }
}

/* All of a file is valid: what was not written reads as zero. */
static NTSTATUS set_valid_length(struct call *call, struct nt_file *file)
{
    int64_t length; /* FILE_VALID_DATA_LENGTH_INFORMATION */
    struct fs_attr attr;
    NTSTATUS status = read_info(call, &length, sizeof length);
    if (status)
        return status;
    if (!(file->access & FILE_WRITE_DATA))
        return STATUS_ACCESS_DENIED;
    status = nt_status(BLOCKING(fs_client_stat(file->node, &attr)));
    if (!status && (length <= 0 || (uint64_t)length > attr.size))
        status = STATUS_INVALID_PARAMETER;
    return status;
}

/* Transfers have no order of their own. */
static NTSTATUS set_priority_hint(struct call *call)
{
    enum { HINTS = 3 }; /* PRIORITY_HINT: very low, low, normal */
    uint32_t hint;      /* FILE_IO_PRIORITY_HINT_INFORMATION */
    NTSTATUS status = read_info(call, &hint, sizeof hint);
    if (status)
        return status;
    return hint < HINTS ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS dispose(struct nt_file *file, bool delete, bool even_read_only)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (!(file->access & DELETE) || !file->unix_path)
        return STATUS_ACCESS_DENIED;
    if (delete &&file
            ->on_read_only) /* the name is removed with the last handle, which tells no errors */
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (delete &&file->read_only && !even_read_only && file->kind == FILE_DISK)
        return STATUS_CANNOT_DELETE;
    if (delete &&(section_file_uses(file->ino, file->device) & FILE_USE_IMAGE))
        return STATUS_CANNOT_DELETE;
    if (delete &&file->kind == FILE_DIRECTORY)
        status = directory_is_empty(file);
    if (!status)
        ntfile_set_pending(file, delete);
    return status;
}

static NTSTATUS set_disposition(struct call *call, struct nt_file *file)
{
    uint8_t delete = 0;
    NTSTATUS status = read_info(call, &delete, sizeof delete);
    return status ? status : dispose(file, delete, false);
}

/* FILE_DISPOSITION_INFORMATION_EX: flags. The name stays until the last object goes in any case. */
static NTSTATUS set_disposition_ex(struct call *call, struct nt_file *file)
{
    enum { DELETE_IT = 1, IGNORE_READ_ONLY = 0x10 };
    uint32_t flags;
    NTSTATUS status = read_info(call, &flags, sizeof flags);
    return status ? status : dispose(file, flags & DELETE_IT, flags & IGNORE_READ_ONLY);
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

/* What stands at the new name: nothing, the file itself, or something that may be replaced. */
enum target { TARGET_NONE, TARGET_SAME, TARGET_FILE };

static NTSTATUS check_target(struct nt_process *process, const struct nt_file *file,
                             const char *path, bool replace, enum target *target)
{
    struct fs_attr attr;
    *target = TARGET_NONE;
    status_t found = BLOCKING(
        fs_client_stat_path(&process->fs, HANDLE_NONE, path, strlen(path), FS_O_NOCASE, &attr));
    if (found != OK) {
        NTSTATUS status = path_status(process, path, found);
        return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_SUCCESS : status;
    }
    *target = TARGET_SAME;
    if (attr.ino == file->ino && attr.device == file->device)
        return STATUS_SUCCESS;
    *target = TARGET_FILE;
    if (!replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if (ntfile_is_directory(&attr) || !(attr.mode & MODE_WRITABLE) || ntfile_is_open(&attr))
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

static NTSTATUS unlink_target(struct nt_process *process, const char *path)
{
    struct fs_path_args args = {.op = FS_OP_UNLINK, .flags = FS_O_NOCASE};
    struct fs_path_result *result = malloc(sizeof *result);
    if (!result)
        return STATUS_NO_MEMORY;
    status_t status =
        BLOCKING(fs_client_path(&process->fs, HANDLE_NONE, path, strlen(path), &args, result));
    free(result);
    return nt_status(status);
}

/* Both names in their directories, as they are written there. */
struct two_names {
    handle_t old_directory, new_directory;
    char old[FS_NAME_MAX + 1], new[FS_NAME_MAX + 1];
};

static NTSTATUS rename_as_written(struct nt_process *process, const char *old, const char *new)
{
    struct two_names *names = calloc(1, sizeof *names);
    if (!names)
        return STATUS_NO_MEMORY;
    NTSTATUS error = path_split(process, old, true, &names->old_directory, names->old);
    if (!error)
        error = path_split(process, new, false, &names->new_directory, names->new);
    if (!error)
        error = nt_status(BLOCKING(fs_client_rename(&process->fs, names->old_directory, names->old,
                                                    strlen(names->old), names->new_directory,
                                                    names->new, strlen(names->new), 0)));
    handle_drop(&names->old_directory);
    handle_drop(&names->new_directory);
    free(names);
    return error;
}

static NTSTATUS rename_to(struct nt_process *process, struct nt_file *file, const char *path,
                          enum target target)
{
    struct fs_attr attr;
    NTSTATUS error = STATUS_SUCCESS;
    /* The file system replaces files by files only, and what has exactly that name. */
    status_t status = BLOCKING(
        fs_client_stat_path(&process->fs, HANDLE_NONE, path, strlen(path), FS_O_NOFOLLOW, &attr));
    bool exact = status == OK;
    if (target == TARGET_FILE && (file->kind == FILE_DIRECTORY || !exact))
        error = unlink_target(process, path);
    if (!error)
        error = rename_as_written(process, file->unix_path, path);
    if (!error)
        ntfile_renamed(file, path);
    return error;
}

static NTSTATUS link_to(struct nt_process *process, struct nt_file *file, const char *path,
                        enum target target, bool replace)
{
    const char *old = file->unix_path;
    NTSTATUS error = STATUS_SUCCESS;
    if (target == TARGET_SAME)
        return replace ? STATUS_SUCCESS : STATUS_OBJECT_NAME_COLLISION;
    if (target == TARGET_FILE)
        error = unlink_target(process, path);
    return error ? error
                 : nt_status(BLOCKING(fs_client_link(&process->fs, HANDLE_NONE, old, strlen(old),
                                                     HANDLE_NONE, path, strlen(path), 0)));
}

static NTSTATUS set_name(struct call *call, struct nt_file *file)
{
    struct new_name name;
    char *path = NULL;
    bool link = call->args[4] == FileLinkInformation;
    enum target target;
    if (!file->unix_path)
        return STATUS_ACCESS_DENIED;
    if (link && file->kind == FILE_DIRECTORY)
        return STATUS_FILE_IS_A_DIRECTORY;
    NTSTATUS status = read_new_name(call, &name);
    if (!status)
        status = new_path(call, file, &name, &path);
    if (!status)
        status = check_target(call->process, file, path, name.info.ReplaceIfExists, &target);
    if (!status)
        status = link ? link_to(call->process, file, path, target, name.info.ReplaceIfExists)
                      : rename_to(call->process, file, path, target);
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
    if (file->port || ntfile_synchronous(file))
        return STATUS_INVALID_PARAMETER;
    status = handle_object(call->thread, (uint32_t)info.CompletionPort, &completion_type,
                           IO_COMPLETION_MODIFY_STATE, &file->port);
    file->port_key = info.CompletionKey;
    return status;
}

static NTSTATUS set_notification(struct call *call, struct nt_file *file)
{
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION info;
    NTSTATUS status = read_info(call, &info, sizeof info);
    if (!status &&
        (info.Flags & ~(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE |
                        FILE_SKIP_SET_USER_EVENT_ON_FAST_IO)))
        status = STATUS_INVALID_PARAMETER;
    if (status)
        return status;
    file->notification_modes |= info.Flags;
    if (info.Flags & FILE_SKIP_SET_EVENT_ON_HANDLE)
        file->signaled = false;
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
        return set_notification(call, file);
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
        return STATUS_SUCCESS; /* space is found when it is needed */
    case FileValidDataLengthInformation:
        return set_valid_length(call, file);
    case FileIoPriorityHintInformation:
        return set_priority_hint(call);
    case FileDispositionInformation:
        return set_disposition(call, file);
    case FILE_DISPOSITION_EX:
        return set_disposition_ex(call, file);
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
