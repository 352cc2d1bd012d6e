/* SPDX-License-Identifier: MIT */
/*
 * Setting, removing and listing extended attributes. All of an inode's are taken up, changed, and laid out anew: first in
 * the inode, as far as there is room, the rest in a block of its own. A block that inodes share is left to the others.
 *
 * Laid out: entries from the front, values from the end, both in steps of four bytes. In a block the entries are sorted and
 * have hashes, in an inode neither.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define ITEMS_MAX  512u
#define COPY_BYTES (2 * EXT_BLOCK_MAX)
#define STEP(size) (((uint32_t)(size) + 3u) & ~3u)

struct item {
    struct ext_xattr_name name;
    const uint8_t *value;
    uint32_t size;
    bool placed; /* in the inode */
};

/* The attributes of an inode, apart from it. */
struct collection {
    struct item items[ITEMS_MAX];
    uint32_t count, copied;
    uint8_t copy[COPY_BYTES]; /* what names and values point to */
};

struct set {
    uint32_t ino, flags;
    struct ext_xattr_name name;
    const void *value; /* NULL: remove it */
    size_t size;
    struct collection *all;
};

/* ---- taking up ------------------------------------------------------------------------------------ */

static status_t collect_from(struct ext_fs *fs, const struct ext_xattr_area *area,
                             struct collection *all)
{
    uint32_t length = (uint32_t)(area->end - area->base);
    uint8_t *copy = all->copy + all->copied;
    if (length > COPY_BYTES - all->copied)
        return ext_damaged(fs);
    memcpy(copy, area->base, length);
    all->copied += length;
    struct ext_xattr_area here = {copy, copy + (area->first - area->base), copy + length};
    const uint8_t *at = here.first;
    for (;;) {
        struct item item = {.placed = false};
        uint32_t value_ino;
        status_t status =
            ext_xattr_next(fs, &here, &at, &item.name, &item.value, &item.size, &value_ino);
        if (status != OK)
            return status == ERR_NOT_FOUND ? OK : status;
        if (value_ino != 0)
            return ERR_NOT_SUPPORTED;
        if (all->count == ITEMS_MAX)
            return ext_damaged(fs);
        all->items[all->count++] = item;
    }
}

static status_t collect(struct ext_ref *ref, struct collection *all)
{
    struct ext_xattr_area area;
    struct ext_buffer *buffer;
    status_t status = OK;
    all->count = all->copied = 0;
    if (ext_xattr_inode_area(ref, &area) && ext_xattr_inode_is_used(ref))
        status = collect_from(ref->fs, &area, all);
    if (status != OK || ext_xattr_block(ref) == 0)
        return status;
    status = ext_xattr_get_block(ref, &buffer, &area);
    if (status != OK)
        return status;
    status = collect_from(ref->fs, &area, all);
    ext_put(ref->fs, buffer);
    return status;
}

static bool is_name(const struct ext_xattr_name *a, const struct ext_xattr_name *b)
{
    return a->index == b->index && a->length == b->length &&
           memcmp(a->text, b->text, a->length) == 0;
}

/* The change itself, in the collection. */
static status_t change(const struct ext_fs *fs, struct set *set)
{
    struct collection *all = set->all;
    uint32_t at = 0;
    while (at < all->count && !is_name(&all->items[at].name, &set->name))
        at++;
    bool found = at < all->count;
    if (found ? (set->flags & EXT_XATTR_CREATE) != 0
              : (set->flags & EXT_XATTR_REPLACE) != 0 || set->value == NULL)
        return found ? ERR_ALREADY_EXISTS : ERR_NOT_FOUND;
    if (set->value == NULL) {
        memmove(&all->items[at], &all->items[at + 1], (--all->count - at) * sizeof all->items[0]);
        return OK;
    }
    if (set->size > fs->block_size || (!found && all->count == ITEMS_MAX))
        return ERR_NO_SPACE;
    all->count += !found;
    all->items[at] =
        (struct item){.name = set->name, .value = set->value, .size = (uint32_t)set->size};
    return OK;
}

/* ---- laying out ------------------------------------------------------------------------------------ */

static uint32_t entry_size(const struct item *item)
{
    return STEP(sizeof(struct ext_xattr_entry) + item->name.length);
}

