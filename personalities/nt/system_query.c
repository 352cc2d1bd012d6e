/* SPDX-License-Identifier: MIT */
/* Information about the system: what NtQuerySystemInformation answers. Its lists: system_lists.c. */
#include <personalities/nt/answer.h>

#include <string.h>

#define TIMER_INCREMENT 156250u

/* Of classes that want a buffer of just the right size. */
static NTSTATUS give_exactly(const struct answer *answer, const void *bytes, uint32_t size)
{
    NTSTATUS status = guest_return32(answer->returned, size);
    if (status)
        return status;
    return answer->length != size ? STATUS_INFO_LENGTH_MISMATCH
                                  : guest_write(answer->buffer, bytes, size);
}

/* ---- the system ---- */

static NTSTATUS system_basic(const struct answer *answer)
{
    struct system_info system;
    SYSTEM_BASIC_INFORMATION info;
    memset(&info, 0, sizeof info);
    if (system_info(&system) != OK)
        return STATUS_UNSUCCESSFUL;
    info.KeMaximumIncrement = TIMER_INCREMENT;
    info.PageSize = PAGE_SIZE;
    info.MmNumberOfPhysicalPages = system.total_pages;
    info.MmLowestPhysicalPage = 1;
    info.MmHighestPhysicalPage = system.total_pages;
    info.AllocationGranularity = VM_GRANULARITY;
    info.LowestUserAddress = (void *)VM_GRANULARITY;
    info.HighestUserAddress = (void *)(NT_GUEST_LIMIT - 1);
    info.ActiveProcessorsAffinityMask = 1;
    info.NumberOfProcessors = 1;
    return give_exactly(answer, &info, sizeof info);
}

static void cpuid_features(uint32_t *signature, uint32_t *edx, uint32_t *ecx)
{
    uint32_t ebx;
    __asm__("cpuid" : "=a"(*signature), "=b"(ebx), "=c"(*ecx), "=d"(*edx) : "a"(1), "c"(0));
}

/* What the processor says, and how NT calls it. */
static const struct {
    uint32_t edx, ecx, nt;
} feature_bits[] = {
    {1u << 1, 0, CPU_FEATURE_VME},   {1u << 3, 0, CPU_FEATURE_PSE},
    {1u << 4, 0, CPU_FEATURE_TSC},   {1u << 8, 0, CPU_FEATURE_CX8},
    {1u << 11, 0, CPU_FEATURE_SEP},  {1u << 12, 0, CPU_FEATURE_MTRR},
    {1u << 13, 0, CPU_FEATURE_PGE},  {1u << 15, 0, CPU_FEATURE_CMOV},
    {1u << 16, 0, CPU_FEATURE_PAT},  {1u << 23, 0, CPU_FEATURE_MMX},
    {1u << 24, 0, CPU_FEATURE_FXSR}, {1u << 25, 0, CPU_FEATURE_SSE},
    {1u << 26, 0, CPU_FEATURE_SSE2}, {0, 1u << 0, CPU_FEATURE_SSE3},
    {0, 1u << 9, CPU_FEATURE_SSSE3},
};

