/* SPDX-License-Identifier: MIT */
/*
 * NtNotifyChangeDirectoryFile. File systems write events into one kernel stream of this server
 * (fs_watch), with the id of a place: one directory that they watch for us. A watch is what a directory
 * object has after its first call; it has one place, or one for each directory of the tree below.
 *
 * Changes are kept in the watch until a request takes them. The filter, the subtree flag and the space
 * for changes are those of the first call. More changes than fit are told by STATUS_NOTIFY_ENUM_DIR:
 * then the program has to look for itself.
 *
 * A thread reads the stream, and puts places on directories that have appeared in a tree. The stream is
 * also read wherever somebody looks at the state of an object (notify_poll).
 */
#include <personalities/nt/directory_notify.h>

#include <atomik/thread.h>
#include <ipc/call.h>
#include <personalities/nt/io.h>
#include <personalities/nt/process.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES   (256u << 10)
#define READ_BYTES     4096u
#define TYPE_DIRECTORY 4u /* struct fs_dirent.type */
#define HEADER         ((uint32_t)sizeof(struct fs_event))
#define BUCKETS        64u
#define PLACES_MAX     4096u /* of one watch */
#define CHANGES_MIN    4096u
#define CHANGES_MAX    65536u
#define FILTER_KNOWN                                                                              \
    (FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_ATTRIBUTES | \
     FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_LAST_ACCESS |   \
     FILE_NOTIFY_CHANGE_CREATION | FILE_NOTIFY_CHANGE_SECURITY)
#define NAME_EVENTS \
    ((uint32_t)(FS_EVENT_CREATE | FS_EVENT_DELETE | FS_EVENT_MOVED_FROM | FS_EVENT_MOVED_TO))
#define GONE_EVENTS ((uint32_t)(FS_EVENT_DELETE_SELF | FS_EVENT_IGNORED))

struct change {
    struct list link;
    uint32_t action, cookie, bytes; /* bytes: of the record that tells it */
    uint32_t length;                /* of the name, in characters */
    WCHAR name[];
};

struct place {
    struct list link;   /* directory_watch.places */
    struct list bucket; /* of all, by id */
    struct list todo;   /* to be put on a directory by the thread */
    struct directory_watch *watch;
    uint32_t id;
    handle_t node; /* HANDLE_NONE until it is put on */
    char path[];   /* below the watched directory: empty, or with a slash at the end */
};

struct directory_watch {
    struct nt_file *file;
    uint32_t filter, room; /* room: for changes, as bytes of records */
    bool subtree, overflow, gone;
    struct list places, changes;
    uint32_t place_count, used; /* used: bytes of records */
    struct list waiting;        /* struct io_request.link */
};

static struct list buckets[BUCKETS], todo = {&todo, &todo};
static handle_t read_end, write_end, work; /* work: an event: `todo` has something */
static uint32_t last_id, placing;          /* placing: places that are being put on */
static bool news;                          /* events were taken that nobody has been told of */

/* ---- telling -------------------------------------------------------------------------------------- */

static uint32_t record_bytes(uint32_t length)
{
    return (offsetof(FILE_NOTIFY_INFORMATION, FileName) + length * sizeof(WCHAR) + 3) & ~3u;
}

