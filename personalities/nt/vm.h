/* SPDX-License-Identifier: MIT */
/*
 * Virtual memory of a process as NT sees it: allocations of 64 KiB granularity, each with a state
 * and a protection per page. The kernel's mappings follow: a committed page is mapped, a reserved
 * one is not.
 *
 * Invariants: allocations are sorted by base and disjoint, lie inside [64 KiB, NT_GUEST_LIMIT) and
 * are never empty; a page byte is PAGE_STATE_RESERVED or a protection index, perhaps with
 * PAGE_STATE_GUARD.
 */
#ifndef NT_VM_H
#define NT_VM_H

#include <atomik/types.h>
#include <personalities/nt/text.h>
#include <personalities/nt/winabi.h>

struct object;
struct nt_process;
struct section_image;

#define VM_GRANULARITY 0x10000u

struct allocation {
    uint32_t base, pages;
    uint32_t protect;       /* AllocationProtect, PAGE_* */
    uint32_t type;          /* MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE */
    struct object *section; /* held; NULL for private memory */
    bool fixed;             /* made by the server: cannot be freed */
    uint8_t state[];        /* per page */
};
struct vm {
    struct allocation **allocations;
    uint32_t count, capacity;
};

void vm_init(struct vm *vm);
void vm_destroy(struct nt_process *process);

struct allocation *vm_find(struct nt_process *process, uint32_t address);
bool vm_range_free(struct nt_process *process, uint32_t base, uint32_t length);
/* Where something without an address may go; all zero: anywhere. */
struct vm_place {
    bool top_down;
    uint32_t lowest, highest; /* the first and the last address; highest 0: no matter */
    uint32_t align;           /* a power of two, or 0 */
};
/* The place below 2^(32 - zero_bits). */
struct vm_place vm_place_of(uint32_t type, uint32_t zero_bits);
bool vm_zero_bits_valid(uint32_t zero_bits);
/* A free range; 0 if there is none. */
uint32_t vm_search(struct nt_process *process, uint32_t length, const struct vm_place *place);

/*
 * NtAllocateVirtualMemory and the like. *base 0: anywhere. type: MEM_RESERVE, MEM_COMMIT,
 * MEM_TOP_DOWN, MEM_RESET.
 */
NTSTATUS vm_allocate(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type,
                     uint32_t protect);
NTSTATUS vm_allocate_in(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type,
                        uint32_t protect, const struct vm_place *place);
NTSTATUS vm_free(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t type);
NTSTATUS vm_protect(struct nt_process *process, uint32_t *base, uint32_t *size, uint32_t protect,
                    uint32_t *old);
NTSTATUS vm_query(struct nt_process *process, uint32_t address, MEMORY_BASIC_INFORMATION *info);
uint32_t vm_page_protect(struct nt_process *process,
                         uint32_t address); /* PAGE_*; 0 = not committed */

/*
 * Record an allocation whose pages the caller maps; all pages get `protect`, which
 * allocation_set_protect then refines. NULL without memory. `section` is held.
 */
struct allocation *vm_add(struct nt_process *process, uint32_t base, uint32_t length, uint32_t type,
                          uint32_t protect, struct object *section);
void allocation_set_protect(struct allocation *allocation, uint32_t address, uint32_t length,
                            uint32_t protect);
/* Unmap and forget a view. */
void vm_remove(struct nt_process *process, struct allocation *allocation);

/* Is a DLL of this name mapped at `base`? */
bool vm_is_module(struct nt_process *process, uint32_t base, struct text leaf);

/* May the program write to all of it? */
bool vm_writable(struct nt_process *process, uint32_t address, uint32_t length);
/*
 * Write to the memory of any process, as if its own program did: the results of operations that it
 * does not wait for. The caller's own guest is written with guest_write.
 */
NTSTATUS vm_write(struct nt_process *process, uint32_t address, const void *bytes, uint32_t length);

/* Kernel protection bits of a PAGE_* value; valid: one of the eight, perhaps with modifiers. */
uint32_t vm_kernel_prot(uint32_t protect);
bool vm_protect_valid(uint32_t protect);

/*
 * A page fault in the guest. Returns the exception to raise: STATUS_GUARD_PAGE_VIOLATION (the guard
 * is gone now), STATUS_STACK_OVERFLOW, STATUS_ACCESS_VIOLATION, STATUS_IN_PAGE_ERROR; or
 * STATUS_SUCCESS if the access is allowed by now.
 */
struct nt_thread;
NTSTATUS vm_fault(struct nt_thread *thread, uint32_t address, bool write);

#endif
