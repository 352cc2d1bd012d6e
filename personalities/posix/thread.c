/* SPDX-License-Identifier: MIT */
/*
 * Threads: workers and the loop that runs guests.
 *
 * A worker is a thread of this server with a stack area and a guest frame. It runs one guest thread
 * at a time and goes back to a pool when that ends, so that a fork costs no kernel thread. The
 * worker's structure lies at the base of its aligned stack area, which is how self() finds it;
 * a guard page separates it from the stack.
 *
 *   fork, clone:  thread_new -> (fill in) -> thread_start
 *   the end:      thread_finish, on the worker's own stack, which is then left behind
 */
#include <atomik/thread.h>
#include <server/guest_enter.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "fpu.h"
#include "futex.h"
#include "resume.h"
#include "seccomp.h"
#include "server.h"
#include "snapshot/record.h"
#include "task.h"
#include "traps.h"
#include "trace.h"
#include "tty.h"

#define POOL_MAX    16
#define POOL_KEPT   4 /* workers that only children of session leaders may take */
#define TRAP_VECTOR 0x80

/* Bits of dr6 and eflags. */
#define DEBUG_BREAKPOINTS 0xfu
#define DEBUG_STEP        0x4000u
#define RESUME_FLAG       0x10000u

static struct list pool = LIST_INIT(pool);
static uint32_t pool_count;

/* ---- workers ----------------------------------------------------------------------------------- */

static void run_guest(struct thread *thread) __attribute__((noreturn));

/* Runs on an empty stack. */
static void worker_loop(void) __attribute__((noreturn, used));
static void worker_loop(void)
{
    struct worker *worker = worker_self();
    struct thread *thread;
    while (!(thread = __atomic_load_n(&worker->thread, __ATOMIC_ACQUIRE)))
        ignore(futex_wait((uintptr_t)&worker->thread, 0, DEADLINE_NEVER, CALL_UNINTERRUPTIBLE));
    thread->frame = worker->frame;
    run_guest(thread);
}

static void worker_restart(struct worker *worker) __attribute__((noreturn));
static void worker_restart(struct worker *worker)
{
    uint32_t top = (uint32_t)worker + WORKER_AREA - 16;
    __asm__ volatile("movl %0, %%esp\n\tpushl $0\n\tjmp worker_loop" : : "r"(top));
    __builtin_unreachable();
}

/* Ends this kernel thread and gives its stack area back; uses no stack after the unmapping. */
static void worker_end(struct worker *worker) __attribute__((noreturn));
static void worker_end(struct worker *worker)
{
    close_handle(worker->handle);
    __asm__ volatile("int %0\n\t" /* space_unmap(HANDLE_SELF, area, size) */
                     "movl %1, %%eax\n\t"
                     "xorl %%ebx, %%ebx\n\t"
                     "int %0"
                     :
                     : "i"(CALL_VECTOR), "i"(CALL_thread_exit), "a"(CALL_space_unmap),
                       "b"(HANDLE_SELF), "c"(worker), "d"(WORKER_AREA));
    __builtin_unreachable();
}

static void worker_entry(void)
{
    struct worker *worker = worker_self();
    uint32_t frame = 0;
    if (guest_bind(&frame) != OK) {
        log_line("no guest frame: out of memory");
        ignore(process_exit(1)); /* nothing of this server can go on without */
    }
    worker->frame = (struct guest_frame *)frame;
    worker_loop();
}

static struct worker *worker_area(void)
{
    struct map_request request = {
        .length = WORKER_AREA, .prot = PROT_R | PROT_W, .align = WORKER_AREA};
    if (space_map(HANDLE_SELF, &request) != OK)
        return NULL;
    struct worker *worker = (struct worker *)request.address;
    uint32_t guard = ((uint32_t)(worker + 1) + PAGE_MASK) & ~PAGE_MASK;
    if (space_protect(HANDLE_SELF, guard, PAGE_SIZE, PROT_NONE_) == OK)
        return worker;
    ignore(space_unmap(HANDLE_SELF, request.address, WORKER_AREA));
    return NULL;
}

