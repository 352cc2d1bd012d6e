/* SPDX-License-Identifier: MIT */
/* Information about processes and threads. */
#include <personalities/nt/answer.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/token.h>
#include <personalities/nt/process.h>

#include <ipc/initclient.h>
#include <personalities/nt/path.h>

#include <stdio.h>
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

/* ---- processes ---- */

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

/* Classes with one size, which is looked at before the handle. */
struct class_size {
    uint32_t class, size;
};
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
static const struct class_size thread_sizes[] = {
    {ThreadBasicInformation, sizeof(THREAD_BASIC_INFORMATION)},
    {ThreadTimes, sizeof(KERNEL_USER_TIMES)},
    {ThreadAmILastThread, sizeof(uint32_t)},
    {ThreadHideFromDebugger, sizeof(uint8_t)},
    {ThreadPriorityBoost, sizeof(uint32_t)},
    {ThreadGroupInformation, sizeof(GROUP_AFFINITY)},
    {ThreadEnableAlignmentFaultFixup, 0},
};

static bool has_size(const struct class_size *sizes, uint32_t count, uint32_t class, uint32_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (sizes[i].class == class)
            return sizes[i].size == size;
    return true;
}
#define HAS_SIZE(sizes, call) \
    has_size(sizes, sizeof sizes / sizeof sizes[0], call->args[1], call->args[3])

static bool is_process_class(uint32_t class)
{
    return class <= ProcessImageInformation || class == ProcessImageFileNameWin32;
}

static ACCESS_MASK process_query_access(uint32_t class)
{
    return class == ProcessBasicInformation || class == ProcessTimes ||
                   class == ProcessVmCounters || class == ProcessImageFileName ||
                   class == ProcessImageFileNameWin32 || class == ProcessWow64Information ||
                   class == ProcessSessionInformation || class == ProcessPriorityClass ||
                   class == ProcessHandleCount || class == ProcessPriorityBoost
               ? PROCESS_QUERY_LIMITED_INFORMATION
               : PROCESS_QUERY_INFORMATION;
}

