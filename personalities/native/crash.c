/* SPDX-License-Identifier: MIT */
/*
 * The report of a crashed program: what happened, the registers, and the calls that led there,
 * with names from the symbol table of its image. The image and the stack are the program's: nothing
 * read from them is trusted beyond being printed.
 */
#include <atomik/log.h>
#include <atomik/syscall.h>
#include <ipc/fsclient.h>
#include <ipc/ttyclient.h>
#include <loaders/elf32/elf32_format.h>
#include <atomik/time.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "native.h"

#define FRAMES_MAX 24
#define SYMBOL_NAME 64
#define SYMBOLS_MAX 65536u

struct section_header {
    uint32_t name, type, flags, address, offset, size, link, info, align, entry_size;
};
struct symbol {
    uint32_t name, value, size;
    uint8_t info, other;
    uint16_t section;
};
enum { SECTION_SYMTAB = 2, SYMBOL_FUNCTION = 2 };

struct report {
    char text[4096];
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) add(struct report *report, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof report->text - report->length;
    va_start(arguments, format);
    int length = vsnprintf(report->text + report->length, room, format, arguments);
    va_end(arguments);
    report->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static const char *vector_name(uint32_t vector)
{
    static const char *const names[] = {"division by zero", "debug trap", "NMI", "breakpoint", "overflow", "bound exceeded", "invalid instruction",
                                        "no FPU", "double fault", "FPU segment", "invalid TSS", "segment not present", "stack fault",
                                        "general protection fault", "page fault", "reserved", "FPU error", "misaligned access", "machine check", "SSE error"};
    return vector < sizeof names / sizeof names[0] ? names[vector] : "exception";
}

uint32_t crash_signal(uint32_t vector)
{
    enum { ILL = 4, TRAP = 5, BUS = 7, FPE = 8, SEGV = 11 };
    switch (vector) {
    case 0:
    case 16:
    case 19:
        return FPE;
    case 1:
    case 3:
        return TRAP;
    case 6:
        return ILL;
    case 17:
        return BUS;
    }
    return SEGV;
}

/* ---- symbols ------------------------------------------------------------------------------------- */

static bool read_section(handle_t image, uint32_t index, struct section_header *section)
{
    struct elf32_header header;
    if (vmo_read(image, 0, &header, sizeof header) != OK || index >= header.section_header_count)
        return false;
    uint64_t offset = (uint64_t)header.section_headers + index * sizeof *section;
    return vmo_read(image, offset, section, sizeof *section) == OK;
}

static bool find_symbols(handle_t image, struct section_header *symbols, struct section_header *strings)
{
    for (uint32_t i = 1; read_section(image, i, symbols); i++)
        if (symbols->type == SECTION_SYMTAB)
            return read_section(image, symbols->link, strings);
    return false;
}

/* The function that contains address; leaves name empty if there is none. */
static uint32_t find_function(handle_t image, uint32_t address, char *name, size_t size)
{
    struct section_header symbols, strings;
    struct symbol batch[32], best = {0};
    name[0] = 0;
    if (!find_symbols(image, &symbols, &strings))
        return 0;
    uint32_t count = symbols.size / sizeof batch[0];
    count = count < SYMBOLS_MAX ? count : SYMBOLS_MAX;
    for (uint32_t i = 0; i < count; i += 32) {
        uint32_t here = count - i < 32 ? count - i : 32;
        if (vmo_read(image, (uint64_t)symbols.offset + i * sizeof batch[0], batch, here * sizeof batch[0]) != OK)
            return 0;
        for (uint32_t j = 0; j < here; j++)
            if ((batch[j].info & 15) == SYMBOL_FUNCTION && batch[j].value <= address && batch[j].value >= best.value &&
                (batch[j].size == 0 || address - batch[j].value < batch[j].size))
                best = batch[j];
    }
    if (best.value == 0)
        return 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (best.name + i >= strings.size || vmo_read(image, (uint64_t)strings.offset + best.name + i, name + i, 1) != OK || name[i] == 0) {
            name[i] = 0;
            return best.value;
        }
    }
    name[size - 1] = 0;
    return best.value;
}

static void add_frame(struct report *report, const struct native_process *process, uint32_t address)
{
    char name[SYMBOL_NAME];
    uint32_t start = find_function(process->image, address, name, sizeof name);
    if (name[0] != 0)
        add(report, "  %08x %s+0x%x\n", (unsigned)address, name, (unsigned)(address - start));
    else
        add(report, "  %08x\n", (unsigned)address);
}

static void add_calls(struct report *report, const struct native_process *process, const struct registers *registers)
{
    uint32_t frame = registers->ebp, saved[2], done;
    add_frame(report, process, registers->eip);
    for (uint32_t i = 0; i < FRAMES_MAX && frame != 0; i++) {
        if (space_read(process->space, frame, saved, sizeof saved, &done) != OK || done < sizeof saved || saved[1] == 0)
            return;
        add_frame(report, process, saved[1] - 1); /* the call, not what follows it */
        if (saved[0] <= frame)
            return;
        frame = saved[0];
    }
}

/* ---- output ------------------------------------------------------------------------------------------ */

/* A second is enough for anything that takes bytes at all; a full pipe must not hold us up. */
static status_t write_to_program(const struct native_process *process, const char *text, size_t length)
{
    uint32_t done;
    size_t written;
    uint64_t end;
    switch (process->error_fd.kind) {
    case FD_STREAM_WRITE:
        return stream_write(process->error_handle, text, (uint32_t)length, &done, time_monotonic() + NS_PER_S);
    case FD_TTY:
        return tty_client_write(process->error_handle, text, length, TTY_NONBLOCK, 0, 0, &written);
    case FD_FILE:
        return fs_client_write(process->error_handle, FS_POSITION, text, length, &written, &end);
    }
    return ERR_BAD_HANDLE;
}

void crash_report(struct native_process *process, const struct exception_message *message)
{
    static struct report report; /* only the watch thread reports */
    const struct registers *r = &message->regs;
    report.length = 0;
    add(&report, "%s (pid %u): %s", process->command, (unsigned)process->pid, vector_name(message->vector));
    if (message->vector == 14)
        add(&report, " at address %08x", (unsigned)message->address);
    add(&report, "\n  eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x\n", (unsigned)r->eax, (unsigned)r->ebx, (unsigned)r->ecx,
        (unsigned)r->edx, (unsigned)r->esi, (unsigned)r->edi);
    add(&report, "  eip %08x esp %08x ebp %08x eflags %08x error %x\n", (unsigned)r->eip, (unsigned)r->esp, (unsigned)r->ebp,
        (unsigned)r->eflags, (unsigned)message->error);
    add_calls(&report, process, r);
    if (write_to_program(process, report.text, report.length) != OK)
        log_printf("%s", report.text);
}
