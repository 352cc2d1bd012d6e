/* SPDX-License-Identifier: MIT */
/*
 * The Linux i386 ABI as this server uses it: constants and structures come from the user API
 * headers of Debian's cross tool chain; here is only what those do not say for a server, or say
 * in a form that fits a libc better than a kernel. Sizes that programs rely on are asserted.
 */
#ifndef POSIX_LINUX_H
#define POSIX_LINUX_H

#include <stdint.h>

#include <asm/ioctls.h>
#include <asm/ldt.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/termbits.h>
#include <asm/unistd_32.h>
#include <linux/auxvec.h>
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/limits.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/times.h>
#include <linux/utsname.h>
#include <linux/wait.h>

#undef st_atime
#undef st_mtime
#undef st_ctime

/* Results of a handler that never reach the guest: the trap is issued again or becomes EINTR. */
#define ERESTARTSYS           512 /* again after a handler with SA_RESTART or without a handler */
#define ERESTARTNOINTR        513 /* always again */
#define ERESTARTNOHAND        514 /* again only if no handler ran */
#define ERESTART_RESUME       515 /* again where it was: only a snapshot came between (resume.h) */
#define ERESTART_BLOCK        516 /* again through restart_syscall with the deadline kept */
#define RESULT_KEEP_REGISTERS 517 /* the handler has set all registers itself */

/* Flags of alternate stacks, and socket types: not in the user API headers. */
#define SS_ONSTACK     1
#define SS_DISABLE     2
#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_SEQPACKET 5
#define SOCK_TYPE_MASK 15

#define GROUPS_MAX      65536 /* supplementary groups */
#define LAST_CAPABILITY 40

#define SIGNAL_COUNT       64
#define SIGNAL_BIT(signal) (1ull << ((signal)-1))

/* rt_sigaction's argument. */
struct linux_sigaction {
    uint32_t handler, flags, restorer;
    uint32_t mask[2];
};
/* sigaction's (the old call's) argument. */
struct linux_old_sigaction {
    uint32_t handler, mask, flags, restorer;
};

struct linux_ucontext {
    uint32_t flags, link;
    uint32_t stack_sp, stack_flags, stack_size;
    struct sigcontext_32 context;
    uint32_t mask[2];
};
struct linux_sigframe {
    struct linux_sigframe_head {
        uint32_t return_address;
        int32_t signal;
        struct sigcontext_32 context;
    } head;
    uint8_t fpstate_unused[624];
    struct linux_sigframe_tail {
        uint32_t extra_mask;
        uint8_t code[8];
    } tail;
};
struct linux_rt_sigframe {
    uint32_t return_address;
    int32_t signal;
    uint32_t info_address, context_address;
    siginfo_t info;
    struct linux_ucontext context;
    uint8_t code[8];
};

struct linux_timespec64 {
    int64_t sec, nsec;
};
struct linux_timespec {
    int32_t sec, nsec;
};
struct linux_timeval {
    int32_t sec, usec;
};
struct linux_itimerval {
    struct linux_timeval interval, value;
};
struct linux_rusage {
    struct linux_timeval utime, stime;
    int32_t maxrss, others[13];
};
struct linux_rlimit {
    uint32_t current, maximum;
};
struct linux_rlimit64 {
    uint64_t current, maximum;
};
struct linux_iovec {
    uint32_t base, length;
};
struct linux_dirent64 {
    uint64_t ino, offset;
    uint16_t record_length;
    uint8_t type;
    char name[];
} __attribute__((packed));
struct linux_dirent {
    uint32_t ino, offset;
    uint16_t record_length;
    char name[];
} __attribute__((packed));
struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));
struct linux_msghdr {
    uint32_t name, name_length, vectors, vector_count, control, control_length, flags;
};
struct linux_flock {
    int16_t type, whence;
    int32_t start, length, pid;
};
struct linux_flock64 {
    int16_t type, whence;
    int64_t start, length;
    int32_t pid;
} __attribute__((packed, aligned(4)));

/* How a timer or a message queue tells that something happened (sigevent(7)). */
#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4
struct linux_sigevent {
    uint32_t value;
    int32_t signal, notify; /* notify: SIGEV_* */
    uint32_t tid;           /* of SIGEV_THREAD_ID */
    uint32_t padding[12];
};

_Static_assert(sizeof(struct sigcontext_32) == 88, "sigcontext");
_Static_assert(sizeof(siginfo_t) == 128, "siginfo");
_Static_assert(sizeof(struct stat64) == 96, "stat64");
_Static_assert(sizeof(struct statx) == 256, "statx");
_Static_assert(sizeof(struct linux_rusage) == 72, "rusage");
_Static_assert(sizeof(struct linux_ucontext) == 116, "ucontext");
_Static_assert(sizeof(struct linux_flock64) == 24, "flock64");
_Static_assert(sizeof(struct linux_sigevent) == 64, "sigevent");

#endif
