/* SPDX-License-Identifier: MIT */
/* File objects, the devices below \Device, and opening by name. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <ipc/claims.h>
#include <personalities/nt/console.h>
#include <personalities/nt/directory_list.h>
#include <personalities/nt/directory_notify.h>
#include <personalities/nt/io.h>
#include <personalities/nt/lock_share.h>
#include <personalities/nt/mount_points.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/section.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define UNIX_EXTENSION ".unix"

/* Disk files that are open, for share modes and deletion: by the number of the file. */
#define OPEN_BUCKETS 64u
static struct list open_files[OPEN_BUCKETS];

static struct list *open_bucket(uint64_t ino)
{
    struct list *bucket = &open_files[ino % OPEN_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

/* ---- the object ---- */

struct nt_file *ntfile_new(enum file_kind kind, ACCESS_MASK access, uint32_t options)
{
    struct nt_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    object_init(&file->object, &file_type);
    list_init(&file->share_link);
    list_init(&file->locks);
    list_init(&file->lock_watch_link);
    list_init(&file->requests);
    file->signaled = true;
    file->kind = kind;
    file->access = access;
    file->options = options;
    return file;
}

static bool same_node(const struct nt_file *a, const struct nt_file *b)
{
    return a->ino == b->ino && a->device == b->device;
}

/* Delete on close happens with the last of all open file objects of that file. */
static void delete_if_last(struct nt_file *file)
{
    list_each(other, open_bucket(file->ino), struct nt_file, share_link)
    {
        if (other != file && same_node(other, file))
            return;
    }
    struct fs_walk_context context = {.flags = CALL_UNINTERRUPTIBLE};
    struct fs_path_args args = {.op = file->kind == FILE_DIRECTORY ? FS_OP_RMDIR : FS_OP_UNLINK,
                                .flags = FS_O_NOCASE};
    struct fs_path_result *result = malloc(sizeof *result);
    context.root = context.cwd = root_node();
    if (result && fs_client_root(&context) == OK)
        (void)!BLOCKING(fs_client_path(&context, HANDLE_NONE, file->unix_path,
                                       strlen(file->unix_path), &args, result));
    free(result);
}

bool ntfile_is_open(const struct fs_attr *attr)
{
    list_each(file, open_bucket(attr->ino), struct nt_file, share_link)
    {
        if (file->ino == attr->ino && file->device == attr->device)
            return true;
    }
    return false;
}

void ntfile_set_pending(struct nt_file *file, bool pending)
{
    list_each(other, open_bucket(file->ino), struct nt_file, share_link)
    {
        if (same_node(other, file))
            other->delete_pending = pending;
    }
    file->delete_pending = pending;
}

static void set_path(struct nt_file *file, const char *path)
{
    char *unix_path = strdup(path);
    if (!unix_path)
        return;
    free(file->unix_path);
    free(file->nt_name);
    file->unix_path = unix_path;
    file->nt_name = NULL;
}

status_t ntfile_stat(struct nt_process *process, const struct nt_file *file, struct fs_attr *attr)
{
    status_t status = ERR_NOT_FOUND;
    if (file->unix_path)
        status = BLOCKING(fs_client_stat_path(&process->fs, HANDLE_NONE, file->unix_path,
                                              strlen(file->unix_path), FS_O_NOCASE, attr));
    if (status == OK && attr->ino == file->ino && attr->device == file->device)
        return OK;
    return BLOCKING(fs_client_stat(file->node, attr));
}

void ntfile_renamed(struct nt_file *file, const char *path)
{
    list_each(other, open_bucket(file->ino), struct nt_file, share_link)
    {
        if (other != file && same_node(other, file))
            set_path(other, path);
    }
    set_path(file, path);
}

static void file_last_handle(struct object *object)
{
    struct nt_file *file = file_of(object);
    (void)io_cancel_file(file, NULL, 0, STATUS_CANCELLED);
    locks_release(file, NULL);
    lock_watch_end(file);
    notify_end(file);
    if (file->pipe)
        pipe_closed(file);
    if (file->delete_on_close)
        ntfile_set_pending(file, true);
    if (file->delete_pending && file->unix_path)
        delete_if_last(file);
    list_remove(&file->share_link);
}

static void file_process_handle(struct object *object, struct nt_process *process)
{
    locks_release(file_of(object), process);
}

static void file_destroy(struct object *object)
{
    struct nt_file *file = file_of(object);
    list_remove(&file->share_link);
    directory_list_release(file->list);
    view_end(file);
    handle_drop(&file->node);
    handle_drop(&file->other_node);
    if (file->claim)
        claim_end(file->claim);
    handle_drop(&file->read_end);
    handle_drop(&file->write_end);
    console_release(file->console);
    object_release(file->port);
    free(file->nt_name);
    free(file->unix_path);
    free(file->mask);
    free(file);
}

static bool file_signaled(struct object *object, struct nt_thread *thread)
{
    struct nt_file *file = file_of(object);
    (void)thread;
    if (file->kind == FILE_CONSOLE && file->console_role == CONSOLE_ROLE_INPUT)
        return console_readable(file);
    return file->signaled;
}

#define PIPE_DEVICE L"\\Device\\NamedPipe"

const WCHAR *ntfile_name(struct nt_file *file)
{
    if (!file->nt_name && file->unix_path)
        file->nt_name = path_object_name(file->unix_path);
    return file->nt_name;
}

/* As under Wine, a file of a drive is named by its drive letter: kernelbase takes no device here. */
WCHAR *ntfile_object_name(struct nt_file *file, uint32_t *length)
{
    const WCHAR *name = ntfile_name(file);
    if (!name)
        return NULL;
    *length = text_length(name);
    return text_copy((struct text){name, *length});
}

struct text ntfile_volume_name(struct nt_file *file)
{
    const WCHAR *name = ntfile_name(file);
    uint32_t skip = file->kind == FILE_PIPE ? sizeof PIPE_DEVICE / sizeof(WCHAR) - 1 : 6;
    uint32_t length = name ? text_length(name) : 0;
    if (length < skip)
        return (struct text){L"", 0};
    return (struct text){name + skip, length - skip};
}

bool file_kernel_wait(struct object *object, struct wait_item *item)
{
    struct nt_file *file = file_of(object);
    return file->kind == FILE_CONSOLE && file->console_role == CONSOLE_ROLE_INPUT &&
           console_wait_item(file, item);
}

static NTSTATUS file_parse(struct object *object, struct text rest, void *open,
                           struct object **result);

const struct nt_type file_type = {
    .name = L"File",
    .number = TYPE_FILE,
    .mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS},
    .signaled = file_signaled,
    .last_handle = file_last_handle,
    .process_handle = file_process_handle,
    .parse = file_parse,
    .destroy = file_destroy,
    .save = ntfile_save,
    .restore = ntfile_restore,
    .connect = ntfile_connect,
};

/* ---- opening disk files ---- */

static bool is_directory(const struct fs_attr *attr)
{
    return (attr->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
}

static bool overwrites(uint32_t disposition)
{
    return disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE ||
           disposition == FILE_OVERWRITE_IF;
}

static bool wants_data_write(ACCESS_MASK access)
{
    return (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
}

/* What an open shares or needs, as FILE_SHARE_* bits. */
static uint32_t share_bits(ACCESS_MASK access)
{
    uint32_t bits = 0;
    if (access & (FILE_READ_DATA | FILE_EXECUTE))
        bits |= FILE_SHARE_READ;
    if (wants_data_write(access))
        bits |= FILE_SHARE_WRITE;
    if (access & DELETE)
        bits |= FILE_SHARE_DELETE;
    return bits;
}

/* What sections of the file stand against, whatever the file objects share. */
static NTSTATUS check_sections(const struct open_request *request)
{
    uint32_t uses = section_file_uses(request->attr.ino, request->attr.device);
    bool writes = wants_data_write(request->access) || overwrites(request->disposition);
    if (((uses & FILE_USE_WRITE) && !(request->share & FILE_SHARE_WRITE)) ||
        ((uses & FILE_USE_IMAGE) && writes))
        return STATUS_SHARING_VIOLATION;
    if ((uses & FILE_USE_IMAGE) && (request->options & FILE_DELETE_ON_CLOSE))
        return STATUS_CANNOT_DELETE;
    return uses && overwrites(request->disposition) ? STATUS_USER_MAPPED_FILE : STATUS_SUCCESS;
}

static NTSTATUS check_sharing(const struct open_request *request)
{
    uint32_t wanted = share_bits(request->access);
    if (overwrites(request->disposition))
        wanted |= FILE_SHARE_WRITE;
    list_each(file, open_bucket(request->attr.ino), struct nt_file, share_link)
    {
        if (file->ino != request->attr.ino || file->device != request->attr.device)
            continue;
        if (file->delete_pending)
            return STATUS_DELETE_PENDING;
        uint32_t had = share_bits(file->access);
        if (had && wanted && ((wanted & ~file->share) || (had & ~request->share)))
            return STATUS_SHARING_VIOLATION;
    }
    return check_sections(request);
}

static NTSTATUS check_existing(const struct open_request *request)
{
    const struct fs_attr *attr = &request->attr;
    bool directory = is_directory(attr), read_only = !(attr->mode & MODE_WRITABLE);
    if (request->disposition == FILE_CREATE)
        return STATUS_OBJECT_NAME_COLLISION;
    if ((attr->mount & FS_MOUNT_READ_ONLY) && (request->options & FILE_DELETE_ON_CLOSE))
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (directory && (request->options & FILE_NON_DIRECTORY_FILE))
        return STATUS_FILE_IS_A_DIRECTORY;
    if (!directory && (request->options & FILE_DIRECTORY_FILE))
        return STATUS_NOT_A_DIRECTORY;
    if (!directory && request->trailing_slash)
        return STATUS_OBJECT_NAME_INVALID;
    if (directory && overwrites(request->disposition))
        return request->options & FILE_DIRECTORY_FILE ? STATUS_INVALID_PARAMETER
                                                      : STATUS_OBJECT_NAME_COLLISION;
    if (directory)
        return check_sharing(request);
    if ((attr->mode & FS_TYPE_MASK) != FS_TYPE_FILE)
        return STATUS_ACCESS_DENIED;
    if (read_only && (wants_data_write(request->access) || overwrites(request->disposition)))
        return STATUS_ACCESS_DENIED;
    if (read_only && (request->options & FILE_DELETE_ON_CLOSE))
        return STATUS_CANNOT_DELETE;
    return check_sharing(request);
}

static NTSTATUS make_directory(const struct fs_walk_context *context, const char *path)
{
    struct fs_path_args args = {.op = FS_OP_MKDIR, .flags = FS_O_NOCASE, .mode = 0777};
    struct fs_path_result *result = malloc(sizeof *result);
    if (!result)
        return STATUS_NO_MEMORY;
    status_t status =
        BLOCKING(fs_client_path(context, HANDLE_NONE, path, strlen(path), &args, result));
    free(result);
    return nt_status(status);
}

/* Among NT's programs check_sharing sees to it; the file server is told for the sake of all others. */
static uint32_t deny_flags(const struct open_request *request)
{
    bool denies = !(request->share & FILE_SHARE_WRITE) && share_bits(request->access) != 0;
    return denies ? FS_O_DENY_WRITE : 0;
}

static uint32_t open_flags(const struct open_request *request, bool exists)
{
    uint32_t flags = FS_O_READ | FS_O_NOCASE;
    bool directory =
        exists ? is_directory(&request->attr) : (request->options & FILE_DIRECTORY_FILE) != 0;
    if (directory)
        return flags | FS_O_DIRECTORY;
    if (wants_data_write(request->access) || overwrites(request->disposition))
        flags |= FS_O_WRITE;
    flags |= deny_flags(request);
    if (!exists)
        flags |= FS_O_CREATE | FS_O_EXCLUSIVE | FS_O_WRITE;
    else if (overwrites(request->disposition))
        flags |= FS_O_TRUNCATE;
    return flags;
}

static NTSTATUS open_node(struct nt_process *process, const char *path,
                          struct open_request *request, bool exists, handle_t *node)
{
    bool directory = request->options & FILE_DIRECTORY_FILE;
    if (!exists && directory) {
        NTSTATUS status = make_directory(&process->fs, path);
        if (status)
            return status;
    }
    uint32_t mode = request->attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666;
    uint32_t flags = open_flags(request, exists || directory);
    status_t status = BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path), flags,
                                              mode, node, &request->attr));
    /* Who may only look at the file may not be allowed to read it. */
    if (status == ERR_ACCESS_DENIED && !(request->access & (FILE_READ_DATA | FILE_EXECUTE)) &&
        !(flags & FS_O_WRITE))
        status = BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path),
                                         FS_O_NODE | FS_O_NOCASE, 0, node, &request->attr));
    return status == OK ? STATUS_SUCCESS : path_status(process, path, status);
}

