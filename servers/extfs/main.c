/* SPDX-License-Identifier: MIT */
/* The operations of lib/fs carried out by lib/ext; see extfs.h. */
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "extfs.h"

#define EXT_SUPER_MAGIC 0xEF53 /* as of statfs(2) */
#define DRIVER_PATIENCE (20 * NS_PER_S)
#define DRIVER_DELAY    (20 * NS_PER_MS)

struct fs_server server;
struct ext_fs *fs;

/* ---- names ------------------------------------------------------------------------------------------ */

/* For the name that an inode has in a directory. */
struct search {
    uint32_t ino;
    bool found;
    char *to;
    size_t size, to_length;
};

static bool search_entry(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                         const char *name, size_t length)
{
    struct search *search = context;
    (void)cookie;
    (void)mode;
    if (fs_is_dots(name, length) || ino != search->ino)
        return true;
    search->found = true;
    search->to_length = length;
    if (length <= search->size)
        memcpy(search->to, name, length);
    return false;
}

static status_t op_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                          struct fs_node **child)
{
    uint32_t ino, in = node_of(directory)->ino;
    struct node *node;
    (void)nocase; /* lib/fs looks for that */
    status_t status = ext_lookup(fs, in, name, length, &ino);
    if (status == OK)
        status = node_get(ino, &node);
    if (status == OK)
        *child = &node->node;
    return status;
}

static status_t op_parent(struct fs_node *directory, struct fs_node **parent)
{
    uint32_t ino;
    struct node *node;
    status_t status = ext_lookup(fs, node_of(directory)->ino, "..", 2, &ino);
    if (status == OK)
        status = node_get(ino, &node);
    if (status == OK)
        *parent = &node->node;
    return status;
}

static status_t op_name(struct fs_node *directory, char *to, size_t size, size_t *length)
{
    uint32_t parent;
    struct search search = {.ino = node_of(directory)->ino, .to = to, .size = size};
    status_t status = ext_lookup(fs, search.ino, "..", 2, &parent);
    if (status == OK)
        status = ext_read_directory(fs, parent, 0, search_entry, &search);
    if (status == OK && !search.found)
        status = ERR_NOT_FOUND;
    if (status == OK && search.to_length > size)
        status = ERR_NAME_TOO_LONG;
    if (status == OK)
        *length = search.to_length;
    return status;
}

static status_t op_create(struct fs_node *directory, const struct fs_new *new,
                          struct fs_node **child)
{
    struct ext_create create = {.name = new->name,
                                .length = new->name_length,
                                .mode = new->mode,
                                .uid = new->uid,
                                .gid = new->gid,
                                .rdev = new->rdev,
                                .target = new->target,
                                .target_length = new->target_length};
    struct node *node;
    uint32_t ino;
    status_t status = ext_create(fs, node_of(directory)->ino, &create, &ino);
    node_changed(directory);
    if (status == OK)
        status = node_get(ino, &node);
    if (status == OK)
        *child = &node->node;
    return status;
}

static status_t op_link(struct fs_node *directory, const char *name, size_t length,
                        struct fs_node *node)
{
    status_t status = ext_link(fs, node_of(directory)->ino, name, length, node_of(node)->ino);
    node_changed(directory);
    node_changed(node);
    if (status == OK)
        node_of(node)->content.nameless = false;
    return status;
}

static status_t op_unlink(struct fs_node *directory, const char *name, size_t length,
                          struct fs_node *child)
{
    bool last;
    status_t status = ext_unlink(fs, node_of(directory)->ino, name, length, &last);
    node_changed(directory);
    node_changed(child);
    if (status == OK && last)
        node_of(child)->content.nameless = true;
    return status;
}

static status_t op_rename(const struct fs_rename *rename)
{
    struct ext_rename what = {.old_directory = node_of(rename->old_directory)->ino,
                              .new_directory = node_of(rename->new_directory)->ino,
                              .old_name = rename->old_name,
                              .new_name = rename->new_name,
                              .old_length = rename->old_length,
                              .new_length = rename->new_length,
                              .exchange = rename->exchange};
    uint32_t replaced;
    struct node *node = node_of(rename->node);
    /* What is renamed over another file replaces it with its content, also if the power goes. */
    status_t status = rename->replaced != NULL ? fs_content_flush(&node->content) : OK;
    if (status == OK)
        status = ext_rename(fs, &what, &replaced);
    node_changed(rename->old_directory);
    node_changed(rename->new_directory);
    node_changed(rename->node);
    if (rename->replaced != NULL)
        node_changed(rename->replaced);
    if (status == OK && replaced != 0 && rename->replaced != NULL)
        node_of(rename->replaced)->content.nameless = true;
    return status;
}

static status_t op_read_link(struct fs_node *node, char *to, size_t size, size_t *length)
{
    return ext_read_link(fs, node_of(node)->ino, to, size, length);
}

static bool take_entry(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                       const char *name, size_t length)
{
    return fs_entries_add(context, ino, cookie, mode, name, length);
}

