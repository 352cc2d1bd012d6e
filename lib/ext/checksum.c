/* SPDX-License-Identifier: MIT */
/* Checksums: CRC-32C of everything with metadata_csum, CRC-16 of group descriptors with uninit_bg. */
#include <string.h>

#include "internal.h"

/* Not memcpy, which is a function of its own here. */
typedef uint32_t __attribute__((may_alias, aligned(1))) word_t;

uint32_t ext_crc32c(uint32_t crc, const void *bytes, size_t length)
{
    static uint32_t table[4][256]; /* four bytes at a time */
    const uint8_t *at = bytes;
    if (table[0][1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++)
                value = value >> 1 ^ (value & 1 ? 0x82F63B78u : 0);
            table[0][i] = value;
        }
        for (uint32_t i = 0; i < 256; i++)
            for (int slice = 1; slice < 4; slice++)
                table[slice][i] = table[slice - 1][i] >> 8 ^ table[0][table[slice - 1][i] & 0xFF];
    }
    for (; length >= 4; length -= 4, at += 4) {
        uint32_t word = *(const word_t *)at ^ crc;
        crc = table[3][word & 0xFF] ^ table[2][word >> 8 & 0xFF] ^ table[1][word >> 16 & 0xFF] ^
              table[0][word >> 24];
    }
    for (; length > 0; length--, at++)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xFF];
    return crc;
}

uint16_t ext_crc16(uint16_t crc, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (; length > 0; length--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xA001 : 0));
    }
    return crc;
}

bool ext_super_checksum(struct ext_super *super, bool set)
{
    uint32_t crc = ext_crc32c(~0u, super, offsetof(struct ext_super, checksum));
    if (set)
        super->checksum = crc;
    return super->checksum == crc;
}

bool ext_group_checksum(struct ext_fs *fs, uint32_t group, struct ext_group_desc *desc, bool set)
{
    size_t at = offsetof(struct ext_group_desc, checksum), behind = at + 2;
    const uint8_t *bytes = (const uint8_t *)desc;
    uint16_t checksum, zero = 0;
    if (fs->checksums) {
        uint32_t crc = ext_crc32c(fs->seed, &group, 4);
        crc = ext_crc32c(ext_crc32c(crc, bytes, at), &zero, 2);
        checksum = (uint16_t)ext_crc32c(crc, bytes + behind, fs->desc_size - behind);
    } else if (fs->ro_compat & EXT_GDT_CSUM) {
        uint16_t crc = ext_crc16(0xFFFF, ext_super_of(fs)->uuid, 16);
        crc = ext_crc16(ext_crc16(crc, &group, 4), bytes, at);
        checksum = ext_crc16(crc, bytes + behind, fs->desc_size - behind);
    } else {
        return true;
    }
    if (set)
        desc->checksum = checksum;
    return desc->checksum == checksum;
}

uint32_t ext_inode_seed(struct ext_fs *fs, uint32_t ino, uint32_t generation)
{
    return ext_crc32c(ext_crc32c(fs->seed, &ino, 4), &generation, 4);
}

static bool has_high_checksum(const struct ext_fs *fs, const struct ext_inode *inode)
{
    return fs->inode_size > EXT_OLD_INODE && inode->extra_size >= 4;
}

bool ext_inode_checksum(struct ext_fs *fs, uint32_t ino, struct ext_inode *inode, bool set)
{
    if (!fs->checksums)
        return true;
    bool high = has_high_checksum(fs, inode);
    uint16_t old_low = inode->checksum_lo, old_high = high ? inode->checksum_hi : 0;
    inode->checksum_lo = 0;
    if (high)
        inode->checksum_hi = 0;
    uint32_t crc = ext_crc32c(ext_inode_seed(fs, ino, inode->generation), inode, fs->inode_size);
    inode->checksum_lo = set ? (uint16_t)crc : old_low;
    if (high)
        inode->checksum_hi = set ? (uint16_t)(crc >> 16) : old_high;
    return inode->checksum_lo == (uint16_t)crc &&
           (!high || inode->checksum_hi == (uint16_t)(crc >> 16));
}

