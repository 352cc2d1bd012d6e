/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads of guests, and what they share: memory, descriptors, directories, signal
 * actions. All of it is reachable from struct process, and all of it is guarded by the server lock
 * except what is marked "own thread only".
 */
#ifndef POSIX_TASK_H
#define POSIX_TASK_H

#include "core.h"
#include "cred.h"
#include "signals.h"
#include "timeout.h"

struct file;
struct files;
struct seccomp_filter;
struct worker;
struct tty;

/* Memory: one guest address space. Shared by CLONE_VM. */
struct mm {
    uint32_t references;
    handle_t space;
    uint32_t brk_start, brk_end; /* brk_end: the program break, not rounded */
    uint32_t arguments, arguments_end, environment_end; /* in the stack image */
    uint32_t stack_top;
    uint32_t auxv[64], auxv_size;
    char *exe;               /* path text of the program */
    handle_t program;        /* its node: nobody writes to the file meanwhile; or HANDLE_NONE */
    bool barrier_registered; /* membarrier: private barriers are to be used */
    struct list locked;      /* struct locked_range (mmlimit.h) */
    bool lock_all;           /* MCL_FUTURE */
    uint32_t mappings_made;  /* there are at most so many */
    uint32_t restored_from;  /* VMO id of the snapshot that private memory still shows, or 0 */
    struct descriptor *ldt;  /* what modify_ldt reads of it (tls.c): ldt_count up to the highest */
    uint32_t ldt_count;
    struct list aio; /* contexts of io_setup (aio.c) */
};

/* Directories. Shared by CLONE_FS. Text is absolute, as seen from `root`. */
struct fs_context {
    uint32_t references;
    handle_t root, cwd; /* cwd HANDLE_NONE: an internal directory (/dev, /proc) named by cwd_text */
    uint64_t root_ino, cwd_ino;
    uint32_t root_device, cwd_device; /* cwd_device 0: not asked yet */
    char *cwd_text;
    uint32_t umask;
};

/* A session; its controlling terminal. */
struct session {
    struct list link;
    uint32_t references;
    uint32_t sid;
    struct tty *tty; /* held, or NULL */
};

enum process_state {
    PROCESS_ALIVE,
    PROCESS_ZOMBIE,
    PROCESS_REMOTE, /* runs in another personality after an exec in place */
};

#define COMM_LENGTH  16
#define RLIMIT_COUNT 16

struct vfork_wait {
    struct wait_queue queue;
    bool done;
};

#define INTERVAL_TIMERS 3 /* ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF */

/* The flight recorder (traps.h): a ring in chunks. */
#define TRAPS_KEPT  4096u
#define TRAPS_CHUNK 128u
struct snap_trap;
struct traps {
    uint32_t count; /* of all calls; the next one's place */
    struct snap_trap *chunks[TRAPS_KEPT / TRAPS_CHUNK];
};

struct process {
    struct list all_link;     /* all_processes, by hash of pid */
    struct list sibling_link; /* parent's children; own list while there is no local parent */
    struct list children;
    struct list threads;
    uint32_t thread_count;
    enum process_state state;

    uint32_t pid, ppid, pgid;
    struct session *session;
    struct process *parent; /* NULL: init or a process of another personality */
    struct credentials credentials;
    uint32_t exit_signal;
    uint32_t death_signal; /* sent to it when its parent ends */
    bool no_new_privileges, subreaper;
    /* ns, as told by prctl, 0: the one that its parent had; timers here never wait longer than asked for */
    uint32_t timer_slack, parents_slack;

    struct mm *mm;
    struct files *files;
    struct fs_context *fs;
    struct sighand *sighand;
    struct pending pending; /* signals for the process as a whole */

    /* the end and its announcement */
    bool exiting;               /* all threads are to end with exit_status */
    int32_t exit_status;        /* as of wait4 */
    struct thread *exec_thread; /* the one that survives while the others end for an exec */
    struct wait_queue thread_gone;
    struct wait_queue child_changed;
    struct vfork_wait *vfork; /* where the parent of a vfork waits for this child, or NULL */
    bool handing_over;        /* to another personality: it may be there already */
    bool changed_early;       /* what init said of it before it was PROCESS_REMOTE: */
    int32_t early_status;
    bool reaped; /* waited for while its last thread here still had to finish */

    /* job control */
    bool stopped;
    bool stop_untold, continue_untold; /* for wait4 of the parent */
    uint32_t stop_signal;
    struct wait_queue resumed;
    bool crashing;   /* a snapshot of its crash is being taken, or was refused */
    uint32_t frozen; /* snapshots that are being taken: its threads stay at a trap boundary */

    struct linux_rlimit64 limits[RLIMIT_COUNT];
    ktime_t start_time;
    uint64_t dead_user_time, dead_system_time;   /* of ended threads */
    uint64_t child_user_time, child_system_time; /* of children waited for */
    uint32_t minor_faults;
    char comm[COMM_LENGTH];
    uint32_t personality; /* personality(2) */
    bool dumpable, executed;
    int32_t oom_score_adj; /* who ends first when memory runs out */
    struct itimer *interval_timers[INTERVAL_TIMERS];
    struct timeout cpu_limit; /* looks at RLIMIT_CPU */
    uint32_t cpu_told;        /* SIGXCPU was sent before this second of processor time */
    struct list posix_timers;
    struct file *trace; /* where decoded system calls go, or NULL */

