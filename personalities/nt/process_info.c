/* SPDX-License-Identifier: MIT */
/* Information about processes: the classes that are asked for and set. */
#include <personalities/nt/answer.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/path.h>
#include <personalities/nt/process.h>

#include <stdlib.h>
#include <string.h>

/* A UNICODE_STRING with its characters behind it. */
static NTSTATUS give_text(const struct answer *answer, const WCHAR *chars, uint32_t length)
{
    uint32_t bytes = (length + 1) * sizeof(WCHAR);
    uint8_t *reply = malloc(sizeof(UNICODE_STRING) + bytes);
    if (!reply)
        return STATUS_NO_MEMORY;
    UNICODE_STRING string = {bytes - sizeof(WCHAR), bytes,
                             (WCHAR *)(answer->buffer + sizeof string)};
    memcpy(reply, &string, sizeof string);
    memcpy(reply + sizeof string, chars, bytes - sizeof(WCHAR));
    memset(reply + sizeof string + bytes - sizeof(WCHAR), 0, sizeof(WCHAR));
    NTSTATUS status = give(answer, reply, sizeof string + bytes);
    free(reply);
    return status;
}

static NTSTATUS process_basic(const struct answer *answer, const struct nt_process *process)
{
    PROCESS_BASIC_INFORMATION info = {
        .ExitStatus = process->exited ? (NTSTATUS)process->exit_status : STATUS_PENDING,
        .PebBaseAddress = (PEB *)process->peb,
        .AffinityMask = 1,
        .BasePriority = process->priority_class, /* what kernelbase takes it for */
        .UniqueProcessId = process->pid * 4,
        .InheritedFromUniqueProcessId = process->creator * 4,
    };
    return give(answer, &info, sizeof info);
}

static NTSTATUS process_times(const struct answer *answer, const struct nt_process *process)
{
    KERNEL_USER_TIMES info;
    uint64_t cpu = process_cpu_time(process);
    memset(&info, 0, sizeof info);
    info.CreateTime.QuadPart = process->create_time;
    info.ExitTime.QuadPart = process->exit_time;
    info.UserTime.QuadPart = cpu / 100;
    return give(answer, &info, sizeof info);
}

static NTSTATUS process_memory(const struct answer *answer, const struct nt_process *process)
{
    VM_COUNTERS_EX info;
    uint32_t mapped = 0, resident = 0;
    memset(&info, 0, sizeof info);
    if (process->space && space_pages(process->space, &mapped, &resident) == OK) {
        info.PeakVirtualSize = info.VirtualSize = (SIZE_T)mapped * PAGE_SIZE;
        info.PeakWorkingSetSize = info.WorkingSetSize = (SIZE_T)resident * PAGE_SIZE;
        info.PagefileUsage = info.PeakPagefileUsage = info.PrivateUsage =
            (SIZE_T)resident * PAGE_SIZE;
    }
    if (answer->length == sizeof(VM_COUNTERS)) {
        return give(answer, &info, sizeof(VM_COUNTERS));
    }
    return give(answer, &info, sizeof info);
}

static NTSTATUS process_image_name(const struct answer *answer, const struct nt_process *process,
                                   bool native)
{
    uint32_t length = 0;
    if (!process->image_name)
        return STATUS_UNSUCCESSFUL;
    if (!native)
        return give_text(answer, process->image_name + 4, text_length(process->image_name) - 4);
    WCHAR *name = path_device_name(process->image_name, &length);
    NTSTATUS status = name ? give_text(answer, name, length) : STATUS_NO_MEMORY;
    free(name);
    return status;
}

static NTSTATUS process_image_information(const struct answer *answer,
                                          const struct nt_process *process)
{
    SECTION_IMAGE_INFORMATION info;
    if (!process->image)
        return STATUS_PROCESS_IS_TERMINATING;
    image_information(process->image, &info);
    return give(answer, &info, sizeof info);
}

static NTSTATUS process_debug_object(struct call *call, const struct answer *answer,
                                     struct nt_process *process)
{
    uint32_t handle;
    if (answer->length != sizeof handle)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = debug_object_handle(call, process, &handle);
    NTSTATUS written = give32(answer, handle);
    return written ? written : status;
}

static NTSTATUS query_process(struct call *call, struct nt_process *process)
{
    struct answer answer = {call->args[2], call->args[3], call->args[4]};
    PROCESS_PRIORITY_CLASS priority = {.Foreground = FALSE,
                                       .PriorityClass = process->priority_class};
    switch (call->args[1]) {
    case ProcessBasicInformation:
        return process_basic(&answer, process);
    case ProcessVmCounters:
        return process_memory(&answer, process);
    case ProcessIoCounters:
        return give(&answer, &(IO_COUNTERS){0}, sizeof(IO_COUNTERS));
    case ProcessTimes:
        return process_times(&answer, process);
    case ProcessDebugPort:
        return give32(&answer, process->debug ? UINT32_MAX : 0);
    case ProcessWow64Information:
        return give32(&answer, 0);
    case ProcessDefaultHardErrorMode:
        return give32(&answer, process->error_mode);
    case ProcessPriorityClass:
        return give(&answer, &priority, sizeof priority);
    case ProcessHandleCount:
        return give32(&answer, process->handles.used);
    case ProcessAffinityMask:
    case ProcessSessionInformation:
        return give32(&answer, 1);
    case ProcessPriorityBoost:
        return give32(&answer, 0);
    case ProcessImageFileName:
        return process_image_name(&answer, process, true);
    case ProcessImageFileNameWin32:
        return process_image_name(&answer, process, false);
    case ProcessDebugObjectHandle:
        return process_debug_object(call, &answer, process);
    case ProcessDebugFlags:
        return give32(&answer, process->exited ? 0 : process->debug_children);
    case ProcessExecuteFlags:
        return give32(&answer, MEM_EXECUTE_OPTION_DISABLE | MEM_EXECUTE_OPTION_PERMANENT);
    case ProcessCookie:
        return give32(&answer, process->pid * 2654435761u);
    case ProcessImageInformation:
        return process_image_information(&answer, process);
    }
    return STATUS_INVALID_INFO_CLASS;
}

