/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

#define DIRECTORY 0040000u
#define FILE_TYPE 0100000u
#define LINK_TYPE 0120000u
#define TYPE_MASK 0170000u
#define NONE      UINT32_MAX

#define WRONG(...) (fprintf(stderr, "model: " __VA_ARGS__), fputc('\n', stderr), false)

void model_start(struct model *model)
{
    memset(model, 0, sizeof *model);
    model->nodes[0] = (struct model_node){.ino = EXT_ROOT, .mode = DIRECTORY, .links = 2};
    model->largest_file = 300000;
}

void model_end(struct model *model)
{
    for (uint32_t i = 0; i < MODEL_NODES; i++)
        free(model->nodes[i].bytes);
}

void model_copy(const struct model *from, struct model *to)
{
    memcpy(to, from, sizeof *to);
    for (uint32_t i = 0; i < MODEL_NODES; i++) {
        struct model_node *node = &to->nodes[i];
        if (node->bytes == NULL)
            continue;
        node->bytes = malloc(node->capacity);
        memcpy(node->bytes, from->nodes[i].bytes, node->size);
    }
}

/* ---- choosing --------------------------------------------------------------------------------------- */

static bool is_directory(const struct model_node *node)
{
    return (node->mode & TYPE_MASK) == DIRECTORY;
}

static uint32_t random_node(const struct model *model, uint32_t type)
{
    uint32_t start = disk_random() % MODEL_NODES;
    for (uint32_t i = 0; i < MODEL_NODES; i++) {
        const struct model_node *node = &model->nodes[(start + i) % MODEL_NODES];
        if (node->ino != 0 && node->links > 0 && (node->mode & TYPE_MASK) == type)
            return (start + i) % MODEL_NODES;
    }
    return NONE;
}

static uint32_t random_entry(const struct model *model)
{
    uint32_t start = disk_random() % MODEL_ENTRIES;
    for (uint32_t i = 0; i < MODEL_ENTRIES; i++)
        if (model->entries[(start + i) % MODEL_ENTRIES].length > 0)
            return (start + i) % MODEL_ENTRIES;
    return NONE;
}

static uint32_t free_node(const struct model *model)
{
    for (uint32_t i = 1; i < MODEL_NODES; i++)
        if (model->nodes[i].ino == 0)
            return i;
    return NONE;
}

static uint32_t free_entry(const struct model *model)
{
    for (uint32_t i = 0; i < MODEL_ENTRIES; i++)
        if (model->entries[i].length == 0)
            return i;
    return NONE;
}

static void new_name(struct model *model, struct model_entry *entry)
{
    uint32_t padding = disk_random() % 8 == 0 ? disk_random() % 230 : model->name_padding;
    entry->length = (uint32_t)snprintf(
        entry->name, sizeof entry->name, "n%u-%.*s", model->name_number++, (int)padding,
        "padding.padding.padding.padding.padding.padding.padding.padding."
        "padding.padding.padding.padding.padding.padding.padding.padding."
        "padding.padding.padding.padding.padding.padding.padding.padding."
        "padding.padding.padding.padding.padding.padding.padding.padding.");
}

static bool is_empty(const struct model *model, uint32_t directory)
{
    for (uint32_t i = 0; i < MODEL_ENTRIES; i++)
        if (model->entries[i].length > 0 && model->entries[i].directory == directory)
            return false;
    return true;
}

static bool is_below(const struct model *model, uint32_t node, uint32_t above)
{
    for (; node != 0; node = model->nodes[node].parent)
        if (node == above)
            return true;
    return above == 0;
}

static void resize(struct model_node *node, uint32_t size)
{
    if (size > node->capacity) {
        node->capacity = size * 2;
        node->bytes = realloc(node->bytes, node->capacity);
    }
    if (size > node->size)
        memset(node->bytes + node->size, 0, size - node->size);
    node->size = size;
}

static void fill(uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(disk_random() >> 8 | 1);
}

