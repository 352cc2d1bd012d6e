/* SPDX-License-Identifier: MIT */
/* The oracles of check.h. */
#include "tests/unit/loaders/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loaders/bytes.h"
#include "loaders/elf32/elf32_format.h"
#include "loaders/pe/pe.h"

static void require(bool holds, const char *what, uint32_t where)
{
    if (holds)
        return;
    fprintf(stderr, "plan check failed: %s (%#x)\n", what, where);
    abort();
}

static void check_segment(const struct load_segment *segment, uint32_t file_size)
{
    uint32_t address = segment->address;

    require(segment->length > 0, "segment is empty", address);
    require(load_page_offset(address) == 0, "address is page aligned", address);
    require(load_page_offset(segment->length) == 0, "length is a page multiple", address);
    require(address + segment->length > address, "segment does not wrap", address);
    require(segment->file_length <= segment->length, "file part fits", address);
    require((segment->prot & ~(LOAD_READ | LOAD_WRITE | LOAD_EXEC)) == 0, "rights known", address);
    if (segment->file_length == 0) {
        require(!segment->mappable, "nothing to map", address);
        return;
    }
    require(load_inside(segment->file_offset, segment->file_length, file_size), "bytes in the file",
            address);
    require(!segment->mappable || load_page_offset(segment->file_offset) == 0,
            "mappable is page aligned in the file", address);
}

static void check_requests(const struct load_plan *plan, uint32_t file_size)
{
    require(load_inside(plan->interp_offset, (uint64_t)plan->interp_length + 1, file_size),
            "interpreter in the file", plan->interp_offset);
    require(plan->tls_file_size <= plan->tls_mem_size, "TLS sizes", plan->tls_file_size);
    require(load_inside(plan->tls_offset, plan->tls_file_size, file_size), "TLS in the file",
            plan->tls_offset);
    require(memchr(plan->personality, '\0', sizeof(plan->personality)) != NULL,
            "personality is terminated", 0);
    require(load_inside(plan->export_rva, plan->export_size, plan->image_size),
            "exports in the image", plan->export_rva);
    require(load_inside(plan->reloc_rva, plan->reloc_size, plan->image_size),
            "relocations in the image", plan->reloc_rva);
}

void check_plan(const struct load_plan *plan, uint32_t file_size)
{
    uint32_t base = plan->preferred_base;
    uint32_t end = base;
    bool entry_found = plan->entry == 0;

    require(plan->segment_count > 0 && plan->segment_count <= LOAD_MAX_SEGMENTS, "segment count",
            plan->segment_count);
    require(plan->segments[0].address == base, "base is the lowest address", base);
    require(load_is_power_of_two(plan->base_align) && plan->base_align >= LOAD_PAGE, "base_align",
            plan->base_align);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];

        check_segment(segment, file_size);
        require(segment->address >= end, "segments ascend and are disjoint", segment->address);
        end = segment->address + segment->length;
        entry_found |= plan->entry >= segment->address && plan->entry < end;
    }
    require(end - base <= plan->image_size, "segments inside the image", end);
    require(plan->kind == LOAD_PE32 || end - base == plan->image_size, "image size", end);
    require(base + plan->image_size > base, "image does not wrap", base);
    require(entry_found, "entry in a segment", plan->entry);
    check_requests(plan, file_size);
}

uint8_t *apply_plan(const struct load_plan *plan, const struct load_reader *reader)
{
    uint8_t *memory = calloc(1, plan->image_size);

    require(memory != NULL, "memory for the image", plan->image_size);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];

        if (segment->file_length > 0)
            require(reader->read(reader->context, segment->file_offset,
                                 memory + (segment->address - plan->preferred_base),
                                 segment->file_length),
                    "segment is readable", segment->address);
    }
    return memory;
}

static uint8_t prot_at(const struct load_plan *plan, uint32_t address)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];

        if (address - segment->address < segment->length)
            return segment->prot;
    }
    require(false, "address is in a segment", address);
    return 0;
}

static void check_elf_load(const struct load_plan *plan, const uint8_t *memory, const uint8_t *file,
                           const struct elf32_segment *load)
{
    const uint8_t *at = memory + (load->address - plan->preferred_base);
    uint8_t wanted = (load->flags & ELF_SEGMENT_READ ? LOAD_READ : 0) |
                     (load->flags & ELF_SEGMENT_WRITE ? LOAD_WRITE : 0) |
                     (load->flags & ELF_SEGMENT_EXEC ? LOAD_EXEC : 0);

    require(memcmp(at, file + load->offset, load->file_size) == 0, "file bytes", load->address);
    for (uint32_t i = load->file_size; i < load->memory_size; i++)
        require(at[i] == 0, "zeros behind the file bytes", load->address + i);
    for (uint32_t i = 0; i < load->memory_size;
         i += LOAD_PAGE - load_page_offset(load->address + i))
        require((prot_at(plan, load->address + i) & wanted) == wanted, "rights", load->address + i);
}

void check_elf_memory(const struct load_plan *plan, const uint8_t *memory, const uint8_t *file)
{
    struct elf32_header header;

    memcpy(&header, file, sizeof(header));
    for (uint32_t i = 0; i < header.program_header_count; i++) {
        struct elf32_segment segment;

        memcpy(&segment, file + header.program_headers + i * sizeof(segment), sizeof(segment));
        if (segment.type == ELF_SEGMENT_LOAD && segment.memory_size > 0)
            check_elf_load(plan, memory, file, &segment);
    }
}

int check_exports(const struct load_plan *plan, const uint8_t *memory, uint32_t limit)
{
    uint32_t cursor = 0, rva;
    const char *name;
    enum load_error error = LOAD_OK;
    int count = 0;

    while (limit-- > 0) {
        uint32_t found;

        error = pe_export_next(memory, plan->image_size, plan, &cursor, &name, &rva);
        if (error != LOAD_OK)
            break;
        require(rva < plan->image_size, "export inside the image", rva);
        require(name + strlen(name) < (const char *)memory + plan->image_size,
                "name inside the image", rva);
        error = pe_find_export(memory, plan->image_size, plan, name, &found);
        if (error == LOAD_OK)
            require(found < plan->image_size, "found inside the image", found);
        count++;
    }
    return error == LOAD_NOT_RECOGNISED || error == LOAD_OK ? count : -1;
}
