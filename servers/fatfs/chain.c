/* SPDX-License-Identifier: MIT */
/* Chains of clusters read and written by offset. */
#include <string.h>

#include "fat.h"

/* The nearest place before that is known. */
static void find_start(const struct fat_chain *chain, uint32_t index, uint32_t *at, uint32_t *i)
{
    uint32_t mark = index >> chain->mark_shift;
    *at = chain->first;
    *i = 0;
    if (chain->at_cluster != 0 && chain->at_index <= index) {
        *at = chain->at_cluster;
        *i = chain->at_index;
    }
    mark = mark < FAT_MARKS ? mark : FAT_MARKS;
    while (mark > 0 && chain->marks[mark - 1] == 0)
        mark--;
    if (mark == 0 || mark << chain->mark_shift <= *i)
        return;
    *at = chain->marks[mark - 1];
    *i = mark << chain->mark_shift;
}

/* Twice as far apart. */
static void widen_marks(struct fat_chain *chain)
{
    for (uint32_t i = 0; i < FAT_MARKS; i++)
        chain->marks[i] = i < FAT_MARKS / 2 ? chain->marks[2 * i + 1] : 0;
    chain->mark_shift++;
}

static void set_mark(struct fat_chain *chain, uint32_t index, uint32_t cluster)
{
    while (index >> chain->mark_shift > FAT_MARKS)
        widen_marks(chain);
    if (index > 0 && (index & ((1u << chain->mark_shift) - 1)) == 0)
        chain->marks[(index >> chain->mark_shift) - 1] = cluster;
}

static void forget_places(struct fat_chain *chain)
{
    chain->at_cluster = 0;
    memset(chain->marks, 0, sizeof chain->marks);
}

/* The cluster with the index-th part; OUT_OF_RANGE beyond the end. */
static status_t seek(struct fat_volume *volume, struct fat_chain *chain, uint32_t index,
                     uint32_t *cluster)
{
    uint32_t at, i;
    find_start(chain, index, &at, &i);
    if (at == FAT_CHAIN_END || index >= volume->clusters)
        return ERR_OUT_OF_RANGE;
    if (!fat_is_cluster(volume, at))
        return ERR_IO_ERROR;
    for (; i < index; i++) {
        uint32_t next;
        status_t status = fat_next(volume, at, &next);
        if (status != OK)
            return status;
        if (next == FAT_CHAIN_END) {
            chain->at_index = i;
            chain->at_cluster = at;
            return ERR_OUT_OF_RANGE;
        }
        at = next;
        set_mark(chain, i + 1, at);
    }
    chain->at_index = index;
    chain->at_cluster = at;
    *cluster = at;
    return OK;
}

status_t chain_position(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset,
                        uint64_t *position)
{
    uint32_t cluster;
    if (chain->fixed) {
        if (offset >= volume->root_slots * FAT_ENTRY_SIZE)
            return ERR_OUT_OF_RANGE;
        *position = volume->root_start + offset;
        return OK;
    }
    status_t status = seek(volume, chain, offset / volume->cluster_size, &cluster);
    if (status == OK)
        *position = fat_position(volume, cluster) + offset % volume->cluster_size;
    return status;
}

/* As much as lies in one piece on the volume, at most length. */
static status_t piece_at(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset,
                         uint32_t length, uint64_t *position, uint32_t *part)
{
    status_t status = chain_position(volume, chain, offset, position);
    if (status != OK)
        return status;
    if (chain->fixed) {
        uint32_t left = volume->root_slots * FAT_ENTRY_SIZE - offset;
        *part = length < left ? length : left;
        return OK;
    }
    *part = volume->cluster_size - offset % volume->cluster_size;
    while (*part < length) {
        uint32_t before = chain->at_cluster, next;
        if (seek(volume, chain, chain->at_index + 1, &next) != OK || next != before + 1)
            break;
        *part += volume->cluster_size;
    }
    *part = length < *part ? length : *part;
    return OK;
}

status_t chain_read(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset, void *to,
                    uint32_t length)
{
    uint8_t *at = to;
    while (length > 0) {
        uint64_t position;
        uint32_t part;
        status_t status = piece_at(volume, chain, offset, length, &position, &part);
        if (status == OK)
            status = cache_read(&volume->cache, position, at, part);
        if (status != OK)
            return status == ERR_OUT_OF_RANGE ? ERR_IO_ERROR : status;
        at += part;
        offset += part;
        length -= part;
    }
    return OK;
}

status_t chain_write(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset,
                     const void *from, uint32_t length)
{
    const uint8_t *at = from;
    while (length > 0) {
        uint64_t position;
        uint32_t part;
        status_t status = piece_at(volume, chain, offset, length, &position, &part);
        if (status == OK)
            status = cache_write(&volume->cache, position, at, part);
        if (status != OK)
            return status == ERR_OUT_OF_RANGE ? ERR_IO_ERROR : status;
        at = at != NULL ? at + part : NULL;
        offset += part;
        length -= part;
    }
    return OK;
}

static uint32_t clusters_for(const struct fat_volume *volume, uint64_t size)
{
    return (uint32_t)((size + volume->cluster_size - 1) / volume->cluster_size);
}

/* On an error what was added is taken away again. */
status_t chain_grow(struct fat_volume *volume, struct fat_chain *chain, uint64_t size)
{
    uint32_t wanted = clusters_for(volume, size), have = 0, last = FAT_CHAIN_END, cluster;
    if (wanted == 0)
        return OK;
    status_t status = seek(volume, chain, wanted - 1, &cluster);
    if (status != ERR_OUT_OF_RANGE)
        return status;
    if (wanted > volume->clusters)
        return ERR_NO_SPACE;
    if (chain->first != FAT_CHAIN_END) { /* seek stopped at the last one */
        last = chain->at_cluster;
        have = chain->at_index + 1;
    }
    uint32_t keep = last, first_new = FAT_CHAIN_END;
    for (status = OK; have < wanted && status == OK; have++) {
        status = fat_extend(volume, last, &cluster);
        if (status != OK)
            break;
        first_new = first_new == FAT_CHAIN_END ? cluster : first_new;
        last = cluster;
    }
    if (status == OK) {
        chain->first = chain->first == FAT_CHAIN_END ? first_new : chain->first;
        return OK;
    }
    if (first_new != FAT_CHAIN_END && fat_cut(volume, keep, first_new) != OK)
        return ERR_IO_ERROR;
    return status;
}

status_t chain_shrink(struct fat_volume *volume, struct fat_chain *chain, uint64_t size)
{
    uint32_t keep = clusters_for(volume, size), last = FAT_CHAIN_END, first = chain->first;
    status_t status;
    if (chain->first == FAT_CHAIN_END)
        return OK;
    if (keep > 0) {
        status = seek(volume, chain, keep - 1, &last);
        if (status != OK)
            return status == ERR_OUT_OF_RANGE ? OK : status; /* no longer than that already */
    } else {
        chain->first = FAT_CHAIN_END;
    }
    forget_places(chain);
    return fat_cut(volume, last, first);
}