/* What is made or overwritten is to be archived. */
static uint32_t new_attributes(const struct open_request *request)
{
    return request->attributes | (is_directory(&request->attr) ? 0 : FILE_ATTRIBUTE_ARCHIVE);
}

static uint32_t open_information(uint32_t disposition, bool exists)
{
    if (!exists)
        return FILE_CREATED;
    if (disposition == FILE_SUPERSEDE)
        return FILE_SUPERSEDED;
    return overwrites(disposition) ? FILE_OVERWRITTEN : FILE_OPENED;
}

static void drop_node(handle_t *node, struct open_request *request)
{
    handle_drop(node);
    if (request->claim)
        claim_end(request->claim);
    request->claim = NULL;
}

static NTSTATUS finish_open(char *path, handle_t node, struct open_request *request, bool exists,
                            struct object **result)
{
    bool directory = is_directory(&request->attr);
    struct nt_file *file =
        ntfile_new(directory ? FILE_DIRECTORY : FILE_DISK, request->access, request->options);
    if (!file) {
        free(path);
        drop_node(&node, request);
        return STATUS_NO_MEMORY;
    }
    file->share = request->share;
    file->node = node;
    file->claim = request->claim;
    file->shared_node = !directory; /* it may be one that is remembered */
    file->unix_path = path;
    file->ino = request->attr.ino;
    file->device = request->attr.device;
    file->read_only = !(request->attr.mode & MODE_WRITABLE);
    file->on_read_only = (request->attr.mount & FS_MOUNT_READ_ONLY) != 0;
    file->append = !(request->access & FILE_WRITE_DATA) && (request->access & FILE_APPEND_DATA);
    file->delete_on_close = (request->options & FILE_DELETE_ON_CLOSE) != 0;
    list_append(open_bucket(file->ino), &file->share_link);
    request->information = open_information(request->disposition, exists);
    *result = &file->object;
    return STATUS_SUCCESS;
}