static void changes_drop(struct directory_watch *watch)
{
    list_each_safe(change, after, &watch->changes, struct change, link)
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

/* Give what has happened to who asked first. */
static void tell(struct directory_watch *watch)
{
    if (list_empty(&watch->waiting))
        return;
    struct io_request *request = container_of(watch->waiting.next, struct io_request, link);
    bool fits = !watch->overflow && watch->used <= request->length;
    uint32_t bytes = fits ? deliver(watch, request) : 0;
    watch->overflow = false;
    changes_drop(watch);
    io_finish(request, bytes ? STATUS_SUCCESS : STATUS_NOTIFY_ENUM_DIR, bytes);
}

static bool has_news(const struct directory_watch *watch)
{
    return watch->overflow || !list_empty(&watch->changes);
}

static void directory_gone(struct directory_watch *watch)
{
    watch->gone = true;
    while (!list_empty(&watch->waiting))
        io_finish(container_of(watch->waiting.next, struct io_request, link), STATUS_DELETE_PENDING,
                  0);
}

/* ---- events --------------------------------------------------------------------------------------- */

static struct place *place_find(uint32_t id)
{
    list_each(place, &buckets[id % BUCKETS], struct place, bucket)
    {
        if (place->id == id)
            return place;
    }
    return NULL;
}

static void place_free(struct place *place)
{
    list_remove(&place->link);
    list_remove(&place->bucket);
    list_remove(&place->todo);
    place->watch->place_count--;
    handle_drop(&place->node);
    free(place);
}

/* What a filter must have to be told. */
static uint32_t filter_of(uint32_t events)
{
    uint32_t filter = 0;
    if (events & NAME_EVENTS)
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

static struct change *change_new(const struct place *place, const struct fs_event *event)
{
    char path[FS_PATH_MAX + FS_NAME_MAX + 1];
    uint32_t length;
    size_t above = strlen(place->path), name = strnlen(event->name, event->name_length);
    if (above > FS_PATH_MAX || name > FS_NAME_MAX)
        return NULL;
    memcpy(path, place->path, above);
    memcpy(path + above, event->name, name);
    WCHAR *text = text_from_utf8(path, above + name, &length);
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

static void note_change(struct place *place, const struct fs_event *event)
{
    struct directory_watch *watch = place->watch;
    if (watch->overflow || !(filter_of(event->events) & watch->filter))
        return;
    struct change *change = change_new(place, event);
    if (change && repeats(watch, change)) {
        free(change);
    } else if (!change || watch->used + change->bytes > watch->room) {
        free(change);
        watch->overflow = true;
        changes_drop(watch);
    } else {
        list_append(&watch->changes, &change->link);
        watch->used += change->bytes;
    }
}

static struct place *place_new(struct directory_watch *watch, const char *above, const char *name,
                               size_t length)
{
    size_t start = strlen(above), slash = length ? 1 : 0;
    if (watch->place_count == PLACES_MAX)
        return NULL;
    struct place *place = calloc(1, sizeof *place + start + length + slash + 1);
    if (!place)
        return NULL;
    snprintf(place->path, start + length + slash + 1, "%s%.*s%s", above, (int)length, name,
             slash ? "/" : "");
    place->watch = watch;
    place->id = ++last_id;
    list_init(&place->todo);
    list_append(&watch->places, &place->link);
    list_append(&buckets[place->id % BUCKETS], &place->bucket);
    watch->place_count++;
    return place;
}

static void place_later(struct place *place, const struct fs_event *event)
{
    struct place *below =
        place_new(place->watch, place->path, event->name, strnlen(event->name, event->name_length));
    if (!below)
        return;
    list_append(&todo, &below->todo);
    (void)!event_signal(work, 0, SIGNAL_SET);
}

static void overflow_all(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        list_each(place, &buckets[i], struct place, bucket)
        {
            place->watch->overflow = true;
            changes_drop(place->watch);
        }
}

/* The two halves of a rename come one after the other: the second tells both. */
static void take_event(const struct fs_event *event)
{
    if (event->events & FS_EVENT_OVERFLOW)
        overflow_all();
    struct place *place = place_find(event->id);
    if (!place)
        return;
    if (event->events & GONE_EVENTS) {
        if (!*place->path)
            directory_gone(place->watch);
        else if (event->events & FS_EVENT_IGNORED)
            place_free(place);
        return;
    }
    if (event->name_length == 0)
        return;
    uint32_t appears = event->events & (FS_EVENT_CREATE | FS_EVENT_MOVED_TO);
    note_change(place, event);
    if (appears && (event->events & FS_EVENT_DIRECTORY) && place->watch->subtree)
        place_later(place, event);
}

static void tell_all(void)
{
    news = false;
    for (uint32_t i = 0; i < BUCKETS; i++)
        list_each_safe(place, after, &buckets[i], struct place, bucket)
        {
            if (!*place->path && has_news(place->watch))
                tell(place->watch);
        }
}

/* Whole records at the front of what the stream has. */
static uint32_t take_events(const uint8_t *bytes, uint32_t length)
{
    uint32_t at = 0;
    while (length - at >= HEADER) {
        const struct fs_event *event = (const struct fs_event *)(bytes + at);
        if (event->name_length > length - at - HEADER)
            break;
        take_event(event);
        at += HEADER + event->name_length;
    }
    return at;
}

/* ---- places --------------------------------------------------------------------------------------- */

static uint32_t events_of(const struct directory_watch *watch)
{
    uint32_t events = FS_EVENT_DELETE_SELF, filter = watch->filter;
    uint32_t names = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
    if ((filter & (names | FILE_NOTIFY_CHANGE_CREATION)) || watch->subtree)
        events |= NAME_EVENTS;
    if (filter & (FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE))
        events |= FS_EVENT_MODIFY;
    if (filter & ~(names | FILE_NOTIFY_CHANGE_SIZE))
        events |= FS_EVENT_ATTRIBUTES;
    return events;
}

/* The directories in a directory become places too; the file object is held by the caller. */
static void watch_below(struct place *place)
{
    struct directory_watch *watch = place->watch;
    struct fs_listing listing;
    const struct fs_dirent *record;
    uint64_t cookie = 0;
    uint32_t id = place->id;
    handle_t node = handle_copy(place->node);
    while (node && BLOCKING(fs_client_list(node, cookie, false, &listing)) == OK &&
           listing.length > 0) {
        if (watch->gone || place_find(id) != place)
            break; /* it has gone meanwhile */
        for (uint32_t at = 0; (record = fs_listing_next(&listing, &at, NULL));) {
            cookie = record->cookie;
            if (record->type != TYPE_DIRECTORY || fs_is_dots(record->name, record->name_length))
                continue;
            struct place *below = place_new(watch, place->path, record->name, record->name_length);
            if (below)
                list_append(&todo, &below->todo);
        }
    }
    handle_drop(&node);
}

/* Put a place on its directory. A directory that is gone again is no error: nothing happens there. */
static void place_put(struct place *place)
{
    struct directory_watch *watch = place->watch;
    struct nt_file *file = watch->file;
    struct fs_walk_context here = {.root = file->node, .cwd = file->node};
    struct fs_attr attr;
    uint32_t id = place->id, events = events_of(watch);
    handle_t node = HANDLE_NONE;
    char *path = strdup(*place->path ? place->path : ".");
    object_hold(&file->object);
    if (path && BLOCKING(fs_client_open(&here, HANDLE_NONE, path, strlen(path),
                                        FS_O_READ | FS_O_DIRECTORY, 0, &node, &attr)) == OK)
        (void)!BLOCKING(fs_client_watch(node, write_end, id, events | FS_EVENT_IGNORED));
    free(path);
    if (place_find(id) == place && node) {
        place->node = node;
        if (watch->subtree)
            watch_below(place);
    } else {
        if (node)
            (void)!BLOCKING(fs_client_watch(node, write_end, id, 0));
        handle_drop(&node);
    }
    object_release(&file->object);
}

/* Nobody is told of a directory before what happens in it is seen. */
static void place_all(void)
{
    (void)!event_signal(work, SIGNAL_SET, 0);
    while (!list_empty(&todo)) {
        struct place *place = container_of(todo.next, struct place, todo);
        list_remove(&place->todo);
        placing++;
        place_put(place);
        placing--;
    }
}

static void take_all_events(void)
{
    static uint8_t bytes[READ_BYTES] __attribute__((aligned(8)));
    uint32_t length = 0;
    while (stream_peek(read_end, bytes, sizeof bytes, &length) == OK && length > 0) {
        uint32_t taken = take_events(bytes, length);
        if (taken == 0 || stream_read(read_end, bytes, taken, &length, DEADLINE_POLL) != OK)
            break;
        news = true;
    }
}

void notify_poll(void)
{
    if (!read_end)
        return;
    take_all_events();
    if (!list_empty(&todo))
        place_all();
    if (news && !placing)
        tell_all();
}

static void notify_thread(void *argument)
{
    (void)argument;
    nt_lock();
    for (;;) {
        struct wait_item items[2] = {{.handle = read_end, .wanted = SIGNAL_READABLE},
                                     {.handle = work, .wanted = SIGNAL_SET}};
        (void)!BLOCKING(wait_any(items, 2, DEADLINE_NEVER));
        notify_poll();
    }
}

static NTSTATUS notify_init(void)
{
    if (read_end)
        return STATUS_SUCCESS;
    for (uint32_t i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
    if (event_create(0, &work) != OK)
        return STATUS_NO_MEMORY;
    if (stream_create(STREAM_BYTES, &read_end, &write_end) == OK) {
        if (thread_spawn(notify_thread, NULL, 0, NULL) == OK)
            return STATUS_SUCCESS;
        handle_drop(&read_end);
        handle_drop(&write_end);
    }
    handle_drop(&work);
    return STATUS_NO_MEMORY;
}

/* ---- the watch of a directory --------------------------------------------------------------------- */

static void watch_free(struct directory_watch *watch)
{
    list_each_safe(place, after, &watch->places, struct place, link) place_free(place);
    changes_drop(watch);
    free(watch);
}

void notify_end(struct nt_file *file)
{
    struct directory_watch *watch = file->watch;
    if (!watch)
        return;
    while (!list_empty(&watch->places)) {
        struct place *place = container_of(watch->places.next, struct place, link);
        handle_t node = place->node;
        uint32_t id = place->id;
        place->node = HANDLE_NONE;
        place_free(place);
        if (node)
            (void)!BLOCKING(fs_client_watch(node, write_end, id, 0));
        handle_drop(&node);
    }
    file->watch = NULL;
    watch_free(watch);
}

static NTSTATUS watch_start(struct nt_file *file, uint32_t filter, bool subtree, uint32_t room)
{
    NTSTATUS status = notify_init();
    if (status)
        return status;
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
    struct place *place = place_new(watch, "", "", 0);
    if (!place) {
        free(watch);
        return STATUS_NO_MEMORY;
    }
    file->watch = watch;
    place_put(place);
    if (!place->node) {
        notify_end(file);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    place_all(); /* the whole tree, before the call returns */
    return STATUS_SUCCESS;
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
    if (has_news(watch))
        tell(watch);
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
