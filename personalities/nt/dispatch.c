/* SPDX-License-Identifier: MIT */
/* From a trap to its handler. See dispatch.h. */
#include <personalities/nt/dispatch.h>

#include <atomik/log.h>
#include <personalities/nt/exception.h>
#include <personalities/nt/host_names.h>
#include <personalities/nt/image.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/section.h>

#include <string.h>

#define VECTOR_SYSTEM_CALL 0x2e
#define TRAP_LENGTH        2 /* of int 2eh */
#define UNIX_CALL          0xf000u
#define WIN32U_FIRST       0x1000u

#define NTCALL(name, handler, arguments, support, text) NTSTATUS handler(struct call *call);
#include <personalities/nt/syscalls.def>
#undef NTCALL

const struct call_row call_rows[] = {
#define NTCALL(name, handler, arguments, support, text) {#name, arguments, handler},
#include <personalities/nt/syscalls.def>
#undef NTCALL
};

const struct call_row *call_row_named(const char *name)
{
    for (uint32_t i = 0; i < CALL_COUNT; i++)
        if (strcmp(call_rows[i].name, name) == 0)
            return &call_rows[i];
    return NULL;
}

static bool is_win32u(uint32_t number)
{
    return number >= WIN32U_FIRST && number < UNIX_CALL;
}

static NTSTATUS unimplemented(struct bound_call *bound, uint32_t number)
{
    if (bound && !bound->logged) {
        bound->logged = true;
        log_printf("%s is not implemented", bound->name);
    }
    /* Many calls of win32u return values: 0 is the failure that their callers expect. */
    return is_win32u(number) ? 0 : STATUS_NOT_IMPLEMENTED;
}

/* A call that fails leaves no handle: the place for it is cleared before anything else is checked. */
static NTSTATUS clear_handles(const struct bound_call *bound, const struct call *call)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; bound->handles >> i && !status; i++)
        if ((bound->handles >> i & 1) && call->args[i])
            status = guest_write32(call->args[i], 0);
    return status;
}

static NTSTATUS run_handler(struct nt_thread *thread, struct bound_call *bound, uint32_t arguments)
{
    struct call call = {.thread = thread,
                        .process = thread->process,
                        .regs = &thread->frame->regs,
                        .row = bound->row};
    NTSTATUS status = guest_read(call.args, arguments, bound->words * sizeof call.args[0]);
    if (!status && bound->handles)
        status = clear_handles(bound, &call);
    if (!status)
        status = bound->row->handler(&call);
    if (thread->process->trace && status != STATUS_RESTART_CALL)
        trace_call(thread, bound, &call, status);
    return status;
}

/* ---- calls of Wine's DLLs to their Unix halves, of which little exists here ---- */

struct unix_call {
    uint32_t module, module_high, code, arguments;
};
enum { NTDLL_SYSTEM_TIME_PRECISE = 2 };

static NTSTATUS unix_call(struct nt_thread *thread, uint32_t arguments)
{
    struct unix_call call;
    NTSTATUS status = guest_read(&call, arguments, sizeof call);
    if (status)
        return status;
    if ((call.module & ~1u) == thread->process->ntdll_base &&
        call.code == NTDLL_SYSTEM_TIME_PRECISE) {
        uint64_t now = nt_time();
        return guest_write(call.arguments, &now, sizeof now);
    }
    if (vm_is_module(thread->process, call.module & ~1u, LITERAL("ws2_32.dll")))
        return host_names_call(call.code, call.arguments);
    return STATUS_NOT_IMPLEMENTED;
}

static NTSTATUS system_call(struct nt_thread *thread)
{
    struct registers *regs = &thread->frame->regs;
    uint32_t number = regs->eax;
    if (number == UNIX_CALL)
        return unix_call(thread, regs->edx);
    struct bound_call *bound = ntdll_call(thread->process, number);
    if (bound && bound->row)
        return run_handler(thread, bound, regs->edx);
    if (!bound && !is_win32u(number))
        return STATUS_INVALID_SYSTEM_SERVICE;
    return unimplemented(bound, number);
}

static void handle_system_call(struct nt_thread *thread)
{
    NTSTATUS status = system_call(thread);
    thread->restarted = status == STATUS_RESTART_CALL;
    if (status == STATUS_RESTART_CALL)
        thread->frame->regs.eip -= TRAP_LENGTH;
    else if (status != STATUS_REGISTERS_SET)
        thread->frame->regs.eax = (uint32_t)status;
}

void dispatch_trap(struct nt_thread *thread)
{
    const struct guest_frame *frame = thread->frame;
    switch (frame->reason) {
    case GUEST_SYSCALL:
        if (frame->vector == VECTOR_SYSTEM_CALL)
            handle_system_call(thread);
        else
            exception_interrupt(thread, frame->vector);
        break;
    case GUEST_SYSENTER:
        /* No program of this ABI uses it; the instruction's own address is lost. */
        exception_interrupt(thread, 0);
        break;
    case GUEST_NO_MEMORY:
    case GUEST_EXCEPTION:
        exception_trap(thread);
        break;
    }
}

/* ---- trivial answers ---- */

NTSTATUS nt_success(struct call *call)
{
    (void)call;
    return STATUS_SUCCESS;
}
NTSTATUS nt_zero(struct call *call)
{
    (void)call;
    return 0;
}
NTSTATUS nt_access_denied(struct call *call)
{
    (void)call;
    return STATUS_ACCESS_DENIED;
}
NTSTATUS nt_no_eas(struct call *call)
{
    (void)call;
    return STATUS_NO_EAS_ON_FILE;
}
NTSTATUS nt_user_get_dpi(struct call *call)
{
    (void)call;
    return 96;
}