/*
 * Command interpreters find a program by its extension (PATHEXT), which Unix programs do not have. So
 * `x.unix` is another name of a file `x` that may be executed, where there is no file of that name.
 */
static status_t stat_unix_program(struct nt_process *process, char *path, struct fs_attr *attr)
{
    size_t length = strlen(path), extension = sizeof UNIX_EXTENSION - 1;
    if (length <= extension || path[length - extension - 1] == '/' ||
        strcasecmp(path + length - extension, UNIX_EXTENSION) != 0)
        return ERR_NOT_FOUND;
    status_t found = BLOCKING(fs_client_stat_path(&process->fs, HANDLE_NONE, path,
                                                  length - extension, FS_O_NOCASE, attr));
    if (found != OK)
        return found;
    if ((attr->mode & FS_TYPE_MASK) != FS_TYPE_FILE || !(attr->mode & MODE_EXECUTABLE))
        return ERR_NOT_FOUND;
    path[length - extension] = 0;
    return OK;
}

/* Opening what exists, to read it: most opens. The open node says all that a look at it would. */
static bool only_reads(const struct open_request *request)
{
    return request->disposition == FILE_OPEN && !request->attributes_only &&
           !(request->options & FILE_DIRECTORY_FILE) && !wants_data_write(request->access);
}

