/* SPDX-License-Identifier: MIT */
/*
 * Reading ntdll.dll and win32u.dll. A system call is an export whose code is
 *
 *   b8 NN NN NN NN   mov eax, number
 *   ba xx xx xx xx   mov edx, address of the jump through the hook variable
 *   ff d2            call edx
 *   c2 PP PP         ret argument bytes
 *
 * See ntdll.h.
 */
#include <personalities/nt/ntdll.h>

#include <atomik/log.h>
#include <personalities/nt/image.h>

#include <stdlib.h>
#include <string.h>

#define STUB_SIZE    16
#define WIN32U_FIRST 0x1000u

static struct list known = {&known, &known};
/* There is one win32u.dll per system; the first that is mapped is read. */
static struct bound_table *win32u;

static const char *const entry_names[NTDLL_ENTRY_COUNT] = {
    [NTDLL_LDR_INITIALIZE] = "LdrInitializeThunk",
    [NTDLL_THREAD_START] = "RtlUserThreadStart",
    [NTDLL_EXCEPTION_DISPATCHER] = "KiUserExceptionDispatcher",
    [NTDLL_APC_DISPATCHER] = "KiUserApcDispatcher",
    [NTDLL_CTRL_ROUTINE] = "__wine_ctrl_routine",
    [NTDLL_BREAK_IN] = "DbgUiRemoteBreakin",
    [NTDLL_SYSCALL_HOOK] = "__wine_syscall_dispatcher",
    [NTDLL_UNIX_CALL_HOOK] = "__wine_unix_call_dispatcher",
};

/* ---- binding ---- */

static bool parse_stub(const uint8_t *code, uint32_t *number, uint32_t *words)
{
    uint16_t bytes;
    if (code[0] != 0xb8 || code[5] != 0xba || code[10] != 0xff || code[11] != 0xd2 ||
        code[12] != 0xc2)
        return false;
    memcpy(number, code + 1, 4);
    memcpy(&bytes, code + 13, 2);
    *words = bytes / 4;
    return true;
}

static uint16_t handle_arguments(const struct call_row *row)
{
    uint16_t bits = 0;
    for (uint32_t i = 0; row && row->arguments[i] && i < 16; i++)
        if (row->arguments[i] == 'H')
            bits |= 1u << i;
    return bits;
}

static void bind_export(struct bound_table *table, uint32_t first, const char *name,
                        const uint8_t *code)
{
    uint32_t number, words;
    if (strncmp(name, "Zw", 2) == 0 || !parse_stub(code, &number, &words))
        return;
    const struct call_row *row = call_row_named(name);
    number -= first;
    if (number >= CALLS_MAX || words > 17 || table->calls[number].name)
        return;
    /* The cdecl calls of Wine pop nothing; the longest takes four words. */
    table->calls[number] = (struct bound_call){.name = strdup(name),
                                               .row = row,
                                               .words = words ? words : 4,
                                               .handles = handle_arguments(row)};
    table->count = number >= table->count ? number + 1 : table->count;
}

static void bind_exports(struct bound_table *table, uint32_t first, const struct image *image,
                         const uint8_t *mapped)
{
    const char *name;
    uint32_t cursor = 0, rva, size = image->plan.image_size;
    while (pe_export_next(mapped, size, &image->plan, &cursor, &name, &rva) == LOAD_OK)
        if (rva <= size - STUB_SIZE && !pe_is_forwarder(&image->plan, rva))
            bind_export(table, first, name, mapped + rva);
}

/* `mov ecx, 0xf0000` of the loop that clears most of a new stack; it must be there exactly once. */
static uint32_t find_zero_loop(const struct image *image, const uint8_t *mapped)
{
    static const uint8_t pattern[] = {0xb9, 0x00, 0x00, 0x0f, 0x00};
    uint32_t found = 0;
    for (uint32_t s = 0; s < image->plan.segment_count; s++) {
        const struct load_segment *segment = &image->plan.segments[s];
        uint32_t rva = segment->address - image->plan.preferred_base;
        if (!(segment->prot & LOAD_EXEC))
            continue;
        for (uint32_t i = rva; i + sizeof pattern <= rva + segment->file_length; i++) {
            if (memcmp(mapped + i, pattern, sizeof pattern) != 0)
                continue;
            if (found)
                return 0;
            found = i + 1;
        }
    }
    return found;
}

