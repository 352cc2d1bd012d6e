/* SPDX-License-Identifier: MIT */
/*
 * Streams: a bounded byte queue with two ends, each an object of its own.
 *
 * The bytes lie in a ring of `capacity` bytes over frames that are allocated when first written to;
 * the whole capacity is charged to the creator at once. The structure keeps one reference to each
 * end until neither has a handle left, so that an end without handles can be opened again through
 * the other (stream_open): its peer then stops being closed.
 *
 * Bytes are copied before the counters move, so a fault in the middle of a copy changes nothing.
 */
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/memory.h>

#define CAPACITY_MAX (1u << 20)
#define ATOMIC_WRITE 4096u
#define KEPT_PAGES   16u /* of an empty stream */

enum { END_READ, END_WRITE };

struct stream {
    struct object ends[2]; /* the read end is the object that the structure was made as */
    uint32_t live_ends;    /* not destroyed */
    uint32_t capacity, head, queued;
    struct wait_queue readers, writers;
    uint32_t room_wanted; /* the least that a blocked writer waits for; 0 = nobody waits */
    uint32_t page_count;
    struct page **pages; /* page_count of them: first_pages, or a block of their own */
    struct page *first_pages[];
};

static void end_destroy(struct object *object);
static void end_last_handle(struct object *object);
static const struct object_ops read_ops = {
    .name = "stream read end", .destroy = end_destroy, .last_handle = end_last_handle};
static const struct object_ops write_ops = {
    .name = "stream write end", .destroy = end_destroy, .last_handle = end_last_handle};

static bool is_write_end(const struct object *end)
{
    return end->ops == &write_ops;
}

static struct stream *stream_of(struct object *end)
{
    assert(end->type == OBJECT_STREAM);
    return list_entry(is_write_end(end) ? end - 1 : end, struct stream, ends);
}

static uint32_t room(const struct stream *stream)
{
    return stream->capacity - stream->queued;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* From this much room on the stream counts as writable. */
static uint32_t writable_from(const struct stream *stream)
{
    uint32_t half = stream->capacity / 2;

    return least(PAGE_SIZE, half ? half : 1);
}

/*
 * Watchers hear of READABLE whenever bytes came, and of WRITABLE when there is room again, not when
 * there still is.
 */
static void update_signals(struct stream *stream, bool arrived)
{
    bool readable = stream->queued, writable = room(stream) >= writable_from(stream);
    struct object *write = &stream->ends[END_WRITE];

    object_signal(&stream->ends[END_READ], readable ? 0 : SIGNAL_READABLE,
                  arrived ? SIGNAL_READABLE : 0);
    object_signal(write, writable ? 0 : SIGNAL_WRITABLE,
                  writable ? SIGNAL_WRITABLE & ~write->signals : 0);
}

static void free_pages(struct page **pages, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < count; i++) {
        if (pages[i])
            frame_release(pages[i]);
        pages[i] = NULL;
    }
}

/* ---- the two ends ---- */

static void end_destroy(struct object *object)
{
    struct stream *stream = stream_of(object);

    if (--stream->live_ends)
        return;
    free_pages(stream->pages, 0, stream->page_count);
    if (stream->pages != stream->first_pages)
        heap_free(stream->pages);
    heap_free(stream);
}

static void wake_all(struct stream *stream)
{
    stream->room_wanted = 0;
    wait_queue_wake(&stream->readers, UINT32_MAX, OK);
    wait_queue_wake(&stream->writers, UINT32_MAX, OK);
}

static void end_last_handle(struct object *object)
{
    struct stream *stream = stream_of(object);
    struct object *read = &stream->ends[END_READ], *write = &stream->ends[END_WRITE];

    object_signal(is_write_end(object) ? read : write, 0, SIGNAL_PEER_CLOSED);
    wake_all(stream);
    if (read->handles || write->handles)
        return;
    /* Nobody can open an end again; calls in progress still hold theirs. */
    process_uncharge_pages(read->owner, stream->page_count);
    object_release(write);
    object_release(read);
}

