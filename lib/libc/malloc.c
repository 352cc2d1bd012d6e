/* SPDX-License-Identifier: MIT */
/*
 * malloc. Memory comes in regions aligned to REGION bytes whose head names the block size, so a
 * block needs no header of its own and free finds it by masking the address.
 *
 * Small blocks share a region of one size class: freed blocks are chained, fresh
 * ones are cut off at `next`, so pages never used are never committed. Larger blocks have a region
 * of their own, unmapped by free. One mutex guards it all.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/thread.h>

#define REGION       65536u
#define REGION_SMALL 0x6d656d30u
#define REGION_LARGE 0x6d656d31u

struct block {
    struct block *next;
};

struct region {
    uint32_t kind; /* REGION_SMALL or REGION_LARGE */
    uint32_t size; /* of a block; large: of the whole region */
    uint32_t next; /* offset of the part that was never used */
    uint32_t class_index;
} __attribute__((aligned(16)));

static const uint16_t class_size[] = {16,  32,  48,  64,  80,   96,   128,  160,  192, 256,
                                      320, 384, 512, 768, 1024, 1360, 2032, 4080, 8176};
#define CLASSES (sizeof class_size / sizeof class_size[0])

static struct {
    struct mutex lock;
    struct block *free[CLASSES];
    struct region *fresh[CLASSES]; /* region that blocks are cut from */
} heap;

static struct region *region_map(uint32_t length, uint32_t kind)
{
    struct map_request request = {.length = length, .prot = PROT_R | PROT_W, .align = REGION};
    if (space_map(HANDLE_SELF, &request) != OK)
        return NULL;
    struct region *region = (struct region *)request.address;
    region->kind = kind;
    region->size = length;
    return region;
}

static void *large_alloc(size_t size)
{
    if (size > UINT32_MAX - sizeof(struct region) - PAGE_MASK)
        return NULL;
    struct region *region =
        region_map((size + sizeof *region + PAGE_MASK) & ~PAGE_MASK, REGION_LARGE);
    return region == NULL ? NULL : region + 1;
}

static unsigned class_of(size_t size)
{
    unsigned i = 0;
    while (class_size[i] < size)
        i++;
    return i;
}

/* heap.lock is held */
static void *small_alloc(unsigned class_index)
{
    struct block *block = heap.free[class_index];
    if (block != NULL) {
        heap.free[class_index] = block->next;
        return block;
    }
    struct region *region = heap.fresh[class_index];
    uint32_t size = class_size[class_index];
    if (region == NULL || region->next + size > REGION) {
        region = region_map(REGION, REGION_SMALL);
        if (region == NULL)
            return NULL;
        region->size = size;
        region->class_index = class_index;
        region->next = sizeof *region;
        heap.fresh[class_index] = region;
    }
    void *fresh = (char *)region + region->next;
    region->next += size;
    return fresh;
}

void *malloc(size_t size)
{
    if (size > class_size[CLASSES - 1])
        return large_alloc(size);
    unsigned class_index = class_of(size);
    mutex_lock(&heap.lock);
    void *block = small_alloc(class_index);
    mutex_unlock(&heap.lock);
    return block;
}

static struct region *region_of(const void *block)
{
    struct region *region = (struct region *)((uintptr_t)block & ~(uintptr_t)(REGION - 1));
    assert(region->kind == REGION_SMALL || region->kind == REGION_LARGE);
    return region;
}

static size_t usable_size(const struct region *region)
{
    return region->kind == REGION_SMALL ? region->size : region->size - sizeof *region;
}

void free(void *memory)
{
    if (memory == NULL)
        return;
    struct region *region = region_of(memory);
    if (region->kind == REGION_LARGE) {
        status_t status = space_unmap(HANDLE_SELF, (uintptr_t)region, region->size);
        assert(status == OK);
        return;
    }
    struct block *block = memory;
    mutex_lock(&heap.lock);
    block->next = heap.free[region->class_index];
    heap.free[region->class_index] = block;
    mutex_unlock(&heap.lock);
}

void *calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *block = malloc(total);
    if (block != NULL && region_of(block)->kind == REGION_SMALL) /* large ones are zero pages */
        memset(block, 0, total);
    return block;
}

void *realloc(void *block, size_t size)
{
    if (block == NULL)
        return malloc(size);
    size_t old = usable_size(region_of(block));
    if (size <= old && (size > old / 2 || old <= 64))
        return block;
    void *fresh = malloc(size);
    if (fresh == NULL)
        return size <= old ? block : NULL;
    memcpy(fresh, block, size < old ? size : old);
    free(block);
    return fresh;
}