static NTSTATUS read_ntdll(struct ntdll *ntdll)
{
    uint8_t *mapped;
    status_t status = image_map_server(ntdll->image, &mapped);
    if (status != OK)
        return nt_status(status);
    for (uint32_t i = 0; i < NTDLL_ENTRY_COUNT; i++)
        if (pe_find_export(mapped, ntdll->image->plan.image_size, &ntdll->image->plan,
                           entry_names[i], &ntdll->entries[i]) != LOAD_OK)
            ntdll->entries[i] = 0;
    bind_exports(&ntdll->table, 0, ntdll->image, mapped);
    ntdll->zero_loop = find_zero_loop(ntdll->image, mapped);
    image_unmap_server(ntdll->image, mapped);
    for (uint32_t i = 0; i <= NTDLL_APC_DISPATCHER; i++)
        if (!ntdll->entries[i])
            return STATUS_ENTRYPOINT_NOT_FOUND;
    return ntdll->entries[NTDLL_SYSCALL_HOOK] ? STATUS_SUCCESS : STATUS_ENTRYPOINT_NOT_FOUND;
}

static void ntdll_free(struct ntdll *ntdll)
{
    for (uint32_t i = 0; i < ntdll->table.count; i++)
        free(ntdll->table.calls[i].name);
    list_remove(&ntdll->link);
    image_release(ntdll->image);
    free(ntdll);
}

NTSTATUS ntdll_describe(struct image *image, struct ntdll **result)
{
    list_each(ntdll, &known, struct ntdll, link)
    {
        if (ntdll->image != image)
            continue;
        ntdll->references++;
        *result = ntdll;
        return STATUS_SUCCESS;
    }
    struct ntdll *ntdll = calloc(1, sizeof *ntdll);
    if (!ntdll)
        return STATUS_NO_MEMORY;
    list_init(&ntdll->link);
    ntdll->references = 1;
    ntdll->image = image;
    image_hold(image);
    NTSTATUS status = read_ntdll(ntdll);
    if (status) {
        ntdll_free(ntdll);
        return status;
    }
    list_append(&known, &ntdll->link);
    *result = ntdll;
    return STATUS_SUCCESS;
}

void ntdll_release(struct ntdll *ntdll)
{
    /* The newest is kept for the next process. */
    if (ntdll && --ntdll->references == 0 && known.previous != &ntdll->link)
        ntdll_free(ntdll);
}

uint32_t ntdll_entry(const struct nt_process *process, enum ntdll_entry entry)
{
    uint32_t rva = process->ntdll->entries[entry];
    return rva ? process->ntdll_base + rva : 0;
}

struct bound_call *ntdll_call(const struct nt_process *process, uint32_t number)
{
    struct bound_table *table = &process->ntdll->table;
    if (number >= WIN32U_FIRST && win32u) {
        table = win32u;
        number -= WIN32U_FIRST;
    }
    return number < table->count && table->calls[number].name ? &table->calls[number] : NULL;
}

/* ---- hooks ---- */

