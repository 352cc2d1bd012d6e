/* SPDX-License-Identifier: MIT */
/*
 * Comparing a file with the digests in its last note. Every segment must have a digest, and every page of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct verifier {
    const struct snapshot *snapshot; /* of the file */
    const struct snap_source *source;
    struct elf32_ehdr ehdr;
    struct elf32_phdr *headers;
    const struct snap_digest *table;
    uint32_t count;
    const uint8_t *verified; /* pages that need no look, or NULL */
    uint8_t *buffer;         /* SNAP_COPY bytes */
    bool memory_changed;
    const char *what; /* is damaged */
};

/* Up to SNAP_COPY bytes of the file. */
static status_t bytes_at(struct verifier *verifier, uint64_t offset, uint32_t length,
                         const uint8_t **bytes)
{
    const struct snap_source *source = verifier->source;
    *bytes = source->view != NULL ? source->view(source->context, offset, length) : NULL;
    if (*bytes != NULL)
        return OK;
    *bytes = verifier->buffer;
    return source->read(source->context, offset, verifier->buffer, length);
}

static status_t digest_range(struct verifier *verifier, uint64_t offset, uint32_t length,
                             uint32_t *crc)
{
    const uint8_t *bytes;
    status_t status = OK;
    *crc = 0;
    while (status == OK && length > 0) {
        uint32_t part = length < SNAP_COPY ? length : SNAP_COPY;
        status = bytes_at(verifier, offset, part, &bytes);
        if (status == OK)
            *crc = snap_crc32c(*crc, bytes, part);
        offset += part;
        length -= part;
    }
    return status;
}

static const struct snap_digest *find_digest(const struct verifier *verifier, uint32_t kind,
                                             uint32_t index)
{
    for (uint32_t i = 0; i < verifier->count; i++)
        if (verifier->table[i].kind == kind && verifier->table[i].index == index)
            return &verifier->table[i];
    return NULL;
}

/* The digest has to cover all of `room`, if it is to be exact, else as much of it as it says itself. */
static status_t check_range(struct verifier *verifier, uint32_t kind, uint32_t index,
                            uint64_t offset, uint32_t room, bool exact, bool *same)
{
    const struct snap_digest *digest = find_digest(verifier, kind, index);
    uint32_t crc;
    *same = false;
    if (digest == NULL || digest->length > room || (exact && digest->length != room))
        return OK;
    status_t status = digest_range(verifier, offset, digest->length, &crc);
    *same = status == OK && crc == digest->crc;
    return status;
}

/* Memory, and the digests of its pages, are another matter. */
static status_t check_segment(struct verifier *verifier, uint32_t index)
{
    const struct elf32_phdr *header = &verifier->headers[index];
    bool blob = header->type == SNAP_PT_BLOB, same = true;
    status_t status = OK;
    if (blob || header->type == ELF_PT_NOTE)
        status = check_range(verifier, blob ? SNAP_DIGEST_BLOB : SNAP_DIGEST_NOTES, index,
                             header->offset, header->filesz, blob || index == 0, &same);
    if (!same)
        verifier->what = blob ? "the content of a file or queue" : "the notes";
    return status;
}

/* ---- memory -------------------------------------------------------------------------------------- */

static bool is_verified(const struct verifier *verifier, uint32_t page)
{
    return verifier->verified != NULL && (verifier->verified[page / 8] & 1u << page % 8);
}

/* Its pages are `first` and those after it of all that have digests. */
static status_t check_load(struct verifier *verifier, const struct snap_load *load,
                           const uint32_t *digests, uint32_t first)
{
    const uint8_t *bytes;
    for (uint32_t page = first, at = 0; at < load->file_size; page++, at += PAGE_SIZE) {
        if (is_verified(verifier, page))
            continue;
        status_t status = bytes_at(verifier, load->bytes.offset + at, PAGE_SIZE, &bytes);
        if (status != OK)
            return status;
        if (snap_page_digest(bytes) != digests[page])
            verifier->memory_changed = true;
    }
    return OK;
}

