/* SPDX-License-Identifier: MIT */
/* The calls on virtual memory. */
#include <personalities/nt/nt.h>

#include <personalities/nt/ntdll.h>
#include <personalities/nt/path.h>
#include <personalities/nt/section.h>

#include <stdlib.h>
#include <string.h>

#define COPY_PIECE 0x4000u

/* A range in two words that are read and written back, and the process it is in. */
struct range_call {
    struct nt_process *process; /* held */
    uint32_t base_guest, size_guest, base, size;
};

static NTSTATUS range_begin(struct call *call, uint32_t base_guest, uint32_t size_guest,
                            struct range_call *range)
{
    range->base_guest = base_guest;
    range->size_guest = size_guest;
    NTSTATUS status = guest_read(&range->base, base_guest, sizeof range->base);
    if (!status)
        status = guest_read(&range->size, size_guest, sizeof range->size);
    if (!status)
        status =
            process_from_handle(call->thread, call->args[0], PROCESS_VM_OPERATION, &range->process);
    if (!status && (range->process->exiting || range->process->foreign)) {
        object_release(&range->process->object);
        status = STATUS_PROCESS_IS_TERMINATING;
    }
    return status;
}

static NTSTATUS range_end(struct range_call *range, NTSTATUS status)
{
    object_release(&range->process->object);
    if (!status)
        status = guest_write32(range->base_guest, range->base);
    if (!status)
        status = guest_write32(range->size_guest, range->size);
    return status;
}

NTSTATUS nt_allocate_virtual_memory(struct call *call)
{
    struct range_call range;
    struct vm_place place = vm_place_of(call->args[4], call->args[2]);
    NTSTATUS status = range_begin(call, call->args[1], call->args[3], &range);
    if (status)
        return status;
    if (range.size && !vm_zero_bits_valid(call->args[2]))
        return range_end(&range, STATUS_INVALID_PARAMETER_3);
    return range_end(&range, vm_allocate_in(range.process, &range.base, &range.size, call->args[4],
                                            call->args[5], &place));
}

/* MEM_ADDRESS_REQUIREMENTS of a caller that gave no address. */
static NTSTATUS read_requirements(uint32_t guest, uint32_t base, struct vm_place *place)
{
    uint32_t words[3]; /* lowest, highest, alignment */
    NTSTATUS status = guest_read(words, guest, sizeof words);
    if (status)
        return status;
    uint32_t lowest = words[0], highest = words[1], align = words[2];
    bool asks = lowest || highest || align;
    if ((asks && base) || (align && ((align & (align - 1)) || align < VM_GRANULARITY)) ||
        (lowest & (VM_GRANULARITY - 1)) ||
        (highest && (highest >= NT_GUEST_LIMIT || ((highest + 1) & PAGE_MASK))))
        return STATUS_INVALID_PARAMETER;
    place->lowest = lowest;
    place->highest = highest;
    place->align = align;
    return STATUS_SUCCESS;
}

/* Of the parameters only address requirements matter here: there are no nodes, partitions or the like. */
static NTSTATUS read_extended(struct call *call, uint32_t base, struct vm_place *place)
{
    bool found = false;
    if (call->args[6] && !call->args[5])
        return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < call->args[6] && i <= MemExtendedParameterMax; i++) {
        uint32_t words[4];
        NTSTATUS status = guest_read(words, call->args[5] + i * sizeof words, sizeof words);
        if (status)
            return status;
        uint32_t type = words[0] & 0xff;
        if (type == MemExtendedParameterInvalidType || type >= MemExtendedParameterMax)
            return STATUS_INVALID_PARAMETER;
        if (type != MemExtendedParameterAddressRequirements)
            continue;
        status = found ? STATUS_INVALID_PARAMETER : read_requirements(words[2], base, place);
        if (status)
            return status;
        found = true;
    }
    return STATUS_SUCCESS;
}

