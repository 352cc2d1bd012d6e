/* SPDX-License-Identifier: MIT */
/*
 * Threads. Each has a server thread that runs the guest and handles its traps. Between two traps it
 * looks whether it is to end, to wait (suspended, or its process stopped), or to run an APC: only
 * there, so that the guest's registers are always at an instruction boundary when others see them.
 */
#include <personalities/nt/process.h>

#include <atomik/thread.h>
#include <ipc/call.h>
#include <personalities/nt/context.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/dispatch.h>
#include <personalities/nt/exception.h>
#include <personalities/nt/io.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>
#include <server/guest_enter.h>

#include <stdlib.h>
#include <string.h>

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

static void free_memory(struct nt_thread *thread)
{
    uint32_t size = 0;
    if (thread->stack_allocation)
        (void)vm_free(thread->process, &thread->stack_allocation, &size, MEM_RELEASE);
    size = 0;
    if (thread->teb)
        (void)vm_free(thread->process, &thread->teb, &size, MEM_RELEASE);
}

static struct nt_thread *thread_new(struct nt_process *process, uint32_t tid)
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
    struct nt_thread *thread = thread_new(process, next_tid + 4);
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
        free_memory(thread);
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
    struct nt_thread *thread = tid % 4 == 0 && tid < TID_LIMIT ? thread_new(process, tid) : NULL;
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
        thread = thread_new(restore->process, tid);
        if (!thread)
            return STATUS_NO_MEMORY;
        thread->exited = true;
        thread->exit_status = snap_get_u32(note, SNAP_OBJECT_STATUS, 0);
        thread->exit_time = nt_time();
    }
    *result = &thread->object;
    return STATUS_SUCCESS;
}

static void thread_gone(struct nt_thread *thread);

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

void thread_discard(struct nt_thread *thread)
{
    free_memory(thread);
    thread_gone(thread);
}

/* ---- the life of the server thread ---- */

static void set_teb_segment(const struct nt_thread *thread)
{
    /* Data, writable, ring 3, 4 GiB: programs read with %fs only what lies in the TEB. */
    uint32_t base = thread->teb;
    uint32_t low = 0xffff | base << 16;
    uint32_t high = (base >> 16 & 0xff) | 0xf200 | 0xcf0000 | (base & 0xff000000);
    (void)!guest_tls(NT_TEB_SLOT, low, high);
}

/*
 * The first registers: LdrInitializeThunk(context), which initialises the process or thread and
 * then continues with the context, at RtlUserThreadStart(start, parameter).
 */
static bool enter_at_start(struct nt_thread *thread)
{
    CONTEXT *context = thread->start_context;
    uint32_t address = (context->Esp & ~3u) - sizeof *context;
    uint32_t frame[5] = {0xdeadbabe, address, 0, 0, 0};
    uint32_t esp = address - sizeof frame;
    if (guest_write(address, context, sizeof *context) || guest_write(esp, frame, sizeof frame))
        return false;
    struct registers *regs = &thread->frame->regs;
    memset(regs, 0, sizeof *regs);
    regs->eip = ntdll_entry(thread->process, NTDLL_LDR_INITIALIZE);
    regs->esp = esp;
    regs->cs = GUEST_CS;
    regs->ss = regs->ds = regs->es = GUEST_DS;
    regs->fs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
    regs->eflags = 0x202;
    thread->start_context = NULL;
    free(context);
    return true;
}

/* Goes on where a snapshot was taken. */
static bool take_state(struct nt_thread *thread)
{
    status_t status = guest_fpu_write(thread->server_thread, thread->state->fpu);
    thread->frame->regs = thread->state->registers;
    free(thread->state);
    thread->state = NULL;
    return status == OK;
}

static bool thread_prepare(struct nt_thread *thread)
{
    uint32_t frame;
    if (space_attach(thread->process->space) != OK || guest_bind(&frame) != OK ||
        guest_fpu_reset(0x27f) != OK)
        return false;
    thread->frame = (struct guest_frame *)frame;
    set_teb_segment(thread);
    return !thread->state || take_state(thread);
}

static bool must_end(const struct nt_thread *thread)
{
    return thread->terminating || thread->process->exiting;
}

static struct condition left_guest; /* or has parked, or ended */
extern struct mutex nt_mutex;

static bool must_stand(const struct nt_thread *thread)
{
    return thread->suspend_count > 0 || thread->process->stopped || thread->process->frozen > 0 ||
           debug_holds(thread);
}