static struct worker *worker_new(void)
{
    struct worker *worker = worker_area();
    if (!worker)
        return NULL;
    list_init(&worker->pool_link);
    worker->slice = SLICE_NORMAL;
    uint32_t stack = (uint32_t)worker + WORKER_AREA - 20;
    if (thread_create(HANDLE_SELF, (uintptr_t)worker_entry, stack, 0, &worker->handle) == OK)
        return worker;
    ignore(space_unmap(HANDLE_SELF, (uintptr_t)worker, WORKER_AREA));
    return NULL;
}

/*
 * When no more threads can be made, the last workers of the pool are for what an interactive shell
 * starts, so that somebody can still put an end to whatever has taken all the others.
 */
static struct worker *worker_get(bool leader)
{
    struct worker *worker = pool_count <= POOL_KEPT ? worker_new() : NULL;
    if (worker || pool_count == 0 || (pool_count <= POOL_KEPT && !leader))
        return worker;
    worker = container_of(pool.next, struct worker, pool_link);
    list_remove(&worker->pool_link);
    pool_count--;
    return worker;
}

static void worker_put(struct worker *worker)
{
    list_prepend(&pool, &worker->pool_link);
    pool_count++;
}

void workers_start(void)
{
    for (uint32_t i = 0; i < POOL_KEPT; i++) {
        struct worker *worker = worker_new();
        if (worker)
            worker_put(worker);
    }
}

/* A worker without a guest: self() is NULL there. */
static void background_entry(void)
{
    struct worker *worker = worker_self();
    worker->run(worker->argument);
    worker_end(worker);
}

bool worker_background(void (*run)(void *), void *argument)
{
    struct worker *worker = worker_area();
    if (worker) {
        worker->run = run;
        worker->argument = argument;
        uint32_t stack = (uint32_t)worker + WORKER_AREA - 20;
        if (thread_create(HANDLE_SELF, (uintptr_t)background_entry, stack, 0, NULL) == OK)
            return true;
        ignore(space_unmap(HANDLE_SELF, (uintptr_t)worker, WORKER_AREA));
    }
    log_line("cannot start a background thread: out of memory");
    return false;
}

/* ---- guest threads ------------------------------------------------------------------------------- */

int thread_new(struct process *process, uint32_t tid, bool leader, struct thread **result)
{
    struct thread *thread = allocate(sizeof *thread);
    struct worker *worker = thread ? worker_get(leader) : NULL;
    if (!worker) {
        release(thread);
        return -EAGAIN;
    }
    thread->process = process;
    thread->worker = worker;
    thread->tid = tid;
    pending_init(&thread->pending);
    list_append(&process->threads, &thread->link);
    process->thread_count++;
    *result = thread;
    return 0;
}

void thread_start(struct thread *thread)
{
    struct worker *worker = thread->worker;
    sched_apply(thread);
    __atomic_store_n(&worker->thread, thread, __ATOMIC_RELEASE);
    ignore(futex_wake((uintptr_t)&worker->thread, 1, NULL));
}

void thread_discard(struct thread *thread)
{
    list_remove(&thread->link);
    thread->process->thread_count--;
    worker_put(thread->worker);
    pending_clear(&thread->pending);
    seccomp_release(thread->filters);
    release(thread->fpu);
    release(thread);
}

