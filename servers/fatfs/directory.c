/* SPDX-License-Identifier: MIT */
/*
 * Directories: 32-byte slots. A name that is not a plain short one lies in slots before its entry,
 * last part first, each with a checksum of the short name; slots whose order or checksum is wrong
 * belong to nothing and are passed over.
 */
#include <string.h>

#include "bytes.h"
#include "fat.h"

#define SLOT_FREE     0xe5u
#define SLOT_END      0u
#define LONG_LAST     0x40u
#define LONG_UNITS    13u
#define LONG_SLOTS    20u
#define SHORT_TRIES   9999u
#define NS_PER_SECOND 1000000000ull
#define DAYS_TO_1980  3652u

enum entry_field {
    ENTRY_ATTRIBUTES = 11,
    ENTRY_CLUSTER_HIGH = 20,
    ENTRY_ACCESSED = 18,
    ENTRY_CLUSTER_LOW = 26,
    ENTRY_SIZE_AT = 28
};
enum { LONG_ORDER = 0, LONG_CHECKSUM = 13 };

/* ---- one entry ----------------------------------------------------------------------------------- */

uint32_t entry_cluster(const struct fat_volume *volume, const uint8_t *entry)
{
    uint32_t high = volume->bits == 32 ? get16(entry + ENTRY_CLUSTER_HIGH) : 0;
    return high << 16 | get16(entry + ENTRY_CLUSTER_LOW);
}

void entry_set_cluster(uint8_t *entry, uint32_t cluster)
{
    put16(entry + ENTRY_CLUSTER_HIGH, cluster >> 16);
    put16(entry + ENTRY_CLUSTER_LOW, cluster);
}

uint32_t entry_size(const uint8_t *entry)
{
    return get32(entry + ENTRY_SIZE_AT);
}

void entry_set_size(uint8_t *entry, uint32_t size)
{
    put32(entry + ENTRY_SIZE_AT, size);
}

/* Days since 1970 of a date, by the proleptic Gregorian calendar (years begin in March). */
static uint32_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month <= 2 ? year - 1 : year;
    uint32_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static void date_of(uint32_t days, uint32_t *year, uint32_t *month, uint32_t *day)
{
    uint32_t shifted = days + 719468, era = shifted / 146097, of_era = shifted % 146097;
    uint32_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * 400 + y + (*month <= 2);
}

