/* SPDX-License-Identifier: MIT */
/* Crash reports. Everything read here may be garbage: the program has just gone wrong. */
#include <program/program.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>

#define FRAMES_MAX  32
#define SYMBOLS_MAX 65536u
#define LINE_LENGTH 160

/* The parts of ELF32 that hold the symbol table. */
#define SHT_SYMTAB 2
#define STT_FUNC   2
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_section {
    uint32_t name, type, flags, addr, offset, size, link, info, addralign, entsize;
};
struct elf_symbol {
    uint32_t name, value, size;
    uint8_t info, other;
    uint16_t section;
};
_Static_assert(sizeof(struct elf_header) == 52 && sizeof(struct elf_section) == 40 &&
                   sizeof(struct elf_symbol) == 16,
               "ELF layouts");

struct symbols {
    struct elf_symbol *table;
    uint32_t count;
    uint32_t strings_offset, strings_size;
    handle_t image;
};

uint32_t program_exception_signal(uint32_t vector)
{
    switch (vector) {
    case 0:
    case 16:
    case 19:
        return 8; /* SIGFPE */
    case 1:
    case 3:
        return 5; /* SIGTRAP */
    case 6:
        return 4; /* SIGILL */
    case 17:
        return 7; /* SIGBUS */
    default:
        return 11; /* SIGSEGV */
    }
}

static const char *exception_name(uint32_t vector)
{
    static const char *const names[] = {"division error",
                                        "debug trap",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound exceeded",
                                        "invalid instruction",
                                        "no coprocessor",
                                        "double fault",
                                        "coprocessor overrun",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack segment fault",
                                        "general protection fault",
                                        "page fault",
                                        "exception 15",
                                        "x87 error",
                                        "misaligned access",
                                        "machine check",
                                        "SIMD error"};
    return vector < sizeof names / sizeof names[0] ? names[vector] : "exception";
}

static bool read_section(handle_t image, const struct elf_header *header, uint32_t index,
                         struct elf_section *section)
{
    return index < header->shnum &&
           vmo_read(image, header->shoff + (uint64_t)index * sizeof *section, section,
                    sizeof *section) == OK;
}

static void load_symbols(handle_t image, struct symbols *symbols)
{
    struct elf_header header;
    struct elf_section section, strings;
    *symbols = (struct symbols){.image = image};
    if (vmo_read(image, 0, &header, sizeof header) != OK ||
        memcmp(header.ident, "\177ELF\1\1", 6) != 0 || header.shentsize != sizeof section)
        return;
    for (uint32_t i = 0; read_section(image, &header, i, &section); i++) {
        if (section.type != SHT_SYMTAB || section.size / sizeof(struct elf_symbol) > SYMBOLS_MAX ||
            !read_section(image, &header, section.link, &strings))
            continue;
        symbols->table = malloc(section.size);
        if (symbols->table == NULL ||
            vmo_read(image, section.offset, symbols->table, section.size) != OK)
            return;
        symbols->count = section.size / sizeof(struct elf_symbol);
        symbols->strings_offset = strings.offset;
        symbols->strings_size = strings.size;
        return;
    }
}

/* "name+0x12", or nothing if no function is there. */
static void describe(const struct symbols *symbols, uint32_t address, char *text, size_t size)
{
    const struct elf_symbol *best = NULL;
    char name[64] = "";
    text[0] = 0;
    for (uint32_t i = 0; i < symbols->count; i++) {
        const struct elf_symbol *symbol = &symbols->table[i];
        if (symbol->section == 0 || symbol->value > address || (symbol->info & 15) > STT_FUNC)
            continue;
        if (symbol->size != 0 && address - symbol->value >= symbol->size)
            continue;
        if (best == NULL || symbol->value >= best->value)
            best = symbol;
    }
    if (best == NULL || best->name >= symbols->strings_size)
        return;
    size_t length = symbols->strings_size - best->name;
    if (length > sizeof name - 1)
        length = sizeof name - 1;
    if (vmo_read(symbols->image, (uint64_t)symbols->strings_offset + best->name, name, length) ==
        OK)
        snprintf(text, size, "%s+%#x", name, (unsigned)(address - best->value));
}

static bool read_words(handle_t space, uint32_t address, uint32_t *words, uint32_t count)
{
    uint32_t done = 0;
    return space_read(space, address, words, count * 4, &done) == OK && done == count * 4;
}

static void backtrace(const struct symbols *symbols, const struct registers *regs, handle_t space,
                      void (*line)(void *, const char *), void *context)
{
    uint32_t eip = regs->eip, ebp = regs->ebp;
    if (eip == 0 && !read_words(space, regs->esp, &eip, 1)) /* a call of nothing: who called? */
        return;
    for (int depth = 0; depth < FRAMES_MAX && eip != 0; depth++) {
        char where[80], text[LINE_LENGTH];
        uint32_t frame[2];
        describe(symbols, eip - (depth > 0), where, sizeof where);
        snprintf(text, sizeof text, "  #%d %08x %s", depth, (unsigned)eip, where);
        line(context, text);
        if (ebp == 0 || (ebp & 3) || !read_words(space, ebp, frame, 2) ||
            (frame[0] != 0 && frame[0] <= ebp))
            return;
        ebp = frame[0];
        eip = frame[1];
    }
}

void program_crash_report(const char *name, uint32_t pid, const struct exception_message *exception,
                          handle_t space, handle_t image,
                          void (*line)(void *context, const char *text), void *context)
{
    const struct registers *regs = &exception->regs;
    struct symbols symbols;
    char text[LINE_LENGTH], detail[64] = "";
    if (exception->vector == 14)
        snprintf(detail, sizeof detail, " at %08x (%s)", (unsigned)exception->address,
                 exception->error & 2              ? "write"
                 : exception->address == regs->eip ? "execute"
                                                   : "read");
    if (exception->no_memory) {
        snprintf(text, sizeof text, "out of memory: process %u (%s) ended", (unsigned)pid, name);
        line(context, text);
    }
    snprintf(text, sizeof text, "%s (pid %u) crashed: %s%s, error %#x", name, (unsigned)pid,
             exception_name(exception->vector), detail, (unsigned)exception->error);
    line(context, text);
    snprintf(text, sizeof text, "  eip %08x esp %08x ebp %08x eflags %08x", (unsigned)regs->eip,
             (unsigned)regs->esp, (unsigned)regs->ebp, (unsigned)regs->eflags);
    line(context, text);
    snprintf(text, sizeof text, "  eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x",
             (unsigned)regs->eax, (unsigned)regs->ebx, (unsigned)regs->ecx, (unsigned)regs->edx,
             (unsigned)regs->esi, (unsigned)regs->edi);
    line(context, text);
    load_symbols(image, &symbols);
    backtrace(&symbols, regs, space, line, context);
    free(symbols.table);
}
