/* SPDX-License-Identifier: MIT */
/*
 * snap export --minidump: a snapshot of a Windows process as a minidump, which the debuggers of that
 * world open. Everything but memory is put together in one block; memory follows it, range by range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minidump.h"
#include "snap.h"

#define MEM_IMAGE    0x1000000u
#define PIECE        65536u
#define MODULES_MAX  1024u
#define RELATIVE_PE  0x3cu /* where the offset of the PE header is */
#define STREAMS      6u
#define PROCESSOR_P6 6u

struct dump {
    const struct snapshot *snapshot;
    uint8_t *bytes;
    uint32_t size, room;
    bool failed;
    struct minidump_directory directory[STREAMS];
    uint32_t streams;
    struct minidump_location crashed; /* context of the thread that the crash is about */
};

/* ---- the block ---------------------------------------------------------------------------------- */

/* Room for `length` bytes, zeroed and aligned to 4; its offset. */
static uint32_t reserve(struct dump *dump, uint32_t length)
{
    uint32_t at = (dump->size + 3) & ~3u, end = at + length;
    if (end > dump->room) {
        uint32_t room = end * 2 + PIECE;
        uint8_t *grown = realloc(dump->bytes, room);
        if (grown == NULL) {
            dump->failed = true;
            return 0;
        }
        memset(grown + dump->room, 0, room - dump->room);
        dump->bytes = grown;
        dump->room = room;
    }
    dump->size = end;
    return at;
}

static void store(struct dump *dump, uint32_t at, const void *from, uint32_t length)
{
    if (!dump->failed)
        memcpy(dump->bytes + at, from, length);
}

static uint32_t add(struct dump *dump, const void *from, uint32_t length)
{
    uint32_t at = reserve(dump, length);
    store(dump, at, from, length);
    return at;
}

static void add_stream(struct dump *dump, enum minidump_stream type, uint32_t at, uint32_t size)
{
    dump->directory[dump->streams++] = (struct minidump_directory){(uint32_t)type, {size, at}};
}

/* A MINIDUMP_STRING of UTF-8 text; what is beyond the first plane becomes a question mark. */
static uint32_t add_string(struct dump *dump, const char *text)
{
    uint16_t wide[SNAP_PATH_MAX];
    uint32_t count = 0;
    for (const uint8_t *at = (const uint8_t *)text; *at != 0 && count + 1 < SNAP_PATH_MAX;) {
        uint32_t more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
        uint32_t code = more == 0 ? *at : *at & (0x3fu >> more);
        for (at++; more > 0 && (*at & 0xc0) == 0x80; more--)
            code = code << 6 | (*at++ & 0x3f);
        wide[count++] = code > 0xffff ? '?' : (uint16_t)code;
    }
    wide[count] = 0;
    uint32_t length = count * 2, start = add(dump, &length, sizeof length);
    (void)add(dump, wide, length + 2);
    return start;
}

/* ---- threads -------------------------------------------------------------------------------------- */

static struct minidump_location add_context(struct dump *dump, const struct snap_note *status,
                                            const struct snap_note *legacy,
                                            const struct snap_note *fpu)
{
    struct core_prstatus prstatus = {0};
    struct minidump_context context = {.flags = MINIDUMP_CONTEXT};
    if (status != NULL && status->size == sizeof prstatus)
        memcpy(&prstatus, status->data, sizeof prstatus);
    const struct core_registers *regs = &prstatus.regs;
    context.gs = regs->gs, context.fs = regs->fs, context.es = regs->es, context.ds = regs->ds;
    context.edi = regs->edi, context.esi = regs->esi, context.ebx = regs->ebx;
    context.edx = regs->edx, context.ecx = regs->ecx, context.eax = regs->eax;
    context.ebp = regs->ebp, context.eip = regs->eip, context.cs = regs->cs;
    context.eflags = regs->eflags, context.esp = regs->esp, context.ss = regs->ss;
    if (legacy != NULL && legacy->size <= sizeof context.legacy_fpu)
        memcpy(context.legacy_fpu, legacy->data, legacy->size);
    if (fpu != NULL && fpu->size == sizeof context.fxsave)
        memcpy(context.fxsave, fpu->data, sizeof context.fxsave);
    return (struct minidump_location){sizeof context, add(dump, &context, sizeof context)};
}

static const struct snap_note *next_standard(const struct dump *dump, uint32_t type,
                                             const struct snap_note *note, bool first)
{
    return first || note != NULL ? snap_next_standard(dump->snapshot, type, note) : NULL;
}

