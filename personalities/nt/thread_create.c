/* SPDX-License-Identifier: MIT */
/* Thread objects and how they come to be: number, stack, TEB, first context; or as a snapshot has them. */
#include <personalities/nt/process.h>

#include <atomik/thread.h>
#include <ipc/call.h>
#include <personalities/nt/context.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>

#define FIRST_TID   0x20000u /* above every pid * 4 that init gives out */
#define TID_LIMIT   0x40000000u
#define STACK_MIN   0x100000u
#define GUARD_PAGES 2u

static uint32_t next_tid = FIRST_TID;

static bool thread_signaled(struct object *object, struct nt_thread *waiter)
{
    (void)waiter;
    return thread_of(object)->exited;
}

static void thread_destroy(struct object *object)
{
    struct nt_thread *thread = thread_of(object);
    handle_drop(&thread->server_thread);
    handle_drop(&thread->wake_event);
    object_release(thread->token);
    object_release(&thread->process->object);
    free(thread->start_context);
    operations_forget(thread);
    free(thread->state);
    free(thread->description);
    free(thread);
}

static void thread_save(struct object *object, struct save *save)
{
    const struct nt_thread *thread = thread_of(object);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_THREAD, thread->tid);
    if (thread->process->foreign && !thread->exited)
        snap_put_u32(&save->snapshot, SNAP_OBJECT_PROCESS, thread->process->pid);
    if (thread->exited)
        snap_put_u32(&save->snapshot, SNAP_OBJECT_STATUS, thread->exit_status);
    else if (!save_has(save->group, thread->process))
        snap_put_u32(&save->snapshot, SNAP_OBJECT_EXTERNAL, 1);
}

static NTSTATUS thread_restore(struct restore *restore, const struct snap_note *note,
                               struct object **result);

const struct nt_type thread_type = {
    .name = L"Thread",
    .number = TYPE_THREAD,
    .mapping = {STANDARD_RIGHTS_READ | THREAD_QUERY_INFORMATION | THREAD_GET_CONTEXT,
                STANDARD_RIGHTS_WRITE | THREAD_SET_INFORMATION | THREAD_SET_CONTEXT |
                    THREAD_SET_LIMITED_INFORMATION | THREAD_TERMINATE | THREAD_SUSPEND_RESUME | 4,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION |
                    THREAD_RESUME,
                THREAD_ALL_ACCESS},
    .signaled = thread_signaled,
    .destroy = thread_destroy,
    .save = thread_save,
    .restore = thread_restore,
};

/* ---- creation ---- */

