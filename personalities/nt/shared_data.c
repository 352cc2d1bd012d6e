/* SPDX-License-Identifier: MIT */
/*
 * KUSER_SHARED_DATA: one page that all programs read at 0x7ffe0000, and the page behind it with the
 * few instructions through which ntdll enters the server. A thread keeps the times current while
 * there are programs to read them.
 */
#include <personalities/nt/process.h>

#include <atomik/startup.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <personalities/nt/shared_data.h>

#include <string.h>

#define TICK            (15 * NS_PER_MS)
#define TICK_MULTIPLIER (1u << 24) /* makes TickCount plain milliseconds */

static KSHARED_USER_DATA *shared;
static handle_t shared_vmo, trampoline_vmo;
static struct condition tick_wanted;
static bool ticking;

static const uint8_t system_call[] = {
    0x8d, 0x54, 0x24, 0x08, /* lea edx, [esp+8]: the first argument */
    0xcd, 0x2e,             /* int 2eh */
    0xc3,                   /* ret */
};
static const uint8_t unix_call[] = {
    0xb8, 0x00, 0xf0, 0x00, 0x00, /* mov eax, 0f000h */
    0x8d, 0x54, 0x24, 0x04,       /* lea edx, [esp+4] */
    0xcd, 0x2e,                   /* int 2eh */
    0xc2, 0x10, 0x00,             /* ret 10h */
};
#define UNIX_CALL_OFFSET 0x10

/* Readers take High1, Low and High2 and try again if the two highs differ. */
static void set_time(volatile KSYSTEM_TIME *time, uint64_t value)
{
    time->High2Time = (LONG)(value >> 32);
    time->LowPart = (ULONG)value;
    time->High1Time = (LONG)(value >> 32);
}

static void tick(void)
{
    uint64_t uptime = nt_uptime();
    set_time(&shared->InterruptTime, uptime);
    set_time(&shared->SystemTime, nt_time());
    set_time(&shared->TickCount, uptime / 10000);
    shared->TickCountLowDeprecated = (ULONG)(uptime / 10000);
}

static void tick_thread(void *argument)
{
    (void)argument;
    nt_lock();
    for (;;) {
        while (list_empty(&nt_processes)) {
            ticking = false;
            condition_wait(&tick_wanted, &nt_mutex);
        }
        nt_unlock();
        tick();
        time_sleep(TICK);
        nt_lock();
    }
}

void shared_data_wake(void)
{
    tick();
    if (ticking)
        return;
    ticking = true;
    condition_signal(&tick_wanted);
}

static void fill_static(void)
{
    static const WCHAR root[] = L"C:\\windows";
    static const uint8_t features[] = {
        PF_COMPARE_EXCHANGE_DOUBLE, PF_MMX_INSTRUCTIONS_AVAILABLE, PF_XMMI_INSTRUCTIONS_AVAILABLE,
        PF_RDTSC_INSTRUCTION_AVAILABLE, PF_XMMI64_INSTRUCTIONS_AVAILABLE};
    struct system_info info;
    shared->TickCountMultiplier = TICK_MULTIPLIER;
    memcpy(shared->NtSystemRoot, root, sizeof root);
    shared->NtBuildNumber = NT_VERSION_BUILD;
    shared->NtProductType = NtProductWinNt;
    shared->ProductTypeIsValid = TRUE;
    shared->NtMajorVersion = NT_VERSION_MAJOR;
    shared->NtMinorVersion = NT_VERSION_MINOR;
    shared->SuiteMask = 0x100; /* one user at the terminal */
    shared->NXSupportPolicy = 2;
    shared->QpcFrequency = 10000000;
    shared->ActiveProcessorCount = 1;
    for (uint32_t i = 0; i < sizeof features; i++)
        shared->ProcessorFeatures[features[i]] = TRUE;
    if (system_info(&info) == OK)
        shared->NumberOfPhysicalPages = info.total_pages;
}

static status_t make_trampolines(void)
{
    status_t status = vmo_create(0, PAGE_SIZE, &trampoline_vmo);
    if (status == OK)
        status = vmo_write(trampoline_vmo, 0, system_call, sizeof system_call);
    if (status == OK)
        status = vmo_write(trampoline_vmo, UNIX_CALL_OFFSET, unix_call, sizeof unix_call);
    return status;
}

void shared_data_init(void)
{
    struct map_request request = {
        .length = PAGE_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    status_t status = vmo_create(0, PAGE_SIZE, &shared_vmo);
    request.vmo = shared_vmo;
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status == OK)
        status = make_trampolines();
    if (status != OK)
        process_fail("shared data", status);
    shared = (KSHARED_USER_DATA *)request.address;
    fill_static();
    tick();
    status = thread_spawn(tick_thread, NULL, 0, NULL);
    if (status != OK)
        process_fail("clock thread", status);
}

static NTSTATUS map_page(struct nt_process *process, handle_t vmo, uint32_t address,
                         uint32_t protect)
{
    struct map_request request = {.vmo = vmo,
                                  .address = address,
                                  .length = PAGE_SIZE,
                                  .prot = vm_kernel_prot(protect),
                                  .flags = MAP_FLAG_FIXED | MAP_FLAG_SHARED};
    struct allocation *allocation = vm_add(process, address, PAGE_SIZE, MEM_PRIVATE, protect, NULL);
    if (!allocation)
        return STATUS_NO_MEMORY;
    allocation->fixed = true;
    return space_map(process->space, &request) == OK ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

NTSTATUS shared_data_map(struct nt_process *process)
{
    NTSTATUS status = map_page(process, shared_vmo, NT_SHARED_DATA, PAGE_READONLY);
    if (!status)
        status = map_page(process, trampoline_vmo, NT_TRAMPOLINES, PAGE_EXECUTE_READ);
    return status;
}
