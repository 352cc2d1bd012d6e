/* SPDX-License-Identifier: MIT */
/*
 * Files and directories of the mounted volume as lib/fs knows them. A node is known by the place of
 * its short entry as long as it has one; it keeps its directory alive. `bytes` is the entry as it is
 * on the volume, changed and stored together with what it describes.
 */
#ifndef FATFS_NODE_H
#define FATFS_NODE_H

#include <atomik/table.h>
#include <fs/content.h>

#include "fat.h"

struct node {
    struct fs_node base;
    struct table_link by_position; /* while it has an entry */
    struct list nameless;          /* while it has none */
    struct node *parent;
    char *name; /* as it is listed; NULL: the root */
    size_t name_length;
    struct fat_chain chain;
    uint32_t size; /* of a file, as its entry has it; its content may be longer so far */
    uint32_t slot, first_slot;
    uint64_t position;
    uint8_t bytes[FAT_ENTRY_SIZE];
    bool directory;
    uint32_t generation;       /* as of struct fs_attr: no two nodes have the same */
    struct fs_content content; /* nameless, of anything: its entry is gone */
    bool touched;              /* its entry has the time of the last write */
};

struct options {
    uint32_t uid, gid, file_mask, directory_mask;
    bool read_only, sync;
};

extern struct fat_volume volume;
extern struct fs_server server;
extern struct options options;

static inline struct node *node_of(struct fs_node *node)
{
    return (struct node *)node;
}

/* ---- node.c ---- */
status_t node_root(struct node **root);
/* The node of an entry of this directory, with a reference. */
status_t node_get(struct node *directory, const struct fat_entry *entry, struct node **node);
/* The number of what is at this place. */
uint64_t node_number(uint64_t position);
/* Its entry has a new place and name. */
status_t node_move(struct node *node, struct node *directory, const struct fat_entry *entry);
void node_unlink(struct node *node); /* its entry is gone */
status_t node_store(struct node *node);
void node_changed(struct node *node); /* the content; sets the times, does not store */
void node_release(struct fs_node *node);
/* Nobody holds it, and its content is not remembered. */
void node_forget(struct node *node);
/* Before the volume is finished: what is still open, but has no name, needs its clusters no more. */
void nodes_end(void);

/* ---- data.c: operations on content and attributes ---- */
status_t fat_attributes(struct fs_node *node, struct fs_attr *attr);
status_t fat_set_attributes(struct fs_node *node, uint32_t mask, const struct fs_attr *attr);
/* On the volume: within the size, which a write may make longer; zeros are between that and `at`. */
status_t chain_get(struct node *node, uint64_t at, void *to, uint32_t length, uint32_t *done);
status_t chain_put(struct node *node, uint64_t at, const void *from, uint32_t length,
                   uint32_t *done);
status_t chain_set_size(struct node *node, uint64_t size);
/* The result of a change: with the option `sync` it is put on the medium first. */
status_t change_done(status_t status);

/* ---- content.c ---- */
void content_init(void);
uint64_t content_size(const struct node *node);
status_t content_resize(struct node *node, uint64_t size);
status_t fat_read(struct fs_node *node, void *data, uint64_t offset, void *to, uint32_t length,
                  uint32_t *done);
status_t fat_write(struct fs_node *node, void *data, uint64_t offset, const void *from,
                   uint32_t length, uint32_t *done);
status_t fat_content(struct fs_node *node, void *data, uint32_t prot, handle_t *vmo, uint64_t *size,
                     bool *coherent);
status_t fat_open_node(struct fs_node *node, uint32_t flags, void **data);
void fat_close_node(struct fs_node *node, void *data);
status_t fat_modified(struct fs_node *node);

/* ---- names.c: operations on names ---- */
status_t fat_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                    struct fs_node **child);
status_t fat_create(struct fs_node *directory, const struct fs_new *new, struct fs_node **child);
status_t fat_link(struct fs_node *directory, const char *name, size_t length, struct fs_node *node);
status_t fat_unlink(struct fs_node *directory, const char *name, size_t length,
                    struct fs_node *child);
status_t fat_rename(const struct fs_rename *rename);
status_t fat_parent(struct fs_node *directory, struct fs_node **parent);
status_t fat_name_of(struct fs_node *directory, char *to, size_t size, size_t *length);
status_t fat_read_directory(struct fs_node *directory, void *data, uint64_t cookie,
                            struct fs_entries *entries);

/* ---- device.c ---- */
status_t device_open(const char *name, bool read_only, struct fat_device *device);

#endif
