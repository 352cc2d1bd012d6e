/* SPDX-License-Identifier: MIT */
/* The devices below \Device, by which all paths of files begin. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/console.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>

#include <stdlib.h>
#include <string.h>

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
    return status ? status : ntfile_open_disk(path, request, result);
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
