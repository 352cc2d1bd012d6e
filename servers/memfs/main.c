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

/* "1777", or "rw,mode=755" as mount(2) says it. */
static status_t set_mode(struct memfs_node *root, char *text)
{
    uint32_t mode = 01777;
    for (char *next, *word = text; word != NULL; word = next) {
        next = strchr(word, ',');
        if (next != NULL)
            *next++ = 0;
        if (strncmp(word, "mode=", 5) == 0)
            mode = strtoul(word + 5, NULL, 8);
        else if (*word >= '0' && *word <= '7')
            mode = strtoul(word, NULL, 8);
        else if (strcmp(word, "rw") != 0 && strcmp(word, "ro") != 0)
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
    status_t status = argc > 1 ? set_mode(root, argv[1]) : OK;
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
