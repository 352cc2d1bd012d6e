/* SPDX-License-Identifier: MIT */
/* Virtual memory of a process: the states of its pages, and the kernel's mappings with them. See vm.h. */
#include <personalities/nt/vm_table.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_STATE_RESERVED 0
#define PAGE_STATE_GUARD    0x80

/* Page states 1..8 are these protections; the index is what a page byte holds. */
static const uint8_t protections[] = {0,
                                      PAGE_NOACCESS,
                                      PAGE_READONLY,
                                      PAGE_READWRITE,
                                      PAGE_WRITECOPY,
                                      PAGE_EXECUTE,
                                      PAGE_EXECUTE_READ,
                                      PAGE_EXECUTE_READWRITE,
                                      PAGE_EXECUTE_WRITECOPY};
/* Tells which calls through pointers are allowed; it only matters with control flow guard. */
#define PAGE_TARGETS_INVALID 0x40000000u
#define PROTECT_MODIFIERS    (PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_TARGETS_INVALID)

static uint8_t page_state(uint32_t protect)
{
    uint8_t state = sizeof protections - 1;
    while (state > 0 && protections[state] != (protect & 0xff))
        state--;
    return state | (protect & PAGE_GUARD ? PAGE_STATE_GUARD : 0);
}

static uint32_t state_protect(uint8_t state)
{
    return protections[state & 0x0f] | (state & PAGE_STATE_GUARD ? PAGE_GUARD : 0);
}

bool vm_protect_valid(uint32_t protect)
{
    return (protect & ~(0xffu | PROTECT_MODIFIERS)) == 0 && (page_state(protect) & 0x0f) != 0;
}

uint32_t vm_kernel_prot(uint32_t protect)
{
    if (protect & PAGE_GUARD)
        return PROT_NONE_;
    switch (protect & 0xff) {
    case PAGE_READONLY:
        return PROT_R;
    case PAGE_READWRITE:
    case PAGE_WRITECOPY:
        return PROT_R | PROT_W;
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
        return PROT_R | PROT_X;
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY:
        return PROT_R | PROT_W | PROT_X;
    }
    return PROT_NONE_;
}

void vm_init(struct vm *vm)
{
    memset(vm, 0, sizeof *vm);
}

void vm_destroy(struct nt_process *process)
{
    struct vm *vm = &process->vm;
    for (uint32_t i = 0; i < vm->count; i++) {
        object_release(vm->allocations[i]->section);
        free(vm->allocations[i]);
    }
    free(vm->allocations);
    vm_init(vm);
}

struct allocation *vm_add(struct nt_process *process, uint32_t base, uint32_t length, uint32_t type,
                          uint32_t protect, struct object *section)
{
    uint32_t pages = (length + PAGE_MASK) / PAGE_SIZE;
    struct allocation *allocation = malloc(sizeof *allocation + pages);
    if (!allocation)
        return NULL;
    memset(allocation, 0, sizeof *allocation);
    allocation->base = base;
    allocation->pages = pages;
    allocation->type = type;
    allocation->protect = protect;
    memset(allocation->state, page_state(protect), pages);
    if (!vm_insert(&process->vm, allocation)) {
        free(allocation);
        return NULL;
    }
    allocation->section = section;
    if (section)
        object_hold(section);
    return allocation;
}

void allocation_set_protect(struct allocation *allocation, uint32_t address, uint32_t length,
                            uint32_t protect)
{
    uint32_t first = (address - allocation->base) / PAGE_SIZE;
    uint32_t pages = (length + PAGE_MASK) / PAGE_SIZE;
    assert(first <= allocation->pages && pages <= allocation->pages - first);
    memset(allocation->state + first, page_state(protect), pages);
}

static void space_forget(struct nt_process *process, uint32_t base, uint32_t length)
{
    /* The range lies in the guest's half and its space exists: there is nothing that can fail. */
    if (space_unmap(process->space, base, length) != OK)
        assert(!"unmapping a range of our own");
}

void vm_remove(struct nt_process *process, struct allocation *allocation)
{
    space_forget(process, allocation->base, allocation->pages * PAGE_SIZE);
    vm_delete(&process->vm, allocation);
    object_release(allocation->section);
    free(allocation);
}

