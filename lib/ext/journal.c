/* SPDX-License-Identifier: MIT */
/*
 * Transactions. What operations have changed is written into the ring of the journal, then, behind a
 * flush, the block that makes it valid, and another flush: from then on it happens even if the power
 * goes. The blocks themselves are put into their places later, all at once (checkpoint), while no
 * transaction runs, so that only what is committed gets there. At the start of each transaction the
 * ring has room for the largest one.
 *
 * Contents of files were written before, so the first flush covers them: a committed file is never
 * without its data. A block of metadata that was freed is named in a revoke record, so that an older
 * copy in the ring never overwrites what it is used for next.
 *
 * Without a journal a commit writes to the places themselves.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "journal_format.h"

#define SPACE_BLOCKS     32u
#define TRANSACTION_MOST 1024u
#define RING_LEAST       (8 * EXT_OPERATION_LIMIT)
#define RUNS_MAX         65536u

static uint32_t big(uint32_t value)
{
    return __builtin_bswap32(value);
}

static bool has_checksums(const struct ext_journal *journal)
{
    return journal->incompat & JOURNAL_CSUM_3;
}

uint32_t ext_transaction_limit(const struct ext_fs *fs)
{
    if (fs->journal == NULL)
        return TRANSACTION_MOST;
    uint32_t quarter = (fs->journal->end - fs->journal->first) / 4;
    return quarter < TRANSACTION_MOST ? quarter : TRANSACTION_MOST;
}

uint64_t ext_journal_place(const struct ext_journal *journal, uint32_t block)
{
    uint32_t low = 0, high = journal->run_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (journal->runs[middle].logical <= block)
            low = middle;
        else
            high = middle;
    }
    return journal->runs[low].physical + (block - journal->runs[low].logical);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static status_t add_run(struct ext_fs *fs, uint32_t logical, const struct ext_mapping *mapping)
{
    struct ext_journal *journal = fs->journal;
    if (mapping->physical == 0 || mapping->unwritten || journal->run_count == RUNS_MAX)
        return ext_damaged(fs);
    struct ext_run *runs = realloc(journal->runs, (journal->run_count + 1) * sizeof *journal->runs);
    if (runs == NULL)
        return ERR_NO_MEMORY;
    journal->runs = runs;
    runs[journal->run_count++] = (struct ext_run){logical, mapping->count, mapping->physical};
    return OK;
}

/* Where its blocks are, once and for all. */
static status_t find_blocks(struct ext_fs *fs, uint32_t *count)
{
    struct ext_ref ref;
    status_t status = ext_open(fs, ext_super_of(fs)->journal_ino, &ref);
    if (status != OK)
        return status;
    uint64_t blocks = ext_inode_size(&ref) >> fs->block_bits;
    if (!ext_is_type(&ref, EXT_TYPE_FILE) || blocks < 2 || blocks > fs->block_count ||
        blocks > INT32_MAX)
        status = ext_damaged(fs);
    for (*count = 0; status == OK && *count < blocks;) {
        struct ext_mapping mapping;
        status = ext_map(&ref, *count, (uint32_t)blocks - *count, &mapping);
        if (status == OK)
            status = add_run(fs, *count, &mapping);
        if (status == OK)
            *count += mapping.count;
    }
    ext_close(&ref);
    return status;
}

static bool super_checksum(struct journal_super *super, bool set)
{
    uint32_t old = super->checksum;
    super->checksum = 0;
    uint32_t crc = big(ext_crc32c(~0u, super, sizeof *super));
    super->checksum = set ? crc : old;
    return super->checksum == crc;
}

/* The ring ends before the blocks of fast commits. */
static bool take_fast_commits(struct ext_journal *journal)
{
    const struct journal_super *super = (const struct journal_super *)journal->super;
    uint32_t blocks = big(super->fast_commit_blocks);
    if (!(journal->incompat & JOURNAL_FAST_COMMIT))
        return true;
    blocks = blocks != 0 ? blocks : FAST_COMMIT_BLOCKS;
    if (blocks >= journal->end)
        return false;
    journal->end -= blocks;
    journal->fast = blocks > 1 ? journal->end + 1 : 0;
    return true;
}

