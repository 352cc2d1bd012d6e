/* SPDX-License-Identifier: MIT */
/*
 * /sys/block and /sys/dev/block: a directory for each disk, in it its attributes and a directory for each
 * partition; and links to these by device number. A node's `number` is the device's.
 */
#include <ipc/blockclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockdev.h"
#include "file.h"
#include "internal.h"
#include "procinfo.h"
#include "server.h"

enum { OF_DISKS = 1, OF_PARTITIONS = 2, OF_ALL = 3 };

static void put(const struct internal_node *node, struct text *text,
                uint64_t (*value)(const struct block_info *info))
{
    struct block_info info;
    if (block_by_number(node->number, &info) == 0)
        text_printf(text, "%llu\n", (unsigned long long)value(&info));
}

#define NUMBER(name, expression)                                          \
    static uint64_t name##_of(const struct block_info *info)              \
    {                                                                     \
        return expression;                                                \
    }                                                                     \
    static void name(const struct internal_node *node, struct text *text) \
    {                                                                     \
        put(node, text, name##_of);                                       \
    }

NUMBER(size, info->sectors)
NUMBER(start, info->start)
NUMBER(partition, info->partition)
NUMBER(read_only, (info->flags & BLOCK_READ_ONLY) != 0)
NUMBER(removable, (info->flags & BLOCK_REMOVABLE) != 0)
NUMBER(sector_size, info->sector_size)
NUMBER(discard_most, info->flags &BLOCK_CAN_DISCARD ? 1u << 29 : 0)
NUMBER(rotates, 0 * info->sectors)

static void number(const struct internal_node *node, struct text *text)
{
    text_printf(text, "%u:%u\n", node->number >> 8, node->number & 0xff);
}

static void event(const struct internal_node *node, struct text *text)
{
    struct block_info info;
    if (block_by_number(node->number, &info) == 0)
        text_printf(text, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s\n", node->number >> 8,
                    node->number & 0xff, info.name, info.partition ? "partition" : "disk");
}

static void statistics(const struct internal_node *node, struct text *text)
{
    struct block_info info;
    struct block_statistics s;
    if (block_by_number(node->number, &info) < 0 ||
        block_client_statistics(server.init, info.name, &s) != OK)
        return;
    text_printf(text, "%8llu 0 %8llu %8llu %8llu 0 %8llu %8llu %8u %8llu %8llu 0 0 0 0 %8llu 0\n",
                (unsigned long long)s.reads, (unsigned long long)s.sectors_read,
                (unsigned long long)s.read_time / 1000000, (unsigned long long)s.writes,
                (unsigned long long)s.sectors_written, (unsigned long long)s.write_time / 1000000,
                s.in_flight, (unsigned long long)(s.read_time + s.write_time) / 1000000,
                (unsigned long long)(s.read_time + s.write_time) / 1000000,
                (unsigned long long)s.flushes);
}

static const struct attribute {
    const char *name;
    void (*generate)(const struct internal_node *node, struct text *text);
    uint32_t of;
} attributes[] = {
    {"dev", number, OF_ALL},
    {"partition", partition, OF_PARTITIONS},
    {"removable", removable, OF_DISKS},
    {"ro", read_only, OF_ALL},
    {"size", size, OF_ALL},
    {"start", start, OF_PARTITIONS},
    {"stat", statistics, OF_ALL},
    {"uevent", event, OF_ALL},
    {"queue/discard_max_bytes", discard_most, OF_DISKS},
    {"queue/logical_block_size", sector_size, OF_DISKS},
    {"queue/physical_block_size", sector_size, OF_DISKS},
    {"queue/rotational", rotates, OF_DISKS},
};

static uint32_t kind_of(const struct block_info *info)
{
    return info->partition ? OF_PARTITIONS : OF_DISKS;
}

/* A partition's disk has the same number but for its last four bits. */
static bool is_part_of(const struct block_info *info, uint32_t disk)
{
    return info->partition != 0 && (block_number(info->name) & ~15u) == disk;
}

/* ---- listings ------------------------------------------------------------------------------------ */

static bool list_disks(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    struct block_info info;
    (void)node;
    while (block_next(at, &info)) {
        if (info.partition != 0)
            continue;
        strcpy(name, info.name);
        *type = S_IFDIR >> 12;
        --*at;
        return true;
    }
    return false;
}

static bool list_numbers(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    struct block_info info;
    (void)node;
    if (!block_next(at, &info))
        return false;
    uint32_t rdev = block_number(info.name);
    (void)snprintf(name, 16, "%u:%u", rdev >> 8, rdev & 0xff);
    *type = S_IFLNK >> 12;
    --*at;
    return true;
}

/* Attributes, then `queue`, then partitions. */
static bool list_device(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    struct block_info info;
    if (block_by_number(node->number, &info) < 0)
        return false;
    for (; *at < ARRAY_COUNT(attributes); ++*at) {
        const struct attribute *attribute = &attributes[*at];
        bool first = *at == 0 || strncmp(attributes[*at - 1].name, "queue/", 6) != 0;
        bool queue = strncmp(attribute->name, "queue/", 6) == 0;
        if (!(attribute->of & kind_of(&info)) || (queue && !first))
            continue;
        strcpy(name, queue ? "queue" : attribute->name);
        *type = (queue ? S_IFDIR : S_IFREG) >> 12;
        return true;
    }
    uint32_t next = *at - (uint32_t)ARRAY_COUNT(attributes);
    while (block_next(&next, &info)) {
        if (!is_part_of(&info, node->number))
            continue;
        strcpy(name, info.name);
        *type = S_IFDIR >> 12;
        *at = (uint32_t)ARRAY_COUNT(attributes) + next - 1;
        return true;
    }
    return false;
}

static bool list_queue(const struct internal_node *node, uint32_t *at, char *name, uint32_t *type)
{
    (void)node;
    for (; *at < ARRAY_COUNT(attributes); ++*at) {
        if (strncmp(attributes[*at].name, "queue/", 6) != 0)
            continue;
        strcpy(name, attributes[*at].name + 6);
        *type = S_IFREG >> 12;
        return true;
    }
    return false;
}

/* ---- look-ups ------------------------------------------------------------------------------------ */

static void put_path(const struct block_info *info, char *path, uint32_t size)
{
    struct block_info disk;
    uint32_t rdev = block_number(info->name);
    if (info->partition != 0 && block_by_number(rdev & ~15u, &disk) == 0)
        (void)snprintf(path, size, "block/%s/%s", disk.name, info->name);
    else
        (void)snprintf(path, size, "block/%s", info->name);
}

static int number_target(const struct internal_node *node, char *target)
{
    struct block_info info;
    if (block_by_number(node->number, &info) < 0)
        return -ENOENT;
    strcpy(target, "../../");
    put_path(&info, target + 6, 64);
    return 0;
}

static void generate(const struct internal_node *node, struct text *text)
{
    const struct attribute *attribute = node->entry;
    attribute->generate(node, text);
}

static const struct internal_ops disks_ops = {.list = list_disks},
                                 numbers_ops = {.list = list_numbers},
                                 device_ops = {.list = list_device},
                                 queue_ops = {.list = list_queue},
                                 number_ops = {.target = number_target},
                                 attribute_ops = {.generate = generate};

static int set(struct internal_node *node, const struct internal_ops *ops, uint32_t mode,
               uint32_t rdev, const struct attribute *attribute)
{
    uint64_t place = attribute ? (uint64_t)(attribute - attributes) + 8 : ops == &queue_ops;
    *node = (struct internal_node){.ops = ops,
                                   .mode = mode,
                                   .number = rdev,
                                   .entry = attribute,
                                   .ino = 0x20000000ull + rdev * 64 + place};
    return 0;
}

static int directory(struct internal_node *node, const struct internal_ops *ops, uint32_t rdev)
{
    return set(node, ops, S_IFDIR | 0555, rdev, NULL);
}

/* `rest` below the directory of a device. */
static int device_lookup(const char *rest, const struct block_info *info,
                         struct internal_node *node)
{
    struct block_info part;
    char name[BLOCK_NAME_MAX];
    uint32_t rdev = block_number(info->name), length = (uint32_t)strcspn(rest, "/");
    if (!*rest)
        return directory(node, &device_ops, rdev);
    if (strcmp(rest, "queue") == 0 && info->partition == 0)
        return directory(node, &queue_ops, rdev);
    for (uint32_t i = 0; i < ARRAY_COUNT(attributes); i++)
        if (strcmp(attributes[i].name, rest) == 0 && (attributes[i].of & kind_of(info)))
            return set(node, &attribute_ops, S_IFREG | 0444, rdev, &attributes[i]);
    if (length >= sizeof name || info->partition != 0)
        return -ENOENT;
    memcpy(name, rest, length);
    name[length] = '\0';
    if (block_by_name(name, &part) < 0 || !is_part_of(&part, rdev))
        return -ENOENT;
    return device_lookup(rest + length + (rest[length] == '/'), &part, node);
}

static int disk_lookup(const char *rest, struct internal_node *node)
{
    struct block_info info;
    char name[BLOCK_NAME_MAX];
    uint32_t length = (uint32_t)strcspn(rest, "/");
    if (!*rest)
        return directory(node, &disks_ops, 0);
    if (length >= sizeof name)
        return -ENOENT;
    memcpy(name, rest, length);
    name[length] = '\0';
    if (block_by_name(name, &info) < 0 || info.partition != 0)
        return -ENOENT;
    return device_lookup(rest + length + (rest[length] == '/'), &info, node);
}

static int number_lookup(const char *rest, struct internal_node *node, char *redirect)
{
    struct block_info info;
    char *end, path[64];
    if (!*rest)
        return directory(node, &numbers_ops, 1);
    uint32_t major = (uint32_t)strtoul(rest, &end, 10);
    uint32_t minor = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 10) : 256;
    if (minor > 255 || major > 255 || (*end && *end != '/') ||
        block_by_number(DEVICE(major, minor), &info) < 0)
        return -ENOENT;
    if (!*end)
        return set(node, &number_ops, S_IFLNK | 0777, DEVICE(major, minor), NULL);
    put_path(&info, path, sizeof path);
    if (strlen(end) + sizeof path + 8 >= PATH_MAX)
        return -ENAMETOOLONG;
    strcpy(redirect, "/sys/");
    strcat(redirect, path);
    strcat(redirect, end);
    return 1;
}

int sysblock_lookup(const char *rest, struct internal_node *node, char *redirect)
{
    if (strncmp(rest, "block", 5) == 0 && (rest[5] == '\0' || rest[5] == '/'))
        return disk_lookup(rest + 5 + (rest[5] == '/'), node);
    if (strncmp(rest, "dev/block", 9) == 0 && (rest[9] == '\0' || rest[9] == '/'))
        return number_lookup(rest + 9 + (rest[9] == '/'), node, redirect);
    return -ENOENT;
}
