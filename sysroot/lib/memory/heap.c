/* SPDX-License-Identifier: MIT */
/*
 * The heap is newlib's (Doug Lea's allocator, one lock), with a cache of small free blocks for each
 * thread in front of it: a block that a thread frees is what the thread's next malloc of that size gives,
 * without a lock. A block in a cache is in use as far as newlib knows.
 */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

enum {
    UNIT = 16, /* sizes of newlib's blocks, with the word before them, are multiples of this */
    WORD = sizeof(size_t),
    CACHED_MAX = 512 - WORD, /* larger ones go to newlib */
    CLASSES = (CACHED_MAX + WORD) / UNIT + 1,
    KEPT_MAX = 16, /* of a class */
};

struct block {
    struct block *next;
};

_Static_assert((int)CLASSES == (int)HEAP_CLASSES, "the cache in struct __atomik_thread");

void *_malloc_r(struct _reent *, size_t);
void _free_r(struct _reent *, void *);

/* newlib keeps a block's size, and two flags, in the word before it. */
static size_t usable(const void *block)
{
    return (((const size_t *)block)[-1] & ~(size_t)3) - WORD;
}

/* The class of the smallest blocks that hold `size` bytes: such a block's size, in units. */
static size_t class_for(size_t size)
{
    return (size + WORD + UNIT - 1) / UNIT;
}

void *malloc(size_t size)
{
    if (size <= CACHED_MAX) {
        size_t class = class_for(size);
        struct heap_cache *cache = &thread_self()->heap;
        struct block *block = cache->free[class];
        if (block) {
            cache->free[class] = block->next;
            cache->count[class]--;
            return block;
        }
    }
    return _malloc_r(_REENT, size);
}

void free(void *pointer)
{
    if (!pointer)
        return;
    size_t class = (usable(pointer) + WORD) / UNIT;
    struct heap_cache *cache = &thread_self()->heap;
    if (class < CLASSES && cache->count[class] < KEPT_MAX && !cache->ended) {
        struct block *block = pointer;
        block->next = cache->free[class];
        cache->free[class] = block;
        cache->count[class]++;
        return;
    }
    int saved = errno;
    _free_r(_REENT, pointer);
    errno = saved;
}

void cfree(void *);
void cfree(void *pointer)
{
    free(pointer);
}

size_t malloc_usable_size(void *pointer)
{
    return pointer ? usable(pointer) : 0;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (bytes > CACHED_MAX)
        return _calloc_r(_REENT, 1, bytes);
    void *block = malloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *pointer, size_t size)
{
    if (!pointer)
        return malloc(size);
    size_t now = usable(pointer);
    if (size && size <= now && now - size < 64)
        return pointer;
    return _realloc_r(_REENT, pointer, size);
}

/* A thread that ends gives back what it kept. */
void __atomik_heap_thread_end(void);
void __atomik_heap_thread_end(void)
{
    struct heap_cache *cache = &thread_self()->heap;
    cache->ended = true;
    for (unsigned class = 0; class < CLASSES; class ++) {
        while (cache->free[class]) {
            struct block *block = cache->free[class];
            cache->free[class] = block->next;
            _free_r(_REENT, block);
        }
    }
}

/* ---- aligned blocks ---- */

void *memalign(size_t align, size_t size)
{
    if (!align || align & (align - 1)) {
        errno = EINVAL;
        return NULL;
    }
    return _memalign_r(_REENT, align, size);
}

int posix_memalign(void **result, size_t align, size_t size)
{
    if (!align || align & (align - 1) || align % sizeof(void *))
        return EINVAL;
    int saved = errno;
    void *block = _memalign_r(_REENT, align, size);
    errno = saved;
    if (!block)
        return ENOMEM;
    *result = block;
    return 0;
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

void *valloc(size_t size)
{
    return memalign(4096, size);
}

void *pvalloc(size_t);
void *pvalloc(size_t size)
{
    return memalign(4096, (size + 4095) & -4096UL);
}