/* The attributes of a path, and its node if it is opened at once. */
static status_t look_at(struct open_request *request, const char *path, handle_t *node)
{
    const struct fs_walk_context *context = &request->process->fs;
    if (only_reads(request)) {
        const struct fs_path_args args = {.op = FS_OP_OPEN,
                                          .flags = FS_O_READ | FS_O_NOCASE | deny_flags(request),
                                          .claims = true};
        struct fs_path_result result;
        status_t status =
            BLOCKING(fs_client_path(context, HANDLE_NONE, path, strlen(path), &args, &result));
        if (status == OK) {
            *node = result.node;
            request->attr = result.attr;
            request->claim = result.claim;
        }
        if (status == OK || status == ERR_NOT_FOUND)
            return status;
    }
    return BLOCKING(
        fs_client_stat_path(context, HANDLE_NONE, path, strlen(path), FS_O_NOCASE, &request->attr));
}

/* Consumes the path. */
static NTSTATUS open_disk(char *path, struct open_request *request, struct object **result)
{
    struct nt_process *process = request->process;
    handle_t node = HANDLE_NONE;
    if (request->path_only) {
        *request->path_only = path;
        return STATUS_SUCCESS;
    }
    status_t found = look_at(request, path, &node);
    if (found == ERR_NOT_FOUND && request->disposition == FILE_OPEN)
        found = stat_unix_program(process, path, &request->attr);
    bool exists = found == OK;
    bool creates = request->disposition != FILE_OPEN && request->disposition != FILE_OVERWRITE;
    NTSTATUS status = exists ? STATUS_SUCCESS : path_status(process, path, found);
    if (!exists && creates && !request->attributes_only && status == STATUS_OBJECT_NAME_NOT_FOUND)
        status = request->trailing_slash && !(request->options & FILE_DIRECTORY_FILE)
                     ? STATUS_OBJECT_NAME_INVALID
                     : STATUS_SUCCESS;
    if (!status && exists && !request->attributes_only)
        status = check_existing(request);
    if (!status && !request->attributes_only && !node)
        status = open_node(process, path, request, exists, &node);
    bool replaced = exists && overwrites(request->disposition);
    if (!status && !request->attributes_only && (!exists || replaced))
        status = ntfile_set_dos(node, &request->attr, new_attributes(request));
    if (status || request->attributes_only) {
        drop_node(&node, request);
        free(path);
        return status;
    }
    return finish_open(path, node, request, exists, result);
}

