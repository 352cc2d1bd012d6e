/* SPDX-License-Identifier: MIT */
/*
 * A file system in memory. Directories are hash tables with their entries also in the order they
 * were made; a file's content is a VMO, which for files of a boot archive is cloned (copy on write)
 * or unpacked when the file is first opened.
 */
#ifndef MEMFS_MEMFS_H
#define MEMFS_MEMFS_H

#include <fs/fs.h>

struct memfs_node;

#define FILE_SIZE_MAX 0x7ffff000ull

/* What a mount option allows in all; 0: as much as there is memory. Holes in files count. */
struct memfs_limits {
    uint64_t bytes;
    uint64_t nodes;
};
extern struct memfs_limits memfs_limits;

/*
 * One name in a directory. Entries are chained in a bucket by the hash of their name in lower case,
 * and in the directory by rising cookie.
 */
struct memfs_entry {
    struct memfs_entry *in_bucket, *previous, *next;
    struct memfs_node *node; /* counted in its nlink, not in references */
    uint64_t cookie;
    uint32_t hash;
    uint16_t length;
    char name[];
};

struct memfs_node {
    struct fs_node base;
    uint32_t mode, nlink, uid, gid, rdev;
    uint64_t atime, mtime, ctime, btime;
    struct memfs_xattr *xattrs;
    union {
        struct {
            handle_t vmo; /* none until the content is needed */
            uint64_t size;
            handle_t
                archive; /* borrowed: where the content is as long as there is no VMO, or none */
            uint64_t archive_offset;
            uint32_t
                packed_length; /* of the archive's DEFLATE data; 0: the content itself is there */
        } file;
        struct {
            struct memfs_node *parent; /* NULL once removed */
            struct memfs_entry *self;  /* our entry in parent; NULL for the root */
            struct memfs_entry **buckets, *first, *last;
            struct memfs_entry *hint; /* where the last enumeration stopped */
            uint32_t bucket_count, entry_count;
            uint64_t next_cookie;
        } directory;
        struct {
            char *target;
            size_t length;
        } link;
    };
};

extern const struct fs_ops memfs_ops;

struct memfs_node *memfs_new_root(struct fs_server *server);

/* Fill from a boot archive, mapped at bytes; the VMO stays the file system's. */
status_t memfs_unpack(struct memfs_node *root, const void *bytes, size_t length, handle_t archive);

/* A new VMO with the content of a file that the archive holds packed. */
status_t memfs_unpack_file(const struct memfs_node *node, handle_t *vmo);

/* ---- memfs.c ---- */
struct memfs_node *memfs_new_node(struct fs_server *server, uint32_t mode, uint32_t uid,
                                  uint32_t gid);
/* One without a name. */
void memfs_free_node(struct memfs_node *node);
void memfs_touch(struct memfs_node *node); /* its content has changed now */
/* Running out of memory is running out of space here. */
status_t memfs_space_status(status_t status);

/* ---- entries.c ---- */
#define MEMFS_FIRST_COOKIE 3 /* behind `.` and `..` */
struct memfs_entry *memfs_find(struct memfs_node *directory, const char *name, size_t length,
                               bool nocase);
/* Takes no reference: the entry counts in nlink. */
status_t memfs_add_entry(struct memfs_node *directory, const char *name, size_t length,
                         struct memfs_node *node);
status_t memfs_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                      struct fs_node **child);
status_t memfs_create(struct fs_node *directory, const struct fs_new *new, struct fs_node **child);
status_t memfs_link(struct fs_node *directory, const char *name, size_t length,
                    struct fs_node *node);
status_t memfs_unlink(struct fs_node *directory, const char *name, size_t length,
                      struct fs_node *child);
status_t memfs_rename(const struct fs_rename *rename);
status_t memfs_parent(struct fs_node *node, struct fs_node **parent);
status_t memfs_name(struct fs_node *node, char *to, size_t size, size_t *length);
status_t memfs_read_directory(struct fs_node *node, void *data, uint64_t cookie,
                              struct fs_entries *entries);

/* ---- xattr.c ---- */
status_t memfs_xattr(struct fs_node *node, struct fs_xattr *call);
void memfs_xattrs_free(struct memfs_node *node);

static inline struct memfs_node *memfs_node_of(struct fs_node *node)
{
    return (struct memfs_node *)node;
}
static inline uint32_t memfs_type(const struct memfs_node *node)
{
    return node->mode & FS_TYPE_MASK;
}
static inline bool memfs_is_directory(const struct memfs_node *node)
{
    return memfs_type(node) == FS_TYPE_DIRECTORY;
}

#endif
