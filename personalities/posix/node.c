/* SPDX-License-Identifier: MIT */
/*
 * Files and directories of file system servers.
 *
 * A regular file whose server gives a coherent VMO is read and written through a view of that VMO
 * in the server's window: no message per read (node_io.c). What is known of it is its inode's (inode.c),
 * shared by all its descriptions.
 *
 * Other files go by messages, large transfers through a bulk buffer per description.
 *
 * A description that was handed to another personality keeps its position in the node itself
 * (shared_position) and from then on every transfer is a message.
 */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>
#include <string.h>

#include "inotify.h"
#include "mm.h"
#include "node.h"
#include "path.h"
#include "server.h"
#include "task.h"

/* ---- nodes of one's own ------------------------------------------------------------------------------ */

void node_give_vmo(struct file *file, handle_t vmo)
{
    node_data_of(file)->vmo = vmo;
}

void node_shared(struct file *file)
{
    node_data_of(file)->shared_node = true;
}

/* Before anything that changes the open node itself: its position, its buffer. */
int node_own(struct file *file)
{
    struct node_data *data = node_data_of(file);
    handle_t node;
    if (!data->shared_node)
        return 0;
    status_t status = fs_client_reopen(file->handle, FS_O_SAME, &node);
    if (status != OK)
        return file_errno(status);
    server_lock();
    if (data->shared_node) {
        data->other_node = file->handle;
        file->handle = node;
        data->shared_node = false;
        node = HANDLE_NONE;
    }
    server_unlock();
    close_handle(node);
    return 0;
}

/* ---- attributes and the rest ------------------------------------------------------------------------- */

status_t node_stat(handle_t node, struct fs_attr *attr)
{
    return fs_client_stat(node, attr);
}

void node_known(struct file *file, const struct fs_attr *attr, uint32_t change)
{
    struct node_data *data = node_data_of(file);
    data->known = *attr;
    data->change = change;
    data->is_known = true;
}

/* What is known of the file, if that is still so. */
static bool recall(struct file *file, struct fs_attr *attr)
{
    const struct node_data *data = node_data_of(file);
    server_lock();
    bool known =
        data->is_known && namecache_unchanged(data->known.ino, data->known.device, data->change);
    if (known)
        *attr = data->known;
    server_unlock();
    return known;
}

static int op_stat(struct file *file, struct fs_attr *attr)
{
    uint32_t change;
    node_flush_modified(file);
    if (recall(file, attr))
        return 0;
    bool tells = namecache_now(file->attr.device, &change);
    status_t status = fs_client_stat(file->handle, attr);
    if (status == OK && tells) {
        server_lock();
        node_known(file, attr, change);
        server_unlock();
    }
    return file_errno(status);
}

static int op_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    struct fs_attr result;
    node_flush_modified(file);
    status_t status = fs_client_setattr(file->handle, mask, attr, &result);
    if (status != OK)
        return file_errno(status);
    *attr = result;
    if (mask & FS_ATTR_SIZE)
        inode_learn(&result);
    return 0;
}

static int op_size(struct file *file, uint64_t *size)
{
    struct fs_attr attr;
    int result = op_stat(file, &attr);
    *size = attr.size;
    return result;
}

static int op_seek(struct file *file, uint64_t offset)
{
    uint64_t before, after;
    if (!node_data_of(file)->shared_position)
        return 0;
    return file_errno(fs_client_position(file->handle, 0, (int64_t)offset, &before, &after));
}

static int op_position(struct file *file, uint64_t *offset)
{
    uint64_t before;
    if (!node_data_of(file)->shared_position)
        return 0;
    return file_errno(fs_client_position(file->handle, 1, 0, &before, offset));
}

static int op_sync(struct file *file)
{
    node_flush_modified(file);
    return file_errno(fs_client_sync(file->handle, false));
}

static int op_statfs(struct file *file, struct fs_statistics *statistics)
{
    return file_errno(fs_client_statfs(file->handle, statistics));
}

/* msync of a mapping that may outlive its descriptor needs a node. */
static int keep_node(struct file *file)
{
    struct inode *inode = node_data_of(file)->inode;
    server_lock();
    status_t status = OK;
    if (!inode->node)
        status = handle_duplicate(file->handle, RIGHT_SAME, &inode->node);
    server_unlock();
    return file_errno(status);
}