/* ---- operations ------------------------------------------------------------------------------------- */

static bool step_create(struct model *model, struct ext_fs *fs, uint32_t type)
{
    char target[600];
    uint32_t at = free_node(model), entry_at = free_entry(model), ino = 0;
    uint32_t directory = random_node(model, DIRECTORY);
    if (at == NONE || entry_at == NONE)
        return true;
    struct model_entry *entry = &model->entries[entry_at];
    new_name(model, entry);
    struct ext_create create = {
        .name = entry->name, .length = entry->length, .mode = type | 0644, .uid = 70000, .gid = 7};
    if (type == LINK_TYPE) {
        create.target = target;
        create.target_length = 1 + disk_random() % (disk_random() % 2 ? 59 : 599);
        memset(target, 't', sizeof target);
    }
    status_t status = ext_create(fs, model->nodes[directory].ino, &create, &ino);
    if (status != OK) {
        entry->length = 0;
        return status == ERR_NO_SPACE ? true : WRONG("create: %d", status);
    }
    struct model_node *node = &model->nodes[at];
    *node = (struct model_node){.ino = ino, .mode = create.mode, .parent = directory};
    node->links = type == DIRECTORY ? 2 : 1;
    if (type == DIRECTORY)
        model->nodes[directory].links++;
    if (type == LINK_TYPE) {
        resize(node, (uint32_t)create.target_length);
        memset(node->bytes, 't', node->size);
    }
    entry->directory = directory;
    entry->node = at;
    return true;
}

static bool step_link(struct model *model, struct ext_fs *fs)
{
    uint32_t node = random_node(model, FILE_TYPE), at = free_entry(model);
    uint32_t directory = random_node(model, DIRECTORY);
    if (node == NONE || at == NONE)
        return true;
    struct model_entry *entry = &model->entries[at];
    new_name(model, entry);
    status_t status = ext_link(fs, model->nodes[directory].ino, entry->name, entry->length,
                               model->nodes[node].ino);
    if (status != OK) {
        entry->length = 0;
        return status == ERR_NO_SPACE ? true : WRONG("link: %d", status);
    }
    entry->directory = directory;
    entry->node = node;
    model->nodes[node].links++;
    return true;
}

static bool drop(struct model *model, struct ext_fs *fs, uint32_t at, bool last)
{
    struct model_node *node = &model->nodes[at];
    if (is_directory(node)) {
        model->nodes[node->parent].links--;
        node->links = 0;
    } else {
        node->links--;
    }
    if (last != (node->links == 0))
        return WRONG("last is %d with %u links", last, node->links);
    if (node->links > 0)
        return true;
    status_t status = ext_release(fs, node->ino);
    free(node->bytes);
    memset(node, 0, sizeof *node);
    return status == OK ? true : WRONG("release: %d", status);
}

static bool step_unlink(struct model *model, struct ext_fs *fs)
{
    uint32_t at = random_entry(model);
    bool last;
    if (at == NONE)
        return true;
    struct model_entry *entry = &model->entries[at];
    status_t status =
        ext_unlink(fs, model->nodes[entry->directory].ino, entry->name, entry->length, &last);
    if (is_directory(&model->nodes[entry->node]) && !is_empty(model, entry->node))
        return status == ERR_NOT_EMPTY ? true : WRONG("unlink of a full one: %d", status);
    if (status != OK)
        return status == ERR_NO_SPACE ? true : WRONG("unlink: %d", status);
    entry->length = 0;
    return drop(model, fs, entry->node, last);
}

