/* SPDX-License-Identifier: MIT */
/*
 * ELF32 images into load plans.
 *
 * Follows what Linux accepts where real files depend on it (the computed address of the program
 * headers, an executable stack when nothing asks for another, foreign notes never looked into) and
 * is stricter where they do not: every range must lie in the file, PT_LOADs must ascend without
 * overlap, and the entry point must be in one of them.
 *
 * Several PT_LOADs may meet in one page (ld -n, or a linker script). Plans are page-disjoint, so
 * that page becomes the later segment's and gets both protections. This gives the right bytes when
 * both come from one run of the file, or when the later one is zeros only; a page to be put
 * together from two places of the file cannot be expressed and is refused as unsupported.
 */
#include "loaders/elf32/elf32.h"

#include "loaders/bytes.h"
#include "loaders/elf32/elf32_format.h"

/* Linux's own limit: a table of 64 KiB. */
#define MAX_PROGRAM_HEADERS 2048
#define MAX_INTERP_LENGTH   4096
#define MAX_NOTES           256

struct elf32_loader {
    const struct load_reader *reader;
    struct load_plan *plan;
    struct elf32_header header;
    /* Of the PT_LOADs so far: */
    uint32_t end;          /* first byte behind the last one */
    uint32_t file_end;     /* first byte behind the last one's, or an earlier one's, file bytes */
    uint32_t displacement; /* the last one's address minus its file offset, modulo 2^32 */
    bool ends_in_file;     /* the last one's last byte comes from the file */
    /* What PT_PHDR claims, used when no PT_LOAD covers the table. */
    uint32_t claimed_phdr_address;
    uint32_t notes_seen;
};

static enum load_error check_header(const struct elf32_header *header)
{
    if (header->class != ELF_CLASS_32)
        return LOAD_UNSUPPORTED;
    if (header->byte_order != ELF_LITTLE_ENDIAN || header->machine != ELF_MACHINE_386)
        return LOAD_UNSUPPORTED;
    if (header->ident_version != ELF_VERSION || header->version != ELF_VERSION)
        return LOAD_BAD_FORMAT;
    if (header->type != ELF_TYPE_EXEC && header->type != ELF_TYPE_DYN)
        return LOAD_UNSUPPORTED;
    if (header->program_header_size != sizeof(struct elf32_segment))
        return LOAD_BAD_FORMAT;
    if (header->program_header_count > MAX_PROGRAM_HEADERS)
        return LOAD_TOO_COMPLEX;
    return LOAD_OK;
}

static uint32_t table_size(const struct elf32_header *header)
{
    return header->program_header_count * (uint32_t)sizeof(struct elf32_segment);
}

static enum load_error read_header(struct elf32_loader *loader)
{
    struct elf32_header *header = &loader->header;
    enum load_error error;

    if (loader->reader->size < sizeof(header->magic))
        return LOAD_NOT_RECOGNISED;
    error = load_read(loader->reader, 0, header->magic, sizeof(header->magic));
    if (error != LOAD_OK)
        return error;
    if (header->magic[0] != 0x7f || header->magic[1] != 'E' || header->magic[2] != 'L' ||
        header->magic[3] != 'F')
        return LOAD_NOT_RECOGNISED;
    error = load_read(loader->reader, 0, header, sizeof(*header));
    if (error != LOAD_OK)
        return error;
    return check_header(header);
}

static uint8_t segment_prot(const struct elf32_segment *segment)
{
    return (segment->flags & ELF_SEGMENT_READ ? LOAD_READ : 0) |
           (segment->flags & ELF_SEGMENT_WRITE ? LOAD_WRITE : 0) |
           (segment->flags & ELF_SEGMENT_EXEC ? LOAD_EXEC : 0);
}

/* Checks that hold for every segment with contents. */
static enum load_error check_contents(const struct elf32_loader *loader,
                                      const struct elf32_segment *segment)
{
    if (!load_inside(segment->offset, segment->file_size, loader->reader->size))
        return LOAD_TRUNCATED;
    return LOAD_OK;
}

static enum load_error check_load(const struct elf32_loader *loader,
                                  const struct elf32_segment *segment)
{
    enum load_error error = check_contents(loader, segment);

    if (error != LOAD_OK)
        return error;
    if (segment->file_size > segment->memory_size)
        return LOAD_BAD_FORMAT;
    if (load_page_up((uint64_t)segment->address + segment->memory_size) > UINT32_MAX)
        return LOAD_BAD_ADDRESS;
    if (segment->address < loader->end)
        return LOAD_BAD_FORMAT;
    if (segment->align > 1) {
        if (!load_is_power_of_two(segment->align))
            return LOAD_BAD_FORMAT;
        if (segment->file_size > 0 &&
            ((segment->address - segment->offset) & (segment->align - 1)) != 0)
            return LOAD_BAD_FORMAT;
    }
    return LOAD_OK;
}

