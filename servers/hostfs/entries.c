/* SPDX-License-Identifier: MIT */
/*
 * Reading directories. A directory is read as a whole when an enumeration begins, and the enumeration
 * goes through what was read. When caching, the directory keeps it for the next one, until an entry
 * changes. A directory that is too large for that is read piece by piece.
 */
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "hostfs.h"

#define PIECE       16384u
#define WHOLE_MAX   (256u << 10)
#define KEPT_MAX    (8u << 20) /* bytes of entries that directories keep */
#define COOKIE_NONE UINT64_MAX

struct entries {
    uint32_t references, length;
    uint8_t data[];
};

static uint32_t kept_bytes;

static void put(struct entries *entries)
{
    if (entries != NULL && --entries->references == 0)
        free(entries);
}

void entries_forget(struct node *directory)
{
    if (directory->entries == NULL)
        return;
    kept_bytes -= directory->entries->length;
    put(directory->entries);
    directory->entries = NULL;
}

static void keep(struct node *directory, struct entries *entries)
{
    if (!caching || kept_bytes + entries->length > KEPT_MAX)
        return;
    entries_forget(directory);
    entries->references++;
    directory->entries = entries;
    kept_bytes += entries->length;
}

void entries_close(struct open_file *file)
{
    put(file->entries);
    file->entries = NULL;
}

/* ---- getting them ---------------------------------------------------------------------------------- */

static status_t open_directory(const struct node *directory, struct open_file *file)
{
    if (file->open)
        return OK;
    status_t status = fid_open(directory, OPEN_READ | OPEN_DIRECTORY, &file->fid);
    file->open = status == OK;
    return status;
}

/* One more piece behind what *entries has. *end: there are no more. */
static status_t read_piece(struct open_file *file, uint64_t cookie, struct entries **entries,
                           bool *end)
{
    uint32_t length = *entries != NULL ? (*entries)->length : 0, done;
    struct entries *grown = realloc(*entries, sizeof *grown + length + PIECE);
    if (grown == NULL)
        return ERR_NO_MEMORY;
    if (*entries == NULL)
        *grown = (struct entries){.references = 1};
    *entries = grown;
    status_t status = p9_readdir(file->fid, cookie, grown->data + length, PIECE, &done);
    if (status != OK)
        return status;
    grown->length = length + done;
    *end = done == 0;
    return OK;
}

static uint64_t last_cookie(const struct entries *entries, uint32_t from, uint64_t cookie)
{
    const uint8_t *at = entries->data + from;
    struct p9_entry entry;
    while (p9_next_entry(&at, entries->data + entries->length, &entry))
        cookie = entry.cookie;
    return cookie;
}

/* The entries after `cookie`: all of them from the start, as far as that is sensible, else a piece. */
static status_t get_entries(struct node *directory, struct open_file *file, uint64_t cookie)
{
    struct entries *entries = NULL;
    bool end = false, whole = cookie == 0;
    status_t status = open_directory(directory, file);
    while (status == OK && !end && (entries == NULL || (whole && entries->length < WHOLE_MAX))) {
        uint32_t from = entries != NULL ? entries->length : 0;
        status = read_piece(file, cookie, &entries, &end);
        if (status == OK)
            cookie = last_cookie(entries, from, cookie);
    }
    if (status != OK) {
        free(entries);
        return status;
    }
    put(file->entries);
    file->entries = entries;
    file->complete = whole && end;
    if (file->complete)
        keep(directory, entries);
    return OK;
}

/* ---- going through them ------------------------------------------------------------------------------ */

/* The place behind the entry with that cookie, if it is among those at hand. */
static bool find_place(struct open_file *file, uint64_t cookie)
{
    const struct entries *entries = file->entries;
    struct p9_entry entry;
    if (entries == NULL || cookie == 0)
        return false;
    if (cookie == file->cookie)
        return file->complete || file->at < entries->length;
    const uint8_t *at = entries->data, *end = at + entries->length;
    while (p9_next_entry(&at, end, &entry))
        if (entry.cookie == cookie) {
            file->at = (uint32_t)(at - entries->data);
            return file->complete || at < end;
        }
    return false;
}

static status_t need_entries(struct node *directory, struct open_file *file, uint64_t cookie)
{
    if (find_place(file, cookie))
        return OK;
    file->at = 0;
    file->cookie = COOKIE_NONE;
    if (cookie != 0 || directory->entries == NULL)
        return get_entries(directory, file, cookie);
    put(file->entries);
    file->entries = directory->entries;
    file->entries->references++;
    file->complete = true;
    return OK;
}

/* The host's word for it is enough, except for what is kept in an empty file (owner.c), if we have met that. */
static uint32_t type_of(const struct node *directory, const struct p9_entry *entry)
{
    uint32_t type = (uint32_t)entry->type << 12;
    struct node *child;
    if (type != FS_TYPE_FILE || !caching ||
        name_find(directory, entry->name, entry->name_length, &child) != OK)
        return type;
    return child->attr.mode & FS_TYPE_MASK;
}

status_t entries_read(struct fs_node *directory, void *data, uint64_t cookie,
                      struct fs_entries *out)
{
    struct open_file *file = data;
    struct p9_entry entry;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    status_t status = need_entries(node_of(directory), file, cookie);
    if (status != OK)
        return status;
    const uint8_t *at = file->entries->data + file->at,
                  *end = file->entries->data + file->entries->length;
    file->cookie = cookie;
    while (p9_next_entry(&at, end, &entry)) {
        if (!fs_entries_add(out, entry.qid.path, entry.cookie, type_of(node_of(directory), &entry),
                            entry.name, entry.name_length))
            break;
        file->at = (uint32_t)(at - file->entries->data);
        file->cookie = entry.cookie;
    }
    return OK;
}