/* ---- blocks --------------------------------------------------------------------------------------- */

/* Where the checksum of a block is kept, and what it should be; NULL: no place for it. */
static uint32_t *directory_checksum(const struct ext_fs *fs, const struct ext_buffer *buffer,
                                    uint32_t *crc)
{
    uint32_t offset = ext_index_offset(fs, buffer->data);
    if (offset == 0) {
        struct ext_entry_tail *tail =
            (struct ext_entry_tail *)(buffer->data + fs->block_size - sizeof *tail);
        if (tail->ino != 0 || tail->record_length != sizeof *tail || tail->name_length != 0 ||
            tail->type != EXT_TAIL_TYPE)
            return NULL;
        *crc = ext_crc32c(buffer->seed, buffer->data, fs->block_size - sizeof *tail);
        return &tail->checksum;
    }
    const struct ext_index_count *count = (const struct ext_index_count *)(buffer->data + offset);
    uint32_t end = offset + count->limit * (uint32_t)sizeof(struct ext_index_entry);
    struct ext_index_tail *tail = (struct ext_index_tail *)(buffer->data + end);
    if (count->count > count->limit || end + sizeof *tail > fs->block_size)
        return NULL;
    uint32_t zero = 0;
    *crc = ext_crc32c(buffer->seed, buffer->data,
                      offset + count->count * (uint32_t)sizeof(struct ext_index_entry));
    *crc = ext_crc32c(ext_crc32c(*crc, tail, 4), &zero, 4);
    return &tail->checksum;
}

static uint32_t *extents_checksum(const struct ext_fs *fs, const struct ext_buffer *buffer,
                                  uint32_t *crc)
{
    const struct ext_extent_header *header = (const struct ext_extent_header *)buffer->data;
    uint32_t end = (header->limit + 1u) * (uint32_t)sizeof(struct ext_extent);
    if (end + 4 > fs->block_size)
        return NULL;
    *crc = ext_crc32c(buffer->seed, buffer->data, end);
    return (uint32_t *)(buffer->data + end);
}

static uint32_t *xattr_checksum(const struct ext_fs *fs, const struct ext_buffer *buffer,
                                uint32_t *crc)
{
    struct ext_xattr_header *header = (struct ext_xattr_header *)buffer->data;
    uint32_t old = header->checksum;
    header->checksum = 0;
    *crc = ext_crc32c(ext_crc32c(fs->seed, &buffer->block, 8), buffer->data, fs->block_size);
    header->checksum = old;
    return &header->checksum;
}

static uint32_t *block_checksum(const struct ext_fs *fs, const struct ext_buffer *buffer,
                                uint32_t *crc)
{
    switch (buffer->kind) {
    case KIND_DIRECTORY:
        return directory_checksum(fs, buffer, crc);
    case KIND_EXTENTS:
        return extents_checksum(fs, buffer, crc);
    default:
        return xattr_checksum(fs, buffer, crc);
    }
}

static bool has_own_checksum(const struct ext_buffer *buffer)
{
    return buffer->kind == KIND_DIRECTORY || buffer->kind == KIND_EXTENTS ||
           buffer->kind == KIND_XATTR;
}

static bool bitmap_checksum(struct ext_fs *fs, const struct ext_buffer *buffer,
                            struct ext_group_desc *desc, bool set)
{
    bool blocks = buffer->kind == KIND_BLOCK_BITMAP, wide = fs->desc_size >= 64;
    uint32_t bits = blocks ? fs->blocks_per_group : fs->inodes_per_group;
    uint32_t crc = ext_crc32c(fs->seed, buffer->data, bits / 8);
    uint16_t *low = blocks ? &desc->block_bitmap_csum_lo : &desc->inode_bitmap_csum_lo;
    uint16_t *high = blocks ? &desc->block_bitmap_csum_hi : &desc->inode_bitmap_csum_hi;
    if (set) {
        *low = (uint16_t)crc;
        if (wide)
            *high = (uint16_t)(crc >> 16);
    }
    return *low == (uint16_t)crc && (!wide || *high == (uint16_t)(crc >> 16));
}