static void add_threads(struct dump *dump)
{
    const struct snap_note *note = NULL, *status = NULL, *legacy = NULL, *fpu = NULL;
    const struct snap_note *crash = snap_next(dump->snapshot, SNAP_CRASH, NULL);
    uint32_t count = 0, at, size;
    while ((note = snap_next(dump->snapshot, SNAP_THREAD, note)) != NULL)
        count++;
    size = sizeof count + count * (uint32_t)sizeof(struct minidump_thread);
    at = reserve(dump, size);
    store(dump, at, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        note = snap_next(dump->snapshot, SNAP_THREAD, note);
        status = next_standard(dump, CORE_PRSTATUS, status, i == 0);
        legacy = next_standard(dump, CORE_FPREGSET, legacy, i == 0);
        fpu = next_standard(dump, LINUX_PRXFPREG, fpu, i == 0);
        struct minidump_thread thread = {.id = snap_get_u32(note, SNAP_THREAD_TID, 0),
                                         .suspend_count =
                                             snap_get_u32(note, SNAP_THREAD_SUSPENDED, 0),
                                         .priority = snap_get_u32(note, SNAP_THREAD_PRIORITY, 0),
                                         .teb = snap_get_u32(note, SNAP_THREAD_TEB, 0),
                                         .stack = snap_get_u32(note, SNAP_THREAD_STACK_LIMIT, 0)};
        thread.context = add_context(dump, status, legacy, fpu);
        if (crash != NULL && snap_get_u32(crash, SNAP_CRASH_TID, 0) == thread.id)
            dump->crashed = thread.context;
        store(dump, at + (uint32_t)sizeof count + i * (uint32_t)sizeof thread, &thread,
              sizeof thread);
    }
    add_stream(dump, MINIDUMP_THREAD_LIST, at, size);
}

static void add_exception(struct dump *dump)
{
    const struct snap_note *crash = snap_next(dump->snapshot, SNAP_CRASH, NULL);
    if (crash == NULL || dump->crashed.size == 0)
        return;
    struct minidump_context context = {0};
    struct minidump_exception exception = {.thread = snap_get_u32(crash, SNAP_CRASH_TID, 0),
                                           .code = snap_get_u32(crash, SNAP_CRASH_CODE, 0),
                                           .parameters = 2,
                                           .context = dump->crashed};
    if (!dump->failed)
        memcpy(&context, dump->bytes + dump->crashed.offset, sizeof context);
    exception.address = context.eip;
    exception.information[0] = snap_get_u32(crash, SNAP_CRASH_ERROR, 0) >> 1 & 1;
    exception.information[1] = snap_get_u32(crash, SNAP_CRASH_ADDRESS, 0);
    add_stream(dump, MINIDUMP_EXCEPTION, add(dump, &exception, sizeof exception), sizeof exception);
}

/* ---- modules -------------------------------------------------------------------------------------- */

static uint32_t word_at(const struct dump *dump, uint32_t address)
{
    uint32_t word = 0;
    return snap_read_memory(dump->snapshot, address, &word, sizeof word) == OK ? word : 0;
}

/* What the PE header in memory says, if the snapshot was taken with text. */
static void read_pe(const struct dump *dump, struct minidump_module *module)
{
    uint32_t base = (uint32_t)module->base, header = base + word_at(dump, base + RELATIVE_PE);
    if (word_at(dump, header) != 0x00004550) /* PE */
        return;
    module->time = word_at(dump, header + 8);
    module->size = word_at(dump, header + 80);
    module->checksum = word_at(dump, header + 88);
}

static void module_name(const struct dump *dump, uint32_t object, char *name, uint32_t size)
{
    const struct snap_note *note = NULL;
    name[0] = '\0';
    while ((note = snap_next(dump->snapshot, SNAP_OBJECT, note)) != NULL)
        if (snap_get_u32(note, SNAP_OBJECT_ID, 0) == object)
            (void)snap_get_text(note, SNAP_OBJECT_PATH, name, size);
    if (strncmp(name, "\\??\\", 4) == 0)
        memmove(name, name + 4, strlen(name + 4) + 1);
}

/* The images, in the order of their addresses; how many there are. */
static uint32_t find_modules(struct dump *dump, struct minidump_module *modules)
{
    const struct snap_note *note = NULL;
    uint32_t count = 0;
    while ((note = snap_next(dump->snapshot, SNAP_VMA, note)) != NULL) {
        uint32_t base = snap_get_u32(note, SNAP_VMA_ALLOCATION, 0);
        char name[SNAP_PATH_MAX];
        if (snap_get_u32(note, SNAP_VMA_STATE, 0) != MEM_IMAGE || count == MODULES_MAX)
            continue;
        if (count > 0 && modules[count - 1].base == base) {
            modules[count - 1].size = snap_get_u32(note, SNAP_VMA_END, 0) - base;
            continue;
        }
        module_name(dump, snap_get_u32(note, SNAP_VMA_OBJECT, 0), name, sizeof name);
        modules[count] = (struct minidump_module){
            .base = base, .size = snap_get_u32(note, SNAP_VMA_END, 0) - base};
        modules[count++].name = add_string(dump, name);
    }
    return count;
}

static void add_modules(struct dump *dump)
{
    struct minidump_module *modules = calloc(MODULES_MAX, sizeof *modules);
    if (modules == NULL) {
        dump->failed = true;
        return;
    }
    uint32_t count = find_modules(dump, modules);
    for (uint32_t i = 0; i < count; i++)
        read_pe(dump, &modules[i]);
    uint32_t size = sizeof count + count * (uint32_t)sizeof *modules, at = reserve(dump, size);
    store(dump, at, &count, sizeof count);
    store(dump, at + (uint32_t)sizeof count, modules, count * (uint32_t)sizeof *modules);
    free(modules);
    add_stream(dump, MINIDUMP_MODULE_LIST, at, size);
}

