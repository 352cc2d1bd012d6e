/* SPDX-License-Identifier: MIT */
/* Listings of directories: what a file system answers is checked as it arrives, so that nobody who reads it has to. */
#include <ipc/fsclient.h>

#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

static uint32_t attr_room(const struct fs_listing *listing)
{
    return listing->attributes ? sizeof(struct fs_dirent_attr) : 0;
}

static bool is_right(const struct fs_listing *listing)
{
    const struct fs_dirent *entry;
    for (uint32_t at = 0; at < listing->length; at += entry->record_length) {
        uint32_t left = listing->length - at;
        entry = (const void *)(listing->records + at);
        if (left < sizeof *entry || entry->record_length > left || entry->record_length % 8 != 0 ||
            entry->record_length < sizeof *entry + entry->name_length + attr_room(listing))
            return false;
    }
    return true;
}

/* Copied: the file system could still change what is in the room's VMO. */
static status_t take_records(const struct ipc *ipc, const struct fs_readdir_reply *reply,
                             const struct fs_list_room *room, struct fs_listing *listing)
{
    if (room == NULL) {
        memcpy(listing->own, ipc->tail, ipc->tail_length);
        listing->records = listing->own;
        listing->length = ipc->tail_length;
        return OK;
    }
    if (reply->length > room->size)
        return ERR_IO_ERROR;
    listing->records = room->records;
    listing->length = reply->length;
    return reply->length > 0 ? vmo_read(room->vmo, 0, room->records, reply->length) : OK;
}

status_t fs_client_list_into(handle_t node, uint64_t cookie, bool attributes,
                             const struct fs_list_room *room, struct fs_listing *listing)
{
    struct fs_readdir_request request = {
        .cookie = cookie, .attributes = attributes, .room = room != NULL ? room->size : 0};
    struct fs_readdir_reply reply;
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_readdir, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = room != NULL ? ipc_handle_copy(&ipc, room->vmo) : OK;
    if (status == OK)
        status = ipc_call(&ipc, node, &reply, sizeof reply);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    listing->last = reply.last != 0;
    listing->attributes = reply.attributes != 0;
    listing->change = reply.change;
    listing->mount = reply.mount;
    status = take_records(&ipc, &reply, room, listing);
    return status == OK && !is_right(listing) ? ERR_IO_ERROR : status;
}

status_t fs_client_list(handle_t node, uint64_t cookie, bool attributes, struct fs_listing *listing)
{
    return fs_client_list_into(node, cookie, attributes, NULL, listing);
}

const struct fs_dirent *fs_listing_next(const struct fs_listing *listing, uint32_t *at,
                                        const struct fs_dirent_attr **attr)
{
    const struct fs_dirent *entry = (const void *)(listing->records + *at);
    uint32_t room = attr_room(listing);
    if (*at >= listing->length)
        return NULL;
    *at += entry->record_length;
    if (attr != NULL)
        *attr = room ? (const void *)(listing->records + *at - room) : NULL;
    return entry;
}
