/* SPDX-License-Identifier: MIT */
/* Inodes where they are: in the blocks of the tables. And the list of those that wait for their end. */
#include <string.h>

#include "internal.h"

#define NS_PER_SECOND 1000000000u

/* ---- opening ---------------------------------------------------------------------------------------- */

static status_t get_table_block(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref,
                                uint32_t *slot)
{
    struct ext_buffer *groups;
    struct ext_group_desc *desc;
    if (ino == 0 || ino > fs->inode_count)
        return ext_damaged(fs);
    status_t status = ext_group(fs, (ino - 1) / fs->inodes_per_group, &groups, &desc);
    if (status != OK)
        return status;
    uint32_t per_block = fs->block_size / fs->inode_size;
    uint32_t index = (ino - 1) % fs->inodes_per_group;
    uint64_t table = ext_wide(fs, desc->inode_table_lo, desc->inode_table_hi);
    uint64_t block = table + index / per_block;
    ext_put(fs, groups);
    if (ext_find(fs, block) == NULL)
        ext_read_ahead(fs, block, table + fs->inodes_per_group / per_block, KIND_INODES,
                       ino - index % per_block, per_block);
    ref->fs = fs;
    ref->ino = ino;
    *slot = index % per_block;
    status = ext_get(fs, block, KIND_INODES, ino - *slot, &ref->buffer);
    if (status == OK)
        ref->inode = (struct ext_inode *)(ref->buffer->data + *slot * fs->inode_size);
    return status;
}

static bool is_sound(struct ext_ref *ref)
{
    const struct ext_fs *fs = ref->fs;
    const struct ext_inode *inode = ref->inode;
    if (fs->inode_size > EXT_OLD_INODE &&
        (inode->extra_size > fs->inode_size - EXT_OLD_INODE || inode->extra_size % 4 != 0))
        return false;
    return ext_inode_checksum(ref->fs, ref->ino, ref->inode, false);
}

status_t ext_open(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref)
{
    uint32_t slot;
    status_t status = get_table_block(fs, ino, ref, &slot);
    if (status != OK)
        return status;
    bool good = ref->buffer->verified >> slot & 1;
    if (!good)
        good = is_sound(ref);
    if (!good || ref->inode->mode == 0) {
        ext_close(ref);
        return ext_damaged(fs);
    }
    ref->buffer->verified |= 1u << slot;
    return OK;
}

status_t ext_open_new(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref)
{
    uint32_t slot;
    status_t status = get_table_block(fs, ino, ref, &slot);
    if (status != OK)
        return status;
    status = ext_inode_change(ref);
    if (status != OK) {
        ext_close(ref);
        return status;
    }
    memset(ref->inode, 0, fs->inode_size);
    ref->inode->generation = ++fs->generation;
    if (fs->inode_size > EXT_OLD_INODE)
        ref->inode->extra_size = sizeof(struct ext_inode) - EXT_OLD_INODE;
    ref->buffer->verified |= 1u << slot;
    return OK;
}

void ext_close(struct ext_ref *ref)
{
    ext_put(ref->fs, ref->buffer);
    ref->inode = NULL;
}

status_t ext_inode_change(struct ext_ref *ref)
{
    uint32_t offset = (uint32_t)((uint8_t *)ref->inode - ref->buffer->data);
    return ext_change_part(ref->fs, ref->buffer, offset, ref->fs->inode_size);
}

void ext_inode_changed(struct ext_ref *ref)
{
    ref->buffer->unsealed |= 1u << (ref->ino - ref->buffer->seed);
}

/* ---- fields ----------------------------------------------------------------------------------------- */

static bool has_field(const struct ext_ref *ref, size_t end)
{
    return ref->fs->inode_size > EXT_OLD_INODE && EXT_OLD_INODE + ref->inode->extra_size >= end;
}
#define HAS_FIELD(ref, field) \
    has_field(ref, offsetof(struct ext_inode, field) + sizeof((ref)->inode->field))

/* extra: NULL if the inode has no such field. */
static uint64_t time_from(uint32_t seconds, const uint32_t *field)
{
    uint32_t extra = field != NULL ? *field : 0;
    int64_t value = (int32_t)seconds;
    uint64_t ns = extra >> 2;
    value += (int64_t)(extra & 3) << 32;
    return value < 0 ? 0 : (uint64_t)value * NS_PER_SECOND + ns % NS_PER_SECOND;
}

static void time_to(uint64_t when, uint32_t *seconds, uint32_t *extra)
{
    uint64_t value = when / NS_PER_SECOND;
    *seconds = (uint32_t)value;
    if (extra != NULL)
        *extra = (uint32_t)(when % NS_PER_SECOND) << 2 |
                 (uint32_t)((value - (uint64_t)(int64_t)(int32_t)(uint32_t)value) >> 32 & 3);
}

