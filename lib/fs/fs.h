/* SPDX-License-Identifier: MIT */
/*
 * A file system server, all but the file system: dispatch of fs.def, path walk, mount points,
 * symbolic links, permissions, open nodes, positions, locks. The file system itself is a table of
 * operations on nodes. One thread: an operation may take its time, but everybody waits for it.
 *
 *     static struct fs_server server;
 *     fs_server_init(&server, port, &my_ops, my_root);
 *     fs_server_run(&server);
 *
 * Badges of the port: FS_BADGE_ROOT is the root directory itself (what init registers under the
 * service's name), the others are open nodes and belong to this library.
 *
 * A node is the file system's own structure with a struct fs_node in it. Whoever gets a node from
 * an operation owns one reference (fs_node_put); ops->release is called when the last is gone.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <atomik/objects.h>
#include <protocols/fs.h>
#include <service/loop.h>

#define FS_BADGE_ROOT 1

struct fs_server;
struct fs_watch;
struct fs_lock;
struct fs_name;

/*
 * Who asks. power: may do everything. is_user: the program acts for this user and is not believed what
 * it says. The groups are the request's, gone with it.
 */
struct fs_who {
    uint32_t uid, gid;
    bool power, is_user;
    const uint32_t *groups;
    uint32_t group_count;
};

struct fs_node {
    struct fs_server *server;
    uint64_t ino;
    uint32_t type; /* FS_TYPE_* if the file system says so at once; 0: its attributes say */
    uint32_t references;
    handle_t mounted; /* root directory of the file system that covers this directory, or none */
    uint32_t writers, write_deniers; /* of its open nodes: for writing, with FS_O_DENY_WRITE */
    struct fs_lock *locks;           /* held and waited for */
    struct fs_name *names;           /* of a directory: what is known of its entries */
    bool gone;                       /* a directory that was removed */
};

/* What ops->create makes. */
struct fs_new {
    const char *name;
    size_t name_length;
    uint32_t mode; /* with type bits */
    uint32_t uid, gid, rdev;
    const char *target; /* FS_TYPE_LINK */
    size_t target_length;
};

/* `replaced` is what new_name names now, or NULL; the library has checked types and loops. */
struct fs_rename {
    struct fs_node *old_directory, *new_directory, *node, *replaced;
    const char *old_name, *new_name;
    size_t old_length, new_length;
    bool exchange;
};

/* Takes directory entries until it is full; see ops->read_directory. */
struct fs_entries {
    uint8_t *at, *end;
    uint32_t count;
    uint32_t room; /* to be left at the end of each record, cleared */
    bool full;
};
/* False: it did not fit; end the enumeration here. `cookie` is where to go on after this entry. */
bool fs_entries_add(struct fs_entries *entries, uint64_t ino, uint64_t cookie, uint32_t mode,
                    const char *name, size_t length);

/* An operation on extended attributes; fs.def has the meanings. value: size bytes. */
struct fs_xattr {
    uint32_t op, flags;
    const char *name;
    size_t name_length;
    uint8_t *value;
    uint32_t size, result;
};

/*
 * `data` is what open stored for this open node (NULL if it stores nothing). Operations that a
 * file system lacks may be NULL: NOT_SUPPORTED (READ_ONLY for those that change something).
 */
