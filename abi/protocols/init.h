/* SPDX-License-Identifier: MIT */
/* Structures and constants of init's protocol (init.def). */
#ifndef ATOMIK_PROTOCOLS_INIT_H
#define ATOMIK_PROTOCOLS_INIT_H

#include <protocols/message.h>

enum proc_mask {
    PROC_PPID = 1,
    PROC_PGID = 2,
    PROC_SID = 4,
    PROC_UID = 8,
    PROC_STATE = 16,
    PROC_NAME = 32
};
enum proc_state { PROC_RUNNING = 'R', PROC_SLEEPING = 'S', PROC_STOPPED = 'T', PROC_ZOMBIE = 'Z' };

struct proc_record {
    uint32_t pid, ppid, pgid, sid, uid;
    uint32_t personality; /* number of personality_register, 0 = init's own services */
    uint32_t state;       /* enum proc_state */
    int32_t status;       /* of a zombie */
    uint64_t start_time;  /* CLOCK_MONOTONIC */
};

struct proc_stats {
    uint32_t state;
    uint32_t threads;
    uint32_t mapped_pages, resident_pages;
    uint64_t cpu_time; /* ns */
};

enum snapshot_flags {
    SNAPSHOT_STOP = 1,    /* the process ends when it is taken */
    SNAPSHOT_NO_TEXT = 2, /* leave out memory that is unchanged from its file */
    SNAPSHOT_FILES = 4, /* with the contents of all open regular files, not only of unlinked ones */
    SNAPSHOT_TREE = 8,  /* with its descendants, each in a file of its own */
    /*
     * Between personalities, with SNAPSHOT_TREE: answered when the process and its descendants stand still
     * and are noted down; they are written, and go on or end, when SNAPSHOT_RELEASE comes.
     */
    SNAPSHOT_HOLD = 16,
    SNAPSHOT_RELEASE = 32, /* no h0; with SNAPSHOT_STOP they end */
    SNAPSHOT_RECORD = 64,  /* Unix: what it does from now on goes into a log; a second handle */
    SNAPSHOT_UNDIGESTED =
        256, /* without digests of its pages, for who asks to read at once and keep nothing of */
    SNAPSHOT_CANCEL = 128, /* with SNAPSHOT_RELEASE: they go on, and nothing is written */
};
enum unmount_flags { UNMOUNT_FORCE = 1, UNMOUNT_DETACH = 2 };
struct snapshot_result {
    uint64_t pause, time; /* ns the process stood still, and in all */
    uint64_t size;        /* bytes of the file */
};

enum proc_event_type {
    EVENT_START =
        1, /* event.start; h0 strings, h1 root, h2 cwd, h3 image; descriptors by start_fetch */
    EVENT_SIGNAL, /* event.pid, .signal, .sender */
    EVENT_CHILD, /* event.pid: the child; .ppid: the process of yours that is its parent; .status as of wait4 */
    EVENT_STATS,    /* event.pid, .request: answer with proc_stats_answer */
    EVENT_SNAPSHOT, /* event.pid, .flags, .request; h0: the file. Answer with snapshot_answer */
    EVENT_REPARENT, /* event.pid: a process of yours whose parent has ended: ppid is 1 now */
    EVENT_FINISH, /* the machine stops, and no program runs any more: write to files what you keep for them */
};

/*
 * The strings VMO holds NUL-terminated strings in this order: path of the image, working directory,
 * argv[0..argc-1], envp[0..envc-1].
 */
struct start_arguments {
    uint32_t argc, envc;
    uint32_t strings_length;
    uint32_t umask;
    uint32_t ignored_signals_low,
        ignored_signals_high; /* Unix signal dispositions that exec keeps */
    uint32_t blocked_signals_low, blocked_signals_high;
    uint32_t flags; /* enum start_flags */
};
enum start_flags {
    START_HELD =
        1, /* Unix: it stands still before its first instruction until it is recorded or ended */
};

struct proc_event {
    uint32_t type; /* enum proc_event_type */
    uint32_t pid, ppid, pgid, sid, uid;
    uint32_t signal, sender;
    int32_t status;
    uint32_t request, start;
    uint32_t flags;
    uint32_t fd_count;
    struct start_arguments arguments;
};

enum fd_kind {
    FD_NONE,
    FD_FILE, /* h0: open node of a file system server; its position is the node's own (FS_POSITION) */
    FD_STREAM_READ,  /* h0: read end */
    FD_STREAM_WRITE, /* h0: write end */
    FD_TTY,          /* h0: terminal, h1: its event */
    FD_DEVICE, /* no handle: rdev in .device, a device every personality synthesises (null, zero, ...) */
    FD_STREAM_PAIR, /* h0: read end, h1: write end (socketpair, FIFO opened for both) */
};
struct start_fd {
    uint32_t fd;    /* number of the descriptor; 0, 1, 2 are the standard streams */
    uint32_t kind;  /* enum fd_kind */
    uint32_t flags; /* Linux open flags (O_RDONLY.. O_APPEND, O_NONBLOCK) */
    uint32_t device;
};

#define PROTOCOL <protocols/init.def>
#include <protocols/expand.def>

#endif