static bool step_rename(struct model *model, struct ext_fs *fs)
{
    uint32_t from = random_entry(model), to = free_entry(model), replaced = 0;
    uint32_t directory = random_node(model, DIRECTORY);
    if (from == NONE || to == NONE)
        return true;
    struct model_entry *old = &model->entries[from], *new = &model->entries[to];
    struct model_node *node = &model->nodes[old->node];
    if (is_directory(node) && is_below(model, directory, old->node))
        return true;
    new_name(model, new);
    new->node = NONE;
    uint32_t other = random_entry(model);
    if (disk_random() % 2 && model->entries[other].node != NONE) {
        struct model_entry *victim = &model->entries[other];
        const struct model_node *gone = &model->nodes[victim->node];
        bool fits = is_directory(gone) == is_directory(node) && victim->node != old->node &&
                    !(is_directory(gone) && !is_empty(model, victim->node)) &&
                    !(is_directory(node) && is_below(model, victim->directory, old->node));
        if (fits) {
            new->length = 0;
            new = victim;
            directory = victim->directory;
        }
    }
    struct ext_rename rename = {.old_directory = model->nodes[old->directory].ino,
                                .new_directory = model->nodes[directory].ino,
                                .old_name = old->name,
                                .new_name = new->name,
                                .old_length = old->length,
                                .new_length = new->length};
    uint32_t victim = new->node;
    status_t status = ext_rename(fs, &rename, &replaced);
    if (status != OK) {
        if (victim == NONE)
            new->length = 0;
        return status == ERR_NO_SPACE ? true : WRONG("rename: %d", status);
    }
    if (victim != NONE && !drop(model, fs, victim, replaced != 0))
        return false;
    if (is_directory(node)) {
        model->nodes[old->directory].links--;
        model->nodes[directory].links++;
        node->parent = directory;
    }
    new->node = old->node;
    new->directory = directory;
    old->length = 0;
    return true;
}

static bool step_exchange(struct model *model, struct ext_fs *fs)
{
    uint32_t first = random_entry(model), second = random_entry(model), replaced;
    if (first == NONE || first == second)
        return true;
    struct model_entry *a = &model->entries[first], *b = &model->entries[second];
    if (a->node == b->node || is_directory(&model->nodes[a->node]) ||
        is_directory(&model->nodes[b->node]))
        return true;
    struct ext_rename rename = {.old_directory = model->nodes[a->directory].ino,
                                .new_directory = model->nodes[b->directory].ino,
                                .old_name = a->name,
                                .new_name = b->name,
                                .old_length = a->length,
                                .new_length = b->length,
                                .exchange = true};
    status_t status = ext_rename(fs, &rename, &replaced);
    if (status != OK)
        return status == ERR_NO_SPACE ? true : WRONG("exchange: %d", status);
    uint32_t node = a->node;
    a->node = b->node;
    b->node = node;
    return true;
}

static bool step_write(struct model *model, struct ext_fs *fs)
{
    uint32_t at = random_node(model, FILE_TYPE), done;
    if (at == NONE)
        return true;
    struct model_node *node = &model->nodes[at];
    uint32_t length = 1 + disk_random() % (disk_random() % 4 ? 5000 : 60000);
    uint32_t offset = disk_random() % (disk_random() % 3 ? node->size + 1 : model->largest_file);
    uint8_t *bytes = malloc(length);
    fill(bytes, length);
    status_t status = ext_write(fs, node->ino, offset, bytes, length, &done);
    if (done > 0) {
        if (offset + done > node->size)
            resize(node, offset + done);
        memcpy(node->bytes + offset, bytes, done);
    }
    free(bytes);
    return status == OK || status == ERR_NO_SPACE ? true : WRONG("write: %d", status);
}

static bool step_truncate(struct model *model, struct ext_fs *fs)
{
    uint32_t at = random_node(model, FILE_TYPE);
    if (at == NONE)
        return true;
    struct model_node *node = &model->nodes[at];
    uint32_t size = disk_random() % (disk_random() % 2 ? node->size + 1 : model->largest_file);
    status_t status = ext_truncate(fs, node->ino, size);
    if (status == OK)
        resize(node, size);
    return status == OK || status == ERR_NO_SPACE ? true : WRONG("truncate: %d", status);
}

