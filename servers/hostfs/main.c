/* SPDX-License-Identifier: MIT */
/* The operations of lib/fs carried out by 9P requests and by what is known already; see hostfs.h. */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "hostfs.h"

#define V9FS_MAGIC        0x01021997 /* as of statfs(2) */
#define WRITE_BACK_PERIOD (2 * NS_PER_S)

struct fs_server server;
bool caching;

/* ---- names ------------------------------------------------------------------------------------------ */

/* What a name leads to: as known, or as the host says. */
static status_t lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (!caching)
        return node_walk(directory, name, length, child);
    if (directory->content.nameless)
        return ERR_NOT_FOUND;
    status_t status = name_find(directory, name, length, child);
    if (status == OK)
        node_get(*child);
    if (status != ERR_NOT_IMPLEMENTED)
        return status;
    status = node_walk(directory, name, length, child);
    if (status == OK)
        name_set(directory, name, length, *child);
    else if (status == ERR_NOT_FOUND)
        name_set(directory, name, length, NULL);
    return status;
}

static status_t host_lookup(struct fs_node *fs_node, const char *name, size_t length, bool nocase,
                            struct fs_node **child)
{
    struct node *node;
    (void)nocase; /* lib/fs looks for that */
    status_t status = lookup(node_of(fs_node), name, length, &node);
    if (status == OK)
        *child = &node->node;
    return status;
}

static status_t host_parent(struct fs_node *directory, struct fs_node **parent)
{
    *parent = fs_node_get(&node_of(directory)->parent->node);
    return OK;
}

static status_t host_name(struct fs_node *directory, char *to, size_t size, size_t *length)
{
    *length = strlen(node_of(directory)->name);
    if (*length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, node_of(directory)->name, *length);
    return OK;
}

/* ---- changes of directories ---------------------------------------------------------------------------- */

static uint64_t now(void)
{
    return (uint64_t)time_realtime();
}

/* Entries of a directory have changed, subdirectories by so many. */
static void directory_changed(struct node *directory, int32_t subdirectories)
{
    entries_forget(directory);
    directory->attr.mtime = directory->attr.ctime = now();
    directory->attr.nlink += (uint32_t)subdirectories;
}

static status_t create_file(struct node *directory, const struct fs_new *new)
{
    uint32_t fid = fid_new();
    status_t status = p9_clone(directory->fid, fid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    status = p9_create(fid, new->name, (uint32_t) new->name_length, OPEN_BOTH,
                       owner_host_mode(new->mode, false));
    fid_close(fid);
    return status;
}

static status_t create_on_host(struct node *directory, const struct fs_new *new)
{
    uint32_t length = (uint32_t) new->name_length;
    switch (new->mode &FS_TYPE_MASK) {
    case FS_TYPE_DIRECTORY:
        return p9_mkdir(directory->fid, new->name, length, owner_host_mode(new->mode, true));
    case FS_TYPE_LINK:
        return p9_symlink(directory->fid, new->name, length, new->target,
                          (uint32_t) new->target_length);
    case FS_TYPE_FILE:
        return create_file(directory, new);
    default:
        return caching ? create_file(directory, new) : ERR_NOT_PERMITTED;
    }
}

/* The host made it as the user who runs the machine. */
static status_t give_owner(struct node *node, const struct fs_new *new)
{
    struct fs_attr wanted = node->attr;
    wanted.uid = new->uid;
    wanted.gid = new->gid;
    if ((new->mode &FS_TYPE_MASK) == FS_TYPE_LINK && owner_maps())
        return OK;
    if (owner_keeps(new->mode)) {
        wanted.mode = new->mode;
        wanted.rdev = new->rdev;
    }
    if (memcmp(&wanted, &node->attr, sizeof wanted) == 0)
        return OK;
    status_t status = owner_keeps(new->mode)
                          ? owner_store(node, &wanted)
                          : p9_setattr(node->fid, FS_ATTR_UID | FS_ATTR_GID, &wanted);
    if (status == OK)
        node->attr = wanted;
    return status;
}

static status_t host_create(struct fs_node *fs_node, const struct fs_new *new,
                            struct fs_node **child)
{
    struct node *directory = node_of(fs_node), *node;
    if (directory->content.nameless)
        return ERR_NOT_FOUND;
    status_t status = create_on_host(directory, new);
    if (status == OK)
        status = node_walk(directory, new->name, new->name_length, &node);
    if (status != OK)
        return status;
    if (caching) {
        name_set(directory, new->name, new->name_length, node);
        directory_changed(directory, is_directory(node));
        /* By our clock, which may be a little behind the host's: nothing is from the future. */
        node->attr.atime = node->attr.mtime = node->attr.ctime = now();
        status = give_owner(node, new);
    }
    if (status == OK)
        *child = &node->node;
    else
        fs_node_put(&node->node);
    return status;
}

static status_t host_link(struct fs_node *directory, const char *name, size_t length,
                          struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node);
    if (node->content.nameless)
        return ERR_NOT_FOUND;
    status_t status = p9_link(node_of(directory)->fid, node->fid, name, (uint32_t)length);
    if (status != OK || !caching)
        return status;
    name_set(node_of(directory), name, length, node);
    directory_changed(node_of(directory), 0);
    node->attr.nlink++;
    node->attr.ctime = now();
    return OK;
}