static uint32_t hash_of(const struct item *item)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < item->name.length; i++)
        hash = hash << 5 ^ hash >> 27 ^ (uint8_t)item->name.text[i];
    for (uint32_t at = 0; at < item->size; at += 4) {
        uint32_t word = 0, left = item->size - at;
        memcpy(&word, item->value + at, left < 4 ? left : 4);
        hash = hash << 16 ^ hash >> 16 ^ word;
    }
    return hash;
}

/* Where the next entry and value go; offsets of values count from base. */
struct layout {
    uint8_t *base, *entry, *value;
};

static bool put(struct layout *layout, const struct item *item, bool hashed)
{
    uint32_t size = entry_size(item), room = STEP(item->size);
    if ((size_t)(layout->value - layout->entry) < size + room + 4)
        return false; /* four zeros end the entries */
    layout->value -= room;
    struct ext_xattr_entry entry = {.name_length = (uint8_t)item->name.length,
                                    .name_index = item->name.index,
                                    .value_size = item->size,
                                    .hash = hashed ? hash_of(item) : 0};
    if (item->size > 0)
        entry.value_offset = (uint16_t)(layout->value - layout->base);
    memcpy(layout->entry, &entry, sizeof entry);
    memcpy(layout->entry + sizeof entry, item->name.text, item->name.length);
    memcpy(layout->value, item->value, item->size);
    layout->entry += size;
    return true;
}

/* As many as there is room for; the inode has been prepared for a change. */
static void lay_out_inode(struct ext_ref *ref, struct collection *all)
{
    const uint32_t magic = EXT_XATTR_MAGIC;
    struct ext_xattr_area area;
    if (!ext_xattr_inode_area(ref, &area))
        return;
    uint8_t *base = (uint8_t *)ref->inode + (area.base - (const uint8_t *)ref->inode);
    uint8_t *end = base + (area.end - area.base);
    struct layout layout = {base, base, end};
    memset(base - sizeof magic, 0, (size_t)(end - base) + sizeof magic);
    bool any = false;
    for (uint32_t i = 0; i < all->count; i++)
        any |= all->items[i].placed = put(&layout, &all->items[i], false);
    if (any)
        memcpy(base - sizeof magic, &magic, sizeof magic);
}

/* The order of entries in a block. */
static int compare(const void *left, const void *right)
{
    const struct ext_xattr_name *a = &((const struct item *)left)->name,
                                *b = &((const struct item *)right)->name;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->text, b->text, a->length);
}

static uint32_t hash_of_block(const struct collection *all)
{
    uint32_t hash = 0;
    for (uint32_t i = 0; i < all->count; i++)
        if (!all->items[i].placed)
            hash = hash << 16 ^ hash >> 16 ^ hash_of(&all->items[i]);
    return hash;
}

static status_t lay_out_block(struct ext_fs *fs, uint8_t *block, struct collection *all)
{
    struct ext_xattr_header header = {.magic = EXT_XATTR_MAGIC, .references = 1, .blocks = 1};
    struct layout layout = {block, block + sizeof header, block + fs->block_size};
    qsort(all->items, all->count, sizeof all->items[0], compare);
    header.hash = hash_of_block(all);
    memset(block, 0, fs->block_size);
    memcpy(block, &header, sizeof header);
    for (uint32_t i = 0; i < all->count; i++)
        if (!all->items[i].placed && !put(&layout, &all->items[i], true))
            return ERR_NO_SPACE;
    return OK;
}

/* A block of its own for an inode that has none. */
static status_t new_block(struct ext_ref *ref, struct ext_buffer **buffer)
{
    uint64_t block;
    uint32_t count;
    status_t status = ext_allocate_blocks(ref->fs, ext_inode_goal(ref), 1, &block, &count);
    if (status == OK)
        status = ext_get_new(ref->fs, block, KIND_XATTR, 0, buffer);
    if (status != OK)
        return status;
    ref->inode->xattr_lo = (uint32_t)block;
    ref->inode->xattr_hi = (uint16_t)(block >> 32);
    ext_inode_add_blocks(ref, 1);
    return OK;
}

