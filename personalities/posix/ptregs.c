/* SPDX-License-Identifier: MIT */
/*
 * Registers of a stopped thread: general ones from its frame, the FPU's from the kernel, debug
 * registers and TLS descriptors from its structure (the kernel gets those when they change).
 */
#include "ptregs.h"

#include <linux/elf.h>
#include <string.h>

#include "fpu.h"
#include "task.h"

#define FLAGS_OWN   0x50dd5u /* AC RF OF DF TF SF ZF AF PF CF */
#define ORIG_INDEX  11u
#define FLAGS_INDEX 14u

/* Of struct registers, by index in user_regs_struct; 0xff: none (orig_eax). */
static const uint8_t register_offsets[USER_REGISTERS] = {
#define AT(name) (uint8_t) offsetof(struct registers, name)
    AT(ebx), AT(ecx), AT(edx), AT(esi), AT(edi), AT(ebp),    AT(eax), AT(ds), AT(es),
    AT(fs),  AT(gs),  0xff,    AT(eip), AT(cs),  AT(eflags), AT(esp), AT(ss),
#undef AT
};

static uint32_t *register_at(const struct thread *thread, uint32_t index)
{
    return (uint32_t *)((uint8_t *)&thread->frame->regs + register_offsets[index]);
}

static bool is_selector(uint32_t index)
{
    return (index >= 7 && index <= 10) || index == 13 || index == 16;
}

uint32_t ptregs_get(const struct thread *thread, uint32_t index)
{
    if (index == ORIG_INDEX)
        return (uint32_t)thread->orig_eax;
    uint32_t value = *register_at(thread, index);
    return is_selector(index) ? value & 0xffff : value;
}

int ptregs_put(struct thread *thread, uint32_t index, uint32_t value)
{
    bool stack_or_code = index == 13 || index == 16;
    if (index == ORIG_INDEX) {
        thread->orig_eax = (int32_t)value;
        thread->in_call = thread->in_call && (int32_t)value >= 0;
        return 0;
    }
    if (is_selector(index)) {
        value &= 0xffff;
        if ((value != 0 || stack_or_code) && (value & 3) != 3)
            return -EIO;
    }
    if (index == FLAGS_INDEX)
        value = (*register_at(thread, index) & ~FLAGS_OWN) | (value & FLAGS_OWN);
    *register_at(thread, index) = value;
    return 0;
}

/* ---- debug registers ------------------------------------------------------------------------------- */

/* Of dr7's four descriptions: enabled, kind (0 execute, 1 write, 3 access), length. */
static bool breakpoint_valid(const struct thread *thread, uint32_t dr7, uint32_t n)
{
    uint32_t kind = dr7 >> (16 + 4 * n) & 3, length = dr7 >> (18 + 4 * n) & 3;
    if (!(dr7 >> (2 * n) & 3))
        return true;
    if (kind == 2 || length == 2 || (kind == 0 && length != 0))
        return false;
    return thread->debug[n] < GUEST_LIMIT - 8 && !(thread->debug[n] & length);
}

static int put_debug(struct thread *thread, uint32_t n, uint32_t value)
{
    uint32_t dr7 = n == 7 ? value : thread->debug[5];
    uint32_t old = n < 4 ? thread->debug[n] : 0;
    if (n == 4 || n == 5)
        return -EIO;
    if (n < 4)
        thread->debug[n] = value;
    for (uint32_t i = 0; i < 4; i++) {
        if (breakpoint_valid(thread, dr7, i))
            continue;
        if (n < 4)
            thread->debug[n] = old;
        return -EINVAL;
    }
    if (n >= 6)
        thread->debug[n - 2] = value;
    return guest_debug(thread->worker->handle, thread->debug) == OK ? 0 : -EIO;
}

static uint32_t get_debug(const struct thread *thread, uint32_t n)
{
    return n < 4 ? thread->debug[n] : n >= 6 ? thread->debug[n - 2] : 0;
}

