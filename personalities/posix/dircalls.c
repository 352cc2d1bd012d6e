/* SPDX-License-Identifier: MIT */
/* System calls on directories: those of the process, and reading them. */
#include <ipc/call.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "inotify.h"
#include "path.h"
#include "task.h"

#define CWD ((uint32_t)AT_FDCWD)

/* ---- directories of the process ---------------------------------------------------------------- */

/* Makes a directory the working directory; takes node and text. */
static void set_cwd(handle_t node, char *text)
{
    struct fs_context *fs = self()->process->fs;
    server_lock();
    handle_t old = fs->cwd;
    char *old_text = fs->cwd_text;
    fs->cwd = node;
    fs->cwd_device = 0;
    fs->cwd_text = text;
    server_unlock();
    close_handle(old);
    release(old_text);
}

/* The name of a new working directory: what it is called now, else what it was entered by; "": neither is known. */
static char *cwd_name(handle_t node, const char *entered)
{
    char *name = worker_self()->scratch;
    if (node != HANDLE_NONE && path_of_directory(node, name) == 0 && name[0] == '/')
        return text_copy(name);
    return text_copy(entered ? entered : "");
}

int chdir_to(const char *path)
{
    struct walk walk = {
        .dirfd = CWD, .path = path, .op = FS_OP_OPEN, .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && !S_ISDIR(walk.internal.mode))
        return -ENOTDIR;
    if (!walk.is_internal)
        error = check_access(&walk.attr, 1, true);
    char *text = error == 0 ? cwd_name(walk.node, walk.absolute) : NULL;
    if (!text) {
        close_handle(walk.node);
        return error < 0 ? error : -ENOMEM;
    }
    set_cwd(walk.node, text);
    return 0;
}

int32_t sys_chdir(user_t path)
{
    int error = path_copy_in(path);
    return error < 0 ? error : chdir_to(worker_self()->path);
}

int32_t sys_fchdir(uint32_t fd)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = S_ISDIR(file->attr.mode) ? 0 : -ENOTDIR;
    handle_t node = error == 0 && file->handle ? handle_copy(file->handle) : HANDLE_NONE;
    if (error == 0)
        error = check_access(&file->attr, 1, true);
    char *text = error == 0 ? cwd_name(node, file->path) : NULL;
    if (text)
        set_cwd(node, text);
    else
        close_handle(node);
    if (!text && error == 0)
        error = -ENOMEM;
    file_release(file);
    return error;
}

int32_t sys_getcwd(user_t buffer, uint32_t size)
{
    struct fs_context *fs = self()->process->fs;
    char *text = worker_self()->path;
    int error = fs->cwd ? path_of_directory(fs->cwd, text) : -ENAMETOOLONG;
    if (error == -ENAMETOOLONG) { /* too long to ask for, or of our own making */
        server_lock();
        strlcpy(text, fs->cwd_text, PATH_MAX);
        server_unlock();
    } else if (error < 0) {
        return error;
    }
    uint32_t length = (uint32_t)strlen(text) + 1;
    if (length == 1)
        return -ENAMETOOLONG;
    if (length > size)
        return -ERANGE;
    return copy_out(buffer, text, length) < 0 ? -EFAULT : (int32_t)length;
}

int32_t sys_chroot(user_t path)
{
    struct fs_context *fs = self()->process->fs;
    struct walk walk = {.dirfd = CWD,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    error = walk.is_internal ? -EPERM : check_access(&walk.attr, 1, true);
    if (error == 0 && !capable(CAP_SYS_CHROOT))
        error = -EPERM;
    if (error < 0) {
        close_handle(walk.node);
        return error;
    }
    fs_context_set_root(fs, walk.node, &walk.attr);
    return 0;
}

int32_t sys_umask(uint32_t mask)
{
    struct fs_context *fs = self()->process->fs;
    uint32_t old = fs->umask;
    fs->umask = mask & 0777;
    return (int32_t)old;
}

static int32_t list_directory(uint32_t fd, user_t buffer, uint32_t size, bool wide)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = file->ops->read_directory
                         ? file->ops->read_directory(file, wide, buffer, MIN(size, 1u << 20))
                         : -ENOTDIR;
    if (result > 0)
        inotify_file(file, INOTIFY_ACCESS);
    file_release(file);
    return result;
}

int32_t sys_getdents(uint32_t fd, user_t buffer, uint32_t size)
{
    return list_directory(fd, buffer, size, false);
}

int32_t sys_getdents64(uint32_t fd, user_t buffer, uint32_t size)
{
    return list_directory(fd, buffer, size, true);
}
