/* SPDX-License-Identifier: MIT */
/*
 * The central structures: processes and their threads. All state of a guest is reachable from
 * here; a server thread's stack holds none across a blocking call (a call that cannot finish
 * unwinds with STATUS_RESTART_CALL and is issued again).
 */
#ifndef NT_NT_H
#define NT_NT_H

#include <ipc/fsclient.h>
#include <personalities/nt/lock.h>
#include <personalities/nt/object.h>
#include <personalities/nt/vm.h>

#define NT_GUEST_LIMIT 0x7fff0000u
#define NT_SHARED_DATA 0x7ffe0000u
#define NT_TRAMPOLINES 0x7ffe1000u
/* What programs are told: Windows 10, as the DLLs' own table has it (registry: Software\Wine). */
#define NT_VERSION_MAJOR 10
#define NT_VERSION_MINOR 0
#define NT_VERSION_BUILD 18362

#define NT_TEB_SLOT 1 /* TLS slot; selector 0x3b, as on Windows */

/*
 * Private to the server, never seen by a guest: the registers go back to the trap instruction, and
 * the thread looks at what it is to do (end, stop, run an APC) before it issues the call again.
 */
#define STATUS_RESTART_CALL ((NTSTATUS)0xe0a70001)
/* The handler has set all registers itself: eax is not written. */
#define STATUS_REGISTERS_SET ((NTSTATUS)0xe0a70002)

struct debug_event;
struct image;
struct ntdll;
struct console;
struct thread_resumption;

struct wait_block {
    struct list object_link; /* object.waiters; unlinked when the wait is over */
    struct object *object;   /* held */
    struct nt_thread *thread;
};

struct apc {
    struct list link;
    const void *owner; /* who may withdraw it, or NULL */
    uint32_t function, arguments[3];
};

struct nt_process {
    struct object object;
    struct list link; /* all processes of this server */
    uint32_t creator; /* pid of its parent, or who stands for it; also after that one's end */
    uint32_t pid, ppid, pgid, sid, uid; /* of the registry; NT sees pid * 4 */
    bool foreign; /* a program of another personality that one of ours started */
    handle_t space;
    struct vm vm;
    struct handle_table handles;
    struct list threads;
    uint32_t thread_count;

    bool building;          /* being set up by another thread: not to be finished yet */
    bool reap;              /* its parent is a process of ours: we take its status from init */
    bool stopped;           /* by a job control signal */
    uint32_t frozen;        /* snapshots that are being taken: no thread runs */
    uint32_t console_group; /* console_group() tells it; 0: a group of its own */
    bool ignores_ctrl_c;    /* by its own option, not by inheritance */
    bool exiting;           /* all threads are to end */
    bool exited;
    uint32_t exit_status;            /* NTSTATUS or code */
    uint32_t exit_signal;            /* Linux number if a signal ended it, else 0 */
    uint64_t create_time, exit_time; /* FILETIME */

    uint32_t peb, parameters, image_base;
    struct image *image; /* held */
    WCHAR *image_name;   /* NT path, \??\X:\... */
    char *command;       /* for process lists, UTF-8, arguments separated by NULs */
    uint32_t command_length;
    struct ntdll *ntdll;
    uint32_t ntdll_base, win32u_base;
    uint32_t restored_from; /* VMO id of the snapshot that private memory still shows, or 0 */
    uint32_t gdi_table;     /* PEB.GdiSharedHandleTable */
    struct fs_walk_context fs;
    struct console *console; /* held, or NULL */
    struct object *trace;    /* file that trace lines go to, or NULL */
    bool ctrl_c_ignored;
    struct object *job;      /* held: the innermost job, or NULL */
    struct list job_link;    /* in that job */
    struct object *token;    /* held: the primary token */
    struct object *debug;    /* held: the debug object, or NULL */
    bool debug_reported;     /* its debugger knows of it */
    uint32_t debug_children; /* while it is debugged, so are the processes that it starts */
    uint32_t debug_stops;    /* events that are not continued: no thread runs */
    struct hold *hold;       /* a snapshot that waits for other processes' */
    struct save *crash;      /* as it was at its last exception, if there is a rule for crashes */
    uint32_t error_mode, priority_class;
    uint64_t cpu_time; /* of threads that have ended, ns */
};

/* A call as it was made, for what goes on behind it. */
struct call_row;
struct made_call {
    const struct call_row *row; /* NULL: it cannot be made again */
    uint32_t args[17];
};
/* One that a restored thread is to make again. */
struct operation {
    struct list link;
    struct made_call made;
};

