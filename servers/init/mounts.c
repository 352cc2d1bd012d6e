/* SPDX-License-Identifier: MIT */
/* Mount points: making them, and the table of what is mounted where, as programs may ask for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "init.h"

#define MOUNTS_MAX 64

/* In the order of mounting. `text` holds the four strings with their NULs, as mount_list answers. */
static struct mount {
    char *text;
    uint32_t length;
    const char *path; /* in text */
} mounts[MOUNTS_MAX];
static uint32_t mount_count;

static status_t open_directory(const char *path, size_t length, uint32_t flags, handle_t *directory)
{
    struct fs_walk_context context = {.root = root_directory(), .cwd = root_directory()};
    status_t status = fs_client_root(&context);
    return status != OK ? status
                        : fs_client_open(&context, HANDLE_NONE, path, length,
                                         FS_O_NODE | FS_O_DIRECTORY | flags, 0, directory, NULL);
}

/* The directory that is to be covered; made if the root file system lacks it. */
status_t mount_point_open(const char *path, handle_t *directory)
{
    struct fs_walk_context context = {.root = root_directory(), .cwd = root_directory()};
    struct fs_path_args make = {.op = FS_OP_MKDIR, .mode = 0755};
    struct fs_path_result made;
    status_t status = open_directory(path, strlen(path), FS_O_COVERED, directory);
    if (status != ERR_NOT_FOUND)
        return status;
    status = fs_client_root(&context);
    if (status == OK)
        status = fs_client_path(&context, HANDLE_NONE, path, strlen(path), &make, &made);
    return status == OK ? open_directory(path, strlen(path), FS_O_COVERED, directory) : status;
}

status_t mount_parent_open(const char *path, handle_t *directory)
{
    const char *name = strrchr(path, '/');
    if (name == NULL)
        return ERR_INVALID_ARGUMENT;
    return open_directory(path, name == path ? 1 : (size_t)(name - path), 0, directory);
}

static void append(struct mount *mount, const char *text)
{
    size_t length = strlen(text) + 1;
    memcpy(mount->text + mount->length, text, length);
    mount->length += (uint32_t)length;
}

/* False: no memory. */
static bool fill(struct mount *mount, const char *name, const char *program, const char *path,
                 const char *options)
{
    *mount = (struct mount){
        .text = malloc(strlen(name) + strlen(program) + strlen(path) + strlen(options) + 4)};
    if (mount->text == NULL)
        return false;
    append(mount, name);
    append(mount, program);
    mount->path = mount->text + mount->length;
    append(mount, path);
    append(mount, options);
    return true;
}

/* A service that was started again is mounted where it was. */
void mount_note(const char *name, const char *program, const char *path, const char *options)
{
    for (uint32_t i = 0; i < mount_count; i++)
        if (strcmp(mounts[i].path, path) == 0 && strcmp(mounts[i].text, name) == 0)
            return;
    const char *base = strrchr(program, '/');
    if (mount_count < MOUNTS_MAX &&
        fill(&mounts[mount_count], name, base != NULL ? base + 1 : program, path, options))
        mount_count++;
}

void mount_change(const char *path, const char *options)
{
    for (uint32_t i = mount_count; i-- > 0;) {
        struct mount changed;
        const char *name = mounts[i].text, *program = name + strlen(name) + 1;
        if (strcmp(mounts[i].path, path) != 0)
            continue;
        if (fill(&changed, name, program, path, options)) {
            free(mounts[i].text);
            mounts[i] = changed;
        }
        return;
    }
}

void mount_options(uint32_t flags, const char *own, char *to, size_t size)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {FS_MOUNT_NO_SUID, ",nosuid"},         {FS_MOUNT_NO_DEVICES, ",nodev"},
        {FS_MOUNT_NO_EXECUTE, ",noexec"},      {FS_MOUNT_SYNC, ",sync"},
        {FS_MOUNT_NO_ATIME, ",noatime"},       {FS_MOUNT_NO_DIRECTORY_ATIME, ",nodiratime"},
        {FS_MOUNT_RELATIVE_ATIME, ",relatime"}};
    size_t length = (size_t)snprintf(to, size, "%s", flags & FS_MOUNT_READ_ONLY ? "ro" : "rw");
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((flags & words[i].flag) && length < size)
            length += (size_t)snprintf(to + length, size - length, "%s", words[i].word);
    if (strncmp(own, "ro", 2) == 0 || strncmp(own, "rw", 2) == 0)
        own += 2;
    if (length < size)
        (void)snprintf(to + length, size - length, "%s", own);
}

/* The last one that was mounted there. */
void mount_forget(const char *path)
{
    for (uint32_t i = mount_count; i-- > 0;) {
        if (strcmp(mounts[i].path, path) != 0)
            continue;
        free(mounts[i].text);
        memmove(&mounts[i], &mounts[i + 1], (--mount_count - i) * sizeof mounts[0]);
        return;
    }
}

status_t handle_mount_list(struct service *service, struct message *message)
{
    const struct mount_list_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    uint32_t index = request->index;
    if (index >= mount_count)
        return ERR_NOT_FOUND;
    service_reply(message, 0);
    return service_tail(message, mounts[index].text, mounts[index].length);
}
