/* SPDX-License-Identifier: MIT */
/*
 * ELF32 to load plan. A PT_LOAD need not begin or end on a page boundary, and two of them may share
 * a page of memory; a plan's segments may not. So a PT_LOAD becomes one page-aligned segment that
 * begins with the bytes before it in its first file page (as every Unix maps it), and where it
 * begins in the page in which its predecessor ends, the shared page is split off as a segment that
 * is copied together from both.
 */
#include "elf32.h"

#include "elf32_format.h"

#define PHDR_MAX 128
#define INTERP_MAX 4096
#define NOTES_MAX 4096

static bool bytes_equal(const void *a, const void *b, uint32_t count)
{
    const uint8_t *left = a, *right = b;
    while (count-- > 0)
        if (*left++ != *right++)
            return false;
    return true;
}

static void clear(void *to, uint32_t count)
{
    uint8_t *at = to;
    while (count-- > 0)
        *at++ = 0;
}

static enum load_error read_header(const struct load_reader *reader, struct elf32_header *header)
{
    if (reader->size < 4 || !reader->read(reader->context, 0, header->magic, 4) || !bytes_equal(header->magic, "\177ELF", 4))
        return LOAD_NOT_RECOGNISED;
    if (!reader->read(reader->context, 0, header, sizeof *header))
        return LOAD_TRUNCATED;
    if (header->class != ELF_CLASS_32 || header->data != ELF_DATA_LITTLE || header->machine != ELF_MACHINE_386)
        return LOAD_UNSUPPORTED;
    if (header->type != ELF_TYPE_EXEC && header->type != ELF_TYPE_DYN)
        return LOAD_UNSUPPORTED;
    if (header->version != 1 || header->ident_version != 1 || header->phdr_size != sizeof(struct elf32_phdr))
        return LOAD_BAD_FORMAT;
    if (header->phdr_count == 0)
        return LOAD_BAD_FORMAT;
    if (header->phdr_count > PHDR_MAX)
        return LOAD_TOO_COMPLEX;
    if (!load_range_ok(header->phdr_offset, header->phdr_count * (uint32_t)sizeof(struct elf32_phdr), reader->size))
        return LOAD_TRUNCATED;
    return LOAD_OK;
}

static bool read_phdr(const struct load_reader *reader, const struct elf32_header *header, uint32_t index, struct elf32_phdr *phdr)
{
    return reader->read(reader->context, header->phdr_offset + index * (uint32_t)sizeof *phdr, phdr, sizeof *phdr);
}

static uint8_t protection(uint32_t flags)
{
    return (uint8_t)((flags & ELF_PF_R ? LOAD_READ : 0) | (flags & ELF_PF_W ? LOAD_WRITE : 0) | (flags & ELF_PF_X ? LOAD_EXEC : 0));
}

static enum load_error check_load(const struct load_reader *reader, const struct elf32_phdr *phdr)
{
    if (phdr->file_size > phdr->mem_size)
        return LOAD_BAD_FORMAT;
    if (phdr->align > 1 && (phdr->align & (phdr->align - 1)))
        return LOAD_BAD_FORMAT;
    if (!load_range_ok(phdr->offset, phdr->file_size, reader->size))
        return LOAD_TRUNCATED;
    if (phdr->mem_size > UINT32_MAX - LOAD_PAGE - phdr->address)
        return LOAD_BAD_ADDRESS;
    return LOAD_OK;
}

/*
 * The first page of `phdr` is also the last of the segment before. If that had room for more than
 * this page, it is cut there. The page cannot be mapped twice, so an image that needs it is only
 * accepted when both parts come from the same file page, which then holds both (the layout that
 * linkers without page padding make); the page gets the rights of both.
 */
