/* SPDX-License-Identifier: MIT */
/*
 * Replay of the journal at mount. Three times through the ring: where it ends (the first transaction
 * that is not complete), which blocks were revoked and when, and then the blocks into their places.
 * The ring is as hostile as everything else: the first pass checks all that the others rely on.
 *
 * A wrong checksum is where a power cut has ended the last transaction, unless there is something behind it that can
 * only have been written after all of it was durable. Then the disk has lost what was promised, and the file
 * system is not used: e2fsck has to say what is left of it.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "journal_format.h"

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct revoked {
    uint64_t block;
    uint32_t sequence;
};

struct recovery {
    struct ext_fs *fs;
    enum pass pass;
    uint32_t at, left;      /* place in the ring; blocks that can still be passed */
    uint32_t sequence, end; /* of the transaction; the first that is not there */
    bool wrong;             /* a checksum has ended the first pass */
    uint8_t *block, *copy;
    struct revoked *revoked; /* sorted for the last pass */
    uint32_t revoked_count, revoked_capacity;
};

static uint32_t big(uint32_t value)
{
    return __builtin_bswap32(value);
}

static bool has_checksums(const struct ext_journal *journal)
{
    return journal->incompat & (JOURNAL_CSUM_2 | JOURNAL_CSUM_3);
}

/* SHOULD_WAIT: the ring ends here. */
static status_t read_next(struct recovery *recovery, uint8_t *to)
{
    const struct ext_journal *journal = recovery->fs->journal;
    if (recovery->left == 0)
        return ERR_SHOULD_WAIT;
    recovery->left--;
    status_t status =
        ext_device_read(recovery->fs, ext_journal_place(journal, recovery->at), 1, to);
    if (++recovery->at >= journal->end)
        recovery->at = journal->first;
    return status;
}

static status_t end_at_checksum(struct recovery *recovery)
{
    recovery->wrong = true;
    return ERR_SHOULD_WAIT;
}

/* What a right checksum covers has no power cut done. */
static status_t end_at_nonsense(struct recovery *recovery)
{
    return has_checksums(recovery->fs->journal) ? ext_damaged(recovery->fs) : ERR_SHOULD_WAIT;
}

/* With the word of the checksum, which is at `place`, taken as zero. */
static bool checksum_is_right(const struct recovery *recovery, uint8_t *block, uint32_t place)
{
    const struct ext_fs *fs = recovery->fs;
    uint32_t found, zero = 0;
    if (!has_checksums(fs->journal))
        return true;
    memcpy(&found, block + place, 4);
    memcpy(block + place, &zero, 4);
    uint32_t crc = big(ext_crc32c(fs->journal->seed, block, fs->block_size));
    memcpy(block + place, &found, 4);
    return crc == found;
}

/* ---- revoked blocks --------------------------------------------------------------------------------- */

static status_t revoke(struct recovery *recovery, uint64_t block)
{
    if (recovery->revoked_count == recovery->revoked_capacity) {
        uint32_t capacity = recovery->revoked_capacity * 2 + 256;
        struct revoked *revoked = realloc(recovery->revoked, capacity * sizeof *revoked);
        if (revoked == NULL)
            return ERR_NO_MEMORY;
        recovery->revoked = revoked;
        recovery->revoked_capacity = capacity;
    }
    recovery->revoked[recovery->revoked_count++] = (struct revoked){block, recovery->sequence};
    return OK;
}

static int by_block(const void *a, const void *b)
{
    const struct revoked *left = a, *right = b;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    int32_t order = (int32_t)(left->sequence - right->sequence);
    return order < 0 ? -1 : order > 0;
}

