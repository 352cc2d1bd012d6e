/* SPDX-License-Identifier: MIT */
/* A context that calls a function on a stack of its own. */
#include <stdarg.h>
#include <stdint.h>
#include <ucontext.h>

_Static_assert(__builtin_offsetof(ucontext_t, uc_mcontext) == 20, "context.S");
_Static_assert(__builtin_offsetof(ucontext_t, uc_sigmask) == 108, "context.S");

void __atomik_context_end(void);

void makecontext(ucontext_t *context, void (*function)(void), int count, ...)
{
    uintptr_t top = ((uintptr_t)context->uc_stack.ss_sp + context->uc_stack.ss_size) & -16UL;
    uintptr_t *stack = (uintptr_t *)((top - 16 - sizeof(uintptr_t) * (unsigned)count) & -16UL);
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        stack[i] = va_arg(list, uintptr_t);
    va_end(list);
    stack[-1] = (uintptr_t)__atomik_context_end;
    greg_t *registers = context->uc_mcontext.gregs;
    registers[REG_EIP] = (greg_t)(uintptr_t)function;
    registers[REG_ESP] = (greg_t)(uintptr_t)(stack - 1);
    registers[REG_EBX] = (greg_t)(uintptr_t)context->uc_link;
    registers[REG_ESI] = (greg_t)(top - 16);
    registers[REG_EBP] = 0;
}