static enum load_error add_sharing_page(struct load_plan *plan, const struct elf32_phdr *phdr, struct load_segment *segment)
{
    struct load_segment *last = &plan->segments[plan->segment_count - 1];
    uint32_t page = segment->address;
    if (last->address + last->length != page + LOAD_PAGE || !last->mappable || !segment->mappable)
        return LOAD_UNSUPPORTED;
    if (last->file_offset + (page - last->address) != segment->file_offset)
        return LOAD_UNSUPPORTED;
    struct load_segment shared = {.address = page, .length = LOAD_PAGE, .file_offset = segment->file_offset,
                                  .prot = last->prot | segment->prot, .mappable = true};
    shared.file_length = segment->file_length < LOAD_PAGE ? segment->file_length : LOAD_PAGE;
    (void)phdr;
    if (last->length == LOAD_PAGE)
        plan->segment_count--;
    else
        last->length -= LOAD_PAGE;
    if (last->file_length > last->length)
        last->file_length = last->length;
    enum load_error error = load_plan_add(plan, &shared);
    if (error != LOAD_OK || segment->length == LOAD_PAGE)
        return error;
    segment->address += LOAD_PAGE;
    segment->length -= LOAD_PAGE;
    segment->file_offset += LOAD_PAGE;
    segment->file_length = segment->file_length > LOAD_PAGE ? segment->file_length - LOAD_PAGE : 0;
    return load_plan_add(plan, segment);
}

static enum load_error add_load(const struct load_reader *reader, struct load_plan *plan, const struct elf32_phdr *phdr)
{
    if (phdr->mem_size == 0)
        return LOAD_OK;
    enum load_error error = check_load(reader, phdr);
    if (error != LOAD_OK)
        return error;
    uint32_t lead = phdr->address % LOAD_PAGE;
    struct load_segment segment = {.address = phdr->address - lead, .prot = protection(phdr->flags)};
    segment.length = load_page_up(phdr->address + phdr->mem_size) - segment.address;
    segment.mappable = phdr->offset % LOAD_PAGE == lead;
    if (!segment.mappable && phdr->file_size > 0)
        return LOAD_UNSUPPORTED; /* the standard asks for congruence */
    segment.file_offset = phdr->offset - (phdr->file_size > 0 ? lead : 0);
    segment.file_length = phdr->file_size > 0 ? phdr->file_size + lead : 0;
    if (plan->segment_count > 0) {
        const struct load_segment *last = &plan->segments[plan->segment_count - 1];
        if (segment.address + LOAD_PAGE == last->address + last->length)
            return add_sharing_page(plan, phdr, &segment);
    }
    return load_plan_add(plan, &segment);
}

static enum load_error take_interp(const struct load_reader *reader, struct load_plan *plan, const struct elf32_phdr *phdr)
{
    uint8_t last;
    if (phdr->file_size < 2 || phdr->file_size > INTERP_MAX)
        return LOAD_BAD_FORMAT;
    if (!load_range_ok(phdr->offset, phdr->file_size, reader->size))
        return LOAD_TRUNCATED;
    if (!reader->read(reader->context, phdr->offset + phdr->file_size - 1, &last, 1))
        return LOAD_TRUNCATED;
    if (last != 0)
        return LOAD_BAD_FORMAT;
    plan->interp_offset = phdr->offset;
    plan->interp_length = phdr->file_size - 1;
    return LOAD_OK;
}

static enum load_error take_tls(const struct load_reader *reader, struct load_plan *plan, const struct elf32_phdr *phdr)
{
    if (phdr->file_size > phdr->mem_size || (phdr->align & (phdr->align - 1)))
        return LOAD_BAD_FORMAT;
    if (!load_range_ok(phdr->offset, phdr->file_size, reader->size))
        return LOAD_TRUNCATED;
    plan->tls_offset = phdr->offset;
    plan->tls_address = phdr->address;
    plan->tls_file_size = phdr->file_size;
    plan->tls_mem_size = phdr->mem_size;
    plan->tls_align = phdr->align;
    return LOAD_OK;
}

