/* SPDX-License-Identifier: MIT */
/*
 * The structures and constants of the kernel interface: what calls.def's arguments point at.
 * Constants and layouts only. All structures are plain little-endian words without padding.
 */
#ifndef ATOMIK_OBJECTS_H
#define ATOMIK_OBJECTS_H

#include <atomik/types.h>

/* ---- handles ------------------------------------------------------------------------------- */

enum object_type {
    OBJECT_NONE,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_SPACE,
    OBJECT_VMO,
    OBJECT_PORT,   /* the receiving side and, badged, the calling side */
    OBJECT_STREAM, /* one of the two ends of a byte queue */
    OBJECT_EVENT,
    OBJECT_TIMER,
    OBJECT_IRQ,
    OBJECT_IOPORTS,
    OBJECT_TYPE_COUNT
};

enum rights {
    RIGHT_DUPLICATE = 1u << 0,
    RIGHT_TRANSFER = 1u << 1, /* may be sent in a message or given to a process */
    RIGHT_READ = 1u << 2,     /* vmo and space contents, stream data, infos */
    RIGHT_WRITE = 1u << 3,
    RIGHT_EXECUTE = 1u << 4, /* map executable */
    RIGHT_MAP = 1u << 5,
    RIGHT_WAIT = 1u << 6,
    RIGHT_SIGNAL = 1u << 7,  /* event_signal, timer_set, futexes of a vmo */
    RIGHT_CALL = 1u << 8,    /* port_call */
    RIGHT_RECEIVE = 1u << 9, /* port_receive, port_reply, port_badge */
    RIGHT_MANAGE = 1u << 10, /* kill, kick, start threads in, set properties, resize */
    RIGHT_ALL = (1u << 11) - 1,
    RIGHT_SAME = 1u << 31, /* handle_duplicate: keep the rights of the original */
};

struct handle_info {
    uint32_t type; /* enum object_type */
    uint32_t rights;
    uint32_t
        object_id; /* unique while the machine is up; equal for handles to one object; badged handles: the port's */
    uint32_t badge;   /* of a badged port handle, else 0 */
    uint32_t signals; /* the object's signals now */
    uint32_t references;
};

/* Signals of waitable objects. */
enum signals {
    SIGNAL_READABLE = 1u << 0, /* stream: bytes; port: a message waits; event: a watch has fired */
    SIGNAL_WRITABLE = 1u << 1, /* stream: room for at least one page or half the capacity */
    SIGNAL_PEER_CLOSED =
        1u << 2, /* stream: last handle of the other end is gone; port handle: receiver is gone */
    SIGNAL_TERMINATED = 1u << 3, /* process, thread */
    SIGNAL_EXPIRED = 1u << 4,    /* timer */
    SIGNAL_IRQ = 1u << 5,        /* irq, until irq_ack */
    SIGNAL_USER_SHIFT = 8,       /* event: bits 8..31 are the owner's */
    SIGNAL_USER_MASK = 0xffffff00,
    SIGNAL_SET = 1u << 8, /* the conventional bit of a one-bit event */
};

#define WAIT_MAX 512 /* items of one wait_any */
struct wait_item {
    handle_t handle;
    uint32_t wanted;   /* signals; 0 = ignore this item */
    uint32_t observed; /* out: the object's signals when the wait ended */
};

/* ---- messages ------------------------------------------------------------------------------ */

/*
 * 256 words and not fewer, because two file names of 255 bytes must fit into one message. Only the
 * bytes in use are copied.
 */
#define MESSAGE_BYTES   1024
#define MESSAGE_HANDLES 4

struct message {
    uint32_t label;        /* operation in a request, status_t in a reply */
    uint32_t badge;        /* received: the badge of the handle that was called */
    uint32_t token;        /* received: names the caller for port_reply; 0 for a notice */
    uint32_t principal;    /* received: whom the caller acts for, see struct privileges */
    uint16_t size;         /* bytes of data in use */
    uint16_t handle_count; /* handles in use; sent handles move to the receiver */
    uint32_t reserved;     /* structures in the data may need an alignment of 8 */
    handle_t handles[MESSAGE_HANDLES];
    uint8_t data[MESSAGE_BYTES] __attribute__((aligned(8)));
};
#define MESSAGE_HEADER 40

/* Notices the kernel itself puts into a port; token is 0 and no reply is due. */
enum notice {
    NOTICE_BADGE_CLOSED = 0xffff0001, /* last handle with .badge is gone */
    NOTICE_CANCELLED = 0xffff0002,    /* the caller of data word 0 (its token) no longer waits */
    NOTICE_PAGE = 0xffff0004,      /* of a paged VMO with .badge as its key: struct page_notice */
    NOTICE_EXCEPTION = 0xffff0003, /* struct exception_message; a reply IS due (token set) */
};

