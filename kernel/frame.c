/* SPDX-License-Identifier: MIT */
/*
 * Physical frames: one struct page per frame of RAM, two free lists (below and above the direct
 * map). User pages come from high memory first, so that low memory stays for what the kernel must
 * be able to address. Of low memory each use (enum frame_use) leaves the last reserve[use] frames.
 */
#include <kernel/memory.h>

#define PAGE_SHIFT 12

/* Reserves are counted in units of a 64th of low memory, within these bounds. */
#define UNIT_LEAST 96u
#define UNIT_MOST  1024u
#define USE_SHIFT  8

static struct page *pages; /* indexed by frame number */
static uint32_t page_count;
static struct page *free_low, *free_high;
static uint32_t free_low_count, free_high_count, total_count;
static uint32_t reserve[(FRAME_FOR_FILE >> USE_SHIFT) + 1];

static bool is_low(const struct page *page)
{
    return (uint32_t)(page - pages) < DIRECT_MAP_PAGES;
}

static void free_list_add(struct page *page)
{
    struct page **head = is_low(page) ? &free_low : &free_high;
    page->previous = NULL;
    page->next = *head;
    if (*head != NULL)
        (*head)->previous = page;
    *head = page;
    is_low(page) ? free_low_count++ : free_high_count++;
}

static void free_list_remove(struct page *page)
{
    if (page->previous != NULL)
        page->previous->next = page->next;
    else if (is_low(page))
        free_low = page->next;
    else
        free_high = page->next;
    if (page->next != NULL)
        page->next->previous = page->previous;
    page->next = page->previous = NULL;
    is_low(page) ? free_low_count-- : free_high_count--;
}

/* ---- start ------------------------------------------------------------------------------------- */

static uint32_t highest_frame(void)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < boot_info.ram_count; i++) {
        uint32_t end = (boot_info.ram[i].start >> PAGE_SHIFT) + boot_info.ram[i].pages;
        highest = end > highest ? end : highest;
    }
    return highest;
}

/* Holds the kernel image, a module, or the frames below 1 MiB that firmware uses? */
static bool in_use_at_boot(uint32_t frame)
{
    paddr_t address = frame << PAGE_SHIFT;
    if (address < 0x100000 || address < boot_info.kernel_end)
        return true;
    for (uint32_t i = 0; i < boot_info.module_count; i++) {
        const struct boot_module *module = &boot_info.modules[i];
        if (address + PAGE_SIZE > module->start && address < module->start + module->length)
            return true;
    }
    return false;
}

/* The first run of low frames that nobody uses yet: for the array itself. */
static uint32_t find_run(uint32_t wanted)
{
    for (uint32_t i = 0; i < boot_info.ram_count; i++) {
        uint32_t frame = boot_info.ram[i].start >> PAGE_SHIFT, end = frame + boot_info.ram[i].pages,
                 run = 0;
        for (; frame < end && frame < DIRECT_MAP_PAGES; frame++) {
            run = in_use_at_boot(frame) ? 0 : run + 1;
            if (run == wanted)
                return frame + 1 - wanted;
        }
    }
    panic("no room for the table of %u frames", page_count);
}

static void set_reserves(void)
{
    uint32_t unit = free_low_count / 64;
    unit = unit < UNIT_LEAST ? UNIT_LEAST : unit > UNIT_MOST ? UNIT_MOST : unit;
    reserve[FRAME_FOR_SERVER >> USE_SHIFT] = unit / 2;
    reserve[FRAME_FOR_SMALL >> USE_SHIFT] = 2 * unit;
    reserve[FRAME_FOR_PROGRAM >> USE_SHIFT] = 3 * unit;
    reserve[FRAME_FOR_FILE >> USE_SHIFT] = 5 * unit;
}

