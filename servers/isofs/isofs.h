/* SPDX-License-Identifier: MIT */
/*
 * ISO 9660 on a block device as a file system to read: what its files share. One thread; lib/iso knows the format.
 *
 * A node is a directory or a file that is in use, or a file whose content is remembered (fs/content.h).
 */
#ifndef ISOFS_ISOFS_H
#define ISOFS_ISOFS_H

#include <atomik/table.h>
#include <fs/content.h>
#include <iso/iso.h>

struct node {
    struct fs_node node; /* first */
    struct table_link by_ino;
    struct node *parent; /* of a directory, referenced; NULL: the root */
    struct fs_content content;
    struct iso_entry entry;
};

extern struct fs_server server;
extern struct iso_volume volume;

static inline struct node *node_of(struct fs_node *node)
{
    return (struct node *)node;
}

static inline bool is_directory(const struct iso_entry *entry)
{
    return (entry->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
}

/* A directory has the place of its records, everything else that of its own. */
static inline uint64_t number_of(const struct iso_entry *entry)
{
    return is_directory(entry) ? entry->extents[0].start : entry->position;
}

/* ---- device.c ---- */
status_t device_open(const char *name, struct iso_device *device);

/* ---- node.c ---- */
/* The node of an entry of this directory (NULL: of the root), with a reference of the caller's. */
status_t node_get(struct node *directory, const struct iso_entry *entry, struct node **node);
void node_release(struct fs_node *node);
/* Open the content of a file. NOT_SUPPORTED: too large for a VMO, use transfers. */
status_t node_content(struct node *node);
void contents_init(void);

#endif
