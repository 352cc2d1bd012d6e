/* SPDX-License-Identifier: MIT */
/*
 * Watches: who wants to know of changes of a node or of a directory's entries. Events are records in
 * a stream of the client's; one like the last that nobody has read yet is not repeated.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

#define ALIGNMENT   16u
#define NO_ID       UINT32_MAX
#define ALWAYS      ((uint32_t)FS_EVENT_IGNORED)
#define RECORD_MAX  (sizeof(struct fs_event) + FS_NAME_MAX + 1 + ALIGNMENT)
#define ABOUT_SELF  ((uint32_t)(FS_EVENT_DELETE_SELF | FS_EVENT_MOVE_SELF | FS_EVENT_IGNORED))
#define WATCHES_MAX 65536u

struct fs_watch {
    struct fs_watch *next;
    struct fs_node *node; /* a reference */
    handle_t stream;
    uint32_t stream_id, id, mask;
};

/* ---- records ------------------------------------------------------------------------------------- */

/* The last record written, to recognise a repetition. */
static uint8_t last[RECORD_MAX];
static uint32_t last_size, last_stream;

static uint32_t fill(uint8_t *record, uint32_t id, uint32_t events, uint32_t cookie,
                     const char *name, size_t length)
{
    struct fs_event *event = (struct fs_event *)record;
    uint32_t padded = length ? ((uint32_t)length + 1 + ALIGNMENT - 1) & ~(ALIGNMENT - 1) : 0;
    memset(record, 0, sizeof *event + padded);
    *event = (struct fs_event){id, events, cookie, padded};
    memcpy(event->name, name, length);
    return sizeof *event + padded;
}

static bool repeats(const struct fs_watch *watch, const uint8_t *record, uint32_t size)
{
    return watch->stream_id == last_stream && size == last_size && memcmp(record, last, size) == 0;
}

/* False: nobody reads any more. The last room in a stream is for the record that says it was full. */
static bool put(const struct fs_watch *watch, uint32_t events, uint32_t cookie, const char *name,
                size_t length)
{
    uint8_t record[RECORD_MAX] __attribute__((aligned(4)));
    uint32_t size = fill(record, watch->id, events, cookie, name, length), done = 0;
    uint32_t queued = 0, capacity = 0;
    if (stream_info(watch->stream, &queued, &capacity) != OK)
        return false;
    if (queued > 0 && repeats(watch, record, size))
        return true;
    if (capacity - queued < size + sizeof(struct fs_event)) {
        size = fill(record, NO_ID, FS_EVENT_OVERFLOW, 0, "", 0);
        if (repeats(watch, record, size))
            return true;
    }
    status_t status = stream_write(watch->stream, record, size, &done, DEADLINE_POLL);
    memcpy(last, record, size);
    last_size = size;
    last_stream = watch->stream_id;
    return status != ERR_PEER_CLOSED;
}

/* ---- watches ------------------------------------------------------------------------------------- */

static void end(struct fs_server *server, struct fs_watch *watch)
{
    struct fs_watch **link = &server->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    server->watch_count--;
    handle_drop(&watch->stream);
    fs_node_put(watch->node);
    free(watch);
}

static void tell(struct fs_server *server, struct fs_watch *watch, uint32_t events, uint32_t cookie,
                 const char *name, size_t length)
{
    uint32_t flags = events & FS_EVENT_DIRECTORY, wanted = events & (watch->mask | ALWAYS);
    if (wanted & ABOUT_SELF)
        flags = 0;
    if (!(wanted & ~(uint32_t)FS_EVENT_DIRECTORY))
        return;
    bool alive = put(watch, wanted | flags, cookie, name, length);
    bool once = (watch->mask & FS_EVENT_ONCE) && !(wanted & ALWAYS);
    if (alive && once)
        alive = put(watch, FS_EVENT_IGNORED, 0, "", 0) && false;
    if (!alive || (wanted & ALWAYS))
        end(server, watch);
}

void fs_event(struct fs_node *node, uint32_t events)
{
    struct fs_server *server = node->server;
    struct fs_watch *next;
    for (struct fs_watch *watch = server->watches; watch != NULL; watch = next) {
        next = watch->next;
        if (watch->node == node)
            tell(server, watch, events, 0, "", 0);
    }
}

