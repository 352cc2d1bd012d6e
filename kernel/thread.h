/* SPDX-License-Identifier: MIT */
/*
 * Threads, scheduler, wait queues, and processes.
 *
 * A thread blocks in exactly one place, thread_block(), after it has put itself on the lists that
 * will wake it. Whoever wakes it calls thread_wake() with a status; the blocked thread then takes
 * itself off all lists it is still on. Wakes of a thread that is not blocked are ignored.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <kernel/arch.h>
#include <kernel/list.h>
#include <kernel/memory.h>
#include <kernel/object.h>

struct space;

/* ---- time-outs: one ordered queue, run from kernel_tick ---- */
struct timeout {
    struct list link;
    ktime_t deadline;
    /* Interrupt context: may wake and signal, must not block. */
    void (*fire)(struct timeout *timeout);
};
void timeout_start(struct timeout *timeout, ktime_t deadline);
void timeout_stop(struct timeout *timeout); /* harmless if not running */

/* Threads that wait; see below. */
struct wait_queue {
    struct list waiters;
};

/*
 * attention is 0 whenever user code runs, but for a kick that is still pending and ENTER_SLOW. The
 * last one is arch's: the next guest_enter must be checked (no frame or space yet, or they changed).
 * A thread with SUSPEND waits in kernel_exit_work until its process goes on or it is killed.
 */
enum attention {
    ATTENTION_RESCHEDULE = 1,
    ATTENTION_KICK = 2,
    ATTENTION_KILL = 4,
    ATTENTION_ENTER_SLOW = 8,
    ATTENTION_SUSPEND = 16,
};

struct thread {
    struct object object; /* OBJECT_THREAD */
    struct arch_thread arch;
    uint8_t *kernel_stack;
    struct process *process; /* held; NULL for kernel threads */
    /* Held; page directory in use: the process's own or the attached guest space. */
    struct space *space;
    struct list process_link;

    /* scheduler */
    enum thread_state state;
    uint32_t priority;      /* own */
    uint32_t lent_priority; /* highest lent over port calls, or own */
    uint32_t slice;         /* ticks left */
    uint32_t slice_ticks;   /* of a whole slice, not 0 */
    struct list run_link;
    ktime_t cpu_time, guest_time, switched_in;
    bool fault_short;            /* its last page fault was not resolved for want of memory */
    struct page_need page_need;  /* what its last fault or copy lacked and the pager has */
    volatile uint32_t attention; /* enum attention; looked at on the way out of the kernel */

    /* blocking */
    status_t wake_status;
    bool interruptible;
    bool in_futex; /* waits for a futex: can be made to wait again */
    bool parked;   /* stands still, until its process goes on or its exception has been seen to */
    struct timeout timeout;

    /* port call in progress; owned by port.c */
    void *call;
    struct list call_link; /* initialised by thread_create_* (list_init) */

    /* guest frame page, owned by calls_guest.c */
    struct vmo *frame_vmo;
    uint32_t frame_address;

    int32_t exit_code;
};

struct process {
    struct object object; /* OBJECT_PROCESS; SIGNAL_TERMINATED when its last thread is gone */
    char name[NAME_LENGTH];
    uint32_t flags; /* enum process_flags */
    struct privileges privileges;
    struct handle_table handles;
    struct space *space; /* held until termination */
    struct list threads;
    struct list objects; /* that are charged to it: object.owner_link */
    uint32_t thread_count, object_count, page_count;
    struct object *exception_port; /* held handle (badge object) or NULL */
    uintptr_t recovery_start, recovery_end, recovery_handler;
    uint8_t *ioport_bitmap; /* 8 KiB, 1 = denied; NULL until ioports_enable */
    ktime_t dead_cpu_time;  /* of threads that have ended */
    int32_t exit_code;
    bool exiting;
    bool suspended; /* its threads have ATTENTION_SUSPEND */
    struct wait_queue suspended_threads;
    bool finished;        /* its last thread is gone and everything it had is released */
    bool unknown_logged;  /* one line about calls that do not exist was written */
    struct list all_link; /* all processes, by id */
};

static inline bool is_server(const struct process *process)
{
    return process->flags & PROCESS_SERVER;
}
extern struct thread *current; /* never NULL after thread_init() */
extern struct list all_processes;

