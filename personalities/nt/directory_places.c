/* SPDX-License-Identifier: MIT */
/*
 * Where watches hear from. File systems write events into one kernel stream of this server (fs_watch), with
 * the id of a place: one directory that they watch for us. A watch has one place, or one for each directory
 * of the tree below.
 *
 * A thread reads the stream, and puts places on directories that have appeared in a tree. The stream is
 * also read wherever somebody looks at the state of an object (notify_poll).
 */
#include <personalities/nt/directory_watch.h>

#include <atomik/thread.h>
#include <ipc/call.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES   (256u << 10)
#define READ_BYTES     4096u
#define TYPE_DIRECTORY 4u /* struct fs_dirent.type */
#define HEADER         ((uint32_t)sizeof(struct fs_event))
#define BUCKETS        64u
#define PLACES_MAX     4096u /* of one watch */
#define GONE_EVENTS    ((uint32_t)(FS_EVENT_DELETE_SELF | FS_EVENT_IGNORED))

struct place {
    struct list link;      /* directory_watch.places */
    struct list bucket;    /* of all, by id */
    struct list unwatched; /* to be put on a directory by the thread */
    struct directory_watch *watch;
    uint32_t id;
    handle_t node; /* HANDLE_NONE until it is put on */
    char path[];   /* below the watched directory: empty, or with a slash at the end */
};

static struct list buckets[BUCKETS], unwatched = {&unwatched, &unwatched};
static handle_t read_end, write_end, work; /* work: an event: `unwatched` has something */
static uint32_t last_id, placing;          /* placing: places that are being put on */
static bool news;                          /* events were taken that nobody has been told of */

/* ---- places ---- */

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
    list_remove(&place->unwatched);
    place->watch->place_count--;
    handle_drop(&place->node);
    free(place);
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
    list_init(&place->unwatched);
    list_append(&watch->places, &place->link);
    list_append(&buckets[place->id % BUCKETS], &place->bucket);
    watch->place_count++;
    return place;
}

/* ---- events ---- */

static void place_later(struct place *place, const struct fs_event *event)
{
    struct place *below =
        place_new(place->watch, place->path, event->name, strnlen(event->name, event->name_length));
    if (!below)
        return;
    list_append(&unwatched, &below->unwatched);
    (void)!event_signal(work, 0, SIGNAL_SET);
}

static void overflow_all(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        list_each(place, &buckets[i], struct place, bucket)
        {
            watch_overflow(place->watch);
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
            watch_gone(place->watch);
        else if (event->events & FS_EVENT_IGNORED)
            place_free(place);
        return;
    }
    if (event->name_length == 0)
        return;
    uint32_t appears = event->events & (FS_EVENT_CREATE | FS_EVENT_MOVED_TO);
    watch_note(place->watch, place->path, event);
    if (appears && (event->events & FS_EVENT_DIRECTORY) && place->watch->subtree)
        place_later(place, event);
}

static void tell_all(void)
{
    news = false;
    for (uint32_t i = 0; i < BUCKETS; i++)
        list_each(place, &buckets[i], struct place, bucket)
        {
            if (!*place->path)
                watch_tell(place->watch);
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

/* ---- putting places on directories ---- */

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
                list_append(&unwatched, &below->unwatched);
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
    uint32_t id = place->id, events = watch_events(watch);
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
    while (!list_empty(&unwatched)) {
        struct place *place = container_of(unwatched.next, struct place, unwatched);
        list_remove(&place->unwatched);
        placing++;
        place_put(place);
        placing--;
    }
}

void notify_poll(void)
{
    if (!read_end)
        return;
    take_all_events();
    if (!list_empty(&unwatched))
        place_all();
    if (news && !placing)
        tell_all();
}

/* ---- the thread ---- */

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

/* ---- of a watch ---- */

NTSTATUS places_begin(struct directory_watch *watch)
{
    NTSTATUS status = notify_init();
    if (status)
        return status;
    struct place *place = place_new(watch, "", "", 0);
    if (!place)
        return STATUS_NO_MEMORY;
    place_put(place);
    if (!place->node)
        return STATUS_INSUFFICIENT_RESOURCES;
    place_all();
    return STATUS_SUCCESS;
}

void places_end(struct directory_watch *watch)
{
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
}
