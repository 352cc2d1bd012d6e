/* SPDX-License-Identifier: MIT */
/*
 * The kernel heap. Up to 1 KiB: slabs of one page per size class, with a header at the page's
 * start, so that a small block is never page-aligned. Above: runs of whole pages, page-aligned,
 * whose length is kept in the first frame's free-list field. All blocks are zeroed.
 */
#include <kernel/log.h>
#include <kernel/memory.h>

#define CLASS_COUNT 6
#define SMALLEST    32u
#define LARGEST     (SMALLEST << (CLASS_COUNT - 1))
#define HEAP_MAX    (1u << 20)
#define POISON      0xa5a5a5a5u

struct free_block {
    struct free_block *next;
    uint32_t poison;
};

struct slab {
    struct list link; /* in partial while it has a free block */
    struct free_block *free;
    uint32_t used, size_class;
} __attribute__((aligned(32)));

static struct list partial[CLASS_COUNT];
static bool ready;
static uint32_t page_total;

static void init_lists(void)
{
    for (uint32_t i = 0; i < CLASS_COUNT; i++)
        list_init(&partial[i]);
    ready = true;
}

static uint32_t class_of(uint32_t size)
{
    uint32_t size_class = 0;
    while (SMALLEST << size_class < size)
        size_class++;
    return size_class;
}

static void clear(void *to, uint32_t count)
{
    uint32_t *at = to;
    for (uint32_t words = (count + 3) / 4; words > 0; words--)
        *at++ = 0;
}

static struct slab *slab_new(uint32_t size_class)
{
    struct page *page = frame_alloc(FRAME_LOW);
    uint32_t size = SMALLEST << size_class;
    if (page == NULL)
        return NULL;
    struct slab *slab = arch_direct(frame_address(page));
    *slab = (struct slab){.size_class = size_class};
    for (uint32_t at = PAGE_SIZE - size; at >= sizeof *slab; at -= size) {
        struct free_block *block = (struct free_block *)((char *)slab + at);
        *block = (struct free_block){slab->free, POISON};
        slab->free = block;
    }
    list_append(&partial[size_class], &slab->link);
    page_total++;
    return slab;
}

static void *alloc_small(uint32_t size)
{
    uint32_t size_class = class_of(size);
    struct list *first = list_first(&partial[size_class]);
    struct slab *slab = first ? list_entry(first, struct slab, link) : slab_new(size_class);
    if (slab == NULL)
        return NULL;
    struct free_block *block = slab->free;
    assert(block->poison == POISON);
    slab->free = block->next;
    slab->used++;
    if (slab->free == NULL)
        list_remove(&slab->link);
    clear(block, SMALLEST << size_class);
    return block;
}

static void *alloc_pages(uint32_t size)
{
    uint32_t count = (size + PAGE_MASK) / PAGE_SIZE;
    struct page *page =
        count == 1 ? frame_alloc(FRAME_LOW) : frame_alloc_contiguous(count, UINT32_MAX);
    if (page == NULL)
        return NULL;
    page->next = (struct page *)(uintptr_t)count;
    page_total += count;
    void *memory = arch_direct(frame_address(page));
    clear(memory, count * PAGE_SIZE);
    return memory;
}

void *heap_alloc(uint32_t size)
{
    if (!ready)
        init_lists();
    if (size > HEAP_MAX)
        return NULL;
    return size <= LARGEST ? alloc_small(size) : alloc_pages(size);
}

static void free_pages(void *pointer)
{
    struct page *page = frame_of(arch_direct_to_phys(pointer));
    uint32_t count = (uint32_t)(uintptr_t)page->next;
    page->next = NULL;
    page_total -= count;
    for (uint32_t i = 0; i < count; i++)
        frame_release(page + i);
}

static void free_small(void *pointer)
{
    struct slab *slab = (struct slab *)((uintptr_t)pointer & ~PAGE_MASK);
    struct free_block *block = pointer;
    assert(slab->size_class < CLASS_COUNT && slab->used > 0);
    struct list *list = &partial[slab->size_class];
    if (slab->free == NULL)
        list_append(list, &slab->link);
    *block = (struct free_block){slab->free, POISON};
    slab->free = block;
    /* The last slab of a class stays, or a block that comes and goes would build it anew each time. */
    if (--slab->used == 0 && list->next != list->previous) {
        list_remove(&slab->link);
        page_total--;
        frame_release(frame_of(arch_direct_to_phys(slab)));
    }
}

void heap_free(void *pointer)
{
    if (pointer == NULL)
        return;
    if (((uintptr_t)pointer & PAGE_MASK) == 0)
        free_pages(pointer);
    else
        free_small(pointer);
}

uint32_t heap_pages(void)
{
    return page_total;
}
