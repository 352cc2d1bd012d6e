/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <ipc/claims.h>
#include <ipc/namecache.h>

#include <memfs.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <archive/inflate.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

#define HANDLES 4096
#define BADGES  4096

struct object {
    uint32_t type, id, badge, handles;
    uint8_t *bytes; /* VMO */
    bool mapped;    /* bytes are a mapping at a 32-bit address */
    uint64_t size;
    struct fs_server *server; /* port */
};

static struct object *table[HANDLES];
static uint32_t rights_of[HANDLES];
static uint32_t last_id;
static struct message *current_reply; /* of the call that runs; its token is CALL_TOKEN */
static bool answered;
static uint32_t last_token;
uint32_t kernel_answered_token;
status_t kernel_answered_status;

static struct object *object_of(handle_t handle)
{
    return handle < HANDLES ? table[handle] : NULL;
}

static handle_t add(struct object *object, uint32_t rights)
{
    for (handle_t handle = 1; handle < HANDLES; handle++)
        if (table[handle] == NULL) {
            table[handle] = object;
            rights_of[handle] = rights;
            object->handles++;
            return handle;
        }
    abort();
}

static struct object *new_object(uint32_t type)
{
    struct object *object = calloc(1, sizeof *object);
    object->type = type;
    object->id = ++last_id;
    return object;
}

static void free_bytes(struct object *object)
{
    if (object->mapped)
        assert(munmap(object->bytes, object->size) == 0);
    else
        free(object->bytes);
}

unsigned kernel_handle_count(void)
{
    unsigned count = 0;
    for (handle_t handle = 1; handle < HANDLES; handle++)
        count += table[handle] != NULL;
    return count;
}

handle_t kernel_port(struct fs_server *server)
{
    struct object *port = new_object(OBJECT_PORT);
    port->server = server;
    return add(port, RIGHT_ALL);
}

static void send_notice(struct fs_server *server, uint32_t label, uint32_t badge, uint32_t word)
{
    struct message message = {.label = label, .badge = badge, .size = sizeof word};
    memcpy(message.data, &word, sizeof word);
    service_dispatch(&server->service, &message);
}

void kernel_cancel(struct fs_server *server, uint32_t token)
{
    send_notice(server, NOTICE_CANCELLED, 0, token);
}

status_t handle_close(handle_t handle)
{
    struct object *object = object_of(handle);
    if (object == NULL)
        return ERR_BAD_HANDLE;
    table[handle] = NULL;
    if (--object->handles > 0)
        return OK;
    if (object->type == OBJECT_PORT && object->badge != 0)
        send_notice(object->server, NOTICE_BADGE_CLOSED, object->badge, 0);
    free_bytes(object);
    free(object);
    return OK;
}

status_t handle_duplicate(handle_t handle, uint32_t rights, handle_t *result)
{
    struct object *object = object_of(handle);
    if (object == NULL)
        return ERR_BAD_HANDLE;
    *result = add(object, rights == RIGHT_SAME ? rights_of[handle] : rights);
    return OK;
}

status_t handle_info(handle_t handle, struct handle_info *info)
{
    struct object *object = object_of(handle);
    if (object == NULL)
        return ERR_BAD_HANDLE;
    *info = (struct handle_info){.type = object->type,
                                 .rights = rights_of[handle],
                                 .object_id = object->id,
                                 .badge = object->badge};
    return OK;
}

status_t port_badge(handle_t port, uint32_t badge, handle_t *result)
{
    struct object *object = object_of(port);
    assert(object != NULL && object->badge == 0 && badge != 0 && badge < BADGES);
    for (handle_t handle = 1; handle < HANDLES; handle++)
        if (table[handle] != NULL && table[handle]->server == object->server &&
            table[handle]->badge == badge)
            return ERR_ALREADY_EXISTS;
    struct object *caller = new_object(OBJECT_PORT);
    caller->id = object->id;
    caller->badge = badge;
    caller->server = object->server;
    *result = add(caller, RIGHT_CALL | RIGHT_DUPLICATE | RIGHT_TRANSFER);
    return OK;
}