void frame_init(void)
{
    page_count = highest_frame();
    uint32_t table_pages = (page_count * sizeof(struct page) + PAGE_MASK) >> PAGE_SHIFT,
             table = find_run(table_pages);
    pages = arch_direct(table << PAGE_SHIFT);
    for (uint32_t i = 0; i < page_count; i++)
        pages[i] = (struct page){.references = FRAME_RESERVED};
    /* From the top down, so that the lists begin with the lowest frames. */
    for (uint32_t i = boot_info.ram_count; i-- > 0;) {
        uint32_t start = boot_info.ram[i].start >> PAGE_SHIFT;
        for (uint32_t frame = start + boot_info.ram[i].pages; frame-- > start;) {
            bool used = in_use_at_boot(frame) || (frame >= table && frame < table + table_pages);
            pages[frame].references = used;
            total_count++;
            if (!used)
                free_list_add(&pages[frame]);
        }
    }
    set_reserves();
}

/* ---- single frames -------------------------------------------------------------------------------- */

static void zero(struct page *page)
{
    void *view = arch_map_temporary(frame_address(page));
    arch_zero_page(view);
    arch_unmap_temporary(view);
}

bool frame_available(uint32_t use)
{
    return free_low_count > reserve[(use & FRAME_USE_MASK) >> USE_SHIFT];
}

bool frame_is_short(uint32_t slack)
{
    return free_high_count == 0 && free_low_count < reserve[FRAME_FOR_FILE >> USE_SHIFT] + slack;
}

struct page *frame_alloc(uint32_t flags)
{
    bool low = (flags & FRAME_LOW) || free_high == NULL;
    struct page *page = low ? free_low : free_high;
    if (page == NULL || (low && !frame_available(flags)))
        return NULL;
    free_list_remove(page);
    page->references = 1;
    if (flags & FRAME_ZERO)
        zero(page);
    return page;
}

struct page *frame_alloc_as(struct page *source, uint32_t flags)
{
    struct page *page = frame_alloc(source != NULL ? flags : flags | FRAME_ZERO);
    if (page == NULL || source == NULL)
        return page;
    void *to = arch_map_temporary(frame_address(page)),
         *from = arch_map_temporary(frame_address(source));
    arch_copy_page(to, from);
    arch_unmap_temporary(from);
    arch_unmap_temporary(to);
    return page;
}

void frame_release(struct page *page)
{
    assert(page->references != 0 && page->references != FRAME_RESERVED);
    if (--page->references == 0)
        free_list_add(page);
}

paddr_t frame_address(const struct page *page)
{
    return (paddr_t)(page - pages) << PAGE_SHIFT;
}

struct page *frame_of(paddr_t address)
{
    uint32_t frame = address >> PAGE_SHIFT;
    if (frame >= page_count || pages[frame].references == FRAME_RESERVED)
        return NULL;
    return &pages[frame];
}

uint32_t frame_total(void)
{
    return total_count;
}

uint32_t frame_limit(void)
{
    return page_count;
}

uint32_t frame_free_count(void)
{
    return free_low_count + free_high_count;
}

/* ---- runs ------------------------------------------------------------------------------------------- */

/*
 * First fit from the top of low memory: rare (drivers, large kernel tables), so the scan is cheap
 * enough, and single frames, which come from the list, keep away from it.
 */
struct page *frame_alloc_contiguous(uint32_t count, paddr_t limit)
{
    uint32_t end = page_count < DIRECT_MAP_PAGES ? page_count : DIRECT_MAP_PAGES, run = 0;
    if (limit >> PAGE_SHIFT < end)
        end = limit >> PAGE_SHIFT;
    if (count == 0 || count > free_low_count)
        return NULL;
    for (uint32_t frame = end; frame-- > 0;) {
        run = pages[frame].references == 0 ? run + 1 : 0;
        if (run < count)
            continue;
        for (uint32_t i = frame; i < frame + count; i++) {
            free_list_remove(&pages[i]);
            pages[i].references = 1;
        }
        return &pages[frame];
    }
    return NULL;
}