/* Before a name goes: what must be had of the file by then, if somebody has it open. */
static status_t prepare_unlink(struct node *node, uint32_t holders)
{
    if (!caching || is_directory(node) || (node->attr.mode & FS_TYPE_MASK) != FS_TYPE_FILE)
        return OK;
    if (node->attr.nlink > 1)
        return fs_content_flush(&node->content); /* the other name leads to what is written */
    if (node->node.references <= holders && !fs_content_is_used(&node->content))
        return OK;
    /* An open file keeps the host from giving the file's number to another one. */
    status_t status = data_open(node, true);
    return status == OK ? OK : data_open(node, false);
}

/* A fid stands for a path on the host: with another name it goes on, else it is of no use. */
static void lose_name(struct node *node, struct node *directory, const char *name, size_t length)
{
    const char *other;
    size_t other_length;
    struct p9_qid qid;
    node->attr.nlink -= node->attr.nlink > 0;
    node->attr.ctime = now();
    struct node *in = name_other(node, directory, name, length, &other, &other_length);
    uint32_t fid = fid_new();
    if (!is_directory(node) && node->attr.nlink > 0 && in != NULL &&
        p9_walk(in->fid, fid, other, (uint32_t)other_length, &qid) == OK) {
        fid_close(node->fid);
        node->fid = fid;
        return;
    }
    fid_forget(fid);
    node->content.nameless = true;
    node_unhash(node);
}

static status_t host_unlink(struct fs_node *fs_directory, const char *name, size_t length,
                            struct fs_node *child)
{
    struct node *directory = node_of(fs_directory), *node = node_of(child);
    status_t status = prepare_unlink(node, 1);
    if (status == OK)
        status = p9_unlink(directory->fid, name, (uint32_t)length, is_directory(node));
    if (status != OK || !caching)
        return status;
    lose_name(node, directory, name, length);
    name_set(directory, name, length, NULL);
    directory_changed(directory, is_directory(node) ? -1 : 0);
    return OK;
}

static void move_node(struct node *node, struct node *to, const struct fs_rename *rename)
{
    struct node *from = node_of(rename->old_directory);
    if (node_set_name(node, rename->new_name, rename->new_length)) {
        node_get(to);
        fs_node_put(&node->parent->node);
        node->parent = to;
    }
    if (!caching)
        return;
    name_set(from, rename->old_name, rename->old_length, NULL);
    name_set(to, rename->new_name, rename->new_length, node);
    directory_changed(from, is_directory(node) ? -1 : 0);
    directory_changed(to, is_directory(node) ? 1 : 0);
    node->attr.ctime = now();
}

static status_t host_rename(const struct fs_rename *rename)
{
    struct node *node = node_of(rename->node), *to = node_of(rename->new_directory);
    struct node *replaced = rename->replaced != NULL ? node_of(rename->replaced) : NULL;
    if (rename->exchange)
        return ERR_NOT_SUPPORTED;
    status_t status = replaced != NULL ? prepare_unlink(replaced, 1) : OK;
    /* What is renamed over another file replaces it with its content, also if the machine ends. */
    if (status == OK && caching && replaced != NULL)
        status = fs_content_flush(&node->content);
    if (status == OK)
        status = p9_rename(node_of(rename->old_directory)->fid, rename->old_name,
                           (uint32_t)rename->old_length, to->fid, rename->new_name,
                           (uint32_t)rename->new_length);
    if (status != OK)
        return status;
    if (caching && replaced != NULL) {
        lose_name(replaced, to, rename->new_name, rename->new_length);
        directory_changed(to, is_directory(replaced) ? -1 : 0);
    }
    move_node(node, to, rename);
    return OK;
}

static status_t host_read_link(struct fs_node *node, char *to, size_t size, size_t *length)
{
    uint32_t got;
    status_t status = p9_readlink(node_of(node)->fid, to, (uint32_t)size, &got);
    if (status == OK)
        *length = got;
    return status;
}