static status_t stream_new(uint32_t capacity, struct process *owner, struct stream **result)
{
    uint32_t pages = (capacity + PAGE_SIZE - 1) / PAGE_SIZE;
    uint32_t size = sizeof(struct stream) + pages * sizeof(struct page *);
    struct object *read;
    status_t status = ERR_NO_MEMORY;

    if (frame_available(FRAME_FOR_SMALL))
        status = object_new(size, &read_ops, OBJECT_STREAM, owner, &read);
    if (status != OK)
        return status;
    struct stream *stream = stream_of(read);
    stream->pages = stream->first_pages;
    stream->capacity = capacity;
    stream->page_count = pages;
    stream->live_ends = 2;
    wait_queue_init(&stream->readers);
    wait_queue_init(&stream->writers);
    status = process_charge_pages(owner, pages);
    if (status != OK)
        goto out_cancel;
    status = object_init(&stream->ends[END_WRITE], &write_ops, OBJECT_STREAM, owner);
    if (status != OK)
        goto out_uncharge;
    update_signals(stream, false);
    *result = stream;
    return OK;
out_uncharge:
    process_uncharge_pages(owner, pages);
out_cancel:
    object_cancel(read);
    return status;
}

/* ---- bytes ---- */

/* The longest piece at `offset` bytes from the head that lies in one page; its place. */
static uint32_t piece(const struct stream *stream, uint32_t offset, uint32_t length,
                      uint32_t *place)
{
    uint32_t position = stream->head + offset;

    if (position >= stream->capacity)
        position -= stream->capacity;
    *place = position;
    length = least(length, PAGE_SIZE - position % PAGE_SIZE);
    return least(length, stream->capacity - position);
}

static uint8_t *byte_at(const struct stream *stream, uint32_t place)
{
    uint8_t *page = arch_direct(frame_address(stream->pages[place / PAGE_SIZE]));

    return page + place % PAGE_SIZE;
}

static status_t copy_out(const struct stream *stream, user_t to, uint32_t length)
{
    for (uint32_t done = 0; done < length;) {
        uint32_t place, count = piece(stream, done, length - done, &place);
        status_t status = user_write((user_t){to.address + done}, byte_at(stream, place), count);
        if (status != OK)
            return status;
        done += count;
    }
    return OK;
}

static status_t copy_in(struct stream *stream, user_t from, uint32_t length)
{
    for (uint32_t done = 0; done < length;) {
        uint32_t place, count = piece(stream, stream->queued + done, length - done, &place);
        struct page **page = &stream->pages[place / PAGE_SIZE];
        if (!*page)
            *page = frame_alloc(FRAME_LOW | FRAME_FOR_SMALL);
        if (!*page)
            return ERR_NO_MEMORY;
        status_t status = user_read(byte_at(stream, place), (user_t){from.address + done}, count);
        if (status != OK)
            return status;
        done += count;
    }
    return OK;
}

static void consume(struct stream *stream, uint32_t length)
{
    stream->queued -= length;
    stream->head += length;
    if (stream->head >= stream->capacity)
        stream->head -= stream->capacity;
    if (!stream->queued) {
        stream->head = 0; /* so that little traffic stays in the first pages */
        free_pages(stream->pages, KEPT_PAGES, stream->page_count);
    }
    update_signals(stream, false);
    if (stream->room_wanted && room(stream) >= stream->room_wanted) {
        stream->room_wanted = 0;
        wait_queue_wake(&stream->writers, UINT32_MAX, OK);
    }
}

static status_t read_some(struct object *end, user_t buffer, uint32_t length, ktime_t deadline,
                          uint32_t *done)
{
    struct stream *stream = stream_of(end);

    while (!stream->queued && !(end->signals & SIGNAL_PEER_CLOSED) && length) {
        status_t status = wait_queue_block(&stream->readers, deadline, true);
        if (status != OK && !(stream->queued && status == ERR_TIMED_OUT))
            return status;
    }
    length = least(length, stream->queued);
    status_t status = copy_out(stream, buffer, length);
    if (status != OK)
        return status;
    if (length)
        consume(stream, length);
    *done = length;
    return OK;
}

