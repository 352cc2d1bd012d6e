/* SPDX-License-Identifier: MIT */
/*
 * Directories: blocks of entries, each entry reaching to the next. With an index (index.c) the blocks
 * of the index look like unused entries, so that reading all of a directory needs no index.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define TYPE_COUNT 8u

static const uint32_t modes[TYPE_COUNT] = {
    0,
    EXT_TYPE_FILE,
    EXT_TYPE_DIRECTORY,
    EXT_TYPE_CHARACTER,
    EXT_TYPE_BLOCK,
    EXT_TYPE_FIFO,
    EXT_TYPE_SOCKET,
    EXT_TYPE_LINK,
};

static uint8_t type_byte(const struct ext_fs *fs, uint32_t mode)
{
    if (fs->incompat & EXT_FILETYPE)
        for (uint8_t type = 1; type < TYPE_COUNT; type++)
            if ((mode & EXT_TYPE_MASK) == modes[type])
                return type;
    return 0;
}

/* ---- blocks ----------------------------------------------------------------------------------------- */

uint32_t ext_directory_space(const struct ext_fs *fs)
{
    return fs->block_size - (fs->checksums ? (uint32_t)sizeof(struct ext_entry_tail) : 0);
}

void ext_directory_tail(const struct ext_fs *fs, uint8_t *block)
{
    struct ext_entry_tail tail = {.record_length = sizeof tail, .type = EXT_TAIL_TYPE};
    if (fs->checksums)
        memcpy(block + fs->block_size - sizeof tail, &tail, sizeof tail);
}

static struct ext_entry *entry_at(uint8_t *block, uint32_t offset)
{
    return (struct ext_entry *)(block + offset);
}

bool ext_directory_is_valid(const struct ext_fs *fs, const uint8_t *block)
{
    for (uint32_t at = 0; at < fs->block_size;) {
        const struct ext_entry *entry = (const struct ext_entry *)(block + at);
        uint32_t left = fs->block_size - at;
        if (left < sizeof *entry || entry->record_length < sizeof *entry ||
            entry->record_length % 4 != 0 || entry->record_length > left ||
            EXT_ENTRY_SIZE(entry->name_length) > entry->record_length ||
            (entry->ino != 0 && entry->name_length == 0) || entry->ino > fs->inode_count)
            return false;
        at += entry->record_length;
    }
    return true;
}

status_t ext_directory_block(struct ext_ref *directory, uint32_t logical,
                             struct ext_buffer **buffer)
{
    struct ext_mapping mapping;
    struct ext_fs *fs = directory->fs;
    status_t status = ext_map(directory, logical, 1, &mapping);
    if (status != OK)
        return status;
    if (mapping.physical == 0 || mapping.unwritten)
        return ext_damaged(fs);
    return ext_get(fs, mapping.physical, KIND_DIRECTORY,
                   ext_inode_seed(fs, directory->ino, directory->inode->generation), buffer);
}

status_t ext_directory_append(struct ext_ref *directory, uint32_t *logical,
                              struct ext_buffer **buffer)
{
    struct ext_fs *fs = directory->fs;
    struct ext_mapping mapping;
    uint64_t size = ext_inode_size(directory);
    if (size + fs->block_size > INT32_MAX)
        return ERR_NO_SPACE;
    *logical = (uint32_t)(size >> fs->block_bits);
    status_t status = ext_map_for_write(directory, *logical, 1, &mapping);
    if (status == OK && !mapping.fresh)
        status = ext_damaged(fs);
    if (status == OK)
        status =
            ext_get_new(fs, mapping.physical, KIND_DIRECTORY,
                        ext_inode_seed(fs, directory->ino, directory->inode->generation), buffer);
    if (status != OK)
        return status;
    entry_at((*buffer)->data, 0)->record_length = (uint16_t)ext_directory_space(fs);
    ext_directory_tail(fs, (*buffer)->data);
    ext_inode_set_size(directory, size + fs->block_size);
    return OK;
}

/* ---- entries of a block ----------------------------------------------------------------------------- */

static struct ext_entry *find_in_block(const struct ext_fs *fs, uint8_t *block, const char *name,
                                       size_t length, struct ext_entry **previous)
{
    *previous = NULL;
    for (uint32_t at = 0; at < fs->block_size;) {
        struct ext_entry *entry = entry_at(block, at);
        /* Names of one directory often differ at their ends only. */
        if (entry->ino != 0 && entry->name_length == length &&
            entry->name[length - 1] == name[length - 1] && memcmp(entry->name, name, length) == 0)
            return entry;
        *previous = entry;
        at += entry->record_length;
    }
    return NULL;
}

struct ext_entry *ext_block_find(struct ext_fs *fs, uint8_t *block, const char *name, size_t length)
{
    struct ext_entry *previous;
    return find_in_block(fs, block, name, length, &previous);
}