static status_t check_loads(struct verifier *verifier, const uint32_t *digests)
{
    const struct snapshot *snapshot = verifier->snapshot;
    status_t status = OK;
    uint32_t page = 0;
    for (uint32_t i = 0; status == OK && i < snapshot->load_count; i++) {
        status = check_load(verifier, &snapshot->loads[i], digests, page);
        page += snapshot->loads[i].file_size / PAGE_SIZE;
    }
    return status;
}

static status_t check_memory(struct verifier *verifier)
{
    uint32_t *digests;
    status_t status = snap_page_digests(verifier->snapshot, &digests);
    if (status == OK)
        status = check_loads(verifier, digests);
    else if (status == ERR_BAD_EXECUTABLE) {
        verifier->what = "the digests";
        status = OK;
    }
    free(digests);
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------------- */

static status_t check_all(struct verifier *verifier, bool memory)
{
    uint32_t bytes = verifier->ehdr.phnum * (uint32_t)sizeof *verifier->headers;
    bool same;
    status_t status = check_range(verifier, SNAP_DIGEST_HEADERS, 0, 0,
                                  (uint32_t)sizeof verifier->ehdr + bytes, true, &same);
    if (status == OK && !same)
        verifier->what = "the headers";
    for (uint32_t i = 0; status == OK && i < verifier->ehdr.phnum; i++)
        status = check_segment(verifier, i);
    return status == OK && memory ? check_memory(verifier) : status;
}

/* Of a file that snap_read has accepted. */
static status_t read_headers(struct verifier *verifier)
{
    const struct snap_source *source = verifier->source;
    status_t status = source->read(source->context, 0, &verifier->ehdr, sizeof verifier->ehdr);
    if (status != OK)
        return status;
    uint32_t bytes = verifier->ehdr.phnum * (uint32_t)sizeof *verifier->headers;
    verifier->headers = malloc(bytes ? bytes : 1);
    if (verifier->headers == NULL)
        return ERR_NO_MEMORY;
    return source->read(source->context, verifier->ehdr.phoff, verifier->headers, bytes);
}

/* The table, the note's first field; NULL if there is none. */
static const struct snap_digest *find_table(const struct snapshot *snapshot, uint32_t *count)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_INTEGRITY, NULL);
    struct snap_field_view field;
    uint32_t at = 0;
    if (note == NULL || !snap_next_field(note, &at, &field) || field.tag != SNAP_INTEGRITY_TABLE ||
        field.flags != 0 || field.version != 0)
        return NULL;
    *count = field.length / (uint32_t)sizeof(struct snap_digest);
    return (const void *)field.data;
}

status_t snap_verify_memory(const struct snapshot *snapshot, const struct snap_source *source,
                            const uint32_t *digests, const uint8_t *verified, bool *changed)
{
    struct verifier verifier = {.snapshot = snapshot, .source = source, .verified = verified};
    verifier.buffer = malloc(SNAP_COPY);
    status_t status = verifier.buffer != NULL ? check_loads(&verifier, digests) : ERR_NO_MEMORY;
    *changed = verifier.memory_changed;
    free(verifier.buffer);
    return status;
}

status_t snap_verify(const struct snapshot *snapshot, const struct snap_source *source, bool memory,
                     enum snap_verdict *verdict, const char **what)
{
    struct verifier verifier = {.snapshot = snapshot, .source = source};
    verifier.table = find_table(snapshot, &verifier.count);
    *what = NULL;
    *verdict = SNAP_NO_DIGESTS;
    if (verifier.table == NULL)
        return OK;
    verifier.buffer = malloc(SNAP_COPY);
    status_t status = verifier.buffer != NULL ? read_headers(&verifier) : ERR_NO_MEMORY;
    if (status == OK)
        status = check_all(&verifier, memory);
    if (verifier.what != NULL)
        *verdict = SNAP_DAMAGED;
    else
        *verdict = verifier.memory_changed ? SNAP_MEMORY_CHANGED : SNAP_VERIFIED;
    *what = verifier.what;
    free(verifier.headers);
    free(verifier.buffer);
    return status;
}
