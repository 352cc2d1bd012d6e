/* SPDX-License-Identifier: MIT */
/*
 * From processor exceptions to EXCEPTION_RECORDs, and the frames that ntdll's dispatchers expect on
 * the program's stack:
 *
 *   KiUserExceptionDispatcher   esp -> &record, &context, then record, context
 *   KiUserApcDispatcher         esp -> return address, &context, a1, a2, a3, function, then context
 */
#include <personalities/nt/exception.h>

#include <personalities/nt/context.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define TRAP_FLAG      0x100u
#define DIRECTION_FLAG 0x400u
#define ALIGNMENT_FLAG 0x40000u

enum vector {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUND = 5,
    VECTOR_OPCODE = 6,
    VECTOR_PROTECTION = 13,
    VECTOR_PAGE = 14,
    VECTOR_FPU = 16,
    VECTOR_ALIGNMENT = 17,
    VECTOR_SIMD = 19,
    VECTOR_FAST_FAIL = 0x29,
    VECTOR_DEBUG_SERVICE = 0x2d,
};

struct exception_frame {
    uint32_t record_pointer, context_pointer;
    EXCEPTION_RECORD record;
    CONTEXT context;
};

/* ---- delivery ---- */

/* The stack below esp, from the top: the context at `alignment`, then the rest of the frame. */
static NTSTATUS push(uint32_t *esp, const void *bytes, uint32_t length)
{
    if (*esp < length || *esp > NT_GUEST_LIMIT)
        return STATUS_ACCESS_VIOLATION;
    *esp = (*esp - length) & ~3u;
    return guest_write(*esp, bytes, length);
}

static NTSTATUS dispatch(struct nt_thread *thread, const EXCEPTION_RECORD *record,
                         const CONTEXT *context)
{
    struct registers *regs = &thread->frame->regs;
    struct exception_frame frame = {.record = *record, .context = *context};
    uint32_t esp = context->Esp;
    uint32_t base = (esp - (uint32_t)sizeof frame) & ~3u;
    frame.record_pointer = base + offsetof(struct exception_frame, record);
    frame.context_pointer = base + offsetof(struct exception_frame, context);
    NTSTATUS status = push(&esp, &frame, sizeof frame);
    if (status)
        return status;
    CONTEXT entry = *context;
    entry.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER;
    entry.Esp = esp;
    entry.Eip = ntdll_entry(thread->process, NTDLL_EXCEPTION_DISPATCHER);
    entry.EFlags &= ~(TRAP_FLAG | DIRECTION_FLAG | ALIGNMENT_FLAG);
    (void)context_set(thread, &entry);
    regs->fs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
    return STATUS_SUCCESS;
}

/* Without a stack to dispatch on there is nobody to ask: the process ends. */
static void give_to_program(struct nt_thread *thread, EXCEPTION_RECORD *record, CONTEXT *context)
{
    /* The program sees itself at the breakpoint, its debugger behind it. */
    if ((NTSTATUS)record->ExceptionCode == STATUS_BREAKPOINT)
        context->Eip--;
    if (dispatch(thread, record, context))
        process_terminate_nt(thread->process, record->ExceptionCode);
}

/* The debugger is asked first. */
static void raise(struct nt_thread *thread, EXCEPTION_RECORD *record, CONTEXT *context)
{
    (void)context_set(thread, context);
    if (!debug_exception(thread, record, true))
        give_to_program(thread, record, context);
}

void exception_continue(struct nt_thread *thread, EXCEPTION_RECORD *record, bool first_chance,
                        NTSTATUS answer)
{
    CONTEXT context = {.ContextFlags = CONTEXT_EVERYTHING};
    if (answer != DBG_EXCEPTION_NOT_HANDLED)
        return;
    if (!first_chance)
        process_terminate_nt(thread->process, record->ExceptionCode);
    else if (!context_get(thread, &context))
        give_to_program(thread, record, &context);
}

/* ---- what a trap means ---- */

struct trap {
    EXCEPTION_RECORD record;
    CONTEXT context;
};

static void set_record(struct trap *trap, NTSTATUS code, uint32_t parameters, uint32_t first,
                       uint32_t second)
{
    trap->record.ExceptionCode = (DWORD)code;
    trap->record.NumberParameters = parameters;
    trap->record.ExceptionInformation[0] = first;
    trap->record.ExceptionInformation[1] = second;
}

