/* SPDX-License-Identifier: MIT */
/*
 * Directory records. A file of several extents has as many records, one behind the other, which are one entry here. A
 * directory that Rock Ridge has moved up (its tree was too deep) is shown where it belongs and not where it is.
 */
#include <string.h>

#include "internal.h"

#define TYPE_MASK      0170000u
#define TYPE_LINK      0120000u
#define TYPE_FILE      0100000u
#define TYPE_DIRECTORY 0040000u

/* A record in memory. */
struct record {
    uint8_t bytes[RECORD_MAX];
    uint64_t position;
    uint64_t offset; /* in its directory */
};

static uint64_t next_sector(uint64_t offset)
{
    return offset - offset % ISO_SECTOR + ISO_SECTOR;
}

/* The one at a place; none crosses the end of a sector. NOT_FOUND: there is none up to that end. */
static status_t read_at(struct iso_volume *volume, uint64_t position, struct record *record)
{
    uint32_t left = ISO_SECTOR - (uint32_t)(position % ISO_SECTOR);
    status_t status =
        iso_metadata(volume, position, record->bytes, left < RECORD_MAX ? left : RECORD_MAX);
    if (status != OK)
        return status;
    uint32_t size = record->bytes[RECORD_LENGTH];
    if (size == 0)
        return ERR_NOT_FOUND;
    if (size < RECORD_MIN || size > left ||
        RECORD_NAME + (uint32_t)record->bytes[RECORD_NAME_LENGTH] > size)
        return ERR_IO_ERROR;
    record->position = position;
    return OK;
}

/* The one at or behind an offset. NOT_FOUND: the directory ends. */
static status_t read_record(struct iso_volume *volume, const struct iso_directory *directory,
                            uint64_t offset, struct record *record)
{
    while (offset < directory->size) {
        record->offset = offset;
        status_t status = read_at(volume, directory->start + offset, record);
        if (status != ERR_NOT_FOUND)
            return status;
        offset = next_sector(offset);
    }
    return ERR_NOT_FOUND;
}

static bool is_own(const struct record *record)
{
    return record->bytes[RECORD_NAME_LENGTH] == 1 && record->bytes[RECORD_NAME] <= 1;
}

static uint32_t system_use(const struct record *record)
{
    uint32_t at = RECORD_NAME + record->bytes[RECORD_NAME_LENGTH];
    at += at & 1;
    return at < record->bytes[RECORD_LENGTH] ? at : record->bytes[RECORD_LENGTH];
}

static status_t read_rock(struct iso_volume *volume, const struct record *record, struct rock *rock)
{
    uint32_t at = system_use(record);
    if (volume->names != ISO_ROCK_RIDGE)
        return OK;
    return rock_read(volume, record->bytes + at, record->bytes[RECORD_LENGTH] - at, rock);
}

static struct iso_extent extent_of(const struct iso_volume *volume, const struct record *record)
{
    uint64_t block =
        (uint64_t)iso_le32(record->bytes + RECORD_EXTENT) + record->bytes[RECORD_ATTRIBUTES];
    return (struct iso_extent){block * volume->block_size, iso_le32(record->bytes + RECORD_SIZE)};
}

/* ---- what a record says --------------------------------------------------------------------------- */

static void fill_name(struct iso_volume *volume, const struct record *record,
                      const struct rock *rock, struct iso_entry *entry)
{
    const uint8_t *bytes = record->bytes + RECORD_NAME;
    uint32_t length = record->bytes[RECORD_NAME_LENGTH];
    if (rock->has_name) {
        entry->name_length = rock->name_length;
        entry->name[rock->name_length] = 0;
        bool bad = memchr(entry->name, '/', rock->name_length) != NULL ||
                   memchr(entry->name, 0, rock->name_length) != NULL ||
                   strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0;
        entry->name_length = bad ? 0 : rock->name_length;
        return;
    }
    entry->name_length = volume->names == ISO_JOLIET ? name_of_joliet(bytes, length, entry->name)
                                                     : name_of_plain(bytes, length, entry->name);
}

static void fill_attributes(const struct record *record, const struct rock *rock,
                            struct iso_entry *entry)
{
    bool directory = (record->bytes[RECORD_FLAGS] & RECORD_DIRECTORY) != 0;
    uint32_t type = directory ? TYPE_DIRECTORY : TYPE_FILE;
    uint64_t time = iso_time(record->bytes + RECORD_TIME);
    entry->mode = rock->has_mode ? rock->mode & (TYPE_MASK | 07777) : type | 0555;
    /* What has records is a directory, and nothing else is, whatever the mode says. */
    if (directory != ((entry->mode & TYPE_MASK) == TYPE_DIRECTORY) ||
        (entry->mode & TYPE_MASK) == 0)
        entry->mode = type | (entry->mode & 0777);
    entry->nlink = rock->nlink > 0 ? rock->nlink : 1;
    entry->uid = rock->uid;
    entry->gid = rock->gid;
    entry->rdev = rock->rdev;
    entry->mtime = rock->mtime != 0 ? rock->mtime : time;
    entry->atime = rock->atime != 0 ? rock->atime : entry->mtime;
    entry->ctime = rock->ctime != 0 ? rock->ctime : entry->mtime;
}

