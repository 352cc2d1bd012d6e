/* SPDX-License-Identifier: MIT */
/* What init has before there is a file system: the boot archives and the kernel command line. */
#include <string.h>

#include <archive/cpio.h>
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

#include "init.h"

#define ARCHIVES_MAX 4

static struct archive {
    handle_t vmo;
    const void *bytes; /* mapped */
    uint32_t length;
} archives[ARCHIVES_MAX];
static uint32_t archive_count;

static status_t map_archive(struct archive *archive)
{
    struct vmo_info info;
    status_t status = vmo_info(archive->vmo, &info);
    if (status != OK)
        return status;
    struct map_request request = {
        .vmo = archive->vmo, .length = (info.size_low + PAGE_MASK) & ~PAGE_MASK, .prot = PROT_R};
    status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    archive->bytes = (const void *)request.address;
    archive->length = info.size_low;
    return OK;
}

void boot_files_open(void)
{
    for (uint32_t i = 0; i < ARCHIVES_MAX; i++) {
        struct archive *archive = &archives[archive_count];
        archive->vmo = startup_handle_at(STARTUP_ARCHIVE, i);
        if (archive->vmo == HANDLE_NONE)
            return;
        status_t status = map_archive(archive);
        if (status == OK)
            archive_count++;
        else
            log_printf("boot archive %u: %s", (unsigned)i + 1, status_text(status));
    }
}

uint32_t boot_archive_count(void)
{
    return archive_count;
}

handle_t boot_archive(uint32_t index)
{
    return index < archive_count ? archives[index].vmo : HANDLE_NONE;
}

status_t boot_file(const char *path, handle_t *vmo, uint32_t *size)
{
    struct cpio_entry entry;
    while (*path == '/')
        path++;
    for (uint32_t i = 0; i < archive_count; i++) {
        status_t status = cpio_find(archives[i].bytes, archives[i].length, path, &entry);
        if (status == ERR_NOT_FOUND)
            continue;
        if (status != OK)
            return status;
        *size = entry.data_length;
        return vmo_clone(archives[i].vmo, entry.data_offset, entry.data_length, vmo);
    }
    return ERR_NOT_FOUND;
}

bool cmdline_has(const char *word)
{
    char line[512];
    uint32_t length = 0;
    size_t word_length = strlen(word);
    if (system_cmdline(line, sizeof line - 1, &length) != OK)
        return false;
    line[length < sizeof line ? length : sizeof line - 1] = 0;
    for (char *at = line; *at != 0;) {
        size_t part = strcspn(at, " ");
        if (part == word_length && memcmp(at, word, part) == 0)
            return true;
        at += part;
        at += strspn(at, " ");
    }
    return false;
}