    struct list sem_undo; /* of System V semaphores */
    struct traps traps;
    struct recording *recording; /* it is recorded or replayed (snapshot/record.h); or NULL */
    bool counted;                /* it stands still when it has made as many calls as: */
    uint32_t calls_left, calls_each;
    bool held; /* it has not begun, and stands still (START_HELD) */

    /* ptrace */
    struct list tracees;     /* whom it traces: struct tracing */
    struct tracing *tracing; /* of its first thread, also when that is gone; or NULL */
    uint32_t traced_threads;
};

struct thread_sched {
    uint32_t policy, priority;
    int32_t nice;
    uint32_t io_priority;
    bool reset_on_fork;
};

#define TLS_SLOTS GUEST_TLS_SLOTS

struct thread {
    struct process *process;
    struct worker *worker;
    struct guest_frame *frame;   /* own thread only */
    volatile uint32_t attention; /* look at signals, stop and end before running the guest */
    uint32_t tid;
    struct thread_sched sched;
    struct list link; /* process->threads */

    uint64_t blocked;
    uint64_t waited; /* blocked signals that sigtimedwait is waiting for: wanted although ignored */
    uint64_t restore_blocked; /* mask to go back to once a handler of sigsuspend ran */
    bool has_restore_blocked;
    struct pending pending;
    uint32_t altstack, altstack_size, altstack_flags;

    uint32_t shortages; /* of frame->shortages, those that were looked at; own thread only */
    bool out_of_memory; /* its process ends before the guest runs again; own thread only */
    bool parked;        /* stands still at a trap boundary (snapshot/freeze.h) */
    enum { CAPTURE_NONE, CAPTURE_BEGUN, CAPTURE_DONE } capture; /* in a call of snapshot/self.h */
    int32_t capture_result;
    uint32_t trap_number; /* number of the system call in progress */
    bool in_call;         /* the registers are those of a system call */
    int32_t orig_eax;     /* for tracers: number of the call the registers belong to, or -1 */
    struct {
        uint32_t kind; /* enum restart_kind */
        ktime_t deadline;
        uint32_t words[4];
    } restart;
    bool resumed; /* the call in progress was issued again, with what restart says (resume.h) */

    uint32_t wake_word; /* futex of waiter_sleep */
    uint32_t clear_tid; /* address: zeroed and woken at the end */
    uint32_t robust_list;
    struct user_desc tls[TLS_SLOTS];
    uint32_t trap_vector, trap_error, trap_address; /* of the last exception, for sigcontext */
    uint32_t set_child_tid;          /* address the new thread writes its number to */
    uint64_t user_base, system_base; /* the worker's times when this thread began */
    void (*begin)(struct thread *);  /* first thing its worker does; NULL: run the guest */
    void *begin_argument;
    struct registers start_registers; /* what it begins with */
    uint8_t *fpu;                     /* image to load at the begin, or NULL */
    int32_t exit_status;              /* as of wait4, for its tracer */

    /* ptrace */
    struct tracing *tracing;        /* by whom, or NULL */
    bool watched;                   /* its calls take the slow way */
    uint32_t seccomp_mode;          /* SECCOMP_MODE_* */
    struct seccomp_filter *filters; /* newest first; held */
    bool group_stop;                /* it has not yet taken part in the stop of its process */
    volatile bool step, step_armed; /* the trap flag is wanted; it was set by this server */
    bool tls_changed;               /* by its tracer */
    uint32_t debug[6];              /* dr0-3, dr6, dr7 */
};

enum restart_kind { RESTART_NONE, RESTART_NANOSLEEP, RESTART_POLL, RESTART_FUTEX, RESTART_CALL };

/* ---- threads and the loop (thread.c) ---- */
#define WORKER_AREA 65536u /* each worker's stack, aligned to its size, struct worker at its base */
struct worker {
    struct thread *thread; /* running now; NULL in the pool */
    handle_t handle;
    struct guest_frame *frame;
    uint32_t slice; /* ticks that the kernel was told */
    struct list pool_link;
    void (*run)(void *argument); /* of one without a guest */
    void *argument;
    /* buffers of the call in progress, too large for the stack */
    char path[PATH_MAX], path2[PATH_MAX], scratch[PATH_MAX], rest[PATH_MAX];
};
static inline struct worker *worker_self(void)
{
    uint32_t esp;
    __asm__("movl %%esp, %0" : "=r"(esp));
    return (struct worker *)(esp & ~(WORKER_AREA - 1));
}
static inline struct thread *self(void)
{
    return worker_self()->thread;
}
/* Whether faults have lacked memory since the last question. Own thread only. */
bool thread_ran_short(struct thread *thread);
/* Its process ends, and the terminal is told why: the exit status alone would be a riddle. No lock. */
void thread_end_for_memory(struct thread *thread);
/*
 * A thread with a worker that waits for thread_start; for a session leader also when workers are
 * scarce. Lock held.
 */
