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
#include <unistd.h>

#include "thread.h"

enum {
    PAGE = 4096,
    UNIT = 16, /* sizes of newlib's blocks, with the word before them, are multiples of this */
    WORD = sizeof(size_t),
    SMALL_MAX = 512 - WORD, /* up to this each size has a class */
    SMALL_CLASSES = (SMALL_MAX + WORD) / UNIT + 1,
    FIRST_POWER = 8,    /* then eight classes for each power of two */
    CACHED_MAX = 65536, /* larger ones go to newlib */
    CLASSES = SMALL_CLASSES + 8 * (16 - FIRST_POWER),
    SMALL_KEPT = 16, /* of a class */
    LARGE_KEPT = 4,
    PIECE_MAX = INT32_MAX - 0xffff, /* of newlib's heap, see _sbrk_r */
};

struct block {
    struct block *next;
};

_Static_assert((int)CLASSES == (int)HEAP_CLASSES, "the cache in struct __atomik_thread");

void *_malloc_r(struct _reent *, size_t);
void _free_r(struct _reent *, void *);

/*
 * newlib's memory from the system. Its arithmetic on sizes is signed: it could neither use nor trim a free block of 2 GiB, which
 * would grow from smaller ones. Where the heap would get that long in one piece a page is left out, which newlib takes for memory
 * of somebody else and never joins across; and a request of almost 2 GiB, which it rounds up to a negative one, is refused.
 */
void *_sbrk_r(struct _reent *, ptrdiff_t);
void *_sbrk_r(struct _reent *reent, ptrdiff_t increment)
{
    static uintptr_t piece; /* where the last one begins; newlib's lock is held */
    uintptr_t end = (uintptr_t)sbrk(0);

    (void)reent;
    if (increment > PIECE_MAX || increment < -PIECE_MAX) {
        errno = ENOMEM;
        return (void *)-1;
    }
    if (!piece || end < piece)
        piece = end;
    if (increment > 0 && end - piece + (uintptr_t)increment > PIECE_MAX) {
        if (sbrk(PAGE) == (void *)-1)
            return (void *)-1;
        piece = end + PAGE;
    }
    return sbrk(increment);
}

/* newlib keeps a block's size, and two flags, in the word before it. */
static size_t usable(const void *block)
{
    return (((const size_t *)block)[-1] & ~(size_t)3) - WORD;
}

/* The class of the smallest blocks that hold *size bytes; a large size is rounded up to the class's. */
static size_t class_for(size_t *size)
{
    if (*size <= SMALL_MAX)
        return (*size + WORD + UNIT - 1) / UNIT;
    unsigned power = 31 - (unsigned)__builtin_clz(*size - 1);
    unsigned index = (*size - 1) >> (power - 3) & 7;
    *size = ((size_t)1 << power) + ((index + 1) << (power - 3));
    return SMALL_CLASSES + 8 * (power - FIRST_POWER) + index;
}

/* The class that a block can serve. */
static size_t class_of(size_t bytes)
{
    if (bytes <= SMALL_MAX)
        return (bytes + WORD) / UNIT;
    if (bytes > CACHED_MAX + UNIT)
        return CLASSES;
    unsigned power = 31 - (unsigned)__builtin_clz(bytes);
    return SMALL_CLASSES + 8 * (power - FIRST_POWER) + (bytes >> (power - 3) & 7) - 1;
}

void *malloc(size_t size)
{
    if (size <= CACHED_MAX) {
        size_t class = class_for(&size);
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
    size_t class = class_of(usable(pointer));
    unsigned most = class < SMALL_CLASSES ? SMALL_KEPT : LARGE_KEPT;
    struct heap_cache *cache = &thread_self()->heap;
    if (class < CLASSES && cache->count[class] < most && !cache->ended) {
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
    return memalign(PAGE, size);
}

void *pvalloc(size_t);
void *pvalloc(size_t size)
{
    return memalign(PAGE, (size + PAGE - 1) & -(size_t)PAGE);
}
