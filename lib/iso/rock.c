/* SPDX-License-Identifier: MIT */
/*
 * The system use area of a directory record: fields of two letters, a length, a version and data (SUSP), of which
 * Rock Ridge's say what Unix wants to know. An area may go on elsewhere (CE); how often is bounded.
 */
#include <string.h>

#include "internal.h"

#define CONTINUATIONS_MAX 32u
#define NS_PER_SECOND     1000000000ull

enum name_flags { NAME_CONTINUES = 1, NAME_CURRENT = 2, NAME_PARENT = 4 };
enum link_flags { LINK_CONTINUES = 1, LINK_CURRENT = 2, LINK_PARENT = 4, LINK_ROOT = 8 };
enum time_flags { TIME_MODIFY = 2, TIME_ACCESS = 4, TIME_ATTRIBUTES = 8, TIME_LONG = 0x80 };

/* Where an area goes on. */
struct continuation {
    uint64_t position;
    uint32_t length; /* 0: it does not */
};

/* ---- times --------------------------------------------------------------------------------------- */

static int64_t days_from_1970(int64_t year, uint32_t month, uint32_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    uint32_t of_era = (uint32_t)(year - era * 400);
    uint32_t of_year = (153 * (month + (month > 2 ? (uint32_t)-3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + (int64_t)of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static uint64_t time_of(int64_t year, const uint8_t *rest, int8_t zone)
{
    uint32_t month = rest[0], day = rest[1], hour = rest[2], minute = rest[3], second = rest[4];
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return 0;
    int64_t seconds = days_from_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    seconds -= (int64_t)zone * 900;
    return seconds > 0 ? (uint64_t)seconds * NS_PER_SECOND : 0;
}

/* Seven bytes: years from 1900, month, day, hour, minute, second, quarters of an hour east. */
uint64_t iso_time(const uint8_t at[7])
{
    return time_of(1900 + at[0], at + 1, (int8_t)at[6]);
}

static uint32_t number(const uint8_t *digits, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value = value * 10 + (digits[i] >= '0' && digits[i] <= '9' ? digits[i] - (uint32_t)'0' : 0);
    return value;
}

/* Seventeen bytes: sixteen digits down to hundredths of a second, and the zone. */
static uint64_t long_time(const uint8_t at[17])
{
    uint8_t rest[5];
    for (uint32_t i = 0; i < 5; i++)
        rest[i] = (uint8_t)number(at + 4 + (size_t)2 * i, 2);
    return time_of(number(at, 4), rest, (int8_t)at[16]);
}

/* ---- fields; each gets the data behind its head --------------------------------------------------- */

static void take_attributes(struct rock *rock, const uint8_t *data, uint32_t length)
{
    if (length < 32)
        return;
    rock->has_mode = true;
    rock->mode = iso_le32(data);
    rock->nlink = iso_le32(data + 8);
    rock->uid = iso_le32(data + 16);
    rock->gid = iso_le32(data + 24);
}

static void take_device(struct rock *rock, const uint8_t *data, uint32_t length)
{
    if (length < 16)
        return;
    uint32_t high = iso_le32(data), low = iso_le32(data + 8);
    rock->rdev = high == 0 ? low : (high & 0xffffff) << 8 | (low & 0xff);
}

static void take_name(struct rock *rock, const uint8_t *data, uint32_t length)
{
    if (length < 1 || (data[0] & (NAME_CURRENT | NAME_PARENT)))
        return;
    uint32_t count = length - 1;
    if (count > ISO_NAME_MAX - rock->name_length)
        count = (uint32_t)(ISO_NAME_MAX - rock->name_length);
    memcpy(rock->name + rock->name_length, data + 1, count);
    rock->name_length += count;
    rock->has_name = true;
}

static void take_times(struct rock *rock, const uint8_t *data, uint32_t length)
{
    if (length < 1)
        return;
    uint32_t size = data[0] & TIME_LONG ? 17 : 7;
    const uint8_t *at = data + 1;
    for (uint32_t flag = 1; flag <= 0x40 && (uint32_t)(at - data) + size <= length; flag <<= 1) {
        if (!(data[0] & flag))
            continue;
        uint64_t time = size == 17 ? long_time(at) : iso_time(at);
        at += size;
        if (flag == TIME_MODIFY)
            rock->mtime = time;
        else if (flag == TIME_ACCESS)
            rock->atime = time;
        else if (flag == TIME_ATTRIBUTES)
            rock->ctime = time;
    }
}

static void add_to_link(struct rock *rock, const void *text, size_t length)
{
    if (length > ISO_LINK_MAX - rock->link_length)
        length = ISO_LINK_MAX - rock->link_length;
    memcpy(rock->link + rock->link_length, text, length);
    rock->link_length += length;
}

static void add_component(struct rock *rock, uint8_t flags, const uint8_t *text, uint32_t length)
{
    bool first = rock->link_length == 0,
         after_root = !first && rock->link[rock->link_length - 1] == '/';
    if (!first && !after_root && !rock->joins)
        add_to_link(rock, "/", 1);
    if (flags & LINK_ROOT)
        add_to_link(rock, "/", 1);
    else if (flags & LINK_PARENT)
        add_to_link(rock, "..", 2);
    else if (flags & LINK_CURRENT)
        add_to_link(rock, ".", 1);
    else
        add_to_link(rock, text, length);
    rock->joins = (flags & LINK_CONTINUES) != 0;
}

static void take_link(struct rock *rock, const uint8_t *data, uint32_t length)
{
    for (uint32_t at = 1; rock->link != NULL && at + 2 <= length; at += 2u + data[at + 1]) {
        if (data[at + 1] > length - at - 2)
            return;
        add_component(rock, data[at], data + at + 2, data[at + 1]);
    }
}

static bool is(const uint8_t *field, const char *letters)
{
    return field[0] == (uint8_t)letters[0] && field[1] == (uint8_t)letters[1];
}

static void take_field(struct iso_volume *volume, struct rock *rock, const uint8_t *field,
                       struct continuation *more)
{
    const uint8_t *data = field + 4;
    uint32_t length = field[2] - 4u;
    if (is(field, "PX"))
        take_attributes(rock, data, length);
    else if (is(field, "PN"))
        take_device(rock, data, length);
    else if (is(field, "NM"))
        take_name(rock, data, length);
    else if (is(field, "TF"))
        take_times(rock, data, length);
    else if (is(field, "SL"))
        take_link(rock, data, length);
    else if (is(field, "RE"))
        rock->moved = true;
    else if (is(field, "CL") && length >= 8) {
        rock->is_child = true;
        rock->child = iso_le32(data);
    } else if (is(field, "CE") && length >= 24) {
        more->position = (uint64_t)iso_le32(data) * volume->block_size + iso_le32(data + 8);
        more->length = iso_le32(data + 16);
    }
}

/* False: the area ends here. */
static void take_area(struct iso_volume *volume, struct rock *rock, const uint8_t *area,
                      uint32_t length, struct continuation *more)
{
    for (uint32_t at = 0; at + 4 <= length; at += area[at + 2]) {
        if (area[at + 2] < 4 || area[at + 2] > length - at || is(area + at, "ST"))
            return;
        take_field(volume, rock, area + at, more);
    }
}

status_t rock_read(struct iso_volume *volume, const uint8_t *area, uint32_t length,
                   struct rock *rock)
{
    uint8_t sector[ISO_SECTOR];
    struct continuation more = {0};
    if (length > volume->skip)
        take_area(volume, rock, area + volume->skip, length - volume->skip, &more);
    for (uint32_t i = 0; i < CONTINUATIONS_MAX && more.length > 0; i++) {
        struct continuation here = more;
        uint32_t left = ISO_SECTOR - (uint32_t)(here.position % ISO_SECTOR);
        if (here.length > left)
            here.length = left; /* one lies inside a sector */
        more.length = 0;
        status_t status = iso_metadata(volume, here.position, sector, here.length);
        if (status != OK)
            return status;
        take_area(volume, rock, sector, here.length, &more);
    }
    return OK;
}

bool rock_begins(const uint8_t *area, uint32_t length, uint32_t *skip)
{
    /* CD-ROM XA puts its own bytes before the field. */
    for (uint32_t start = 0; start <= 14 && start + 7 <= length; start += 14) {
        const uint8_t *field = area + start;
        if (is(field, "SP") && field[2] >= 7 && field[4] == 0xbe && field[5] == 0xef) {
            *skip = field[6];
            return true;
        }
    }
    return false;
}