NTSTATUS nt_allocate_virtual_memory_ex(struct call *call)
{
    struct range_call range;
    struct vm_place place = vm_place_of(call->args[3], 0);
    NTSTATUS status = range_begin(call, call->args[1], call->args[2], &range);
    if (status)
        return status;
    status = read_extended(call, range.base, &place);
    if (!status)
        status = vm_allocate_in(range.process, &range.base, &range.size, call->args[3],
                                call->args[4], &place);
    return range_end(&range, status);
}

NTSTATUS nt_free_virtual_memory(struct call *call)
{
    struct range_call range;
    NTSTATUS status = range_begin(call, call->args[1], call->args[2], &range);
    if (status)
        return status;
    return range_end(&range, vm_free(range.process, &range.base, &range.size, call->args[3]));
}

NTSTATUS nt_protect_virtual_memory(struct call *call)
{
    struct range_call range;
    uint32_t old = 0;
    NTSTATUS status = range_begin(call, call->args[1], call->args[2], &range);
    if (status)
        return status;
    status =
        range_end(&range, vm_protect(range.process, &range.base, &range.size, call->args[3], &old));
    return status ? status : guest_write32(call->args[4], old);
}

NTSTATUS nt_lock_virtual_memory(struct call *call)
{
    struct range_call range;
    NTSTATUS status = range_begin(call, call->args[1], call->args[2], &range);
    return status ? status : range_end(&range, STATUS_SUCCESS);
}

/* ---- queries ---- */

static NTSTATUS query_file_name(struct call *call, struct nt_process *process)
{
    struct allocation *allocation = vm_find(process, call->args[1]);
    if (!allocation || !allocation->section)
        return STATUS_INVALID_ADDRESS;
    const struct section *section = section_of(allocation->section);
    uint32_t length = 0;
    WCHAR *name = section->file_name ? path_device_name(section->file_name, &length) : NULL;
    if (!name)
        return STATUS_FILE_INVALID;
    uint32_t bytes = (length + 1) * sizeof(WCHAR), needed = sizeof(UNICODE_STRING) + bytes;
    UNICODE_STRING string = {bytes - sizeof(WCHAR), bytes,
                             (WCHAR *)(call->args[3] + sizeof string)};
    NTSTATUS status = guest_return32(call->args[5], needed);
    if (!status && call->args[4] < needed)
        status =
            call->args[4] < sizeof string ? STATUS_INFO_LENGTH_MISMATCH : STATUS_BUFFER_OVERFLOW;
    if (!status)
        status = guest_write(call->args[3], &string, sizeof string);
    if (!status)
        status = guest_write(call->args[3] + sizeof string, name, bytes);
    free(name);
    return status;
}

bool vm_is_module(struct nt_process *process, uint32_t base, struct text leaf)
{
    const struct allocation *allocation = vm_find(process, base);
    if (!allocation || allocation->type != MEM_IMAGE || !allocation->section)
        return false;
    const struct section *section = section_of(allocation->section);
    struct text name = {section->file_name,
                        section->file_name ? text_length(section->file_name) : 0};
    return name.length > leaf.length && name.chars[name.length - leaf.length - 1] == '\\' &&
           text_equal(text_skip(name, name.length - leaf.length), leaf);
}

/*
 * DLLs of Wine that have a Unix half ask for it. The few that do not load without one are told that
 * there is one; dispatch.c has those of its calls that do something, the others fail.
 */
static NTSTATUS query_unix_functions(struct call *call, struct nt_process *process)
{
    uint32_t base = call->args[1];
    uint64_t module = base | 1;
    if (call->args[4] < sizeof module)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (base != process->ntdll_base && !vm_is_module(process, base, LITERAL("ws2_32.dll")) &&
        !vm_is_module(process, base, LITERAL("crypt32.dll")))
        return STATUS_DLL_NOT_FOUND;
    return guest_write(call->args[3], &module, sizeof module);
}