static status_t take_super(struct ext_fs *fs, uint32_t count)
{
    struct ext_journal *journal = fs->journal;
    struct journal_super *super = (struct journal_super *)journal->super;
    if (big(super->header.magic) != JOURNAL_MAGIC || big(super->header.type) != JOURNAL_SUPER_2 ||
        big(super->block_size) != fs->block_size)
        return ERR_NOT_SUPPORTED;
    journal->incompat = big(super->incompat);
    if ((journal->incompat & ~(uint32_t)JOURNAL_KNOWN) || super->ro_compat != 0)
        return ERR_NOT_SUPPORTED;
    if ((journal->incompat & (JOURNAL_CSUM_2 | JOURNAL_CSUM_3)) &&
        (super->checksum_type != JOURNAL_CRC32C || !super_checksum(super, false)))
        return ext_damaged(fs);
    journal->seed = ext_crc32c(~0u, super->uuid, sizeof super->uuid);
    journal->first = big(super->first);
    journal->end = big(super->block_count);
    journal->sequence = big(super->sequence);
    if (journal->first == 0 || journal->end > count || !take_fast_commits(journal) ||
        journal->first >= journal->end)
        return ext_damaged(fs);
    journal->head = journal->first;
    return OK;
}

status_t ext_journal_write_super(struct ext_fs *fs, uint32_t start, uint32_t sequence)
{
    struct ext_journal *journal = fs->journal;
    struct journal_super *super = (struct journal_super *)journal->super;
    super->start = big(start);
    super->sequence = big(sequence);
    if (journal->incompat & (JOURNAL_CSUM_2 | JOURNAL_CSUM_3))
        super_checksum(super, true);
    return ext_device_write(fs, ext_journal_place(journal, 0), 1, journal->super);
}

/* How this file system wants its transactions; the ring is empty, and may have the whole journal. */
static void choose_format(struct ext_fs *fs)
{
    struct ext_journal *journal = fs->journal;
    struct journal_super *super = (struct journal_super *)journal->super;
    journal->end = big(super->block_count);
    journal->incompat = JOURNAL_HAS_REVOKE;
    if (fs->desc_size >= 64)
        journal->incompat |= JOURNAL_64BIT;
    if (fs->checksums)
        journal->incompat |= JOURNAL_CSUM_3;
    super->incompat = big(journal->incompat);
    super->compat = 0;
    super->checksum_type = fs->checksums ? JOURNAL_CRC32C : 0;
    if (!fs->checksums)
        super->checksum = 0;
}

static status_t open_journal(struct ext_fs *fs)
{
    struct ext_journal *journal = fs->journal;
    uint32_t count;
    journal->super = malloc(fs->block_size);
    journal->space = malloc(SPACE_BLOCKS * fs->block_size);
    if (journal->super == NULL || journal->space == NULL)
        return ERR_NO_MEMORY;
    status_t status = find_blocks(fs, &count);
    if (status == OK)
        status = ext_device_read(fs, ext_journal_place(journal, 0), 1, journal->super);
    return status == OK ? take_super(fs, count) : status;
}

status_t ext_journal_open(struct ext_fs *fs)
{
    const struct ext_super *super = ext_super_of(fs);
    if (super->journal_ino == 0 || super->journal_ino > fs->inode_count)
        return ERR_NOT_SUPPORTED; /* on another device */
    fs->journal = calloc(1, sizeof *fs->journal);
    if (fs->journal == NULL)
        return ERR_NO_MEMORY;
    status_t status = open_journal(fs);
    if (status != OK)
        return status;
    if (((struct journal_super *)fs->journal->super)->start != 0) {
        if (fs->device.write == NULL)
            return ERR_READ_ONLY;
        status = ext_recover(fs);
    }
    choose_format(fs);
    if (fs->journal->end - fs->journal->first < RING_LEAST)
        fs->read_only = true;
    return status;
}

void ext_journal_end(struct ext_fs *fs)
{
    if (fs->journal == NULL)
        return;
    free(fs->journal->runs);
    free(fs->journal->super);
    free(fs->journal->space);
    free(fs->journal);
    fs->journal = NULL;
}

/* ---- writing into the ring -------------------------------------------------------------------------- */