static status_t op_read_directory(struct fs_node *directory, void *data, uint64_t cookie,
                                  struct fs_entries *entries)
{
    (void)data;
    if (node_of(directory)->content.nameless)
        return OK; /* nothing is left, not even `.` */
    return ext_read_directory(fs, node_of(directory)->ino, cookie, take_entry, entries);
}

/* ---- attributes ------------------------------------------------------------------------------------- */

static status_t op_attributes(struct fs_node *base, struct fs_attr *attr)
{
    struct node *node = node_of(base);
    const struct ext_attributes *own;
    status_t status = node_attributes(node, &own);
    if (status != OK)
        return status;
    *attr = (struct fs_attr){.ino = node->ino,
                             .size = own->size,
                             .blocks = own->blocks,
                             .atime = own->atime,
                             .mtime = own->mtime,
                             .ctime = own->ctime,
                             .btime = own->crtime,
                             .mode = own->mode,
                             .nlink = own->nlink,
                             .uid = own->uid,
                             .gid = own->gid,
                             .rdev = own->rdev,
                             .generation = node->generation};
    if (node->content.vmo != HANDLE_NONE)
        attr->size = node->content.size;
    if (node->grown > 0) /* will have them */
        attr->blocks += node->grown / 512;
    if (node->changed_at != 0)
        attr->mtime = node->changed_at, attr->ctime = node->changed_ctime;
    return OK;
}

static status_t set_size(struct node *node, uint64_t size, bool space)
{
    if (node->type != FS_TYPE_FILE)
        return node->type == FS_TYPE_DIRECTORY ? ERR_IS_DIRECTORY : ERR_INVALID_ARGUMENT;
    if (ext_is_read_only(fs))
        return ERR_READ_ONLY;
    status_t status = content_resize(node, size, space);
    if (status != ERR_NOT_SUPPORTED)
        return status;
    node_changed(&node->node);
    return ext_truncate(fs, node->ino, size);
}

/* What was written before has an earlier time, also if it is written back later. */
static status_t keep_mtime(struct node *node, uint64_t mtime)
{
    struct vmo_info info;
    node->changed_at = 0;
    if (!node->content.may_be_dirty)
        return OK;
    /* Through a mapping more may be written at any time, and that would be later. */
    status_t status = vmo_info(node->content.vmo, &info);
    if (status != OK || info.writers > 0 || info.dirty == 0 || mtime == 0)
        return fs_content_flush(&node->content);
    node->changed_at = mtime;
    return OK;
}

static status_t op_set_attributes(struct fs_node *base, uint32_t mask, const struct fs_attr *attr)
{
    static const uint32_t masks[][2] = {
        {FS_ATTR_MODE, EXT_SET_MODE},
        {FS_ATTR_UID, EXT_SET_UID},
        {FS_ATTR_GID, EXT_SET_GID},
        {FS_ATTR_ATIME | FS_ATTR_ATIME_NOW, EXT_SET_ATIME},
        {FS_ATTR_MTIME | FS_ATTR_MTIME_NOW, EXT_SET_MTIME},
        {FS_ATTR_BTIME, EXT_SET_CRTIME},
    };
    struct node *node = node_of(base);
    uint64_t now = (uint64_t)time_realtime();
    uint32_t set = 0;
    status_t status = mask & FS_ATTR_SIZE ? set_size(node, attr->size, mask & FS_ATTR_SPACE) : OK;
    for (uint32_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        set |= mask & masks[i][0] ? masks[i][1] : 0;
    if (status != OK || set == 0)
        return status;
    struct ext_attributes own = {.mode = attr->mode,
                                 .uid = attr->uid,
                                 .gid = attr->gid,
                                 .crtime = attr->btime,
                                 .atime = mask & FS_ATTR_ATIME_NOW ? now : attr->atime,
                                 .mtime = mask & FS_ATTR_MTIME_NOW ? now : attr->mtime};
    if (set & EXT_SET_MTIME)
        status = keep_mtime(node, own.mtime);
    node->changed_ctime = now;
    node_changed(base);
    return status == OK ? ext_set_attributes(fs, node->ino, set, &own) : status;
}

static status_t op_modified(struct fs_node *node)
{
    content_touch(node_of(node));
    return OK;
}

static status_t op_statistics(struct fs_server *of, struct fs_statistics *statistics)
{
    struct ext_statistics own;
    (void)of;
    ext_get_statistics(fs, &own);
    statistics->type = EXT_SUPER_MAGIC;
    statistics->block_size = own.block_size;
    statistics->blocks = own.blocks;
    statistics->blocks_free = own.blocks_free;
    statistics->files = own.files;
    statistics->files_free = own.files_free;
    statistics->name_max = FS_NAME_MAX;
    statistics->read_only = own.read_only;
    return OK;
}

/* ---- contents --------------------------------------------------------------------------------------- */

static status_t op_open(struct fs_node *base, uint32_t flags, void **data)
{
    struct node *node = node_of(base);
    if (node->type != FS_TYPE_FILE)
        return OK;
    return fs_content_opened(&node->content, flags, ext_is_read_only(fs), data);
}

static void op_close(struct fs_node *node, void *data)
{
    fs_content_closed(&node_of(node)->content, data);
}

static status_t op_read(struct fs_node *base, void *data, uint64_t offset, void *to,
                        uint32_t length, uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    status_t status = content_load(node);
    if (status == OK)
        return fs_content_read(&node->content, offset, to, length, done);
    return status == ERR_NOT_SUPPORTED ? ext_read(fs, node->ino, offset, to, length, done) : status;
}

static status_t op_write(struct fs_node *base, void *data, uint64_t offset, const void *from,
                         uint32_t length, uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    status_t status = content_load(node);
    if (status == OK)
        status = content_write(node, offset, from, length, done);
    if (status != ERR_NOT_SUPPORTED)
        return status;
    node_changed(base);
    status = ext_write(fs, node->ino, offset, from, length, done);
    return status == ERR_NO_SPACE && *done > 0 ? OK : status;
}

static status_t op_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo,
                           uint64_t *size, bool *coherent)
{
    struct node *node = node_of(base);
    (void)data;
    status_t status = content_load(node);
    if (status == OK && (prot & PROT_W) && ext_is_read_only(fs))
        status = ERR_READ_ONLY;
    return status == OK ? fs_content_give(&node->content, prot, vmo, size, coherent) : status;
}