/* How much of `length` may go in now; 0: wait. What goes together needs room for all of it. */
static uint32_t writable_now(const struct stream *stream, uint32_t length, bool together)
{
    if (together && room(stream) < least(length, stream->capacity))
        return 0;
    return least(length, room(stream));
}

static status_t wait_for_room(struct stream *stream, uint32_t length, ktime_t deadline)
{
    uint32_t half = stream->capacity / 2;
    uint32_t wanted = least(length, length > ATOMIC_WRITE ? (half ? half : 1) : stream->capacity);

    if (!stream->room_wanted || wanted < stream->room_wanted)
        stream->room_wanted = wanted;
    return wait_queue_block(&stream->writers, deadline, true);
}

/* *done counts what went in, also when the result is an error. */
static status_t write_all(struct object *end, user_t buffer, uint32_t length, ktime_t deadline,
                          uint32_t *done)
{
    struct stream *stream = stream_of(end);
    bool together = length <= ATOMIC_WRITE;

    while (*done < length) {
        if (end->signals & SIGNAL_PEER_CLOSED)
            return ERR_PEER_CLOSED;
        uint32_t left = length - *done;
        uint32_t count = writable_now(stream, left, together);
        if (!count) {
            status_t status = wait_for_room(stream, left, deadline);
            if (status != OK)
                return status;
            continue;
        }
        status_t status = copy_in(stream, (user_t){buffer.address + *done}, count);
        if (status != OK)
            return status;
        stream->queued += count;
        *done += count;
        update_signals(stream, true);
        wait_queue_wake(&stream->readers, UINT32_MAX, OK);
    }
    return OK;
}

/* ---- size ---- */

/* The queued bytes, in order, in pages of their own from the first on. */
static status_t gather(const struct stream *stream, struct page **pages)
{
    for (uint32_t done = 0; done < stream->queued;) {
        uint32_t place, count = piece(stream, done, stream->queued - done, &place);
        struct page **page = &pages[done / PAGE_SIZE];
        count = least(count, PAGE_SIZE - done % PAGE_SIZE);
        if (!*page)
            *page = frame_alloc(FRAME_LOW | FRAME_FOR_SMALL);
        if (!*page)
            return ERR_NO_MEMORY;
        uint8_t *to = arch_direct(frame_address(*page));
        __builtin_memcpy(to + done % PAGE_SIZE, byte_at(stream, place), count);
        done += count;
    }
    return OK;
}

static status_t resize(struct stream *stream, uint32_t capacity)
{
    struct process *owner = stream->ends[END_READ].owner;
    uint32_t count = (capacity + PAGE_SIZE - 1) / PAGE_SIZE;
    struct page **pages = heap_alloc(count * sizeof pages[0]);

    if (!pages)
        return ERR_NO_MEMORY;
    status_t status = process_charge_pages(owner, count);
    if (status != OK) {
        heap_free(pages);
        return status;
    }
    status = gather(stream, pages);
    if (status != OK) {
        free_pages(pages, 0, count);
        process_uncharge_pages(owner, count);
        heap_free(pages);
        return status;
    }
    free_pages(stream->pages, 0, stream->page_count);
    process_uncharge_pages(owner, stream->page_count);
    if (stream->pages != stream->first_pages)
        heap_free(stream->pages);
    stream->pages = pages;
    stream->page_count = count;
    stream->capacity = capacity;
    stream->head = 0;
    update_signals(stream, false);
    stream->room_wanted = 0;
    wait_queue_wake(&stream->writers, UINT32_MAX, OK);
    return OK;
}

/* ---- calls ---- */

#define END_RIGHTS (RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT | RIGHT_MANAGE)

static uint32_t end_rights(const struct object *end)
{
    return END_RIGHTS | (is_write_end(end) ? RIGHT_WRITE : RIGHT_READ);
}

static status_t get_end(handle_t handle, uint32_t right, struct object **end)
{
    return handle_get(current->process, handle, OBJECT_STREAM, right, end);
}