/* Blocks that follow one another in the ring are put together in journal->space. */
struct writer {
    struct ext_fs *fs;
    uint32_t first, count; /* in space */
};

static status_t write_out(struct writer *writer)
{
    const struct ext_journal *journal = writer->fs->journal;
    for (uint32_t done = 0; done < writer->count;) {
        uint64_t place = ext_journal_place(journal, writer->first + done);
        uint32_t run = 1;
        while (done + run < writer->count &&
               ext_journal_place(journal, writer->first + done + run) == place + run)
            run++;
        status_t status = ext_device_write(writer->fs, place, run,
                                           journal->space + (done << writer->fs->block_bits));
        if (status != OK)
            return status;
        done += run;
    }
    writer->count = 0;
    return OK;
}

static void advance(struct ext_journal *journal)
{
    if (++journal->head == journal->end)
        journal->head = journal->first;
    journal->used++;
}

/* The next block of the ring, to be filled before the next call. */
static status_t next_block(struct writer *writer, uint8_t **block)
{
    struct ext_journal *journal = writer->fs->journal;
    if (writer->count == SPACE_BLOCKS ||
        (writer->count > 0 && writer->first + writer->count != journal->head)) {
        status_t status = write_out(writer);
        if (status != OK)
            return status;
    }
    if (writer->count == 0)
        writer->first = journal->head;
    *block = journal->space + (writer->count++ << writer->fs->block_bits);
    advance(journal);
    return OK;
}

static void start_block(struct ext_fs *fs, uint8_t *block, uint32_t type)
{
    struct journal_header header = {big(JOURNAL_MAGIC), big(type), big(fs->journal->sequence)};
    memset(block, 0, fs->block_size);
    memcpy(block, &header, sizeof header);
}

static void seal_tail(const struct ext_fs *fs, uint8_t *block)
{
    if (!has_checksums(fs->journal))
        return;
    uint32_t crc = big(ext_crc32c(fs->journal->seed, block, fs->block_size));
    memcpy(block + fs->block_size - 4, &crc, 4);
}

uint32_t ext_tag_size(uint32_t incompat)
{
    if (incompat & JOURNAL_CSUM_3)
        return sizeof(struct journal_tag3);
    return (uint32_t)sizeof(struct journal_tag) + (incompat & JOURNAL_CSUM_2 ? 2 : 0) -
           (incompat & JOURNAL_64BIT ? 0 : 4);
}

static void put_tag(const struct ext_fs *fs, uint8_t *to, uint64_t block, uint32_t flags,
                    uint32_t checksum)
{
    if (has_checksums(fs->journal)) {
        struct journal_tag3 tag = {big((uint32_t)block), big(flags), big((uint32_t)(block >> 32)),
                                   big(checksum)};
        memcpy(to, &tag, sizeof tag);
    } else {
        struct journal_tag tag = {big((uint32_t)block), 0, __builtin_bswap16((uint16_t)flags),
                                  big((uint32_t)(block >> 32))};
        memcpy(to, &tag, ext_tag_size(fs->journal->incompat));
    }
}

/* A copy in which the first word cannot be taken for that of a block of the journal's own. */
static uint32_t put_copy(const struct ext_fs *fs, uint8_t *to, const uint8_t *data,
                         uint32_t *checksum)
{
    uint32_t magic = big(JOURNAL_MAGIC), sequence = big(fs->journal->sequence), flags = 0;
    memcpy(to, data, fs->block_size);
    if (memcmp(to, &magic, 4) == 0) {
        memset(to, 0, 4);
        flags = TAG_ESCAPED;
    }
    *checksum = has_checksums(fs->journal)
                    ? ext_crc32c(ext_crc32c(fs->journal->seed, &sequence, 4), to, fs->block_size)
                    : 0;
    return flags;
}