void ext_touch(struct ext_ref *ref, uint32_t times, uint64_t when)
{
    struct ext_inode *inode = ref->inode;
    if (times & TOUCH_ATIME)
        time_to(when, &inode->atime, HAS_FIELD(ref, atime_extra) ? &inode->atime_extra : NULL);
    if (times & TOUCH_MTIME)
        time_to(when, &inode->mtime, HAS_FIELD(ref, mtime_extra) ? &inode->mtime_extra : NULL);
    if (times & TOUCH_CTIME)
        time_to(when, &inode->ctime, HAS_FIELD(ref, ctime_extra) ? &inode->ctime_extra : NULL);
    if ((times & TOUCH_CREATED) && HAS_FIELD(ref, crtime_extra))
        time_to(when, &inode->crtime, &inode->crtime_extra);
}

uint64_t ext_inode_size(const struct ext_ref *ref)
{
    bool wide = ext_is_type(ref, EXT_TYPE_FILE);
    return ref->inode->size_lo | (wide ? (uint64_t)ref->inode->size_hi << 32 : 0);
}

void ext_inode_set_size(struct ext_ref *ref, uint64_t size)
{
    ref->inode->size_lo = (uint32_t)size;
    if (ext_is_type(ref, EXT_TYPE_FILE))
        ref->inode->size_hi = (uint32_t)(size >> 32);
}

/* In units of 512 bytes, or of blocks for huge files. */
static uint64_t block_field(const struct ext_ref *ref)
{
    const struct ext_inode *inode = ref->inode;
    bool huge = ref->fs->ro_compat & EXT_HUGE_FILE;
    return inode->blocks_lo | (huge ? (uint64_t)inode->blocks_hi << 32 : 0);
}

void ext_inode_add_blocks(struct ext_ref *ref, int64_t blocks)
{
    uint32_t shift = ref->inode->flags & EXT_HUGE ? 0 : ref->fs->block_bits - 9;
    uint64_t count = block_field(ref) + ((uint64_t)blocks << shift);
    if ((int64_t)count < 0)
        count = 0;
    ref->inode->blocks_lo = (uint32_t)count;
    if (ref->fs->ro_compat & EXT_HUGE_FILE)
        ref->inode->blocks_hi = (uint16_t)(count >> 32);
}

bool ext_is_type(const struct ext_ref *ref, uint32_t type)
{
    return (ref->inode->mode & EXT_TYPE_MASK) == type;
}

bool ext_link_is_fast(const struct ext_ref *ref)
{
    return ext_is_type(ref, EXT_TYPE_LINK) && ref->inode->size_lo < sizeof ref->inode->block;
}

/* Near the inode; files of one group do not all begin at the same place. */
uint64_t ext_inode_goal(const struct ext_ref *ref)
{
    const struct ext_fs *fs = ref->fs;
    uint32_t group = (ref->ino - 1) / fs->inodes_per_group;
    return fs->first_data_block + (uint64_t)group * fs->blocks_per_group + 1;
}

/* ---- attributes ------------------------------------------------------------------------------------- */

/* Device numbers as Linux's programs see them; small ones are stored in the old way. */
static uint32_t get_device(const struct ext_inode *inode)
{
    return inode->block[0] != 0 ? inode->block[0] & 0xFFFF : inode->block[1];
}

status_t ext_get_attributes(struct ext_fs *fs, uint32_t ino, struct ext_attributes *attributes)
{
    struct ext_ref ref;
    status_t status = ext_open(fs, ino, &ref);
    if (status != OK)
        return status;
    const struct ext_inode *inode = ref.inode;
    bool device = ext_is_type(&ref, EXT_TYPE_BLOCK) || ext_is_type(&ref, EXT_TYPE_CHARACTER);
    *attributes = (struct ext_attributes){
        .size = device ? 0 : ext_inode_size(&ref),
        .blocks = block_field(&ref) << (inode->flags & EXT_HUGE ? fs->block_bits - 9 : 0),
        .atime = time_from(inode->atime, HAS_FIELD(&ref, atime_extra) ? &inode->atime_extra : NULL),
        .mtime = time_from(inode->mtime, HAS_FIELD(&ref, mtime_extra) ? &inode->mtime_extra : NULL),
        .ctime = time_from(inode->ctime, HAS_FIELD(&ref, ctime_extra) ? &inode->ctime_extra : NULL),
        .crtime =
            HAS_FIELD(&ref, crtime_extra) ? time_from(inode->crtime, &inode->crtime_extra) : 0,
        .mode = inode->mode,
        .nlink = inode->links,
        .uid = inode->uid_lo | (uint32_t)inode->uid_hi << 16,
        .gid = inode->gid_lo | (uint32_t)inode->gid_hi << 16,
        .rdev = device ? get_device(inode) : 0,
        .generation = inode->generation,
    };
    ext_close(&ref);
    return OK;
}

