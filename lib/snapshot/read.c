/* SPDX-License-Identifier: MIT */
/*
 * Reading a snapshot from a file that may be anything. All sizes and offsets are checked against the
 * file's; notes are copied, memory and blobs stay where they are.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct reader {
    struct snapshot *snapshot;
    const struct snap_source *source;
    uint64_t size;
    const char *problem;
    uint32_t load_end; /* where the last load ended */
};

static status_t bad(struct reader *reader, const char *problem)
{
    reader->problem = problem;
    return ERR_BAD_EXECUTABLE;
}

static status_t get(struct reader *reader, uint64_t offset, void *to, uint32_t length)
{
    if (offset > reader->size || length > reader->size - offset)
        return bad(reader, "the file ends before its contents do");
    return reader->source->read(reader->source->context, offset, to, length);
}

/* ---- notes ------------------------------------------------------------------------------------- */

/* One note at the start of `at`; *used is its length in the segment. */
static status_t read_note(struct reader *reader, const uint8_t *at, uint32_t room, uint32_t *used)
{
    struct elf32_nhdr head;
    if (room < sizeof head)
        return bad(reader, "a note is cut off");
    memcpy(&head, at, sizeof head);
    room -= (uint32_t)sizeof head;
    if (head.name_size == 0 || head.name_size > sizeof(((struct snap_note *)0)->owner))
        return bad(reader, "a note's owner has an impossible length");
    uint32_t name = align_up(head.name_size, 4);
    if (name > room || head.desc_size > room - name)
        return bad(reader, "a note is larger than its segment");
    const char *owner = (const char *)at + sizeof head;
    for (uint32_t i = head.name_size - 1; i < name; i++)
        if (owner[i] != '\0')
            return bad(reader, "a note's owner is no string");
    uint32_t desc = head.desc_size > UINT32_MAX - 3 ? head.desc_size : align_up(head.desc_size, 4);
    *used = (uint32_t)sizeof head + name + (desc > room - name ? head.desc_size : desc);
    struct snap_note *note = snap_append_note(reader->snapshot, owner, head.type);
    if (note == NULL)
        return ERR_NO_MEMORY;
    status_t status = snap_note_append(note, at + sizeof head + name, head.desc_size);
    note->size = status == OK ? head.desc_size : 0;
    return status;
}

/* The fields of an own note must fill it exactly. */
static status_t check_fields(struct reader *reader, const struct snap_note *note)
{
    struct snap_field_view field;
    uint32_t at = 0;
    while (snap_next_field(note, &at, &field))
        ;
    return at == note->size ? OK : bad(reader, "a note's fields do not fit into it");
}

static status_t read_notes(struct reader *reader, const struct elf32_phdr *header)
{
    if (header->filesz > SNAP_NOTES_MAX)
        return bad(reader, "a note segment is too large");
    uint8_t *data = malloc(header->filesz ? header->filesz : 1);
    if (data == NULL)
        return ERR_NO_MEMORY;
    status_t status = get(reader, header->offset, data, header->filesz);
    for (uint32_t at = 0, used = 0; status == OK && at < header->filesz; at += used) {
        status = read_note(reader, data + at, header->filesz - at, &used);
        if (status != OK)
            break;
        const struct snap_note *note = &reader->snapshot->notes[reader->snapshot->note_count - 1];
        if (snap_note_is_own(note))
            status = check_fields(reader, note);
    }
    free(data);
    return status;
}

/* ---- segments ---------------------------------------------------------------------------------- */

