/* SPDX-License-Identifier: MIT */
/*
 * Who has a file open for writing, and who denies that to others (FS_O_DENY_WRITE): all the time, or
 * while its claim is in use, which only the client knows (struct fs_claim of protocols/fs.h).
 */
#include <stddef.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

static void count(struct fs_node *node, uint32_t flags, uint32_t one)
{
    if ((flags & (FS_O_WRITE | FS_O_NODE)) == FS_O_WRITE)
        node->writers += one;
    if (flags & FS_O_DENY_WRITE)
        node->write_deniers += one;
}

void fs_share_begin(struct fs_node *node, uint32_t flags)
{
    count(node, flags, 1);
}

void fs_share_end(struct fs_node *node, uint32_t flags)
{
    count(node, flags, (uint32_t)-1);
}

/*
 * As with its buffer (fs_open_buffer) the VMO stays the client's: it is only read and written by kernel
 * calls, and must not be one whose pages come from somebody who may never send them.
 */
status_t fs_share_claim(struct fs_open *open, handle_t vmo, uint32_t at)
{
    struct vmo_info info;
    status_t status = vmo_info(vmo, &info);
    if (status != OK)
        return status;
    if (info.paged || at % sizeof(uint32_t) != 0)
        return ERR_INVALID_ARGUMENT;
    open->claim = vmo;
    open->claim_at = at;
    return OK;
}

/* Of a client that has taken its memory away nothing is believed: it goes on denying. */
static bool is_withdrawn(const struct fs_open *open)
{
    const uint32_t yes = 1, no = 0;
    uint64_t at = open->claim_at, mark = at + offsetof(struct fs_claim, withdrawn);
    uint32_t uses;
    if (open->claim == HANDLE_NONE || vmo_write(open->claim, mark, &yes, sizeof yes) != OK)
        return false;
    status_t status =
        vmo_read(open->claim, at + offsetof(struct fs_claim, uses), &uses, sizeof uses);
    if (status == OK && uses == 0)
        return true;
    (void)!vmo_write(open->claim, mark, &no, sizeof no);
    return false;
}

/* Claims on the file that nobody uses end. */
static void withdraw(struct fs_node *node)
{
    struct fs_server *server = node->server;
    for (uint32_t i = 0; i < server->open_capacity; i++) {
        struct fs_open *open = &server->opens[i];
        if (open->node != node || !(open->flags & FS_O_DENY_WRITE) || !is_withdrawn(open))
            continue;
        fs_share_end(node, FS_O_DENY_WRITE);
        open->flags &= ~(uint32_t)FS_O_DENY_WRITE;
        handle_drop(&open->claim);
    }
}

status_t fs_share_check(struct fs_node *node, uint32_t flags)
{
    bool writes = !(flags & FS_O_NODE) && (flags & (FS_O_WRITE | FS_O_TRUNCATE)) != 0;
    if ((flags & FS_O_DENY_WRITE) && node->writers > 0)
        return ERR_TEXT_BUSY;
    if (writes && node->write_deniers > 0)
        withdraw(node);
    return writes && node->write_deniers > 0 ? ERR_TEXT_BUSY : OK;
}