/* Was the block freed in this transaction or in a later one? */
static bool is_revoked(const struct recovery *recovery, uint64_t block)
{
    uint32_t low = 0, high = recovery->revoked_count;
    while (low < high) { /* behind the last record of the block */
        uint32_t middle = (low + high) / 2;
        if (recovery->revoked[middle].block <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && recovery->revoked[low - 1].block == block &&
           (int32_t)(recovery->revoked[low - 1].sequence - recovery->sequence) >= 0;
}

static status_t take_revokes(struct recovery *recovery)
{
    const struct ext_fs *fs = recovery->fs;
    const struct journal_revoke *header = (const struct journal_revoke *)recovery->block;
    uint32_t size = fs->journal->incompat & JOURNAL_64BIT ? 8 : 4, at = sizeof *header;
    uint32_t length = big(header->length);
    if (!checksum_is_right(recovery, recovery->block, fs->block_size - 4))
        return end_at_checksum(recovery);
    if (length > fs->block_size)
        return end_at_nonsense(recovery);
    if (recovery->pass != PASS_REVOKE)
        return OK;
    for (; at + size <= length; at += size) {
        uint64_t block = 0;
        memcpy((uint8_t *)&block + (8 - size), recovery->block + at, size);
        status_t status = revoke(recovery, __builtin_bswap64(block));
        if (status != OK)
            return status;
    }
    return OK;
}

/* ---- blocks ----------------------------------------------------------------------------------------- */

struct tag {
    uint64_t block;
    uint32_t flags, checksum;
};

static void get_tag(const struct ext_journal *journal, const uint8_t *from, struct tag *tag)
{
    if (journal->incompat & JOURNAL_CSUM_3) {
        struct journal_tag3 found;
        memcpy(&found, from, sizeof found);
        *tag = (struct tag){big(found.block), big(found.flags), big(found.checksum)};
        if (journal->incompat & JOURNAL_64BIT)
            tag->block |= (uint64_t)big(found.block_hi) << 32;
    } else {
        struct journal_tag found = {0};
        bool wide = journal->incompat & JOURNAL_64BIT;
        memcpy(&found, from, wide ? 12 : 8);
        *tag = (struct tag){big(found.block), __builtin_bswap16(found.flags),
                            __builtin_bswap16(found.checksum)};
        if (wide)
            tag->block |= (uint64_t)big(found.block_hi) << 32;
    }
}

static bool copy_is_right(const struct recovery *recovery, const struct tag *tag)
{
    const struct ext_journal *journal = recovery->fs->journal;
    uint32_t sequence = big(recovery->sequence);
    if (!has_checksums(journal))
        return true;
    uint32_t crc = ext_crc32c(ext_crc32c(journal->seed, &sequence, 4), recovery->copy,
                              recovery->fs->block_size);
    return journal->incompat & JOURNAL_CSUM_3 ? crc == tag->checksum
                                              : (uint16_t)crc == tag->checksum;
}

static status_t take_copy(struct recovery *recovery, const struct tag *tag)
{
    uint32_t magic = big(JOURNAL_MAGIC);
    if (recovery->pass == PASS_REVOKE) {
        recovery->left--; /* the first pass has been here: there are enough */
        if (++recovery->at >= recovery->fs->journal->end)
            recovery->at = recovery->fs->journal->first;
        return OK;
    }
    status_t status = read_next(recovery, recovery->copy);
    if (status != OK)
        return status;
    if (recovery->pass == PASS_SCAN && !copy_is_right(recovery, tag))
        return end_at_checksum(recovery);
    if (recovery->pass == PASS_SCAN)
        return tag->block < recovery->fs->block_count ? OK : end_at_nonsense(recovery);
    if (is_revoked(recovery, tag->block))
        return OK;
    if (tag->flags & TAG_ESCAPED)
        memcpy(recovery->copy, &magic, 4);
    return ext_device_write(recovery->fs, tag->block, 1, recovery->copy);
}

static status_t take_descriptor(struct recovery *recovery)
{
    const struct ext_fs *fs = recovery->fs;
    uint32_t size = ext_tag_size(fs->journal->incompat), at = sizeof(struct journal_header);
    uint32_t end = fs->block_size - (has_checksums(fs->journal) ? 4 : 0);
    struct tag tag = {0};
    if (!checksum_is_right(recovery, recovery->block, fs->block_size - 4))
        return end_at_checksum(recovery);
    while (at + size <= end && !(tag.flags & TAG_LAST)) {
        get_tag(fs->journal, recovery->block + at, &tag);
        at += size + (tag.flags & TAG_SAME_UUID ? 0 : 16);
        status_t status = take_copy(recovery, &tag);
        if (status != OK)
            return status;
    }
    return OK;
}

/* ---- passes ----------------------------------------------------------------------------------------- */

static status_t take_block(struct recovery *recovery)
{
    struct journal_header header;
    status_t status = read_next(recovery, recovery->block);
    if (status != OK)
        return status;
    memcpy(&header, recovery->block, sizeof header);
    if (big(header.magic) != JOURNAL_MAGIC || big(header.sequence) != recovery->sequence)
        return ERR_SHOULD_WAIT;
    switch (big(header.type)) {
    case JOURNAL_DESCRIPTOR:
        return take_descriptor(recovery);
    case JOURNAL_REVOKE:
        return take_revokes(recovery);
    case JOURNAL_COMMIT:
        if (!checksum_is_right(recovery, recovery->block,
                               offsetof(struct journal_commit, checksum)))
            return end_at_checksum(recovery);
        recovery->sequence++;
        return OK;
    default:
        return ERR_SHOULD_WAIT;
    }
}

static status_t run_pass(struct recovery *recovery, enum pass pass)
{
    const struct ext_journal *journal = recovery->fs->journal;
    const struct journal_super *super = (const struct journal_super *)journal->super;
    recovery->pass = pass;
    recovery->at = big(super->start);
    recovery->sequence = big(super->sequence);
    recovery->left = journal->end - journal->first;
    for (;;) {
        if (pass != PASS_SCAN && recovery->sequence == recovery->end)
            return OK;
        status_t status = take_block(recovery);
        if (status == ERR_SHOULD_WAIT && pass == PASS_SCAN) {
            recovery->end = recovery->sequence;
            return OK;
        }
        if (status != OK)
            return status == ERR_SHOULD_WAIT ? ext_damaged(recovery->fs) : status;
    }
}

/* ---- was it a power cut? ---------------------------------------------------------------------------- */

/*
 * Is this block of a later transaction than the first that is not there, or its own commit? Commits are written when
 * the rest is durable (unless JOURNAL_ASYNC_COMMIT says otherwise), and nothing else before they are.
 */
static bool is_behind(struct recovery *recovery)
{
    const struct ext_fs *fs = recovery->fs;
    struct journal_header header;
    memcpy(&header, recovery->block, sizeof header);
    uint32_t type = big(header.type), place = fs->block_size - 4;
    int32_t later = (int32_t)(big(header.sequence) - recovery->end), least = 1;
    if (type == JOURNAL_COMMIT) {
        place = offsetof(struct journal_commit, checksum);
        least = fs->journal->incompat & JOURNAL_ASYNC_COMMIT ? 1 : 0;
    } else if (type != JOURNAL_DESCRIPTOR && type != JOURNAL_REVOKE) {
        return false;
    }
    return big(header.magic) == JOURNAL_MAGIC && later >= least &&
           checksum_is_right(recovery, recovery->block, place);
}

/* The first pass has ended; on with it through the rest of the ring. */
static status_t check_end(struct recovery *recovery)
{
    status_t status = OK;
    while (recovery->wrong && (status = read_next(recovery, recovery->block)) == OK)
        if (is_behind(recovery))
            return ext_damaged(recovery->fs);
    return status == ERR_SHOULD_WAIT ? OK : status;
}

/* ---- replay ----------------------------------------------------------------------------------------- */

/* Fast commits that belong behind the last transaction are not understood: the file system is left as it is. */
static status_t refuse_fast_commits(struct recovery *recovery)
{
    const struct ext_journal *journal = recovery->fs->journal;
    struct fast_commit_head head;
    if (journal->fast == 0)
        return OK;
    status_t status = ext_device_read(recovery->fs, ext_journal_place(journal, journal->fast), 1,
                                      recovery->block);
    if (status != OK)
        return status;
    memcpy(&head, recovery->block, sizeof head);
    return head.tag == FAST_COMMIT_HEAD && head.sequence == recovery->end ? ERR_NOT_SUPPORTED : OK;
}

static status_t recover(struct recovery *recovery)
{
    struct ext_fs *fs = recovery->fs;
    status_t status = run_pass(recovery, PASS_SCAN);
    if (status == OK)
        status = check_end(recovery);
    if (status == OK)
        status = refuse_fast_commits(recovery);
    if (status == OK)
        status = run_pass(recovery, PASS_REVOKE);
    if (status != OK)
        return status;
    if (recovery->revoked_count > 0)
        qsort(recovery->revoked, recovery->revoked_count, sizeof *recovery->revoked, by_block);
    status = run_pass(recovery, PASS_REPLAY);
    if (status == OK)
        status = fs->device.flush(fs->device.context);
    if (status != OK)
        return status;
    /* The transaction that is not complete has left blocks with its number: that is not used again. */
    fs->journal->sequence = recovery->end + 1;
    status = ext_journal_write_super(fs, 0, fs->journal->sequence);
    return status == OK ? fs->device.flush(fs->device.context) : status;
}

status_t ext_recover(struct ext_fs *fs)
{
    const struct journal_super *super = (const struct journal_super *)fs->journal->super;
    struct recovery recovery = {.fs = fs};
    uint32_t start = big(super->start);
    if (start < fs->journal->first || start >= fs->journal->end)
        return ext_damaged(fs);
    recovery.block = malloc(fs->block_size);
    recovery.copy = malloc(fs->block_size);
    status_t status =
        recovery.block != NULL && recovery.copy != NULL ? recover(&recovery) : ERR_NO_MEMORY;
    free(recovery.block);
    free(recovery.copy);
    free(recovery.revoked);
    return status;
}
