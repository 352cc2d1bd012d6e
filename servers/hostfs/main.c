/* SPDX-License-Identifier: MIT */
/*
 * The host's shared directory as a file system: operations of lib/fs carried out by 9P requests.
 *
 * Everything is asked of the host each time, so that changes made there are seen at once; only the
 * content VMOs that programs are run from are kept, as long as size and modification time agree.
 * A node is one fid and knows its parent and name; there is one node per host file that is in use,
 * found by its qid, so that mount points and locks have one place to be.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <fs/fs.h>
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "p9.h"

#define BUCKETS    256
#define COPY_PIECE 32768u
enum { QID_DIRECTORY = 0x80 };
enum linux_open {
    OPEN_READ = 0,
    OPEN_WRITE = 1,
    OPEN_BOTH = 2,
    OPEN_TRUNCATE = 01000,
    OPEN_DIRECTORY = 0200000
};

struct node {
    struct fs_node node; /* first */
    struct node *next;   /* in its bucket */
    uint32_t fid;
    uint8_t type;        /* of the qid */
    struct node *parent; /* held; the root's is itself, not held */
    char *name;
    handle_t content; /* VMO with the file as it was at content_time, or none */
    uint64_t content_size, content_time;
};

/* An open file or directory. */
struct open_file {
    uint32_t fid;
};

static struct fs_server server;
static struct node *buckets[BUCKETS];
static uint32_t *free_fids, free_fid_count, free_fid_capacity, next_fid = P9_ROOT_FID + 1;

static struct node *node_of(struct fs_node *node)
{
    return (struct node *)node;
}

/* ---- fids and nodes ------------------------------------------------------------------------------ */

static uint32_t fid_new(void)
{
    return free_fid_count > 0 ? free_fids[--free_fid_count] : next_fid++;
}

static void fid_forget(uint32_t fid)
{
    if (free_fid_count == free_fid_capacity) {
        uint32_t capacity = free_fid_capacity ? free_fid_capacity * 2 : 64;
        uint32_t *grown = realloc(free_fids, capacity * sizeof *grown);
        if (grown == NULL)
            return; /* one number less to choose from */
        free_fids = grown;
        free_fid_capacity = capacity;
    }
    free_fids[free_fid_count++] = fid;
}

static void fid_close(uint32_t fid)
{
    p9_clunk(fid);
    fid_forget(fid);
}

static struct node **bucket_of(uint64_t ino)
{
    return &buckets[(ino ^ ino >> 8 ^ ino >> 32) % BUCKETS];
}

static struct node *find_node(uint64_t ino)
{
    struct node *node = *bucket_of(ino);
    while (node != NULL && node->node.ino != ino)
        node = node->next;
    return node;
}

static void release_node(struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node), **link = bucket_of(fs_node->ino);
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    fid_close(node->fid);
    handle_drop(&node->content);
    if (node->parent != node)
        fs_node_put(&node->parent->node);
    free(node->name);
    free(node);
}

static bool set_name(struct node *node, const char *name, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, length);
    copy[length] = 0;
    free(node->name);
    node->name = copy;
    return true;
}

/* Takes over the fid. */
static status_t node_new(uint32_t fid, const struct p9_qid *qid, struct node *parent,
                         const char *name, size_t length, struct fs_node **result)
{
    struct node *node = find_node(qid->path);
    if (node != NULL) {
        fid_close(fid);
        *result = fs_node_get(&node->node);
        return OK;
    }
    node = calloc(1, sizeof *node);
    if (node == NULL || !set_name(node, name, length)) {
        free(node);
        fid_close(fid);
        return ERR_NO_MEMORY;
    }
    fs_node_init(&server, &node->node, qid->path);
    node->fid = fid;
    node->type = qid->type;
    node->parent = parent != NULL ? node_of(fs_node_get(&parent->node)) : node;
    node->next = *bucket_of(qid->path);
    *bucket_of(qid->path) = node;
    *result = &node->node;
    return OK;
}

/* ---- names ------------------------------------------------------------------------------------------ */