/*
 * The pages of one PT_LOAD. The bytes of the file before the segment come along in its first page,
 * as they do when the page is mapped; behind the segment too, unless memory follows that has to
 * read as zero.
 */
static enum load_error segment_pages(const struct elf32_loader *loader,
                                     const struct elf32_segment *segment,
                                     struct load_segment *pages)
{
    uint32_t lead = load_page_offset(segment->address);

    *pages = (struct load_segment){
        .address = segment->address - lead,
        .length = (uint32_t)load_page_up((uint64_t)lead + segment->memory_size),
        .prot = segment_prot(segment),
    };
    if (segment->file_size == 0)
        return LOAD_OK;
    if (segment->offset < lead)
        return LOAD_UNSUPPORTED;
    pages->file_offset = segment->offset - lead;
    pages->file_length = lead + segment->file_size;
    if (segment->file_size == segment->memory_size)
        pages->file_length =
            load_min(load_page_up(pages->file_length), loader->reader->size - pages->file_offset);
    pages->mappable = load_page_offset(pages->file_offset) == 0;
    return LOAD_OK;
}

/* Whether `next` continues `last`: same rights, next addresses, next bytes of the file. */
static bool continues(const struct load_segment *last, const struct load_segment *next)
{
    if (next->address != last->address + last->length || next->prot != last->prot)
        return false;
    if (next->file_length == 0)
        return true;
    return last->file_length == last->length &&
           next->file_offset == last->file_offset + last->length &&
           next->mappable == last->mappable;
}

static enum load_error push_pages(struct load_plan *plan, const struct load_segment *pages)
{
    struct load_segment *last = plan->segments;

    if (pages->length == 0)
        return LOAD_OK;
    if (plan->segment_count > 0)
        last += plan->segment_count - 1;
    if (plan->segment_count > 0 && continues(last, pages)) {
        last->length += pages->length;
        last->file_length += pages->file_length;
        return LOAD_OK;
    }
    if (plan->segment_count == LOAD_MAX_SEGMENTS)
        return LOAD_TOO_COMPLEX;
    plan->segments[plan->segment_count++] = *pages;
    return LOAD_OK;
}

/* Splits the first page off `pages` and returns it; what is left may have no length. */
static struct load_segment take_first_page(struct load_segment *pages)
{
    struct load_segment first = *pages;

    first.length = LOAD_PAGE;
    first.file_length = load_min(pages->file_length, LOAD_PAGE);
    first.mappable = first.file_length > 0 && pages->mappable;
    pages->address += LOAD_PAGE;
    pages->length -= LOAD_PAGE;
    pages->file_length -= first.file_length;
    pages->file_offset += LOAD_PAGE;
    pages->mappable = pages->file_length > 0 && pages->mappable;
    return first;
}

/* Splits the last page off the plan's last segment, which goes away when nothing is left of it. */
static struct load_segment take_last_page(struct load_plan *plan)
{
    struct load_segment *last = &plan->segments[plan->segment_count - 1];
    struct load_segment page = *last;

    last->length -= LOAD_PAGE;
    page.address = last->address + last->length;
    page.length = LOAD_PAGE;
    page.file_offset = last->file_offset + last->length;
    page.file_length = last->file_length > last->length ? last->file_length - last->length : 0;
    page.mappable = page.file_length > 0 && page.mappable;
    last->file_length = load_min(last->file_length, last->length);
    last->mappable = last->file_length > 0 && last->mappable;
    if (last->length == 0)
        plan->segment_count--;
    return page;
}

/*
 * `pages`, of the PT_LOAD `segment`, begin in the page in which the PT_LOAD before ended: makes one
 * page of the two halves, and leaves the rest in `pages`.
 */
static enum load_error join_shared_page(struct elf32_loader *loader,
                                        const struct elf32_segment *segment,
                                        struct load_segment *pages)
{
    struct load_segment old = take_last_page(loader->plan);
    struct load_segment shared = take_first_page(pages);

    if (segment->file_size > 0) {
        if (!loader->ends_in_file || segment->address - segment->offset != loader->displacement)
            return LOAD_UNSUPPORTED;
    } else {
        uint32_t kept = loader->file_end > old.address ? loader->file_end - old.address : 0;

        shared.file_offset = old.file_offset;
        shared.file_length = load_min(old.file_length, kept);
        shared.mappable = shared.file_length > 0 && old.mappable;
    }
    shared.prot |= old.prot;
    return push_pages(loader->plan, &shared);
}