NTSTATUS nt_query_virtual_memory(struct call *call)
{
    struct nt_process *process;
    MEMORY_BASIC_INFORMATION info;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_QUERY_INFORMATION, &process);
    if (status)
        return status;
    switch (call->args[2]) {
    case MemoryBasicInformation:
        status = vm_query(process, call->args[1], &info);
        if (!status)
            status = guest_return(call->args[3], call->args[4], call->args[5], &info, sizeof info);
        break;
    case MemoryMappedFilenameInformation:
        status = query_file_name(call, process);
        break;
    case MemoryWineUnixFuncs:
        status = query_unix_functions(call, process);
        break;
    default:
        status = STATUS_INVALID_INFO_CLASS;
    }
    object_release(&process->object);
    return status;
}

/* ---- memory of a process, perhaps another one ---- */

/* Through a buffer of ours, since only one of the two spaces is attached. */
static NTSTATUS copy_pieces(struct nt_process *process, uint32_t remote, uint32_t local,
                            uint32_t length, bool write, uint32_t *total)
{
    uint8_t *buffer = malloc(COPY_PIECE);
    NTSTATUS status = buffer ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    *total = 0;
    while (!status && *total < length) {
        uint32_t part = length - *total < COPY_PIECE ? length - *total : COPY_PIECE, done = 0;
        status_t moved;
        if (write) {
            status = guest_read(buffer, local + *total, part);
            moved = status ? OK : space_write(process->space, remote + *total, buffer, part, &done);
        } else {
            moved = space_read(process->space, remote + *total, buffer, part, &done);
            if (moved == OK && done)
                status = guest_write(local + *total, buffer, done);
        }
        *total += done;
        if (!status && (moved != OK || done < part))
            status = STATUS_PARTIAL_COPY;
    }
    free(buffer);
    return status;
}

/* Every page must be one that the program itself could access. */
static bool range_accessible(struct nt_process *process, uint32_t address, uint32_t length,
                             bool write)
{
    if (address >= NT_GUEST_LIMIT || length > NT_GUEST_LIMIT - address)
        return false;
    for (uint32_t page = address & ~PAGE_MASK; page < address + length; page += PAGE_SIZE) {
        uint32_t prot = vm_kernel_prot(vm_page_protect(process, page));
        if (write ? !(prot & PROT_W) : prot == PROT_NONE_)
            return false;
    }
    return true;
}

bool vm_writable(struct nt_process *process, uint32_t address, uint32_t length)
{
    return range_accessible(process, address, length, true);
}

NTSTATUS vm_write(struct nt_process *process, uint32_t address, const void *bytes, uint32_t length)
{
    uint32_t done;
    if (!process->space || !range_accessible(process, address, length, true))
        return STATUS_ACCESS_VIOLATION;
    status_t status = space_write(process->space, address, bytes, length, &done);
    return status == OK && done == length ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

static NTSTATUS memory_call(struct call *call, bool write)
{
    struct nt_process *process;
    uint32_t remote = call->args[1], local = call->args[2], length = call->args[3], done = 0;
    NTSTATUS status = process_from_handle(call->thread, call->args[0],
                                          write ? PROCESS_VM_WRITE : PROCESS_VM_READ, &process);
    if (!status) {
        if (process->exiting || process->foreign)
            status = STATUS_PROCESS_IS_TERMINATING;
        else if (!range_accessible(process, remote, length, write))
            status = write ? STATUS_ACCESS_VIOLATION : STATUS_PARTIAL_COPY;
        else
            status = copy_pieces(process, remote, local, length, write, &done);
        object_release(&process->object);
    }
    NTSTATUS returned = guest_return32(call->args[4], done);
    return status ? status : returned;
}

NTSTATUS nt_read_virtual_memory(struct call *call)
{
    return memory_call(call, false);
}
NTSTATUS nt_write_virtual_memory(struct call *call)
{
    return memory_call(call, true);
}