/* ---- the system ------------------------------------------------------------------------------------- */

static void add_system(struct dump *dump)
{
    const struct snap_note *process = snap_next(dump->snapshot, SNAP_PROCESS, NULL);
    struct minidump_system_info info = {.level = PROCESSOR_P6,
                                        .processors = 1,
                                        .product = 1,
                                        .major = 10,
                                        .build = 18362,
                                        .platform = 2};
    struct minidump_misc_info misc = {
        .size = sizeof misc, .flags = 1, .pid = snap_get_u32(process, SNAP_PROCESS_PID, 0)};
    info.service_pack = add_string(dump, "");
    add_stream(dump, MINIDUMP_SYSTEM_INFO, add(dump, &info, sizeof info), sizeof info);
    add_stream(dump, MINIDUMP_MISC_INFO, add(dump, &misc, sizeof misc), sizeof misc);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

/* Only ranges with bytes in the file: the others are zero, or their files have them. */
static void add_memory(struct dump *dump)
{
    const struct snapshot *snapshot = dump->snapshot;
    uint64_t head[2] = {0, 0};
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        head[0] += snapshot->loads[i].file_size != 0;
    uint32_t size = (uint32_t)(sizeof head + head[0] * sizeof(struct minidump_memory64));
    uint32_t at = reserve(dump, size), next = at + (uint32_t)sizeof head;
    head[1] = (dump->size + 15) & ~15u;
    store(dump, at, head, sizeof head);
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        struct minidump_memory64 range = {load->address, load->file_size};
        if (load->file_size == 0)
            continue;
        store(dump, next, &range, sizeof range);
        next += (uint32_t)sizeof range;
    }
    add_stream(dump, MINIDUMP_MEMORY64_LIST, at, size);
}

static status_t write_load(const struct snap_load *load, const struct snap_sink *sink,
                           uint64_t *offset)
{
    static uint8_t buffer[PIECE];
    status_t status = OK;
    for (uint32_t at = 0; status == OK && at < load->file_size; at += PIECE) {
        uint32_t left = load->file_size - at, part = left < PIECE ? left : PIECE;
        status = snap_bytes_read(&load->bytes, at, buffer, part);
        if (status == OK)
            status = sink->write(sink->context, *offset, buffer, part);
        *offset += part;
    }
    return status;
}

static status_t write_dump(const struct dump *dump, const struct snap_sink *sink)
{
    uint64_t offset = (dump->size + 15) & ~15u;
    if (dump->failed)
        return ERR_NO_MEMORY;
    status_t status = sink->write(sink->context, 0, dump->bytes, dump->size);
    for (uint32_t i = 0; status == OK && i < dump->snapshot->load_count; i++)
        status = write_load(&dump->snapshot->loads[i], sink, &offset);
    return status;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static void build(struct dump *dump)
{
    struct minidump_header header = {.signature = MINIDUMP_SIGNATURE,
                                     .version = MINIDUMP_VERSION,
                                     .flags = MINIDUMP_FULL_MEMORY};
    const struct snap_note *note = snap_next(dump->snapshot, SNAP_HEADER, NULL);
    (void)reserve(dump, sizeof header);
    header.directory = reserve(dump, sizeof dump->directory);
    header.time = (uint32_t)(snap_get_u64(note, SNAP_HEADER_REALTIME, 0) / 1000000000u);
    add_system(dump);
    add_threads(dump);
    add_modules(dump);
    add_exception(dump);
    add_memory(dump);
    header.streams = dump->streams;
    store(dump, 0, &header, sizeof header);
    store(dump, header.directory, dump->directory, sizeof dump->directory);
}

static bool is_windows(const struct snapshot *snapshot)
{
    char personality[16] = "";
    return snap_get_personality(snapshot, personality, sizeof personality) &&
           strcmp(personality, "nt") == 0 && snap_next(snapshot, SNAP_PROCESS, NULL) != NULL;
}

static int export_to(const struct snap_input *input, const char *path)
{
    struct dump dump = {.snapshot = &input->snapshot};
    struct snap_output output;
    if (!is_windows(&input->snapshot)) {
        complain("%s: only Windows processes have minidumps", input->path);
        return 1;
    }
    if (!snap_output_open(&output, path))
        return 1;
    build(&dump);
    status_t status = write_dump(&dump, &output.sink);
    free(dump.bytes);
    if (status == OK)
        return snap_output_commit(&output) ? 0 : 1;
    complain("%s: cannot be written", path);
    snap_output_discard(&output);
    return 1;
}

int command_export(int argc, char **argv)
{
    struct snap_input input;
    if (argc != 4 || strcmp(argv[0], "--minidump") != 0 || strcmp(argv[2], "-o") != 0) {
        complain("usage: snap export --minidump FILE -o NEW");
        return 2;
    }
    if (!snap_input_open(&input, argv[1]))
        return 1;
    int result = export_to(&input, argv[3]);
    snap_input_close(&input);
    return result;
}
