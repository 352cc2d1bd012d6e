/* SPDX-License-Identifier: MIT */
/* Thread-local segments and the local descriptor table: set_thread_area, modify_ldt. */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "task.h"

#define DEFAULT_LDT_SIZE 128u
_Static_assert(sizeof(struct descriptor) == LDT_ENTRY_SIZE,
               "descriptors are read as they are kept");

static bool descriptor_is_empty(const struct user_desc *desc)
{
    return desc->base_addr == 0 && desc->limit == 0 && desc->contents == 0 &&
           desc->read_exec_only == 1 && desc->seg_32bit == 0 && desc->limit_in_pages == 0 &&
           desc->seg_not_present == 1 && desc->useable == 0;
}

static bool descriptor_is_zero(const struct user_desc *desc)
{
    return desc->base_addr == 0 && desc->limit == 0 && desc->contents == 0 &&
           desc->read_exec_only == 0 && desc->seg_32bit == 0 && desc->limit_in_pages == 0 &&
           desc->seg_not_present == 0 && desc->useable == 0;
}

static uint32_t descriptor_low(const struct user_desc *desc)
{
    return (desc->base_addr & 0xffff) << 16 | (desc->limit & 0xffff);
}

static uint32_t descriptor_high(const struct user_desc *desc)
{
    return (desc->base_addr & 0xff000000) | (desc->base_addr >> 16 & 0xff) |
           (desc->limit & 0xf0000) | (desc->read_exec_only ^ 1u) << 9 |
           (uint32_t)desc->contents << 10 | (desc->seg_not_present ^ 1u) << 15 |
           (uint32_t)desc->seg_32bit << 22 | (uint32_t)desc->limit_in_pages << 23 |
           (uint32_t)desc->useable << 20 | 0x7100; /* accessed, code or data, DPL 3 */
}

void thread_set_tls(struct thread *thread, uint32_t slot)
{
    const struct user_desc *desc = &thread->tls[slot];
    bool clear = descriptor_is_empty(desc) || descriptor_is_zero(desc) || desc->seg_not_present;
    ignore(guest_tls(slot, clear ? 0 : descriptor_low(desc), clear ? 0 : descriptor_high(desc)));
}

static int free_slot(const struct thread *thread)
{
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++) {
        if (descriptor_is_empty(&thread->tls[slot]) || descriptor_is_zero(&thread->tls[slot]))
            return (int)slot;
    }
    return -ESRCH;
}

/* Segments that a guest may not have: 16-bit ones are fine, conforming and expand-down code are not. */
static bool descriptor_allowed(const struct user_desc *desc)
{
    return descriptor_is_empty(desc) || descriptor_is_zero(desc) ||
           (desc->seg_32bit && desc->contents < 2);
}

void thread_tls_entry(const struct thread *thread, uint32_t slot, struct user_desc *desc)
{
    *desc = thread->tls[slot];
    if (descriptor_is_zero(desc))
        desc->read_exec_only = desc->seg_not_present = 1;
    desc->entry_number = slot + GUEST_TLS_FIRST;
}

int thread_put_tls_entry(struct thread *thread, uint32_t slot, const struct user_desc *desc)
{
    if (!descriptor_allowed(desc))
        return -EINVAL;
    thread->tls[slot] = *desc;
    thread->tls_changed = true;
    return 0;
}

int32_t sys_set_thread_area(user_t at)
{
    struct thread *thread = self();
    struct user_desc desc;
    if (copy_in(&desc, at, sizeof desc) < 0)
        return -EFAULT;
    if (!descriptor_allowed(&desc))
        return -EINVAL;
    if (desc.entry_number == UINT32_MAX) {
        int slot = free_slot(thread);
        if (slot < 0)
            return slot;
        desc.entry_number = (uint32_t)slot + GUEST_TLS_FIRST;
        if (put_user(at, desc.entry_number) < 0)
            return -EFAULT;
    }
    uint32_t slot = desc.entry_number - GUEST_TLS_FIRST;
    if (slot >= TLS_SLOTS)
        return -EINVAL;
    thread->tls[slot] = desc;
    thread_set_tls(thread, slot);
    return 0;
}