/* ---- reserve and commit ---- */

static status_t map_zero(struct nt_process *process, uint32_t base, uint32_t length,
                         uint32_t protect)
{
    struct map_request request = {.address = base,
                                  .length = length,
                                  .prot = vm_kernel_prot(protect),
                                  .flags = MAP_FLAG_FIXED};
    return space_map(process->space, &request);
}

/* Commit pages of an allocation; those that are committed only change their protection. */
static NTSTATUS commit_pages(struct nt_process *process, struct allocation *allocation,
                             uint32_t base, uint32_t length, uint32_t protect)
{
    uint32_t first = (base - allocation->base) / PAGE_SIZE, end = first + length / PAGE_SIZE;
    for (uint32_t i = first; i < end;) {
        bool reserved = allocation->state[i] == PAGE_STATE_RESERVED;
        uint32_t run = i;
        while (run < end && (allocation->state[run] == PAGE_STATE_RESERVED) == reserved)
            run++;
        uint32_t address = allocation->base + i * PAGE_SIZE, size = (run - i) * PAGE_SIZE;
        status_t status =
            reserved ? map_zero(process, address, size, protect)
                     : space_protect(process->space, address, size, vm_kernel_prot(protect));
        if (status != OK)
            return STATUS_NO_MEMORY;
        memset(allocation->state + i, page_state(protect), run - i);
        i = run;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS reserve(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type,
                        uint32_t protect, const struct vm_place *place)
{
    uint32_t start = *base & ~(VM_GRANULARITY - 1);
    uint32_t length = *base ? (*base - start) + *size : *size;
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (*base == 0)
        start = vm_search(process, length, place);
    if (start == 0)
        return STATUS_NO_MEMORY;
    if (!vm_range_free(process, start, length))
        return STATUS_CONFLICTING_ADDRESSES;
    struct allocation *allocation = vm_add(process, start, length, MEM_PRIVATE, protect, NULL);
    if (!allocation)
        return STATUS_NO_MEMORY;
    memset(allocation->state, PAGE_STATE_RESERVED, allocation->pages);
    NTSTATUS status = STATUS_SUCCESS;
    if (type & MEM_COMMIT)
        status = commit_pages(process, allocation, start, length, protect);
    if (status) {
        vm_remove(process, allocation);
        return status;
    }
    *base = start;
    *size = length;
    return STATUS_SUCCESS;
}

static NTSTATUS commit(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t protect)
{
    uint32_t start = *base & ~PAGE_MASK;
    uint32_t length = (*base - start + *size + PAGE_MASK) & ~PAGE_MASK;
    struct allocation *allocation = vm_find(process, start);
    if (!allocation)
        return STATUS_CONFLICTING_ADDRESSES;
    if (!vm_find_range(process, start, length) || allocation->type != MEM_PRIVATE ||
        allocation->fixed)
        return STATUS_CONFLICTING_ADDRESSES;
    *base = start;
    *size = length;
    return commit_pages(process, allocation, start, length, protect);
}

NTSTATUS vm_allocate(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type,
                     uint32_t protect)
{
    struct vm_place place = vm_place_of(type, 0);
    return vm_allocate_in(process, base, size, type, protect, &place);
}

NTSTATUS vm_allocate_in(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type,
                        uint32_t protect, const struct vm_place *place)
{
    if (*size == 0 || *size >= NT_GUEST_LIMIT || *base >= NT_GUEST_LIMIT ||
        *size > NT_GUEST_LIMIT - *base)
        return STATUS_INVALID_PARAMETER;
    if (!vm_protect_valid(protect) || (protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY)))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (type & MEM_RESET)
        return (type & ~MEM_RESET)       ? STATUS_INVALID_PARAMETER
               : vm_find(process, *base) ? STATUS_SUCCESS
                                         : STATUS_NOT_MAPPED_VIEW;
    if (!(type & (MEM_RESERVE | MEM_COMMIT)) ||
        (type & ~(MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN | MEM_WRITE_WATCH)))
        return STATUS_INVALID_PARAMETER;
    if ((type & MEM_RESERVE) || *base == 0)
        return reserve(process, base, size, type | MEM_RESERVE, protect, place);
    return commit(process, base, size, protect);
}

/* ---- free ---- */

static void decommit(struct nt_process *process, struct allocation *allocation, uint32_t base,
                     uint32_t length)
{
    space_forget(process, base, length);
    memset(allocation->state + (base - allocation->base) / PAGE_SIZE, PAGE_STATE_RESERVED,
           length / PAGE_SIZE);
}

/* Release a part: what is left on either side becomes an allocation of its own. */
static NTSTATUS release_part(struct nt_process *process, struct allocation *allocation,
                             uint32_t base, uint32_t length)
{
    uint32_t end = base + length, old_end = allocation_end(allocation);
    if (end < old_end) {
        uint32_t skip = (end - allocation->base) / PAGE_SIZE;
        struct allocation *tail =
            vm_add(process, end, old_end - end, allocation->type, allocation->protect, NULL);
        if (!tail)
            return STATUS_NO_MEMORY;
        memcpy(tail->state, allocation->state + skip, tail->pages);
    }
    space_forget(process, base, length);
    allocation->pages = (base - allocation->base) / PAGE_SIZE;
    if (allocation->pages == 0) {
        vm_delete(&process->vm, allocation);
        free(allocation);
    }
    return STATUS_SUCCESS;
}

NTSTATUS vm_free(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type)
{
    uint32_t start = *base & ~PAGE_MASK;
    if (type != MEM_RELEASE && type != MEM_DECOMMIT)
        return STATUS_INVALID_PARAMETER;
    /* ntdll releases address 1 once per process: it tells the builtin loader of Wine something. */
    if (*base == 1 && *size == 0 && type == MEM_RELEASE)
        return STATUS_SUCCESS;
    struct allocation *allocation = vm_find(process, start);
    if (!allocation)
        return STATUS_MEMORY_NOT_ALLOCATED;
    if (allocation->type != MEM_PRIVATE || allocation->fixed)
        return STATUS_INVALID_PARAMETER;
    if (*size == 0 && start != allocation->base)
        return STATUS_FREE_VM_NOT_AT_BASE;
    if (*size >= NT_GUEST_LIMIT)
        return STATUS_UNABLE_TO_FREE_VM;
    uint32_t length =
        *size ? (*base - start + *size + PAGE_MASK) & ~PAGE_MASK : allocation->pages * PAGE_SIZE;
    if (!vm_find_range(process, start, length))
        return STATUS_UNABLE_TO_FREE_VM;
    *base = start;
    *size = length;
    if (type == MEM_RELEASE)
        return release_part(process, allocation, start, length);
    decommit(process, allocation, start, length);
    return STATUS_SUCCESS;
}

/* ---- protect and query ---- */

/* Whether the kernel gives these pages that access already: read-write and write-copy differ for us only. */
static bool has_access(const struct allocation *allocation, uint32_t first, uint32_t pages,
                       uint32_t protect)
{
    uint32_t prot = vm_kernel_prot(protect);
    for (uint32_t i = 0; i < pages; i++)
        if (vm_kernel_prot(state_protect(allocation->state[first + i])) != prot)
            return false;
    return true;
}

NTSTATUS vm_protect(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t protect,
                    uint32_t *old)
{
    uint32_t start = *base & ~PAGE_MASK;
    if (!vm_protect_valid(protect))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (*size == 0 || *base >= NT_GUEST_LIMIT || *size > NT_GUEST_LIMIT - *base)
        return STATUS_INVALID_PARAMETER;
    uint32_t length = (*base - start + *size + PAGE_MASK) & ~PAGE_MASK;
    struct allocation *allocation = vm_find_range(process, start, length);
    if (!allocation || allocation->fixed)
        return STATUS_CONFLICTING_ADDRESSES;
    uint32_t first = (start - allocation->base) / PAGE_SIZE;
    if (memchr(allocation->state + first, PAGE_STATE_RESERVED, length / PAGE_SIZE))
        return STATUS_NOT_COMMITTED;
    if (allocation->type == MEM_IMAGE) {
        /* Image pages are private from the first write on, and say so. */
        if ((protect & 0xff) == PAGE_READWRITE)
            protect = (protect & ~0xffu) | PAGE_WRITECOPY;
        if ((protect & 0xff) == PAGE_EXECUTE_READWRITE)
            protect = (protect & ~0xffu) | PAGE_EXECUTE_WRITECOPY;
    }
    if (!has_access(allocation, first, length / PAGE_SIZE, protect) &&
        space_protect(process->space, start, length, vm_kernel_prot(protect)) != OK)
        return allocation->section ? STATUS_SECTION_PROTECTION : STATUS_NO_MEMORY;
    *old = state_protect(allocation->state[first]);
    memset(allocation->state + first, page_state(protect), length / PAGE_SIZE);
    *base = start;
    *size = length;
    return STATUS_SUCCESS;
}

uint32_t vm_page_protect(struct nt_process *process, uint32_t address)
{
    struct allocation *allocation = vm_find(process, address);
    return allocation ? state_protect(allocation->state[(address - allocation->base) / PAGE_SIZE])
                      : 0;
}

static void query_free(struct nt_process *process, uint32_t address, MEMORY_BASIC_INFORMATION *info)
{
    uint32_t position = vm_position(&process->vm, address);
    uint32_t end =
        position < process->vm.count ? process->vm.allocations[position]->base : NT_GUEST_LIMIT;
    info->RegionSize = end - address;
    info->State = MEM_FREE;
    info->Protect = PAGE_NOACCESS;
}

NTSTATUS vm_query(struct nt_process *process, uint32_t address, MEMORY_BASIC_INFORMATION *info)
{
    if (address >= NT_GUEST_LIMIT)
        return STATUS_INVALID_PARAMETER;
    address &= ~PAGE_MASK;
    memset(info, 0, sizeof *info);
    info->BaseAddress = (void *)address;
    struct allocation *allocation = vm_find(process, address);
    if (!allocation) {
        query_free(process, address, info);
        return STATUS_SUCCESS;
    }
    uint32_t first = (address - allocation->base) / PAGE_SIZE, end = first;
    uint8_t state = allocation->state[first];
    while (end < allocation->pages && allocation->state[end] == state)
        end++;
    info->AllocationBase = (void *)allocation->base;
    info->AllocationProtect = allocation->protect;
    info->RegionSize = (end - first) * PAGE_SIZE;
    info->State = state == PAGE_STATE_RESERVED ? MEM_RESERVE : MEM_COMMIT;
    info->Protect = state_protect(state);
    info->Type = allocation->type;
    return STATUS_SUCCESS;
}

/* ---- faults ---- */

static bool access_allowed(uint32_t protect, bool write)
{
    uint32_t prot = vm_kernel_prot(protect);
    return write ? (prot & PROT_W) != 0 : prot != PROT_NONE_;
}

NTSTATUS vm_fault(struct nt_thread *thread, uint32_t address, bool write)
{
    struct nt_process *process = thread->process;
    struct allocation *allocation = address < NT_GUEST_LIMIT ? vm_find(process, address) : NULL;
    if (!allocation)
        return STATUS_ACCESS_VIOLATION;
    uint32_t page = (address - allocation->base) / PAGE_SIZE;
    uint32_t protect = state_protect(allocation->state[page]);
    if (!(protect & PAGE_GUARD)) {
        /* A page that should be accessible faulted: the file behind it is gone or memory is out. */
        return access_allowed(protect, write) ? STATUS_IN_PAGE_ERROR : STATUS_ACCESS_VIOLATION;
    }
    uint32_t start = address & ~PAGE_MASK;
    allocation->state[page] &= ~PAGE_STATE_GUARD;
    if (space_protect(process->space, start, PAGE_SIZE, vm_kernel_prot(protect & ~PAGE_GUARD)) !=
        OK)
        return STATUS_IN_PAGE_ERROR;
    if (address >= thread->stack_allocation && address < thread->stack_base) {
        /* The whole stack above is committed: reaching the guard page means it is used up. */
        thread->stack_limit = start;
        if (guest_write32(thread->teb + offsetof(NT_TIB, StackLimit), start))
            return STATUS_ACCESS_VIOLATION;
        return STATUS_STACK_OVERFLOW;
    }
    return STATUS_GUARD_PAGE_VIOLATION;
}
