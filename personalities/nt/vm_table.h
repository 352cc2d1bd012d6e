/* SPDX-License-Identifier: MIT */
/* The table of allocations of a process, for vm.c, which keeps pages and mappings in step with it. */
#ifndef NT_VM_TABLE_H
#define NT_VM_TABLE_H

#include <personalities/nt/nt.h>

static inline uint32_t allocation_end(const struct allocation *allocation)
{
    return allocation->base + allocation->pages * PAGE_SIZE;
}

/* The number of allocations that begin at or below the address. */
uint32_t vm_position(const struct vm *vm, uint32_t address);
/* The allocation that holds all of [base, base + length), or NULL. */
struct allocation *vm_find_range(struct nt_process *process, uint32_t base, uint32_t length);
bool vm_insert(struct vm *vm, struct allocation *allocation); /* false: no memory */
void vm_delete(struct vm *vm, struct allocation *allocation);

#endif
