/* SPDX-License-Identifier: MIT */
/*
 * What is read from the ntdll.dll that a process loads: the numbers of its system calls, bound by
 * name to the handlers of syscalls.def, and the addresses at which the server enters it.
 */
#ifndef NT_NTDLL_H
#define NT_NTDLL_H

#include <personalities/nt/nt.h>

enum ntdll_entry {
    NTDLL_LDR_INITIALIZE,
    NTDLL_THREAD_START,
    NTDLL_EXCEPTION_DISPATCHER,
    NTDLL_APC_DISPATCHER,
    NTDLL_CTRL_ROUTINE,
    NTDLL_BREAK_IN,
    NTDLL_SYSCALL_HOOK,
    NTDLL_UNIX_CALL_HOOK,
    NTDLL_ENTRY_COUNT
};

struct call_row {
    const char *name, *arguments; /* of the decoder, see syscalls.def */
    call_handler handler;         /* NULL: not implemented */
};
/* dispatch.c: the table of syscalls.def, whose rows have the order of enum call_index. */
extern const struct call_row call_rows[];
enum call_index {
#define NTCALL(name, handler, arguments, support, text) CALL_##name,
#include <personalities/nt/syscalls.def>
#undef NTCALL
    CALL_COUNT
};
/* NULL: there is none of that name. */
const struct call_row *call_row_named(const char *name);

struct bound_call {
    char *name;                 /* as the DLL spells it */
    const struct call_row *row; /* NULL: not in the table */
    uint8_t words;
    uint16_t handles; /* bits of the arguments that say where a new handle goes */
    bool logged;      /* one line about a call that is not implemented */
};

#define CALLS_MAX 1024
struct bound_table {
    uint32_t count;
    struct bound_call calls[CALLS_MAX];
};

struct ntdll {
    struct list link;
    uint32_t references;
    struct image *image;                 /* held */
    uint32_t entries[NTDLL_ENTRY_COUNT]; /* RVAs; 0 = not there */
    uint32_t zero_loop;                  /* RVA of the size that thread start clears, or 0 */
    struct bound_table table;
};

/* The description of this ntdll; made on first sight. *ntdll is a reference. */
NTSTATUS ntdll_describe(struct image *image, struct ntdll **ntdll);
void ntdll_release(struct ntdll *ntdll);
/* Absolute address in a process; 0 if the export is missing. */
uint32_t ntdll_entry(const struct nt_process *process, enum ntdll_entry entry);
/* Write the hooks into a freshly mapped ntdll. */
NTSTATUS ntdll_hook(struct nt_process *process);
/* NULL: no such number. */
struct bound_call *ntdll_call(const struct nt_process *process, uint32_t number);

#endif