/* The point at which others find the thread; false: it is to end. */
static bool thread_look_up(struct nt_thread *thread)
{
    for (;;) {
        while (!must_end(thread) && must_stand(thread)) {
            thread->parked = true;
            condition_broadcast(&left_guest);
            thread_sleep(thread, 0);
        }
        thread->parked = false;
        if (must_end(thread))
            return false;
        if (thread->debug_event) {
            debug_resume(thread); /* may stop it again, or end it */
            continue;
        }
        if (!thread->start_context)
            return true;
        debug_thread_starts(thread);
        if (thread->debug_event)
            continue;
        if (!enter_at_start(thread)) {
            process_terminate_nt(thread->process, STATUS_NO_MEMORY);
            return false;
        }
    }
}

static void thread_run(struct nt_thread *thread)
{
    operations_begin(thread);
    while (thread_look_up(thread)) {
        thread->in_guest = true;
        nt_unlock();
        status_t status = guest_enter_fast();
        nt_lock();
        thread->in_guest = false;
        if (thread_attention(thread))
            condition_broadcast(&left_guest);
        if (status != OK)
            process_terminate_nt(thread->process, STATUS_INTERNAL_ERROR);
        else
            dispatch_trap(thread);
    }
}

/* Off the lists: nobody finds it any more but through handles. */
static void thread_gone(struct nt_thread *thread)
{
    struct nt_process *process = thread->process;
    list_remove(&thread->link);
    process->thread_count--;
    thread->exited = true;
    thread->exit_time = nt_time();
    object_changed(&thread->object);
    object_release(&thread->object); /* of the list */
}

static void thread_finish(struct nt_thread *thread)
{
    struct nt_process *process = thread->process;
    struct thread_info info;
    if (!thread->terminating)
        thread->exit_status = process->exit_status;
    io_cancel_thread(thread);
    while (!list_empty(&thread->apcs)) {
        struct apc *apc = container_of(thread->apcs.next, struct apc, link);
        list_remove(&apc->link);
        free(apc);
    }
    mutants_abandon(thread);
    if (!process->exiting)
        free_memory(thread);
    if (thread_info(HANDLE_SELF, &info) == OK)
        process->cpu_time += (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low;
    debug_thread_ends(thread);
    bool last = process->thread_count == 1;
    (void)!space_attach(HANDLE_NONE);
    if (last && !process->exiting) {
        process->exiting = true;
        process->exit_status = thread->exit_status;
    }
    condition_broadcast(&left_guest);
    object_hold(&process->object);
    thread_gone(thread);
    if (last)
        process_finish(process);
    object_release(&process->object);
}

void nt_thread_main(void *argument)
{
    struct nt_thread *thread = argument;
    nt_lock();
    if (thread_prepare(thread))
        thread_run(thread);
    else
        process_terminate_nt(thread->process, STATUS_NO_MEMORY);
    thread_finish(thread);
    object_release(&thread->object);
    nt_unlock();
}

void thread_prod(struct nt_thread *thread)
{
    thread_wake(thread);
    if (thread->server_thread)
        (void)!thread_kick(thread->server_thread);
}

void thread_terminate(struct nt_thread *thread, uint32_t code)
{
    if (thread->terminating || thread->exited)
        return;
    thread->terminating = true;
    thread->exit_status = code;
    thread_prod(thread);
}

void process_quiesce(struct nt_process *process, const struct nt_thread *except)
{
    for (;;) {
        bool running = false;
        list_each(thread, &process->threads, struct nt_thread, link) running |=
            thread != except && thread->in_guest && thread_attention(thread);
        if (!running)
            return;
        condition_wait(&left_guest, &nt_mutex);
    }
}

static bool all_parked(const struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!thread->parked)
            return false;
    }
    return true;
}

status_t process_freeze(struct nt_process *process, ktime_t deadline)
{
    status_t status = OK;
    process->frozen++;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!thread->parked)
            thread_prod(thread);
    }
    while (status == OK && !process->exiting && (process->building || !all_parked(process)))
        status = condition_wait_until(&left_guest, &nt_mutex, deadline) ? OK : ERR_TIMED_OUT;
    if (process->exiting)
        status = ERR_NO_PROCESS;
    if (status != OK)
        process_thaw(process);
    return status;
}

void process_thaw(struct nt_process *process)
{
    if (--process->frozen > 0)
        return;
    list_each(thread, &process->threads, struct nt_thread, link) thread_wake(thread);
}

/* Wait until another thread's registers are in its frame. It has been suspended and prodded. */
static void thread_quiesce(struct nt_thread *thread)
{
    while (thread->in_guest && !thread->exited)
        condition_wait(&left_guest, &nt_mutex);
}

/* ---- calls ---- */

struct attribute_results {
    uint32_t client_id, teb; /* guest addresses, or 0 */
};