void fs_event_entry(struct fs_node *directory, const char *name, size_t length, uint32_t events,
                    uint32_t cookie)
{
    struct fs_server *server = directory->server;
    struct fs_watch *next;
    for (struct fs_watch *watch = server->watches; watch != NULL; watch = next) {
        next = watch->next;
        if (watch->node == directory)
            tell(server, watch, events, cookie, name, length);
    }
}

/* The name of a node in a directory, if it is there: its length, else 0. */
static size_t name_in(struct fs_node *directory, const struct fs_node *node, char *name)
{
    uint8_t records[1024];
    uint64_t cookie = 0;
    for (;;) {
        struct fs_entries entries = {.at = records, .end = records + sizeof records};
        if (directory->server->ops->read_directory(directory, NULL, cookie, &entries) != OK ||
            entries.count == 0)
            return 0;
        for (uint8_t *at = records; at < entries.at;) {
            struct fs_dirent entry;
            memcpy(&entry, at, sizeof entry);
            const char *text = (const char *)at + offsetof(struct fs_dirent, name);
            if (entry.ino == node->ino && text[0] != '.') {
                memcpy(name, text, entry.name_length);
                return entry.name_length;
            }
            cookie = entry.cookie;
            at += entry.record_length;
        }
    }
}

static bool node_is_directory(struct fs_node *node)
{
    struct fs_attr attr;
    return fs_attributes(node, &attr) == OK && (attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
}

void fs_event_content(struct fs_node *node, uint32_t events)
{
    struct fs_server *server = node->server;
    struct fs_watch *next;
    char name[FS_NAME_MAX + 1];
    if (server->watches == NULL)
        return;
    if (node_is_directory(node))
        events |= FS_EVENT_DIRECTORY;
    for (struct fs_watch *watch = server->watches; watch != NULL; watch = next) {
        next = watch->next;
        if (watch->node == node || !(watch->mask & events & ~(uint32_t)FS_EVENT_DIRECTORY) ||
            !node_is_directory(watch->node))
            continue;
        size_t length = name_in(watch->node, node, name);
        if (length > 0)
            tell(server, watch, events, 0, name, length);
    }
    fs_event(node, events);
}

void fs_event_gone(struct fs_node *node)
{
    fs_event(node, FS_EVENT_DELETE_SELF);
    fs_event(node, FS_EVENT_IGNORED);
}

/* ---- the request --------------------------------------------------------------------------------- */

static struct fs_watch *find(struct fs_server *server, uint32_t stream_id, uint32_t id)
{
    struct fs_watch *watch = server->watches;
    while (watch != NULL && (watch->stream_id != stream_id || watch->id != id))
        watch = watch->next;
    return watch;
}

static status_t set(struct fs_server *server, struct fs_node *node, handle_t stream,
                    const struct fs_watch_request *request)
{
    struct handle_info info;
    status_t status = handle_info(stream, &info);
    if (status != OK)
        return status;
    if (info.type != OBJECT_STREAM || !(info.rights & RIGHT_WRITE))
        return ERR_WRONG_TYPE;
    struct fs_watch *watch = find(server, info.object_id, request->id);
    if (watch != NULL) {
        if (request->mask == 0)
            end(server, watch);
        else
            watch->mask = request->mask;
        return ERR_ALREADY_EXISTS;
    }
    if (request->mask == 0)
        return ERR_ALREADY_EXISTS;
    watch = server->watch_count < WATCHES_MAX ? malloc(sizeof *watch) : NULL;
    if (watch == NULL)
        return ERR_NO_MEMORY;
    *watch = (struct fs_watch){.next = server->watches,
                               .node = fs_node_get(node),
                               .stream = stream,
                               .stream_id = info.object_id,
                               .id = request->id,
                               .mask = request->mask};
    server->watches = watch;
    server->watch_count++;
    return OK;
}

status_t fs_handle_watch(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open = fs_open_of(server, message->badge);
    struct fs_watch_request request;
    if (open == NULL)
        return ERR_BAD_HANDLE;
    if (message->size < sizeof request)
        return ERR_INVALID_ARGUMENT;
    memcpy(&request, message->data, sizeof request);
    handle_t stream = service_take(message, 0);
    status_t status = set(server, open->node, stream, &request);
    if (status != OK)
        handle_drop(&stream); /* an earlier watch has its own */
    if (status != OK && status != ERR_ALREADY_EXISTS)
        return status;
    open->watching = true;
    service_reply(message, 0);
    return OK;
}