NTSTATUS nt_query_information_process(struct call *call)
{
    struct nt_process *process;
    uint32_t class = call->args[1];
    if (!is_process_class(class))
        return STATUS_INVALID_INFO_CLASS;
    if (!HAS_SIZE(process_sizes, call))
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

/* A set of processors that must name the only one there is; of threads others in it are ignored. */
static NTSTATUS check_affinity(struct call *call, bool others_allowed)
{
    uint32_t mask;
    NTSTATUS status = call->args[3] == sizeof mask ? guest_read(&mask, call->args[2], sizeof mask)
                                                   : STATUS_INFO_LENGTH_MISMATCH;
    if (status)
        return status;
    return (mask & 1) && (mask == 1 || others_allowed) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
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
        return check_affinity(call, false);
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

/* ---- threads ---- */

static NTSTATUS thread_basic(const struct answer *answer, const struct nt_thread *thread)
{
    THREAD_BASIC_INFORMATION info = {
        .ExitStatus = thread->exited ? (NTSTATUS)thread->exit_status : STATUS_PENDING,
        .TebBaseAddress = (void *)thread->teb,
        .ClientId = {(HANDLE)(thread->process->pid * 4), (HANDLE)thread->tid},
        .AffinityMask = 1,
        .Priority = thread->base_priority, /* kernelbase takes it for the relative one */
        .BasePriority = thread->base_priority,
    };
    return give(answer, &info, sizeof info);
}

static NTSTATUS thread_times(const struct answer *answer, const struct nt_thread *thread)
{
    KERNEL_USER_TIMES info;
    struct thread_info times;
    memset(&info, 0, sizeof info);
    info.CreateTime.QuadPart = thread->create_time;
    info.ExitTime.QuadPart = thread->exit_time;
    if (!thread->exited && thread->server_thread &&
        thread_info(thread->server_thread, &times) == OK) {
        uint64_t cpu = (uint64_t)times.cpu_time_high << 32 | times.cpu_time_low;
        uint64_t guest = (uint64_t)times.guest_time_high << 32 | times.guest_time_low;
        info.UserTime.QuadPart = guest / 100;
        info.KernelTime.QuadPart = (cpu - guest) / 100;
    }
    return give(answer, &info, sizeof info);
}

static NTSTATUS thread_name(const struct answer *answer, const struct nt_thread *thread)
{
    uint32_t bytes = thread->description_length * sizeof(WCHAR), header = sizeof(UNICODE_STRING);
    UNICODE_STRING name = {bytes, bytes, (WCHAR *)(answer->buffer + header)};
    NTSTATUS status = guest_return32(answer->returned, header + bytes);
    if (status)
        return status;
    if (answer->length < header + bytes)
        return STATUS_BUFFER_TOO_SMALL;
    status = guest_write(answer->buffer, &name, header);
    return status ? status : guest_write(answer->buffer + header, thread->description, bytes);
}

/* The descriptor of a selector: the flat ones, and the thread's TEB. */
static NTSTATUS thread_descriptor(const struct answer *answer, const struct nt_thread *thread)
{
    struct {
        uint32_t selector, low, high;
    } entry;
    if (answer->length < sizeof entry)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = guest_read(&entry, answer->buffer, sizeof entry);
    if (status)
        return status;
    if (entry.selector >> 16)
        return STATUS_UNSUCCESSFUL;
    uint32_t selector = entry.selector | 3;
    entry.low = entry.high = 0;
    if (selector == GUEST_CS || selector == GUEST_DS) {
        entry.low = 0xffff;
        entry.high = selector == GUEST_CS ? 0x00cffb00 : 0x00cff300;
    } else if (selector == GUEST_TLS_SELECTOR(NT_TEB_SLOT)) {
        entry.low = 0x0fff | thread->teb << 16;
        entry.high = (thread->teb >> 16 & 0xff) | 0x0040f300 | (thread->teb & 0xff000000);
    } else if (selector != 3) {
        return STATUS_ACCESS_VIOLATION;
    }
    status = guest_write(answer->buffer, &entry, sizeof entry);
    return status ? status : guest_return32(answer->returned, sizeof entry);
}

static NTSTATUS query_thread(struct call *call, const struct nt_thread *thread)
{
    struct answer answer = {call->args[2], call->args[3], call->args[4]};
    uint8_t hidden = thread->hidden;
    switch (call->args[1]) {
    case ThreadBasicInformation:
        return thread_basic(&answer, thread);
    case ThreadTimes:
        return thread_times(&answer, thread);
    case ThreadAffinityMask:
        return give32(&answer, 1);
    case ThreadPriorityBoost:
        return give32(&answer, thread->boost_disabled);
    case ThreadGroupInformation:
        return give(&answer, &(GROUP_AFFINITY){.Mask = 1}, sizeof(GROUP_AFFINITY));
    case ThreadQuerySetWin32StartAddress:
        return give32(&answer, thread->start);
    case ThreadAmILastThread:
        return give32(&answer, thread->process->thread_count <= 1);
    case ThreadIsIoPending:
        return give32(&answer, 0);
    case ThreadIsTerminated:
        return give32(&answer, thread->exited);
    case ThreadSuspendCount:
        return give32(&answer, thread->suspend_count);
    case ThreadHideFromDebugger:
        return give(&answer, &hidden, sizeof hidden);
    case ThreadNameInformation:
        return thread_name(&answer, thread);
    case ThreadDescriptorTableEntry:
        return thread_descriptor(&answer, thread);
    }
    return STATUS_INVALID_INFO_CLASS;
}

static NTSTATUS with_thread(struct call *call, ACCESS_MASK access, struct nt_thread **thread)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &thread_type, access, &object);
    if (!status)
        *thread = thread_of(object);
    return status;
}

static ACCESS_MASK thread_query_access(uint32_t class)
{
    return class == ThreadBasicInformation || class == ThreadTimes ||
                   class == ThreadAmILastThread || class == ThreadPriorityBoost ||
                   class == ThreadNameInformation || class == ThreadDescriptorTableEntry
               ? THREAD_QUERY_LIMITED_INFORMATION
               : THREAD_QUERY_INFORMATION;
}

NTSTATUS nt_query_information_thread(struct call *call)
{
    struct nt_thread *thread;
    if (call->args[1] >= MaxThreadInfoClass || call->args[1] == ThreadEnableAlignmentFaultFixup)
        return STATUS_INVALID_INFO_CLASS;
    if (!HAS_SIZE(thread_sizes, call))
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = with_thread(call, thread_query_access(call->args[1]), &thread);
    if (status)
        return status;
    status = query_thread(call, thread);
    object_release(&thread->object);
    return status;
}