/* PS_ATTRIBUTE_LIST: where the caller wants the ids and the TEB's address. */
static NTSTATUS read_attributes(uint32_t list, struct attribute_results *results)
{
    uint32_t total;
    memset(results, 0, sizeof *results);
    if (!list)
        return STATUS_SUCCESS;
    NTSTATUS status = guest_read(&total, list, sizeof total);
    for (uint32_t at = sizeof total;
         !status && at + sizeof(PS_ATTRIBUTE) <= total && at < PAGE_SIZE;
         at += sizeof(PS_ATTRIBUTE)) {
        PS_ATTRIBUTE attribute;
        status = guest_read(&attribute, list + at, sizeof attribute);
        uint32_t number = attribute.Attribute & 0xffff;
        if (number == PsAttributeClientId)
            results->client_id = attribute.Value;
        else if (number == PsAttributeTebAddress)
            results->teb = attribute.Value;
    }
    return status;
}

static NTSTATUS return_attributes(const struct attribute_results *results,
                                  const struct nt_thread *thread)
{
    CLIENT_ID id = {(HANDLE)(thread->process->pid * 4), (HANDLE)thread->tid};
    NTSTATUS status = STATUS_SUCCESS;
    if (results->client_id)
        status = guest_write(results->client_id, &id, sizeof id);
    if (!status && results->teb)
        status = guest_write32(results->teb, thread->teb);
    return status;
}

/* The caller's handle, then the launch: a thread that the caller has no handle to never runs. */
static NTSTATUS hand_out(struct call *call, struct nt_thread *thread,
                         const struct attribute_results *results)
{
    struct attributes attributes;
    uint32_t handle;
    NTSTATUS status = attributes_read(call->thread, call->args[2], &attributes);
    if (!status)
        status =
            handle_create(call->process, &thread->object, call->args[1], attributes.flags, &handle);
    if (!status) {
        status = guest_write32(call->args[0], handle);
        if (!status)
            status = return_attributes(results, thread);
        if (status)
            (void)nt_handle_close(call->process, handle);
    }
    attributes_free(&attributes);
    return status;
}

NTSTATUS nt_create_thread_ex(struct call *call)
{
    struct nt_process *process;
    struct nt_thread *thread;
    struct attribute_results results;
    struct thread_request request = {
        .start = call->args[4],
        .parameter = call->args[5],
        .suspended = call->args[6] & THREAD_CREATE_FLAGS_CREATE_SUSPENDED,
        .hidden = call->args[6] & THREAD_CREATE_FLAGS_HIDE_FROM_DEBUGGER,
        .stack_commit = call->args[8],
        .stack_reserve = call->args[9]};
    NTSTATUS status = read_attributes(call->args[10], &results);
    if (!status)
        status = process_from_handle(call->thread, call->args[3], PROCESS_CREATE_THREAD, &process);
    if (status)
        return status;
    if (process->exiting || process->foreign)
        status = STATUS_PROCESS_IS_TERMINATING;
    if (!status)
        status = nt_thread_create(process, &request, &thread);
    if (!status) {
        object_hold(&thread->object);
        status = hand_out(call, thread, &results);
        if (status)
            thread_discard(thread);
        else
            status = thread_launch(thread);
        object_release(&thread->object);
    }
    object_release(&process->object);
    return status;
}

static NTSTATUS thread_from(struct call *call, ACCESS_MASK access, struct nt_thread **thread)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &thread_type, access, &object);
    if (!status)
        *thread = thread_of(object);
    return status;
}

NTSTATUS nt_terminate_thread(struct call *call)
{
    struct nt_thread *thread = call->thread;
    if (call->args[0]) {
        NTSTATUS status = thread_from(call, THREAD_TERMINATE, &thread);
        if (status)
            return status;
        object_release(&thread->object); /* the list or its server thread holds it */
    }
    if (thread == call->thread && call->process->thread_count == 1)
        process_terminate_nt(call->process, call->args[1]);
    thread_terminate(thread, call->args[1]);
    return STATUS_SUCCESS;
}

NTSTATUS nt_suspend_thread(struct call *call)
{
    struct nt_thread *thread;
    NTSTATUS status = thread_from(call, THREAD_SUSPEND_RESUME, &thread);
    if (status)
        return status;
    uint32_t previous = thread->suspend_count;
    if (thread->exited || thread->terminating)
        status = STATUS_THREAD_IS_TERMINATING;
    else if (previous >= MAXIMUM_SUSPEND_COUNT)
        status = STATUS_SUSPEND_COUNT_EXCEEDED;
    if (!status) {
        thread->suspend_count++;
        if (thread != call->thread) {
            thread_prod(thread);
            thread_quiesce(thread);
        }
        status = guest_return32(call->args[1], previous);
    }
    object_release(&thread->object);
    return status;
}