static NTSTATUS put32(struct nt_process *process, uint32_t address, uint32_t value)
{
    uint32_t done;
    status_t status = space_write(process->space, address, &value, sizeof value, &done);
    return status == OK && done == sizeof value ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

NTSTATUS ntdll_hook(struct nt_process *process)
{
    const struct ntdll *ntdll = process->ntdll;
    uint32_t base = process->ntdll_base;
    NTSTATUS status = put32(process, base + ntdll->entries[NTDLL_SYSCALL_HOOK], NT_TRAMPOLINES);
    if (!status && ntdll->entries[NTDLL_UNIX_CALL_HOOK])
        status = put32(process, base + ntdll->entries[NTDLL_UNIX_CALL_HOOK], NT_TRAMPOLINES + 0x10);
    /*
     * A new stack is demand-zero: clearing 960 KiB of it would only make it all resident. One page is
     * left of the loop.
     */
    if (!status && ntdll->zero_loop)
        status = put32(process, base + ntdll->zero_loop, PAGE_SIZE);
    return status;
}

static void read_win32u(const struct image *image, const uint8_t *mapped)
{
    win32u = calloc(1, sizeof *win32u);
    if (win32u)
        bind_exports(win32u, WIN32U_FIRST, image, mapped);
}

/* ---- GDI ---- */

#define FIRST_STOCK_OBJECT 32
#define STOCK_BRUSH        0x10
#define STOCK_PEN          0x30
#define STOCK_FONT         0x0a
#define STOCK_PALETTE      0x08
#define STOCK_BITMAP       0x09

/* GDI_HANDLE_ENTRY of Wine 8, on 32 bits. */
struct gdi_entry {
    uint32_t object[2], owner;
    uint8_t extended_type, generation; /* the upper half of the handle */
    uint8_t type, flags;
    uint32_t user_pointer[2];
};
_Static_assert(sizeof(struct gdi_entry) == 24, "GDI_HANDLE_ENTRY");

/*
 * Brushes, pens and fonts that are there on every system, device or not: gdi32 takes their handles from
 * the table that a process shares with the graphics system, and does not expect a gap there.
 */
static NTSTATUS put_stock_objects(struct nt_process *process)
{
    static const uint8_t types[] = {STOCK_BRUSH,  STOCK_BRUSH, STOCK_BRUSH, STOCK_BRUSH,
                                    STOCK_BRUSH,  STOCK_BRUSH, STOCK_PEN,   STOCK_PEN,
                                    STOCK_PEN,    0,           STOCK_FONT,  STOCK_FONT,
                                    STOCK_FONT,   STOCK_FONT,  STOCK_FONT,  STOCK_PALETTE,
                                    STOCK_FONT,   STOCK_FONT,  STOCK_BRUSH, STOCK_PEN,
                                    STOCK_BITMAP, STOCK_FONT,  STOCK_FONT,  STOCK_FONT,
                                    STOCK_FONT,   STOCK_FONT};
    enum { COUNT = sizeof types };
    struct gdi_entry entries[COUNT];
    uint32_t done;
    memset(entries, 0, sizeof entries);
    for (uint32_t i = 0; i < COUNT; i++)
        if (types[i])
            entries[i] = (struct gdi_entry){
                .extended_type = types[i] | 0x80, .generation = 1, .type = types[i]};
    status_t status =
        space_write(process->space, process->gdi_table + FIRST_STOCK_OBJECT * sizeof entries[0],
                    entries, sizeof entries, &done);
    return nt_status(status);
}

/* Only Wine's win32u has this variable; its size tells it from larger DLLs before they are looked at. */
static void find_hook(struct image *image)
{
    uint32_t hook, probe;
    uint8_t *mapped;
    const struct load_plan *plan = &image->plan;
    if (image->hook_known || !image->builtin || plan->image_size > 0x100000 ||
        image_map_server(image, &mapped) != OK)
        return;
    if (pe_find_export(mapped, plan->image_size, plan, "Wow64Transition", &hook) == LOAD_OK &&
        pe_find_export(mapped, plan->image_size, plan, "NtUserInitializeClientPfnArrays", &probe) ==
            LOAD_OK) {
        image->hook = hook;
        if (!win32u)
            read_win32u(image, mapped);
    }
    image_unmap_server(image, mapped);
    image->hook_known = true;
}

void image_mapped(struct nt_process *process, struct image *image, uint32_t base)
{
    if (process->win32u_base)
        return;
    find_hook(image);
    if (!image->hook)
        return;
    process->win32u_base = base;
    if (put32(process, base + image->hook, NT_TRAMPOLINES) || put_stock_objects(process))
        LOG_ONCE("cannot prepare win32u");
}
