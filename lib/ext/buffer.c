/* SPDX-License-Identifier: MIT */
/*
 * Blocks of metadata in memory, and operations on them. A buffer that an operation changes keeps what
 * the changed parts were before in copies, so that an operation that fails leaves no trace; the buffers that it has
 * changed are then part of the running transaction. All that is known about the file system is in
 * these buffers, so nothing else has to be undone.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define AHEAD_BLOCKS    16u
#define CACHE_BUFFERS   768u  /* kept for their own sake */
#define COMMITTED_LIMIT 1024u /* kept because they are not in their places yet */

status_t ext_device_read(struct ext_fs *fs, uint64_t block, uint32_t count, void *to)
{
    return fs->device.read(fs->device.context, block << fs->block_bits, to,
                           count << fs->block_bits);
}

status_t ext_device_write(struct ext_fs *fs, uint64_t block, uint32_t count, const void *from)
{
    return fs->device.write(fs->device.context, block << fs->block_bits, from,
                            count << fs->block_bits);
}

status_t ext_damaged(struct ext_fs *fs)
{
    fs->damaged = true;
    fs->read_only = true;
    return ERR_IO_ERROR;
}

/* ---- the cache ------------------------------------------------------------------------------------ */

static void take_out(struct ext_buffer *buffer)
{
    buffer->newer->older = buffer->older;
    buffer->older->newer = buffer->newer;
}

static void put_newest(struct ext_fs *fs, struct ext_buffer *buffer)
{
    buffer->older = fs->lru.older;
    buffer->newer = &fs->lru;
    fs->lru.older->newer = buffer;
    fs->lru.older = buffer;
}

struct ext_buffer *ext_find(struct ext_fs *fs, uint64_t block)
{
    struct table_link *link = table_find(&fs->buffers, block);
    return link != NULL ? container_of(link, struct ext_buffer, by_block) : NULL;
}

static void drop_saved(struct ext_buffer *buffer)
{
    while (buffer->before != NULL) {
        struct ext_saved *saved = buffer->before;
        buffer->before = saved->older;
        free(saved);
    }
}

static void destroy(struct ext_fs *fs, struct ext_buffer *buffer)
{
    table_remove(&fs->buffers, &buffer->by_block);
    take_out(buffer);
    fs->buffer_count--;
    drop_saved(buffer);
    free(buffer->frozen);
    free(buffer);
}

static bool is_needed(const struct ext_buffer *buffer)
{
    return buffer->references > 0 || buffer->changed || buffer->dirty || buffer->committed;
}

void ext_trim(struct ext_fs *fs)
{
    struct ext_buffer *buffer = fs->lru.newer, *next;
    uint32_t spare = CACHE_BUFFERS + fs->committed_count + fs->dirty_count;
    for (; buffer != &fs->lru && fs->buffer_count > spare; buffer = next) {
        next = buffer->newer;
        if (!is_needed(buffer))
            destroy(fs, buffer);
    }
}

static struct ext_buffer *find_or_make(struct ext_fs *fs, uint64_t block)
{
    struct ext_buffer *buffer = ext_find(fs, block);
    if (buffer != NULL) {
        take_out(buffer);
        put_newest(fs, buffer);
        buffer->references++;
        return buffer;
    }
    buffer = calloc(1, sizeof *buffer + fs->block_size);
    if (buffer == NULL)
        return NULL;
    buffer->data = (uint8_t *)(buffer + 1);
    buffer->block = block;
    buffer->references = 1;
    table_add(&fs->buffers, &buffer->by_block, block);
    put_newest(fs, buffer);
    fs->buffer_count++;
    return buffer;
}

void ext_put(struct ext_fs *fs, struct ext_buffer *buffer)
{
    assert(buffer->references > 0);
    if (--buffer->references == 0 && !buffer->valid && !is_needed(buffer))
        destroy(fs, buffer);
}

static status_t fill(struct ext_fs *fs, struct ext_buffer *buffer, uint32_t kind, uint32_t seed)
{
    status_t status = ext_device_read(fs, buffer->block, 1, buffer->data);
    if (status != OK)
        return status;
    buffer->valid = true;
    buffer->kind = kind;
    buffer->seed = seed;
    buffer->verified = 0;
    return OK;
}

