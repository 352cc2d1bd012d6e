/* SPDX-License-Identifier: MIT */
/*
 * Writing a snapshot: first where everything goes (struct layout), then the contents in the order of
 * the file, with their digests, at last the note segment that ends with the digests and the headers.
 * So a file that was not finished has no ELF header.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct layout {
    const struct snap_sink *sink;
    uint32_t header_count, header_bytes;
    struct elf32_phdr *headers;  /* [0] and [1] the notes, then loads, blobs, the digests */
    uint32_t loads, blobs, last; /* indices of the first of each; of the digests */
    struct snap_digest *digests;
    uint32_t digest_count, digest_room;
    uint32_t *pages; /* digests of the pages of all loads */
    uint32_t page_count, page_room;
    uint64_t end; /* of the file */
};

static bool is_integrity(const struct snap_note *note)
{
    return snap_note_is_own(note) && note->type == SNAP_TYPE_BASE + SNAP_INTEGRITY;
}

static uint32_t note_bytes(const struct snap_note *note)
{
    return (uint32_t)sizeof(struct elf32_nhdr) + align_up((uint32_t)strlen(note->owner) + 1, 4) +
           align_up(note->size, 4);
}

static uint32_t integrity_bytes(const struct layout *layout)
{
    return (uint32_t)sizeof(struct elf32_nhdr) + align_up(sizeof SNAP_OWNER, 4) +
           (uint32_t)sizeof(struct snap_field) +
           layout->digest_room * (uint32_t)sizeof(struct snap_digest);
}

static uint64_t segment_bytes(const struct snapshot *snapshot, bool own)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < snapshot->note_count; i++)
        if (snap_note_is_own(&snapshot->notes[i]) == own && !is_integrity(&snapshot->notes[i]))
            sum += note_bytes(&snapshot->notes[i]);
    return sum;
}

/* ---- where everything goes ----------------------------------------------------------------------- */

static void place_notes(struct layout *layout, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t size = segment_bytes(snapshot, i == 1) + (i == 1 ? integrity_bytes(layout) : 0);
        layout->headers[i] = (struct elf32_phdr){.type = ELF_PT_NOTE, .align = 4};
        layout->headers[i].offset = (uint32_t)layout->end;
        layout->headers[i].filesz = (uint32_t)size;
        layout->end += size;
    }
}

static void place_loads(struct layout *layout, const struct snapshot *snapshot)
{
    layout->end = (layout->end + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        layout->headers[layout->loads + i] = (struct elf32_phdr){
            .type = ELF_PT_LOAD,
            .offset = (uint32_t)layout->end,
            .vaddr = load->address,
            .filesz = load->file_size,
            .memsz = load->memory_size,
            .flags = load->flags,
            .align = PAGE_SIZE,
        };
        layout->end += align_up(load->file_size, PAGE_SIZE);
    }
}

static void place_blobs(struct layout *layout, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->blob_count; i++) {
        const struct snap_blob *blob = &snapshot->blobs[i];
        layout->headers[layout->blobs + i] = (struct elf32_phdr){
            .type = SNAP_PT_BLOB,
            .offset = blob->size ? (uint32_t)layout->end : 0,
            .paddr = blob->id,
            .filesz = blob->size,
            .align = 4,
        };
        layout->end += ((uint64_t)blob->size + 3) & ~3ull;
    }
}

static void place_digests(struct layout *layout)
{
    uint32_t size = layout->page_room * (uint32_t)sizeof *layout->pages;
    layout->headers[layout->last] = (struct elf32_phdr){
        .type = SNAP_PT_DIGESTS, .offset = (uint32_t)layout->end, .filesz = size, .align = 4};
    layout->end += size;
}

static status_t layout_init(struct layout *layout, const struct snapshot *snapshot,
                            const struct snap_sink *sink)
{
    uint64_t count = 3ull + snapshot->load_count + snapshot->blob_count;
    if (count >= SNAP_HEADERS_MAX)
        return ERR_TOO_LARGE;
    *layout = (struct layout){.sink = sink, .header_count = (uint32_t)count, .loads = 2};
    layout->blobs = layout->loads + snapshot->load_count;
    layout->last = layout->blobs + snapshot->blob_count;
    layout->header_bytes =
        (uint32_t)(sizeof(struct elf32_ehdr) + count * sizeof(struct elf32_phdr));
    layout->digest_room = 4 + snapshot->blob_count; /* headers, two of notes, pages */
    layout->page_room = snapshot->undigested ? 0 : snap_page_count(snapshot);
    layout->headers = calloc(count, sizeof *layout->headers);
    layout->digests = calloc(layout->digest_room, sizeof *layout->digests);
    layout->pages = calloc(layout->page_room + 1, sizeof *layout->pages);
    if (layout->headers == NULL || layout->digests == NULL || layout->pages == NULL)
        return ERR_NO_MEMORY;
    if (segment_bytes(snapshot, false) > SNAP_NOTES_MAX ||
        segment_bytes(snapshot, true) + integrity_bytes(layout) > SNAP_NOTES_MAX)
        return ERR_TOO_LARGE;
    layout->end = layout->header_bytes;
    place_notes(layout, snapshot);
    place_loads(layout, snapshot);
    place_blobs(layout, snapshot);
    place_digests(layout);
    return layout->end > UINT32_MAX ? ERR_FILE_TOO_LARGE : OK;
}

