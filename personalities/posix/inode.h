/* SPDX-License-Identifier: MIT */
/* What is known of a regular file of a file system, for all who have it open. Under the server lock. */
#ifndef POSIX_INODE_H
#define POSIX_INODE_H

#include <atomik/list.h>
#include <protocols/fs.h>

#define VIEW_MAX (16u << 20) /* bytes of a file that are mapped at once */

struct inode {
    struct list link;      /* hash bucket */
    struct list idle_link; /* idle list, oldest first */
    uint64_t ino;
    uint32_t device, generation, references;
    handle_t vmo;          /* HANDLE_NONE until needed */
    uint32_t vmo_id, prot; /* what the VMO handle allows */
    handle_t node;   /* to sync by, from a writable shared mapping on, which outlives descriptors */
    bool paged;      /* its pages may have to be waited for */
    bool incoherent; /* there is no VMO that is the file, or the file has outgrown it */
    uint64_t size;
    uint8_t *view;
    uint64_t view_start;
    uint32_t view_length, pins;
    uint32_t copies; /* without a view so far */
};

/* The inode of a file, kept until inode_put, and for a while longer. NULL: no memory. */
struct inode *inode_get(const struct fs_attr *attr);
void inode_put(struct inode *inode);
/* What its VMO says: the size. */
void inode_refresh(struct inode *inode);
/*
 * The file is at least that long now. A VMO that is not has ceased to be the file: from now on it goes
 * by messages. Copies that are under way still end in the view.
 */
bool inode_reaches(struct inode *inode, uint64_t size);
/*
 * Maps the part of the file around offset. The bytes from there on, at most *length, or NULL when
 * out of memory or while the old view is pinned elsewhere.
 */
uint8_t *inode_view(struct inode *inode, uint64_t offset, uint32_t *length);
void inode_drop_view(struct inode *inode);

#endif