/* Notes that are malformed are passed over: they are not needed to run the program. */
static void take_notes(const struct load_reader *reader, struct load_plan *plan, const struct elf32_phdr *phdr)
{
    struct elf32_note note;
    uint32_t at = 0, size = phdr->file_size < NOTES_MAX ? phdr->file_size : NOTES_MAX;
    char name[7];
    if (!load_range_ok(phdr->offset, size, reader->size))
        return;
    while (size - at >= sizeof note && reader->read(reader->context, phdr->offset + at, &note, sizeof note)) {
        at += (uint32_t)sizeof note;
        if (note.name_size > size || note.desc_size > size)
            return;
        uint32_t desc = at + ((note.name_size + 3) & ~3u), next = desc + ((note.desc_size + 3) & ~3u);
        if (next > size)
            return;
        if (note.type == ELF32_NOTE_PERSONALITY && note.name_size == sizeof name && note.desc_size < sizeof plan->personality &&
            reader->read(reader->context, phdr->offset + at, name, sizeof name) && bytes_equal(name, "Atomik", sizeof name)) {
            clear(plan->personality, sizeof plan->personality);
            if (!reader->read(reader->context, phdr->offset + desc, plan->personality, note.desc_size))
                clear(plan->personality, sizeof plan->personality);
        }
        at = next;
    }
}

static enum load_error take_phdr(const struct load_reader *reader, struct load_plan *plan, const struct elf32_phdr *phdr)
{
    switch (phdr->type) {
    case ELF_PT_LOAD:
        return add_load(reader, plan, phdr);
    case ELF_PT_INTERP:
        return take_interp(reader, plan, phdr);
    case ELF_PT_TLS:
        return take_tls(reader, plan, phdr);
    case ELF_PT_NOTE:
        take_notes(reader, plan, phdr);
        return LOAD_OK;
    case ELF_PT_GNU_STACK:
        plan->executable_stack = phdr->flags & ELF_PF_X;
        return LOAD_OK;
    case ELF_PT_PHDR:
        plan->phdr_address = phdr->address;
        return LOAD_OK;
    }
    return LOAD_OK;
}

/* Without PT_PHDR the table is where the segment that holds its file bytes puts it, if one does. */
static void find_phdr_address(struct load_plan *plan, const struct elf32_header *header)
{
    for (uint32_t i = 0; plan->phdr_address == 0 && i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];
        if (header->phdr_offset >= segment->file_offset && header->phdr_offset - segment->file_offset < segment->file_length)
            plan->phdr_address = segment->address + (header->phdr_offset - segment->file_offset);
    }
}

static enum load_error finish(struct load_plan *plan, const struct elf32_header *header)
{
    if (plan->segment_count == 0)
        return LOAD_BAD_FORMAT;
    const struct load_segment *last = &plan->segments[plan->segment_count - 1];
    plan->preferred_base = plan->segments[0].address;
    plan->image_size = last->address + last->length - plan->preferred_base;
    if (header->entry < plan->preferred_base || header->entry - plan->preferred_base >= plan->image_size)
        return header->type == ELF_TYPE_DYN && header->entry == 0 ? LOAD_OK : LOAD_BAD_ADDRESS;
    return LOAD_OK;
}

enum load_error elf32_plan(const struct load_reader *reader, struct load_plan *plan)
{
    struct elf32_header header;
    struct elf32_phdr phdr;
    enum load_error error = read_header(reader, &header);
    if (error != LOAD_OK)
        return error;
    clear(plan, sizeof *plan);
    plan->kind = LOAD_ELF32;
    plan->relocatable = header.type == ELF_TYPE_DYN;
    plan->machine = header.machine;
    plan->entry = header.entry;
    plan->phdr_count = header.phdr_count;
    plan->phdr_entry_size = header.phdr_size;
    plan->executable_stack = true; /* unless PT_GNU_STACK says otherwise, as on Linux */
    for (uint32_t i = 0; i < header.phdr_count; i++) {
        if (!read_phdr(reader, &header, i, &phdr))
            return LOAD_TRUNCATED;
        error = take_phdr(reader, plan, &phdr);
        if (error != LOAD_OK)
            return error;
    }
    find_phdr_address(plan, &header);
    return finish(plan, &header);
}
