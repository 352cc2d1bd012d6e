/* SPDX-License-Identifier: MIT */
/*
 * NtNotifyChangeDirectoryFile. A watch is what a directory object has after its first call. Changes are kept
 * in it until a request takes them. The filter, the subtree flag and the space for changes are those of the
 * first call. More changes than fit are told by STATUS_NOTIFY_ENUM_DIR: then the program has to look for
 * itself. Where the changes come from: directory_places.c.
 */
#include <personalities/nt/directory_watch.h>

#include <personalities/nt/io.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_MIN 4096u
#define CHANGES_MAX 65536u
#define FILTER_KNOWN                                                                              \
    (FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_ATTRIBUTES | \
     FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_LAST_ACCESS |   \
     FILE_NOTIFY_CHANGE_CREATION | FILE_NOTIFY_CHANGE_SECURITY)

struct change {
    struct list link;
    uint32_t action, cookie, bytes; /* bytes: of the record that tells it */
    uint32_t length;                /* of the name, in characters */
    WCHAR name[];
};

/* ---- telling ---- */

static uint32_t record_bytes(uint32_t length)
{
    return (offsetof(FILE_NOTIFY_INFORMATION, FileName) + length * sizeof(WCHAR) + 3) & ~3u;
}

static void changes_drop(struct directory_watch *watch)
{
    list_each(change, &watch->changes, struct change, link)
    {
        list_remove(&change->link);
        free(change);
    }
    watch->used = 0;
}

/* A rename whose other half is outside of what is watched is an arrival or a departure. */
static uint32_t told_action(const struct directory_watch *watch, const struct change *change)
{
    const struct list *before = change->link.previous, *after = change->link.next;
    const struct change *other = NULL;
    if (change->action == FILE_ACTION_RENAMED_OLD_NAME && after != &watch->changes)
        other = container_of(after, struct change, link);
    if (change->action == FILE_ACTION_RENAMED_NEW_NAME && before != &watch->changes)
        other = container_of(before, struct change, link);
    if (!change->cookie || (other && other->cookie == change->cookie))
        return change->action;
    return change->action == FILE_ACTION_RENAMED_OLD_NAME ? FILE_ACTION_REMOVED : FILE_ACTION_ADDED;
}

/* All changes as records in the buffer of the request; how many bytes those are. */
static uint32_t deliver(struct directory_watch *watch, struct io_request *request)
{
    uint32_t at = 0, end = 0;
    list_each(change, &watch->changes, struct change, link)
    {
        bool last = change->link.next == &watch->changes;
        uint32_t header[] = {last ? 0 : change->bytes, told_action(watch, change),
                             change->length * (uint32_t)sizeof(WCHAR)};
        if (io_deliver(request, at, header, sizeof header) ||
            io_deliver(request, at + sizeof header, change->name, header[2]))
            return 0;
        end = at + sizeof header + header[2];
        at += change->bytes;
    }
    return end;
}

static bool has_news(const struct directory_watch *watch)
{
    return watch->overflow || !list_empty(&watch->changes);
}

void watch_tell(struct directory_watch *watch)
{
    if (!has_news(watch) || list_empty(&watch->waiting))
        return;
    struct io_request *request = container_of(watch->waiting.next, struct io_request, link);
    bool fits = !watch->overflow && watch->used <= request->length;
    uint32_t bytes = fits ? deliver(watch, request) : 0;
    watch->overflow = false;
    changes_drop(watch);
    io_finish(request, bytes ? STATUS_SUCCESS : STATUS_NOTIFY_ENUM_DIR, bytes);
}

void watch_gone(struct directory_watch *watch)
{
    watch->gone = true;
    while (!list_empty(&watch->waiting))
        io_finish(container_of(watch->waiting.next, struct io_request, link), STATUS_DELETE_PENDING,
                  0);
}

void watch_overflow(struct directory_watch *watch)
{
    watch->overflow = true;
    changes_drop(watch);
}

/* ---- changes ---- */

/* What a filter must have to be told. */
static uint32_t filter_of(uint32_t events)
{
    uint32_t filter = 0;
    if (events & WATCH_NAME_EVENTS)
        filter |= events & FS_EVENT_DIRECTORY ? FILE_NOTIFY_CHANGE_DIR_NAME
                                              : FILE_NOTIFY_CHANGE_FILE_NAME;
    if (events & FS_EVENT_CREATE)
        filter |= FILE_NOTIFY_CHANGE_CREATION;
    if (events & FS_EVENT_MODIFY)
        filter |= FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;
    if (events & FS_EVENT_ATTRIBUTES)
        filter |= FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_SECURITY |
                  FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_LAST_ACCESS |
                  FILE_NOTIFY_CHANGE_CREATION;
    return filter;
}

uint32_t watch_events(const struct directory_watch *watch)
{
    uint32_t events = FS_EVENT_DELETE_SELF, filter = watch->filter;
    uint32_t names = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
    if ((filter & (names | FILE_NOTIFY_CHANGE_CREATION)) || watch->subtree)
        events |= WATCH_NAME_EVENTS;
    if (filter & (FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE))
        events |= FS_EVENT_MODIFY;
    if (filter & ~(names | FILE_NOTIFY_CHANGE_SIZE))
        events |= FS_EVENT_ATTRIBUTES;
    return events;
}