/* ---- contents ------------------------------------------------------------------------------------ */

static status_t put(struct layout *layout, uint64_t offset, const void *data, uint32_t length)
{
    return length > 0 ? layout->sink->write(layout->sink->context, offset, data, length) : OK;
}

static void add_digest(struct layout *layout, uint32_t kind, uint32_t index, uint32_t length,
                       uint32_t crc)
{
    layout->digests[layout->digest_count++] = (struct snap_digest){kind, index, length, crc};
}

static void digest_pages(struct layout *layout, const uint8_t *buffer, uint32_t length)
{
    for (uint32_t at = 0; at < length && layout->page_count < layout->page_room; at += PAGE_SIZE)
        layout->pages[layout->page_count++] = snap_page_digest(buffer + at);
}

/* As much of a load as the file can share at once. */
static uint32_t share_bytes(struct layout *layout, uint64_t offset, const struct snap_bytes *bytes,
                            uint32_t from, uint32_t length)
{
    const struct snap_sink *sink = layout->sink;
    const uint8_t *view = NULL;
    uint32_t shared = 0;
    uint64_t at;
    const struct snap_source *source = snap_locate(bytes, from, &at, &length);
    if (sink->share == NULL || source == NULL)
        return 0;
    if (layout->page_room > 0 && source->view != NULL) {
        length = length < SNAP_LOOK ? length : SNAP_LOOK;
        view = source->view(source->context, at, length);
    }
    bool look = layout->page_room > 0 && view == NULL;
    shared = sink->share(sink->context, offset, source, at, length, look ? &view : NULL);
    if (view != NULL)
        digest_pages(layout, view, shared);
    return shared;
}

static status_t copy_bytes(struct layout *layout, uint32_t index, const struct snap_bytes *bytes)
{
    uint8_t *buffer = malloc(SNAP_COPY);
    uint32_t size = layout->headers[index].filesz, crc = 0, shared = 0;
    bool load = layout->headers[index].type == ELF_PT_LOAD;
    status_t status = buffer == NULL ? ERR_NO_MEMORY : OK;
    for (uint32_t done = 0; status == OK && done < size;) {
        if (load)
            shared = share_bytes(layout, (uint64_t)layout->headers[index].offset + done, bytes,
                                 done, size - done);
        done += shared;
        if (shared > 0)
            continue;
        uint32_t part = size - done < SNAP_COPY ? size - done : SNAP_COPY;
        status = snap_bytes_read(bytes, done, buffer, part);
        if (status == OK)
            status = put(layout, (uint64_t)layout->headers[index].offset + done, buffer, part);
        if (status == OK && load)
            digest_pages(layout, buffer, part);
        else if (status == OK)
            crc = snap_crc32c(crc, buffer, part);
        done += part;
    }
    free(buffer);
    if (!load)
        add_digest(layout, SNAP_DIGEST_BLOB, index, size, crc);
    return status;
}

static status_t copy_contents(struct layout *layout, const struct snapshot *snapshot)
{
    status_t status = OK;
    for (uint32_t i = 0; status == OK && i < snapshot->load_count; i++)
        status = copy_bytes(layout, layout->loads + i, &snapshot->loads[i].bytes);
    for (uint32_t i = 0; status == OK && i < snapshot->blob_count; i++)
        status = copy_bytes(layout, layout->blobs + i, &snapshot->blobs[i].bytes);
    const struct elf32_phdr *digests = &layout->headers[layout->last];
    if (status == OK)
        status = put(layout, digests->offset, layout->pages, digests->filesz);
    add_digest(layout, SNAP_DIGEST_PAGES, 0, digests->filesz,
               snap_crc32c(0, layout->pages, digests->filesz));
    return status;
}

/* ---- notes --------------------------------------------------------------------------------------- */