static NTSTATUS set_description(struct call *call, struct nt_thread *thread)
{
    struct text text;
    WCHAR *storage;
    if (call->args[3] != sizeof(UNICODE_STRING))
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = guest_read_text(call->args[2], &text, &storage);
    if (status)
        return status;
    free(thread->description);
    thread->description = storage;
    thread->description_length = text.length;
    return STATUS_SUCCESS;
}

static NTSTATUS set_token(struct call *call, struct nt_thread *thread)
{
    uint32_t handle;
    struct object *token = NULL;
    if (call->args[3] != sizeof handle)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&handle, call->args[2], sizeof handle);
    if (!status && handle)
        status = handle_object(call->thread, handle, &token_type, TOKEN_IMPERSONATE, &token);
    if (!status)
        status = token_impersonate(thread, token);
    object_release(token);
    return status;
}

/* -2 .. 2, and what means the lowest and the highest of a class. */
static NTSTATUS set_base_priority(struct call *call, struct nt_thread *thread)
{
    int32_t priority;
    NTSTATUS status = call->args[3] == sizeof priority
                          ? guest_read(&priority, call->args[2], sizeof priority)
                          : STATUS_INFO_LENGTH_MISMATCH;
    if (status)
        return status;
    if ((priority < -2 || priority > 2) && priority != THREAD_BASE_PRIORITY_IDLE &&
        priority != THREAD_BASE_PRIORITY_LOWRT)
        return STATUS_INVALID_PARAMETER;
    thread->base_priority = priority;
    return STATUS_SUCCESS;
}

static NTSTATUS set_boost(struct call *call, struct nt_thread *thread)
{
    uint32_t disabled;
    NTSTATUS status = call->args[3] == sizeof disabled
                          ? guest_read(&disabled, call->args[2], sizeof disabled)
                          : STATUS_INFO_LENGTH_MISMATCH;
    if (!status)
        thread->boost_disabled = disabled != 0;
    return status;
}

static NTSTATUS check_group(struct call *call)
{
    GROUP_AFFINITY group;
    NTSTATUS status = call->args[3] == sizeof group
                          ? guest_read(&group, call->args[2], sizeof group)
                          : STATUS_INFO_LENGTH_MISMATCH;
    if (!status && (group.Group != 0 || group.Mask != 1))
        status = STATUS_INVALID_PARAMETER;
    return status;
}

static NTSTATUS check_ideal_processor(struct call *call)
{
    uint32_t number;
    NTSTATUS status = call->args[3] == sizeof number
                          ? guest_read(&number, call->args[2], sizeof number)
                          : STATUS_INFO_LENGTH_MISMATCH;
    return !status && number > MAXIMUM_PROCESSORS ? STATUS_INVALID_PARAMETER : status;
}

static NTSTATUS hide(struct call *call, struct nt_thread *thread)
{
    if (call->args[3])
        return STATUS_INFO_LENGTH_MISMATCH;
    thread->hidden = true;
    return STATUS_SUCCESS;
}

static NTSTATUS set_thread(struct call *call, struct nt_thread *thread)
{
    switch (call->args[1]) {
    case ThreadNameInformation:
        return set_description(call, thread);
    case ThreadHideFromDebugger:
        return hide(call, thread);
    case ThreadBasePriority:
        return set_base_priority(call, thread);
    case ThreadPriorityBoost:
        return set_boost(call, thread);
    case ThreadAffinityMask:
        return check_affinity(call, true);
    case ThreadGroupInformation:
        return check_group(call);
    case ThreadIdealProcessor:
        return check_ideal_processor(call);
    case ThreadEnableAlignmentFaultFixup:
        return call->args[3] == 1 ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
    case ThreadQuerySetWin32StartAddress:
        return guest_read(&thread->start, call->args[2], sizeof thread->start);
    case ThreadPriority:
    case ThreadWineNativeThreadName:
        return STATUS_SUCCESS;
    case ThreadImpersonationToken:
        return set_token(call, thread);
    }
    return STATUS_INVALID_INFO_CLASS;
}

NTSTATUS nt_set_information_thread(struct call *call)
{
    struct nt_thread *thread;
    ACCESS_MASK access = call->args[1] == ThreadImpersonationToken ? THREAD_SET_THREAD_TOKEN
                                                                   : THREAD_SET_LIMITED_INFORMATION;
    NTSTATUS status = with_thread(call, access, &thread);
    if (status)
        return status;
    status = set_thread(call, thread);
    object_release(&thread->object);
    return status;
}
