/* SPDX-License-Identifier: MIT */
/* Lists of directories. See directory_list.h. */
#include <personalities/nt/directory_list.h>

#include <ipc/call.h>
#include <ipc/namecache.h>
#include <personalities/nt/path.h>

#include <stdlib.h>
#include <string.h>

#define LISTS_MAX   16   /* remembered */
#define ENTRIES_MAX 4096 /* of all of them */

static struct list lists = {&lists, &lists};
static uint32_t list_count, entry_count;

/* ---- making one ---- */

static struct directory_entry *entry_new(const struct fs_dirent *record)
{
    size_t bytes = record->name_length;
    struct directory_entry *entry = malloc(sizeof *entry + bytes * sizeof(WCHAR) + bytes + 1);
    if (!entry)
        return NULL;
    memset(entry, 0, sizeof *entry);
    entry->named = record->ino;
    entry->length = utf8_to_utf16(record->name, bytes, entry->name, bytes);
    char *unix_name = (char *)(entry->name + bytes);
    memcpy(unix_name, record->name, bytes);
    unix_name[bytes] = 0;
    entry->unix_name = unix_name;
    entry->dots = strcmp(unix_name, ".") == 0 || strcmp(unix_name, "..") == 0;
    char made[FS_SHORT_MAX];
    if (!entry->dots)
        entry->short_length = (uint8_t)fs_short_name(unix_name, bytes, made);
    for (uint32_t i = 0; i < entry->short_length; i++)
        entry->short_name[i] = (uint8_t)made[i];
    return entry;
}

static bool add_entry(struct directory_list *list, const struct fs_dirent *record)
{
    if ((list->count & (list->count - 1)) == 0) {
        uint32_t capacity = list->count ? list->count * 2 : 1;
        struct directory_entry **grown = realloc(list->entries, capacity * sizeof(void *));
        if (!grown)
            return false;
        list->entries = grown;
    }
    struct directory_entry *entry = entry_new(record);
    if (entry)
        list->entries[list->count++] = entry;
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

static NTSTATUS sort_list(struct directory_list *list)
{
    struct directory_entry **space = malloc((list->count / 2 + 1) * sizeof *space);
    if (!space)
        return STATUS_NO_MEMORY;
    sort_entries(list->entries, list->count, space);
    free(space);
    return STATUS_SUCCESS;
}

static NTSTATUS read_names(struct directory_list *list, handle_t node)
{
    struct fs_listing listing;
    const struct fs_dirent *record;
    uint64_t cookie = 0;
    for (;;) {
        status_t status = BLOCKING(fs_client_list(node, cookie, false, &listing));
        if (status != OK)
            return nt_status(status);
        if (listing.length == 0)
            return sort_list(list);
        for (uint32_t at = 0; (record = fs_listing_next(&listing, &at, NULL));) {
            if (!add_entry(list, record))
                return STATUS_NO_MEMORY;
            cookie = record->cookie;
        }
    }
}

/* ---- the remembered ones ---- */

static void list_free(struct directory_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->entries[i]);
    free(list->entries);
    free(list);
}

void directory_list_release(struct directory_list *list)
{
    if (list && --list->references == 0)
        list_free(list);
}

static void forget(struct directory_list *list)
{
    list_remove(&list->link);
    list_count--;
    entry_count -= list->count;
    directory_list_release(list);
}

static void remember(struct directory_list *list)
{
    if (!list->changes || list->count > ENTRIES_MAX)
        return;
    list->references++;
    list_append(&lists, &list->link);
    list_count++;
    entry_count += list->count;
    list_each(other, &lists, struct directory_list, link)
    {
        if (list_count <= LISTS_MAX && entry_count <= ENTRIES_MAX)
            return;
        forget(other);
    }
}

static bool is_current(const struct directory_list *list)
{
    return fs_unchanged(list->changes, list->ino, list->since);
}

/* The remembered list of a directory for a user; one that is out of date goes. */
static struct directory_list *find(const struct nt_process *process, const struct nt_file *file)
{
    list_each(list, &lists, struct directory_list, link)
    {
        if (list->ino != file->ino || list->device != file->device ||
            list->uid != process->fs.uid || list->gid != process->fs.gid)
            continue;
        if (is_current(list)) {
            list_remove(&list->link);
            list_append(&lists, &list->link);
            return list;
        }
        forget(list);
    }
    return NULL;
}

NTSTATUS directory_list_open(struct nt_process *process, struct nt_file *file,
                             struct directory_list **result)
{
    struct directory_list *list = find(process, file);
    if (list) {
        list->references++;
        *result = list;
        return STATUS_SUCCESS;
    }
    list = calloc(1, sizeof *list);
    if (!list)
        return STATUS_NO_MEMORY;
    list->references = 1;
    list->ino = file->ino;
    list->device = file->device;
    list->uid = process->fs.uid;
    list->gid = process->fs.gid;
    list->changes = BLOCKING(namecache_changes(file->device, file->node));
    list->since = list->changes ? list->changes->now : 0;
    NTSTATUS status = read_names(list, file->node);
    if (status) {
        list_free(list);
        return status;
    }
    remember(list);
    *result = list;
    return STATUS_SUCCESS;
}

/* ---- entries ---- */

/* A dangling link shows as itself. */
static bool stat_entry(struct nt_process *process, struct nt_file *file,
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

bool directory_entry_look(struct nt_process *process, struct nt_file *file,
                          const struct directory_list *list, struct directory_entry *entry)
{
    struct fs_attr attr;
    if (entry->known && is_current(list) && fs_unchanged(list->changes, entry->ino, entry->since))
        return true;
    uint32_t since = list->changes ? list->changes->now : 0;
    if (!stat_entry(process, file, entry, &attr))
        return false;
    fill_network_open(&attr, &entry->info);
    entry->since = since;
    entry->known = list->changes && attr.device == list->device && attr.ino == entry->named;
    entry->ino = attr.ino;
    return true;
}