bool ext_block_insert(struct ext_fs *fs, uint8_t *block, const char *name, size_t length,
                      uint32_t ino, uint32_t mode)
{
    uint32_t need = EXT_ENTRY_SIZE((uint32_t)length), end = ext_directory_space(fs);
    for (uint32_t at = 0; at < end;) {
        struct ext_entry *entry = entry_at(block, at);
        uint32_t used = entry->ino != 0 ? EXT_ENTRY_SIZE(entry->name_length) : 0;
        uint32_t left = entry->record_length - used;
        if (at + entry->record_length > end)
            break; /* an index */
        if (left < need) {
            at += entry->record_length;
            continue;
        }
        if (used > 0) {
            entry->record_length = (uint16_t)used;
            entry = entry_at(block, at + used);
            entry->record_length = (uint16_t)left;
        }
        entry->ino = ino;
        entry->name_length = (uint8_t)length;
        entry->type = type_byte(fs, mode);
        memcpy(entry->name, name, length);
        return true;
    }
    return false;
}

static void remove_from_block(struct ext_entry *entry, struct ext_entry *previous)
{
    if (previous != NULL)
        previous->record_length = (uint16_t)(previous->record_length + entry->record_length);
    else
        entry->ino = 0;
}

/* ---- entries of a directory ------------------------------------------------------------------------- */

struct place {
    struct ext_buffer *buffer;
    struct ext_entry *entry, *previous;
};

static uint32_t block_count(const struct ext_ref *directory)
{
    return (uint32_t)(ext_inode_size(directory) >> directory->fs->block_bits);
}

static status_t find_in(struct ext_ref *directory, uint32_t logical, const char *name,
                        size_t length, struct place *place)
{
    struct ext_fs *fs = directory->fs;
    status_t status = ext_directory_block(directory, logical, &place->buffer);
    if (status != OK)
        return status;
    place->entry = find_in_block(fs, place->buffer->data, name, length, &place->previous);
    if (place->entry != NULL)
        return OK;
    ext_put(fs, place->buffer);
    return ERR_NOT_FOUND;
}

/* On success the place's buffer is held. */
static status_t find_place(struct ext_ref *directory, const char *name, size_t length,
                           struct place *place)
{
    uint32_t logical, count = block_count(directory);
    if (ext_is_dots(name, length))
        return find_in(directory, 0, name, length, place);
    if (directory->inode->flags & EXT_INDEXED) {
        status_t status = ext_index_find(directory, name, length, &logical);
        if (status == OK)
            return find_in(directory, logical, name, length, place);
        if (status != ERR_NOT_SUPPORTED)
            return status;
    }
    for (logical = 0; logical < count; logical++) {
        status_t status = find_in(directory, logical, name, length, place);
        if (status != ERR_NOT_FOUND)
            return status;
    }
    return ERR_NOT_FOUND;
}

static status_t find_inline(struct ext_ref *directory, const char *name, size_t length,
                            uint32_t *ino)
{
    struct ext_fs *fs = directory->fs;
    status_t status = ext_inline_directory(directory, fs->bounce);
    if (status != OK)
        return status;
    const struct ext_entry *entry = ext_block_find(fs, fs->bounce, name, length);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    *ino = entry->ino;
    return OK;
}

status_t ext_entry_find(struct ext_ref *directory, const char *name, size_t length, uint32_t *ino)
{
    struct place place;
    if (ext_is_inline(directory))
        return find_inline(directory, name, length, ino);
    status_t status = find_place(directory, name, length, &place);
    if (status != OK)
        return status;
    *ino = place.entry->ino;
    ext_put(directory->fs, place.buffer);
    return OK;
}

status_t ext_entry_set(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode)
{
    struct place place;
    status_t status = find_place(directory, name, length, &place);
    if (status != OK)
        return status;
    status = ext_change(directory->fs, place.buffer);
    if (status == OK) {
        place.entry->ino = ino;
        place.entry->type = type_byte(directory->fs, mode);
    }
    ext_put(directory->fs, place.buffer);
    return status;
}

status_t ext_entry_remove(struct ext_ref *directory, const char *name, size_t length)
{
    struct place place;
    status_t status = find_place(directory, name, length, &place);
    if (status != OK)
        return status;
    const struct ext_entry *changed = place.previous != NULL ? place.previous : place.entry;
    status = ext_change_part(directory->fs, place.buffer,
                             (uint32_t)((const uint8_t *)changed - place.buffer->data),
                             offsetof(struct ext_entry, name));
    if (status == OK)
        remove_from_block(place.entry, place.previous);
    ext_put(directory->fs, place.buffer);
    return status;
}

/* NO_SPACE: this block has no room. */
static status_t add_in(struct ext_ref *directory, uint32_t logical, const char *name, size_t length,
                       uint32_t ino, uint32_t mode)
{
    struct ext_buffer *buffer;
    struct ext_fs *fs = directory->fs;
    status_t status = ext_directory_block(directory, logical, &buffer);
    if (status != OK)
        return status;
    status = ext_change(fs, buffer);
    if (status == OK && !ext_block_insert(fs, buffer->data, name, length, ino, mode))
        status = ERR_NO_SPACE;
    ext_put(fs, buffer);
    return status;
}

