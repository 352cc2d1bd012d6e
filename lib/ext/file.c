/* SPDX-License-Identifier: MIT */
/* Contents of files: straight between the device and the caller, parts of blocks through one block. */
#include <string.h>

#include "internal.h"

#define WRITE_BLOCKS  256u /* of one operation, at most */
#define WRITE_RESERVE 24u  /* blocks of metadata that one more run may change */

static status_t open_file(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref)
{
    status_t status = ext_open(fs, ino, ref);
    if (status == OK && !ext_is_type(ref, EXT_TYPE_FILE)) {
        status = ext_is_type(ref, EXT_TYPE_DIRECTORY) ? ERR_IS_DIRECTORY : ERR_INVALID_ARGUMENT;
        ext_close(ref);
    }
    return status;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* From one mapped run: whole blocks at once, or a part of the first. */
static status_t read_run(struct ext_fs *fs, const struct ext_mapping *mapping, uint32_t offset,
                         uint8_t *to, uint32_t length, uint32_t *done)
{
    bool zeros = mapping->physical == 0 || mapping->unwritten;
    uint64_t there = ((uint64_t)mapping->count << fs->block_bits) - offset;
    *done = length < there ? length : (uint32_t)there;
    if (zeros) {
        memset(to, 0, *done);
        return OK;
    }
    if (offset == 0 && *done >= fs->block_size) {
        *done &= ~(fs->block_size - 1);
        return ext_device_read(fs, mapping->physical, *done >> fs->block_bits, to);
    }
    if (*done > fs->block_size - offset)
        *done = fs->block_size - offset;
    status_t status = ext_device_read(fs, mapping->physical, 1, fs->bounce);
    if (status == OK)
        memcpy(to, fs->bounce + offset, *done);
    return status;
}

static status_t read_open(struct ext_ref *ref, uint64_t offset, uint8_t *to, uint32_t length,
                          uint32_t *done)
{
    struct ext_fs *fs = ref->fs;
    uint64_t size = ext_inode_size(ref);
    if (offset >= size)
        return OK;
    if (length > size - offset)
        length = (uint32_t)(size - offset);
    if (ext_is_inline(ref)) {
        *done = length;
        return ext_inline_read(ref, offset, to, length);
    }
    while (*done < length) {
        struct ext_mapping mapping;
        uint64_t at = offset + *done;
        uint32_t left = length - *done, part, in_block = (uint32_t)(at & (fs->block_size - 1));
        if (at >> fs->block_bits >= UINT32_MAX)
            return ext_damaged(fs);
        status_t status =
            ext_map(ref, (uint32_t)(at >> fs->block_bits),
                    (in_block + left + fs->block_size - 1) >> fs->block_bits, &mapping);
        if (status == OK)
            status = read_run(fs, &mapping, in_block, to + *done, left, &part);
        if (status != OK)
            return status;
        *done += part;
    }
    return OK;
}

status_t ext_read(struct ext_fs *fs, uint32_t ino, uint64_t offset, void *to, uint32_t length,
                  uint32_t *done)
{
    struct ext_ref ref;
    *done = 0;
    status_t status = open_file(fs, ino, &ref);
    if (status != OK)
        return status;
    status = read_open(&ref, offset, to, length, done);
    ext_close(&ref);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

/* What is behind the end of a file in its last block may be anything; now it becomes part of it. */
static status_t clear_tail(struct ext_ref *ref)
{
    struct ext_fs *fs = ref->fs;
    struct ext_mapping mapping;
    uint64_t size = ext_inode_size(ref);
    uint32_t used = (uint32_t)(size & (fs->block_size - 1));
    if (used == 0 || size >> fs->block_bits >= UINT32_MAX)
        return OK;
    status_t status = ext_map(ref, (uint32_t)(size >> fs->block_bits), 1, &mapping);
    if (status != OK || mapping.physical == 0 || mapping.unwritten)
        return status;
    status = ext_device_read(fs, mapping.physical, 1, fs->bounce);
    if (status != OK)
        return status;
    memset(fs->bounce + used, 0, fs->block_size - used);
    return ext_device_write(fs, mapping.physical, 1, fs->bounce);
}

/* Sizes of 2 GiB and more are said to be possible. */
static status_t set_size(struct ext_ref *ref, uint64_t size)
{
    struct ext_fs *fs = ref->fs;
    if (size > INT32_MAX && !(fs->ro_compat & EXT_LARGE_FILE)) {
        status_t status = ext_change_super(fs);
        if (status != OK)
            return status;
        fs->ro_compat |= EXT_LARGE_FILE; /* also when this is taken back: it does no harm */
        ext_super_of(fs)->ro_compat |= EXT_LARGE_FILE;
    }
    ext_inode_set_size(ref, size);
    return OK;
}

/* padded: the end of the last block is there too, zeros. */
static status_t write_run(struct ext_fs *fs, const struct ext_mapping *mapping, uint32_t offset,
                          const uint8_t *from, uint32_t length, bool padded, uint32_t *done)
{
    uint64_t there = ((uint64_t)mapping->count << fs->block_bits) - offset;
    *done = length < there ? length : (uint32_t)there;
    if (offset == 0 && *done >= fs->block_size) {
        *done &= ~(fs->block_size - 1);
        return ext_device_write(fs, mapping->physical, *done >> fs->block_bits, from);
    }
    if (offset == 0 && padded)
        return ext_device_write(fs, mapping->physical, 1, from);
    if (*done > fs->block_size - offset)
        *done = fs->block_size - offset;
    status_t status = OK;
    if (mapping->fresh)
        memset(fs->bounce, 0, fs->block_size);
    else
        status = ext_device_read(fs, mapping->physical, 1, fs->bounce);
    if (status != OK)
        return status;
    memcpy(fs->bounce + offset, from, *done);
    return ext_device_write(fs, mapping->physical, 1, fs->bounce);
}

struct write {
    uint32_t ino;
    uint64_t offset;
    const uint8_t *from;
    uint32_t length;
    bool padded;
    uint32_t reached; /* what was possible when it failed */
};

/*
 * Blocks that were allocated and are not filled yet would show what they held before. They are only
 * reachable once the operation has succeeded, and then they are filled: each run is written before
 * the next one is allocated, and the last part of a run that is not written now is cut into its own.
 */
static status_t write_blocks(struct ext_ref *ref, struct write *write)
{
    struct ext_fs *fs = ref->fs;
    bool padded = write->padded && write->offset + write->length >= ext_inode_size(ref);
    for (uint32_t done = 0, part; done < write->length; done += part) {
        if (fs->changed_count + WRITE_RESERVE > EXT_OPERATION_LIMIT) {
            write->length = done;
            break;
        }
        struct ext_mapping mapping;
        uint64_t at = write->offset + done;
        uint32_t in_block = (uint32_t)(at & (fs->block_size - 1)), left = write->length - done;
        uint32_t blocks = (in_block + left) >> fs->block_bits;
        if (in_block != 0 || blocks == 0)
            blocks = 1; /* parts of blocks one by one */
        status_t status =
            ext_map_for_write(ref, (uint32_t)(at >> fs->block_bits), blocks, &mapping);
        if (status == OK)
            status = write_run(fs, &mapping, in_block, write->from + done, left, padded, &part);
        if (status != OK) {
            write->reached = done;
            return status;
        }
    }
    return OK;
}

static status_t write_operation(struct ext_fs *fs, void *context)
{
    struct write *write = context;
    struct ext_ref ref;
    uint64_t end = write->offset + write->length;
    status_t status = open_file(fs, write->ino, &ref);
    if (status != OK)
        return status;
    status = end > ext_map_limit(&ref) ? ERR_FILE_TOO_LARGE : ext_inode_change(&ref);
    if (status == OK && write->offset > ext_inode_size(&ref))
        status = clear_tail(&ref);
    if (status == OK)
        status = write_blocks(&ref, write);
    end = write->offset + write->length;
    if (status == OK && end > ext_inode_size(&ref))
        status = set_size(&ref, end);
    if (status == OK) {
        ext_touch(&ref, TOUCH_MTIME | TOUCH_CTIME, ext_now(fs));
        ext_inode_changed(&ref);
    }
    ext_close(&ref);
    return status;
}

static status_t write_all(struct ext_fs *fs, uint32_t ino, uint64_t offset, const void *from,
                          uint32_t length, bool padded, uint32_t *done)
{
    uint32_t most = WRITE_BLOCKS << fs->block_bits;
    if (offset + length < offset)
        return ERR_FILE_TOO_LARGE;
    for (*done = 0; *done < length;) {
        struct write write = {.ino = ino, .offset = offset + *done};
        write.from = (const uint8_t *)from + *done;
        write.length = most - (uint32_t)(write.offset & (most - 1));
        if (write.length > length - *done)
            write.length = length - *done;
        write.padded = padded && write.length == length - *done;
        status_t status = ext_run(fs, write_operation, &write);
        if (status == ERR_NO_SPACE && write.reached > 0) {
            write.padded = false;
            write.length = write.reached; /* as much as there is space for */
            status = ext_run(fs, write_operation, &write);
        }
        if (status != OK)
            return status;
        *done += write.length;
    }
    return OK;
}

status_t ext_write(struct ext_fs *fs, uint32_t ino, uint64_t offset, const void *from,
                   uint32_t length, uint32_t *done)
{
    return write_all(fs, ino, offset, from, length, false, done);
}

status_t ext_write_padded(struct ext_fs *fs, uint32_t ino, uint64_t offset, const void *from,
                          uint32_t length, uint32_t *done)
{
    return write_all(fs, ino, offset, from, length, true, done);
}

/* ---- cutting ---------------------------------------------------------------------------------------- */

struct truncate {
    uint32_t ino;
    uint64_t size;
    bool started, more;
};

static status_t cut(struct ext_ref *ref, struct truncate *truncate)
{
    struct ext_fs *fs = ref->fs;
    uint64_t first = (truncate->size + fs->block_size - 1) >> fs->block_bits;
    bool listed = truncate->started;
    if (first >= UINT32_MAX)
        return OK;
    status_t status = ext_map_trim(ref, (uint32_t)first, &truncate->more);
    if (status == OK && truncate->more && !listed)
        status = ext_orphan_add(ref);
    if (status == OK && !truncate->more && listed)
        status = ext_orphan_remove(ref);
    return status;
}

static bool is_listed(struct ext_ref *ref)
{
    return ref->inode->links > 0 &&
           (ref->inode->dtime != 0 || ext_super_of(ref->fs)->last_orphan == ref->ino);
}

static status_t truncate_operation(struct ext_fs *fs, void *context)
{
    struct truncate *truncate = context;
    struct ext_ref ref;
    status_t status = open_file(fs, truncate->ino, &ref);
    if (status != OK)
        return status;
    truncate->started = is_listed(&ref);
    status = truncate->size > ext_map_limit(&ref) ? ERR_FILE_TOO_LARGE : ext_inode_change(&ref);
    if (status == OK && truncate->size > ext_inode_size(&ref))
        status = clear_tail(&ref);
    if (status == OK)
        status = set_size(&ref, truncate->size);
    if (status == OK)
        status = cut(&ref, truncate);
    if (status == OK) {
        ext_touch(&ref, TOUCH_MTIME | TOUCH_CTIME, ext_now(fs));
        ext_inode_changed(&ref);
    }
    ext_close(&ref);
    return status;
}

status_t ext_truncate(struct ext_fs *fs, uint32_t ino, uint64_t size)
{
    struct truncate truncate = {.ino = ino, .size = size};
    do {
        status_t status = ext_run(fs, truncate_operation, &truncate);
        if (status != OK)
            return status;
    } while (truncate.more);
    return OK;
}

/* ---- the end of an inode ---------------------------------------------------------------------------- */

struct release {
    uint32_t ino;
    bool more;
};

static status_t release_inode(struct ext_ref *ref)
{
    struct ext_fs *fs = ref->fs;
    status_t status = ext_xattr_release(ref);
    if (status == OK)
        status = ext_orphan_remove(ref);
    if (status == OK)
        status = ext_free_inode(fs, ref->ino, ext_is_type(ref, EXT_TYPE_DIRECTORY));
    if (status != OK)
        return status;
    ref->inode->dtime = (uint32_t)(ext_now(fs) / 1000000000u);
    ref->inode->size_lo = ref->inode->size_hi = 0;
    return OK;
}

static status_t release_operation(struct ext_fs *fs, void *context)
{
    struct release *release = context;
    struct ext_ref ref;
    status_t status = ext_open(fs, release->ino, &ref);
    if (status != OK)
        return status;
    status = ref.inode->links > 0 ? ERR_BAD_STATE : ext_inode_change(&ref);
    if (status == OK)
        status = ext_map_trim(&ref, 0, &release->more);
    if (status == OK && !release->more)
        status = release_inode(&ref);
    if (status == OK)
        ext_inode_changed(&ref);
    ext_close(&ref);
    return status;
}

status_t ext_release(struct ext_fs *fs, uint32_t ino)
{
    struct release release = {.ino = ino};
    do {
        status_t status = ext_run(fs, release_operation, &release);
        if (status != OK)
            return status;
    } while (release.more);
    return OK;
}
