/* SPDX-License-Identifier: MIT */
/*
 * Enumeration of directories. The names are read and sorted when an enumeration begins; attributes
 * are read as the entries are handed out.
 */
#include <fs/short_name.h>
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/path.h>

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (sizeof(FILE_ID_BOTH_DIRECTORY_INFORMATION) + 256 * sizeof(WCHAR))

struct directory_entry {
    uint64_t ino;
    uint32_t length;       /* of the name, in characters */
    const char *unix_name; /* behind the name */
    WCHAR name[];
};

void directory_free_entries(struct nt_file *file)
{
    for (uint32_t i = 0; i < file->entry_count; i++)
        free(file->entries[i]);
    free(file->entries);
    file->entries = NULL;
    file->entry_count = file->entry_next = 0;
}

static struct directory_entry *entry_new(const struct fs_dirent *record)
{
    size_t bytes = record->name_length;
    struct directory_entry *entry = malloc(sizeof *entry + bytes * sizeof(WCHAR) + bytes + 1);
    if (!entry)
        return NULL;
    entry->ino = record->ino;
    entry->length = utf8_to_utf16(record->name, bytes, entry->name, bytes);
    char *unix_name = (char *)(entry->name + bytes);
    memcpy(unix_name, record->name, bytes);
    unix_name[bytes] = 0;
    entry->unix_name = unix_name;
    return entry;
}

static bool add_entry(struct nt_file *file, const struct fs_dirent *record)
{
    if ((file->entry_count & (file->entry_count - 1)) == 0) {
        uint32_t capacity = file->entry_count ? file->entry_count * 2 : 1;
        struct directory_entry **grown = realloc(file->entries, capacity * sizeof(void *));
        if (!grown)
            return false;
        file->entries = grown;
    }
    struct directory_entry *entry = entry_new(record);
    if (entry)
        file->entries[file->entry_count++] = entry;
    return entry != NULL;
}

static bool in_order(const struct directory_entry *a, const struct directory_entry *b)
{
    return text_compare((struct text){a->name, a->length}, (struct text){b->name, b->length}) <= 0;
}

/* `space` has room for half of them. A directory whose names are in order already costs one look at each. */
static void sort_entries(struct directory_entry **at, uint32_t count,
                         struct directory_entry **space)
{
    uint32_t left = count / 2, l = 0, r = left, to = 0;
    if (count < 2)
        return;
    sort_entries(at, left, space);
    sort_entries(at + left, count - left, space);
    if (in_order(at[left - 1], at[left]))
        return;
    memcpy(space, at, left * sizeof *at);
    while (l < left && r < count)
        at[to++] = in_order(space[l], at[r]) ? space[l++] : at[r++];
    while (l < left)
        at[to++] = space[l++];
}

static NTSTATUS sort_directory(struct nt_file *file)
{
    struct directory_entry **space = malloc((file->entry_count / 2 + 1) * sizeof *space);
    if (!space)
        return STATUS_NO_MEMORY;
    sort_entries(file->entries, file->entry_count, space);
    free(space);
    return STATUS_SUCCESS;
}

NTSTATUS directory_open_entries(struct nt_process *process, struct nt_file *file)
{
    uint8_t records[MESSAGE_BYTES] __attribute__((aligned(8)));
    uint64_t cookie = 0;
    uint32_t length, count;
    (void)process;
    directory_free_entries(file);
    for (;;) {
        status_t status = BLOCKING(fs_client_readdir(file->node, cookie, records, &length, &count));
        if (status != OK)
            return nt_status(status);
        if (length == 0)
            break;
        for (uint32_t at = 0; at + sizeof(struct fs_dirent) <= length;) {
            const struct fs_dirent *record = (const struct fs_dirent *)(records + at);
            if (!add_entry(file, record))
                return STATUS_NO_MEMORY;
            cookie = record->cookie;
            at += record->record_length;
        }
    }
    return sort_directory(file);
}

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

/* Attributes of an entry; a dangling link shows as itself. */
static bool entry_attr(struct nt_process *process, struct nt_file *file,
                       const struct directory_entry *entry, struct fs_attr *attr)
{
    size_t length = strlen(entry->unix_name);
    struct fs_walk_context here = process->fs;
    here.cwd = file->node;
    here.cwd_ino = file->ino;
    here.cwd_device = file->device;
    status_t status = BLOCKING(
        fs_client_stat_path(&here, HANDLE_NONE, entry->unix_name, length, FS_O_NOCASE, attr));
    if (status != OK)
        status = BLOCKING(fs_client_stat_path(&here, HANDLE_NONE, entry->unix_name, length,
                                              FS_O_NOFOLLOW | FS_O_NOCASE, attr));
    return status == OK;
}