static void pack_head(struct snap_note *segment, const char *owner, uint32_t type, uint32_t size,
                      status_t *status)
{
    struct elf32_nhdr head = {(uint32_t)strlen(owner) + 1, size, type};
    if (*status == OK)
        *status = snap_note_append(segment, &head, sizeof head);
    if (*status == OK)
        *status = snap_note_append(segment, owner, head.name_size);
}

/* The segment is packed in a buffer, for which struct snap_note serves as well. */
static status_t pack_segment(struct snap_note *segment, const struct snapshot *snapshot, bool own)
{
    status_t status = OK;
    for (uint32_t i = 0; status == OK && i < snapshot->note_count; i++) {
        const struct snap_note *note = &snapshot->notes[i];
        if (snap_note_is_own(note) != own || is_integrity(note))
            continue;
        pack_head(segment, note->owner, note->type, note->size, &status);
        if (status == OK)
            status = snap_note_append(segment, note->data, note->size);
    }
    return status;
}

static status_t pack_integrity(struct layout *layout, struct snap_note *segment)
{
    uint32_t bytes = layout->digest_room * (uint32_t)sizeof(struct snap_digest);
    struct snap_field field = {.tag = SNAP_INTEGRITY_TABLE, .length = bytes};
    status_t status = OK;
    pack_head(segment, SNAP_OWNER, SNAP_TYPE_BASE + SNAP_INTEGRITY, (uint32_t)sizeof field + bytes,
              &status);
    if (status == OK)
        status = snap_note_append(segment, &field, sizeof field);
    return status == OK ? snap_note_append(segment, layout->digests, bytes) : status;
}

static void fill_ehdr(const struct layout *layout, struct elf32_ehdr *ehdr)
{
    *ehdr = (struct elf32_ehdr){
        .ident = {0x7f, 'E', 'L', 'F', 1, 1, 1},
        .type = ELF_ET_CORE,
        .machine = ELF_EM_386,
        .version = 1,
        .phoff = sizeof *ehdr,
        .ehsize = sizeof *ehdr,
        .phentsize = sizeof(struct elf32_phdr),
        .phnum = (uint16_t)layout->header_count,
    };
}

static status_t write_notes(struct layout *layout, const struct snapshot *snapshot,
                            const struct elf32_ehdr *ehdr)
{
    struct snap_note standard = {.data = NULL}, own = {.data = NULL};
    uint32_t header_bytes = layout->header_count * (uint32_t)sizeof(struct elf32_phdr);
    uint32_t crc = snap_crc32c(0, ehdr, sizeof *ehdr);
    add_digest(layout, SNAP_DIGEST_HEADERS, 0, layout->header_bytes,
               snap_crc32c(crc, layout->headers, header_bytes));
    status_t status = pack_segment(&standard, snapshot, false);
    if (status == OK)
        status = pack_segment(&own, snapshot, true);
    add_digest(layout, SNAP_DIGEST_NOTES, 0, standard.size,
               snap_crc32c(0, standard.data, standard.size));
    add_digest(layout, SNAP_DIGEST_NOTES, 1, own.size, snap_crc32c(0, own.data, own.size));
    if (status == OK)
        status = pack_integrity(layout, &own);
    if (status == OK)
        status = put(layout, layout->headers[0].offset, standard.data, standard.size);
    if (status == OK)
        status = put(layout, layout->headers[1].offset, own.data, own.size);
    free(standard.data);
    free(own.data);
    return status;
}

static status_t write_all(struct layout *layout, const struct snapshot *snapshot)
{
    struct elf32_ehdr ehdr;
    fill_ehdr(layout, &ehdr);
    status_t status = copy_contents(layout, snapshot);
    if (status == OK)
        status = write_notes(layout, snapshot, &ehdr);
    if (status == OK)
        status = put(layout, sizeof ehdr, layout->headers,
                     layout->header_count * (uint32_t)sizeof(struct elf32_phdr));
    return status == OK ? put(layout, 0, &ehdr, sizeof ehdr) : status;
}

status_t snap_write(struct snapshot *snapshot, const struct snap_sink *sink, uint64_t *size)
{
    struct layout layout = {.sink = sink};
    if (snapshot->failed)
        return ERR_NO_MEMORY;
    status_t status = layout_init(&layout, snapshot, sink);
    if (status == OK && sink->reserve != NULL)
        status = sink->reserve(sink->context, layout.end);
    if (status == OK)
        status = write_all(&layout, snapshot);
    if (status == OK)
        *size = layout.end;
    free(layout.headers);
    free(layout.digests);
    free(layout.pages);
    return status;
}