static uint32_t action_of(uint32_t events)
{
    if (events & FS_EVENT_CREATE)
        return FILE_ACTION_ADDED;
    if (events & FS_EVENT_DELETE)
        return FILE_ACTION_REMOVED;
    if (events & FS_EVENT_MOVED_FROM)
        return FILE_ACTION_RENAMED_OLD_NAME;
    return events & FS_EVENT_MOVED_TO ? FILE_ACTION_RENAMED_NEW_NAME : FILE_ACTION_MODIFIED;
}

/* The same change of the same file again, which nobody has been told of yet. */
static bool repeats(const struct directory_watch *watch, const struct change *change)
{
    const struct change *last = container_of(watch->changes.previous, struct change, link);
    return !list_empty(&watch->changes) && change->action == FILE_ACTION_MODIFIED &&
           last->action == change->action && last->length == change->length &&
           memcmp(last->name, change->name, change->length * sizeof(WCHAR)) == 0;
}

static struct change *change_new(const char *above, const struct fs_event *event)
{
    char path[FS_PATH_MAX + FS_NAME_MAX + 1];
    uint32_t length;
    int bytes = snprintf(path, sizeof path, "%s%.*s", above,
                         (int)strnlen(event->name, event->name_length), event->name);
    if ((size_t)bytes >= sizeof path)
        return NULL;
    WCHAR *text = text_from_utf8(path, (size_t)bytes, &length);
    struct change *change = text ? malloc(sizeof *change + length * sizeof(WCHAR)) : NULL;
    if (change) {
        *change = (struct change){.action = action_of(event->events),
                                  .cookie = event->cookie,
                                  .bytes = record_bytes(length),
                                  .length = length};
        for (uint32_t i = 0; i < length; i++)
            change->name[i] = text[i] == L'/' ? L'\\' : text[i];
    }
    free(text);
    return change;
}

void watch_note(struct directory_watch *watch, const char *above, const struct fs_event *event)
{
    if (watch->overflow || !(filter_of(event->events) & watch->filter))
        return;
    struct change *change = change_new(above, event);
    if (change && repeats(watch, change)) {
        free(change);
    } else if (!change || watch->used + change->bytes > watch->room) {
        free(change);
        watch_overflow(watch);
    } else {
        list_append(&watch->changes, &change->link);
        watch->used += change->bytes;
    }
}

/* ---- the watch of a directory ---- */

void notify_end(struct nt_file *file)
{
    struct directory_watch *watch = file->watch;
    if (!watch)
        return;
    places_end(watch);
    file->watch = NULL;
    changes_drop(watch);
    free(watch);
}

static NTSTATUS watch_start(struct nt_file *file, uint32_t filter, bool subtree, uint32_t room)
{
    struct directory_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return STATUS_NO_MEMORY;
    list_init(&watch->places);
    list_init(&watch->changes);
    list_init(&watch->waiting);
    watch->file = file;
    watch->filter = filter;
    watch->subtree = subtree;
    if (room) /* without a buffer nobody wants to know what has changed */
        watch->room = room < CHANGES_MIN ? CHANGES_MIN : room > CHANGES_MAX ? CHANGES_MAX : room;
    file->watch = watch;
    NTSTATUS status = places_begin(watch);
    if (status)
        notify_end(file);
    return status;
}

/* The request is queued; with changes that have happened since the last one it ends at once. */
static NTSTATUS wait_for_change(struct call *call, struct nt_file *file, const struct io_call *io)
{
    struct io_request *request;
    struct directory_watch *watch = file->watch;
    if (watch->gone)
        return STATUS_DELETE_PENDING;
    NTSTATUS status = io_request_new(call, file, io, &request);
    if (status)
        return status;
    request->buffer = call->args[5];
    request->length = call->args[6];
    request->synchronous = false; /* kernelbase waits by itself, whatever the handle is for */
    list_append(&watch->waiting, &request->link);
    notify_poll();
    watch_tell(watch);
    return STATUS_PENDING;
}

/* (directory, event, apc, apc context, *status block, buffer, length, filter, subtree) */
NTSTATUS nt_notify_change_directory_file(struct call *call)
{
    struct object *object;
    struct io_call io = {call->args[1], call->args[2], call->args[3], call->args[4]};
    uint32_t filter = call->args[7];
    if (!io.status_block)
        return STATUS_ACCESS_VIOLATION;
    if (!filter || (filter & ~FILTER_KNOWN))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &file_type, FILE_LIST_DIRECTORY, &object);
    if (status)
        return status;
    struct nt_file *file = file_of(object);
    if (file->kind != FILE_DIRECTORY)
        status = STATUS_INVALID_PARAMETER;
    if (!status && call->args[6] && !vm_writable(call->process, call->args[5], call->args[6]))
        status = STATUS_ACCESS_VIOLATION;
    if (!status)
        status = io_begin(call->thread, file, &io);
    if (!status && !file->watch)
        status = watch_start(file, filter, call->args[8] & 0xff, call->args[6]);
    if (!status)
        status = wait_for_change(call, file, &io);
    object_release(object);
    return status;
}
