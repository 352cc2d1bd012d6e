/* SPDX-License-Identifier: MIT */
/* What the files about open nodes share: node.c; node_io.c, which reads and writes; node_list.c for directories. */
#ifndef POSIX_NODE_H
#define POSIX_NODE_H

#include "file.h"
#include "inode.h"

#define BULK_SIZE 65536u

/* file->data of a node file. */
struct node_data {
    struct inode *inode; /* NULL until the first transfer */
    handle_t bulk;
    uint8_t *bulk_view;
    bool shared_position, modified;
    handle_t
        vmo; /* of its content, as the node is open; what opening it brought, until it is used */
    uint32_t change; /* `known` was right then */
    bool is_known;
    struct fs_attr known;
    /* A directory has been read up to this offset, and there was no more when it was as of ended_at. */
    uint64_t end;
    uint32_t ended_at;
    bool ended;
    bool shared_node;    /* the node is another description's too: see node_own */
    handle_t other_node; /* what it was then; somebody may still be using it */
};

static inline struct node_data *node_data_of(const struct file *file)
{
    return file->data;
}

/* struct file_ops */
int node_read(struct file *file, struct io *io, uint64_t *offset);
int node_write(struct file *file, struct io *io, uint64_t *offset);
void node_list_init(void);
int node_read_directory(struct file *file, bool wide, user_t buffer, uint32_t size);
/* Gives the file an inode whose VMO allows `prot`. 0; 1: there is no coherent VMO; -errno. No lock. */
int node_need_vmo(struct file *file, uint32_t prot);
/* The file system is told that the content has changed, if it has. */
void node_flush_modified(struct file *file);

#endif
