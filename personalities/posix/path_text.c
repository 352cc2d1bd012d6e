/* SPDX-License-Identifier: MIT */
/* Where the paths of a process begin, and paths as text: made absolute, and of open directories. See path.h. */
#include "path.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "server.h"
#include "task.h"

/* ---- directories of a process ------------------------------------------------------------------ */

struct fs_context *fs_context_copy(struct fs_context *fs)
{
    struct fs_context *copy = allocate(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *fs;
    copy->references = 1;
    copy->root = handle_copy(fs->root);
    copy->cwd = handle_copy(fs->cwd);
    copy->cwd_text = text_copy(fs->cwd_text);
    if (copy->cwd_text && copy->root && (copy->cwd || !fs->cwd))
        return copy;
    fs_context_release(copy);
    return NULL;
}

void fs_context_set_root(struct fs_context *fs, handle_t root, const struct fs_attr *attr)
{
    server_lock();
    handle_t old = fs->root;
    fs->root = root;
    fs->root_ino = attr->ino;
    fs->root_device = attr->device;
    server_unlock();
    close_handle(old);
}

void fs_context_release(struct fs_context *fs)
{
    if (!fs || --fs->references != 0)
        return;
    close_handle(fs->root);
    close_handle(fs->cwd);
    release(fs->cwd_text);
    release(fs);
}

/* ---- text -------------------------------------------------------------------------------------- */

/* Takes the last component off. */
static uint32_t go_up(const char *text, uint32_t length)
{
    while (length > 0 && text[--length] != '/')
        ;
    return length;
}

/* Appends the components of `path` to the absolute text of *length bytes in `result`; every path comes by here. */
static int append_components(char *result, uint32_t *length, const char *path)
{
    uint32_t at = *length;
    while (*path) {
        uint32_t start = at;
        for (result[at++] = '/'; *path && *path != '/' && at < PATH_MAX - 1; path++)
            result[at++] = *path;
        if (*path && *path != '/')
            return -ENAMETOOLONG;
        uint32_t count = at - start - 1;
        const char *name = result + start + 1;
        if (count == 0 || (count == 1 && name[0] == '.'))
            at = start;
        else if (count == 2 && name[0] == '.' && name[1] == '.')
            at = go_up(result, start);
        while (*path == '/')
            path++;
    }
    *length = at;
    return 0;
}

int path_absolute(const char *base, const char *path, char *result)
{
    uint32_t length = 0;
    int error = path[0] == '/' ? 0 : append_components(result, &length, base);
    if (error == 0)
        error = append_components(result, &length, path);
    if (length == 0)
        result[length++] = '/';
    result[length] = '\0';
    return error;
}

/* A root other than the machine's hides what is above it. */
static int below_root(char *name)
{
    char root[MESSAGE_BYTES];
    const struct fs_context *fs = self()->process->fs;
    if (fs->root_ino == server.root_ino && fs->root_device == server.root_device)
        return 0;
    status_t status = fs_client_name_of(fs->root, root, sizeof root);
    if (status != OK)
        return file_errno(status);
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root), all = strlen(name);
    if (strncmp(name, root, length) == 0 && (name[length] == '/' || name[length] == '\0')) {
        memmove(name, name + length, all - length + 1);
        if (!name[0])
            strcpy(name, "/");
        return 0;
    }
    if (all + sizeof "(unreachable)" > PATH_MAX)
        return -ENAMETOOLONG;
    memmove(name + sizeof "(unreachable)" - 1, name, all + 1);
    memcpy(name, "(unreachable)", sizeof "(unreachable)" - 1);
    return 0;
}

int path_of_directory(handle_t node, char *to)
{
    status_t status = fs_client_name_of(node, to, PATH_MAX);
    return status == OK ? below_root(to) : file_errno(status);
}

int path_copy_in(user_t path)
{
    char *to = worker_self()->path;
    int length = copy_in_string(to, path, PATH_MAX);
    if (length < 0)
        return length;
    return length == 0 ? -ENOENT : 0;
}