static uint32_t resume(struct nt_thread *thread)
{
    uint32_t previous = thread->suspend_count;
    if (previous > 0 && --thread->suspend_count == 0) {
        thread_wake(thread);
        if (thread->process->debug) /* may have waited for it */
            object_changed(thread->process->debug);
    }
    return previous;
}

NTSTATUS nt_resume_thread(struct call *call)
{
    struct nt_thread *thread;
    NTSTATUS status = thread_from(call, THREAD_SUSPEND_RESUME, &thread);
    if (status)
        return status;
    uint32_t previous = resume(thread);
    object_release(&thread->object);
    return guest_return32(call->args[1], previous);
}

NTSTATUS nt_alert_resume_thread(struct call *call)
{
    return nt_resume_thread(call);
}

/* Hold the thread still for a moment, so that its registers can be read or written. */
static NTSTATUS with_context(struct call *call, ACCESS_MASK access,
                             NTSTATUS (*act)(struct nt_thread *, CONTEXT *))
{
    struct nt_thread *thread;
    CONTEXT context;
    NTSTATUS status = guest_read(&context, call->args[1], sizeof context);
    if (!status)
        status = thread_from(call, access, &thread);
    if (status)
        return status;
    if (thread != call->thread) {
        thread->suspend_count++;
        thread_prod(thread);
        thread_quiesce(thread);
    }
    /* A thread that has not been prepared yet has its start context. */
    status = thread->exited || (!thread->frame && !thread->start_context) ? STATUS_UNSUCCESSFUL
                                                                          : act(thread, &context);
    if (thread != call->thread)
        resume(thread);
    object_release(&thread->object);
    if (!status && access == THREAD_GET_CONTEXT)
        status = guest_write(call->args[1], &context, sizeof context);
    return status;
}

static NTSTATUS set_context(struct nt_thread *thread, CONTEXT *context)
{
    return context_set(thread, context);
}

NTSTATUS nt_get_context_thread(struct call *call)
{
    return with_context(call, THREAD_GET_CONTEXT, context_get);
}

NTSTATUS nt_set_context_thread(struct call *call)
{
    bool self = call->args[0] == (uint32_t)-2;
    NTSTATUS status = with_context(call, THREAD_SET_CONTEXT, set_context);
    DWORD flags = 0;
    if (self && !status)
        status = guest_read(&flags, call->args[1], sizeof flags);
    return !status && (flags & CONTEXT_INTEGER) == CONTEXT_INTEGER ? STATUS_REGISTERS_SET : status;
}

NTSTATUS nt_open_thread(struct call *call)
{
    CLIENT_ID id;
    struct attributes attributes;
    NTSTATUS status = guest_read(&id, call->args[3], sizeof id);
    if (!status)
        status = attributes_read(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    attributes_free(&attributes);
    list_each(process, &nt_processes, struct nt_process, link)
        list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (thread->tid != ((uint32_t)id.UniqueThread & ~3u))
            continue;
        object_hold(&thread->object);
        return object_return_handle(call->thread, call->args[0], &thread->object, call->args[1],
                                    attributes.flags);
    }
    return STATUS_INVALID_CID;
}

/* The thread after `previous` in its process, or the first; backwards from the end. */
static struct nt_thread *thread_after(struct nt_process *process, const struct nt_thread *previous,
                                      bool backwards)
{
    struct nt_thread *best = NULL;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (previous && (backwards ? thread->tid >= previous->tid : thread->tid <= previous->tid))
            continue;
        if (!best || (backwards ? thread->tid > best->tid : thread->tid < best->tid))
            best = thread;
    }
    return best;
}

/* (process, previous thread or 0, access, attributes, flags, *handle) */
NTSTATUS nt_get_next_thread(struct call *call)
{
    struct nt_process *process;
    struct object *previous = NULL;
    if (call->args[4] > 1)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_QUERY_INFORMATION, &process);
    if (status)
        return status;
    if (call->args[1])
        status = handle_object(call->thread, call->args[1], &thread_type,
                               THREAD_QUERY_LIMITED_INFORMATION, &previous);
    if (!status) {
        struct nt_thread *found =
            thread_after(process, previous ? thread_of(previous) : NULL, call->args[4] == 1);
        if (found)
            object_hold(&found->object);
        status = found ? object_return_handle(call->thread, call->args[5], &found->object,
                                              call->args[2], call->args[3])
                       : STATUS_NO_MORE_ENTRIES;
    }
    object_release(previous);
    object_release(&process->object);
    return status;
}