/* One descriptor and the blocks that it describes. */
static status_t write_some(struct writer *writer, struct ext_buffer **next)
{
    struct ext_fs *fs = writer->fs;
    uint32_t size = ext_tag_size(fs->journal->incompat), at = sizeof(struct journal_header);
    uint32_t most = (fs->block_size - at - 4) / size, count = 0;
    uint8_t *copy, *tags = malloc(fs->block_size);
    uint32_t place = fs->journal->head;
    if (tags == NULL)
        return ERR_NO_MEMORY;
    start_block(fs, tags, JOURNAL_DESCRIPTOR);
    status_t status = write_out(writer);
    advance(fs->journal); /* the descriptor's own, written at the end */
    while (status == OK && *next != NULL && count < most) {
        struct ext_buffer *buffer = *next;
        uint32_t checksum, flags = TAG_SAME_UUID;
        status = next_block(writer, &copy);
        if (status != OK)
            break;
        flags |= put_copy(fs, copy, buffer->data, &checksum);
        *next = buffer->next_dirty;
        if (*next == NULL || ++count == most)
            flags |= TAG_LAST;
        put_tag(fs, tags + at, buffer->block, flags, checksum);
        at += size;
    }
    seal_tail(fs, tags);
    if (status == OK)
        status = write_out(writer);
    if (status == OK)
        status = ext_device_write(fs, ext_journal_place(fs->journal, place), 1, tags);
    free(tags);
    return status;
}

static status_t write_revokes(struct writer *writer)
{
    struct ext_fs *fs = writer->fs;
    bool wide = fs->journal->incompat & JOURNAL_64BIT;
    uint32_t size = wide ? 8 : 4, start = sizeof(struct journal_revoke);
    for (uint32_t done = 0; done < fs->freed_count;) {
        uint8_t *block;
        uint32_t at = start;
        status_t status = next_block(writer, &block);
        if (status != OK)
            return status;
        start_block(fs, block, JOURNAL_REVOKE);
        for (; done < fs->freed_count && at + size + 4 <= fs->block_size; at += size, done++) {
            uint64_t number = __builtin_bswap64(fs->freed[done]);
            memcpy(block + at, (uint8_t *)&number + (8 - size), size);
        }
        ((struct journal_revoke *)block)->length = big(at);
        seal_tail(fs, block);
    }
    return OK;
}

static status_t write_commit(struct writer *writer)
{
    struct ext_fs *fs = writer->fs;
    uint8_t *block;
    uint64_t now = ext_now(fs);
    status_t status = next_block(writer, &block);
    if (status != OK)
        return status;
    start_block(fs, block, JOURNAL_COMMIT);
    struct journal_commit *commit = (struct journal_commit *)block;
    commit->seconds = __builtin_bswap64(now / 1000000000u);
    commit->nanoseconds = big((uint32_t)(now % 1000000000u));
    if (has_checksums(fs->journal))
        commit->checksum[0] = big(ext_crc32c(fs->journal->seed, block, fs->block_size));
    return write_out(writer);
}

/* Blocks of the ring that the transaction takes, at most. */
static uint32_t needed(const struct ext_fs *fs)
{
    uint32_t tags = (fs->block_size - 16) / ext_tag_size(fs->journal->incompat);
    uint32_t revokes = (fs->block_size - 20) / 8;
    return fs->dirty_count + fs->dirty_count / tags + fs->freed_count / revokes + 4;
}

status_t ext_journal_commit(struct ext_fs *fs)
{
    struct ext_journal *journal = fs->journal;
    struct writer writer = {.fs = fs};
    struct ext_buffer *next = fs->dirty;
    if (journal->used + needed(fs) > journal->end - journal->first)
        return ERR_NO_SPACE;
    status_t status = OK;
    if (!journal->started)
        status = ext_journal_write_super(fs, journal->head, journal->sequence);
    journal->started = true;
    while (status == OK && next != NULL)
        status = write_some(&writer, &next);
    if (status == OK)
        status = write_revokes(&writer);
    if (status == OK)
        status = write_out(&writer);
    if (status == OK)
        status = fs->device.flush(fs->device.context);
    if (status == OK)
        status = write_commit(&writer);
    if (status == OK)
        status = fs->device.flush(fs->device.context);
    journal->sequence++;
    return status;
}

/* ---- into their places ------------------------------------------------------------------------------ */

static int by_block(const void *a, const void *b)
{
    const struct ext_buffer *left = *(struct ext_buffer *const *)a;
    const struct ext_buffer *right = *(struct ext_buffer *const *)b;
    return left->block < right->block ? -1 : left->block > right->block;
}