bool model_step(struct model *model, struct ext_fs *fs)
{
    uint32_t kind = disk_random() % 100;
    if (kind < 22)
        return step_create(model, fs, FILE_TYPE);
    if (kind < 30)
        return step_create(model, fs, DIRECTORY);
    if (kind < 34)
        return step_create(model, fs, LINK_TYPE);
    if (kind < 40)
        return step_link(model, fs);
    if (kind < 60)
        return step_unlink(model, fs);
    if (kind < 68)
        return step_rename(model, fs);
    if (kind < 70)
        return step_exchange(model, fs);
    return kind < 93 ? step_write(model, fs) : step_truncate(model, fs);
}

/* ---- comparing -------------------------------------------------------------------------------------- */

static bool same_bytes(const struct model_node *node, struct ext_fs *fs)
{
    uint32_t done = 0;
    size_t length = 0;
    uint8_t *bytes = malloc(node->size + 1);
    status_t status = (node->mode & TYPE_MASK) == LINK_TYPE
                          ? ext_read_link(fs, node->ino, (char *)bytes, node->size, &length)
                          : ext_read(fs, node->ino, 0, bytes, node->size + 1, &done);
    if (length > 0)
        done = (uint32_t)length;
    bool same =
        status == OK && done == node->size && (done == 0 || memcmp(bytes, node->bytes, done) == 0);
    if (!same)
        for (uint32_t i = 0; i < node->size; i++)
            if (i >= done || bytes[i] != node->bytes[i]) {
                fprintf(stderr, "byte %u of %u (got %u, %d)\n", i, node->size, done, status);
                break;
            }
    free(bytes);
    return same;
}

static bool same_node(const struct model_node *node, struct ext_fs *fs)
{
    struct ext_attributes attributes;
    status_t status = ext_get_attributes(fs, node->ino, &attributes);
    if (status != OK)
        return WRONG("attributes of %u: %d", node->ino, status);
    if (attributes.nlink != node->links)
        return WRONG("links of %u: %u, not %u", node->ino, attributes.nlink, node->links);
    if (is_directory(node))
        return true;
    if (attributes.mode != node->mode || attributes.size != node->size || attributes.uid != 70000 ||
        attributes.gid != 7)
        return WRONG("attributes of %u: size %u, not %u", node->ino, (unsigned)attributes.size,
                     node->size);
    return same_bytes(node, fs) ? true : WRONG("bytes of %u", node->ino);
}

static bool count_entry(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                        const char *name, size_t length)
{
    (void)ino;
    (void)cookie;
    (void)mode;
    if (name[0] != '.' && !(length == 10 && memcmp(name, "lost+found", 10) == 0))
        ++*(uint32_t *)context;
    return true;
}

bool model_agrees(const struct model *model, struct ext_fs *fs)
{
    uint32_t counts[MODEL_NODES] = {0};
    for (uint32_t i = 0; i < MODEL_ENTRIES; i++) {
        const struct model_entry *entry = &model->entries[i];
        uint32_t ino;
        if (entry->length == 0)
            continue;
        counts[entry->directory]++;
        status_t status =
            ext_lookup(fs, model->nodes[entry->directory].ino, entry->name, entry->length, &ino);
        if (status != OK || ino != model->nodes[entry->node].ino)
            return WRONG("name %s: %d", entry->name, status);
    }
    for (uint32_t i = 0; i < MODEL_NODES; i++) {
        const struct model_node *node = &model->nodes[i];
        uint32_t found = 0;
        if (node->ino == 0 || node->links == 0)
            continue;
        if (i != 0 && !same_node(node, fs))
            return false;
        if (!is_directory(node))
            continue;
        status_t status = ext_read_directory(fs, node->ino, 0, count_entry, &found);
        if (status != OK || found != counts[i])
            return WRONG("entries of %u: %u, not %u (%d)", node->ino, found, counts[i], status);
    }
    return true;
}
