/* SPDX-License-Identifier: MIT */
/*
 * Enumeration of directories. The names are those of when an enumeration begins; attributes are looked
 * at as the entries are handed out.
 */
#include <personalities/nt/directory_list.h>

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (sizeof(FILE_ID_BOTH_DIRECTORY_INFORMATION) + 256 * sizeof(WCHAR))
_Static_assert(sizeof(FILE_ID_GLOBAL_TX_DIR_INFORMATION) <=
                   sizeof(FILE_ID_BOTH_DIRECTORY_INFORMATION),
               "the longest record");

/* ---- records ---- */

struct record_layout {
    uint32_t class, header, name_length, ino, short_name; /* offsets; the last two 0 = none */
};
#define LAYOUT(class, type, ino, short_name)                                             \
    {                                                                                    \
        class, offsetof(type, FileName), offsetof(type, FileNameLength), ino, short_name \
    }
static const struct record_layout layouts[] = {
    LAYOUT(FileDirectoryInformation, FILE_DIRECTORY_INFORMATION, 0, 0),
    LAYOUT(FileFullDirectoryInformation, FILE_FULL_DIRECTORY_INFORMATION, 0, 0),
    LAYOUT(FileBothDirectoryInformation, FILE_BOTH_DIRECTORY_INFORMATION, 0,
           offsetof(FILE_BOTH_DIRECTORY_INFORMATION, ShortName)),
    LAYOUT(FileNamesInformation, FILE_NAMES_INFORMATION, 0, 0),
    LAYOUT(FileIdBothDirectoryInformation, FILE_ID_BOTH_DIRECTORY_INFORMATION,
           offsetof(FILE_ID_BOTH_DIRECTORY_INFORMATION, FileId),
           offsetof(FILE_ID_BOTH_DIRECTORY_INFORMATION, ShortName)),
    LAYOUT(FileIdFullDirectoryInformation, FILE_ID_FULL_DIRECTORY_INFORMATION,
           offsetof(FILE_ID_FULL_DIRECTORY_INFORMATION, FileId), 0),
    LAYOUT(FileIdGlobalTxDirectoryInformation, FILE_ID_GLOBAL_TX_DIR_INFORMATION,
           offsetof(FILE_ID_GLOBAL_TX_DIR_INFORMATION, FileId), 0), /* in no transaction */
};
/* The length stands in front of the name, two bytes because of its alignment. */
_Static_assert(offsetof(FILE_BOTH_DIRECTORY_INFORMATION, ShortName) ==
                       offsetof(FILE_BOTH_DIRECTORY_INFORMATION, ShortNameLength) + 2 &&
                   offsetof(FILE_ID_BOTH_DIRECTORY_INFORMATION, ShortName) ==
                       offsetof(FILE_ID_BOTH_DIRECTORY_INFORMATION, ShortNameLength) + 2,
               "short names");

