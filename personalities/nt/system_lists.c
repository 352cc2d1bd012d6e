/* SPDX-License-Identifier: MIT */
/*
 * The lists that NtQuerySystemInformation gives: processes with their threads, and handles. Processes of
 * other personalities are in the list of processes, without threads: those are not NT's.
 */
#include <personalities/nt/answer.h>

#include <ipc/initclient.h>
#include <personalities/nt/process.h>

#include <stdlib.h>
#include <string.h>

/* ---- processes ---- */

static const WCHAR *leaf_name(const struct nt_process *process)
{
    const WCHAR *name = process->image_name ? process->image_name : L"";
    for (const WCHAR *at = name; *at; at++)
        if (*at == '\\')
            name = at + 1;
    return name;
}

/* A process of another personality, as the registry has it. */
struct other_process {
    uint32_t pid, ppid, resident_pages;
    uint64_t start; /* FILETIME */
    uint32_t name_length;
    WCHAR *name;
};
struct process_list {
    bool extended;
    uint32_t other_count;
    struct other_process *others;
};

static void others_free(struct process_list *list)
{
    for (uint32_t i = 0; i < list->other_count; i++)
        free(list->others[i].name);
    free(list->others);
}

static NTSTATUS other_add(struct process_list *list, const struct proc_record *record,
                          const char *name)
{
    struct proc_stats stats = {0};
    size_t length;
    struct other_process *grown =
        realloc(list->others, (list->other_count + 1) * sizeof *list->others);
    if (!grown)
        return STATUS_NO_MEMORY;
    list->others = grown;
    struct other_process *other = &grown[list->other_count];
    if (init_proc_stats(nt_init, record->pid, &stats, NULL, 0, &length) != OK)
        memset(&stats, 0, sizeof stats); /* it has just ended, or does not answer */
    *other = (struct other_process){
        .pid = record->pid, .ppid = record->ppid, .resident_pages = stats.resident_pages};
    other->start = nt_time() - nt_uptime() + record->start_time / 100;
    other->name = text_from_utf8(name, strlen(name), &other->name_length);
    if (!other->name)
        return STATUS_NO_MEMORY;
    list->other_count++;
    return STATUS_SUCCESS;
}

static bool is_ours(uint32_t pid)
{
    nt_lock();
    struct nt_process *process = process_by_pid(pid);
    bool ours = process && !process->foreign;
    nt_unlock();
    return ours;
}

/* Without the lock: other servers are asked. */
static NTSTATUS others_read(struct process_list *list)
{
    struct proc_record record = {.pid = 0};
    char name[64];
    NTSTATUS status = STATUS_SUCCESS;
    while (!status && init_proc_info(nt_init, record.pid, true, &record, name, sizeof name) == OK)
        if (record.state != PROC_ZOMBIE && !is_ours(record.pid))
            status = other_add(list, &record, name);
    return status;
}

static uint32_t record_bytes(const struct process_list *list, uint32_t threads,
                             uint32_t name_length)
{
    uint32_t thread = list->extended ? sizeof(SYSTEM_EXTENDED_THREAD_INFORMATION)
                                     : sizeof(SYSTEM_THREAD_INFORMATION);
    uint32_t size = offsetof(SYSTEM_PROCESS_INFORMATION, ti) + threads * thread +
                    (name_length + 1) * sizeof(WCHAR);
    return (size + 7) & ~7u;
}

static void put_name(SYSTEM_PROCESS_INFORMATION *info, const uint8_t *record, uint8_t *to,
                     uint32_t address, const WCHAR *name, uint32_t length)
{
    uint32_t bytes = length * sizeof(WCHAR);
    info->ProcessName = (UNICODE_STRING){bytes, bytes + sizeof(WCHAR),
                                         (WCHAR *)(address + (uint32_t)(to - record))};
    memcpy(to, name, bytes);
}

static uint8_t *put_thread(const struct process_list *list, const struct nt_thread *thread,
                           uint8_t *to)
{
    SYSTEM_EXTENDED_THREAD_INFORMATION *info = (SYSTEM_EXTENDED_THREAD_INFORMATION *)to;
    SYSTEM_THREAD_INFORMATION *t = &info->ThreadInfo;
    t->CreateTime.QuadPart = thread->create_time;
    t->StartAddress = (void *)thread->start;
    t->ClientId = (CLIENT_ID){(HANDLE)(thread->process->pid * 4), (HANDLE)thread->tid};
    t->dwBasePriority = t->dwCurrentPriority = 8;
    if (!list->extended)
        return to + sizeof *t;
    info->StackBase = (void *)thread->stack_base;
    info->StackLimit = (void *)thread->stack_limit;
    info->Win32StartAddress = (void *)thread->start;
    info->TebBase = (void *)thread->teb;
    return to + sizeof *info;
}

static void fill_process(const struct process_list *list, const struct nt_process *process,
                         uint8_t *to, uint32_t address)
{
    SYSTEM_PROCESS_INFORMATION *info = (SYSTEM_PROCESS_INFORMATION *)to;
    const WCHAR *name = leaf_name(process);
    uint8_t *at = (uint8_t *)info->ti;
    info->dwThreadCount = process->thread_count;
    info->CreationTime.QuadPart = process->create_time;
    info->dwBasePriority = 8;
    info->UniqueProcessId = (HANDLE)(process->pid * 4);
    info->ParentProcessId = (HANDLE)(process->creator * 4);
    info->HandleCount = process->handles.used;
    info->SessionId = 1;
    list_each(thread, &process->threads, struct nt_thread, link) at = put_thread(list, thread, at);
    put_name(info, to, at, address, name, text_length(name));
}