/* Consumes the path. */
NTSTATUS ntfile_reopen(char *path, struct open_request *request, struct object **result)
{
    return open_disk(path, request, result);
}

/* ---- devices ---- */

enum device_kind { DEVICE_VOLUME, DEVICE_NULL, DEVICE_CONSOLE, DEVICE_PIPE, DEVICE_MOUNT_POINTS };
struct device {
    struct object object;
    enum device_kind kind;
    const char *prefix; /* volumes: the Unix directory, without a slash at the end */
};

/* A device of which there is nothing to remember. */
static NTSTATUS open_plain(enum file_kind kind, struct open_request *request,
                           struct object **result)
{
    if (request->attributes_only)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    struct nt_file *file = ntfile_new(kind, request->access, request->options);
    if (!file)
        return STATUS_NO_MEMORY;
    request->information = FILE_OPENED;
    *result = &file->object;
    return STATUS_SUCCESS;
}

/* The volume itself (\??\C:), for questions about it. */
static NTSTATUS open_volume(const struct device *device, struct open_request *request,
                            struct object **result)
{
    struct nt_process *process = request->process;
    const char *path = *device->prefix ? device->prefix : "/";
    handle_t node;
    status_t status =
        BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path),
                                FS_O_READ | FS_O_DIRECTORY, 0, &node, &request->attr));
    if (status != OK)
        return nt_status(status);
    struct nt_file *file = ntfile_new(FILE_VOLUME, request->access, request->options);
    if (!file) {
        handle_drop(&node);
        return STATUS_NO_MEMORY;
    }
    file->node = node;
    file->unix_path = strdup(path);
    request->information = FILE_OPENED;
    *result = &file->object;
    return STATUS_SUCCESS;
}

NTSTATUS ntfile_new_volume(struct nt_process *process, const char *path, ACCESS_MASK access,
                           struct object **result)
{
    struct device device = {.prefix = path};
    struct open_request request = {.process = process, .access = access};
    return open_volume(&device, &request, result);
}

