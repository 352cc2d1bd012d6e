/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a snapshot that may be anything is read, verified, looked through, changed and written
 * again. With a first byte of 1 the input is a list of changes to a good snapshot instead, which get
 * right digests, so that what comes behind them is reached.
 */
#include <snapshot/snapshot.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (1u << 20)

struct buffer {
    uint8_t *bytes;
    uint64_t size;
};

static status_t buffer_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct buffer *buffer = context;
    if (offset > buffer->size || length > buffer->size - offset)
        return ERR_IO_ERROR;
    memcpy(to, buffer->bytes + offset, length);
    return OK;
}

static status_t buffer_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct buffer *buffer = context;
    if (offset > ROOM || length > ROOM - offset)
        return ERR_NO_SPACE;
    memcpy(buffer->bytes + offset, from, length);
    if (offset + length > buffer->size)
        buffer->size = offset + length;
    return OK;
}

/* One note of each kind with one field of each, a page of memory and a queue. */
static void fill(struct snapshot *snapshot)
{
    static uint8_t page[PAGE_SIZE];
    snap_init(snapshot);
    for (uint32_t number = 1; number < 0x40; number++) {
        const struct snap_note_info *info = snap_note_info(number);
        if (info == NULL || info->type == SNAP_INTEGRITY)
            continue;
        snap_note_begin(snapshot, info->type);
        for (uint16_t tag = 1; tag < 0x80; tag++)
            if (snap_field_info(number, tag) != NULL)
                snap_put_u32(snapshot, tag, tag);
    }
    (void)snap_add_blob_copy(snapshot, "queued", 6);
    struct snap_bytes bytes = {.memory = malloc(PAGE_SIZE)};
    if (bytes.memory == NULL)
        abort();
    memcpy(bytes.memory, page, PAGE_SIZE);
    snap_add_load(snapshot, 0x8048000, PAGE_SIZE, PAGE_SIZE, 6, &bytes);
}

/* {note, tag, length, bytes}: a field of the note of that place. */
static void change(struct snapshot *snapshot, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        uint32_t length = data[2] < size - 3 ? data[2] : (uint32_t)(size - 3);
        struct snap_note *note = &snapshot->notes[data[0] % snapshot->note_count];
        if (snap_note_is_own(note))
            (void)!snap_set(note, data[1], data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
}

static void look(struct snapshot *snapshot)
{
    uint8_t bytes[64];
    for (uint32_t i = 0; i < snapshot->note_count; i++) {
        struct snap_field_view field;
        uint32_t at = 0;
        while (snap_next_field(&snapshot->notes[i], &at, &field))
            if (field.length > 0)
                bytes[0] = (uint8_t)(field.data[0] ^ field.data[field.length - 1]);
    }
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        (void)!snap_read_memory(snapshot, snapshot->loads[i].address, bytes, sizeof bytes);
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        (void)!snap_bytes_read(&snapshot->blobs[i].bytes, 0, bytes,
                               snapshot->blobs[i].size < 64 ? snapshot->blobs[i].size : 64);
    (void)!snap_write_memory(snapshot, 0x8048010, "written", 7);
}

static void read_all(struct buffer *buffer, struct buffer *again)
{
    struct snap_source source = {.read = buffer_read, .context = buffer};
    struct snap_sink sink = {.write = buffer_write, .context = again};
    struct snapshot snapshot;
    enum snap_verdict verdict;
    const char *problem;
    uint64_t size;
    if (snap_read(&snapshot, &source, buffer->size, &problem) != OK)
        return;
    (void)!snap_verify(&snapshot, &source, true, &verdict, &problem);
    look(&snapshot);
    again->size = 0;
    (void)!snap_write(&snapshot, &sink, &size);
    snap_free(&snapshot);
}

/* As a delta of itself, or made one if it is none, and complete again. */
static void merge(struct buffer *buffer, struct buffer *again)
{
    struct snap_source source = {.read = buffer_read, .context = buffer};
    struct snap_sink sink = {.write = buffer_write, .context = again};
    struct snapshot delta, base;
    struct snap_merge merged;
    const char *problem;
    uint64_t size;
    if (snap_read(&delta, &source, buffer->size, &problem) != OK)
        return;
    if (snap_read(&base, &source, buffer->size, &problem) != OK)
        abort();
    bool made = snap_is_delta(&delta) || snap_make_delta(&delta, &base, "base", NULL) == OK;
    again->size = 0;
    if (made && snap_merge_begin(&merged, &delta, &base, &problem) == OK)
        (void)!snap_write(&delta, &sink, &size);
    if (made)
        snap_merge_end(&merged);
    snap_free(&delta);
    snap_free(&base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[ROOM], second[ROOM];
    struct buffer given = {first, 0}, again = {second, 0};
    struct snap_sink sink = {.write = buffer_write, .context = &given};
    uint64_t written;
    if (size > ROOM)
        return 0;
    if (size > 0 && data[0] == 1) {
        struct snapshot snapshot;
        fill(&snapshot);
        change(&snapshot, data + 1, size - 1);
        if (snap_write(&snapshot, &sink, &written) != OK)
            given.size = 0;
        snap_free(&snapshot);
    } else {
        memcpy(first, data, size);
        given.size = size;
    }
    read_all(&given, &again);
    merge(&given, &again);
    return 0;
}
