/* SPDX-License-Identifier: MIT */
/* The content of files that a boot archive holds packed: from its mapping into a new VMO's. */
#include <archive/inflate.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "memfs.h"

/* Both VMOs mapped here: the pages of the archive that hold the data, and the whole content. */
static status_t inflate_mapped(const struct memfs_node *node, const struct map_request *archive,
                               struct map_request *content)
{
    status_t status = space_map(HANDLE_SELF, content);
    if (status != OK)
        return status;
    const char *packed =
        (const char *)archive->address + (size_t)(node->file.archive_offset & PAGE_MASK);
    status = inflate(packed, node->file.packed_length, (void *)content->address,
                     (size_t)node->file.size);
    status_t unmapped = space_unmap(HANDLE_SELF, content->address, content->length);
    if (status == OK)
        status = unmapped;
    return status == ERR_INVALID_ARGUMENT ? ERR_IO_ERROR : status;
}

status_t memfs_unpack_file(const struct memfs_node *node, handle_t *vmo)
{
    uint32_t start = (uint32_t)node->file.archive_offset & ~PAGE_MASK;
    uint32_t end = (uint32_t)node->file.archive_offset + node->file.packed_length;
    struct map_request archive = {.vmo = node->file.archive,
                                  .offset_low = start,
                                  .length = (end - start + PAGE_MASK) & ~PAGE_MASK,
                                  .prot = PROT_R};
    handle_t content;
    status_t status = vmo_create(VMO_CONTENT, node->file.size, &content);
    if (status != OK)
        return status;
    struct map_request whole = {
        .vmo = content,
        .length = (uint32_t)((node->file.size + PAGE_MASK) & ~PAGE_MASK),
        .prot = PROT_R | PROT_W,
        /* All of it now: without memory this is an error, a fault is the end. */
        .flags = MAP_FLAG_SHARED | MAP_FLAG_COMMIT};
    status = space_map(HANDLE_SELF, &archive);
    if (status == OK) {
        status = inflate_mapped(node, &archive, &whole);
        status_t unmapped = space_unmap(HANDLE_SELF, archive.address, archive.length);
        status = status == OK ? unmapped : status;
    }
    if (status != OK)
        handle_drop(&content);
    else
        *vmo = content;
    return status;
}
