/* SPDX-License-Identifier: MIT */
/* What a file system should hold: a tree in memory that takes the same random operations. */
#ifndef TEST_EXT_MODEL_H
#define TEST_EXT_MODEL_H

#include <ext/ext.h>

#define MODEL_NODES   400
#define MODEL_ENTRIES 4000

struct model_node {
    uint32_t ino; /* 0: unused */
    uint32_t mode, links, parent;
    uint8_t *bytes;
    uint32_t size, capacity;
};
struct model_entry {
    uint32_t directory, node; /* indexes; node 0 is the root; entry unused: length 0 */
    uint32_t length;
    char name[256];
};
struct model {
    struct model_node nodes[MODEL_NODES];
    struct model_entry entries[MODEL_ENTRIES];
    uint32_t name_number, largest_file, name_padding;
};

void model_start(struct model *model);
void model_end(struct model *model);
/* One random operation on both; false: they disagree. NO_SPACE is a result like any other. */
bool model_step(struct model *model, struct ext_fs *fs);
/* Everything in the model is in the file system, and nothing else. */
bool model_agrees(const struct model *model, struct ext_fs *fs);
void model_copy(const struct model *from, struct model *to);

#endif