static uint64_t time_of(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static void worker_times(handle_t handle, uint64_t *user, uint64_t *system)
{
    struct thread_info info;
    *user = *system = 0;
    if (thread_info(handle, &info) != OK)
        return;
    uint64_t all = time_of(info.cpu_time_low, info.cpu_time_high);
    *user = time_of(info.guest_time_low, info.guest_time_high);
    *system = all > *user ? all - *user : 0;
}

void thread_times(struct thread *thread, uint64_t *user, uint64_t *system)
{
    worker_times(thread->worker->handle, user, system);
    *user -= MIN(*user, thread->user_base);
    *system -= MIN(*system, thread->system_base);
}

bool thread_interrupted(struct thread *thread)
{
    struct process *process = thread->process;
    if (unlikely(thread->tracing) &&
        (thread->tracing->trap || (process->stopped && thread->group_stop)))
        return true;
    return thread_must_end(thread) || process->frozen || (process->stopped && !thread->tracing) ||
           signal_waiting(thread);
}

void thread_notify(struct thread *thread)
{
    thread->attention = 1;
    if (thread->worker->thread && thread != self())
        ignore(thread_kick(thread->worker->handle));
}

/* The process goes on without it. Lock held. */
void thread_unlink(struct thread *thread)
{
    struct process *process = thread->process;
    uint64_t user, system;
    thread_times(thread, &user, &system);
    process->dead_user_time += user;
    process->dead_system_time += system;
    list_remove(&thread->link);
    process->thread_count--;
    pending_clear(&thread->pending);
    wait_queue_wake(&process->thread_gone, WAKE_ALL);
}

void thread_clear_debug(struct thread *thread)
{
    if (thread->debug[5] == 0)
        return;
    memset(thread->debug, 0, sizeof thread->debug);
    ignore(guest_debug(HANDLE_SELF, thread->debug));
}

void thread_finish(struct thread *thread)
{
    struct worker *worker = thread->worker;
    struct process *process = thread->process;
    if (process->recording)
        record_end(process, "the process was ended");
    futex_thread_end(thread);
    thread_clear_debug(thread); /* its worker will run others */
    server_lock();
    bool last = process->thread_count == 1;
    if (last)
        process->exiting = true;
    else
        thread_unlink(thread);
    trace_thread_ended(thread, process->exiting ? process->exit_status : thread->exit_status);
    server_unlock();
    if (last)
        process_finish(process, thread); /* may free the process */
    ignore(space_attach(HANDLE_NONE));
    server_lock();
    worker->thread = NULL;
    bool keep = pool_count < POOL_MAX;
    if (keep)
        worker_put(worker);
    server_unlock();
    seccomp_release(thread->filters);
    release(thread->fpu);
    release(thread);
    if (keep)
        worker_restart(worker);
    worker_end(worker);
}

/* ---- traps --------------------------------------------------------------------------------------- */

static void fault_signal(struct thread *thread, uint32_t signal, int32_t code, uint32_t address)
{
    server_lock();
    signal_fault(thread, signal, code, address);
    server_unlock();
}

static int32_t page_fault_code(struct thread *thread, uint32_t *signal)
{
    struct mapping_info info;
    uint32_t address = thread->frame->address;
    *signal = SIGSEGV;
    if (address >= GUEST_LIMIT || space_query(thread->process->mm->space, address, &info) != OK ||
        info.address > address)
        return SEGV_MAPERR;
    uint32_t needed = thread->frame->error & 2 ? PROT_W : PROT_R;
    if ((info.prot & needed) != needed || info.prot == 0 || thread->frame->fetch)
        return SEGV_ACCERR;
    *signal = SIGBUS; /* mapped and allowed: the file ends before it */
    return BUS_ADRERR;
}

/* si_code of an x87 or SSE exception from its status and mask bits. */
static int32_t float_code(uint32_t unmasked)
{
    if (unmasked & 1)
        return FPE_FLTINV;
    if (unmasked & 4)
        return FPE_FLTDIV;
    if (unmasked & 8)
        return FPE_FLTOVF;
    if (unmasked & 0x12)
        return FPE_FLTUND;
    return unmasked & 0x20 ? FPE_FLTRES : FPE_FLTUNK;
}

static int32_t float_exception_code(uint32_t vector)
{
    uint8_t image[FPU_STATE_SIZE] __attribute__((aligned(16)));
    uint32_t mxcsr;
    if (guest_fpu_read(HANDLE_SELF, image) != OK)
        return FPE_FLTUNK;
    memcpy(&mxcsr, image + 24, 4);
    if (vector == 19)
        return float_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
    return float_code((uint32_t)image[2] & ~(uint32_t)image[0] & 0x3f);
}

/* dr6 says why: a step or a breakpoint; one for an instruction must not hit again at once. */
static void handle_debug(struct thread *thread)
{
    struct registers *regs = &thread->frame->regs;
    uint32_t reasons = thread->frame->address, dr7 = thread->debug[5];
    bool stray = thread->step_armed && !thread->step && !(reasons & DEBUG_BREAKPOINTS);
    thread->debug[4] = reasons & (DEBUG_BREAKPOINTS | DEBUG_STEP);
    trace_step_hide(thread);
    for (uint32_t n = 0; n < 4; n++) {
        if ((reasons >> n & 1) && (dr7 >> (16 + 4 * n) & 3) == 0)
            regs->eflags |= RESUME_FLAG;
    }
    if (!stray)
        fault_signal(thread, SIGTRAP,
                     reasons & DEBUG_STEP          ? TRAP_TRACE
                     : reasons & DEBUG_BREAKPOINTS ? TRAP_HWBKPT
                                                   : TRAP_BRKPT,
                     regs->eip);
}

static void handle_exception(struct thread *thread)
{
    struct guest_frame *frame = thread->frame;
    uint32_t eip = frame->regs.eip, signal;
    int32_t code;
    thread->in_call = false;
    thread->trap_vector = frame->vector;
    thread->trap_error = frame->error;
    if (frame->vector == 14)
        thread->trap_address = frame->address;
    switch (frame->vector) {
    case 0:
        fault_signal(thread, SIGFPE, FPE_INTDIV, eip);
        break;
    case 1:
        handle_debug(thread);
        break;
    case 3:
        fault_signal(thread, SIGTRAP, SI_KERNEL, 0);
        break;
    case 6:
        fault_signal(thread, SIGILL, ILL_ILLOPN, eip);
        break;
    case 11:
    case 12:
        fault_signal(thread, SIGBUS, SI_KERNEL, 0);
        break;
    case 14:
        code = page_fault_code(thread, &signal);
        fault_signal(thread, signal, code, frame->address);
        break;
    case 16:
    case 19:
        fault_signal(thread, SIGFPE, float_exception_code(frame->vector), eip);
        break;
    case 17:
        fault_signal(thread, SIGBUS, BUS_ADRALN, 0);
        break;
    default:
        fault_signal(thread, SIGSEGV, SI_KERNEL, 0);
    }
}

/* A software interrupt that is no system call faults like one without a gate. */
static void handle_stray_interrupt(struct thread *thread)
{
    thread->in_call = false;
    thread->trap_vector = 13;
    thread->trap_error = thread->frame->vector * 8 + 2;
    if (thread->frame->reason == GUEST_SYSCALL)
        thread->frame->regs.eip -= 2;
    fault_signal(thread, SIGSEGV, SI_KERNEL, 0);
}

void thread_end_for_memory(struct thread *thread)
{
    struct process *process = thread->process;
    char line[96];
    thread->out_of_memory = false;
    server_lock();
    bool first = !process->exiting;
    process_end_all(process, SIGKILL);
    snprintf(line, sizeof line, "out of memory: process %u (%.*s) ended", process->pid, COMM_LENGTH,
             process->comm);
    server_unlock();
    if (first)
        tty_announce(line);
}

static void handle_other(struct thread *thread)
{
    thread->orig_eax = -1;
    switch (thread->frame->reason) {
    case GUEST_NO_MEMORY:
        thread->in_call = false;
        thread_end_for_memory(thread);
        break;
    case GUEST_EXCEPTION:
        handle_exception(thread);
        break;
    case GUEST_SYSCALL:
    case GUEST_SYSENTER:
        handle_stray_interrupt(thread);
        break;
    }
}

/* A result that may ask for a restart, or one with signals to look at. */
static void settle(struct thread *thread, uint32_t number, int32_t result)
{
    thread->trap_number = number;
    thread->in_call = result != -RESULT_KEEP_REGISTERS;
    if (thread->in_call) {
        thread->frame->regs.eax = (uint32_t)result;
        thread->orig_eax = (int32_t)number;
    }
    call_resume_later(thread, result);
    signal_deliver(thread);
}

static int32_t call_any(struct thread *thread, uint32_t number, const struct registers *regs)
{
    int32_t refused;
    if (unlikely(thread->process->recording))
        return record_call(thread, number, regs);
    if (thread->seccomp_mode && !seccomp_allows(thread, number, regs, &refused))
        return refused;
    if (thread->process->trace)
        return syscall_traced(number, regs);
    if (number < SYSCALL_LIMIT && syscall_thunks[number])
        return syscall_thunks[number](regs);
    return syscall_unknown(number);
}

/* Calls that are traced, by a tracer or into a log, and calls that do not exist. */
static int32_t call_with_tracer(struct thread *thread, uint32_t *number,
                                const struct registers *regs)
{
    if (!thread->tracing)
        return call_any(thread, *number, regs);
    int32_t result =
        trace_call_entry(thread, number) ? call_any(thread, *number, regs) : (int32_t)regs->eax;
    return trace_call_exit(thread, result);
}

/* A process that is counted stands still after its last call. */
static void count_call(struct thread *thread)
{
    struct process *process = thread->process;
    server_lock();
    if (process->counted && process->calls_left > 0 && --process->calls_left == 0) {
        process->frozen++; /* until it is ended */
        thread->attention = 1;
    }
    server_unlock();
}

static int32_t call_slowly(struct thread *thread, uint32_t *number, const struct registers *regs)
{
    call_resume_begin(thread, *number, regs);
    int32_t result = call_with_tracer(thread, number, regs);
    thread->resumed = false;
    if (unlikely(thread->process->counted))
        count_call(thread);
    return result;
}

static void prepare_guest(struct thread *thread)
{
    worker_times(thread->worker->handle, &thread->user_base, &thread->system_base);
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++)
        thread_set_tls(thread, slot);
    if (thread->process->mm)
        ignore(space_attach(thread->process->mm->space));
    ignore(thread->fpu ? guest_fpu_write(HANDLE_SELF, thread->fpu) : guest_fpu_reset(X87_CONTROL));
    release(thread->fpu);
    thread->fpu = NULL;
    thread->frame->regs = thread->start_registers;
    thread->shortages = thread->frame->shortages;
    if (thread->begin)
        thread->begin(thread);
}

static void run_guest(struct thread *thread)
{
    struct guest_frame *frame = thread->frame;
    struct registers *regs = &frame->regs;
    prepare_guest(thread);
    for (;;) {
        while (unlikely(thread->attention))
            signal_deliver(thread);
        ignore(guest_enter_fast());
        if (unlikely(frame->reason != GUEST_SYSCALL || frame->vector != TRAP_VECTOR)) {
            handle_other(thread);
            continue;
        }
        uint32_t number = regs->eax;
        syscall_thunk *thunk = likely(number < SYSCALL_LIMIT) ? syscall_thunks[number] : NULL;
        int32_t result;
        if (likely(thunk && !thread->watched))
            result = thunk(regs);
        else
            result = call_slowly(thread, &number, regs);
        traps_note(thread, number, regs, result);
        if (likely((uint32_t)(result + RESULT_KEEP_REGISTERS) >
                       RESULT_KEEP_REGISTERS - ERESTARTSYS &&
                   !thread->attention))
            regs->eax = (uint32_t)result;
        else
            settle(thread, number, result);
    }
}
