/* SPDX-License-Identifier: MIT */
/* Comparing a file with the digests in its last note. Every segment must have a digest. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct verifier {
    const struct snap_source *source;
    uint64_t size;
    struct elf32_ehdr ehdr;
    struct elf32_phdr *headers;
    const struct snap_digest *table;
    uint32_t count;
    bool memory_changed;
    const char *what; /* is damaged */
};

static status_t digest_range(struct verifier *verifier, uint64_t offset, uint32_t length,
                             uint32_t *crc)
{
    uint8_t *buffer = malloc(SNAP_COPY);
    status_t status = buffer == NULL ? ERR_NO_MEMORY : OK;
    *crc = 0;
    while (status == OK && length > 0) {
        uint32_t part = length < SNAP_COPY ? length : SNAP_COPY;
        status = verifier->source->read(verifier->source->context, offset, buffer, part);
        if (status == OK)
            *crc = snap_crc32c(*crc, buffer, part);
        offset += part;
        length -= part;
    }
    free(buffer);
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

/* `length`: what the digest has to cover; UINT32_MAX: at most `room`, as it says itself. */
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

static status_t check_segment(struct verifier *verifier, uint32_t index)
{
    const struct elf32_phdr *header = &verifier->headers[index];
    bool load = header->type == ELF_PT_LOAD, blob = header->type == SNAP_PT_BLOB, same = true;
    status_t status = OK;
    if (load || blob)
        status = check_range(verifier, load ? SNAP_DIGEST_LOAD : SNAP_DIGEST_BLOB, index,
                             header->offset, header->filesz, true, &same);
    else if (header->type == ELF_PT_NOTE)
        status = check_range(verifier, SNAP_DIGEST_NOTES, index, header->offset, header->filesz,
                             index == 0, &same);
    if (same)
        return status;
    if (load)
        verifier->memory_changed = true;
    else
        verifier->what = blob ? "the content of a file or queue" : "the notes";
    return status;
}

static status_t check_all(struct verifier *verifier)
{
    uint32_t bytes = verifier->ehdr.phnum * (uint32_t)sizeof *verifier->headers;
    bool same;
    status_t status = check_range(verifier, SNAP_DIGEST_HEADERS, 0, 0,
                                  (uint32_t)sizeof verifier->ehdr + bytes, true, &same);
    if (status == OK && !same)
        verifier->what = "the headers";
    for (uint32_t i = 0; status == OK && i < verifier->ehdr.phnum; i++)
        status = check_segment(verifier, i);
    return status;
}

/* The headers, of a file that snap_read has accepted. */
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

/* The table of the note that has nothing but it; NULL if there is none. */
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

status_t snap_verify(const struct snap_source *source, uint64_t size, enum snap_verdict *verdict,
                     const char **what)
{
    struct verifier verifier = {.source = source, .size = size};
    struct snapshot snapshot;
    status_t status = snap_read(&snapshot, source, size, what);
    if (status != OK)
        return status;
    verifier.table = find_table(&snapshot, &verifier.count);
    *verdict = SNAP_NO_DIGESTS;
    if (verifier.table != NULL) {
        status = read_headers(&verifier);
        if (status == OK)
            status = check_all(&verifier);
        *verdict = verifier.what ? SNAP_DAMAGED
                                 : (verifier.memory_changed ? SNAP_MEMORY_CHANGED : SNAP_VERIFIED);
        *what = verifier.what;
    }
    free(verifier.headers);
    snap_free(&snapshot);
    return status;
}
