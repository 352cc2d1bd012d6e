/* SPDX-License-Identifier: MIT */
/* Compares pe_format.h with the <winnt.h> of MinGW: compiled by it only, nothing to run. */
#include <windows.h>

#include "loaders/pe/pe_format.h"

#define SAME(ours, field, theirs, member)                                                  \
    _Static_assert(offsetof(struct ours, field) == offsetof(theirs, member) &&             \
                       sizeof(((struct ours *)0)->field) == sizeof(((theirs *)0)->member), \
                   #ours "." #field)

_Static_assert(sizeof(struct pe_dos_header) == sizeof(IMAGE_DOS_HEADER), "DOS header");
SAME(pe_dos_header, magic, IMAGE_DOS_HEADER, e_magic);
SAME(pe_dos_header, pe_offset, IMAGE_DOS_HEADER, e_lfanew);

_Static_assert(sizeof(struct pe_headers) ==
                   offsetof(IMAGE_NT_HEADERS32, OptionalHeader.DataDirectory),
               "headers");
_Static_assert(PE_OPTIONAL_HEADER == offsetof(IMAGE_NT_HEADERS32, OptionalHeader), "headers");
SAME(pe_headers, signature, IMAGE_NT_HEADERS32, Signature);
SAME(pe_headers, machine, IMAGE_NT_HEADERS32, FileHeader.Machine);
SAME(pe_headers, section_count, IMAGE_NT_HEADERS32, FileHeader.NumberOfSections);
SAME(pe_headers, optional_header_size, IMAGE_NT_HEADERS32, FileHeader.SizeOfOptionalHeader);
SAME(pe_headers, characteristics, IMAGE_NT_HEADERS32, FileHeader.Characteristics);
SAME(pe_headers, magic, IMAGE_NT_HEADERS32, OptionalHeader.Magic);
SAME(pe_headers, entry, IMAGE_NT_HEADERS32, OptionalHeader.AddressOfEntryPoint);
SAME(pe_headers, image_base, IMAGE_NT_HEADERS32, OptionalHeader.ImageBase);
SAME(pe_headers, section_align, IMAGE_NT_HEADERS32, OptionalHeader.SectionAlignment);
SAME(pe_headers, file_align, IMAGE_NT_HEADERS32, OptionalHeader.FileAlignment);
SAME(pe_headers, os_major, IMAGE_NT_HEADERS32, OptionalHeader.MajorOperatingSystemVersion);
SAME(pe_headers, os_minor, IMAGE_NT_HEADERS32, OptionalHeader.MinorOperatingSystemVersion);
SAME(pe_headers, subsystem_major, IMAGE_NT_HEADERS32, OptionalHeader.MajorSubsystemVersion);
SAME(pe_headers, subsystem_minor, IMAGE_NT_HEADERS32, OptionalHeader.MinorSubsystemVersion);
SAME(pe_headers, image_size, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfImage);
SAME(pe_headers, headers_size, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfHeaders);
SAME(pe_headers, checksum, IMAGE_NT_HEADERS32, OptionalHeader.CheckSum);
SAME(pe_headers, subsystem, IMAGE_NT_HEADERS32, OptionalHeader.Subsystem);
SAME(pe_headers, dll_characteristics, IMAGE_NT_HEADERS32, OptionalHeader.DllCharacteristics);
SAME(pe_headers, stack_reserve, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfStackReserve);
SAME(pe_headers, stack_commit, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfStackCommit);
SAME(pe_headers, heap_reserve, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfHeapReserve);
SAME(pe_headers, heap_commit, IMAGE_NT_HEADERS32, OptionalHeader.SizeOfHeapCommit);
SAME(pe_headers, directory_count, IMAGE_NT_HEADERS32, OptionalHeader.NumberOfRvaAndSizes);

_Static_assert(sizeof(struct pe_directory) == sizeof(IMAGE_DATA_DIRECTORY), "directory");
SAME(pe_directory, rva, IMAGE_DATA_DIRECTORY, VirtualAddress);
SAME(pe_directory, size, IMAGE_DATA_DIRECTORY, Size);

_Static_assert(sizeof(struct pe_section) == sizeof(IMAGE_SECTION_HEADER), "section header");
SAME(pe_section, virtual_size, IMAGE_SECTION_HEADER, Misc.VirtualSize);
SAME(pe_section, virtual_address, IMAGE_SECTION_HEADER, VirtualAddress);
SAME(pe_section, raw_size, IMAGE_SECTION_HEADER, SizeOfRawData);
SAME(pe_section, raw_offset, IMAGE_SECTION_HEADER, PointerToRawData);
SAME(pe_section, characteristics, IMAGE_SECTION_HEADER, Characteristics);

_Static_assert(sizeof(struct pe_reloc_block) == sizeof(IMAGE_BASE_RELOCATION), "relocations");
SAME(pe_reloc_block, page_rva, IMAGE_BASE_RELOCATION, VirtualAddress);
SAME(pe_reloc_block, size, IMAGE_BASE_RELOCATION, SizeOfBlock);

_Static_assert(sizeof(struct pe_export_directory) == sizeof(IMAGE_EXPORT_DIRECTORY), "exports");
SAME(pe_export_directory, ordinal_base, IMAGE_EXPORT_DIRECTORY, Base);
SAME(pe_export_directory, function_count, IMAGE_EXPORT_DIRECTORY, NumberOfFunctions);
SAME(pe_export_directory, name_count, IMAGE_EXPORT_DIRECTORY, NumberOfNames);
SAME(pe_export_directory, functions, IMAGE_EXPORT_DIRECTORY, AddressOfFunctions);
SAME(pe_export_directory, names, IMAGE_EXPORT_DIRECTORY, AddressOfNames);
SAME(pe_export_directory, ordinals, IMAGE_EXPORT_DIRECTORY, AddressOfNameOrdinals);

_Static_assert(PE_DOS_MAGIC == IMAGE_DOS_SIGNATURE && PE_SIGNATURE == IMAGE_NT_SIGNATURE, "magic");
_Static_assert(PE_MACHINE_I386 == IMAGE_FILE_MACHINE_I386, "machine");
_Static_assert(PE_MAGIC_PE32 == IMAGE_NT_OPTIONAL_HDR32_MAGIC, "magic");
_Static_assert(PE_MAGIC_PE32_PLUS == IMAGE_NT_OPTIONAL_HDR64_MAGIC, "magic");
_Static_assert(PE_RELOCS_STRIPPED == IMAGE_FILE_RELOCS_STRIPPED, "characteristics");
_Static_assert(PE_EXECUTABLE == IMAGE_FILE_EXECUTABLE_IMAGE, "characteristics");
_Static_assert(PE_DLL == IMAGE_FILE_DLL, "characteristics");
_Static_assert(PE_MAX_DIRECTORIES == IMAGE_NUMBEROF_DIRECTORY_ENTRIES, "directories");
_Static_assert(PE_DIRECTORY_EXPORT == IMAGE_DIRECTORY_ENTRY_EXPORT, "directories");
_Static_assert(PE_DIRECTORY_RELOC == IMAGE_DIRECTORY_ENTRY_BASERELOC, "directories");
_Static_assert(PE_SECTION_EXEC == IMAGE_SCN_MEM_EXECUTE, "rights");
_Static_assert(PE_SECTION_READ == IMAGE_SCN_MEM_READ, "rights");
_Static_assert(PE_SECTION_WRITE == IMAGE_SCN_MEM_WRITE, "rights");
_Static_assert(PE_RELOC_ABSOLUTE == IMAGE_REL_BASED_ABSOLUTE, "relocation types");
_Static_assert(PE_RELOC_HIGH == IMAGE_REL_BASED_HIGH, "relocation types");
_Static_assert(PE_RELOC_LOW == IMAGE_REL_BASED_LOW, "relocation types");
_Static_assert(PE_RELOC_HIGHLOW == IMAGE_REL_BASED_HIGHLOW, "relocation types");