/*
 * What threads wait for that use a paged VMO. CONTENT: the page's, with vmo_supply, and what vmo_answer
 * says then; CLEAN: that dirty pages are written back.
 */
enum page_want { PAGE_WANT_CONTENT = 1, PAGE_WANT_CLEAN = 2 };
struct page_notice {
    uint32_t index; /* of the page */
    uint32_t wants; /* enum page_want */
};

/* flags of port_call */
enum call_flags {
    CALL_UNINTERRUPTIBLE = 1u << 0, /* a kick stays pending instead of cancelling this call */
};

/* ---- registers, guests, exceptions ----------------------------------------------------------- */

/* General registers at a trap, in the order the kernel keeps them. */
struct registers {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, ebx, edx, ecx, eax;
    uint32_t eip, cs, eflags, esp, ss;
};

enum guest_reason {
    GUEST_SYSCALL = 1, /* int n by the guest: .vector */
    GUEST_SYSENTER =
        2, /* eip is not known to the processor; esp is the value in ebp's convention */
    GUEST_EXCEPTION = 3, /* .vector, .error, .address (of a page fault) */
    GUEST_KICKED = 4,    /* thread_kick; registers are at an instruction boundary */
    GUEST_NO_MEMORY = 5, /* a page fault like that of GUEST_EXCEPTION, that only lacks memory */
};

/*
 * One page per server thread, written by the kernel when the guest traps and read by it in
 * guest_enter. Selectors and eflags are sanitised on entry: only what ring 3 may have gets through.
 */
struct guest_frame {
    struct registers regs;
    uint32_t reason;  /* enum guest_reason */
    uint32_t vector;  /* interrupt or exception vector */
    uint32_t error;   /* error code the processor pushed */
    uint32_t address; /* CR2 of a page fault, DR6 of a debug exception */
    uint32_t
        fetch; /* 1: the page fault was an instruction fetch, as far as known (address == eip) */
    uint32_t
        shortages; /* counts this thread's faults, its server's copies too, that lacked memory */
};

/* Selectors a guest runs with. TLS slots 0..2 are selectors 0x33, 0x3b, 0x43. */
#define GUEST_CS                 0x1b
#define GUEST_DS                 0x23
#define GUEST_TLS_SLOTS          3
#define GUEST_TLS_FIRST          6 /* GDT index of TLS slot 0, as on Linux i386 */
#define GUEST_TLS_SELECTOR(slot) (((GUEST_TLS_FIRST + (slot)) << 3) | 3)
#define LDT_MAX_ENTRIES          8192

#define FPU_STATE_SIZE 512 /* FXSAVE image */

/* Kernel calls of native programs and of personality servers enter here. */
#define CALL_VECTOR 0xa0
/* A second, shorter way to make call guest_enter, only for ring 1 (lib/server/guest_enter.S). */
#define GUEST_ENTER_VECTOR 0xa1

/*
 * What a process's exception port is sent when one of its own threads (not a guest) faults. The
 * thread waits for the reply: its data is struct exception_reply.
 */
struct exception_message {
    uint32_t process_id, thread_id; /* object ids */
    uint32_t vector, error, address;
    uint32_t no_memory; /* 1: a page fault that only lacks memory */
    struct registers regs;
};
enum exception_action { EXCEPTION_KILL_PROCESS, EXCEPTION_RESUME };
struct exception_reply {
    uint32_t action;
    struct registers regs; /* used by EXCEPTION_RESUME, sanitised */
};

/* ---- processes, threads, privileges -------------------------------------------------------- */

#define NAME_LENGTH 32

struct io_range {
    uint32_t first, count;
};

/*
 * Fixed when a process is created, never widened: every field must be within the creator's own.
 */
#define PRIVILEGE_RANGES 4
struct privileges {
    uint32_t flags;                             /* enum privilege_flags */
    struct io_range ports[PRIVILEGE_RANGES];    /* I/O ports; count 0 = unused */
    struct io_range physical[PRIVILEGE_RANGES]; /* in pages */
    uint32_t irq_lines;                         /* bit per line */
    uint32_t max_pages, max_threads, max_handles, max_objects;
    /*
     * Whom the process acts for: the kernel tells it with each message that it sends. 0: the system; who calls
     * says for whom, and is believed. Else a user's id, and what is said is not. Processes that it creates have it, too.
     */
    uint32_t principal;
};
enum privilege_flags {
    PRIVILEGE_CREATE_PROCESS = 1u << 0,
    PRIVILEGE_DMA = 1u << 1,      /* contiguous memory and its physical address */
    PRIVILEGE_INSPECT = 1u << 2,  /* list all processes, read the log, system info */
    PRIVILEGE_DEBUG = 1u << 3,    /* open any process by id */
    PRIVILEGE_POWER = 1u << 4,    /* power off, reboot, set the clock */
    PRIVILEGE_SERVER = 1u << 5,   /* create ring-1 personality servers */
    PRIVILEGE_PRIORITY = 1u << 6, /* priorities above the normal one */
    PRIVILEGE_PCI =
        1u
        << 7, /* any I/O port and physical range that is not RAM (device manager, drivers that find their BAR) */
    PRIVILEGE_RESERVE = 1u << 8, /* memory that is kept back when programs have used up the rest */
};