status_t ext_get(struct ext_fs *fs, uint64_t block, uint32_t kind, uint32_t seed,
                 struct ext_buffer **result)
{
    status_t status = OK;
    if (block >= fs->block_count)
        return ext_damaged(fs);
    struct ext_buffer *buffer = find_or_make(fs, block);
    if (buffer == NULL)
        return ERR_NO_MEMORY;
    if (!buffer->valid)
        status = fill(fs, buffer, kind, seed);
    else if (buffer->kind != kind || (buffer->seed != seed && kind != KIND_XATTR))
        status = ext_damaged(fs); /* two owners */
    if (status == OK && kind != KIND_INODES && buffer->verified == 0) {
        status = ext_verify(fs, buffer);
        if (status == OK)
            buffer->verified = 1;
        else if (!buffer->dirty && !buffer->committed)
            buffer->valid = false;
    }
    if (status == OK)
        *result = buffer;
    else
        ext_put(fs, buffer);
    return status;
}

void ext_read_ahead(struct ext_fs *fs, uint64_t block, uint64_t end, uint32_t kind, uint32_t seed,
                    uint32_t seed_step)
{
    uint32_t count = 0;
    while (count < AHEAD_BLOCKS && block + count < end && block + count < fs->block_count &&
           ext_find(fs, block + count) == NULL)
        count++;
    uint8_t *space = count > 1 ? malloc(count << fs->block_bits) : NULL;
    if (space == NULL || ext_device_read(fs, block, count, space) != OK)
        count = 0; /* whoever needs them will read one and hear of an error */
    for (uint32_t i = 0; i < count; i++) {
        struct ext_buffer *buffer = find_or_make(fs, block + i);
        if (buffer == NULL)
            break;
        memcpy(buffer->data, space + (i << fs->block_bits), fs->block_size);
        buffer->valid = true;
        buffer->kind = kind;
        buffer->seed = seed + i * seed_step;
        ext_put(fs, buffer);
    }
    free(space);
}

/* Drop what is cached of a block whose content no longer matters. */
void ext_forget(struct ext_fs *fs, uint64_t block)
{
    struct ext_buffer *buffer = ext_find(fs, block), **link;
    if (buffer == NULL)
        return;
    assert(buffer->references == 0 && !buffer->changed);
    if (buffer->dirty) {
        for (link = &fs->dirty; *link != buffer;)
            link = &(*link)->next_dirty;
        *link = buffer->next_dirty;
        fs->dirty_count--;
    }
    if (buffer->committed) {
        for (link = &fs->committed; *link != buffer;)
            link = &(*link)->next_committed;
        *link = buffer->next_committed;
        fs->committed_count--;
    }
    destroy(fs, buffer);
}

void ext_buffers_end(struct ext_fs *fs)
{
    while (fs->lru.newer != NULL && fs->lru.newer != &fs->lru)
        destroy(fs, fs->lru.newer);
}

/* ---- operations ----------------------------------------------------------------------------------- */

static void add_changed(struct ext_fs *fs, struct ext_buffer *buffer)
{
    buffer->changed = true;
    buffer->was_dirty = buffer->dirty;
    buffer->next_changed = fs->changed;
    fs->changed = buffer;
    fs->changed_count++;
    if (buffer->dirty)
        return;
    buffer->dirty = true;
    buffer->next_dirty = fs->dirty;
    fs->dirty = buffer;
    fs->dirty_count++;
}

static bool is_saved(const struct ext_buffer *buffer, uint32_t offset, uint32_t length)
{
    for (const struct ext_saved *saved = buffer->before; saved != NULL; saved = saved->older)
        if (offset >= saved->offset && length <= saved->length &&
            offset - saved->offset <= saved->length - length)
            return true;
    return false;
}

status_t ext_change_part(struct ext_fs *fs, struct ext_buffer *buffer, uint32_t offset,
                         uint32_t length)
{
    assert(fs->operation && offset <= fs->block_size && length <= fs->block_size - offset);
    bool is_new = buffer->changed && buffer->before == NULL;
    if (is_new || is_saved(buffer, offset, length))
        return OK;
    struct ext_saved *saved = malloc(sizeof *saved + length);
    if (saved == NULL)
        return ERR_NO_MEMORY;
    *saved = (struct ext_saved){.older = buffer->before, .offset = offset, .length = length};
    memcpy(saved->bytes, buffer->data + offset, length);
    buffer->before = saved;
    if (!buffer->changed)
        add_changed(fs, buffer);
    return OK;
}