/* A deferred call is reported to its caller as SHOULD_WAIT with its token in the message. */
uint32_t kernel_principal;

status_t port_call(handle_t port, struct message *message, uint64_t deadline, uint32_t flags)
{
    struct object *object = object_of(port);
    (void)deadline, (void)flags;
    if (object == NULL)
        return ERR_BAD_HANDLE;
    if (object->type != OBJECT_PORT || object->badge == 0)
        return ERR_WRONG_TYPE;
    struct message request = *message, *outer = current_reply;
    bool outer_answered = answered;
    request.badge = object->badge;
    request.principal = kernel_principal;
    request.token = message->token = ++last_token;
    current_reply = message;
    answered = false;
    service_dispatch(&object->server->service, &request);
    status_t status = answered ? OK : ERR_SHOULD_WAIT;
    current_reply = outer;
    answered = outer_answered;
    if (status != OK)
        message->handle_count = 0;
    return status;
}

status_t port_reply(handle_t port, uint32_t token, struct message *message)
{
    (void)port;
    if (current_reply != NULL && token == current_reply->token) {
        *current_reply = *message;
        answered = true;
    } else {
        kernel_answered_token = token;
        kernel_answered_status = (status_t)message->label;
    }
    return OK;
}

status_t port_reply_receive(handle_t port, struct message *message, uint64_t deadline)
{
    (void)port, (void)message, (void)deadline;
    abort();
}

/* ---- VMOs ------------------------------------------------------------------------------------ */