/* The inode's block, its own and to be changed. */
static status_t own_block(struct ext_ref *ref, struct ext_buffer **buffer)
{
    struct ext_xattr_area area;
    if (ext_xattr_block(ref) == 0)
        return new_block(ref, buffer);
    status_t status = ext_xattr_get_block(ref, buffer, &area);
    if (status != OK)
        return status;
    if (((const struct ext_xattr_header *)(*buffer)->data)->references == 1) {
        status = ext_change(ref->fs, *buffer);
        if (status != OK)
            ext_put(ref->fs, *buffer);
        return status;
    }
    ext_put(ref->fs, *buffer);
    status = ext_xattr_release(ref);
    return status == OK ? new_block(ref, buffer) : status;
}

static status_t store_block(struct ext_ref *ref, struct collection *all)
{
    struct ext_buffer *buffer;
    bool needed = false;
    for (uint32_t i = 0; i < all->count; i++)
        needed |= !all->items[i].placed;
    if (!needed)
        return ext_xattr_release(ref);
    status_t status = own_block(ref, &buffer);
    if (status != OK)
        return status;
    status = lay_out_block(ref->fs, buffer->data, all);
    ext_put(ref->fs, buffer);
    return status;
}

/* Old tools look for that before they look for attributes. */
static status_t note_feature(struct ext_fs *fs)
{
    if (ext_super_of(fs)->compat & EXT_ATTR)
        return OK;
    status_t status = ext_change_super(fs);
    if (status == OK)
        ext_super_of(fs)->compat |= EXT_ATTR;
    return status;
}

static status_t set_operation(struct ext_fs *fs, void *context)
{
    struct set *set = context;
    struct ext_ref ref;
    status_t status = ext_open(fs, set->ino, &ref);
    if (status != OK)
        return status;
    status = collect(&ref, set->all);
    if (status == OK)
        status = change(fs, set);
    if (status == OK)
        status = note_feature(fs);
    if (status == OK)
        status = ext_inode_change(&ref);
    if (status == OK) {
        lay_out_inode(&ref, set->all);
        status = store_block(&ref, set->all);
        ext_touch(&ref, TOUCH_CTIME, ext_now(fs));
        ext_inode_changed(&ref);
    }
    ext_close(&ref);
    return status;
}

static status_t run(struct ext_fs *fs, struct set *set, const char *name, size_t length)
{
    if (!ext_xattr_split(name, length, &set->name))
        return set->value != NULL ? ERR_NOT_SUPPORTED : ERR_NOT_FOUND;
    set->all = malloc(sizeof *set->all);
    if (set->all == NULL)
        return ERR_NO_MEMORY;
    status_t status = ext_run(fs, set_operation, set);
    free(set->all);
    return status;
}

status_t ext_set_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length,
                       const void *value, size_t size, uint32_t flags)
{
    struct set set = {.ino = ino, .flags = flags, .value = value, .size = size};
    return run(fs, &set, name, length);
}

status_t ext_remove_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length)
{
    struct set set = {.ino = ino};
    return run(fs, &set, name, length);
}

/* ---- listing -------------------------------------------------------------------------------------- */

static void list_items(const struct collection *all, uint8_t *to, size_t size, size_t *result)
{
    *result = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct ext_xattr_name *name = &all->items[i].name;
        const char *prefix = ext_xattr_prefix(name->index);
        if (prefix == NULL || ext_xattr_is_content(name))
            continue; /* of another time: nobody can name it; or no attribute at all */
        size_t before = strlen(prefix), length = before + name->length + 1;
        if (*result + length <= size) {
            memcpy(to + *result, prefix, before);
            memcpy(to + *result + before, name->text, name->length);
            to[*result + length - 1] = 0;
        }
        *result += length;
    }
}

status_t ext_list_xattrs(struct ext_fs *fs, uint32_t ino, void *to, size_t size, size_t *length)
{
    struct ext_ref ref;
    struct collection *all = malloc(sizeof *all);
    if (all == NULL)
        return ERR_NO_MEMORY;
    status_t status = ext_open(fs, ino, &ref);
    if (status == OK) {
        status = collect(&ref, all);
        ext_close(&ref);
    }
    if (status == OK)
        list_items(all, to, size, length);
    free(all);
    return status;
}
