/* SPDX-License-Identifier: MIT */
/* Old questions about file systems: ustat and sysfs. */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <string.h>

#include "calls.h"
#include "internal.h"
#include "server.h"
#include "task.h"

#define NAME_MAX_LENGTH 32u

struct linux_ustat {
    int32_t blocks_free;
    uint32_t files_free;
    char name[6], pack[6];
};

static bool statistics_at(const struct fs_walk_context *context, const char *path, uint32_t device,
                          struct fs_statistics *statistics)
{
    handle_t root;
    if (fs_client_open(context, HANDLE_NONE, path, strlen(path), FS_O_NODE | FS_O_DIRECTORY, 0,
                       &root, NULL) != OK)
        return false;
    status_t status = fs_client_statfs(root, statistics);
    close_handle(root);
    return status == OK && statistics->device == device;
}

/* Of the mounted file system with this device number. */
static bool find_statistics(uint32_t device, struct fs_statistics *statistics)
{
    struct fs_walk_context context = {
        .root = server.root, .cwd = server.root, .flags = CALL_UNINTERRUPTIBLE};
    char text[512];
    size_t length;
    bool found = false;
    if (fs_client_root(&context) != OK)
        return false;
    for (uint32_t i = 0;
         !found && init_mount_list(server.init, i, text, sizeof text, &length) == OK; i++) {
        const char *type = text + strlen(text) + 1, *path = type + strlen(type) + 1;
        found = path < text + length && statistics_at(&context, path, device, statistics);
    }
    return found;
}

int32_t sys_ustat(uint32_t device, user_t to)
{
    struct fs_statistics statistics = {0};
    if (device != INTERNAL_DEVICE && !find_statistics(device, &statistics))
        return -EINVAL;
    struct linux_ustat out = {.blocks_free = (int32_t)MIN(statistics.blocks_free, INT32_MAX),
                              .files_free = (uint32_t)MIN(statistics.files_free, UINT32_MAX)};
    return copy_out(to, &out, sizeof out);
}

/* The index-th type of file system; false past the end. */
static bool type_name(uint32_t index, char *name)
{
    static const char *const internal[] = {"proc", "sysfs", "devtmpfs", "9p"};
    bool no_device;
    if (index < ARRAY_COUNT(internal))
        strlcpy(name, internal[index], NAME_MAX_LENGTH);
    return index < ARRAY_COUNT(internal) ||
           init_file_system_type(server.init, index - ARRAY_COUNT(internal), name, NAME_MAX_LENGTH,
                                 &no_device) == OK;
}

static int32_t index_of_type(user_t from)
{
    char wanted[NAME_MAX_LENGTH], name[NAME_MAX_LENGTH];
    int length = copy_in_string(wanted, from, sizeof wanted);
    if (length < 0)
        return length == -EFAULT ? length : -EINVAL;
    for (uint32_t i = 0; type_name(i, name); i++)
        if (strcmp(name, wanted) == 0)
            return (int32_t)i;
    return -EINVAL;
}

int32_t sys_sysfs(uint32_t option, uint32_t argument1, user_t argument2)
{
    char name[NAME_MAX_LENGTH];
    int32_t count = 0;
    switch (option) {
    case 1:
        return index_of_type(USER(argument1));
    case 2:
        return type_name(argument1, name) ? copy_out(argument2, name, (uint32_t)strlen(name) + 1)
                                          : -EINVAL;
    case 3:
        while (type_name((uint32_t)count, name))
            count++;
        return count;
    }
    return -EINVAL;
}
