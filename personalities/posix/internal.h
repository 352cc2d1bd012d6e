/* SPDX-License-Identifier: MIT */
/*
 * Internal nodes: /dev, /proc and /sys. They are found by path text, live in no file system server and
 * are generated when opened or looked at.
 */
#ifndef POSIX_INTERNAL_H
#define POSIX_INTERNAL_H

#include <protocols/fs.h>

#include "core.h"

struct file;
struct internal_node;

struct internal_ops {
    /* directories: the name at *index or the next one, whose index is put there; false past the end */
    bool (*list)(const struct internal_node *node, uint32_t *index, char *name, uint32_t *type);
    /* text files: the content, made when the file is opened */
    void (*generate)(const struct internal_node *node, struct text *text);
    /* symbolic links: the target; -errno */
    int (*target)(const struct internal_node *node, char *target);
    /* links that lead to an open file rather than to a path; a reference, or NULL */
    struct file *(*magic)(const struct internal_node *node);
    /* files that are not text: opens it */
    int (*open)(const struct internal_node *node, uint32_t flags, struct file **result);
    /* text files that can be set: takes what was written, terminated and without a final newline */
    int (*store)(const struct internal_node *node, const char *text);
};

struct internal_node {
    const struct internal_ops *ops;
    uint32_t mode; /* with type bits */
    uint32_t pid, number, rdev;
    uint32_t uid; /* of a process that is not ours */
    const void *entry;
    uint64_t ino;
};

#define INTERNAL_DEVICE 5u /* st_dev */

/* Whether an absolute path belongs here. */
bool internal_owns(const char *absolute);
/* The node of a path; the last component's link is not followed. -errno; 1: `redirect` (PATH_MAX) is the path to go on with. */
int internal_lookup(const char *absolute, struct internal_node *node, char *redirect);
void internal_attr(const struct internal_node *node, struct fs_attr *attr);
int internal_open(const struct internal_node *node, uint32_t flags, const char *absolute,
                  struct file **result);

/* The two trees: `rest` is the path below /dev or /proc, without a leading slash. */
int dev_lookup(const char *rest, struct internal_node *node, char *redirect);
int sysfs_lookup(const char *rest, struct internal_node *node, char *redirect);
int sysblock_lookup(const char *rest, struct internal_node *node, char *redirect);
int proc_lookup(const char *rest, struct internal_node *node, char *redirect);

#endif