static void fill_short_name(const struct directory_entry *entry, uint8_t *to)
{
    char made[FS_SHORT_MAX];
    WCHAR wide[FS_SHORT_MAX];
    uint32_t length = (uint32_t)fs_short_name(entry->unix_name, strlen(entry->unix_name), made);
    for (uint32_t i = 0; i < length; i++)
        wide[i] = (uint8_t)made[i];
    to[-2] = (uint8_t)(length * sizeof wide[0]);
    memcpy(to, wide, length * sizeof wide[0]);
}

/* The record without the name, in `to`. All but the names class begin alike. */
static void fill_record(const struct record_layout *layout, const struct directory_entry *entry,
                        const struct fs_attr *attr, uint8_t *to)
{
    uint32_t bytes = entry->length * sizeof(WCHAR);
    memset(to, 0, layout->header);
    memcpy(to + layout->name_length, &bytes, sizeof bytes);
    if (layout->class == FileNamesInformation)
        return;
    FILE_NETWORK_OPEN_INFORMATION info;
    FILE_DIRECTORY_INFORMATION *record = (FILE_DIRECTORY_INFORMATION *)to;
    fill_network_open(attr, &info);
    record->CreationTime = info.CreationTime;
    record->LastAccessTime = info.LastAccessTime;
    record->LastWriteTime = info.LastWriteTime;
    record->ChangeTime = info.ChangeTime;
    record->EndOfFile = info.EndOfFile;
    record->AllocationSize = info.AllocationSize;
    record->FileAttributes = info.FileAttributes;
    bool dots = strcmp(entry->unix_name, ".") == 0 || strcmp(entry->unix_name, "..") == 0;
    if (layout->short_name && !dots)
        fill_short_name(entry, to + layout->short_name);
    if (layout->ino)
        memcpy(to + layout->ino, &attr->ino, sizeof attr->ino);
}

struct listing {
    struct call *call;
    struct nt_file *file;
    const struct record_layout *layout;
    uint32_t used, last, count; /* bytes, offset of the last record, records */
};

static bool wanted(const struct nt_file *file, const struct directory_entry *entry)
{
    struct text name = {entry->name, entry->length};
    bool dots = text_equal(name, LITERAL(".")) || text_equal(name, LITERAL(".."));
    bool volume_root =
        file->unix_path && (!strcmp(file->unix_path, "/") || !strcmp(file->unix_path, "/c"));
    if (dots && volume_root)
        return false;
    return !file->mask || text_match((struct text){file->mask, file->mask_length}, name);
}

/* Hand one entry out. STATUS_BUFFER_OVERFLOW: there is no room for it. */
static NTSTATUS list_entry(struct listing *listing, const struct directory_entry *entry,
                           const struct fs_attr *attr)
{
    uint8_t record[RECORD_MAX] __attribute__((aligned(8)));
    const struct record_layout *layout = listing->layout;
    uint32_t bytes = entry->length * sizeof(WCHAR), start = (listing->used + 7) & ~7u;
    uint32_t buffer = listing->call->args[5], size = listing->call->args[6];
    if (start > size || size - start < layout->header + bytes)
        return STATUS_BUFFER_OVERFLOW;
    fill_record(layout, entry, attr, record);
    memcpy(record + layout->header, entry->name, bytes);
    NTSTATUS status = guest_write(buffer + start, record, layout->header + bytes);
    if (!status && listing->count)
        status = guest_write32(buffer + listing->last, start - listing->last); /* NextEntryOffset */
    listing->last = start;
    listing->used = start + layout->header + bytes;
    listing->count++;
    return status;
}

static NTSTATUS list_entries(struct listing *listing, bool single)
{
    struct nt_file *file = listing->file;
    while (file->entry_next < file->entry_count) {
        struct fs_attr attr;
        const struct directory_entry *entry = file->entries[file->entry_next];
        if (!wanted(file, entry) || !entry_attr(listing->call->process, file, entry, &attr)) {
            file->entry_next++;
            continue;
        }
        NTSTATUS status = list_entry(listing, entry, &attr);
        if (status == STATUS_BUFFER_OVERFLOW && listing->count)
            return STATUS_SUCCESS;
        if (status)
            return status;
        file->entry_next++;
        if (single)
            break;
    }
    return STATUS_SUCCESS;
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
    file->enumerating = true;
    return directory_open_entries(call->process, file);
}

static NTSTATUS list_directory(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct listing listing = {.call = call, .file = file, .layout = layout_of(call->args[7])};
    bool first;
    if (!listing.layout)
        return STATUS_INVALID_INFO_CLASS;
    if (call->args[6] < listing.layout->header)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = begin_listing(call, file, &first);
    if (!status)
        status = list_entries(&listing, call->args[8] & 0xff);
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