static uint64_t whole_pages(uint64_t size)
{
    return (size + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
}

status_t vmo_create(uint32_t flags, uint64_t size, handle_t *vmo)
{
    struct object *object = new_object(OBJECT_VMO);
    (void)flags;
    object->size = size;
    object->bytes = calloc(1, whole_pages(size) + 1);
    *vmo = add(object, RIGHT_ALL);
    return OK;
}

status_t vmo_clone(handle_t vmo, uint64_t offset, uint64_t length, handle_t *clone)
{
    struct object *object = object_of(vmo);
    if (object == NULL || offset % PAGE_SIZE != 0 || offset + length > whole_pages(object->size))
        return object == NULL ? ERR_BAD_HANDLE : ERR_OUT_OF_RANGE;
    status_t status = vmo_create(0, length, clone);
    memcpy(object_of(*clone)->bytes, object->bytes + offset, length);
    return status;
}

/* The first mapping of a VMO takes its bytes to an address that a program of the system could see. */
status_t space_map(handle_t space, struct map_request *request)
{
    struct object *object = object_of(request->vmo);
    (void)space;
    assert(object != NULL && !object->mapped && request->length == object->size);
    void *view = mmap(NULL, object->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert(view != MAP_FAILED);
    memcpy(view, object->bytes, object->size);
    free(object->bytes);
    object->bytes = view;
    object->mapped = true;
    request->address = (uint32_t)(uintptr_t)view;
    return OK;
}

/* Without mappings: memfs's own file for this needs them. */
status_t memfs_unpack_file(const struct memfs_node *node, handle_t *vmo)
{
    struct object *archive = object_of(node->file.archive);
    status_t status = vmo_create(0, node->file.size, vmo);
    if (status == OK)
        status = inflate(archive->bytes + node->file.archive_offset, node->file.packed_length,
                         object_of(*vmo)->bytes, node->file.size);
    return status;
}

status_t vmo_read(handle_t vmo, uint64_t offset, void *buffer, uint32_t length)
{
    struct object *object = object_of(vmo);
    if (object == NULL || object->type != OBJECT_VMO)
        return ERR_BAD_HANDLE;
    if (offset > object->size || length > object->size - offset)
        return ERR_OUT_OF_RANGE;
    memcpy(buffer, object->bytes + offset, length);
    return OK;
}

status_t vmo_write(handle_t vmo, uint64_t offset, const void *buffer, uint32_t length)
{
    struct object *object = object_of(vmo);
    if (object == NULL || object->type != OBJECT_VMO)
        return ERR_BAD_HANDLE;
    if (offset > object->size || length > object->size - offset)
        return ERR_OUT_OF_RANGE;
    memcpy(object->bytes + offset, buffer, length);
    return OK;
}

/* A stream whose two ends are one object here, as large as asked for. */
handle_t kernel_stream(void)
{
    struct object *object = new_object(OBJECT_STREAM);
    object->bytes = calloc(1, KERNEL_STREAM_SIZE);
    return add(object, RIGHT_ALL);
}

status_t stream_write(handle_t stream, const void *bytes, uint32_t length, uint32_t *done,
                      uint64_t deadline)
{
    struct object *object = object_of(stream);
    (void)deadline;
    if (object == NULL || object->type != OBJECT_STREAM)
        return ERR_BAD_HANDLE;
    if (length > KERNEL_STREAM_SIZE - object->size)
        return ERR_SHOULD_WAIT;
    memcpy(object->bytes + object->size, bytes, length);
    object->size += length;
    *done = length;
    return OK;
}

status_t stream_info(handle_t stream, uint32_t *queued, uint32_t *capacity)
{
    const struct object *object = object_of(stream);
    *queued = (uint32_t)object->size;
    *capacity = KERNEL_STREAM_SIZE;
    return OK;
}

const uint8_t *kernel_stream_take(handle_t stream, uint32_t *length)
{
    struct object *object = object_of(stream);
    *length = (uint32_t)object->size;
    object->size = 0;
    return object->bytes;
}

status_t vmo_set_size(handle_t vmo, uint64_t size)
{
    struct object *object = object_of(vmo);
    uint64_t old = whole_pages(object->size), new = whole_pages(size);
    object->bytes = realloc(object->bytes, new + 1);
    if (new > old)
        memset(object->bytes + old, 0, new - old);
    memset(object->bytes + size, 0, new - size);
    object->size = size;
    return OK;
}

status_t vmo_info(handle_t vmo, struct vmo_info *info)
{
    struct object *object = object_of(vmo);
    if (object == NULL || object->type != OBJECT_VMO)
        return ERR_BAD_HANDLE;
    *info = (struct vmo_info){.size_low = (uint32_t)object->size};
    return OK;
}

/* ---- the rest -------------------------------------------------------------------------------- */

status_t system_info(struct system_info *info)
{
    *info = (struct system_info){.total_pages = 1000, .free_pages = 500};
    return OK;
}

status_t clock_get(uint32_t clock, uint64_t *time)
{
    static uint64_t now;
    (void)clock;
    *time = now += 1000;
    return OK;
}

status_t futex_wait(uintptr_t word, uint32_t expected, uint64_t deadline, uint32_t flags)
{
    (void)word, (void)expected, (void)deadline, (void)flags;
    return ERR_TIMED_OUT;
}

status_t log_write(const void *text, uint32_t length)
{
    (void)text, (void)length;
    return OK;
}

void process_fail(const char *what, status_t status)
{
    fprintf(stderr, "%s: %d\n", what, (int)status);
    abort();
}

/* A file server that gives up ends the test. */
void process_end(int code)
{
    exit(code);
}

/* Nothing is remembered here: every answer is the file server's. */
bool namecache_takes(uint32_t op, uint32_t flags)
{
    (void)op, (void)flags;
    return false;
}

bool namecache_find(const struct name_key *key, struct name_answer *answer)
{
    (void)key, (void)answer;
    return false;
}

void namecache_add(const struct name_key *key, handle_t directory,
                   const struct fs_path_reply *reply, const void *tail, uint32_t tail_length,
                   handle_t node, struct fs_claim *claim)
{
    (void)key, (void)directory, (void)reply, (void)tail, (void)tail_length, (void)node, (void)claim;
}

struct fs_claim *claim_new(handle_t *page, uint32_t *offset)
{
    (void)page, (void)offset;
    return NULL;
}

void claim_end(struct fs_claim *claim)
{
    (void)claim;
}