int thread_new(struct process *process, uint32_t tid, bool leader, struct thread **result);
void workers_start(void); /* once, in main */
void thread_start(struct thread *thread);
void thread_discard(struct thread *thread); /* never started */
void thread_unlink(struct thread *thread);  /* the process goes on without it; lock held */
void thread_times(struct thread *thread, uint64_t *user, uint64_t *system);
/* The calling thread has no breakpoints any more. */
void thread_clear_debug(struct thread *thread);
/* Ends the calling thread. */
void thread_finish(struct thread *thread) __attribute__((noreturn));
/* Make a thread look at its attention. Lock held. */
void thread_notify(struct thread *thread);
/* Whether the thread has a signal, a stop or its end to look at. */
bool thread_interrupted(struct thread *thread);
/* Whether its process ends or another of its threads executes a program. */
static inline bool thread_must_end(const struct thread *thread)
{
    const struct process *process = thread->process;
    return process->exiting || (process->exec_thread && process->exec_thread != thread);
}
/* Tells the kernel what its nice value means (sched.c). Lock held, or not started yet. */
void sched_apply(struct thread *thread);
/* A segment descriptor, as the processor has it. */
struct descriptor {
    uint32_t low, high;
};
/* The clone's own copy of the descriptors that it took over with everything else: -ENOMEM. */
int ldt_clone(struct mm *clone);
int ldt_set(struct mm *mm, uint32_t index, struct descriptor descriptor); /* without the lock */
/* Loads a TLS descriptor of the calling thread into the processor's table. */
void thread_set_tls(struct thread *thread, uint32_t slot);
/* A descriptor as programs see it; one for a stopped thread, loaded when that goes on. */
void thread_tls_entry(const struct thread *thread, uint32_t slot, struct user_desc *desc);
int thread_put_tls_entry(struct thread *thread, uint32_t slot, const struct user_desc *desc);
/* Decides anew whether its calls take the slow way and whether it single-steps. Lock held. */
void thread_watch(struct thread *thread);
/* A server thread without a guest. False, with a line in the log: it could not be started. */
bool worker_background(void (*run)(void *), void *argument);

/* ---- processes (process.c); lock held unless noted ---- */
#define PID_BUCKETS 128
extern struct list all_processes[PID_BUCKETS];
extern uint32_t process_count, total_forks;
void processes_init(void); /* before anything else */
struct process *process_find(uint32_t pid);
struct thread *thread_find(uint32_t tid); /* in living processes */
#define process_each(item, bucket)                            \
    for (uint32_t bucket = 0; bucket < PID_BUCKETS; bucket++) \
    list_each(item, &all_processes[bucket], struct process, all_link)
struct process *process_new(uint32_t pid); /* empty, linked into all_processes */
void process_free(struct process *process);
void process_set_parent(struct process *process, struct process *parent);
void process_end_all(struct process *process, int32_t status);     /* all threads are to end */
void process_finish(struct process *process, struct thread *last); /* by its last thread */
uint32_t thread_new_tid(void);
void process_stop(struct process *process, uint32_t signal);
void process_continue(struct process *process);
void process_release_vfork(struct process *process); /* it has memory of its own now, or none */
void process_reap(struct process *process);          /* a waited-for zombie goes away */
bool group_is_orphaned(uint32_t pgid, struct session *session);
void remote_child_event(uint32_t pid, uint32_t ppid, int32_t status);
void process_reparented(uint32_t pid);
struct session *session_get(uint32_t sid, bool create);
void session_release(struct session *session);
void session_hold(struct session *session);

/* ---- memory (mm.c) ---- */
#define STACK_TOP      0x9fffe000u /* above it: a guard page and the vDSO page */
#define VDSO_ADDRESS   0x9ffff000u
#define MMAP_TOP       0x9f000000u
#define STACK_SIZE_MAX (8u << 20)
int mm_new(struct mm **result);
int mm_clone(struct mm *mm, struct mm **result);
void mm_release(struct mm *mm);
int mm_init_vdso(void);
extern uint32_t vdso_syscall, vdso_sigreturn, vdso_rt_sigreturn;
int mm_map_vdso(struct mm *mm);
/* Names of mappings, carried in their tags. */
enum mapping_tag { TAG_NONE, TAG_HEAP, TAG_STACK, TAG_VDSO, TAG_FIRST_NAME };
uint32_t mapping_tag(const char *path);
uint32_t mapping_tag_named(const char *name); /* the reverse of mapping_name; lock held */
const char *mapping_name(uint32_t tag);
uint32_t limit_of(struct process *process, uint32_t resource);
/* Begins or ends to look at the processor time of a process, as its limit says. Lock held. */
void cpu_limit_watch(struct process *process);

/* ---- directories (path.c) ---- */
struct fs_context *fs_context_copy(struct fs_context *fs);
void fs_context_release(struct fs_context *fs);
/* Takes the node; without the lock. */
void fs_context_set_root(struct fs_context *fs, handle_t root, const struct fs_attr *attr);

#endif