static status_t write_sorted(struct ext_fs *fs, struct ext_buffer **buffers, uint32_t count)
{
    uint8_t *space = malloc(SPACE_BLOCKS * fs->block_size);
    status_t status = space != NULL ? OK : ERR_NO_MEMORY;
    for (uint32_t done = 0; status == OK && done < count;) {
        uint32_t run = 0;
        do {
            memcpy(space + (run << fs->block_bits), buffers[done + run]->data, fs->block_size);
            run++;
        } while (run < SPACE_BLOCKS && done + run < count &&
                 buffers[done + run]->block == buffers[done]->block + run);
        status = ext_device_write(fs, buffers[done]->block, run, space);
        done += run;
    }
    free(space);
    return status;
}

static status_t write_in_place(struct ext_fs *fs, bool committed)
{
    uint32_t count = committed ? fs->committed_count : fs->dirty_count, filled = 0;
    struct ext_buffer **buffers = malloc((count + 1) * sizeof(struct ext_buffer *));
    if (buffers == NULL)
        return ERR_NO_MEMORY;
    for (struct ext_buffer *buffer = committed ? fs->committed : fs->dirty; buffer != NULL;
         buffer = committed ? buffer->next_committed : buffer->next_dirty)
        buffers[filled++] = buffer;
    assert(filled == count);
    qsort(buffers, count, sizeof(struct ext_buffer *), by_block);
    status_t status = write_sorted(fs, buffers, count);
    if (status == OK)
        status = fs->device.flush(fs->device.context);
    free(buffers);
    return status;
}

status_t ext_checkpoint(struct ext_fs *fs)
{
    struct ext_journal *journal = fs->journal;
    assert(fs->dirty == NULL);
    if (journal == NULL || !journal->started)
        return OK;
    status_t status = write_in_place(fs, true);
    if (status == OK)
        status = ext_journal_write_super(fs, 0, journal->sequence);
    if (status == OK)
        status = fs->device.flush(fs->device.context);
    if (status != OK)
        return ext_damaged(fs);
    while (fs->committed != NULL) {
        fs->committed->committed = false;
        fs->committed = fs->committed->next_committed;
    }
    fs->committed_count = 0;
    journal->started = false;
    journal->used = 0;
    return OK;
}

/* ---- commit ----------------------------------------------------------------------------------------- */

static void end_transaction(struct ext_fs *fs)
{
    while (fs->dirty != NULL) {
        struct ext_buffer *buffer = fs->dirty;
        fs->dirty = buffer->next_dirty;
        buffer->dirty = false;
        free(buffer->frozen);
        buffer->frozen = NULL;
        if (fs->journal == NULL || buffer->committed)
            continue;
        buffer->committed = true;
        buffer->next_committed = fs->committed;
        fs->committed = buffer;
        fs->committed_count++;
    }
    fs->dirty_count = 0;
    fs->freed_count = 0;
    fs->any_freed = false;
    ext_search_anew(fs);
}

/* After a transaction that could not be written none behind it counts: replay would end before it. */
static status_t give_up(struct ext_fs *fs)
{
    fs->aborted = true;
    return ext_damaged(fs);
}

status_t ext_commit(struct ext_fs *fs)
{
    if (fs->aborted)
        return ERR_IO_ERROR;
    if (fs->dirty == NULL)
        return fs->device.flush != NULL ? fs->device.flush(fs->device.context) : OK;
    for (uint32_t i = 0; i < fs->freed_count; i++)
        ext_forget(fs, fs->freed[i]);
    status_t status = ext_seal(fs);
    if (status == OK)
        status = fs->journal != NULL ? ext_journal_commit(fs) : write_in_place(fs, false);
    if (status != OK)
        return give_up(fs);
    end_transaction(fs);
    const struct ext_journal *journal = fs->journal;
    uint32_t most = ext_transaction_limit(fs);
    if (journal != NULL &&
        journal->end - journal->first - journal->used < most + most / 8 + EXT_OPERATION_LIMIT)
        status = ext_checkpoint(fs);
    return status;
}

bool ext_is_dirty(const struct ext_fs *fs)
{
    return fs->dirty != NULL;
}