static char folded(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

static bool same_folded(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (folded(a[i]) != folded(b[i]))
            return false;
    return true;
}

/* The name in the directory that equals `name` but for case, into found (FS_NAME_MAX bytes). */
static status_t scan_directory(uint32_t fid, const char *name, size_t length, char *found)
{
    static uint8_t buffer[8192];
    struct p9_entry entry;
    uint64_t cookie = 0;
    uint32_t done;
    for (;;) {
        status_t status = p9_readdir(fid, cookie, buffer, sizeof buffer, &done);
        if (status != OK || done == 0)
            return status != OK ? status : ERR_NOT_FOUND;
        const uint8_t *at = buffer;
        while (p9_next_entry(&at, buffer + done, &entry)) {
            cookie = entry.cookie;
            if (entry.name_length == length && same_folded(entry.name, name, length)) {
                memcpy(found, entry.name, length);
                return OK;
            }
        }
        if (at == buffer)
            return ERR_IO_ERROR;
    }
}

static status_t find_folded(struct node *directory, const char *name, size_t length, char *found)
{
    uint32_t fid = fid_new();
    status_t status = p9_clone(directory->fid, fid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    status = p9_open(fid, OPEN_READ | OPEN_DIRECTORY);
    if (status == OK)
        status = scan_directory(fid, name, length, found);
    fid_close(fid);
    return status;
}

static status_t walk(struct node *directory, const char *name, size_t length,
                     struct fs_node **child)
{
    struct p9_qid qid;
    uint32_t fid = fid_new();
    status_t status = p9_walk(directory->fid, fid, name, (uint32_t)length, &qid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    return node_new(fid, &qid, directory, name, length, child);
}

static status_t host_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                            struct fs_node **child)
{
    char found[FS_NAME_MAX];
    status_t status = walk(node_of(directory), name, length, child);
    if (status != ERR_NOT_FOUND || !nocase || length > sizeof found)
        return status;
    status = find_folded(node_of(directory), name, length, found);
    return status == OK ? walk(node_of(directory), found, length, child) : status;
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

static status_t create_file(struct node *directory, const struct fs_new *new)
{
    uint32_t fid = fid_new();
    status_t status = p9_clone(directory->fid, fid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    status = p9_create(fid, new->name, (uint32_t) new->name_length, OPEN_BOTH, new->mode & 07777,
                       new->gid);
    fid_close(fid);
    return status;
}

static status_t host_create(struct fs_node *directory, const struct fs_new *new,
                            struct fs_node **child)
{
    struct node *node = node_of(directory);
    uint32_t length = (uint32_t) new->name_length;
    status_t status;
    switch (new->mode &FS_TYPE_MASK) {
    case FS_TYPE_DIRECTORY:
        status = p9_mkdir(node->fid, new->name, length, new->mode & 07777, new->gid);
        break;
    case FS_TYPE_LINK:
        status = p9_symlink(node->fid, new->name, length, new->target,
                            (uint32_t) new->target_length, new->gid);
        break;
    case FS_TYPE_FILE:
        status = create_file(node, new);
        break;
    default:
        status = p9_mknod(node->fid, new->name, length, new->mode, new->rdev, new->gid);
        break;
    }
    return status == OK ? walk(node, new->name, new->name_length, child) : status;
}

static status_t host_link(struct fs_node *directory, const char *name, size_t length,
                          struct fs_node *node)
{
    return p9_link(node_of(directory)->fid, node_of(node)->fid, name, (uint32_t)length);
}

static status_t host_unlink(struct fs_node *directory, const char *name, size_t length,
                            struct fs_node *child)
{
    return p9_unlink(node_of(directory)->fid, name, (uint32_t)length,
                     node_of(child)->type & QID_DIRECTORY);
}

static status_t host_rename(const struct fs_rename *rename)
{
    struct node *node = node_of(rename->node), *to = node_of(rename->new_directory);
    if (rename->exchange)
        return ERR_NOT_SUPPORTED;
    status_t status = p9_rename(node_of(rename->old_directory)->fid, rename->old_name,
                                (uint32_t)rename->old_length, to->fid, rename->new_name,
                                (uint32_t)rename->new_length);
    if (status != OK || !set_name(node, rename->new_name, rename->new_length))
        return status;
    fs_node_get(&to->node);
    fs_node_put(&node->parent->node);
    node->parent = to;
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

static status_t host_read_directory(struct fs_node *directory, void *data, uint64_t cookie,
                                    struct fs_entries *entries)
{
    static uint8_t buffer[2048];
    struct p9_entry entry;
    uint32_t done;
    (void)directory;
    if (data == NULL)
        return ERR_BAD_HANDLE;
    status_t status =
        p9_readdir(((struct open_file *)data)->fid, cookie, buffer, sizeof buffer, &done);
    const uint8_t *at = buffer;
    while (status == OK && p9_next_entry(&at, buffer + done, &entry))
        if (!fs_entries_add(entries, entry.qid.path, entry.cookie, (uint32_t)entry.type << 12,
                            entry.name, entry.name_length))
            break;
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static status_t host_attributes(struct fs_node *node, struct fs_attr *attr)
{
    struct p9_qid qid;
    return p9_getattr(node_of(node)->fid, attr, &qid);
}

static status_t host_set_attributes(struct fs_node *node, uint32_t mask, const struct fs_attr *attr)
{
    return p9_setattr(node_of(node)->fid, mask, attr);
}

static uint32_t linux_flags(const struct node *node, uint32_t flags)
{
    if (node->type & QID_DIRECTORY)
        return OPEN_READ | OPEN_DIRECTORY;
    uint32_t result = flags & FS_O_WRITE ? (flags & FS_O_READ ? OPEN_BOTH : OPEN_WRITE) : OPEN_READ;
    return flags & FS_O_TRUNCATE ? result | OPEN_TRUNCATE : result;
}

static status_t host_open(struct fs_node *fs_node, uint32_t flags, void **data)
{
    struct node *node = node_of(fs_node);
    if (flags & FS_O_NODE)
        return OK;
    struct open_file *file = malloc(sizeof *file);
    if (file == NULL)
        return ERR_NO_MEMORY;
    file->fid = fid_new();
    status_t status = p9_clone(node->fid, file->fid);
    if (status != OK) {
        fid_forget(file->fid);
    } else {
        status = p9_open(file->fid, linux_flags(node, flags));
        if (status != OK)
            fid_close(file->fid);
    }
    if (status != OK)
        free(file);
    else
        *data = file;
    return status;
}

static void host_close(struct fs_node *node, void *data)
{
    struct open_file *file = data;
    (void)node;
    if (file == NULL)
        return;
    fid_close(file->fid);
    free(file);
}

static status_t host_read(struct fs_node *node, void *data, uint64_t offset, void *to,
                          uint32_t length, uint32_t *done)
{
    (void)node;
    return data ? p9_read(((struct open_file *)data)->fid, offset, to, length, done)
                : ERR_BAD_HANDLE;
}

static status_t host_write(struct fs_node *node, void *data, uint64_t offset, const void *from,
                           uint32_t length, uint32_t *done)
{
    (void)node;
    return data ? p9_write(((struct open_file *)data)->fid, offset, from, length, done)
                : ERR_BAD_HANDLE;
}

static status_t read_into(handle_t vmo, uint32_t fid, uint64_t size)
{
    static uint8_t buffer[COPY_PIECE];
    uint32_t done;
    for (uint64_t at = 0; at < size; at += done) {
        uint32_t count = size - at < COPY_PIECE ? (uint32_t)(size - at) : COPY_PIECE;
        status_t status = p9_read(fid, at, buffer, count, &done);
        if (status == OK && done == 0)
            return OK; /* it has become shorter meanwhile: the rest is zero */
        if (status == OK)
            status = vmo_write(vmo, at, buffer, done);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t load_content(struct node *node, uint32_t fid, const struct fs_attr *attr)
{
    handle_t vmo;
    handle_drop(&node->content);
    status_t status = vmo_create(0, attr->size, &vmo);
    if (status != OK)
        return status;
    status = read_into(vmo, fid, attr->size);
    if (status != OK) {
        handle_drop(&vmo);
        return status;
    }
    node->content = vmo;
    node->content_size = attr->size;
    node->content_time = attr->mtime;
    return OK;
}

/* A copy of the file as it is now: for running it and for private mappings. */
static status_t host_content(struct fs_node *fs_node, void *data, uint32_t prot, handle_t *vmo,
                             uint64_t *size, bool *coherent)
{
    struct node *node = node_of(fs_node);
    struct fs_attr attr;
    (void)prot;
    if (data == NULL)
        return ERR_BAD_HANDLE;
    status_t status = host_attributes(fs_node, &attr);
    if (status != OK)
        return status;
    if (node->content == HANDLE_NONE || node->content_size != attr.size ||
        node->content_time != attr.mtime)
        status = load_content(node, ((struct open_file *)data)->fid, &attr);
    if (status != OK)
        return status;
    *size = attr.size;
    *coherent = false;
    return handle_duplicate(
        node->content, RIGHT_READ | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_DUPLICATE | RIGHT_TRANSFER,
        vmo);
}

static status_t host_sync(struct fs_node *node, void *data, bool data_only)
{
    (void)node;
    return data ? p9_fsync(((struct open_file *)data)->fid, data_only) : OK;
}

static status_t host_statistics(struct fs_server *of, struct fs_statistics *statistics)
{
    return p9_statfs(node_of(of->root)->fid, statistics);
}

static const struct fs_ops ops = {
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
    .read_directory = host_read_directory,
    .open = host_open,
    .close = host_close,
    .read = host_read,
    .write = host_write,
    .content = host_content,
    .sync = host_sync,
    .statistics = host_statistics,
    .release = release_node,
};

int main(int argc, char **argv)
{
    struct fs_node *root;
    struct fs_attr attr;
    struct p9_qid qid;
    status_t status = p9_connect(argc > 1 ? argv[1] : "host");
    if (status == OK)
        status = p9_getattr(P9_ROOT_FID, &attr, &qid);
    if (status == OK)
        status = node_new(P9_ROOT_FID, &qid, NULL, "", 0, &root);
    if (status == OK)
        status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &ops, root);
    if (status != OK)
        process_fail("no shared directory", status);
    fs_server_run(&server);
}