static void fill_other(const struct other_process *other, uint8_t *to, uint32_t address)
{
    SYSTEM_PROCESS_INFORMATION *info = (SYSTEM_PROCESS_INFORMATION *)to;
    info->CreationTime.QuadPart = other->start;
    info->dwBasePriority = 8;
    info->UniqueProcessId = (HANDLE)(other->pid * 4);
    info->ParentProcessId = (HANDLE)(other->ppid * 4);
    info->SessionId = 1;
    info->vmCounters.WorkingSetSize = other->resident_pages * PAGE_SIZE;
    put_name(info, to, (uint8_t *)info->ti, address, other->name, other->name_length);
}

static bool is_listed(const struct nt_process *process)
{
    return !process->exited && !process->foreign;
}

static uint32_t list_size(const struct process_list *list)
{
    uint32_t total = 0;
    list_each(process, &nt_processes, struct nt_process, link) if (is_listed(process)) total +=
        record_bytes(list, process->thread_count, text_length(leaf_name(process)));
    for (uint32_t i = 0; i < list->other_count; i++)
        total += record_bytes(list, 0, list->others[i].name_length);
    return total;
}

/* The records, one after the other; each says where the next one is. */
static void fill_list(const struct process_list *list, uint8_t *to, uint32_t address,
                      uint32_t total)
{
    uint32_t at = 0, size;
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (!is_listed(process))
            continue;
        size = record_bytes(list, process->thread_count, text_length(leaf_name(process)));
        fill_process(list, process, to + at, address + at);
        ((SYSTEM_PROCESS_INFORMATION *)(to + at))->NextEntryOffset = at + size < total ? size : 0;
        at += size;
    }
    for (uint32_t i = 0; i < list->other_count; i++) {
        size = record_bytes(list, 0, list->others[i].name_length);
        fill_other(&list->others[i], to + at, address + at);
        ((SYSTEM_PROCESS_INFORMATION *)(to + at))->NextEntryOffset = at + size < total ? size : 0;
        at += size;
    }
}

static NTSTATUS give_list(const struct answer *answer, const struct process_list *list)
{
    uint32_t total = list_size(list);
    NTSTATUS status = guest_return32(answer->returned, total);
    if (status)
        return status;
    if (answer->length < total)
        return STATUS_INFO_LENGTH_MISMATCH;
    uint8_t *reply = calloc(1, total + 1);
    if (!reply)
        return STATUS_NO_MEMORY;
    fill_list(list, reply, answer->buffer, total);
    status = guest_write(answer->buffer, reply, total);
    free(reply);
    return status;
}

NTSTATUS system_processes(const struct answer *answer, bool extended)
{
    struct process_list list = {.extended = extended};
    NTSTATUS status = BLOCKING(others_read(&list));
    if (!status)
        status = give_list(answer, &list);
    others_free(&list);
    return status;
}

/* ---- handles ---- */

static uint32_t count_handles(void)
{
    uint32_t count = 0;
    list_each(process, &nt_processes, struct nt_process, link) count += process->handles.used;
    return count;
}

static uint32_t handle_attributes(const struct handle_entry *entry)
{
    return (entry->inherit ? OBJ_INHERIT : 0) | (entry->protect ? OBJ_PROTECT_CLOSE : 0);
}

static void fill_handle(const struct nt_process *process, uint32_t index, bool extended, void *to)
{
    const struct handle_entry *entry = &process->handles.entries[index];
    SYSTEM_HANDLE_ENTRY *info = to;
    SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX *more = to;
    if (extended)
        *more = (SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX){.UniqueProcessId = process->pid * 4,
                                                    .HandleValue = (index + 1) * 4,
                                                    .GrantedAccess = entry->access,
                                                    .ObjectTypeIndex = entry->object->type->number,
                                                    .HandleAttributes = handle_attributes(entry)};
    else
        *info = (SYSTEM_HANDLE_ENTRY){.OwnerPid = process->pid * 4,
                                      .ObjectType = entry->object->type->number,
                                      .HandleFlags = handle_attributes(entry),
                                      .HandleValue = (index + 1) * 4,
                                      .AccessMask = entry->access};
}

/* A count, then one record for each handle of each process. Addresses of objects are not told. */
NTSTATUS system_handles(const struct answer *answer, bool extended)
{
    uint32_t count = count_handles(), header = offsetof(SYSTEM_HANDLE_INFORMATION, Handle);
    uint32_t size = sizeof(SYSTEM_HANDLE_ENTRY);
    if (extended) {
        header = offsetof(SYSTEM_HANDLE_INFORMATION_EX, Handles);
        size = sizeof(SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX);
    }
    uint8_t *reply = calloc(1, header + count * size), *at = reply + header;
    if (!reply)
        return STATUS_NO_MEMORY;
    memcpy(reply, &count, sizeof count);
    list_each(process, &nt_processes, struct nt_process, link) for (uint32_t i = 0;
                                                                    i < process->handles.size; i++)
    {
        if (!process->handles.entries[i].object)
            continue;
        fill_handle(process, i, extended, at);
        at += size;
    }
    NTSTATUS status = give(answer, reply, header + count * size);
    free(reply);
    return status;
}