/* ---- attributes ------------------------------------------------------------------------------------------ */

static status_t host_attributes(struct fs_node *fs_node, struct fs_attr *attr)
{
    struct node *node = node_of(fs_node);
    struct p9_qid qid;
    if (!caching)
        return p9_getattr(node->fid, attr, &qid);
    *attr = node->attr;
    return OK;
}

static bool has_content(struct node *node)
{
    return (node->attr.mode & FS_TYPE_MASK) == FS_TYPE_FILE && content_load(node) == OK;
}

static void take_attributes(struct node *node, uint32_t mask, const struct fs_attr *attr)
{
    struct fs_attr *own = &node->attr;
    own->ctime = now();
    if (mask & FS_ATTR_MODE)
        own->mode = (own->mode & FS_TYPE_MASK) | (attr->mode & 07777);
    if (mask & FS_ATTR_UID)
        own->uid = attr->uid;
    if (mask & FS_ATTR_GID)
        own->gid = attr->gid;
    if (mask & (FS_ATTR_ATIME | FS_ATTR_ATIME_NOW))
        own->atime = mask & FS_ATTR_ATIME_NOW ? own->ctime : attr->atime;
    if (mask & (FS_ATTR_MTIME | FS_ATTR_MTIME_NOW))
        own->mtime = mask & FS_ATTR_MTIME_NOW ? own->ctime : attr->mtime;
}

/* Times of a file that is being written go to the host with what is written. */
static bool can_wait(const struct node *node, uint32_t mask)
{
    const uint32_t times = FS_ATTR_ATIME | FS_ATTR_MTIME | FS_ATTR_ATIME_NOW | FS_ATTR_MTIME_NOW;
    return node->content.may_be_dirty && (mask & ~times) == 0;
}

static status_t tell_host(struct node *node, uint32_t mask, const struct fs_attr *attr)
{
    const uint32_t own = FS_ATTR_MODE | FS_ATTR_UID | FS_ATTR_GID;
    struct node wanted = *node;
    if (!owner_keeps(node->attr.mode) || (mask & own) == 0)
        return p9_setattr(node->fid, mask, attr);
    take_attributes(&wanted, mask & own, attr);
    status_t status = owner_store(node, &wanted.attr);
    return status == OK && (mask & ~own) != 0 ? p9_setattr(node->fid, mask & ~own, attr) : status;
}

static status_t host_set_attributes(struct fs_node *fs_node, uint32_t mask,
                                    const struct fs_attr *attr)
{
    struct node *node = node_of(fs_node);
    status_t status = OK;
    mask &= ~(uint32_t)FS_ATTR_CHECKED;
    if (!caching)
        return p9_setattr(node->fid, mask, attr);
    if ((mask & FS_ATTR_SIZE) && has_content(node)) {
        status = content_resize(node, attr->size);
        if (status == OK)
            mask &= ~(uint32_t)FS_ATTR_SIZE;
        else if (status == ERR_NOT_SUPPORTED)
            status = OK; /* the host's file is the file: it is asked below */
    }
    if (status == OK && mask != 0 && !node->content.nameless && !can_wait(node, mask))
        status = tell_host(node, mask, attr);
    if (status != OK)
        return status;
    if (mask & FS_ATTR_SIZE)
        node->attr.size = node->host_size = attr->size;
    node->times_changed |= node->content.may_be_dirty;
    take_attributes(node, mask, attr);
    return OK;
}

static status_t host_modified(struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node);
    if (!caching)
        return OK;
    node->attr.mtime = node->attr.ctime = now();
    node->times_changed = true;
    return OK;
}

static status_t host_statistics(struct fs_server *of, struct fs_statistics *statistics)
{
    status_t status = p9_statfs(node_of(of->root)->fid, statistics);
    statistics->type = V9FS_MAGIC;
    return status;
}

/* ---- open files ------------------------------------------------------------------------------------------- */

static uint32_t linux_flags(const struct node *node, uint32_t flags)
{
    if (is_directory(node))
        return OPEN_READ | OPEN_DIRECTORY;
    uint32_t result = flags & FS_O_WRITE ? (flags & FS_O_READ ? OPEN_BOTH : OPEN_WRITE) : OPEN_READ;
    return flags & FS_O_TRUNCATE ? result | OPEN_TRUNCATE : result;
}

static status_t open_live(struct node *node, struct open_file *file, uint32_t flags)
{
    status_t status = fid_open(node, linux_flags(node, flags), &file->fid);
    file->open = status == OK;
    return status;
}

