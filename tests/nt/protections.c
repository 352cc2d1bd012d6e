/* SPDX-License-Identifier: MIT */
/* Protections with the modifiers that compilers at run time ask for. */
#include "show.h"

static const DWORD protections[] = {PAGE_READWRITE,
                                    PAGE_EXECUTE_READWRITE,
                                    PAGE_EXECUTE_READWRITE | PAGE_TARGETS_INVALID,
                                    PAGE_READWRITE | PAGE_NOCACHE,
                                    PAGE_READWRITE | PAGE_READONLY,
                                    0};

int main(void)
{
    show_begin();
    for (unsigned i = 0; i < sizeof protections / sizeof protections[0]; i++) {
        MEMORY_BASIC_INFORMATION info = {0};
        void *memory = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
        printf("protection %lx\n", protections[i]);
        SHOW(VirtualAlloc(memory, 0x3000, MEM_COMMIT, protections[i]) == memory);
        VirtualQuery(memory, &info, sizeof info);
        printf("size %lx state %lx\n", (unsigned long)info.RegionSize, info.State);
        SHOW(VirtualFree(memory, 0, MEM_RELEASE));
    }
    return 0;
}