static uint64_t unpack_time(uint32_t date, uint32_t time)
{
    uint32_t month = date >> 5 & 15, day = date & 31;
    if (month < 1 || month > 12 || day < 1)
        return (uint64_t)DAYS_TO_1980 * 86400 * NS_PER_SECOND;
    uint64_t seconds = (uint64_t)days_of(1980 + (date >> 9), month, day) * 86400;
    seconds += (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
    return seconds * NS_PER_SECOND;
}

static void pack_time(uint64_t ns, uint32_t *date, uint32_t *time)
{
    uint64_t seconds = ns / NS_PER_SECOND;
    uint32_t days = (uint32_t)(seconds / 86400), of_day = (uint32_t)(seconds % 86400);
    uint32_t year, month, day;
    if (days < DAYS_TO_1980) {
        days = DAYS_TO_1980;
        of_day = 0;
    }
    date_of(days, &year, &month, &day);
    if (year > 2107)
        year = 2107;
    *date = (year - 1980) << 9 | month << 5 | day;
    *time = of_day / 3600 << 11 | (of_day / 60 % 60) << 5 | of_day % 60 / 2;
}

uint64_t entry_time(const uint8_t *entry, uint32_t at)
{
    return unpack_time(get16(entry + at + 2), get16(entry + at));
}

void entry_set_time(uint8_t *entry, uint32_t at, uint64_t time)
{
    uint32_t date, of_day;
    pack_time(time, &date, &of_day);
    put16(entry + at, of_day);
    put16(entry + at + 2, date);
}

uint64_t entry_accessed(const uint8_t *entry)
{
    return unpack_time(get16(entry + ENTRY_ACCESSED), 0);
}

void entry_set_accessed(uint8_t *entry, uint64_t time)
{
    uint32_t date, of_day;
    pack_time(time, &date, &of_day);
    put16(entry + ENTRY_ACCESSED, date);
}

/* ---- looking ------------------------------------------------------------------------------------- */

static status_t read_slot(struct fat_volume *volume, struct fat_chain *chain, uint32_t slot,
                          uint8_t bytes[FAT_ENTRY_SIZE], uint64_t *position)
{
    if (slot >= FAT_DIRECTORY_MAX)
        return ERR_OUT_OF_RANGE;
    status_t status = chain_position(volume, chain, slot * FAT_ENTRY_SIZE, position);
    return status == OK ? cache_read(&volume->cache, *position, bytes, FAT_ENTRY_SIZE) : status;
}

/* A long name that is being put together from its slots, last part first. */
struct long_name {
    uint32_t expected, first_slot, count; /* order that comes next, 0: it is complete */
    uint8_t checksum;
    bool started;
};

static void take_units(const uint8_t *slot, uint16_t *to)
{
    static const uint8_t places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    for (uint32_t i = 0; i < LONG_UNITS; i++)
        to[i] = (uint16_t)get16(slot + places[i]);
}

static void take_long(struct long_name *name, uint32_t slot, const uint8_t *bytes, uint16_t *units)
{
    uint16_t part[LONG_UNITS];
    uint32_t order = bytes[LONG_ORDER] & 0x3f, used = 0;
    if (bytes[LONG_ORDER] & LONG_LAST)
        *name = (struct long_name){.expected = order,
                                   .first_slot = slot,
                                   .checksum = bytes[LONG_CHECKSUM],
                                   .started = order >= 1 && order <= LONG_SLOTS};
    if (!name->started || order != name->expected || order == 0 ||
        bytes[LONG_CHECKSUM] != name->checksum) {
        name->started = false;
        return;
    }
    take_units(bytes, part);
    while (used < LONG_UNITS && part[used] != 0)
        used++;
    uint32_t at = (order - 1) * LONG_UNITS;
    if (bytes[LONG_ORDER] & LONG_LAST)
        name->count = at + used;
    if (name->count > FAT_NAME_UNITS || (used < LONG_UNITS && !(bytes[LONG_ORDER] & LONG_LAST))) {
        name->started = false;
        return;
    }
    memcpy(units + at, part, used * sizeof *units);
    name->expected = order - 1;
}

status_t directory_next(struct fat_volume *volume, struct fat_chain *chain, uint32_t slot,
                        struct fat_entry *entry)
{
    struct long_name name = {.started = false};
    for (;; slot++) {
        status_t status = read_slot(volume, chain, slot, entry->bytes, &entry->position);
        if (status != OK)
            return status == ERR_OUT_OF_RANGE ? ERR_NOT_FOUND : status;
        if (entry->bytes[0] == SLOT_END)
            return ERR_NOT_FOUND;
        uint8_t attributes = entry->bytes[ENTRY_ATTRIBUTES];
        if (entry->bytes[0] == SLOT_FREE)
            name.started = false;
        else if ((attributes & 0x3f) == FAT_LONG)
            take_long(&name, slot, entry->bytes, entry->units);
        else if (attributes & FAT_LABEL)
            name.started = false;
        else
            break;
    }
    entry->slot = entry->first_slot = slot;
    if (name.started && name.expected == 0 && name.count > 0 &&
        name.checksum == name_checksum(entry->bytes)) {
        entry->first_slot = name.first_slot;
        entry->unit_count = name.count;
    } else {
        entry->unit_count = name_from_short(entry->bytes, entry->units);
    }
    return OK;
}

static bool is_dots(const struct fat_entry *entry)
{
    return entry->bytes[0] == '.';
}

/* Its long name, or its short one. */
static bool is_named(const struct fat_entry *entry, const struct fat_name *name)
{
    uint16_t short_units[13];
    if (is_dots(entry))
        return false;
    if (name_equal(name, entry->units, entry->unit_count))
        return true;
    uint32_t count = name_from_short(entry->bytes, short_units);
    return name_equal(name, short_units, count);
}

status_t directory_find(struct fat_volume *volume, struct fat_chain *chain,
                        const struct fat_name *name, struct fat_entry *entry)
{
    uint32_t slot = 0;
    for (;;) {
        status_t status = directory_next(volume, chain, slot, entry);
        if (status != OK || is_named(entry, name))
            return status;
        slot = entry->slot + 1;
    }
}

status_t directory_is_empty(struct fat_volume *volume, struct fat_chain *chain, bool *empty)
{
    struct fat_entry entry;
    status_t status;
    for (uint32_t slot = 0;; slot = entry.slot + 1) {
        status = directory_next(volume, chain, slot, &entry);
        if (status != OK || !is_dots(&entry))
            break;
    }
    *empty = status == ERR_NOT_FOUND;
    return status == ERR_NOT_FOUND ? OK : status;
}

/* ---- adding -------------------------------------------------------------------------------------- */

static bool short_is_used(struct fat_volume *volume, struct fat_chain *chain,
                          const uint8_t short_name[11], status_t *status)
{
    uint8_t bytes[FAT_ENTRY_SIZE];
    uint64_t position;
    for (uint32_t slot = 0;; slot++) {
        *status = read_slot(volume, chain, slot, bytes, &position);
        if (*status == ERR_OUT_OF_RANGE || (*status == OK && bytes[0] == SLOT_END)) {
            *status = OK;
            return false;
        }
        if (*status != OK)
            return false;
        if (bytes[0] != SLOT_FREE && !(bytes[ENTRY_ATTRIBUTES] & FAT_LABEL) &&
            memcmp(bytes, short_name, 11) == 0)
            return true;
    }
}

/* A short name that is free; *plain: it is the name itself. */
static status_t choose_short(struct fat_volume *volume, struct fat_chain *chain,
                             const struct fat_name *name, uint8_t short_name[11], bool *plain)
{
    uint8_t base[11];
    status_t status;
    enum short_fit fit = name_to_short(name, base);
    *plain = fit == SHORT_EXACT;
    memcpy(short_name, base, sizeof base);
    if (fit != SHORT_BASE && !short_is_used(volume, chain, short_name, &status))
        return status;
    *plain = false;
    for (uint32_t number = 1; number < SHORT_TRIES; number++) {
        memcpy(short_name, base, sizeof base);
        name_add_tail(name, short_name, number);
        if (!short_is_used(volume, chain, short_name, &status))
            return status;
    }
    return ERR_NO_SPACE;
}

/* Makes a chain longer by a zeroed cluster. */
static status_t add_cluster(struct fat_volume *volume, struct fat_chain *chain, uint32_t slots)
{
    uint64_t size = (uint64_t)slots * FAT_ENTRY_SIZE;
    if (chain->fixed || slots >= FAT_DIRECTORY_MAX)
        return ERR_NO_SPACE;
    status_t status = chain_grow(volume, chain, size + 1);
    return status == OK ? chain_write(volume, chain, (uint32_t)size, NULL, volume->cluster_size)
                        : status;
}

/* `count` free slots in a row, from *first on. */
static status_t find_free(struct fat_volume *volume, struct fat_chain *chain, uint32_t count,
                          uint32_t *first, bool *ended)
{
    uint8_t bytes[FAT_ENTRY_SIZE];
    uint64_t position;
    uint32_t run = 0;
    *ended = false; /* behind the end mark all is free, whatever it holds */
    for (uint32_t slot = 0; run < count; slot++) {
        status_t status = read_slot(volume, chain, slot, bytes, &position);
        if (status == ERR_OUT_OF_RANGE) {
            status = add_cluster(volume, chain, slot);
            memset(bytes, 0, sizeof bytes);
        }
        if (status != OK)
            return status;
        *ended = *ended || bytes[0] == SLOT_END;
        run = *ended || bytes[0] == SLOT_FREE ? run + 1 : 0;
        *first = slot + 1 - run;
    }
    return OK;
}

static void put_long(uint8_t *slot, const struct fat_name *name, uint32_t order, bool last,
                     uint8_t checksum)
{
    static const uint8_t places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    memset(slot, 0, FAT_ENTRY_SIZE);
    slot[LONG_ORDER] = (uint8_t)(order | (last ? LONG_LAST : 0));
    slot[ENTRY_ATTRIBUTES] = FAT_LONG;
    slot[LONG_CHECKSUM] = checksum;
    for (uint32_t i = 0; i < LONG_UNITS; i++) {
        uint32_t at = (order - 1) * LONG_UNITS + i;
        put16(slot + places[i], at < name->length    ? name->units[at]
                                : at == name->length ? 0
                                                     : 0xffff);
    }
}

/* What lay behind the end mark that is overwritten must not come to light: the mark moves on. */
static status_t move_end(struct fat_volume *volume, struct fat_chain *chain, uint32_t slot,
                         bool was_end)
{
    static const uint8_t end[FAT_ENTRY_SIZE];
    uint64_t position;
    if (!was_end)
        return OK;
    status_t status = slot < FAT_DIRECTORY_MAX
                          ? chain_position(volume, chain, slot * FAT_ENTRY_SIZE, &position)
                          : ERR_OUT_OF_RANGE;
    return status == ERR_OUT_OF_RANGE ? OK
           : status != OK             ? status
                                      : cache_write(&volume->cache, position, end, sizeof end);
}

static status_t write_slot(struct fat_volume *volume, struct fat_chain *chain, uint32_t slot,
                           const uint8_t *bytes, uint64_t *position)
{
    status_t status = chain_position(volume, chain, slot * FAT_ENTRY_SIZE, position);
    return status == OK ? cache_write(&volume->cache, *position, bytes, FAT_ENTRY_SIZE) : status;
}

status_t directory_add(struct fat_volume *volume, struct fat_chain *chain,
                       const struct fat_name *name, const uint8_t bytes[FAT_ENTRY_SIZE],
                       struct fat_entry *entry)
{
    uint8_t slot[FAT_ENTRY_SIZE];
    bool plain, ended;
    memcpy(entry->bytes, bytes, FAT_ENTRY_SIZE);
    entry->bytes[12] = 0; /* no case flags */
    status_t status = choose_short(volume, chain, name, entry->bytes, &plain);
    uint32_t parts = plain ? 0 : (name->length + LONG_UNITS - 1) / LONG_UNITS;
    if (status == OK)
        status = find_free(volume, chain, parts + 1, &entry->first_slot, &ended);
    if (status != OK)
        return status;
    entry->slot = entry->first_slot + parts;
    status = move_end(volume, chain, entry->slot + 1, ended);
    uint8_t checksum = name_checksum(entry->bytes);
    for (uint32_t i = 0; i < parts && status == OK; i++) {
        put_long(slot, name, parts - i, i == 0, checksum);
        status = write_slot(volume, chain, entry->first_slot + i, slot, &entry->position);
    }
    return status == OK ? write_slot(volume, chain, entry->slot, entry->bytes, &entry->position)
                        : status;
}

status_t directory_remove(struct fat_volume *volume, struct fat_chain *chain, uint32_t first_slot,
                          uint32_t slot)
{
    static const uint8_t freed = SLOT_FREE;
    status_t status = OK;
    for (uint32_t at = slot + 1; at-- > first_slot && status == OK;) {
        uint64_t position;
        status = chain_position(volume, chain, at * FAT_ENTRY_SIZE, &position);
        if (status == OK)
            status = cache_write(&volume->cache, position, &freed, 1);
    }
    return status;
}

static void make_dots(uint8_t *entry, const char *name, uint32_t cluster, uint64_t time)
{
    memset(entry, 0, FAT_ENTRY_SIZE);
    memcpy(entry, name, 11);
    entry[ENTRY_ATTRIBUTES] = FAT_DIRECTORY;
    entry_set_cluster(entry, cluster);
    entry_set_time(entry, 14, time);
    entry_set_time(entry, 22, time);
    entry_set_accessed(entry, time);
}

status_t directory_make(struct fat_volume *volume, uint32_t parent, uint64_t time,
                        uint32_t *cluster)
{
    uint8_t entries[2 * FAT_ENTRY_SIZE];
    status_t status = fat_extend(volume, FAT_CHAIN_END, cluster);
    if (status != OK)
        return status;
    make_dots(entries, ".          ", *cluster, time);
    make_dots(entries + FAT_ENTRY_SIZE, "..         ", parent, time);
    uint64_t position = fat_position(volume, *cluster);
    status = cache_write(&volume->cache, position, NULL, volume->cluster_size);
    if (status == OK)
        status = cache_write(&volume->cache, position, entries, sizeof entries);
    if (status != OK && fat_cut(volume, FAT_CHAIN_END, *cluster) != OK)
        return ERR_IO_ERROR;
    return status;
}

status_t directory_set_parent(struct fat_volume *volume, struct fat_chain *chain, uint32_t parent)
{
    uint8_t bytes[FAT_ENTRY_SIZE];
    uint64_t position;
    status_t status = read_slot(volume, chain, 1, bytes, &position);
    if (status != OK || memcmp(bytes, "..         ", 11) != 0)
        return status;
    entry_set_cluster(bytes, parent);
    return cache_write(&volume->cache, position, bytes, sizeof bytes);
}
