/* SPDX-License-Identifier: MIT */
/* The operations that lib/fs asks for, and the server. Those that change something are not there: READ_ONLY. */
#include "isofs.h"

#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

#define ISOFS_MAGIC 0x9660u
#define COOKIE_DOTS 2u /* `.` and `..`; then offsets in the directory */
#define DEFAULT_ID  UINT32_MAX

struct fs_server server;
struct iso_volume volume;

static struct {
    uint32_t flags, uid, gid; /* DEFAULT_ID: what the volume says */
} options = {.uid = DEFAULT_ID, .gid = DEFAULT_ID};

static uint64_t number(const struct node *node)
{
    return node->node.ino;
}

/* ---- names --------------------------------------------------------------------------------------- */

static status_t op_lookup(struct fs_node *base, const char *name, size_t length, bool nocase,
                          struct fs_node **child)
{
    static struct iso_entry entry; /* one thread; large */
    struct node *directory = node_of(base), *node;
    struct iso_directory place = iso_directory_of(&directory->entry);
    (void)nocase; /* the library looks for that */
    for (uint64_t offset = 0;; offset = entry.next) {
        status_t status = iso_next(&volume, &place, offset, &entry);
        if (status != OK)
            return status;
        if (entry.name_length != length || memcmp(entry.name, name, length) != 0)
            continue;
        status = node_get(directory, &entry, &node);
        if (status == OK)
            *child = &node->node;
        return status;
    }
}

static status_t op_parent(struct fs_node *base, struct fs_node **parent)
{
    struct node *node = node_of(base);
    *parent = fs_node_get(node->parent != NULL ? &node->parent->node : base);
    return OK;
}

static status_t op_name(struct fs_node *base, char *to, size_t size, size_t *length)
{
    const struct iso_entry *entry = &node_of(base)->entry;
    if (entry->name_length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, entry->name, entry->name_length);
    *length = entry->name_length;
    return OK;
}

static bool add_dots(struct node *directory, uint64_t cookie, struct fs_entries *entries)
{
    struct node *parent = directory->parent != NULL ? directory->parent : directory;
    if (cookie == 0 && !fs_entries_add(entries, number(directory), 1, FS_TYPE_DIRECTORY, ".", 1))
        return false;
    return cookie > 1 ||
           fs_entries_add(entries, number(parent), COOKIE_DOTS, FS_TYPE_DIRECTORY, "..", 2);
}

static status_t op_read_directory(struct fs_node *base, void *data, uint64_t cookie,
                                  struct fs_entries *entries)
{
    static struct iso_entry entry;
    struct node *directory = node_of(base);
    struct iso_directory place = iso_directory_of(&directory->entry);
    (void)data;
    if (cookie < COOKIE_DOTS) {
        if (!add_dots(directory, cookie, entries))
            return OK;
        cookie = COOKIE_DOTS;
    }
    for (uint64_t offset = cookie - COOKIE_DOTS;; offset = entry.next) {
        status_t status = iso_next(&volume, &place, offset, &entry);
        if (status != OK)
            return status == ERR_NOT_FOUND || entries->count > 0 ? OK : status;
        if (!fs_entries_add(entries, number_of(&entry), entry.next + COOKIE_DOTS, entry.mode,
                            entry.name, entry.name_length))
            return OK;
    }
}

static status_t op_read_link(struct fs_node *base, char *to, size_t size, size_t *length)
{
    char target[ISO_LINK_MAX];
    status_t status = iso_link(&volume, &node_of(base)->entry, target, length);
    if (status != OK)
        return status;
    if (*length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, target, *length);
    return OK;
}

/* ---- attributes and content ------------------------------------------------------------------------ */

static status_t op_attributes(struct fs_node *base, struct fs_attr *attr)
{
    const struct iso_entry *entry = &node_of(base)->entry;
    *attr = (struct fs_attr){.ino = base->ino,
                             .size = entry->size,
                             .blocks = (entry->size + 511) / 512,
                             .atime = entry->atime,
                             .mtime = entry->mtime,
                             .ctime = entry->ctime,
                             .mode = entry->mode,
                             .nlink = entry->nlink,
                             .rdev = entry->rdev,
                             .uid = options.uid != DEFAULT_ID ? options.uid : entry->uid,
                             .gid = options.gid != DEFAULT_ID ? options.gid : entry->gid};
    return OK;
}

static status_t op_open(struct fs_node *node, uint32_t flags, void **data)
{
    return fs_content_opened(&node_of(node)->content, flags, true, data);
}

static status_t op_read(struct fs_node *base, void *data, uint64_t offset, void *to,
                        uint32_t length, uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    status_t status = node_content(node);
    if (status == OK)
        return fs_content_read(&node->content, offset, to, length, done);
    return status == ERR_NOT_SUPPORTED ? iso_read(&volume, &node->entry, offset, to, length, done)
                                       : status;
}

static status_t op_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo,
                           uint64_t *size, bool *coherent)
{
    struct node *node = node_of(base);
    (void)data;
    if (prot & PROT_W)
        return ERR_READ_ONLY;
    status_t status = node_content(node);
    return status == OK ? fs_content_give(&node->content, prot, vmo, size, coherent) : status;
}

static status_t op_statistics(struct fs_server *of, struct fs_statistics *to)
{
    (void)of;
    *to = (struct fs_statistics){.type = ISOFS_MAGIC,
                                 .block_size = volume.block_size,
                                 .blocks = volume.size / volume.block_size,
                                 .name_max = ISO_NAME_MAX,
                                 .read_only = true};
    return OK;
}

static const struct fs_ops ops = {
    .sole = true,
    .lookup = op_lookup,
    .attributes = op_attributes,
    .read_link = op_read_link,
    .parent = op_parent,
    .name = op_name,
    .read_directory = op_read_directory,
    .open = op_open,
    .read = op_read,
    .content = op_content,
    .statistics = op_statistics,
    .release = node_release,
};

/* ---- the server ------------------------------------------------------------------------------------ */

/* Separated by commas; what Linux knows and has no effect here is passed over. */
static void take_options(char *text)
{
    for (char *next; text != NULL; text = next) {
        next = strchr(text, ',');
        if (next != NULL)
            *next++ = 0;
        if (strcmp(text, "norock") == 0)
            options.flags |= ISO_NO_ROCK_RIDGE;
        else if (strcmp(text, "nojoliet") == 0)
            options.flags |= ISO_NO_JOLIET;
        else if (strncmp(text, "uid=", 4) == 0)
            options.uid = strtoul(text + 4, NULL, 10);
        else if (strncmp(text, "gid=", 4) == 0)
            options.gid = strtoul(text + 4, NULL, 10);
    }
}

/* Arguments: the device and the options of the mount. */
int main(int argc, char **argv)
{
    struct iso_device device;
    static struct iso_entry entry;
    struct node *root;
    if (argc < 2)
        fs_server_fail("no device", ERR_INVALID_ARGUMENT);
    if (argc > 2)
        take_options(argv[2]);
    status_t status = device_open(argv[1], &device);
    if (status == OK)
        status = iso_open(&volume, &device, options.flags);
    if (status == OK)
        status = iso_root(&volume, &entry);
    if (status == OK)
        status = node_get(NULL, &entry, &root);
    if (status == OK)
        status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &ops, &root->node);
    if (status != OK)
        fs_server_fail(argv[1], status == ERR_NOT_SUPPORTED ? ERR_INVALID_ARGUMENT : status);
    contents_init();
    fs_server_run(&server);
}