enum process_flags {
    PROCESS_SERVER = 1u << 0, /* ring 1, linked at SERVER_BASE, runs guests */
};

struct process_request {
    char name[NAME_LENGTH];
    uint32_t flags;
    struct privileges privileges;
};

struct process_info {
    uint32_t id; /* object id */
    uint32_t flags;
    char name[NAME_LENGTH];
    uint32_t threads, handles, pages; /* pages: memory charged to it */
    uint32_t terminated;
    int32_t exit_code;
    uint32_t cpu_time_low, cpu_time_high; /* ns, all its threads */
};

enum process_property {
    PROCESS_EXCEPTION_PORT = 1, /* value: port handle with RIGHT_CALL (0 = none) */
    PROCESS_SUSPENDED =
        2, /* 1: its threads run no more code of their own until 0; native ones only. 2: and those that
              wait (but for calls that may not be cut short) stop waiting; they make the call again */
};

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };
struct thread_info {
    uint32_t id, process_id;
    uint32_t state; /* enum thread_state */
    uint32_t priority;
    uint32_t in_guest;
    uint32_t cpu_time_low, cpu_time_high;     /* ns in all */
    uint32_t guest_time_low, guest_time_high; /* ns of these in the guest */
    int32_t exit_code;
};
/* A native thread between two instructions; all of it but the id can be set. */
struct thread_context {
    uint32_t id;
    struct registers regs;
    uint32_t tls[2]; /* descriptor of the segment that gs may name, as for guest_tls */
    uint32_t fpu[FPU_STATE_SIZE / 4];
};
enum thread_property {
    THREAD_PRIORITY = 1,
    THREAD_SLICE = 2, /* ticks that it runs while others of its priority wait: 1..SLICE_MAX */
};
#define SLICE_NORMAL    5 /* 20 ms */
#define SLICE_MAX       25
#define PRIORITY_COUNT  32
#define PRIORITY_IDLE   0
#define PRIORITY_NORMAL 16
#define PRIORITY_DRIVER 24

/* ---- memory ---------------------------------------------------------------------------------- */

enum vmo_flags {
    VMO_CONTIGUOUS = 1u << 0, /* physically contiguous, committed at once; needs PRIVILEGE_DMA */
    VMO_CONTENT = 1u << 1,    /* of a file: NO_MEMORY while programs still get some; clones too */
};
struct vmo_info {
    uint32_t size_low, size_high; /* bytes */
    uint32_t committed;           /* pages present */
    uint32_t flags;
    uint32_t physical; /* first physical address of contiguous and physical VMOs */
    uint32_t id;
    uint32_t writers; /* shared mappings in programs (servers do not count) that may write */
    uint32_t paged;   /* 1: its pages come from a pager */
    uint32_t dirty;   /* pages of a paged one that are not written back */
    uint32_t dirty_first, dirty_end; /* they lie between these */
};

enum protection { PROT_NONE_ = 0, PROT_R = 1, PROT_W = 2, PROT_X = 4 };

enum map_flags {
    MAP_FLAG_SHARED = 1u << 0,    /* writes go to the VMO; without it: private, copy on write */
    MAP_FLAG_FIXED = 1u << 1,     /* exactly at .address, replacing what is there */
    MAP_FLAG_NOREPLACE = 1u << 2, /* with FIXED: ALREADY_EXISTS if anything is there */
    MAP_FLAG_TOPDOWN = 1u << 3,   /* choose the highest free range below .limit */
    MAP_FLAG_COMMIT = 1u << 4,    /* allocate all pages now */
    MAP_FLAG_GROWSDOWN = 1u << 5, /* kept for the owner's information only */
    MAP_FLAG_UNCACHED = 1u << 6,
    MAP_FLAG_GUARD = 1u << 7, /* informational: kept in mapping_info for the owner */
};

/*
 * vmo == HANDLE_NONE: anonymous zero-filled memory. Without SHARED a mapping of a VMO sees its
 * pages until it writes to them. `address` is a hint or, with FIXED, the place; out: the place.
 * `limit` (0 = end of the guest or server range) bounds the search; `align` is a power of two or 0.
 * `tag` is the owner's and comes back in mapping_info; neighbours merge only if tags are equal.
 */
