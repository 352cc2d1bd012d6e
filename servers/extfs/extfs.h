/* SPDX-License-Identifier: MIT */
/*
 * ext2, ext3 and ext4 on a block device as a file system: what its files share. One thread; lib/ext
 * knows the format.
 *
 * A node is an inode that is in use, or whose content is remembered (fs/content.h). Everything else about
 * an inode is in lib/ext's blocks.
 */
#ifndef EXTFS_EXTFS_H
#define EXTFS_EXTFS_H

#include <atomik/table.h>
#include <ext/ext.h>
#include <fs/content.h>

struct node {
    struct fs_node node; /* first */
    struct table_link by_ino;
    uint32_t ino, type;
    uint32_t generation; /* as of struct fs_attr: no two nodes have the same */
    bool is_known;       /* `known` is what the inode says */
    struct ext_attributes known;

    /* ---- contents (content.c), of files ---- */
    struct fs_content content; /* nameless, of anything: its end frees the inode */
    uint64_t grown;            /* bytes that it will need room for, at most */
    uint64_t changed_at;       /* the time it was written last, for the inode; 0: that has it */
    uint64_t changed_ctime;    /* and the one of that or a later change of its attributes */
    bool direct;               /* too large for a VMO: every transfer goes to the device */
};

extern struct fs_server server;
extern struct ext_fs *fs;
extern uint32_t last_generation;

static inline struct node *node_of(struct fs_node *node)
{
    return (struct node *)node;
}

/* ---- device.c ---- */
status_t device_open(const char *name, bool read_only, struct ext_device *device);
/* Memory that the device reads and writes by itself. */
uint8_t *device_buffer(uint32_t *size);
/*
 * What was written out of that memory is collected, and has been written when anything else is done with the
 * device. An error is the one of all that was collected since the last drain.
 */
status_t device_drain(void);

/* ---- node.c ---- */
/* With a reference of the caller's. */
status_t node_get(uint32_t ino, struct node **node);
/* What the inode says; and it is to be asked again, as after everything that changes it. */
status_t node_attributes(struct node *node, const struct ext_attributes **attributes);
static inline void node_changed(struct fs_node *node)
{
    node_of(node)->is_known = false;
}
void node_release(struct fs_node *node); /* the last reference is gone */
/* Nobody holds it, and its content is not remembered. */
void node_forget(struct node *node);
/* At the end: inodes without names that are still open become free. */
void nodes_end(void);

/* ---- xattr.c ---- */
status_t extfs_xattr(struct fs_node *node, struct fs_xattr *call);

/* ---- content.c ---- */
void content_init(void);
status_t content_load(struct node *node); /* NOT_SUPPORTED: too large, use transfers */
/* `space`: there is to be room for what it grows by. */
status_t content_resize(struct node *node, uint64_t size, bool space);
status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done);
void content_close(struct node *node);
void content_touch(struct node *node); /* it has been written now */

#endif