/* A handle for mapping with the rights that prot needs and no more. */
static int op_vmo(struct file *file, uint32_t prot, bool shared, handle_t *vmo)
{
    uint32_t rights = RIGHT_MAP | RIGHT_READ | RIGHT_EXECUTE;
    uint64_t size;
    bool coherent;
    if (S_ISDIR(file->attr.mode))
        return -ENODEV;
    bool writable = shared && file_writable(file);
    int result = node_need_vmo(file, PROT_R | PROT_X | (writable ? PROT_W : 0));
    if (result < 0)
        return result;
    if (result == 0) {
        if (writable) {
            rights |= RIGHT_WRITE;
            node_data_of(file)->modified = true;
            result = keep_node(file);
        }
        return result < 0
                   ? result
                   : file_errno(handle_duplicate(node_data_of(file)->inode->vmo, rights, vmo));
    }
    if (shared && (prot & PROT_W))
        return -ENODEV; /* the writes would not reach the file */
    return file_errno(fs_client_vmo(file->handle, PROT_R | PROT_X, vmo, &size, &coherent));
}

static int op_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    struct node_data *data = node_data_of(file);
    uint64_t before, after;
    if (!data->shared_position && !S_ISDIR(file->attr.mode)) {
        node_flush_modified(file);
        int error = node_own(file);
        if (error < 0)
            return error;
        status_t status =
            fs_client_position(file->handle, 0, (int64_t)file->offset, &before, &after);
        if (status != OK)
            return file_errno(status);
        data->shared_position = true;
    }
    fd->kind = FD_FILE;
    fd->flags = file->flags;
    handles[0] = handle_copy(file->handle);
    return handles[0] ? 0 : -EMFILE;
}

static void op_close(struct file *file)
{
    struct node_data *data = node_data_of(file);
    if (!data)
        return;
    node_flush_modified(file);
    if (data->bulk_view)
        ignore(space_unmap(HANDLE_SELF, (uintptr_t)data->bulk_view, BULK_SIZE));
    close_handle(data->bulk);
    close_handle(data->other_node);
    close_handle(data->vmo);
    if (data->inode) {
        server_lock();
        inode_put(data->inode);
        server_unlock();
    }
    release(data);
}

static const struct file_ops node_ops = {
    .name = "file",
    .read = node_read,
    .write = node_write,
    .seekable = true,
    .size = op_size,
    .seek = op_seek,
    .position = op_position,
    .stat = op_stat,
    .set_attr = op_set_attr,
    .read_directory = node_read_directory,
    .vmo = op_vmo,
    .sync = op_sync,
    .statfs = op_statfs,
    .export = op_export,
    .close = op_close,
};

bool file_is_node(const struct file *file)
{
    return file->ops == &node_ops;
}

int node_file(handle_t node, const struct fs_attr *attr, uint32_t flags, const char *path,
              struct file **result)
{
    struct file *file = file_new(&node_ops, flags);
    if (!file) {
        close_handle(node);
        return -ENOMEM;
    }
    file->handle = node;
    file->attr = *attr;
    file->data = allocate(sizeof(struct node_data));
    file->path = path ? text_copy(path) : NULL;
    if (!file->data || (path && !file->path)) {
        file_release(file);
        return -ENOMEM;
    }
    inode_learn(attr);
    *result = file;
    return 0;
}

int node_file_shared(handle_t node, uint32_t flags, struct file **result)
{
    struct fs_attr attr;
    status_t status = fs_client_stat(node, &attr);
    if (status != OK) {
        close_handle(node);
        return file_errno(status);
    }
    int error = node_file(node, &attr, flags, NULL, result);
    if (error == 0)
        node_data_of(*result)->shared_position = !S_ISDIR(attr.mode);
    return error;
}

static uint32_t reopen_flags(uint32_t flags)
{
    uint32_t result = flags & O_APPEND ? FS_O_APPEND : 0;
    if ((flags & O_ACCMODE) != O_WRONLY)
        result |= FS_O_READ;
    if ((flags & O_ACCMODE) != O_RDONLY)
        result |= FS_O_WRITE;
    return result | (flags & O_TRUNC ? FS_O_TRUNCATE : 0);
}

int node_reopen(struct file *file, uint32_t flags, struct file **result)
{
    handle_t node;
    struct fs_attr attr;
    node_flush_modified(file);
    status_t status = fs_client_reopen(file->handle, reopen_flags(flags), &node);
    if (status != OK)
        return file_errno(status);
    status = fs_client_stat(node, &attr);
    if (status != OK) {
        close_handle(node);
        return file_errno(status);
    }
    return node_file(node, &attr, flags, file->path, result);
}
