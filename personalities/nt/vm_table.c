/* SPDX-License-Identifier: MIT */
/* The table of allocations: which is where, and where there is room for another one. */
#include <personalities/nt/vm_table.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LOWEST 0x10000u

uint32_t vm_position(const struct vm *vm, uint32_t address)
{
    uint32_t low = 0, high = vm->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (vm->allocations[middle]->base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct allocation *vm_find(struct nt_process *process, uint32_t address)
{
    uint32_t position = vm_position(&process->vm, address);
    if (position == 0)
        return NULL;
    struct allocation *allocation = process->vm.allocations[position - 1];
    return address < allocation_end(allocation) ? allocation : NULL;
}

struct allocation *vm_find_range(struct nt_process *process, uint32_t base, uint32_t length)
{
    struct allocation *allocation = vm_find(process, base);
    if (!allocation || length > allocation_end(allocation) - base)
        return NULL;
    return allocation;
}

bool vm_range_free(struct nt_process *process, uint32_t base, uint32_t length)
{
    const struct vm *vm = &process->vm;
    if (base < LOWEST || length == 0 || base >= NT_GUEST_LIMIT || length > NT_GUEST_LIMIT - base)
        return false;
    uint32_t position = vm_position(vm, base);
    if (position > 0 && allocation_end(vm->allocations[position - 1]) > base)
        return false;
    return position == vm->count || vm->allocations[position]->base >= base + length;
}

static uint32_t up_to(uint32_t address, uint32_t align)
{
    return (address + align - 1) & ~(align - 1);
}

static uint32_t place_align(const struct vm_place *place)
{
    return place->align > VM_GRANULARITY ? place->align : VM_GRANULARITY;
}

/* The first megabyte is left to programs that ask for it. */
static uint32_t place_begin(const struct vm_place *place)
{
    uint32_t lowest = place->highest ? LOWEST : LOWEST * 0x11;
    return up_to(place->lowest > lowest ? place->lowest : lowest, place_align(place));
}

static uint32_t place_end(const struct vm_place *place, uint32_t limit)
{
    return place->highest && place->highest < limit ? place->highest + 1 : limit;
}

static uint32_t search_up(const struct vm *vm, uint32_t length, const struct vm_place *place)
{
    uint32_t align = place_align(place), base = place_begin(place),
             limit = place_end(place, NT_GUEST_LIMIT);
    for (uint32_t i = vm_position(vm, base); i < vm->count; i++) {
        if (i > 0 && allocation_end(vm->allocations[i - 1]) > base)
            base = up_to(allocation_end(vm->allocations[i - 1]), align);
        if (base <= vm->allocations[i]->base && vm->allocations[i]->base - base >= length)
            break;
        base = up_to(allocation_end(vm->allocations[i]), align);
    }
    return base < limit && limit - base >= length ? base : 0;
}

static uint32_t search_down(const struct vm *vm, uint32_t length, const struct vm_place *place)
{
    uint32_t end = place_end(place, NT_SHARED_DATA), align = place_align(place);
    uint32_t lowest = place->lowest > LOWEST ? up_to(place->lowest, align) : LOWEST;
    for (uint32_t i = vm->count + 1; i-- > 0;) {
        uint32_t below =
            i > 0 ? up_to(allocation_end(vm->allocations[i - 1]), VM_GRANULARITY) : lowest;
        below = below > lowest ? below : lowest;
        if (end > below && end - below >= length) {
            uint32_t base = (end - length) & ~(align - 1);
            if (base >= below)
                return base;
        }
        if (i > 0 && vm->allocations[i - 1]->base < end)
            end = vm->allocations[i - 1]->base;
    }
    return 0;
}

uint32_t vm_search(struct nt_process *process, uint32_t length, const struct vm_place *place)
{
    if (length == 0 || length >= NT_GUEST_LIMIT)
        return 0;
    return place->top_down ? search_down(&process->vm, length, place)
                           : search_up(&process->vm, length, place);
}

bool vm_zero_bits_valid(uint32_t zero_bits)
{
    return zero_bits <= 21;
}

struct vm_place vm_place_of(uint32_t type, uint32_t zero_bits)
{
    return (struct vm_place){.top_down = (type & MEM_TOP_DOWN) != 0,
                             .highest = zero_bits ? UINT32_MAX >> zero_bits : 0};
}

bool vm_insert(struct vm *vm, struct allocation *allocation)
{
    if (vm->count == vm->capacity) {
        uint32_t capacity = vm->capacity ? vm->capacity * 2 : 32;
        struct allocation **grown = realloc(vm->allocations, capacity * sizeof *grown);
        if (!grown)
            return false;
        vm->allocations = grown;
        vm->capacity = capacity;
    }
    uint32_t position = vm_position(vm, allocation->base);
    memmove(vm->allocations + position + 1, vm->allocations + position,
            (vm->count - position) * sizeof *vm->allocations);
    vm->allocations[position] = allocation;
    vm->count++;
    return true;
}

void vm_delete(struct vm *vm, struct allocation *allocation)
{
    uint32_t position = vm_position(vm, allocation->base) - 1;
    assert(vm->allocations[position] == allocation);
    memmove(vm->allocations + position, vm->allocations + position + 1,
            (vm->count - position - 1) * sizeof *vm->allocations);
    vm->count--;
}