/* ---- struct user -------------------------------------------------------------------------------------- */

int ptregs_peek(const struct thread *thread, uint32_t offset, uint32_t *value)
{
    if ((offset & 3) || offset >= USER_SIZE)
        return -EIO;
    *value = 0;
    if (offset < USER_REGISTERS * 4)
        *value = ptregs_get(thread, offset / 4);
    else if (offset >= USER_DEBUG)
        *value = get_debug(thread, (offset - USER_DEBUG) / 4);
    return 0;
}

int ptregs_poke(struct thread *thread, uint32_t offset, uint32_t value)
{
    if (!(offset & 3) && offset < USER_REGISTERS * 4)
        return ptregs_put(thread, offset / 4, value);
    if (!(offset & 3) && offset >= USER_DEBUG && offset < USER_SIZE)
        return put_debug(thread, (offset - USER_DEBUG) / 4, value);
    return -EIO;
}

/* ---- sets -------------------------------------------------------------------------------------------- */

static int get_general(const struct thread *thread, uint32_t *words)
{
    for (uint32_t i = 0; i < USER_REGISTERS; i++)
        words[i] = ptregs_get(thread, i);
    return USER_REGISTERS * 4;
}

static int put_general(struct thread *thread, const uint32_t *words, uint32_t length)
{
    int error = 0;
    for (uint32_t i = 0; i < length / 4 && i < USER_REGISTERS && error == 0; i++)
        error = ptregs_put(thread, i, words[i]);
    return error;
}

static int get_fpu(const struct thread *thread, struct fxsave *state)
{
    return guest_fpu_read(thread->worker->handle, state) == OK ? (int)sizeof *state : -EIO;
}

static int put_fpu(const struct thread *thread, const void *bytes, uint32_t length, bool extended)
{
    struct fxsave state;
    struct fsave legacy;
    if (get_fpu(thread, &state) < 0)
        return -EIO;
    if (extended) {
        memcpy(&state, bytes, MIN(length, sizeof state));
    } else {
        fsave_from_fxsave(&legacy, &state);
        memcpy(&legacy, bytes, MIN(length, FSAVE_SIZE));
        fxsave_from_fsave(&state, &legacy);
    }
    return guest_fpu_write(thread->worker->handle, &state) == OK ? 0 : -EIO;
}

static int get_legacy_fpu(const struct thread *thread, void *set)
{
    struct fxsave state;
    struct fsave legacy;
    if (get_fpu(thread, &state) < 0)
        return -EIO;
    fsave_from_fxsave(&legacy, &state);
    memcpy(set, &legacy, FSAVE_SIZE);
    return FSAVE_SIZE;
}

static int get_tls(const struct thread *thread, struct user_desc *set)
{
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++)
        thread_tls_entry(thread, slot, &set[slot]);
    return TLS_SLOTS * sizeof *set;
}

int ptregs_get_set(struct thread *thread, uint32_t type, void *set)
{
    switch (type) {
    case NT_PRSTATUS:
        return get_general(thread, set);
    case NT_PRFPREG:
        return get_legacy_fpu(thread, set);
    case NT_PRXFPREG:
        return get_fpu(thread, set);
    case NT_386_TLS:
        return get_tls(thread, set);
    }
    return -EINVAL;
}

int ptregs_put_set(struct thread *thread, uint32_t type, const void *set, uint32_t length)
{
    const struct user_desc *entries = set;
    int error = 0;
    switch (type) {
    case NT_PRSTATUS:
        return put_general(thread, set, length);
    case NT_PRFPREG:
    case NT_PRXFPREG:
        return put_fpu(thread, set, length, type == NT_PRXFPREG);
    case NT_386_TLS:
        for (uint32_t slot = 0; slot < MIN(length / sizeof *entries, TLS_SLOTS) && error == 0;
             slot++)
            error = thread_put_tls_entry(thread, slot, &entries[slot]);
        return error;
    }
    return -EINVAL;
}