status_t call_stream_create(uint32_t capacity, user_t read_end, user_t write_end)
{
    struct stream *stream;

    if (!capacity || capacity > CAPACITY_MAX)
        return ERR_OUT_OF_RANGE;
    status_t status = handle_reserve(current->process, 2);
    if (status == OK)
        status = stream_new(capacity, current->process, &stream);
    if (status != OK)
        return status;
    struct object *read = &stream->ends[END_READ], *write = &stream->ends[END_WRITE];
    const uint32_t rights[2] = {end_rights(read), end_rights(write)};
    return handle_return_two(read, write, rights, read_end, write_end);
}

/* The end for a transfer, held, when the call's memory is fit for it. */
static status_t hold_end(handle_t handle, uint32_t right, user_t buffer, uint32_t length,
                         user_t done, struct object **end)
{
    status_t status = get_end(handle, right, end);

    if (status == OK)
        status = user_check(buffer, length);
    if (status == OK)
        status = user_probe(done, sizeof(uint32_t));
    if (status == OK)
        object_hold(*end);
    return status;
}

status_t call_stream_read(handle_t handle, user_t buffer, uint32_t length, user_t done,
                          uint64_t deadline)
{
    struct object *end;
    uint32_t count;
    status_t status = hold_end(handle, RIGHT_READ, buffer, length, done, &end);

    if (status != OK)
        return status;
    status = read_some(end, buffer, length, deadline, &count);
    object_release(end);
    return status == OK ? user_write(done, &count, sizeof count) : status;
}

status_t call_stream_write(handle_t handle, user_t buffer, uint32_t length, user_t done,
                           uint64_t deadline)
{
    struct object *end;
    uint32_t count = 0;
    status_t status = hold_end(handle, RIGHT_WRITE, buffer, length, done, &end);

    if (status != OK)
        return status;
    status = write_all(end, buffer, length, deadline, &count);
    object_release(end);
    /* A part that is in is a success. A kick that ended the wait is delivered by the short count. */
    if (status != OK && !count)
        return status;
    return user_write(done, &count, sizeof count);
}

status_t call_stream_info(handle_t handle, user_t queued, user_t capacity)
{
    struct object *end;
    status_t status = get_end(handle, 0, &end);

    if (status != OK)
        return status;
    const struct stream *stream = stream_of(end);
    status = user_probe(capacity, sizeof stream->capacity);
    if (status == OK)
        status = user_write(queued, &stream->queued, sizeof stream->queued);
    return status == OK ? user_write(capacity, &stream->capacity, sizeof stream->capacity) : status;
}

status_t call_stream_resize(handle_t handle, uint32_t capacity)
{
    struct object *end;
    status_t status = get_end(handle, RIGHT_MANAGE, &end);

    if (status != OK)
        return status;
    if (!capacity || capacity > CAPACITY_MAX)
        return ERR_OUT_OF_RANGE;
    struct stream *stream = stream_of(end);
    if (stream->queued > capacity)
        return ERR_BUSY;
    return resize(stream, capacity);
}

status_t call_stream_peek(handle_t handle, user_t buffer, uint32_t length, user_t done)
{
    struct object *end;
    status_t status = get_end(handle, RIGHT_READ, &end);

    if (status == OK)
        status = user_check(buffer, length);
    if (status == OK)
        status = user_probe(done, sizeof length);
    if (status != OK)
        return status;
    const struct stream *stream = stream_of(end);
    length = least(length, stream->queued);
    status = copy_out(stream, buffer, length);
    return status == OK ? user_write(done, &length, sizeof length) : status;
}

status_t call_stream_open(handle_t handle, uint32_t write, user_t result)
{
    struct object *end;
    status_t status = get_end(handle, RIGHT_MANAGE, &end);

    if (status == OK && write > 1)
        return ERR_INVALID_ARGUMENT;
    if (status == OK)
        status = handle_room(result);
    if (status != OK)
        return status;
    struct stream *stream = stream_of(end);
    struct object *wanted = &stream->ends[write];
    if (!wanted->handles)
        object_signal(&stream->ends[!write], SIGNAL_PEER_CLOSED, 0);
    object_hold(wanted);
    return handle_return(wanted, end_rights(wanted), result);
}