struct fs_ops {
    /* NOT_FOUND if there is none. nocase, only with `folds`: an exact match first, then one without case. */
    status_t (*lookup)(struct fs_node *directory, const char *name, size_t length, bool nocase,
                       struct fs_node **child);
    status_t (*attributes)(struct fs_node *node, struct fs_attr *attr); /* all but .device */
    status_t (*set_attributes)(struct fs_node *node, uint32_t mask, const struct fs_attr *attr);
    /* The name is known to be free. */
    status_t (*create)(struct fs_node *directory, const struct fs_new *new, struct fs_node **child);
    status_t (*link)(struct fs_node *directory, const char *name, size_t length,
                     struct fs_node *node);
    /* Of anything, directories too (NOT_EMPTY is for the file system to say). */
    status_t (*unlink)(struct fs_node *directory, const char *name, size_t length,
                       struct fs_node *child);
    status_t (*rename)(const struct fs_rename *rename);
    status_t (*read_link)(struct fs_node *node, char *to, size_t size, size_t *length);
    /* The directory that holds this one; of the root: the root. */
    status_t (*parent)(struct fs_node *directory, struct fs_node **parent);
    /* Its name in there, not terminated. */
    status_t (*name)(struct fs_node *directory, char *to, size_t size, size_t *length);
    /* fs_entries_add for the entries after cookie, `.` and `..` among them, until it says stop. */
    status_t (*read_directory)(struct fs_node *directory, void *data, uint64_t cookie,
                               struct fs_entries *entries);
    status_t (*open)(struct fs_node *node, uint32_t flags, void **data);
    void (*close)(struct fs_node *node, void *data);
    status_t (*read)(struct fs_node *node, void *data, uint64_t offset, void *to, uint32_t length,
                     uint32_t *done);
    status_t (*write)(struct fs_node *node, void *data, uint64_t offset, const void *from,
                      uint32_t length, uint32_t *done);
    status_t (*content)(struct fs_node *node, void *data, uint32_t prot, handle_t *vmo,
                        uint64_t *size, bool *coherent);
    status_t (*modified)(struct fs_node *node);
    status_t (*sync)(struct fs_node *node, void *data, bool data_only);
    /* Leave the file system clean: nothing more will be asked. Without it sync of the root is called. */
    status_t (*finish)(struct fs_server *server);
    status_t (*statistics)(struct fs_server *server,
                           struct fs_statistics *statistics); /* all but .device */
    status_t (*xattr)(struct fs_node *node, struct fs_xattr *call);
    void (*release)(struct fs_node *node);
    bool keeps_dos; /* attributes and set_attributes know attr.dos themselves */
    bool folds; /* lookup finds names without case; otherwise this library keeps tables for that */
    /* only with `sole`: looking up all names of a directory does not take long */
    bool lists_attributes;
    bool costly_lookup; /* only with `sole`: this library remembers what lookup said */
    bool sole; /* nothing but calls of this server changes the files: clients may remember names */
};

/* An open node; what a badge names. */
struct fs_open {
    struct fs_node *node; /* NULL: the badge is free */
    uint32_t flags;
    struct fs_who who; /* opened it; without the groups */
    uint64_t position;
    void *data;
    handle_t buffer; /* VMO of the client's for bulk transfers, or none */
    uint32_t buffer_size;
    handle_t claim; /* VMO of the client's with a struct fs_claim of FS_O_DENY_WRITE, or none */
    uint32_t claim_at;
    bool watching; /* has been asked for events: does not keep the file system mounted */
    uint32_t next_free;
};

struct fs_server {
    struct service service;
    const struct fs_ops *ops;
    struct fs_node *root;
    uint32_t device;            /* object id of the port */
    handle_t parent;            /* directory that holds our mount point, or none */
    char mount_path[512];       /* of the mount point; "" for the root of all */
    struct fs_open *opens;      /* indexed by badge */
    struct fs_changes *changes; /* NULL unless ops->sole */
    handle_t changes_vmo;
    uint32_t open_capacity, open_free;
    uint32_t covered;         /* directories with another file system on them */
    bool finished;            /* see fs_finish of the protocol */
    uint32_t mount_flags;     /* enum fs_mount_flags */
    struct fs_watch *watches; /* of all nodes; events.c */
    uint32_t watch_count;
};

status_t fs_server_init(struct fs_server *server, handle_t port, const struct fs_ops *ops,
                        struct fs_node *root);
void fs_server_run(struct fs_server *server) __attribute__((noreturn));

/* Log "what: text of status" and end: who asked for the mount is told the status. */
void fs_server_fail(const char *what, status_t status) __attribute__((noreturn));

/* Set up the common part of a new node, with one reference. */
void fs_node_init(struct fs_server *server, struct fs_node *node, uint64_t ino);
struct fs_node *fs_node_get(struct fs_node *node);
void fs_node_put(struct fs_node *node);

#endif