/* hlt, cli, sti, in, out and the 0f group of system instructions, behind prefixes. */
static bool is_privileged(uint32_t eip)
{
    uint8_t code[4];
    uint32_t i = 0;
    if (guest_read(code, eip, sizeof code))
        return false;
    while (i < 2 && (code[i] == 0x66 || code[i] == 0xf2 || code[i] == 0xf3))
        i++;
    switch (code[i]) {
    case 0xe4 ... 0xe7: /* in, out imm8 */
    case 0xec ... 0xef: /* in, out dx */
    case 0x6c ... 0x6f: /* ins, outs */
    case 0xf4:
    case 0xfa:
    case 0xfb:
        return true;
    case 0x0f:
        switch (code[i + 1]) {
        case 0x00:
        case 0x01:
        case 0x06:
        case 0x08:
        case 0x09:
        case 0x20 ... 0x23:
        case 0x30:
        case 0x32:
        case 0x33:
        case 0x35:
            return true;
        }
    }
    return false;
}

static bool page_fault(struct nt_thread *thread, struct trap *trap)
{
    const struct guest_frame *frame = thread->frame;
    bool write = frame->error & 2;
    NTSTATUS code = vm_fault(thread, frame->address, write);
    uint32_t kind = frame->fetch ? EXCEPTION_EXECUTE_FAULT
                    : write      ? EXCEPTION_WRITE_FAULT
                                 : EXCEPTION_READ_FAULT;
    if (!code)
        return false;
    set_record(trap, code, 2, kind, frame->address);
    if (code == STATUS_IN_PAGE_ERROR) {
        trap->record.NumberParameters = 3;
        trap->record.ExceptionInformation[2] = (DWORD)STATUS_NO_MEMORY;
    }
    return true;
}

static NTSTATUS fpu_code(struct nt_thread *thread)
{
    CONTEXT context = {.ContextFlags = CONTEXT_FLOATING_POINT};
    if (context_get(thread, &context))
        return STATUS_FLOAT_INVALID_OPERATION;
    uint32_t pending = context.FloatSave.StatusWord & ~context.FloatSave.ControlWord;
    if (context.FloatSave.StatusWord & 0x40 && pending & 1)
        return STATUS_FLOAT_STACK_CHECK;
    if (pending & 1)
        return STATUS_FLOAT_INVALID_OPERATION;
    if (pending & 4)
        return STATUS_FLOAT_DIVIDE_BY_ZERO;
    if (pending & 8)
        return STATUS_FLOAT_OVERFLOW;
    if (pending & 16)
        return STATUS_FLOAT_UNDERFLOW;
    return pending & 2 ? STATUS_FLOAT_DENORMAL_OPERAND : STATUS_FLOAT_INEXACT_RESULT;
}

/* Fill the record; false: the program just goes on. */
static bool trap_record(struct nt_thread *thread, struct trap *trap)
{
    CONTEXT *context = &trap->context;
    switch (thread->frame->vector) {
    case VECTOR_DIVIDE:
        set_record(trap, STATUS_INTEGER_DIVIDE_BY_ZERO, 0, 0, 0);
        break;
    case VECTOR_DEBUG:
        context->EFlags &= ~TRAP_FLAG;
        context->Dr6 = thread->debug_registers[4] = thread->frame->address;
        set_record(trap, STATUS_SINGLE_STEP, 0, 0, 0);
        break;
    case VECTOR_BREAKPOINT:
        set_record(trap, STATUS_BREAKPOINT, 3, 0, 0);
        break;
    case VECTOR_OVERFLOW:
        set_record(trap, STATUS_INTEGER_OVERFLOW, 0, 0, 0);
        break;
    case VECTOR_BOUND:
        set_record(trap, STATUS_ARRAY_BOUNDS_EXCEEDED, 0, 0, 0);
        break;
    case VECTOR_OPCODE:
        set_record(trap, STATUS_ILLEGAL_INSTRUCTION, 0, 0, 0);
        break;
    case VECTOR_PAGE:
        return page_fault(thread, trap);
    case VECTOR_FPU:
        set_record(trap, fpu_code(thread), 0, 0, 0);
        break;
    case VECTOR_ALIGNMENT:
        thread->frame->regs.eflags &= ~ALIGNMENT_FLAG;
        return false;
    case VECTOR_SIMD:
        set_record(trap, STATUS_FLOAT_MULTIPLE_TRAPS, 1, 0, 0);
        break;
    default:
        if (is_privileged(context->Eip))
            set_record(trap, STATUS_PRIVILEGED_INSTRUCTION, 0, 0, 0);
        else
            set_record(trap, STATUS_ACCESS_VIOLATION, 2, EXCEPTION_READ_FAULT, 0xffffffff);
    }
    return true;
}

static void trap_begin(struct nt_thread *thread, struct trap *trap)
{
    memset(trap, 0, sizeof *trap);
    trap->context.ContextFlags = CONTEXT_EVERYTHING;
    (void)context_get(thread, &trap->context);
}