/* The program headers' own address follows from the PT_LOAD that holds them, as on Linux. */
static void note_phdr_address(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    uint32_t table = loader->header.program_headers;

    if (loader->plan->phdr_address != 0 || table < segment->offset)
        return;
    if (load_inside(table - segment->offset, table_size(&loader->header), segment->file_size))
        loader->plan->phdr_address = segment->address + (table - segment->offset);
}

static enum load_error add_load(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    struct load_plan *plan = loader->plan;
    struct load_segment pages;
    enum load_error error;

    if (segment->memory_size == 0)
        return segment->file_size == 0 ? LOAD_OK : LOAD_BAD_FORMAT;
    error = check_load(loader, segment);
    if (error == LOAD_OK)
        error = segment_pages(loader, segment, &pages);
    if (error == LOAD_OK && plan->segment_count > 0 && pages.address < load_page_up(loader->end))
        error = join_shared_page(loader, segment, &pages);
    if (error == LOAD_OK)
        error = push_pages(plan, &pages);
    if (error != LOAD_OK)
        return error;

    loader->end = segment->address + segment->memory_size;
    loader->ends_in_file = segment->file_size == segment->memory_size;
    if (segment->file_size > 0) {
        loader->file_end = segment->address + segment->file_size;
        loader->displacement = segment->address - segment->offset;
    }
    if (segment->align > plan->base_align)
        plan->base_align = segment->align;
    note_phdr_address(loader, segment);
    return LOAD_OK;
}

/* The path ends at its first NUL, and there must be one: tools pad it when they shorten it. */
static enum load_error add_interp(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    struct load_plan *plan = loader->plan;
    uint32_t limit = load_min(segment->file_size, MAX_INTERP_LENGTH);
    char chunk[64];

    if (plan->interp_length != 0)
        return LOAD_BAD_FORMAT;
    if (check_contents(loader, segment) != LOAD_OK)
        return LOAD_TRUNCATED;
    for (uint32_t done = 0; done < limit; done += sizeof(chunk)) {
        uint32_t length = load_min(limit - done, sizeof(chunk));
        enum load_error error = load_read(loader->reader, segment->offset + done, chunk, length);

        if (error != LOAD_OK)
            return error;
        for (uint32_t i = 0; i < length; i++) {
            if (chunk[i] != '\0')
                continue;
            plan->interp_offset = segment->offset;
            plan->interp_length = done + i;
            return plan->interp_length > 0 ? LOAD_OK : LOAD_BAD_FORMAT;
        }
    }
    return LOAD_BAD_FORMAT;
}

static enum load_error add_tls(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    struct load_plan *plan = loader->plan;
    enum load_error error = check_contents(loader, segment);

    if (error != LOAD_OK)
        return error;
    if (segment->file_size > segment->memory_size || plan->tls_mem_size != 0)
        return LOAD_BAD_FORMAT;
    if (segment->align != 0 && !load_is_power_of_two(segment->align))
        return LOAD_BAD_FORMAT;
    if ((uint64_t)segment->address + segment->memory_size > UINT32_MAX)
        return LOAD_BAD_ADDRESS;
    plan->tls_address = segment->address;
    plan->tls_offset = segment->offset;
    plan->tls_file_size = segment->file_size;
    plan->tls_mem_size = segment->memory_size;
    plan->tls_align = segment->align != 0 ? segment->align : 1;
    return LOAD_OK;
}

static bool is_personality_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The first Atomik note decides: linking several objects that carry it repeats it. */
static enum load_error set_personality(struct elf32_loader *loader, uint64_t offset, uint32_t size)
{
    char *name = loader->plan->personality;
    char text[LOAD_PERSONALITY_SIZE] = {0};
    uint32_t length = 0;
    enum load_error error;

    if (name[0] != '\0')
        return LOAD_OK;
    if (size > sizeof(text))
        return LOAD_BAD_FORMAT;
    error = load_read(loader->reader, offset, text, size);
    if (error != LOAD_OK)
        return error;
    while (length < size && text[length] != '\0') {
        if (!is_personality_letter(text[length++]))
            return LOAD_BAD_FORMAT;
    }
    if (length == 0 || length == sizeof(text))
        return LOAD_BAD_FORMAT;
    for (uint32_t i = 0; i < length; i++)
        name[i] = text[i];
    return LOAD_OK;
}

