/* SPDX-License-Identifier: MIT */
/*
 * CONTEXT records. The extended registers are the FXSAVE image as it is; the older FNSAVE form is
 * derived from it and turned back into it, register by register.
 */
#include <personalities/nt/context.h>

#include <string.h>

#define EFLAGS_GUEST  0x00240dd5u /* carry .. overflow, trap, direction, AC, ID */
#define EFLAGS_ALWAYS 0x202u

struct fxsave {
    uint16_t control, status;
    uint8_t tags, reserved;
    uint16_t opcode;
    uint32_t code_offset;
    uint16_t code_selector, reserved2;
    uint32_t data_offset;
    uint16_t data_selector, reserved3;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint8_t bytes[10], reserved[6];
    } st[8];
    uint8_t rest[352];
};
_Static_assert(sizeof(struct fxsave) == FPU_STATE_SIZE, "FXSAVE image");
_Static_assert(sizeof(((CONTEXT *)0)->ExtendedRegisters) == FPU_STATE_SIZE, "extended registers");

uint32_t context_guest_flags(uint32_t eflags)
{
    return (eflags & EFLAGS_GUEST) | EFLAGS_ALWAYS;
}

/* ---- FNSAVE and FXSAVE ---- */

/* Valid 0, zero 1, special 2, as FNSAVE's tag word has them. */
static uint32_t register_tag(const uint8_t bytes[10])
{
    static const uint8_t zero[8];
    uint32_t exponent = (bytes[8] | bytes[9] << 8) & 0x7fff;
    if (exponent == 0x7fff)
        return 2;
    if (exponent == 0)
        return memcmp(bytes, zero, sizeof zero) == 0 ? 1 : 2;
    return bytes[7] & 0x80 ? 0 : 2;
}

static uint32_t tags_to_word(const struct fxsave *fx)
{
    uint32_t top = fx->status >> 11 & 7, word = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tag = fx->tags >> i & 1 ? register_tag(fx->st[(i - top) & 7].bytes) : 3;
        word |= tag << (2 * i);
    }
    return word;
}

static void fx_to_save_area(const struct fxsave *fx, FLOATING_SAVE_AREA *area)
{
    area->ControlWord = 0xffff0000 | fx->control;
    area->StatusWord = 0xffff0000 | fx->status;
    area->TagWord = 0xffff0000 | tags_to_word(fx);
    area->ErrorOffset = fx->code_offset;
    area->ErrorSelector = fx->code_selector | (uint32_t)(fx->opcode & 0x7ff) << 16;
    area->DataOffset = fx->data_offset;
    area->DataSelector = 0xffff0000 | fx->data_selector;
    for (uint32_t i = 0; i < 8; i++)
        memcpy(area->RegisterArea + 10 * i, fx->st[i].bytes, 10);
}

static void save_area_to_fx(const FLOATING_SAVE_AREA *area, struct fxsave *fx)
{
    fx->control = area->ControlWord;
    fx->status = area->StatusWord;
    fx->tags = 0;
    for (uint32_t i = 0; i < 8; i++)
        if ((area->TagWord >> (2 * i) & 3) != 3)
            fx->tags |= 1u << i;
    fx->opcode = area->ErrorSelector >> 16 & 0x7ff;
    fx->code_offset = area->ErrorOffset;
    fx->code_selector = area->ErrorSelector;
    fx->data_offset = area->DataOffset;
    fx->data_selector = area->DataSelector;
    for (uint32_t i = 0; i < 8; i++)
        memcpy(fx->st[i].bytes, area->RegisterArea + 10 * i, 10);
}

void context_fpu_legacy(const void *fxsave, FLOATING_SAVE_AREA *area)
{
    fx_to_save_area(fxsave, area);
}

/* ---- registers ---- */

static void get_control(const struct registers *regs, CONTEXT *context)
{
    context->Ebp = regs->ebp;
    context->Eip = regs->eip;
    context->SegCs = regs->cs;
    context->EFlags = regs->eflags;
    context->Esp = regs->esp;
    context->SegSs = regs->ss;
}

static void get_integer(const struct registers *regs, CONTEXT *context)
{
    context->Edi = regs->edi;
    context->Esi = regs->esi;
    context->Ebx = regs->ebx;
    context->Edx = regs->edx;
    context->Ecx = regs->ecx;
    context->Eax = regs->eax;
}

static void get_segments(const struct registers *regs, CONTEXT *context)
{
    context->SegGs = regs->gs;
    context->SegFs = regs->fs;
    context->SegEs = regs->es;
    context->SegDs = regs->ds;
}

static bool has(DWORD flags, DWORD part)
{
    return (flags & part) == part;
}

static NTSTATUS get_fpu(struct nt_thread *thread, CONTEXT *context)
{
    struct fxsave fx;
    if (!has(context->ContextFlags, CONTEXT_FLOATING_POINT) &&
        !has(context->ContextFlags, CONTEXT_EXTENDED_REGISTERS))
        return STATUS_SUCCESS;
    status_t status = guest_fpu_read(thread->server_thread, &fx);
    if (status != OK)
        return nt_status(status);
    if (has(context->ContextFlags, CONTEXT_FLOATING_POINT))
        fx_to_save_area(&fx, &context->FloatSave);
    if (has(context->ContextFlags, CONTEXT_EXTENDED_REGISTERS))
        memcpy(context->ExtendedRegisters, &fx, sizeof fx);
    return STATUS_SUCCESS;
}

static void copy_context(CONTEXT *to, const CONTEXT *from, DWORD flags);