status_t ext_change(struct ext_fs *fs, struct ext_buffer *buffer)
{
    return ext_change_part(fs, buffer, 0, fs->block_size);
}

status_t ext_change_super(struct ext_fs *fs)
{
    uint32_t offset = (uint32_t)((uint8_t *)ext_super_of(fs) - fs->super_buffer->data);
    return ext_change_part(fs, fs->super_buffer, offset, sizeof(struct ext_super));
}

status_t ext_get_new(struct ext_fs *fs, uint64_t block, uint32_t kind, uint32_t seed,
                     struct ext_buffer **result)
{
    assert(fs->operation);
    struct ext_buffer *buffer = find_or_make(fs, block);
    if (buffer == NULL)
        return ERR_NO_MEMORY;
    if (buffer->dirty || buffer->committed || buffer->references > 1) {
        ext_put(fs, buffer); /* it is in use as something else */
        return ext_damaged(fs);
    }
    buffer->valid = false; /* what it was before is nothing to go back to */
    buffer->kind = kind;
    buffer->seed = seed;
    buffer->verified = kind == KIND_INODES ? 0 : 1;
    memset(buffer->data, 0, fs->block_size);
    add_changed(fs, buffer);
    buffer->valid = true;
    *result = buffer;
    return OK;
}

static void keep_changes(struct ext_fs *fs)
{
    while (fs->changed != NULL) {
        struct ext_buffer *buffer = fs->changed;
        fs->changed = buffer->next_changed;
        buffer->changed = false;
        drop_saved(buffer);
    }
}

static void take_back(struct ext_fs *fs, struct ext_buffer *buffer)
{
    buffer->changed = false;
    buffer->dirty = buffer->was_dirty;
    if (!buffer->dirty)
        fs->dirty_count--;
    if (buffer->before == NULL) {
        buffer->valid = false;
        return;
    }
    /* The newest first: where they overlap, the oldest is how it was. */
    for (const struct ext_saved *saved = buffer->before; saved != NULL; saved = saved->older)
        memcpy(buffer->data + saved->offset, saved->bytes, saved->length);
    drop_saved(buffer);
}

static void undo_changes(struct ext_fs *fs)
{
    struct ext_buffer *changed = fs->changed;
    for (struct ext_buffer *buffer = changed; buffer != NULL; buffer = buffer->next_changed)
        take_back(fs, buffer);
    fs->changed = NULL;
    struct ext_buffer **link = &fs->dirty;
    while (*link != NULL) {
        if ((*link)->dirty)
            link = &(*link)->next_dirty;
        else
            *link = (*link)->next_dirty;
    }
    while (changed != NULL) {
        struct ext_buffer *next = changed->next_changed;
        if (!changed->valid && changed->references == 0)
            destroy(fs, changed);
        changed = next;
    }
    fs->freed_count = fs->freed_before;
    fs->any_freed = fs->any_freed_before;
    ext_search_anew(fs);
}

static status_t run_once(struct ext_fs *fs, ext_operation *operation, void *arguments)
{
    fs->operation = true;
    fs->changed_count = 0;
    fs->freed_before = fs->freed_count;
    fs->any_freed_before = fs->any_freed;
    status_t status = operation(fs, arguments);
    if (status == OK)
        keep_changes(fs);
    else
        undo_changes(fs);
    fs->operation = false;
    return status;
}

static status_t make_room(struct ext_fs *fs)
{
    status_t status = OK;
    if (fs->dirty_count + fs->freed_count / 64 + EXT_OPERATION_LIMIT > ext_transaction_limit(fs))
        status = ext_commit(fs);
    if (status == OK && fs->committed_count > COMMITTED_LIMIT)
        status = ext_commit(fs);
    if (status == OK && fs->committed_count > COMMITTED_LIMIT)
        status = ext_checkpoint(fs);
    return status;
}

status_t ext_run(struct ext_fs *fs, ext_operation *operation, void *arguments)
{
    if (fs->read_only)
        return ERR_READ_ONLY;
    assert(!fs->operation);
    status_t status = make_room(fs);
    if (status == OK)
        status = run_once(fs, operation, arguments);
    if (status == ERR_NO_SPACE && fs->any_freed) {
        status = ext_commit(fs);
        if (status == OK)
            status = run_once(fs, operation, arguments);
    }
    ext_trim(fs);
    return status;
}