static void trap_raise(struct nt_thread *thread, struct trap *trap)
{
    bool breakpoint = thread->frame->vector == VECTOR_BREAKPOINT;
    trap->record.ExceptionAddress = (void *)(trap->context.Eip - breakpoint);
    crash_note(thread, trap->record.ExceptionCode);
    raise(thread, &trap->record, &trap->context);
}

void exception_trap(struct nt_thread *thread)
{
    struct trap trap;
    trap_begin(thread, &trap);
    if (trap_record(thread, &trap))
        trap_raise(thread, &trap);
}

void exception_interrupt(struct nt_thread *thread, uint32_t vector)
{
    struct trap trap;
    struct registers *regs = &thread->frame->regs;
    trap_begin(thread, &trap);
    if (vector == VECTOR_DEBUG_SERVICE) {
        /* Printing and symbol services of the debugger: nobody listens. The byte behind is padding. */
        if (regs->eax == 1 || (regs->eax >= 3 && regs->eax <= 5)) {
            regs->eip += 1;
            return;
        }
        set_record(&trap, STATUS_BREAKPOINT, 3, regs->eax, regs->ecx);
        trap.record.ExceptionInformation[2] = regs->edx;
        trap.context.Eip += 1;
    } else if (vector == VECTOR_FAST_FAIL) {
        set_record(&trap, STATUS_STACK_BUFFER_OVERRUN, 1, regs->ecx, 0);
        trap.record.ExceptionFlags = EH_NONCONTINUABLE;
        trap.context.Eip -= 2;
    } else {
        trap.context.Eip -= 2;
        set_record(&trap, STATUS_ACCESS_VIOLATION, 2, EXCEPTION_READ_FAULT, 0xffffffff);
    }
    trap_raise(thread, &trap);
}

/* ---- APCs ---- */

static NTSTATUS apc_enter(struct nt_thread *thread, const CONTEXT *context, const struct apc *apc)
{
    uint32_t esp = context->Esp;
    NTSTATUS status = push(&esp, context, sizeof *context);
    uint32_t frame[6] = {0xdeadbabe,        esp,          apc->arguments[0], apc->arguments[1],
                         apc->arguments[2], apc->function};
    if (!status)
        status = push(&esp, frame, sizeof frame);
    if (status)
        return status;
    CONTEXT entry = *context;
    entry.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER;
    entry.Esp = esp;
    entry.Eip = ntdll_entry(thread->process, NTDLL_APC_DISPATCHER);
    (void)context_set(thread, &entry);
    return STATUS_REGISTERS_SET;
}

static NTSTATUS apc_take(struct nt_thread *thread, const CONTEXT *context)
{
    struct apc *apc = container_of(thread->apcs.next, struct apc, link);
    list_remove(&apc->link);
    NTSTATUS status = apc_enter(thread, context, apc);
    free(apc);
    return status;
}

NTSTATUS apc_deliver(struct nt_thread *thread, NTSTATUS result)
{
    CONTEXT context = {.ContextFlags = CONTEXT_EVERYTHING};
    NTSTATUS status = context_get(thread, &context);
    if (status)
        return status;
    context.Eax = (DWORD)result;
    return apc_take(thread, &context);
}

/* ---- calls ---- */

NTSTATUS nt_continue(struct call *call)
{
    CONTEXT context;
    NTSTATUS status = guest_read(&context, call->args[0], sizeof context);
    if (status)
        return status;
    if ((call->args[1] & 0xff) && !list_empty(&call->thread->apcs))
        return apc_take(call->thread, &context);
    status = context_set(call->thread, &context);
    return status ? status : STATUS_REGISTERS_SET;
}

NTSTATUS nt_raise_exception(struct call *call)
{
    EXCEPTION_RECORD record;
    CONTEXT context;
    NTSTATUS status = guest_read(&record, call->args[0], sizeof record);
    if (!status)
        status = guest_read(&context, call->args[1], sizeof context);
    if (status)
        return status;
    if (record.NumberParameters > EXCEPTION_MAXIMUM_PARAMETERS)
        return STATUS_INVALID_PARAMETER;
    if (!(call->args[2] & 0xff)) {
        /* Second chance: nobody handled it. */
        status = context_set(call->thread, &context);
        if (status || !debug_exception(call->thread, &record, false))
            process_terminate_nt(call->process, record.ExceptionCode);
        return STATUS_REGISTERS_SET;
    }
    /* The rest of the registers are as RtlRaiseException's caller left them in the record. */
    raise(call->thread, &record, &context);
    return STATUS_REGISTERS_SET;
}
