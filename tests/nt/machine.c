/* SPDX-License-Identifier: MIT */
/* What the system says of its processors, by both calls and through kernel32. */
#include "show.h"

#include <winternl.h>

NTSTATUS NTAPI NtQuerySystemInformationEx(ULONG, void *, ULONG, void *, ULONG, ULONG *);

#define PROCESSORS    73
#define PROCESSORS_EX 107

static ULONG buffer[4096];

static void ask(const char *what, ULONG class, void *query, ULONG query_length, ULONG length)
{
    ULONG needed = 0;
    NTSTATUS status =
        NtQuerySystemInformationEx(class, query, query_length, buffer, length, &needed);
    printf("%s: %08lx%s\n", what, status, needed ? ", tells how long" : "");
}

static void kinds(void)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *record;
    unsigned counts[5] = {0};
    DWORD length = sizeof buffer;
    SHOW(GetLogicalProcessorInformationEx(RelationAll, (void *)buffer, &length));
    for (DWORD at = 0; at < length; at += record->Size) {
        record = (void *)((char *)buffer + at);
        counts[record->Relationship < 5 ? record->Relationship : 4]++;
    }
    printf("cores %d, nodes %d, packages %d\n", counts[RelationProcessorCore] > 0,
           counts[RelationNumaNode] > 0, counts[RelationProcessorPackage] > 0);
}

int main(void)
{
    ULONG cores = RelationProcessorCore, all = RelationAll;
    SYSTEM_INFO system;
    show_begin();
    ask("cores", PROCESSORS_EX, &cores, sizeof cores, sizeof buffer);
    ask("all", PROCESSORS_EX, &all, sizeof all, sizeof buffer);
    ask("no room", PROCESSORS_EX, &all, sizeof all, 4);
    ask("no query", PROCESSORS_EX, NULL, 0, sizeof buffer);
    ask("half a query", PROCESSORS_EX, &all, 2, sizeof buffer);
    ask("another class", 0, &all, sizeof all, sizeof buffer);
    kinds();
    DWORD length = 0;
    SHOW(GetLogicalProcessorInformation(NULL, &length));
    SHOW(length > 0 && length % sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION) == 0);
    length = sizeof buffer;
    SHOW(GetLogicalProcessorInformation((void *)buffer, &length));
    GetSystemInfo(&system);
    SHOW(system.dwPageSize);
    SHOW(system.dwAllocationGranularity);
    SHOW(system.dwNumberOfProcessors > 0);
    return 0;
}