static NTSTATUS device_parse(struct object *object, struct text rest, void *open,
                             struct object **result)
{
    struct device *device = container_of(object, struct device, object);
    struct open_request *request = open;
    char *path;
    switch (device->kind) {
    case DEVICE_NULL:
        return open_plain(FILE_NULL, request, result);
    case DEVICE_MOUNT_POINTS:
        return open_plain(FILE_MOUNT_POINTS, request, result);
    case DEVICE_CONSOLE:
        return request->attributes_only ? STATUS_OBJECT_NAME_NOT_FOUND
                                        : console_open(rest, request, result);
    case DEVICE_PIPE:
        return request->attributes_only ? STATUS_OBJECT_NAME_NOT_FOUND
                                        : pipe_open(rest, request, result);
    case DEVICE_VOLUME:
        break;
    }
    if (rest.length == 0 && !request->attributes_only)
        return open_volume(device, request, result);
    NTSTATUS status = path_from_nt(device->prefix, rest, &path, &request->trailing_slash);
    return status ? status : open_disk(path, request, result);
}

static void device_destroy(struct object *object)
{
    free(container_of(object, struct device, object));
}

static const struct nt_type device_type = {
    .name = L"Device",
    .number = TYPE_DEVICE,
    .mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS},
    .parse = device_parse,
    .destroy = device_destroy,
};

/* Relative to an open directory, or below the console's object. */
static NTSTATUS file_parse(struct object *object, struct text rest, void *open,
                           struct object **result)
{
    struct nt_file *file = file_of(object);
    struct open_request *request = open;
    char *path;
    if (file->kind == FILE_CONSOLE)
        return console_open_relative(file, rest, request, result);
    if ((file->kind != FILE_DIRECTORY && file->kind != FILE_VOLUME && rest.length) ||
        !file->unix_path)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    const char *prefix = strcmp(file->unix_path, "/") == 0 ? "" : file->unix_path;
    NTSTATUS status = path_from_nt(prefix, rest, &path, &request->trailing_slash);
    return status ? status : open_disk(path, request, result);
}

static void make_device(struct object *directory, struct text name, enum device_kind kind,
                        const char *prefix)
{
    struct device *device = calloc(1, sizeof *device);
    if (!device)
        abort();
    object_init(&device->object, &device_type);
    device->kind = kind;
    device->prefix = prefix;
    if (namespace_insert(directory, name, &device->object, true))
        abort();
    object_release(&device->object);
}

void devices_init(void)
{
    struct object *directory, *none;
    struct text rest;
    WCHAR *storage;
    if (namespace_lookup(NULL, LITERAL("\\Device"), 0, &directory, &none, &rest, &storage))
        abort();
    make_device(directory, LITERAL("HarddiskVolume1"), DEVICE_VOLUME, "/c");
    make_device(directory, LITERAL("HarddiskVolume2"), DEVICE_VOLUME, "");
    make_device(directory, LITERAL("Null"), DEVICE_NULL, NULL);
    make_device(directory, LITERAL("ConDrv"), DEVICE_CONSOLE, NULL);
    make_device(directory, LITERAL("NamedPipe"), DEVICE_PIPE, NULL);
    make_device(directory, LITERAL("MountPointManager"), DEVICE_MOUNT_POINTS, NULL);
    object_release(directory);
}

NTSTATUS ntfile_open_path(struct object *root, struct text path, struct open_request *request,
                          struct object **result)
{
    struct object *at = NULL, *directory = NULL;
    struct text rest = {NULL, 0};
    WCHAR *storage = NULL;
    *result = NULL;
    NTSTATUS status = namespace_lookup(root, path, 0, &at, &directory, &rest, &storage);
    /* A missing object in the middle of a device's path is a missing path. */
    if (!status)
        status = at->type->parse ? at->type->parse(at, rest, request, result)
                                 : STATUS_OBJECT_TYPE_MISMATCH;
    object_release(at);
    object_release(directory);
    free(storage);
    return status;
}