struct set_attributes {
    uint32_t ino, mask;
    const struct ext_attributes *wanted;
};

static status_t set_attributes(struct ext_fs *fs, void *context)
{
    const struct set_attributes *set = context;
    const struct ext_attributes *wanted = set->wanted;
    struct ext_ref ref;
    status_t status = ext_open(fs, set->ino, &ref);
    if (status != OK)
        return status;
    status = ext_inode_change(&ref);
    if (status == OK) {
        struct ext_inode *inode = ref.inode;
        if (set->mask & EXT_SET_MODE)
            inode->mode = (uint16_t)((inode->mode & EXT_TYPE_MASK) | (wanted->mode & 07777));
        if (set->mask & EXT_SET_UID) {
            inode->uid_lo = (uint16_t)wanted->uid;
            inode->uid_hi = (uint16_t)(wanted->uid >> 16);
        }
        if (set->mask & EXT_SET_GID) {
            inode->gid_lo = (uint16_t)wanted->gid;
            inode->gid_hi = (uint16_t)(wanted->gid >> 16);
        }
        ext_touch(&ref, set->mask & EXT_SET_ATIME ? TOUCH_ATIME : 0, wanted->atime);
        ext_touch(&ref, set->mask & EXT_SET_MTIME ? TOUCH_MTIME : 0, wanted->mtime);
        ext_touch(&ref, set->mask & EXT_SET_CRTIME ? TOUCH_CREATED : 0, wanted->crtime);
        ext_touch(&ref, TOUCH_CTIME, set->mask & EXT_SET_CTIME ? wanted->ctime : ext_now(fs));
        ext_inode_changed(&ref);
    }
    ext_close(&ref);
    return status;
}

status_t ext_set_attributes(struct ext_fs *fs, uint32_t ino, uint32_t mask,
                            const struct ext_attributes *attributes)
{
    struct set_attributes set = {ino, mask, attributes};
    return ext_run(fs, set_attributes, &set);
}

/* ---- orphans: inodes without a name, or being cut, in a list that begins in the super block ---------- */

status_t ext_orphan_add(struct ext_ref *ref)
{
    struct ext_super *super = ext_super_of(ref->fs);
    status_t status = ext_change_super(ref->fs);
    if (status == OK)
        status = ext_inode_change(ref);
    if (status != OK)
        return status;
    ref->inode->dtime = super->last_orphan;
    super->last_orphan = ref->ino;
    return OK;
}

static status_t unlink_from(struct ext_fs *fs, uint32_t at, uint32_t ino, uint32_t next,
                            uint32_t *following)
{
    struct ext_ref ref;
    status_t status = ext_open(fs, at, &ref);
    if (status != OK)
        return status;
    *following = ref.inode->dtime;
    if (*following == ino) {
        status = ext_inode_change(&ref);
        if (status == OK) {
            ref.inode->dtime = next;
            ext_inode_changed(&ref);
        }
    }
    ext_close(&ref);
    return status;
}

status_t ext_orphan_remove(struct ext_ref *ref)
{
    struct ext_fs *fs = ref->fs;
    struct ext_super *super = ext_super_of(fs);
    status_t status = ext_inode_change(ref);
    uint32_t next = ref->inode->dtime, at = super->last_orphan, following = 0;
    if (status == OK && at == ref->ino) {
        status = ext_change_super(fs);
        if (status == OK)
            super->last_orphan = next;
        following = ref->ino;
    }
    for (uint32_t steps = 0; status == OK && following != ref->ino; at = following) {
        if (at == 0 || ++steps > fs->inode_count)
            return ext_damaged(fs);
        status = unlink_from(fs, at, ref->ino, next, &following);
    }
    if (status == OK)
        ref->inode->dtime = 0;
    return status;
}

/* What a power cut has left: files without names, and files that were being cut. */
status_t ext_orphans_release(struct ext_fs *fs)
{
    for (uint32_t steps = 0; ext_super_of(fs)->last_orphan != 0; steps++) {
        struct ext_ref ref;
        uint32_t ino = ext_super_of(fs)->last_orphan;
        if (steps > fs->inode_count)
            return ext_damaged(fs);
        status_t status = ext_open(fs, ino, &ref);
        if (status != OK)
            return status;
        bool unnamed = ref.inode->links == 0;
        uint64_t size = ext_inode_size(&ref);
        ext_close(&ref);
        status = unnamed ? ext_release(fs, ino) : ext_truncate(fs, ino, size);
        if (status == OK && ext_super_of(fs)->last_orphan == ino)
            status = ext_damaged(fs);
        if (status != OK)
            return status;
    }
    return OK;
}