int32_t sys_get_thread_area(user_t at)
{
    uint32_t entry;
    if (get_user(&entry, at) < 0)
        return -EFAULT;
    if (entry - GUEST_TLS_FIRST >= TLS_SLOTS)
        return -EINVAL;
    struct user_desc desc;
    thread_tls_entry(self(), entry - GUEST_TLS_FIRST, &desc);
    return copy_out(at, &desc, sizeof desc);
}

/* ---- the local descriptor table ------------------------------------------------------------------- */

int ldt_clone(struct mm *clone)
{
    uint32_t size = clone->ldt_count * (uint32_t)sizeof *clone->ldt;
    const struct descriptor *from = clone->ldt;
    clone->ldt = NULL;
    if (size == 0)
        return 0;
    clone->ldt = malloc(size);
    if (!clone->ldt)
        return -ENOMEM;
    memcpy(clone->ldt, from, size);
    return 0;
}

/* Room to remember this entry. Lock held. */
static int ldt_grow(struct mm *mm, uint32_t index)
{
    if (index < mm->ldt_count)
        return 0;
    struct descriptor *grown = realloc(mm->ldt, (index + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    memset(grown + mm->ldt_count, 0, (index + 1 - mm->ldt_count) * sizeof *grown);
    mm->ldt = grown;
    mm->ldt_count = index + 1;
    return 0;
}

int ldt_set(struct mm *mm, uint32_t index, struct descriptor descriptor)
{
    server_lock();
    int error = ldt_grow(mm, index);
    status_t status = error < 0 ? OK : guest_ldt(mm->space, index, descriptor.low, descriptor.high);
    if (error == 0 && status == OK)
        mm->ldt[index] = descriptor;
    server_unlock();
    return error < 0 ? error : status == ERR_INVALID_ARGUMENT ? -EINVAL : errno_of(status);
}

static int32_t write_ldt(user_t data, uint32_t size, bool old)
{
    struct user_desc desc;
    if (size != sizeof desc)
        return -EINVAL;
    if (copy_in(&desc, data, sizeof desc) < 0)
        return -EFAULT;
    if (desc.entry_number >= LDT_MAX_ENTRIES ||
        (desc.contents == 3 && (old || !desc.seg_not_present)))
        return -EINVAL;
    if (old)
        desc.useable = 0;
    struct descriptor descriptor = {descriptor_low(&desc), descriptor_high(&desc)};
    if (descriptor_is_empty(&desc) || (old && desc.base_addr == 0 && desc.limit == 0))
        descriptor = (struct descriptor){0, 0};
    return ldt_set(self()->process->mm, desc.entry_number, descriptor);
}

/* Behind the entries that were set there are zeros; without any nothing is read. */
static int32_t read_ldt(user_t to, uint32_t size)
{
    struct mm *mm = self()->process->mm;
    size = MIN(size, LDT_MAX_ENTRIES * LDT_ENTRY_SIZE);
    server_lock();
    uint32_t set = MIN(mm->ldt_count * LDT_ENTRY_SIZE, size);
    struct descriptor *copy = set ? malloc(set) : NULL;
    if (copy)
        memcpy(copy, mm->ldt, set);
    bool empty = mm->ldt_count == 0;
    server_unlock();
    if (empty)
        return 0;
    if (set && !copy)
        return -ENOMEM;
    bool fits = copy_out(to, copy, set) == 0 && zero_out(user_at(to, set), size - set) == 0;
    free(copy);
    return fits ? (int32_t)size : -EFAULT;
}

int32_t sys_modify_ldt(uint32_t function, user_t data, uint32_t size)
{
    switch (function) {
    case 0:
        return read_ldt(data, size);
    case 2: /* the default table, which is empty */
        size = MIN(size, DEFAULT_LDT_SIZE);
        return zero_out(data, size) < 0 ? -EFAULT : (int32_t)size;
    case 1:
        return write_ldt(data, size, true);
    case 0x11:
        return write_ldt(data, size, false);
    }
    return -ENOSYS;
}
