/* SPDX-License-Identifier: MIT */
/*
 * memfs as init starts it: the boot archives as STARTUP_ARCHIVE handles, its port as STARTUP_SERVICE;
 * an argument is the mode of the root directory, or the options of a mount(2).
 */
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <stdlib.h>
#include <string.h>

#include "memfs.h"

static struct fs_server server;

static status_t unpack_archive(struct memfs_node *root, handle_t archive)
{
    struct vmo_info info;
    status_t status = vmo_info(archive, &info);
    if (status != OK)
        return status;
    if (info.size_high != 0)
        return ERR_TOO_LARGE;
    struct map_request request = {
        .vmo = archive, .length = (info.size_low + PAGE_MASK) & ~PAGE_MASK, .prot = PROT_R};
    status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    status = memfs_unpack(root, (const void *)request.address, info.size_low, archive);
    status_t unmapped = space_unmap(HANDLE_SELF, request.address, request.length);
    return status != OK ? status : unmapped;
}

/* "64m": bytes; "20%": of the machine's memory. 0: that is no size. */
static uint64_t size_of(const char *text)
{
    struct system_info info;
    char *end;
    uint64_t value = strtoul(text, &end, 10);
    if (*end == '%' && system_info(&info) == OK)
        value = value * info.total_pages / 100 * PAGE_SIZE, end++;
    else if (*end == 'k' || *end == 'K')
        value <<= 10, end++;
    else if (*end == 'm' || *end == 'M')
        value <<= 20, end++;
    else if (*end == 'g' || *end == 'G')
        value <<= 30, end++;
    return *end == 0 ? value : 0;
}

static bool take_option(struct memfs_node *root, const char *word, uint32_t *mode)
{
    if (strncmp(word, "mode=", 5) == 0)
        *mode = strtoul(word + 5, NULL, 8);
    else if (strncmp(word, "uid=", 4) == 0)
        root->uid = strtoul(word + 4, NULL, 10);
    else if (strncmp(word, "gid=", 4) == 0)
        root->gid = strtoul(word + 4, NULL, 10);
    else if (strncmp(word, "size=", 5) == 0)
        return (memfs_limits.bytes = (size_of(word + 5) + PAGE_MASK) & ~(uint64_t)PAGE_MASK) != 0;
    else if (strncmp(word, "nr_blocks=", 10) == 0)
        return (memfs_limits.bytes = size_of(word + 10) * PAGE_SIZE) != 0;
    else if (strncmp(word, "nr_inodes=", 10) == 0)
        return (memfs_limits.nodes = size_of(word + 10)) != 0;
    else if (*word >= '0' && *word <= '7')
        *mode = strtoul(word, NULL, 8);
    else
        return strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0;
    return true;
}

/* "1777", or "rw,mode=755,size=64m" as mount(2) says it. */
static status_t take_options(struct memfs_node *root, char *text)
{
    uint32_t mode = 01777;
    for (char *next, *word = text; word != NULL; word = next) {
        next = strchr(word, ',');
        if (next != NULL)
            *next++ = 0;
        if (!take_option(root, word, &mode))
            return ERR_INVALID_ARGUMENT;
    }
    root->mode = FS_TYPE_DIRECTORY | (mode & 07777);
    return OK;
}

int main(int argc, char **argv)
{
    struct memfs_node *root = memfs_new_root(&server);
    if (root == NULL)
        process_fail("root directory", ERR_NO_MEMORY);
    status_t status = argc > 1 ? take_options(root, argv[1]) : OK;
    if (status != OK)
        fs_server_fail("mount options", status);
    status = fs_server_init(&server, startup_handle(STARTUP_SERVICE), &memfs_ops, &root->base);
    if (status != OK)
        process_fail("port", status);
    handle_t archive;
    for (uint32_t i = 0; (archive = startup_handle_at(STARTUP_ARCHIVE, i)) != HANDLE_NONE; i++) {
        status = unpack_archive(root, archive);
        if (status != OK)
            log_printf("boot archive %u: %s", (unsigned)i + 1, status_text(status));
    }
    fs_server_run(&server);
}