static status_t op_sync(struct fs_node *node, void *data, bool data_only)
{
    (void)data;
    (void)data_only;
    status_t status =
        node == server.root ? fs_contents_flush() : fs_content_sync(&node_of(node)->content);
    status_t committed = ext_commit(fs);
    return status == OK ? committed : status;
}

static status_t op_finish(struct fs_server *of)
{
    (void)of;
    status_t status = fs_contents_flush();
    nodes_end();
    status_t unmounted = ext_unmount(fs);
    return status == OK ? unmounted : status;
}

static const struct fs_ops ops = {
    .sole = true,
    .lists_attributes = true,
    .costly_lookup = true,
    .lookup = op_lookup,
    .attributes = op_attributes,
    .set_attributes = op_set_attributes,
    .create = op_create,
    .link = op_link,
    .unlink = op_unlink,
    .rename = op_rename,
    .read_link = op_read_link,
    .parent = op_parent,
    .name = op_name,
    .read_directory = op_read_directory,
    .open = op_open,
    .close = op_close,
    .read = op_read,
    .write = op_write,
    .content = op_content,
    .modified = op_modified,
    .sync = op_sync,
    .finish = op_finish,
    .statistics = op_statistics,
    .xattr = extfs_xattr,
    .release = node_release,
};

/* ---- the server ------------------------------------------------------------------------------------- */

static void write_back(struct service *service)
{
    static bool failed; /* said once: it stays so */
    (void)service;
    if (server.finished)
        return;
    fs_contents_trim();
    bool dirty = fs_contents_flush() == OK && ext_is_dirty(fs);
    status_t status = dirty ? ext_commit(fs) : OK;
    if (status != OK && !failed)
        log_printf("commit: %s", status_text(status));
    failed = status != OK;
}

static bool has_option(const char *options, const char *wanted)
{
    size_t length = strlen(wanted);
    for (const char *at = options; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, wanted, length) == 0 && (at[length] == 0 || at[length] == ','))
            return true;
    }
    return false;
}

static status_t mount_device(const char *name, bool read_only, bool wait)
{
    struct ext_device device;
    ktime_t deadline = time_monotonic() + (wait ? DRIVER_PATIENCE : 0);
    status_t status = device_open(name, read_only, &device);
    while (status == ERR_NOT_FOUND && time_monotonic() < deadline) {
        time_sleep(DRIVER_DELAY);
        status = device_open(name, read_only, &device);
    }
    if (status == OK)
        status = ext_mount(&device, read_only ? EXT_MOUNT_READ_ONLY : 0, &fs);
    return status == ERR_NOT_SUPPORTED ? ERR_INVALID_ARGUMENT : status;
}

/* Arguments: the device and the options of the mount, separated by commas; `wait`: for its driver. */
int main(int argc, char **argv)
{
    struct node *root;
    const char *options = argc > 2 ? argv[2] : "";
    bool read_only = has_option(options, "ro");
    if (argc < 2)
        fs_server_fail("no device", ERR_INVALID_ARGUMENT);
    status_t status = mount_device(argv[1], read_only, has_option(options, "wait"));
    if (status == OK)
        status = node_get(EXT_ROOT, &root);
    if (status == OK)
        status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &ops, &root->node);
    if (status != OK)
        fs_server_fail(argv[1], status);
    if (!read_only && ext_is_read_only(fs))
        log_printf("%s: read-only", argv[1]);
    content_init();
    server.service.tick = write_back;
    server.service.period = FS_CONTENT_AGE;
    fs_server_run(&server);
}