struct map_request {
    handle_t vmo;
    uint32_t address, length;
    uint32_t offset_low, offset_high; /* into the VMO, page aligned */
    uint32_t prot, flags;
    uint32_t tag;
    uint32_t limit, align;
};

struct mapping_info {
    uint32_t address, length; /* of the first mapping that ends above the address asked for */
    uint32_t prot, flags, tag;
    uint32_t vmo_id; /* 0 = anonymous */
    uint32_t offset_low, offset_high;
    uint32_t private_pages; /* pages of its own, copied or zero-filled */
};

/* Of space_present. */
#define PRESENT_MAX 4096u /* pages that one call tells about */
enum page_state {
    PAGE_OWN = 1,    /* a page of the mapping's own, written or copied */
    PAGE_OBJECT = 2, /* the VMO has a page there */
    PAGE_COMMON =
        4, /* with PAGE_OWN: more than two have it, such as the space, a clone, and a file (vmo_share) */
    PAGE_STATES = 8 /* above all of them together */
};

/* What space_load did; addresses are absolute in the space. */
struct load_result {
    uint32_t kind; /* enum load_kind of loaders/plan.h */
    uint32_t base, size, entry, delta;
    uint32_t phdr, phdr_count, phdr_entry_size;
    uint32_t interp_offset, interp_length; /* path in the file */
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t subsystem, characteristics, dll_characteristics;
    uint32_t executable_stack;
    uint32_t brk; /* end of the highest writable segment */
    uint32_t tls_address, tls_file_size, tls_mem_size, tls_align;
    char personality[16];
};
enum load_flags {
    LOAD_AT_BASE = 1u << 0,      /* load_request.base is where a relocatable image goes */
    LOAD_RESERVE_ONLY = 1u << 1, /* only fill the result; map nothing */
};

/* ---- system ---------------------------------------------------------------------------------- */

enum clock_id { CLOCK_MONOTONIC_NS, CLOCK_REALTIME_NS, CLOCK_THREAD_CPU_NS };

struct system_info {
    uint32_t total_pages, free_pages, kernel_pages;
    uint32_t processes, threads, objects;
    uint32_t tsc_khz;
    uint32_t idle_time_low, idle_time_high;
    uint32_t context_switches, interrupts, page_faults;
};

enum power_action { POWER_OFF, POWER_REBOOT, POWER_PANIC };

/* ---- start of a native program ----------------------------------------------------------------- */

/*
 * The initial stack pointer of a process's first thread and its only argument point at this block;
 * strings and arrays follow it. init gets it from the kernel, every other process from its creator.
 */
#define STARTUP_MAGIC 0x4b4d5441 /* "ATMK" */
struct startup_handle {
    uint32_t tag; /* enum startup_tag, or STARTUP_FD(n) */
    handle_t handle;
    uint32_t kind;  /* of an STARTUP_FD: enum fd_kind of protocols/init.h */
    uint32_t flags; /* of an STARTUP_FD: open flags */
};
struct startup_info {
    uint32_t magic;
    uint32_t argc;
    uint32_t argv; /* addresses of char *[] with a final NULL */
    uint32_t envp;
    uint32_t handle_count;
    uint32_t handles; /* address of struct startup_handle[] */
    uint32_t pid;
    /* What the program tells of the files that it has opened, for debuggers and snapshots; 0: nothing. */
    uint32_t file_count, files; /* address of struct startup_file[] */
};
struct startup_file {
    handle_t handle;              /* HANDLE_NONE: no file */
    uint32_t path;                /* address of its name, as it was opened; or 0 */
    uint32_t flags;               /* it was opened with, enum fs_open_flags */
    uint32_t buffer, buffer_size; /* address of the memory that bulk transfers use; or 0 */
};
enum startup_tag {
    STARTUP_PROCESS = 1, /* own process */
    STARTUP_SPACE,       /* own address space */
    STARTUP_INIT,        /* init's port: names and the process registry */
    STARTUP_ROOT,        /* root directory */
    STARTUP_CWD,         /* working directory */
    STARTUP_TTY,         /* controlling terminal */
    STARTUP_ARCHIVE,     /* init only: boot archive VMO, one entry per module, in order */
    STARTUP_SERVICE,     /* own port to receive on, for servers that init starts */
    STARTUP_PERSONALITY, /* native programs: the native personality's port */
};
#define STARTUP_FD(n)  (0x100u + (n))
#define STARTUP_FD_MAX 64

_Static_assert(sizeof(struct message) == MESSAGE_HEADER + MESSAGE_BYTES, "message layout");
_Static_assert(sizeof(struct registers) == 64, "registers layout");

#endif
