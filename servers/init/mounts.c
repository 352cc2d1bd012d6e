/* SPDX-License-Identifier: MIT */
/* Mount points: making them, and the table of what is mounted where, as programs may ask for it. */
#include <string.h>

#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "init.h"

#define MOUNTS_MAX 32

/* Texts are the configuration's and stay. Rows are only added; mount_count is raised last. */
static struct mount {
    const char *name, *program, *path;
} mounts[MOUNTS_MAX];
static uint32_t mount_count;

/* The directory that is to be covered; made if the root file system lacks it. */
status_t mount_point_open(const char *path, handle_t *directory)
{
    struct fs_walk_context context = {.root = root_directory(), .cwd = root_directory()};
    struct fs_path_args make = {.op = FS_OP_MKDIR, .mode = 0755};
    struct fs_path_result made;
    const uint32_t flags = FS_O_NODE | FS_O_DIRECTORY | FS_O_COVERED;
    status_t status = fs_client_root(&context);
    if (status == OK)
        status =
            fs_client_open(&context, HANDLE_NONE, path, strlen(path), flags, 0, directory, NULL);
    if (status != ERR_NOT_FOUND)
        return status;
    status = fs_client_path(&context, HANDLE_NONE, path, strlen(path), &make, &made);
    if (status == OK)
        status =
            fs_client_open(&context, HANDLE_NONE, path, strlen(path), flags, 0, directory, NULL);
    return status;
}

/* A service that was started again is mounted where it was. */
void mount_note(const char *name, const char *program, const char *path)
{
    for (uint32_t i = 0; i < mount_count; i++)
        if (strcmp(mounts[i].path, path) == 0)
            return;
    if (mount_count == MOUNTS_MAX)
        return;
    mounts[mount_count] = (struct mount){name, program, path};
    __atomic_store_n(&mount_count, mount_count + 1, __ATOMIC_RELEASE);
}

status_t handle_mount_list(struct service *service, struct message *message)
{
    const struct mount_list_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    uint32_t index = request->index;
    if (index >= __atomic_load_n(&mount_count, __ATOMIC_ACQUIRE))
        return ERR_NOT_FOUND;
    const char *texts[] = {mounts[index].name, strrchr(mounts[index].program, '/') + 1,
                           mounts[index].path};
    status_t status = OK;
    service_reply(message, 0);
    for (uint32_t i = 0; i < 3 && status == OK; i++)
        status = service_tail(message, texts[i], (uint32_t)strlen(texts[i]) + 1);
    return status;
}