/* Looked at before the handle. */
static const struct class_size process_sizes[] = {
    {ProcessBasicInformation, sizeof(PROCESS_BASIC_INFORMATION)},
    {ProcessIoCounters, sizeof(IO_COUNTERS)},
    {ProcessTimes, sizeof(KERNEL_USER_TIMES)},
    {ProcessDebugPort, sizeof(uint32_t)},
    {ProcessWow64Information, sizeof(uint32_t)},
    {ProcessDefaultHardErrorMode, sizeof(uint32_t)},
    {ProcessPriorityClass, sizeof(PROCESS_PRIORITY_CLASS)},
    {ProcessDebugObjectHandle, sizeof(uint32_t)},
    {ProcessDebugFlags, sizeof(uint32_t)},
    {ProcessImageInformation, sizeof(SECTION_IMAGE_INFORMATION)},
};

static bool is_process_class(uint32_t class)
{
    return class <= ProcessImageInformation || class == ProcessImageFileNameWin32;
}

/* What may be known of a process by whoever may only know little of it. */
static ACCESS_MASK process_query_access(uint32_t class)
{
    switch (class) {
    case ProcessBasicInformation:
    case ProcessQuotaLimits:
    case ProcessIoCounters:
    case ProcessVmCounters:
    case ProcessTimes:
    case ProcessDefaultHardErrorMode:
    case ProcessPriorityClass:
    case ProcessPriorityBoost:
    case ProcessHandleCount:
    case ProcessSessionInformation:
    case ProcessWow64Information:
    case ProcessImageFileName:
    case ProcessImageFileNameWin32:
    case ProcessImageInformation:
    case ProcessLUIDDeviceMapsEnabled:
    case ProcessIoPriority:
    case ProcessPagePriority:
        return PROCESS_QUERY_LIMITED_INFORMATION;
    }
    return PROCESS_QUERY_INFORMATION;
}

NTSTATUS nt_query_information_process(struct call *call)
{
    struct nt_process *process;
    uint32_t class = call->args[1];
    if (!is_process_class(class))
        return STATUS_INVALID_INFO_CLASS;
    if (!class_fits(process_sizes, sizeof process_sizes / sizeof process_sizes[0], call))
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], process_query_access(class), &process);
    if (status)
        return status;
    status = query_process(call, process);
    object_release(&process->object);
    return status;
}

/* Stacks of fibers and of threads that ntdll makes: reserved here, set up there. */
static NTSTATUS allocate_stack(struct call *call, struct nt_process *process)
{
    PROCESS_STACK_ALLOCATION_INFORMATION info;
    uint32_t base = 0;
    if (call->args[3] < sizeof info)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = guest_read(&info, call->args[2], sizeof info);
    uint32_t size = info.ReserveSize;
    if (!status)
        status = vm_allocate(process, &base, &size, MEM_RESERVE, PAGE_READWRITE);
    info.StackBase = (void *)base;
    return status ? status : guest_write(call->args[2], &info, sizeof info);
}

static NTSTATUS set_process(struct call *call, struct nt_process *process)
{
    PROCESS_PRIORITY_CLASS priority;
    switch (call->args[1]) {
    case ProcessThreadStackAllocation:
        return allocate_stack(call, process);
    case ProcessDefaultHardErrorMode:
        return guest_read(&process->error_mode, call->args[2], sizeof process->error_mode);
    case ProcessPriorityClass: {
        NTSTATUS status = guest_read(&priority, call->args[2], sizeof priority);
        process->priority_class = status ? process->priority_class : priority.PriorityClass;
        return status;
    }
    case ProcessDebugFlags:
        return guest_read(&process->debug_children, call->args[2], sizeof process->debug_children);
    case ProcessAffinityMask:
        return processor_check_affinity(call, false);
    case ProcessPriorityBoost:
    case ProcessBasePriority:
    case ProcessExecuteFlags:
        return STATUS_SUCCESS; /* one processor, no boosts, execution is what pages say */
    }
    return STATUS_INVALID_INFO_CLASS;
}

NTSTATUS nt_set_information_process(struct call *call)
{
    struct nt_process *process;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_SET_INFORMATION, &process);
    if (status)
        return status;
    status = set_process(call, process);
    object_release(&process->object);
    return status;
}