static bool is_atomik_name(const char *name)
{
    static const char ours[] = ELF_ATOMIK_NOTE_NAME;

    for (size_t i = 0; i < sizeof(ours); i++) {
        if (name[i] != ours[i])
            return false;
    }
    return true;
}

/* Foreign notes are nobody's business here: one that makes no sense ends the search, quietly. */
static enum load_error add_notes(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    uint32_t pad = segment->align == 8 ? 7 : 3;
    uint64_t at = segment->offset;
    uint64_t end = at + segment->file_size;
    enum load_error error = check_contents(loader, segment);

    while (error == LOAD_OK && end - at >= sizeof(struct elf32_note)) {
        char name[sizeof(ELF_ATOMIK_NOTE_NAME)];
        struct elf32_note note;
        uint64_t text;

        if (loader->notes_seen++ == MAX_NOTES)
            return LOAD_OK;
        error = load_read(loader->reader, at, &note, sizeof(note));
        if (error != LOAD_OK)
            return error;
        at += sizeof(note);
        text = (at + note.name_size + pad) & ~(uint64_t)pad;
        if (text > end || note.text_size > end - text)
            return LOAD_OK;
        if (note.type == ELF_ATOMIK_NOTE_PERSONALITY && note.name_size == sizeof(name)) {
            error = load_read(loader->reader, at, name, sizeof(name));
            if (error == LOAD_OK && is_atomik_name(name))
                error = set_personality(loader, text, note.text_size);
        }
        at = (text + note.text_size + pad) & ~(uint64_t)pad;
        if (at > end)
            at = end;
    }
    return error;
}

static enum load_error add_segment(struct elf32_loader *loader, const struct elf32_segment *segment)
{
    switch (segment->type) {
    case ELF_SEGMENT_LOAD:
        return add_load(loader, segment);
    case ELF_SEGMENT_INTERP:
        return add_interp(loader, segment);
    case ELF_SEGMENT_TLS:
        return add_tls(loader, segment);
    case ELF_SEGMENT_NOTE:
        return add_notes(loader, segment);
    case ELF_SEGMENT_PHDR:
        loader->claimed_phdr_address = segment->address;
        return LOAD_OK;
    case ELF_SEGMENT_STACK:
        loader->plan->executable_stack = (segment->flags & ELF_SEGMENT_EXEC) != 0;
        return LOAD_OK;
    default:
        return LOAD_OK;
    }
}

static bool in_a_segment(const struct load_plan *plan, uint32_t address, uint32_t length)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];

        if (address >= segment->address &&
            load_inside(address - segment->address, length, segment->length))
            return true;
    }
    return false;
}

static enum load_error finish(struct elf32_loader *loader)
{
    struct load_plan *plan = loader->plan;
    const struct load_segment *last;

    if (plan->segment_count == 0)
        return LOAD_BAD_FORMAT;
    last = &plan->segments[plan->segment_count - 1];
    plan->preferred_base = plan->segments[0].address;
    plan->image_size = last->address + last->length - plan->preferred_base;
    plan->entry = loader->header.entry;
    if (!(plan->entry == 0 && plan->relocatable) && !in_a_segment(plan, plan->entry, 1))
        return LOAD_BAD_ADDRESS;
    if (plan->phdr_address == 0 && loader->claimed_phdr_address != 0) {
        if (!in_a_segment(plan, loader->claimed_phdr_address, table_size(&loader->header)))
            return LOAD_BAD_ADDRESS;
        plan->phdr_address = loader->claimed_phdr_address;
    }
    return LOAD_OK;
}

enum load_error elf32_plan(const struct load_reader *reader, struct load_plan *plan)
{
    struct elf32_loader loader = {.reader = reader, .plan = plan};
    enum load_error error = read_header(&loader);

    if (error != LOAD_OK)
        return error;
    load_zero(plan, sizeof(*plan));
    plan->kind = LOAD_ELF32;
    plan->machine = loader.header.machine;
    plan->relocatable = loader.header.type == ELF_TYPE_DYN;
    plan->base_align = LOAD_PAGE;
    plan->phdr_count = loader.header.program_header_count;
    plan->phdr_entry_size = loader.header.program_header_size;
    plan->executable_stack = true;
    for (uint32_t i = 0; i < plan->phdr_count; i++) {
        struct elf32_segment segment;

        error = load_read(reader, (uint64_t)loader.header.program_headers + i * sizeof(segment),
                          &segment, sizeof(segment));
        if (error == LOAD_OK)
            error = add_segment(&loader, &segment);
        if (error != LOAD_OK)
            return error;
    }
    return finish(&loader);
}
