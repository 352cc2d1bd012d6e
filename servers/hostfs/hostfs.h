/* SPDX-License-Identifier: MIT */
/*
 * The host's shared directory as a file system: what its files share. One thread; p9.c makes requests.
 *
 * A node is one host file that is in use or remembered, with a fid of its own, found by its qid; it
 * knows one parent and name. There are two ways to work, chosen at the start:
 *
 *   live     Everything is asked of the host each time, so that changes made there are seen at once;
 *            only the copies that programs are run from are kept, as long as size and time agree.
 *   caching  (the root file system) What was learnt of the host stays true: attributes, names that
 *            exist and names that do not, contents (fs/content.h). What is written goes to the host by
 *            and by, at fsync, and before the machine ends. Nobody else may change the directory meanwhile.
 */
#ifndef HOSTFS_HOSTFS_H
#define HOSTFS_HOSTFS_H

#include <atomik/table.h>
#include <fs/content.h>

#include "p9.h"

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
    struct table_link by_ino;
    uint32_t fid;
    uint8_t type;        /* of the qid */
    struct node *parent; /* held; the root's is itself, not held */
    char *name;
    struct list idle;            /* caching: nobody holds it, nor its content; oldest first */
    struct entries *entries;     /* caching: of a directory, or NULL */
    struct list children, names; /* caching: struct name of a directory; those that lead here */

    /* What the file is. Caching: true from the start, changed here first. */
    struct fs_attr attr;

    struct copy *copy; /* live: the newest (copy.c), or NULL */

    /* ---- contents when caching (content.c) ---- */
    struct fs_content content; /* nameless, of anything: the host cannot be asked about it */
    uint32_t data_fid;         /* open for reading, and writing if data_write */
    bool data_open, data_write;
    bool direct;        /* too large for a VMO: every transfer is a request */
    bool times_changed; /* the host does not have them */
    uint64_t host_size; /* bytes that the host has of it */
};

/* An open file or directory. */
struct open_file {
    uint32_t fid; /* directories, and everything in live mode */
    bool open;
    void *writer; /* caching: as fs_content_opened says */
    /* Directories: what is being enumerated, the place to go on from and the entry before it. */
    struct entries *entries;
    bool complete; /* entries are all that there are */
    uint32_t at;
    uint64_t cookie;
};

extern struct fs_server server;
extern bool caching;

static inline struct node *node_of(struct fs_node *node)
{
    return (struct node *)node;
}
static inline bool is_directory(const struct node *node)
{
    return node->type & QID_DIRECTORY;
}

/* ---- node.c ---- */
uint32_t fid_new(void);
void fid_forget(uint32_t fid); /* the host does not have it */
void fid_close(uint32_t fid);
/* Another fid of the node's file, open with these flags. */
status_t fid_open(const struct node *node, uint32_t flags, uint32_t *fid);
/* The node behind a fid, which is taken over; one reference. */
status_t node_at(uint32_t fid, const struct p9_qid *qid, struct node *parent, const char *name,
                 size_t length, struct node **result);
struct node *node_get(struct node *node);
bool node_set_name(struct node *node, const char *name, size_t length);
/* The host's file is gone, or has another number: nobody will find this node any more. */
void node_unhash(struct node *node);
void node_release(struct fs_node *node); /* the last reference is gone */
/* Nobody holds it, and its content is not remembered. */
void node_rest(struct node *node);
/* Walk `name` in a directory, on the host. */
status_t node_walk(struct node *directory, const char *name, size_t length, struct node **child);

/* ---- owner.c: caching only ---- */
#define OWNER_ATTRIBUTE "user.atomik"
void owner_init(const struct fs_attr *root);
/* Extended attributes as clients see them: without the one that owners are kept in. */
status_t owner_xattr(struct node *node, struct fs_xattr *call);
bool owner_maps(void);
bool owner_keeps(uint32_t mode);     /* of such a file: in an attribute */
void owner_learn(struct node *node); /* node->attr is what the host says */
/* Keep owner, mode, type and device number of attr. */
status_t owner_store(struct node *node, const struct fs_attr *attr);
/* What the host is to be asked for when a file is made. */
uint32_t owner_host_mode(uint32_t mode, bool directory);

/* ---- names.c: caching only ---- */
/* ERR_NOT_FOUND: known not to exist; NOT_IMPLEMENTED: not known. *child is borrowed. */
status_t name_find(const struct node *directory, const char *text, size_t length,
                   struct node **child);
/* What the name leads to from now on; NULL: nothing. Memory that lacks is no error. */
void name_set(struct node *directory, const char *text, size_t length, struct node *child);
void names_forget(struct node *node); /* all that lead to the node or are in it */
/* Another name of the node than the one given, or NULL. */
struct node *name_other(struct node *node, const struct node *directory, const char *text,
                        size_t length, const char **other, size_t *other_length);

/* ---- entries.c ---- */
status_t entries_read(struct fs_node *directory, void *data, uint64_t cookie,
                      struct fs_entries *out);
void entries_close(struct open_file *file);
void entries_forget(struct node *directory); /* they have changed */

/* ---- content.c: caching only ---- */
void content_init(void);
/* NOT_SUPPORTED: too large, use transfers, as the next ones do. */
status_t content_load(struct node *node);
status_t content_read(struct node *node, uint64_t offset, void *to, uint32_t length,
                      uint32_t *done);
status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done);
status_t content_resize(struct node *node, uint64_t size);
/* Make sure that data_fid is open. */
status_t data_open(struct node *node, bool write);
void data_close(struct node *node);

/* ---- copy.c: live only ---- */
void copies_init(void);
/* The file as it is now, to be read. */
status_t copy_give(struct node *node, handle_t *vmo, uint64_t *size, bool *coherent);

#endif
