/* SPDX-License-Identifier: MIT */
/* Where memory goes: the zero bits of allocations and views, address requirements. */
#include "show.h"

#include <winternl.h>

NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE, void **, ULONG_PTR, SIZE_T *, ULONG, ULONG);
NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE, void **, SIZE_T *, ULONG);
NTSTATUS NTAPI NtMapViewOfSection(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *,
                                  SIZE_T *, ULONG, ULONG, ULONG);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE, void *);
NTSTATUS NTAPI NtAllocateVirtualMemoryEx(HANDLE, void **, SIZE_T *, ULONG, ULONG, void *, ULONG);

#define SELF ((HANDLE)-1)

static void free_it(void *base)
{
    SIZE_T size = 0;
    if (NtFreeVirtualMemory(SELF, &base, &size, MEM_RELEASE))
        puts("cannot be freed");
}

/* Whether the address has that many zero bits; how many it has more is the system's business. */
static const char *fits(void *base, unsigned bits)
{
    return bits && (ULONG_PTR)base >> (32 - bits) ? "too high" : base ? "fits" : "nowhere";
}

static void zero_bits(void)
{
    static const unsigned counts[] = {0, 1, 2, 4, 8, 16, 17, 20, 21, 22, 31, 32, 33, 64};
    puts("-- zero bits");
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        void *base = NULL;
        SIZE_T size = 0x10000;
        NTSTATUS status = NtAllocateVirtualMemory(SELF, &base, counts[i], &size,
                                                  MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        printf("%u: %08lx", counts[i], status);
        if (!status) {
            printf(" %s %lx", fits(base, counts[i]), (long)size);
            *(volatile int *)base = 1;
            free_it(base);
        }
        puts("");
    }
}

static void zero_bits_at_an_address(void)
{
    void *base = (void *)0x20000000;
    SIZE_T size = 0x10000;
    puts("-- at an address");
    printf("%08lx\n", NtAllocateVirtualMemory(SELF, &base, 12, &size, MEM_RESERVE, PAGE_READWRITE));
    printf("%p\n", base);
    free_it(base);
    size = 0;
    base = NULL;
    printf("%08lx\n", NtAllocateVirtualMemory(SELF, &base, 25, &size, MEM_RESERVE, PAGE_READWRITE));
}

static void views(void)
{
    static const unsigned counts[] = {0, 2, 8, 21, 22, 32, 40};
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000, NULL);
    puts("-- views");
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        void *base = NULL;
        SIZE_T size = 0;
        LARGE_INTEGER offset = {.QuadPart = 0};
        NTSTATUS status = NtMapViewOfSection(section, SELF, &base, counts[i], 0, &offset, &size, 1,
                                             0, PAGE_READWRITE);
        printf("%u: %08lx", counts[i], status);
        if (!status) {
            printf(" %s", fits(base, counts[i]));
            NtUnmapViewOfSection(SELF, base);
        }
        puts("");
    }
    void *base = (void *)0x30000000;
    SIZE_T size = 0;
    LARGE_INTEGER offset = {.QuadPart = 0};
    printf("%08lx\n",
           NtMapViewOfSection(section, SELF, &base, 4, 0, &offset, &size, 1, 0, PAGE_READWRITE));
    CloseHandle(section);
}

struct requirements {
    ULONG lowest, highest, alignment;
};
struct parameter {
    ULONGLONG type;
    union {
        ULONGLONG number;
        void *pointer;
    };
};

static void require(ULONG highest, ULONG alignment)
{
    struct requirements requirements = {0, highest, alignment};
    struct parameter parameter = {.type = 1, .number = 0};
    parameter.pointer = &requirements;
    void *base = NULL;
    SIZE_T size = 0x20000;
    NTSTATUS status = NtAllocateVirtualMemoryEx(SELF, &base, &size, MEM_RESERVE | MEM_COMMIT,
                                                PAGE_READWRITE, &parameter, 1);
    printf("%08lx, %08lx: %08lx", highest, alignment, status);
    if (!status) {
        printf("%s%s", highest && (ULONG_PTR)base + size - 1 > highest ? " too high" : "",
               alignment && ((ULONG_PTR)base & (alignment - 1)) ? " not aligned" : " aligned");
        free_it(base);
    }
    puts("");
}

static void requirements(void)
{
    puts("-- requirements");
    require(0, 0);
    require(0x00ffffff, 0);
    require(0x1fffffff, 0x100000);
    require(0, 0x1000000);
    require(0, 0x30000);
    require(0, 0x1000);
    require(0x1fff0fff, 0x10000);
}

int main(void)
{
    show_begin();
    zero_bits();
    zero_bits_at_an_address();
    views();
    requirements();
    return 0;
}
