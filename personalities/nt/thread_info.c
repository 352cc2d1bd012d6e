/* SPDX-License-Identifier: MIT */
/* Information about threads: the classes that are asked for and set. */
#include <personalities/nt/answer.h>
#include <personalities/nt/token.h>

#include <stdlib.h>
#include <string.h>

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

/* Looked at before the handle. */
static const struct class_size thread_sizes[] = {
    {ThreadBasicInformation, sizeof(THREAD_BASIC_INFORMATION)},
    {ThreadTimes, sizeof(KERNEL_USER_TIMES)},
    {ThreadAmILastThread, sizeof(uint32_t)},
    {ThreadHideFromDebugger, sizeof(uint8_t)},
    {ThreadPriorityBoost, sizeof(uint32_t)},
    {ThreadGroupInformation, sizeof(GROUP_AFFINITY)},
    {ThreadEnableAlignmentFaultFixup, 0},
};

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
    if (!class_fits(thread_sizes, sizeof thread_sizes / sizeof thread_sizes[0], call))
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = thread_from_handle(call->thread, call->args[0],
                                         thread_query_access(call->args[1]), &thread);
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
        return processor_check_affinity(call, true);
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
    NTSTATUS status = thread_from_handle(call->thread, call->args[0], access, &thread);
    if (status)
        return status;
    status = set_thread(call, thread);
    object_release(&thread->object);
    return status;
}