NTSTATUS path_resolve(struct nt_process *process, struct object *root, struct text name,
                      char **path)
{
    struct object *none;
    struct open_request request = {.process = process, .attributes_only = true, .path_only = path};
    *path = NULL;
    NTSTATUS status = ntfile_open_path(root, name, &request, &none);
    return !status && !*path ? STATUS_OBJECT_NAME_INVALID : status;
}

/* ---- calls ---- */

static NTSTATUS open_call(struct call *call, struct open_request *request)
{
    struct attributes attributes;
    struct object *file;
    IO_STATUS_BLOCK block = {0};
    NTSTATUS status = attributes_read_open(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    request->access = map_file_access(request->access);
    if (request->options & FILE_OPEN_BY_FILE_ID)
        status = STATUS_NOT_IMPLEMENTED;
    else
        status = ntfile_open_path(attributes.root, attributes.name, request, &file);
    if (!status)
        status = object_return_handle(call->thread, call->args[0], file, request->access,
                                      attributes.flags);
    attributes_free(&attributes);
    if (status) {
        /* The loader looks at the handle after a failure. */
        NTSTATUS cleared = guest_write32(call->args[0], 0);
        return cleared ? cleared : status;
    }
    block.Information = request->information;
    return guest_write(call->args[3], &block, sizeof block);
}

NTSTATUS nt_create_file(struct call *call)
{
    struct open_request request = {.thread = call->thread,
                                   .process = call->process,
                                   .access = call->args[1],
                                   .attributes = call->args[5],
                                   .share = call->args[6],
                                   .disposition = call->args[7],
                                   .options = call->args[8]};
    if (request.disposition > FILE_MAXIMUM_DISPOSITION)
        return STATUS_INVALID_PARAMETER;
    return open_call(call, &request);
}

NTSTATUS nt_open_file(struct call *call)
{
    struct open_request request = {.thread = call->thread,
                                   .process = call->process,
                                   .access = call->args[1],
                                   .share = call->args[4],
                                   .disposition = FILE_OPEN,
                                   .options = call->args[5]};
    return open_call(call, &request);
}

/* Attributes of a path: no object is made. */
static NTSTATUS query_path(struct call *call, struct fs_attr *attr)
{
    struct attributes attributes;
    struct object *none;
    struct open_request request = {.thread = call->thread,
                                   .process = call->process,
                                   .disposition = FILE_OPEN,
                                   .attributes_only = true};
    NTSTATUS status = attributes_read_open(call->thread, call->args[0], &attributes);
    if (status)
        return status;
    status = ntfile_open_path(attributes.root, attributes.name, &request, &none);
    attributes_free(&attributes);
    *attr = request.attr;
    return status;
}

NTSTATUS nt_query_attributes_file(struct call *call)
{
    struct fs_attr attr;
    FILE_BASIC_INFORMATION info;
    NTSTATUS status = query_path(call, &attr);
    if (status)
        return status;
    fill_basic(&attr, &info);
    return guest_write(call->args[1], &info, sizeof info);
}

NTSTATUS nt_query_full_attributes_file(struct call *call)
{
    struct fs_attr attr;
    FILE_NETWORK_OPEN_INFORMATION info;
    NTSTATUS status = query_path(call, &attr);
    if (status)
        return status;
    fill_network_open(&attr, &info);
    return guest_write(call->args[1], &info, sizeof info);
}

NTSTATUS nt_delete_file(struct call *call)
{
    struct attributes attributes;
    struct object *file;
    struct open_request request = {.thread = call->thread,
                                   .process = call->process,
                                   .access = DELETE,
                                   .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                   .disposition = FILE_OPEN,
                                   .options = FILE_DELETE_ON_CLOSE};
    NTSTATUS status = attributes_read_open(call->thread, call->args[0], &attributes);
    if (status)
        return status;
    status = ntfile_open_path(attributes.root, attributes.name, &request, &file);
    attributes_free(&attributes);
    if (status)
        return status;
    file_last_handle(file);
    object_release(file);
    return STATUS_SUCCESS;
}

/* ---- descriptors of other personalities ---- */

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
    if (is_directory(&attr)) {
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
    bool reads = file->access & FILE_READ_DATA, writes = wants_data_write(file->access);
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
