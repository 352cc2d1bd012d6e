/* SPDX-License-Identifier: MIT */
/*
 * How the unwinder of libgcc finds the frame descriptions of a program counter: _dl_find_object, which
 * a C library with a dynamic loader answers from its list of objects. A static program is one object;
 * its own program headers name the sorted table that the linker made (--eh-frame-hdr).
 */
#include <stddef.h>
#include <stdint.h>

/* The headers as the linker lays them out at the start of the text segment. */
struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version, entry, segments_at, sections_at, flags;
    uint16_t size, segment_size, segment_count, section_size, section_count, names_index;
};
struct elf_segment {
    uint32_t type, offset, address, physical, file_size, memory_size, flags, align;
};
_Static_assert(sizeof(struct elf_header) == 52 && sizeof(struct elf_segment) == 32, "ELF32");

enum { SEGMENT_LOAD = 1, SEGMENT_EH_FRAME = 0x6474e550 };

/* struct dl_find_object of i386: the layout that libgcc was compiled with. */
struct found_object {
    unsigned long long flags;
    void *map_start, *map_end, *link_map, *eh_frame, *eh_data_base;
    unsigned padding;
    unsigned long long reserved[7];
};

extern const struct elf_header __ehdr_start __attribute__((visibility("hidden")));
/* What C++ destructors are registered under: one per object, its address is all that counts. */
void *__dso_handle __attribute__((visibility("hidden"))) = NULL;

int _dl_find_object(void *address, struct found_object *result);

int _dl_find_object(void *address, struct found_object *result)
{
    const struct elf_header *header = &__ehdr_start;
    const struct elf_segment *segment = (const void *)((const char *)header + header->segments_at);
    uint32_t start = UINT32_MAX, end = 0, frames = 0;
    for (unsigned i = 0; i < header->segment_count; i++, segment++) {
        if (segment->type == SEGMENT_EH_FRAME)
            frames = segment->address;
        if (segment->type != SEGMENT_LOAD)
            continue;
        if (segment->address < start)
            start = segment->address;
        if (segment->address + segment->memory_size > end)
            end = segment->address + segment->memory_size;
    }
    if (!frames || (uint32_t)address < start || (uint32_t)address >= end)
        return -1;
    *result = (struct found_object){
        .map_start = (void *)start, .map_end = (void *)end, .eh_frame = (void *)frames};
    return 0;
}
