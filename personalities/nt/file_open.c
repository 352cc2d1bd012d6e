/* SPDX-License-Identifier: MIT */
/* Opening files by name: how an open and those before it go together, and the calls that open. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <ipc/claims.h>
#include <personalities/nt/console.h>
#include <personalities/nt/path.h>
#include <personalities/nt/section.h>

#include <stdlib.h>
#include <string.h>

#define UNIX_EXTENSION ".unix"

static bool overwrites(uint32_t disposition)
{
    return disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE ||
           disposition == FILE_OVERWRITE_IF;
}

/* What an open shares or needs, as FILE_SHARE_* bits. */
static uint32_t share_bits(ACCESS_MASK access)
{
    uint32_t bits = 0;
    if (access & (FILE_READ_DATA | FILE_EXECUTE))
        bits |= FILE_SHARE_READ;
    if (access_writes(access))
        bits |= FILE_SHARE_WRITE;
    if (access & DELETE)
        bits |= FILE_SHARE_DELETE;
    return bits;
}

/* What sections of the file stand against, whatever the file objects share. */
static NTSTATUS check_sections(const struct open_request *request)
{
    uint32_t uses = section_file_uses(request->attr.ino, request->attr.device);
    bool writes = access_writes(request->access) || overwrites(request->disposition);
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
    list_each(file, ntfile_bucket(request->attr.ino), struct nt_file, share_link)
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
    bool directory = ntfile_is_directory(attr), read_only = !(attr->mode & MODE_WRITABLE);
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
    if (read_only && (access_writes(request->access) || overwrites(request->disposition)))
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
    bool directory = exists ? ntfile_is_directory(&request->attr)
                            : (request->options & FILE_DIRECTORY_FILE) != 0;
    if (directory)
        return flags | FS_O_DIRECTORY;
    if (access_writes(request->access) || overwrites(request->disposition))
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
    return request->attributes | (ntfile_is_directory(&request->attr) ? 0 : FILE_ATTRIBUTE_ARCHIVE);
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
    bool directory = ntfile_is_directory(&request->attr);
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
    list_append(ntfile_bucket(file->ino), &file->share_link);
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
           !(request->options & FILE_DIRECTORY_FILE) && !access_writes(request->access);
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
NTSTATUS ntfile_open_disk(char *path, struct open_request *request, struct object **result)
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

/* Relative to an open directory, or below the console's object. */
NTSTATUS ntfile_parse(struct object *object, struct text rest, void *open, struct object **result)
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
    return status ? status : ntfile_open_disk(path, request, result);
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
    file->type->last_handle(file);
    object_release(file);
    return STATUS_SUCCESS;
}