static NTSTATUS system_processor(const struct answer *answer)
{
    uint32_t signature, features, more;
    cpuid_features(&signature, &features, &more);
    SYSTEM_CPU_INFORMATION info = {.ProcessorArchitecture = PROCESSOR_ARCHITECTURE_INTEL,
                                   .ProcessorLevel = signature >> 8 & 0xf,
                                   .ProcessorRevision =
                                       (signature << 4 & 0xff00) | (signature & 0xf),
                                   .MaximumProcessors = 1,
                                   .ProcessorFeatureBits = CPU_FEATURE_X86};
    for (uint32_t i = 0; i < sizeof feature_bits / sizeof feature_bits[0]; i++)
        if ((features & feature_bits[i].edx) || (more & feature_bits[i].ecx))
            info.ProcessorFeatureBits |= feature_bits[i].nt;
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_performance(const struct answer *answer)
{
    struct system_info system;
    SYSTEM_PERFORMANCE_INFORMATION info;
    memset(&info, 0, sizeof info);
    if (system_info(&system) != OK)
        return STATUS_UNSUCCESSFUL;
    uint64_t idle = (uint64_t)system.idle_time_high << 32 | system.idle_time_low;
    info.IdleTime.QuadPart = idle / 100;
    info.AvailablePages = system.free_pages;
    info.TotalCommittedPages = system.total_pages - system.free_pages;
    info.TotalCommitLimit = system.total_pages;
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_time_of_day(const struct answer *answer)
{
    SYSTEM_TIMEOFDAY_INFORMATION info;
    memset(&info, 0, sizeof info);
    info.BootTime.QuadPart = nt_time() - nt_uptime();
    info.SystemTime.QuadPart = nt_time();
    /* As much as is asked for, from nothing on. */
    if (answer->length > sizeof info) {
        NTSTATUS mismatch = guest_return32(answer->returned, 0);
        return mismatch ? mismatch : STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS status = guest_write(answer->buffer, &info, answer->length);
    return status ? status : guest_return32(answer->returned, answer->length);
}

/* ---- modules of the system ---- */

/* What serves the system calls: this server, which lies above the programs in all their spaces. */
static void fill_module(RTL_PROCESS_MODULE_INFORMATION *module)
{
    static const char name[] = "\\SystemRoot\\system32\\ntoskrnl.exe";
    extern char end_of_program[];
    memset(module, 0, sizeof *module);
    module->ImageBaseAddress = (void *)SERVER_BASE;
    module->ImageSize = (uint32_t)end_of_program - SERVER_BASE;
    module->LoadCount = 1;
    module->NameOffset = sizeof "\\SystemRoot\\system32\\" - 1;
    memcpy(module->Name, name, sizeof name);
}

static NTSTATUS system_modules(const struct answer *answer)
{
    RTL_PROCESS_MODULES info = {.ModulesCount = 1};
    fill_module(&info.Modules[0]);
    return give(answer, &info, sizeof info);
}

/* The same as a list: each says where the next one begins, an empty one ends it. */
static NTSTATUS system_modules_more(const struct answer *answer)
{
    struct {
        RTL_PROCESS_MODULE_INFORMATION_EX module;
        USHORT end;
    } __attribute__((packed)) info = {.module.NextOffset = sizeof info.module};
    RTL_PROCESS_MODULE_INFORMATION module;
    fill_module(&module);
    memcpy(&info.module.BaseInfo, &module, sizeof module);
    return give(answer, &info, sizeof info);
}

/* ---- single values ---- */

static NTSTATUS system_cache(const struct answer *answer)
{
    struct system_info system;
    SYSTEM_CACHE_INFORMATION info;
    memset(&info, 0, sizeof info);
    if (system_info(&system) != OK)
        return STATUS_UNSUCCESSFUL;
    info.PageFaultCount = system.page_faults;
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_time_adjustment(const struct answer *answer)
{
    SYSTEM_TIME_ADJUSTMENT_QUERY info = {.TimeAdjustment = TIMER_INCREMENT,
                                         .TimeIncrement = TIMER_INCREMENT,
                                         .TimeAdjustmentDisabled = TRUE};
    return give_exactly(answer, &info, sizeof info);
}

static NTSTATUS system_registry_quota(const struct answer *answer)
{
    struct system_info system;
    SYSTEM_REGISTRY_QUOTA_INFORMATION info = {0};
    if (system_info(&system) != OK)
        return STATUS_UNSUCCESSFUL;
    info.RegistryQuotaAllowed = system.total_pages / 4 * PAGE_SIZE;
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_debugger(const struct answer *answer)
{
    SYSTEM_KERNEL_DEBUGGER_INFORMATION info = {.DebuggerNotPresent = TRUE};
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_debugger_more(const struct answer *answer)
{
    SYSTEM_KERNEL_DEBUGGER_INFORMATION_EX info = {0};
    return give(answer, &info, sizeof info);
}

/* ---- time zone and processors ---- */

#define SHARED_DATA_ALIGNMENT 64u /* of what two processors write to: a line of the cache */

static NTSTATUS system_time_zone(const struct answer *answer)
{
    RTL_DYNAMIC_TIME_ZONE_INFORMATION info;
    static const WCHAR name[] = L"UTC";
    memset(&info, 0, sizeof info);
    memcpy(info.StandardName, name, sizeof name);
    memcpy(info.DaylightName, name, sizeof name);
    memcpy(info.TimeZoneKeyName, name, sizeof name);
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_time_zone_short(const struct answer *answer)
{
    RTL_TIME_ZONE_INFORMATION info;
    static const WCHAR name[] = L"UTC";
    memset(&info, 0, sizeof info);
    memcpy(info.StandardName, name, sizeof name);
    memcpy(info.DaylightName, name, sizeof name);
    return give(answer, &info, sizeof info);
}

static NTSTATUS system_processor_times(const struct answer *answer)
{
    struct system_info system;
    SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION info;
    memset(&info, 0, sizeof info);
    if (system_info(&system) != OK)
        return STATUS_UNSUCCESSFUL;
    uint64_t idle = ((uint64_t)system.idle_time_high << 32 | system.idle_time_low) / 100;
    info.IdleTime.QuadPart = idle;
    info.KernelTime.QuadPart = idle;
    info.UserTime.QuadPart = nt_uptime() - idle;
    return give(answer, &info, sizeof info);
}

/* Counters that nobody could predict: Wine's advapi32 takes its random numbers from them. */
static NTSTATUS system_interrupts(const struct answer *answer)
{
    SYSTEM_INTERRUPT_INFORMATION info;
    status_t status = random_get(&info, sizeof info);
    return status == OK ? give(answer, &info, sizeof info) : nt_status(status);
}

static NTSTATUS wine_version(struct answer *answer)
{
    static const char text[] = "8.0\0Atomik\0Atomik\0"
                               "1.0";
    uint32_t length = answer->length < sizeof text ? answer->length : sizeof text;
    return guest_write(answer->buffer, text, length);
}

NTSTATUS nt_query_system_information(struct call *call)
{
    struct answer answer = {call->args[1], call->args[2], call->args[3]};
    switch (call->args[0]) {
    case SystemBasicInformation:
    case SystemEmulationBasicInformation:
        return system_basic(&answer);
    case SystemCpuInformation:
    case SystemEmulationProcessorInformation:
        return system_processor(&answer);
    case SystemPerformanceInformation:
        return system_performance(&answer);
    case SystemTimeOfDayInformation:
        return system_time_of_day(&answer);
    case SystemProcessInformation:
        return system_processes(&answer, false);
    case SystemExtendedProcessInformation:
        return system_processes(&answer, true);
    case SystemProcessorPerformanceInformation:
        return system_processor_times(&answer);
    case SystemHandleInformation:
        return system_handles(&answer, false);
    case SystemExtendedHandleInformation:
        return system_handles(&answer, true);
    case SystemModuleInformation:
        return system_modules(&answer);
    case SystemModuleInformationEx:
        return system_modules_more(&answer);
    case SystemFileCacheInformation:
        return system_cache(&answer);
    case SystemInterruptInformation:
        return system_interrupts(&answer);
    case SystemTimeAdjustmentInformation:
        return system_time_adjustment(&answer);
    case SystemKernelDebuggerInformation:
        return system_debugger(&answer);
    case SystemKernelDebuggerInformationEx:
        return system_debugger_more(&answer);
    case SystemRegistryQuotaInformation:
        return system_registry_quota(&answer);
    case SystemRecommendedSharedDataAlignment:
        return give32(&answer, SHARED_DATA_ALIGNMENT);
    case SystemLogicalProcessorInformation:
        return system_logical_processors(&answer);
    case SystemCurrentTimeZoneInformation:
        return system_time_zone_short(&answer);
    case SystemDynamicTimeZoneInformation:
        return system_time_zone(&answer);
    case SystemWineVersionInformation:
        return wine_version(&answer);
    }
    NTSTATUS status = guest_return32(answer.returned, 0);
    return status ? status : STATUS_INVALID_INFO_CLASS;
}

/* The system below an emulator; there is none, so it is this one. */
NTSTATUS nt_wow64_get_native_system_information(struct call *call)
{
    struct answer answer = {call->args[1], call->args[2], call->args[3]};
    if (call->args[0] == SystemNativeBasicInformation)
        return system_basic(&answer);
    return nt_query_system_information(call);
}