static status_t host_open(struct fs_node *fs_node, uint32_t flags, void **data)
{
    struct node *node = node_of(fs_node);
    if (flags & FS_O_NODE)
        return OK;
    struct open_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return ERR_NO_MEMORY;
    status_t status = OK;
    if (!caching)
        status = open_live(node, file, flags);
    else if (!is_directory(node)) /* nothing is asked of the host before the content is */
        status = fs_content_opened(&node->content, flags, false, &file->writer);
    if (status != OK)
        free(file);
    else
        *data = file;
    return status;
}

static void host_close(struct fs_node *node, void *data)
{
    struct open_file *file = data;
    if (file == NULL)
        return;
    if (file->open)
        fid_close(file->fid);
    entries_close(file);
    fs_content_closed(&node_of(node)->content, file->writer);
    free(file);
}

/* ---- contents ------------------------------------------------------------------------------------------------ */

static status_t host_read(struct fs_node *fs_node, void *data, uint64_t offset, void *to,
                          uint32_t length, uint32_t *done)
{
    struct node *node = node_of(fs_node);
    struct open_file *file = data;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    if (!caching)
        return p9_read(file->fid, offset, to, length, done);
    return content_read(node, offset, to, length, done);
}

static status_t host_write(struct fs_node *fs_node, void *data, uint64_t offset, const void *from,
                           uint32_t length, uint32_t *done)
{
    struct node *node = node_of(fs_node);
    struct open_file *file = data;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    if (!caching)
        return p9_write(file->fid, offset, from, length, done);
    return content_write(node, offset, from, length, done);
}

static status_t host_content(struct fs_node *fs_node, void *data, uint32_t prot, handle_t *vmo,
                             uint64_t *size, bool *coherent)
{
    struct node *node = node_of(fs_node);
    if (data == NULL)
        return ERR_BAD_HANDLE;
    if (!caching) /* nothing is written to a copy, and it may not be readable */
        return prot & PROT_R ? copy_give(node, vmo, size, coherent) : ERR_NOT_SUPPORTED;
    status_t status = content_load(node);
    return status == OK ? fs_content_give(&node->content, prot, vmo, size, coherent) : status;
}

static status_t host_sync(struct fs_node *fs_node, void *data, bool data_only)
{
    struct node *node = node_of(fs_node);
    struct open_file *file = data;
    if (!caching)
        return file != NULL ? p9_fsync(file->fid, data_only) : OK;
    if (fs_node == server.root)
        return fs_contents_flush();
    status_t status = fs_content_sync(&node->content);
    if (status == OK && node->data_open && node->data_write && !node->content.nameless)
        status = p9_fsync(node->data_fid, data_only);
    return status;
}

static status_t host_xattr(struct fs_node *node, struct fs_xattr *call)
{
    return owner_xattr(node_of(node), call);
}

static struct fs_ops ops = {
    .lookup = host_lookup,
    .attributes = host_attributes,
    .set_attributes = host_set_attributes,
    .create = host_create,
    .link = host_link,
    .unlink = host_unlink,
    .rename = host_rename,
    .read_link = host_read_link,
    .parent = host_parent,
    .name = host_name,
    .read_directory = entries_read,
    .open = host_open,
    .close = host_close,
    .read = host_read,
    .write = host_write,
    .content = host_content,
    .modified = host_modified,
    .sync = host_sync,
    .statistics = host_statistics,
    .xattr = host_xattr,
    .release = node_release,
};

static void write_back(struct service *service)
{
    (void)service;
    fs_contents_trim();
    if (fs_contents_flush() != OK)
        return; /* it is tried again; the log says so */
}

/* Arguments: the mount tag and, for a file system that is ours alone, `caching`. */
int main(int argc, char **argv)
{
    struct node *root;
    struct fs_attr attr;
    struct p9_qid qid;
    caching = argc > 2 && strcmp(argv[2], "caching") == 0;
    ops.sole = caching;
    status_t status = p9_connect(argc > 1 ? argv[1] : "host");
    if (status == OK)
        status = p9_getattr(P9_ROOT_FID, &attr, &qid);
    if (status == OK && caching)
        owner_init(&attr);
    if (status == OK)
        status = node_at(P9_ROOT_FID, &qid, NULL, "", 0, &root);
    if (status == OK)
        status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &ops, &root->node);
    if (status != OK)
        process_fail("no shared directory", status);
    if (!caching)
        copies_init();
    if (caching) {
        content_init();
        server.service.tick = write_back;
        server.service.period = WRITE_BACK_PERIOD;
    }
    fs_server_run(&server);
}
