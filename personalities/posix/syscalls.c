/* SPDX-License-Identifier: MIT */
/*
 * Dispatch and tracing, both derived from syscalls.def: a thunk per call moves the trap's registers
 * to the handler's typed arguments, and a row of names and kinds per call lets the tracer print it.
 */
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "missing.h"
#include "task.h"

/* ---- thunks ------------------------------------------------------------------------------------ */

#define WORD_0         ebx
#define WORD_1         ecx
#define WORD_2         edx
#define WORD_3         esi
#define WORD_4         edi
#define WORD_5         ebp
#define NEXT_1         edx
#define NEXT_2         esi
#define NEXT_3         edi
#define NEXT_4         ebp
#define REG(word)      REG_(WORD_##word)
#define REG_(name)     regs->name
#define REG_NEXT(word) REG_(NEXT_##word)

#define KIND_GET_fd(word)   REG(word)
#define KIND_GET_i32(word)  (int32_t) REG(word)
#define KIND_GET_u32(word)  REG(word)
#define KIND_GET_hex(word)  REG(word)
#define KIND_GET_ptr(word)  USER(REG(word))
#define KIND_GET_str(word)  USER(REG(word))
#define KIND_GET_sig(word)  REG(word)
#define KIND_GET_mode(word) REG(word)
#define KIND_GET_pid(word)  (int32_t) REG(word)
#define KIND_GET_off(word)  (REG(word) | (uint64_t)REG_NEXT(word) << 32)

#define VALUES_NONE(first)
#define VALUES(...)                                                                             \
    ARGUMENTS_PICK(__VA_ARGS__, ARGUMENTS_DROP, ARGUMENTS_DROP, ARGUMENTS_DROP, ARGUMENTS_DROP, \
                   ARGUMENTS_DROP, ARGUMENTS_DROP, VALUES_NONE, )                               \
    (__VA_ARGS__)

#define A(word, kind, name) , KIND_GET_##kind(word)
/* Newer than the header that the others are checked with. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#define SYSCALL(number, name, handler, arguments, support, text) \
    _Static_assert((number) == __NR_##name, "number of " #name); \
    static int32_t thunk_##name(const struct registers *regs)    \
    {                                                            \
        (void)regs;                                              \
        return handler(VALUES(_ arguments));                     \
    }
#define MISSING(number, name, error, text)                       \
    _Static_assert((number) == __NR_##name, "number of " #name); \
    static int32_t thunk_##name(const struct registers *regs)    \
    {                                                            \
        (void)regs;                                              \
        missing_note("system call " #name);                      \
        return -(error);                                         \
    }
#include "syscalls.def"
#undef SYSCALL
#undef MISSING
#undef A

syscall_thunk *const syscall_thunks[SYSCALL_LIMIT] = {
#define SYSCALL(number, name, handler, arguments, support, text) [number] = thunk_##name,
#define MISSING(number, name, error, text)                       [number] = thunk_##name,
#include "syscalls.def"
#undef SYSCALL
#undef MISSING
};

int32_t syscall_unknown(uint32_t number)
{
    missing_number(number);
    return -ENOSYS;
}

/* ---- tracing ----------------------------------------------------------------------------------- */

enum kind {
    KIND_END,
    KIND_fd,
    KIND_i32,
    KIND_u32,
    KIND_hex,
    KIND_ptr,
    KIND_str,
    KIND_sig,
    KIND_mode,
    KIND_pid,
    KIND_off
};
struct traced_argument {
    const char *name;
    uint8_t kind, word;
};
struct traced_call {
    const char *name;
    struct traced_argument arguments[6];
};

static const struct traced_call traced_calls[SYSCALL_LIMIT] = {
#define A(word, kind, name)                                      {#name, KIND_##kind, word},
#define SYSCALL(number, name, handler, arguments, support, text) [number] = {#name, {arguments}},
#define MISSING(number, name, error, text)                       [number] = {#name, {{NULL, KIND_END, 0}}},
#include "syscalls.def"
#undef SYSCALL
#undef MISSING
#undef A
};

const char *syscall_name(uint32_t number)
{
    return number < SYSCALL_LIMIT ? traced_calls[number].name : NULL;
}

static uint32_t register_word(const struct registers *regs, uint32_t word)
{
    const uint32_t words[6] = {regs->ebx, regs->ecx, regs->edx, regs->esi, regs->edi, regs->ebp};
    return word < 6 ? words[word] : 0;
}

static void trace_string(struct text *line, uint32_t address)
{
    char text[64];
    int length = copy_in_string(text, USER(address), sizeof text);
    if (length == -EFAULT) {
        text_printf(line, "%#x", address);
        return;
    }
    text[sizeof text - 1] = '\0';
    text_printf(line, "\"%s\"%s", text, length < 0 ? "..." : "");
}

static void trace_argument(struct text *line, const struct traced_argument *argument,
                           const struct registers *regs)
{
    uint32_t value = register_word(regs, argument->word);
    switch (argument->kind) {
    case KIND_str:
        trace_string(line, value);
        break;
    case KIND_hex:
    case KIND_ptr:
        text_printf(line, value ? "%#x" : "0", value);
        break;
    case KIND_mode:
        text_printf(line, "0%o", value);
        break;
    case KIND_u32:
        text_printf(line, "%u", value);
        break;
    case KIND_off:
        text_printf(line, "%lld",
                    (long long)(value | (uint64_t)register_word(regs, argument->word + 1) << 32));
        break;
    case KIND_fd:
        if ((int32_t)value == AT_FDCWD) {
            text_printf(line, "AT_FDCWD");
            break;
        } /* fall through */
    default:
        text_printf(line, "%d", (int32_t)value);
    }
}

static void trace_result(struct text *line, int32_t result)
{
    if (result < 0 && result >= -511)
        text_printf(line, ") = -1 errno %d\n", -result);
    else if (result < -511 && result >= -517)
        text_printf(line, ") = ? (interrupted)\n");
    else
        text_printf(line, (uint32_t)result > 0xffff ? ") = %#x\n" : ") = %d\n", result);
}

int32_t syscall_traced(uint32_t number, const struct registers *regs)
{
    struct registers before = *regs;
    struct text line = {.data = NULL};
    struct process *process = self()->process;
    bool known = number < SYSCALL_LIMIT && traced_calls[number].name;
    bool ends = number == __NR_exit || number == __NR_exit_group || number == __NR_execve;
    text_printf(&line, "[%u] ", self()->tid);
    if (known)
        text_printf(&line, "%s(", traced_calls[number].name);
    else
        text_printf(&line, "syscall_%u(", number);
    for (uint32_t i = 0; known && i < 6 && traced_calls[number].arguments[i].name; i++) {
        if (i > 0)
            text_add(&line, ", ", 2);
        trace_argument(&line, &traced_calls[number].arguments[i], &before);
    }
    if (ends) {
        text_printf(&line, ")\n");
        file_print(process->trace, line.data, line.length);
        text_free(&line);
    }
    int32_t result = number < SYSCALL_LIMIT && syscall_thunks[number] ? syscall_thunks[number](regs)
                                                                      : syscall_unknown(number);
    if (!ends) {
        trace_result(&line, result);
        file_print(process->trace, line.data, line.length);
        text_free(&line);
    }
    return result;
}
