/* SPDX-License-Identifier: MIT */
/*
 * fatfs: a FAT volume as a file server, `fatfs DEVICE [OPTIONS]`. Options as of mount(8) for vfat: ro,
 * rw, sync, uid=, gid=, umask=, fmask=, dmask=; those that ask for what is so anyway are taken too.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>

#include "node.h"

#define MSDOS_MAGIC       0x4d44u
#define WRITE_BACK_PERIOD (5 * NS_PER_S)
#define CACHE_SHARE       24u /* of the machine's memory */
#define CACHE_MAX         4096u
#define CACHE_MIN         256u

struct fat_volume volume;
struct fs_server server;
struct options options = {.file_mask = 022, .directory_mask = 022};

/* ---- options ------------------------------------------------------------------------------------- */

static bool is_granted(const char *word)
{
    static const char *const words[] = {"rw",
                                        "utf8",
                                        "iocharset=utf8",
                                        "codepage=437",
                                        "relatime",
                                        "shortname=mixed",
                                        "shortname=winnt",
                                        "noatime",
                                        "defaults",
                                        "vfat"};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool take_number(const char *word, const char *name, int base, uint32_t *value)
{
    size_t length = strlen(name);
    char *end;
    if (strncmp(word, name, length) != 0)
        return false;
    *value = strtoul(word + length, &end, base);
    return end != word + length && *end == 0;
}

static bool take_option(const char *word)
{
    uint32_t mask;
    if (take_number(word, "umask=", 8, &mask))
        options.file_mask = options.directory_mask = mask & 0777;
    else if (strcmp(word, "ro") == 0)
        options.read_only = true;
    else if (strcmp(word, "sync") == 0)
        options.sync = true;
    else
        return take_number(word, "uid=", 10, &options.uid) ||
               take_number(word, "gid=", 10, &options.gid) ||
               take_number(word, "fmask=", 8, &options.file_mask) ||
               take_number(word, "dmask=", 8, &options.directory_mask) || is_granted(word);
    return true;
}

static void take_options(char *text)
{
    for (char *word = text, *next; word != NULL && *word != 0; word = next) {
        next = strchr(word, ',');
        if (next != NULL)
            *next++ = 0;
        if (!take_option(word))
            fs_server_fail(word, ERR_INVALID_ARGUMENT);
    }
}

/* ---- the server ---------------------------------------------------------------------------------- */

static status_t sync_volume(struct fs_node *node, void *data, bool data_only)
{
    (void)data;
    (void)data_only;
    status_t status =
        node == server.root ? fs_contents_flush() : fs_content_sync(&node_of(node)->content);
    status_t synced = fat_sync(&volume);
    return status == OK ? synced : status;
}

static status_t finish(struct fs_server *fs)
{
    (void)fs;
    fs_contents_trim();
    status_t status = fs_contents_flush();
    nodes_end();
    status_t finished = fat_finish(&volume);
    return status == OK ? finished : status;
}

static status_t statistics(struct fs_server *fs, struct fs_statistics *to)
{
    (void)fs;
    fs_contents_trim(); /* what was removed is free */
    *to = (struct fs_statistics){.type = MSDOS_MAGIC,
                                 .block_size = volume.cluster_size,
                                 .blocks = volume.clusters,
                                 .blocks_free = volume.free_clusters,
                                 .name_max = FAT_NAME_MAX,
                                 .read_only = volume.read_only};
    return OK;
}

static const struct fs_ops ops = {.folds = true,
                                  .keeps_dos = true,
                                  .lookup = fat_lookup,
                                  .attributes = fat_attributes,
                                  .set_attributes = fat_set_attributes,
                                  .create = fat_create,
                                  .link = fat_link,
                                  .unlink = fat_unlink,
                                  .rename = fat_rename,
                                  .parent = fat_parent,
                                  .name = fat_name_of,
                                  .read_directory = fat_read_directory,
                                  .open = fat_open_node,
                                  .close = fat_close_node,
                                  .read = fat_read,
                                  .write = fat_write,
                                  .content = fat_content,
                                  .modified = fat_modified,
                                  .sync = sync_volume,
                                  .finish = finish,
                                  .statistics = statistics,
                                  .release = node_release,
                                  .sole = true};

/* What fails here stays dirty, and whoever syncs is told. */
static void write_back(struct service *service)
{
    (void)service;
    fs_contents_trim();
    status_t stored = fs_contents_flush();
    if (!volume.read_only && volume.cache.dirty_count > 0) {
        status_t status = fat_sync(&volume);
        status = status == OK ? stored : status;
        volume.cache.failed = status != OK ? status : volume.cache.failed;
    }
}

static uint32_t cache_pages(void)
{
    struct system_info info;
    uint32_t pages = system_info(&info) == OK ? info.total_pages / CACHE_SHARE : CACHE_MIN;
    return pages < CACHE_MIN ? CACHE_MIN : pages > CACHE_MAX ? CACHE_MAX : pages;
}

int main(int argc, char **argv)
{
    static struct fat_device device;
    struct node *root;
    if (argc < 2)
        fs_server_fail("no device", ERR_INVALID_ARGUMENT);
    if (argc > 2)
        take_options(argv[2]);
    status_t status = device_open(argv[1], options.read_only, &device);
    if (status != OK)
        fs_server_fail(argv[1], status);
    status = fat_open(&volume, &device, cache_pages(), options.read_only);
    if (status == OK)
        status = node_root(&root);
    if (status == OK)
        status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &ops, &root->base);
    if (status != OK)
        fs_server_fail(argv[1], status);
    content_init();
    server.service.tick = write_back;
    server.service.period = WRITE_BACK_PERIOD;
    fs_server_run(&server);
}