struct nt_thread {
    struct object object;
    struct nt_process *process; /* held */
    struct list link;           /* process->threads */
    uint32_t tid;
    handle_t server_thread;
    struct guest_frame *frame;
    uint32_t teb, start, parameter;
    uint32_t stack_allocation, stack_base, stack_limit;
    uint64_t create_time, exit_time;
    bool in_guest;                   /* running its guest: the frame is not ours to read */
    bool parked;                     /* stands still between two traps: the frame is all there is */
    CONTEXT *start_context;          /* until it has entered the guest for the first time */
    struct thread_resumption *state; /* of one that a snapshot had, until it goes on */

    /* waiting; guarded by the lock, `wake` is the futex word */
    uint32_t wake;
    bool waiting, wait_all;
    bool wait_done;
    NTSTATUS wait_status;
    uint32_t wait_count;
    struct wait_block wait_blocks[MAXIMUM_WAIT_OBJECTS];
    handle_t wake_event; /* made on first need: wakes waits that include kernel objects */
    bool wake_by_event;
    bool restarted;         /* the call being handled is one that was restarted */
    uint64_t wait_deadline; /* of the call to be restarted (FILETIME, 0 = never) */

    struct list requests;   /* struct io_request.thread_link */
    struct list operations; /* of a snapshot, until the thread goes on */
    struct list mutants;    /* that it owns */

    bool alerted; /* NtAlertThreadByThreadId, sticky */
    struct list apcs;
    uint32_t suspend_count;
    bool terminating, exited;
    uint32_t exit_status;
    bool hidden;
    struct object *token;  /* held: that it impersonates, or NULL */
    int32_t base_priority; /* relative to the process's class */
    bool boost_disabled;
    WCHAR *description;
    uint32_t description_length;
    uint32_t debug_registers[6];
    struct debug_event *debug_event;  /* that it waits for, or has an answer to */
    bool debug_reported, debug_ended; /* its start, its end */
};

/* One trap being handled. */
struct call {
    struct nt_thread *thread;
    struct nt_process *process;
    struct registers *regs;
    const struct call_row *row; /* NULL: it stands for no call of its own */
    uint32_t args[17];
};
static inline struct made_call call_made(const struct call *call)
{
    struct made_call made = {.row = call->row};
    memcpy(made.args, call->args, sizeof made.args);
    return made;
}
typedef NTSTATUS (*call_handler)(struct call *call);

extern struct list nt_processes;
extern const struct nt_type process_type, thread_type;
extern handle_t nt_init;   /* private handle to init */
extern uint32_t nt_number; /* that init knows this personality by */

static inline struct nt_process *process_of(struct object *object)
{
    return container_of(object, struct nt_process, object);
}
static inline struct nt_thread *thread_of(struct object *object)
{
    return container_of(object, struct nt_thread, object);
}

/* ---- time: 100 ns units ---- */
uint64_t nt_time(void);   /* FILETIME now */
uint64_t nt_uptime(void); /* since boot */
uint64_t nt_from_ns(uint64_t realtime_ns);
uint64_t nt_to_ns(uint64_t filetime);
ktime_t nt_deadline_ns(uint64_t filetime); /* kernel deadline of a FILETIME; 0 = DEADLINE_NEVER */

/* ---- status ---- */
NTSTATUS nt_status(status_t status);
/* The same for a path: NOT_FOUND is decided by the caller; NOT_DIRECTORY is a missing path. */

/* ---- guest memory, by the current thread's attached space ---- */
NTSTATUS guest_read(void *to, uint32_t guest, size_t length);
NTSTATUS guest_write(uint32_t guest, const void *from, size_t length);
static inline NTSTATUS guest_write32(uint32_t guest, uint32_t value)
{
    return guest_write(guest, &value, sizeof value);
}
/* Optional result: nothing to do at address 0. */
static inline NTSTATUS guest_return32(uint32_t guest, uint32_t value)
{
    return guest ? guest_write32(guest, value) : STATUS_SUCCESS;
}
/* A UNICODE_STRING: the characters are copied, terminated. */
NTSTATUS guest_read_text(uint32_t unicode_string, struct text *text, WCHAR **storage);
/*
 * The pattern of most queries: `needed` bytes at `from`, *returned if wanted. A short buffer gives
 * STATUS_INFO_LENGTH_MISMATCH and the length.
 */
NTSTATUS guest_return(uint32_t buffer, uint32_t length, uint32_t returned, const void *from,
                      uint32_t needed);

/* ---- the processes and threads that calls are about; held ---- */
NTSTATUS process_from_handle(struct nt_thread *thread, uint32_t handle, ACCESS_MASK access,
                             struct nt_process **process);
NTSTATUS thread_from_handle(struct nt_thread *thread, uint32_t handle, ACCESS_MASK access,
                            struct nt_thread **result);

#endif