static NTSTATUS put(struct nt_process *process, uint32_t address, const void *bytes,
                    uint32_t length)
{
    uint32_t done;
    status_t status = space_write(process->space, address, bytes, length, &done);
    return status == OK && done == length ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

static NTSTATUS make_stack(struct nt_process *process, struct nt_thread *thread,
                           const struct thread_request *request)
{
    uint32_t reserve = request->stack_reserve, commit = request->stack_commit, base = 0, old;
    if (!reserve)
        reserve = process->image->plan.stack_reserve;
    if (commit > reserve)
        reserve = commit;
    if (reserve < STACK_MIN)
        reserve = STACK_MIN;
    reserve = (reserve + VM_GRANULARITY - 1) & ~(VM_GRANULARITY - 1);
    NTSTATUS status =
        vm_allocate(process, &base, &reserve, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (status)
        return status;
    thread->stack_allocation = base;
    thread->stack_base = base + reserve;
    thread->stack_limit = base + GUARD_PAGES * PAGE_SIZE;
    uint32_t page = base, size = PAGE_SIZE;
    status = vm_protect(process, &page, &size, PAGE_NOACCESS, &old);
    page = base + PAGE_SIZE;
    if (!status)
        status = vm_protect(process, &page, &size, PAGE_READWRITE | PAGE_GUARD, &old);
    return status;
}

static NTSTATUS make_teb(struct nt_process *process, struct nt_thread *thread)
{
    /* The page behind the TEB is ntdll's buffer for debug output. */
    uint32_t base = 0, size = 2 * PAGE_SIZE;
    NTSTATUS status =
        vm_allocate(process, &base, &size, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE);
    TEB *teb = status ? NULL : calloc(1, sizeof *teb);
    if (!teb)
        return status ? status : STATUS_NO_MEMORY;
    thread->teb = base;
    CLIENT_ID id = {(HANDLE)(process->pid * 4), (HANDLE)thread->tid};
    uint32_t actctx = base + offsetof(TEB, ActivationContextStack);
    uint32_t list = actctx + offsetof(ACTIVATION_CONTEXT_STACK, FrameListCache);
    teb->Tib.ExceptionList = (void *)0xffffffff;
    teb->Tib.StackBase = (void *)thread->stack_base;
    teb->Tib.StackLimit = (void *)thread->stack_limit;
    teb->Tib.Self = (void *)base;
    teb->ClientId = teb->RealClientId = id;
    teb->Peb = (PEB *)process->peb;
    teb->ActivationContextStack.FrameListCache.Flink = (void *)list;
    teb->ActivationContextStack.FrameListCache.Blink = (void *)list;
    teb->ActivationContextStackPointer = (void *)actctx;
    teb->StaticUnicodeString.MaximumLength = sizeof teb->StaticUnicodeBuffer;
    teb->StaticUnicodeString.Buffer = (void *)(base + offsetof(TEB, StaticUnicodeBuffer));
    teb->DeallocationStack = (void *)thread->stack_allocation;
    status = put(process, base, teb, sizeof *teb);
    free(teb);
    return status;
}

void thread_free_memory(struct nt_thread *thread)
{
    uint32_t size = 0;
    if (thread->stack_allocation)
        (void)vm_free(thread->process, &thread->stack_allocation, &size, MEM_RELEASE);
    size = 0;
    if (thread->teb)
        (void)vm_free(thread->process, &thread->teb, &size, MEM_RELEASE);
}

struct nt_thread *nt_thread_new(struct nt_process *process, uint32_t tid)
{
    struct nt_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return NULL;
    object_init(&thread->object, &thread_type);
    list_init(&thread->link);
    list_init(&thread->apcs);
    list_init(&thread->requests);
    list_init(&thread->operations);
    list_init(&thread->mutants);
    thread->process = process;
    object_hold(&process->object);
    thread->tid = tid;
    return thread;
}

NTSTATUS nt_thread_create(struct nt_process *process, const struct thread_request *request,
                          struct nt_thread **result)
{
    struct nt_thread *thread = nt_thread_new(process, next_tid + 4);
    CONTEXT *context = calloc(1, sizeof *context);
    if (!thread || !context) {
        if (thread)
            object_release(&thread->object);
        free(context);
        return STATUS_NO_MEMORY;
    }
    next_tid += 4;
    thread->start = request->start;
    thread->parameter = request->parameter;
    thread->hidden = request->hidden;
    thread->suspend_count = request->suspended;
    thread->create_time = nt_time();
    thread->start_context = context;
    NTSTATUS status = make_stack(process, thread, request);
    if (!status)
        status = make_teb(process, thread);
    if (status) {
        thread_free_memory(thread);
        object_release(&thread->object);
        return status;
    }
    context_start(thread, ntdll_entry(process, NTDLL_THREAD_START), thread->stack_base - 16,
                  thread->start, thread->parameter, context);
    list_append(&process->threads, &thread->link);
    process->thread_count++;
    *result = thread;
    return STATUS_SUCCESS;
}

struct nt_thread *nt_thread_restore(struct nt_process *process, uint32_t tid)
{
    struct nt_thread *thread = tid % 4 == 0 && tid < TID_LIMIT ? nt_thread_new(process, tid) : NULL;
    if (!thread)
        return NULL;
    if (next_tid < tid)
        next_tid = tid;
    list_append(&process->threads, &thread->link);
    process->thread_count++;
    return thread;
}

/* What stands for the threads of a program of another personality. */
static struct nt_thread *stand_in_of(const struct nt_process *process)
{
    return list_empty(&process->threads)
               ? NULL
               : container_of(process->threads.next, struct nt_thread, link);
}

/* A thread of the snapshot, or what is left of one that has ended: its exit code. */
static NTSTATUS thread_restore(struct restore *restore, const struct snap_note *note,
                               struct object **result)
{
    uint32_t tid = snap_get_u32(note, SNAP_OBJECT_THREAD, 0), length;
    uint32_t pid = snap_get_u32(note, SNAP_OBJECT_PROCESS, 0);
    const struct nt_process *process = pid ? restored_process(restore, pid) : NULL;
    bool ended = snap_get(note, SNAP_OBJECT_STATUS, &length) != NULL;
    struct nt_thread *thread = ended                         ? NULL
                               : process && process->foreign ? stand_in_of(process)
                                                             : restored_thread(restore, tid);
    if (snap_get_u32(note, SNAP_OBJECT_EXTERNAL, 0))
        return restore_refuse(restore, STATUS_INVALID_CID,
                              "it has a handle of thread %u of another process", tid);
    if (thread) {
        object_hold(&thread->object);
    } else {
        thread = nt_thread_new(restore->process, tid);
        if (!thread)
            return STATUS_NO_MEMORY;
        thread->exited = true;
        thread->exit_status = snap_get_u32(note, SNAP_OBJECT_STATUS, 0);
        thread->exit_time = nt_time();
    }
    *result = &thread->object;
    return STATUS_SUCCESS;
}

NTSTATUS thread_launch(struct nt_thread *thread)
{
    object_hold(&thread->object); /* the server thread's own */
    status_t status = thread_spawn(nt_thread_main, thread, 0, &thread->server_thread);
    if (status == OK)
        return STATUS_SUCCESS;
    thread_discard(thread);
    object_release(&thread->object);
    return nt_status(status);
}