NTSTATUS context_get(struct nt_thread *thread, CONTEXT *context)
{
    if (thread->start_context) {
        copy_context(context, thread->start_context, context->ContextFlags);
        return STATUS_SUCCESS;
    }
    const struct registers *regs = &thread->frame->regs;
    if (has(context->ContextFlags, CONTEXT_CONTROL))
        get_control(regs, context);
    if (has(context->ContextFlags, CONTEXT_INTEGER))
        get_integer(regs, context);
    if (has(context->ContextFlags, CONTEXT_SEGMENTS))
        get_segments(regs, context);
    if (has(context->ContextFlags, CONTEXT_DEBUG_REGISTERS)) {
        memcpy(&context->Dr0, thread->debug_registers, 4 * sizeof(uint32_t));
        context->Dr6 = thread->debug_registers[4];
        context->Dr7 = thread->debug_registers[5];
    }
    return get_fpu(thread, context);
}

static void set_registers(struct registers *regs, const CONTEXT *context)
{
    if (has(context->ContextFlags, CONTEXT_CONTROL)) {
        regs->ebp = context->Ebp;
        regs->eip = context->Eip;
        regs->esp = context->Esp;
        regs->eflags = context_guest_flags(context->EFlags);
    }
    if (has(context->ContextFlags, CONTEXT_INTEGER)) {
        regs->edi = context->Edi;
        regs->esi = context->Esi;
        regs->ebx = context->Ebx;
        regs->edx = context->Edx;
        regs->ecx = context->Ecx;
        regs->eax = context->Eax;
    }
    if (has(context->ContextFlags, CONTEXT_SEGMENTS))
        regs->gs = context->SegGs & 0xffff;
}

static NTSTATUS set_fpu(struct nt_thread *thread, const CONTEXT *context)
{
    struct fxsave fx;
    if (has(context->ContextFlags, CONTEXT_EXTENDED_REGISTERS))
        return nt_status(guest_fpu_write(thread->server_thread, context->ExtendedRegisters));
    if (!has(context->ContextFlags, CONTEXT_FLOATING_POINT))
        return STATUS_SUCCESS;
    status_t status = guest_fpu_read(thread->server_thread, &fx);
    if (status != OK)
        return nt_status(status);
    save_area_to_fx(&context->FloatSave, &fx);
    return nt_status(guest_fpu_write(thread->server_thread, &fx));
}

static NTSTATUS set_debug(struct nt_thread *thread, const CONTEXT *context)
{
    uint32_t registers[6] = {context->Dr0, context->Dr1, context->Dr2,
                             context->Dr3, context->Dr6, context->Dr7};
    if (!has(context->ContextFlags, CONTEXT_DEBUG_REGISTERS))
        return STATUS_SUCCESS;
    memcpy(thread->debug_registers, registers, sizeof registers);
    return nt_status(guest_debug(thread->server_thread, registers));
}

NTSTATUS context_set(struct nt_thread *thread, const CONTEXT *context)
{
    if (thread->start_context) {
        copy_context(thread->start_context, context, context->ContextFlags);
        return STATUS_SUCCESS;
    }
    set_registers(&thread->frame->regs, context);
    NTSTATUS status = set_debug(thread, context);
    return status ? status : set_fpu(thread, context);
}

/* Between two records, for threads that have not started. */
static void copy_context(CONTEXT *to, const CONTEXT *from, DWORD flags)
{
    if (has(flags, CONTEXT_CONTROL)) {
        to->Ebp = from->Ebp;
        to->Eip = from->Eip;
        to->SegCs = GUEST_CS;
        to->EFlags = context_guest_flags(from->EFlags);
        to->Esp = from->Esp;
        to->SegSs = GUEST_DS;
    }
    if (has(flags, CONTEXT_INTEGER)) {
        to->Edi = from->Edi;
        to->Esi = from->Esi;
        to->Ebx = from->Ebx;
        to->Edx = from->Edx;
        to->Ecx = from->Ecx;
        to->Eax = from->Eax;
    }
    if (has(flags, CONTEXT_SEGMENTS)) {
        to->SegGs = from->SegGs;
        to->SegFs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
        to->SegEs = to->SegDs = GUEST_DS;
    }
    if (has(flags, CONTEXT_DEBUG_REGISTERS))
        memcpy(&to->Dr0, &from->Dr0, 6 * sizeof to->Dr0);
    if (has(flags, CONTEXT_FLOATING_POINT))
        to->FloatSave = from->FloatSave;
    if (has(flags, CONTEXT_EXTENDED_REGISTERS))
        memcpy(to->ExtendedRegisters, from->ExtendedRegisters, sizeof to->ExtendedRegisters);
}

void context_start(const struct nt_thread *thread, uint32_t eip, uint32_t esp, uint32_t eax,
                   uint32_t ebx, CONTEXT *context)
{
    (void)thread;
    struct fxsave fx = {.control = 0x27f, .mxcsr = 0x1f80};
    memset(context, 0, sizeof *context);
    context->ContextFlags =
        CONTEXT_FULL | CONTEXT_FLOATING_POINT | CONTEXT_EXTENDED_REGISTERS | CONTEXT_SEGMENTS;
    context->Eip = eip;
    context->Esp = esp;
    context->Eax = eax;
    context->Ebx = ebx;
    context->EFlags = EFLAGS_ALWAYS;
    context->SegCs = GUEST_CS;
    context->SegSs = context->SegDs = context->SegEs = GUEST_DS;
    context->SegFs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
    memcpy(context->ExtendedRegisters, &fx, sizeof fx);
    fx_to_save_area(&fx, &context->FloatSave);
}