static status_t read_load(struct reader *reader, const struct elf32_phdr *header)
{
    struct snap_bytes bytes = {.source = reader->source, .offset = header->offset};
    if (header->vaddr & PAGE_MASK || header->memsz & PAGE_MASK || header->memsz == 0)
        return bad(reader, "memory that is not whole pages");
    if (header->vaddr < reader->load_end || header->memsz > UINT32_MAX - header->vaddr)
        return bad(reader, "memory out of order");
    if (header->filesz != 0 && header->filesz != header->memsz)
        return bad(reader, "memory that is only partly in the file");
    if (header->filesz != 0 && (header->offset & PAGE_MASK))
        return bad(reader, "memory that does not begin with a page of the file");
    if (header->offset > reader->size || header->filesz > reader->size - header->offset)
        return bad(reader, "memory that lies beyond the end of the file");
    reader->load_end = header->vaddr + header->memsz;
    snap_add_load(reader->snapshot, header->vaddr, header->memsz, header->filesz, header->flags,
                  header->filesz ? &bytes : NULL);
    return reader->snapshot->failed ? ERR_NO_MEMORY : OK;
}

static status_t read_blob(struct reader *reader, const struct elf32_phdr *header)
{
    struct snap_bytes bytes = {.source = reader->source, .offset = header->offset};
    if (header->offset > reader->size || header->filesz > reader->size - header->offset)
        return bad(reader, "a blob lies beyond the end of the file");
    if (snap_find_blob(reader->snapshot, header->paddr) != NULL)
        return bad(reader, "two blobs have the same id");
    return snap_append_blob(reader->snapshot, header->paddr, header->filesz, &bytes);
}

static status_t read_digests(struct reader *reader, const struct elf32_phdr *header)
{
    if (header->offset > reader->size || header->filesz > reader->size - header->offset)
        return bad(reader, "digests that lie beyond the end of the file");
    reader->snapshot->digest_bytes = header->filesz;
    reader->snapshot->digests =
        (struct snap_bytes){.source = reader->source, .offset = header->offset};
    return OK;
}

static status_t read_segment(struct reader *reader, const struct elf32_phdr *header)
{
    switch (header->type) {
    case ELF_PT_NOTE:
        return read_notes(reader, header);
    case ELF_PT_LOAD:
        return read_load(reader, header);
    case SNAP_PT_BLOB:
        return read_blob(reader, header);
    case SNAP_PT_DIGESTS:
        return read_digests(reader, header);
    }
    return OK;
}

static status_t check_ehdr(struct reader *reader, const struct elf32_ehdr *ehdr)
{
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
    if (memcmp(ehdr->ident, ident, sizeof ident) != 0 || ehdr->type != ELF_ET_CORE ||
        ehdr->machine != ELF_EM_386)
        return bad(reader, "this is no snapshot (no ELF core of i386)");
    if (ehdr->phoff != sizeof *ehdr || ehdr->phentsize != sizeof(struct elf32_phdr) ||
        ehdr->phnum >= SNAP_HEADERS_MAX)
        return bad(reader, "impossible program headers");
    return OK;
}

static status_t read_all(struct reader *reader)
{
    struct elf32_ehdr ehdr;
    if (reader->size > UINT32_MAX)
        return bad(reader, "a snapshot is smaller than 4 GiB");
    status_t status = get(reader, 0, &ehdr, sizeof ehdr);
    if (status == OK)
        status = check_ehdr(reader, &ehdr);
    for (uint32_t i = 0; status == OK && i < ehdr.phnum; i++) {
        struct elf32_phdr header;
        status = get(reader, ehdr.phoff + (uint64_t)i * sizeof header, &header, sizeof header);
        if (status == OK)
            status = read_segment(reader, &header);
    }
    if (status == OK && snap_next(reader->snapshot, SNAP_HEADER, NULL) == NULL)
        return bad(reader, "this is a core file, but no snapshot");
    return status;
}

status_t snap_read(struct snapshot *snapshot, const struct snap_source *source, uint64_t size,
                   const char **problem)
{
    struct reader reader = {.snapshot = snapshot, .source = source, .size = size};
    snap_init(snapshot);
    status_t status = read_all(&reader);
    if (status != OK)
        snap_free(snapshot);
    *problem = reader.problem;
    return status;
}