void thread_system_init(void); /* makes the boot context the idle thread */
/* What the running thread has used since it was switched in goes into its cpu_time now. */
void thread_account_current(void);
/* `result` comes with a reference of the caller's; NULL if none is wanted. */
status_t thread_create_kernel(const char *name, void (*entry)(void *), void *argument,
                              struct thread **result);
status_t thread_create_user(struct process *process, uint32_t eip, uint32_t esp, uint32_t eax,
                            struct thread **result);
void thread_exit_current(int32_t code) __attribute__((noreturn));
/* Block until woken, the deadline, or (if interruptible) a kick; always ends on a kill. Returns the wake status, TIMED_OUT, INTERRUPTED or CANCELLED (killed). With DEADLINE_POLL: SHOULD_WAIT at once. */
status_t thread_block(ktime_t deadline, bool interruptible);
/* Until woken, even when killed: for waits that must end well; recheck. */
void thread_block_always(void);
void thread_wake(struct thread *thread, status_t status);
void thread_kick_thread(struct thread *thread);
void thread_kill(struct thread *thread); /* ends at its next way out of the kernel */
void thread_yield_current(void);
/* The woken thread runs next, before the others of its priority: direct IPC hand-off. */
void thread_handoff(struct thread *thread);
/* Replaces what was lent before: lent_priority becomes the higher of own and priority (0 takes it back). */
void thread_lend_priority(struct thread *to, uint32_t priority);
void thread_set_priority(struct thread *thread, uint32_t priority); /* own priority */
void thread_set_space(struct space *space); /* current thread; switches page tables; holds */
void schedule(void);
/* Between thread.c and schedule.c: */
void scheduler_init(struct thread *idle);
/* Queues it; preempts if it is more urgent. */
void thread_make_ready(struct thread *thread, bool first);
/* Away from `dead`, which is current, for ever. */
void thread_end_switch(struct thread *dead) __attribute__((noreturn));
void thread_free_dead(struct thread *dead);

/* ---- wait queues and mutexes of the kernel's own ---- */
struct waiter {
    struct list link;
    struct thread *thread; /* NULL: a watch of an event */
    uint32_t wanted;       /* signals, for object waiters */
};
void wait_queue_init(struct wait_queue *queue);
status_t wait_queue_block(struct wait_queue *queue, ktime_t deadline, bool interruptible);
uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t count, status_t status);
struct mutex {
    struct thread *owner;
    struct wait_queue queue;
};
void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* ---- processes ---- */
status_t process_create_object(const struct process_request *request, struct process *creator,
                               struct process **result);
/* If it is the current one, the caller ends at its way out of the kernel. */
void process_terminate(struct process *process, int32_t code);
void process_suspend(struct process *process, bool suspended, bool end_waits);
struct thread *thread_from_object(struct object *object);
struct process *process_from_object(struct object *object);
/* LIMIT_REACHED; NULL process = kernel, always OK. */
status_t process_charge_pages(struct process *process, uint32_t pages);
void process_uncharge_pages(struct process *process, uint32_t pages);
uint32_t process_total(void), thread_total(void); /* that exist in processes */
/*
 * thread.c calls these for threads of a process (never for kernel threads). process_thread_add
 * checks the process's limit and state (LIMIT_REACHED, BAD_STATE), links the thread into
 * process->threads, counts it, and gives it the process's I/O bitmap; the thread holds the process.
 * process_thread_remove is called once by a thread that ends, in its own context while it is still
 * `current`, after its exit_code is set and before it leaves its address space for good: it
 * releases what the thread has (frame page, message buffer), unlinks it, and with the last thread
 * finishes the process (handles closed, space cleared, SIGNAL_TERMINATED). It may call
 * thread_set_space(NULL) (kernel only) and never blocks.
 */
status_t process_thread_add(struct process *process, struct thread *thread);
void process_thread_remove(struct process *process, struct thread *thread);

/* Counters of system_info. context_switches and idle_time: thread.c; interrupts: kernel_tick and kernel_irq; page_faults: kernel_page_fault. */
struct kernel_statistics {
    uint32_t context_switches, interrupts, page_faults;
    ktime_t idle_time;
};
extern struct kernel_statistics kernel_statistics; /* defined in calls_system.c */

/* ---- parts started by kernel_main, in this order, after memory and threads ---- */
void random_init(void);
void clock_init(void);            /* reads the RTC */
void random_stir(uint32_t value); /* interrupts feed it */
void selftest_run(void);          /* with `selftest` on the command line, before boot_start_init */
void boot_start_init(void);       /* creates process "init" from module 0; panics without one */

#endif