/* The other extents of a file, which the records behind this one have. */
static status_t gather_extents(struct iso_volume *volume, const struct iso_directory *directory,
                               struct record *record, struct iso_entry *entry)
{
    for (;;) {
        if (entry->extent_count == ISO_EXTENTS_MAX)
            return ERR_FILE_TOO_LARGE;
        struct iso_extent extent = extent_of(volume, record);
        entry->extents[entry->extent_count++] = extent;
        entry->size += extent.length;
        entry->next = record->offset + record->bytes[RECORD_LENGTH];
        if (!(record->bytes[RECORD_FLAGS] & RECORD_MORE))
            return OK;
        status_t status = read_record(volume, directory, entry->next, record);
        if (status != OK)
            return status == ERR_NOT_FOUND ? ERR_IO_ERROR : status;
    }
}

/* A directory's first record is its own: size and attributes of one that was moved are there. */
static status_t fill_directory(struct iso_volume *volume, uint64_t start, struct iso_entry *entry)
{
    char name[ISO_NAME_MAX];
    struct rock rock = {.name = name};
    struct iso_directory directory = {start, ISO_SECTOR};
    struct record record;
    if (start % ISO_SECTOR != 0)
        return ERR_IO_ERROR;
    status_t status = read_record(volume, &directory, 0, &record);
    if (status == OK && !(record.bytes[RECORD_FLAGS] & RECORD_DIRECTORY))
        status = ERR_NOT_FOUND;
    if (status == OK)
        status = read_rock(volume, &record, &rock);
    if (status != OK)
        return status == ERR_NOT_FOUND ? ERR_IO_ERROR : status;
    fill_attributes(&record, &rock, entry);
    entry->size = iso_le32(record.bytes + RECORD_SIZE);
    entry->extents[0] = (struct iso_extent){start, entry->size};
    entry->extent_count = 1;
    return OK;
}

status_t iso_root(struct iso_volume *volume, struct iso_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    entry->position = volume->root.start;
    return fill_directory(volume, volume->root.start, entry);
}

static status_t fill_entry(struct iso_volume *volume, const struct iso_directory *directory,
                           struct record *record, const struct rock *rock, struct iso_entry *entry)
{
    entry->position = record->position;
    fill_name(volume, record, rock, entry);
    if (rock->is_child) {
        entry->next = record->offset + record->bytes[RECORD_LENGTH];
        return fill_directory(volume, rock->child * volume->block_size, entry);
    }
    fill_attributes(record, rock, entry);
    status_t status = gather_extents(volume, directory, record, entry);
    if (status == OK && (entry->mode & TYPE_MASK) == TYPE_DIRECTORY &&
        (entry->extent_count != 1 || entry->extents[0].start % ISO_SECTOR != 0))
        status = ERR_IO_ERROR;
    if ((entry->mode & TYPE_MASK) != TYPE_FILE && (entry->mode & TYPE_MASK) != TYPE_DIRECTORY)
        entry->size = 0;
    return status;
}

/* Is it to be seen at all? */
static bool is_shown(const struct record *record, const struct rock *rock)
{
    return !is_own(record) && !(record->bytes[RECORD_FLAGS] & RECORD_ASSOCIATED) && !rock->moved;
}

status_t iso_next(struct iso_volume *volume, const struct iso_directory *directory, uint64_t offset,
                  struct iso_entry *entry)
{
    struct record record;
    for (;;) {
        struct rock rock = {.name = entry->name};
        memset(entry, 0, sizeof *entry);
        status_t status = read_record(volume, directory, offset, &record);
        if (status == OK)
            status = read_rock(volume, &record, &rock);
        if (status != OK)
            return status;
        offset = record.offset + record.bytes[RECORD_LENGTH];
        if (!is_shown(&record, &rock))
            continue;
        status = fill_entry(volume, directory, &record, &rock, entry);
        if (status != OK || entry->name_length > 0)
            return status;
        offset = entry->next;
    }
}

status_t iso_link(struct iso_volume *volume, const struct iso_entry *entry, char *to,
                  size_t *length)
{
    char name[ISO_NAME_MAX];
    struct rock rock = {.name = name, .link = to};
    struct record record;
    if ((entry->mode & TYPE_MASK) != TYPE_LINK)
        return ERR_INVALID_ARGUMENT;
    status_t status = read_at(volume, entry->position, &record);
    if (status == OK)
        status = read_rock(volume, &record, &rock);
    if (status == OK)
        *length = rock.link_length;
    return status;
}
