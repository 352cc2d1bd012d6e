/* SPDX-License-Identifier: MIT */
#include <archive/cpio.h>

#include <string.h>

#define HEADER_SIZE 110
#define FIELD_COUNT 13
#define TRAILER     "TRAILER!!!"

/* In the order of the header. */
enum field {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    SIZE,
    DEV_MAJOR,
    DEV_MINOR,
    RDEV_MAJOR,
    RDEV_MINOR,
    NAME_SIZE,
    CHECK
};

static bool parse_field(const char *digits, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 8; i++) {
        char c = digits[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static size_t align4(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

static void trim_name(struct cpio_entry *entry)
{
    if (entry->name_length >= 2 && entry->name[0] == '.' && entry->name[1] == '/') {
        entry->name += 2;
        entry->name_length -= 2;
    }
    while (entry->name_length > 0 && entry->name[0] == '/') {
        entry->name++;
        entry->name_length--;
    }
}

status_t cpio_next(const void *archive, size_t length, size_t *offset, struct cpio_entry *entry)
{
    uint32_t fields[FIELD_COUNT];
    size_t start = *offset;
    if (start > length || length - start < HEADER_SIZE)
        return ERR_INVALID_ARGUMENT;
    const char *header = (const char *)archive + start;
    if (memcmp(header, "070701", 6) != 0)
        return ERR_INVALID_ARGUMENT;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (!parse_field(header + 6 + 8 * i, &fields[i]))
            return ERR_INVALID_ARGUMENT;
    size_t left = length - start - HEADER_SIZE;
    if (fields[NAME_SIZE] == 0 || fields[NAME_SIZE] > left ||
        header[HEADER_SIZE + fields[NAME_SIZE] - 1] != 0)
        return ERR_INVALID_ARGUMENT;
    size_t data = align4(start + HEADER_SIZE + fields[NAME_SIZE]);
    if (data > length || fields[SIZE] > length - data)
        return ERR_INVALID_ARGUMENT;
    *entry = (struct cpio_entry){
        .name = header + HEADER_SIZE,
        .name_length = strlen(header + HEADER_SIZE),
        .ino = fields[INO],
        .mode = fields[MODE],
        .uid = fields[UID],
        .gid = fields[GID],
        .nlink = fields[NLINK],
        .mtime = fields[MTIME],
        .rdev_major = fields[RDEV_MAJOR],
        .rdev_minor = fields[RDEV_MINOR],
        .data_offset = data,
        .data_length = fields[SIZE],
    };
    if (entry->name_length == strlen(TRAILER) &&
        memcmp(entry->name, TRAILER, entry->name_length) == 0)
        return ERR_NOT_FOUND;
    trim_name(entry);
    *offset = align4(data + fields[SIZE]);
    return OK;
}

status_t cpio_find(const void *archive, size_t length, const char *path, struct cpio_entry *entry)
{
    size_t offset = 0, path_length = strlen(path);
    for (;;) {
        status_t status = cpio_next(archive, length, &offset, entry);
        if (status != OK)
            return status;
        if (entry->name_length == path_length && memcmp(entry->name, path, path_length) == 0)
            return OK;
    }
}