static const struct record_layout *layout_of(uint32_t class)
{
    for (uint32_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (layouts[i].class == class)
            return &layouts[i];
    return NULL;
}

/* The record without the name, in `to`. All but the names class begin alike. */
static void fill_record(const struct record_layout *layout, const struct directory_entry *entry,
                        uint8_t *to)
{
    uint32_t bytes = entry->length * sizeof(WCHAR);
    memset(to, 0, layout->header);
    memcpy(to + layout->name_length, &bytes, sizeof bytes);
    if (layout->class == FileNamesInformation)
        return;
    const FILE_NETWORK_OPEN_INFORMATION *info = &entry->info;
    FILE_DIRECTORY_INFORMATION *record = (FILE_DIRECTORY_INFORMATION *)to;
    record->CreationTime = info->CreationTime;
    record->LastAccessTime = info->LastAccessTime;
    record->LastWriteTime = info->LastWriteTime;
    record->ChangeTime = info->ChangeTime;
    record->EndOfFile = info->EndOfFile;
    record->AllocationSize = info->AllocationSize;
    record->FileAttributes = info->FileAttributes;
    if (layout->short_name) {
        bytes = entry->short_length * sizeof entry->short_name[0];
        to[layout->short_name - 2] = (uint8_t)bytes;
        memcpy(to + layout->short_name, entry->short_name, bytes);
    }
    if (layout->ino)
        memcpy(to + layout->ino, &entry->ino, sizeof entry->ino);
}

struct listing {
    struct call *call;
    struct nt_file *file;
    const struct record_layout *layout;
    uint32_t used, last, count; /* bytes, offset of the last record, records */
};

static bool is_volume_root(const struct nt_file *file)
{
    return file->unix_path && (!strcmp(file->unix_path, "/") || !strcmp(file->unix_path, "/c"));
}

static bool wanted(const struct nt_file *file, const struct directory_entry *entry)
{
    if (entry->dots && is_volume_root(file))
        return false;
    struct text mask = {file->mask, file->mask_length};
    return !file->mask || text_match(mask, (struct text){entry->name, entry->length}) ||
           (entry->short_length &&
            text_match(mask, (struct text){entry->short_name, entry->short_length}));
}

/* Hand one entry out; the first one cut short if need be (BUFFER_OVERFLOW). MORE_ENTRIES: there is no room. */
static NTSTATUS list_entry(struct listing *listing, const struct directory_entry *entry)
{
    uint8_t record[RECORD_MAX] __attribute__((aligned(8)));
    const struct record_layout *layout = listing->layout;
    uint32_t bytes = entry->length * sizeof(WCHAR), start = (listing->used + 7) & ~7u;
    uint32_t buffer = listing->call->args[5], size = listing->call->args[6];
    bool fits = start <= size && size - start >= layout->header + bytes;
    if (!fits && listing->count)
        return STATUS_MORE_ENTRIES;
    if (!fits)
        bytes = size - layout->header;
    fill_record(layout, entry, record);
    memcpy(record + layout->header, entry->name, bytes);
    NTSTATUS status = guest_write(buffer + start, record, layout->header + bytes);
    if (!status && listing->count)
        status = guest_write32(buffer + listing->last, start - listing->last); /* NextEntryOffset */
    listing->last = start;
    listing->used = start + layout->header + bytes;
    listing->count++;
    return status || fits ? status : STATUS_BUFFER_OVERFLOW;
}

static NTSTATUS list_entries(struct listing *listing, struct directory_list *list, bool single)
{
    struct nt_file *file = listing->file;
    while (file->entry_next < list->count) {
        struct directory_entry *entry = list->entries[file->entry_next];
        if (!wanted(file, entry) ||
            !directory_entry_look(listing->call->process, file, list, entry)) {
            file->entry_next++;
            continue;
        }
        NTSTATUS status = list_entry(listing, entry);
        if (status == STATUS_MORE_ENTRIES)
            return STATUS_SUCCESS;
        if (status && status != STATUS_BUFFER_OVERFLOW)
            return status;
        file->entry_next++;
        if (status)
            return status;
        if (single)
            break;
    }
    return STATUS_SUCCESS;
}

/* Another thread may begin anew while the lock is given up: the list is held. */
static NTSTATUS list_all(struct listing *listing, bool single)
{
    struct directory_list *list = listing->file->list;
    list->references++;
    NTSTATUS status = list_entries(listing, list, single);
    directory_list_release(list);
    return status;
}

/* The mask belongs to the first call on a handle; later ones are ignored. */
static NTSTATUS begin_listing(struct call *call, struct nt_file *file, bool *first)
{
    struct text mask;
    bool restart = call->args[10] & 0xff;
    *first = !file->enumerating;
    if (file->enumerating && !restart)
        return STATUS_SUCCESS;
    if (!file->enumerating && call->args[9]) {
        NTSTATUS status = guest_read_text(call->args[9], &mask, &file->mask);
        if (status)
            return status;
        file->mask_length = mask.length;
        if (mask.length == 0) {
            free(file->mask);
            file->mask = NULL;
        }
    }
    struct directory_list *list;
    NTSTATUS status = directory_list_open(call->process, file, &list);
    if (status)
        return status;
    directory_list_release(file->list);
    file->list = list;
    file->entry_next = 0;
    file->enumerating = true;
    return STATUS_SUCCESS;
}

/* The smallest buffer for a class: a name of one character. These of which there is nothing have a size too. */
static NTSTATUS check_class(uint32_t class, uint32_t length)
{
    const struct record_layout *layout = layout_of(class);
    bool fits = true;
    if (layout)
        return length < ((layout->header + sizeof(WCHAR) + 7) & ~7u) ? STATUS_INFO_LENGTH_MISMATCH
                                                                     : STATUS_SUCCESS;
    switch (class) {
    case FileObjectIdInformation:
        fits = length == sizeof(FILE_OBJECTID_INFORMATION);
        break;
    case FileQuotaInformation:
        fits = length == sizeof(FILE_QUOTA_INFORMATION);
        break;
    case FileReparsePointInformation:
        fits = length == sizeof(FILE_REPARSE_POINT_INFORMATION);
        break;
    }
    return fits ? STATUS_INVALID_INFO_CLASS : STATUS_INFO_LENGTH_MISMATCH;
}

static NTSTATUS list_directory(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct listing listing = {.call = call, .file = file, .layout = layout_of(call->args[7])};
    bool first;
    NTSTATUS status = check_class(call->args[7], call->args[6]);
    if (!status)
        status = begin_listing(call, file, &first);
    if (!status)
        status = list_all(&listing, call->args[8] & 0xff);
    if (!status && listing.count == 0)
        status = first ? STATUS_NO_SUCH_FILE : STATUS_NO_MORE_FILES;
    *information = listing.used;
    return status;
}

NTSTATUS nt_query_directory_file(struct call *call)
{
    struct object *object;
    struct io_call io = {call->args[1], call->args[2], call->args[3], call->args[4]};
    uint32_t information = 0;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &file_type, FILE_LIST_DIRECTORY, &object);
    if (status)
        return status;
    struct nt_file *file = file_of(object);
    status = io_begin(call->thread, file, &io);
    if (!status)
        status = file->kind == FILE_DIRECTORY ? list_directory(call, file, &information)
                                              : STATUS_INVALID_PARAMETER;
    status = io_complete(call->thread, file, &io, status, information);
    object_release(object);
    return status;
}
