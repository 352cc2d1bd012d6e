/* SPDX-License-Identifier: MIT */
/*
 * What is in a directory of a file system server. A listing comes with attributes as long as these are asked for
 * afterwards, and in few messages: there is room for a long one, for one thread at a time; another one that
 * lists meanwhile gets what fits into a message.
 */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>
#include <string.h>

#include "linux.h"
#include "node.h"
#include "path.h"
#include "server.h"
#include "task.h"

/* Records with attributes are up to so many times as long as those that the guest gets. */
#define ATTRIBUTES_FACTOR 4u

static struct fs_list_room long_room; /* server_lock: who has it takes its VMO away */

/* The room, if nobody else has it. */
static bool take_room(struct fs_list_room *room)
{
    server_lock();
    *room = long_room;
    long_room.vmo = HANDLE_NONE;
    server_unlock();
    return room->vmo != HANDLE_NONE;
}

static void give_room(const struct fs_list_room *room)
{
    server_lock();
    long_room.vmo = room->vmo;
    server_unlock();
}

void node_list_init(void)
{
    static uint8_t records[FS_LISTING_MAX] __attribute__((aligned(8)));
    long_room = (struct fs_list_room){.records = records, .size = sizeof records};
    if (vmo_create(0, sizeof records, &long_room.vmo) != OK)
        log_line("listings go by short messages");
}

/* One directory entry into the guest's buffer; the bytes used, 0 if it does not fit, -EFAULT. */
static int put_entry(user_t at, uint32_t room, const struct fs_dirent *entry, bool wide)
{
    uint8_t record[sizeof(struct linux_dirent64) + FS_NAME_MAX + 16] __attribute__((aligned(8)));
    uint32_t header = wide ? sizeof(struct linux_dirent64) : sizeof(struct linux_dirent);
    uint32_t length = (header + entry->name_length + 2 + 7) & ~7u;
    if (length > room)
        return 0;
    memset(record, 0, sizeof record);
    if (wide) {
        struct linux_dirent64 *to = (void *)record;
        *to = (struct linux_dirent64){entry->ino, entry->cookie, (uint16_t)length, entry->type};
    } else {
        struct linux_dirent *to = (void *)record;
        *to =
            (struct linux_dirent){(uint32_t)entry->ino, (uint32_t)entry->cookie, (uint16_t)length};
        record[length - 1] = entry->type;
    }
    memcpy(record + header, entry->name, entry->name_length);
    return copy_out(at, record, length) < 0 ? -EFAULT : (int)length;
}

static int put_entries(struct file *file, const struct fs_listing *listing, bool wide,
                       user_t buffer, uint32_t size, uint32_t *used)
{
    const struct fs_dirent *entry;
    for (uint32_t at = 0; (entry = fs_listing_next(listing, &at, NULL));) {
        int put = put_entry(user_at(buffer, *used), size - *used, entry, wide);
        if (put <= 0)
            return put < 0 ? put : 1;
        *used += (uint32_t)put;
        file->offset = entry->cookie;
    }
    return 0;
}

/* What a listing tells is remembered for who may ask for it by name. */
static bool may_remember_entries(struct file *file)
{
    struct fs_attr attr;
    return namecache_wants_entries() && file->ops->stat(file, &attr) == 0 && path_remembers(&attr);
}

static bool is_at_end(const struct file *file)
{
    const struct node_data *data = node_data_of(file);
    return data->ended && file->offset == data->end &&
           namecache_unchanged(file->attr.ino, file->attr.device, data->ended_at);
}

/* room NULL: by short messages. */
static int read_directory(struct file *file, const struct fs_list_room *room, bool remember,
                          bool wide, user_t buffer, uint32_t size)
{
    struct node_data *data = node_data_of(file);
    struct fs_listing listing;
    uint32_t used = 0;
    data->ended = false;
    for (;;) {
        status_t status = fs_client_list_into(file->handle, file->offset, remember, room, &listing);
        if (status != OK)
            return used ? (int)used : file_errno(status);
        if (listing.length == 0)
            return (int)used;
        if (listing.attributes)
            path_remember_entries(file, &listing);
        int result = put_entries(file, &listing, wide, buffer, size, &used);
        if (result < 0)
            return result;
        if (result == 1)
            return used ? (int)used : -EINVAL;
        if (listing.last) {
            data->end = file->offset;
            data->ended_at = listing.change;
            data->ended = true;
            return (int)used;
        }
    }
}

int node_read_directory(struct file *file, bool wide, user_t buffer, uint32_t size)
{
    struct fs_list_room room;
    if (!S_ISDIR(file->attr.mode))
        return -ENOTDIR;
    if (is_at_end(file))
        return 0;
    bool remember = may_remember_entries(file), has_room = take_room(&room);
    uint32_t wanted = size * (remember ? ATTRIBUTES_FACTOR : 1);
    room.size = MIN(room.size, MAX(wanted, FS_INLINE_MAX)); /* at least one record fits */
    int result = read_directory(file, has_room ? &room : NULL, remember, wide, buffer, size);
    if (has_room)
        give_room(&room);
    return result;
}