status_t ext_verify(struct ext_fs *fs, struct ext_buffer *buffer)
{
    if (buffer->kind == KIND_GROUPS)
        return ext_groups_are_valid(fs, buffer) ? OK : ext_damaged(fs);
    if (buffer->kind == KIND_DIRECTORY && !ext_directory_is_valid(fs, buffer->data))
        return ext_damaged(fs);
    if (!fs->checksums)
        return OK;
    if (has_own_checksum(buffer)) {
        uint32_t crc = 0;
        const uint32_t *place = block_checksum(fs, buffer, &crc);
        return place != NULL && *place == crc ? OK : ext_damaged(fs);
    }
    if (buffer->kind != KIND_BLOCK_BITMAP && buffer->kind != KIND_INODE_BITMAP)
        return OK;
    struct ext_buffer *groups;
    struct ext_group_desc *desc;
    status_t status = ext_group(fs, buffer->seed, &groups, &desc);
    if (status != OK)
        return status;
    uint16_t uninit = buffer->kind == KIND_BLOCK_BITMAP ? EXT_BLOCK_UNINIT : EXT_INODE_UNINIT;
    bool right = (desc->flags & uninit) || bitmap_checksum(fs, buffer, desc, false);
    ext_put(fs, groups);
    return right ? OK : ext_damaged(fs);
}

/* A descriptor's block is dirty whenever the bitmap is: the counts of free things are in there. */
static status_t seal_bitmap(struct ext_fs *fs, struct ext_buffer *buffer)
{
    struct ext_buffer *groups;
    struct ext_group_desc *desc;
    status_t status = ext_group(fs, buffer->seed, &groups, &desc);
    if (status != OK)
        return status;
    bitmap_checksum(fs, buffer, desc, true);
    ext_group_checksum(fs, buffer->seed, desc, true);
    ext_put(fs, groups);
    return OK;
}

static void seal_groups(struct ext_fs *fs, struct ext_buffer *buffer)
{
    uint32_t count = fs->block_size / fs->desc_size;
    for (uint32_t i = 0; i < count && buffer->seed + i < fs->group_count; i++)
        ext_group_checksum(fs, buffer->seed + i,
                           (struct ext_group_desc *)(buffer->data + i * fs->desc_size), true);
}

static void seal_inodes(struct ext_fs *fs, struct ext_buffer *buffer)
{
    for (uint32_t slot = 0; buffer->unsealed != 0; slot++) {
        if (buffer->unsealed & 1u)
            ext_inode_checksum(fs, buffer->seed + slot,
                               (struct ext_inode *)(buffer->data + slot * fs->inode_size), true);
        buffer->unsealed >>= 1;
    }
}

status_t ext_seal(struct ext_fs *fs)
{
    struct ext_buffer *buffer;
    for (buffer = fs->dirty; buffer != NULL && fs->checksums; buffer = buffer->next_dirty) {
        uint32_t crc = 0;
        if (has_own_checksum(buffer)) {
            uint32_t *place = block_checksum(fs, buffer, &crc);
            if (place == NULL)
                return ext_damaged(fs);
            *place = crc;
        } else if (buffer->kind == KIND_BLOCK_BITMAP || buffer->kind == KIND_INODE_BITMAP) {
            status_t status = seal_bitmap(fs, buffer);
            if (status != OK)
                return status;
        }
    }
    for (buffer = fs->dirty; buffer != NULL; buffer = buffer->next_dirty) {
        if (buffer->kind == KIND_INODES)
            seal_inodes(fs, buffer);
        if (buffer->kind == KIND_GROUPS)
            seal_groups(fs, buffer);
        if (buffer->kind == KIND_SUPER && fs->checksums)
            ext_super_checksum(ext_super_of(fs), true);
    }
    return OK;
}
