/* SPDX-License-Identifier: MIT */
/* The end after a fault of the kernel itself: message, registers, backtrace, stop. */
#include <kernel/log.h>
#include <kernel/thread.h>

static bool panicking;

static void begin(const char *format, va_list arguments)
{
    /* A panic inside a panic prints nothing more: the first message is the one that counts. */
    if (panicking)
        arch_panic_exit();
    panicking = true;
    arch_console_reclaim();
    log_to_console(true);
    log_print("\nkernel panic: ");
    log_vprint(format, arguments);
    log_print("\n");
    if (current)
        log_print("thread %u, process %s\n", current->object.id,
                  current->process ? current->process->name : "(kernel)");
}

static void end(const struct registers *r) __attribute__((noreturn));

static void end(const struct registers *r)
{
    log_print("eax %08x ebx %08x ecx %08x edx %08x\n", r->eax, r->ebx, r->ecx, r->edx);
    log_print("esi %08x edi %08x ebp %08x esp %08x\n", r->esi, r->edi, r->ebp, r->esp);
    log_print("eip %08x cs %04x eflags %08x ds %04x es %04x fs %04x gs %04x\n", r->eip,
              r->cs & 0xffff, r->eflags, r->ds & 0xffff, r->es & 0xffff, r->fs & 0xffff,
              r->gs & 0xffff);
    arch_backtrace_registers(r);
    arch_panic_exit();
}

void panic(const char *format, ...)
{
    struct registers registers;
    va_list arguments;

    arch_registers_here(&registers);
    va_start(arguments, format);
    begin(format, arguments);
    va_end(arguments);
    end(&registers);
}

void panic_registers(const struct registers *registers, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    begin(format, arguments);
    va_end(arguments);
    end(registers);
}
