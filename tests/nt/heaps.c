/* SPDX-License-Identifier: MIT */
/* Heaps that look for corruption: what is written behind a block, used after it was freed, freed twice. */
#include "show.h"

#include <malloc.h>

#define TAIL_CHECKING 0x00000020
#define FREE_CHECKING 0x00000040
#define VALIDATE      0x60000000 /* parameters, and everything at each call */

static void overrun(void)
{
    HANDLE heap = HeapCreate(TAIL_CHECKING | FREE_CHECKING, 0, 0);
    puts("-- one byte too many");
    char *block = HeapAlloc(heap, 0, 20), *other = HeapAlloc(heap, 0, 100);
    SHOW(block && other);
    SHOW(HeapSize(heap, 0, block));
    SHOW(HeapValidate(heap, 0, NULL));
    SHOW(HeapValidate(heap, 0, block));
    char kept = block[20];
    block[20] = 1;
    SHOW(HeapValidate(heap, 0, block));
    SHOW(HeapValidate(heap, 0, NULL));
    SHOW(HeapValidate(heap, 0, other));
    block[20] = kept;
    SHOW(HeapValidate(heap, 0, NULL));
    SHOW(HeapFree(heap, 0, block));
    SHOW(HeapFree(heap, 0, other));
    SHOW(HeapDestroy(heap));
}

static void after_free(void)
{
    HANDLE heap = HeapCreate(TAIL_CHECKING | FREE_CHECKING, 0, 0);
    puts("-- used after it was freed");
    unsigned *block = HeapAlloc(heap, 0, 200), *other = HeapAlloc(heap, 0, 200);
    SHOW(HeapFree(heap, 0, block));
    SHOW(HeapValidate(heap, 0, NULL));
    printf("filled %x\n", block[20]);
    block[20] = 7;
    SHOW(HeapValidate(heap, 0, NULL));
    SHOW(HeapValidate(heap, 0, other));
    SHOW(HeapValidate(heap, 0, block));
}

static void twice(void)
{
    HANDLE heap = HeapCreate(0, 0, 0), checked = HeapCreate(VALIDATE, 0, 0);
    puts("-- freed twice, or in another heap");
    void *block = HeapAlloc(heap, 0, 64), *more = HeapAlloc(heap, 0, 64);
    SHOW(HeapFree(heap, 0, block));
    SHOW(HeapFree(heap, 0, block));
    SHOW((int)HeapSize(heap, 0, block));
    SHOW(HeapReAlloc(heap, 0, block, 128) != NULL);
    SHOW(HeapValidate(heap, 0, more));
    SHOW(HeapFree(checked, 0, more));
    SHOW(HeapFree(heap, 0, (char *)more + 8));
    SHOW(HeapFree(heap, 0, NULL));
    SHOW(HeapFree(heap, 0, more));
    SHOW(HeapDestroy(checked));
}

static void header(void)
{
    HANDLE heap = HeapCreate(0, 0, 0);
    puts("-- a header that was written over");
    char *block = HeapAlloc(heap, 0, 40), *next = HeapAlloc(heap, 0, 40);
    char kept[8];
    SHOW(HeapValidate(heap, 0, NULL));
    memcpy(kept, next - sizeof kept, sizeof kept);
    memset(next - sizeof kept, 0x55, sizeof kept);
    SHOW(HeapValidate(heap, 0, next));
    SHOW(HeapValidate(heap, 0, NULL));
    SHOW(HeapFree(heap, 0, next));
    memcpy(next - sizeof kept, kept, sizeof kept);
    SHOW(HeapFree(heap, 0, next));
    SHOW(HeapFree(heap, 0, block));
}

int main(void)
{
    show_begin();
    overrun();
    after_free();
    twice();
    header();
    SHOW(_heapchk());
    return 0;
}
