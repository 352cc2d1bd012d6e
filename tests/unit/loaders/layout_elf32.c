/* SPDX-License-Identifier: MIT */
/* Compares elf32_format.h with the C library's <elf.h>: compiled only, nothing to run. */
#include <elf.h>

#include "loaders/elf32/elf32_format.h"

#define SAME(ours, field, theirs, member)                                                  \
    _Static_assert(offsetof(struct ours, field) == offsetof(theirs, member) &&             \
                       sizeof(((struct ours *)0)->field) == sizeof(((theirs *)0)->member), \
                   #ours "." #field)

_Static_assert(sizeof(struct elf32_header) == sizeof(Elf32_Ehdr), "file header");
_Static_assert(offsetof(struct elf32_header, class) == EI_CLASS, "class");
_Static_assert(offsetof(struct elf32_header, byte_order) == EI_DATA, "byte order");
_Static_assert(offsetof(struct elf32_header, ident_version) == EI_VERSION, "version");
SAME(elf32_header, type, Elf32_Ehdr, e_type);
SAME(elf32_header, machine, Elf32_Ehdr, e_machine);
SAME(elf32_header, version, Elf32_Ehdr, e_version);
SAME(elf32_header, entry, Elf32_Ehdr, e_entry);
SAME(elf32_header, program_headers, Elf32_Ehdr, e_phoff);
SAME(elf32_header, program_header_size, Elf32_Ehdr, e_phentsize);
SAME(elf32_header, program_header_count, Elf32_Ehdr, e_phnum);

_Static_assert(sizeof(struct elf32_segment) == sizeof(Elf32_Phdr), "program header");
SAME(elf32_segment, type, Elf32_Phdr, p_type);
SAME(elf32_segment, offset, Elf32_Phdr, p_offset);
SAME(elf32_segment, address, Elf32_Phdr, p_vaddr);
SAME(elf32_segment, file_size, Elf32_Phdr, p_filesz);
SAME(elf32_segment, memory_size, Elf32_Phdr, p_memsz);
SAME(elf32_segment, flags, Elf32_Phdr, p_flags);
SAME(elf32_segment, align, Elf32_Phdr, p_align);

_Static_assert(sizeof(struct elf32_note) == sizeof(Elf32_Nhdr), "note");
SAME(elf32_note, name_size, Elf32_Nhdr, n_namesz);
SAME(elf32_note, text_size, Elf32_Nhdr, n_descsz);
SAME(elf32_note, type, Elf32_Nhdr, n_type);

_Static_assert(ELF_CLASS_32 == ELFCLASS32 && ELF_LITTLE_ENDIAN == ELFDATA2LSB, "identification");
_Static_assert(ELF_TYPE_EXEC == ET_EXEC && ELF_TYPE_DYN == ET_DYN, "types");
_Static_assert(ELF_MACHINE_386 == EM_386 && ELF_VERSION == EV_CURRENT, "machine, version");
_Static_assert(ELF_SEGMENT_LOAD == PT_LOAD && ELF_SEGMENT_INTERP == PT_INTERP, "segment types");
_Static_assert(ELF_SEGMENT_NOTE == PT_NOTE && ELF_SEGMENT_PHDR == PT_PHDR, "segment types");
_Static_assert(ELF_SEGMENT_TLS == PT_TLS && ELF_SEGMENT_STACK == PT_GNU_STACK, "segment types");
_Static_assert(ELF_SEGMENT_READ == PF_R && ELF_SEGMENT_WRITE == PF_W && ELF_SEGMENT_EXEC == PF_X,
               "rights");