static status_t add_in_new(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                           uint32_t mode)
{
    struct ext_buffer *buffer;
    uint32_t logical;
    status_t status = ext_directory_append(directory, &logical, &buffer);
    if (status != OK)
        return status;
    if (!ext_block_insert(directory->fs, buffer->data, name, length, ino, mode))
        status = ERR_NAME_TOO_LONG;
    ext_put(directory->fs, buffer);
    return status;
}

/* Where there was room the last time there may be some again: the last blocks first. */
static status_t add_linear(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                           uint32_t mode)
{
    for (uint32_t logical = block_count(directory); logical-- > 0;) {
        struct ext_buffer *buffer;
        status_t status = ext_directory_block(directory, logical, &buffer);
        if (status != OK)
            return status;
        uint32_t room = 0, need = EXT_ENTRY_SIZE((uint32_t)length);
        for (uint32_t at = 0; at < ext_directory_space(directory->fs) && room < need;) {
            const struct ext_entry *entry = entry_at(buffer->data, at);
            room =
                entry->record_length - (entry->ino != 0 ? EXT_ENTRY_SIZE(entry->name_length) : 0);
            at += entry->record_length;
        }
        ext_put(directory->fs, buffer);
        if (room < need)
            continue;
        status = add_in(directory, logical, name, length, ino, mode);
        if (status != ERR_NO_SPACE)
            return status;
    }
    return ERR_NO_SPACE;
}

/* In an operation, the directory's inode changed. */
status_t ext_entry_add(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode)
{
    if (length == 0 || length > EXT_NAME_MAX)
        return ERR_NAME_TOO_LONG;
    if (directory->inode->flags & EXT_INDEXED)
        return ext_index_add(directory, name, length, ino, mode);
    status_t status = add_linear(directory, name, length, ino, mode);
    if (status != ERR_NO_SPACE)
        return status;
    if ((directory->fs->compat & EXT_DIR_INDEX) && block_count(directory) == 1) {
        status = ext_index_make(directory);
        if (status == OK)
            return ext_index_add(directory, name, length, ino, mode);
        if (status != ERR_NOT_SUPPORTED)
            return status;
    }
    return add_in_new(directory, name, length, ino, mode);
}

/* ---- all entries ------------------------------------------------------------------------------------ */

static bool take_block(struct ext_fs *fs, uint8_t *block, uint64_t base, uint64_t cookie,
                       ext_entry_taker *take, void *context)
{
    for (uint32_t at = 0; at < fs->block_size;) {
        const struct ext_entry *entry = entry_at(block, at);
        uint32_t next = at + entry->record_length;
        uint32_t mode = entry->type < TYPE_COUNT ? modes[entry->type] : 0;
        if (base + at >= cookie && entry->ino != 0 && entry->name_length > 0 &&
            !take(context, entry->ino, base + next, fs->incompat & EXT_FILETYPE ? mode : 0,
                  entry->name, entry->name_length))
            return false;
        at = next;
    }
    return true;
}

static status_t read_blocks(struct ext_ref *directory, uint64_t cookie, ext_entry_taker *take,
                            void *context)
{
    struct ext_fs *fs = directory->fs;
    uint32_t count = block_count(directory);
    if (cookie >> fs->block_bits >= count)
        return OK;
    for (uint32_t logical = (uint32_t)(cookie >> fs->block_bits); logical < count; logical++) {
        struct ext_buffer *buffer;
        status_t status = ext_directory_block(directory, logical, &buffer);
        if (status != OK)
            return status;
        bool more = take_block(fs, buffer->data, (uint64_t)logical << fs->block_bits, cookie, take,
                               context);
        ext_put(fs, buffer);
        if (!more)
            break;
    }
    return OK;
}

/* In memory of its own: who takes the entries may read something else meanwhile. */
static status_t read_inline(struct ext_ref *directory, uint64_t cookie, ext_entry_taker *take,
                            void *context)
{
    uint8_t *block = malloc(directory->fs->block_size);
    if (block == NULL)
        return ERR_NO_MEMORY;
    status_t status = ext_inline_directory(directory, block);
    if (status == OK)
        (void)take_block(directory->fs, block, 0, cookie, take, context);
    free(block);
    return status;
}

status_t ext_read_directory(struct ext_fs *fs, uint32_t ino, uint64_t cookie, ext_entry_taker *take,
                            void *context)
{
    struct ext_ref directory;
    status_t status = ext_open(fs, ino, &directory);
    if (status != OK)
        return status;
    if (!ext_is_type(&directory, EXT_TYPE_DIRECTORY))
        status = ERR_NOT_DIRECTORY;
    else if (ext_is_inline(&directory))
        status = read_inline(&directory, cookie, take, context);
    else
        status = read_blocks(&directory, cookie, take, context);
    ext_close(&directory);
    return status;
}

static bool is_only_dots(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                         const char *name, size_t length)
{
    bool *empty = context;
    (void)ino;
    (void)cookie;
    (void)mode;
    *empty = ext_is_dots(name, length);
    return *empty;
}

status_t ext_directory_is_empty(struct ext_ref *directory, bool *empty)
{
    *empty = true;
    return ext_read_directory(directory->fs, directory->ino, 0, is_only_dots, empty);
}
