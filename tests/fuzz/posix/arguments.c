/* SPDX-License-Identifier: MIT */
/*
 * Random arguments of a plausible kind: descriptors of many sorts, pointers into memory that is filled with
 * structures whose parts are right now and then, names that exist or not, numbers that are sizes and flags.
 * Which kind a word is comes from the personality's own table of calls.
 */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "sysfuzz.h"

#define A(word, kind, name)                                      {word, KIND_##kind, #name},
#define SYSCALL(number, name, handler, arguments, support, text) {number, #name, {arguments}},
#define MISSING(number, name, error, why)                        {number, #name, {}},
static const struct call calls[] = {
#include "personalities/posix/syscalls.def"
};
#define CALL_COUNT (sizeof calls / sizeof calls[0])

#define MEMORY      0x10000u /* the last page is read-only, behind it is nothing */
#define WRITABLE    (MEMORY - 0x1000u)
#define STACK_SIZE  0x4000u
#define STACKS      4
#define POOL        24
#define SHAPE_WORDS 16

static uint8_t *memory;
static uint8_t *stacks;
static int pool[POOL];
static const struct call nameless = {.name = "?"};

static uint32_t below(struct random *random, uint32_t limit)
{
    return random_below(random, limit);
}

/* ---- descriptors ------------------------------------------------------------------------------ */

static int open_pipe_end(unsigned end)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK) < 0)
        return -1;
    close(ends[!end]);
    return ends[end];
}

static int open_pair(int type)
{
    int ends[2];
    if (socketpair(AF_UNIX, type, 0, ends) < 0)
        return -1;
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return ends[0];
}

static int open_pty(void)
{
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
        return -1;
    return slave % 2 ? (close(master), slave) : (close(slave), master);
}

static int open_any(struct random *random)
{
    static const char *const files[] = {"f0",
                                        "d0/f1",
                                        ".",
                                        "d0",
                                        "/dev/null",
                                        "/dev/zero",
                                        "/proc/self/maps",
                                        "/proc",
                                        "/proc/self/mem",
                                        "/dev/urandom",
                                        "fifo"};
    sigset_t set;
    sigfillset(&set);
    switch (below(random, 13)) {
    case 0:
        return open_pipe_end(0);
    case 1:
        return open_pipe_end(1);
    case 2:
        return open_pair(SOCK_STREAM);
    case 3:
        return open_pair(SOCK_DGRAM);
    case 4:
        return open_pair(SOCK_SEQPACKET);
    case 5:
        return epoll_create1(0);
    case 6:
        return eventfd(1, EFD_NONBLOCK);
    case 7:
        return timerfd_create(CLOCK_MONOTONIC, 0);
    case 8:
        return signalfd(-1, &set, SFD_NONBLOCK);
    case 9:
        return inotify_init1(IN_NONBLOCK);
    case 10:
        return open_pty();
    case 11:
        return memfd_create("fuzz", MFD_ALLOW_SEALING);
    }
    const char *name = files[below(random, sizeof files / sizeof files[0])];
    int fd = open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    return fd >= 0 ? fd : open(name, O_RDONLY | O_NONBLOCK);
}

/* Another descriptor for an old one, and memory again where a call took it away. */
static void refill(struct random *random)
{
    unsigned char there[MEMORY / 0x1000];
    if (syscall(SYS_mincore, memory, MEMORY, there) < 0) {
        mmap(memory, WRITABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0);
        mmap(memory + WRITABLE, 0x1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    int *slot = &pool[below(random, POOL)];
    if (*slot > 2)
        close(*slot);
    *slot = open_any(random);
}

static uint32_t any_fd(struct random *random)
{
    switch (below(random, 10)) {
    case 0:
        return below(random, 64);
    case 1:
        return (uint32_t)AT_FDCWD;
    case 2:
        return random_number(random);
    }
    return (uint32_t)pool[below(random, POOL)];
}

/* ---- names and numbers ------------------------------------------------------------------------ */

static const char *const own_names[] = {"f0",       "f1",   "d0", "d0/f1", "d0/d1", "l0",
                                        "loop",     ".",    "",   "fifo",  "d0/",   "fuzz",
                                        "d0/../f0", "sock", "d2", "f3"};
static const char *const others_names[] = {"..",
                                           "/",
                                           "/bin/busybox",
                                           "/bin/hello-native",
                                           "/etc/passwd",
                                           "/dev/tty",
                                           "/dev/ptmx",
                                           "/dev/null/x",
                                           "/bin/hello-win.exe",
                                           "/dev/shm/f",
                                           "/proc/self/exe",

                                           "/proc/1/mem",
                                           "/proc/1/cwd",
                                           "/dev/kmsg"};
static const char *const proc_names[] = {"/proc/self/fd/3", "/proc/self/task", "/proc/meminfo",
                                         "/dev/null",       "/dev/zero",       "/proc/self/status"};
#define ANY_OF(random, names) names[below(random, sizeof names / sizeof names[0])]

static uint32_t any_pointer(struct random *random)
{
    switch (below(random, 16)) {
    case 0:
        return 0;
    case 1:
        return random_number(random);
    case 2:
        return (uint32_t)(uintptr_t)memory + WRITABLE + below(random, 0x1000);
    case 3:
        return (uint32_t)(uintptr_t)memory + MEMORY - below(random, 32);
    case 4:
        return 0xa0000000u + random_next(random) % 0x60000000u;
    case 5:
        return (uint32_t)(uintptr_t)memory + below(random, WRITABLE);
    }
    return (uint32_t)(uintptr_t)memory + (below(random, WRITABLE) & ~7u);
}

/* Never a text that chance made: what is made by a name must be found again. */
static uint32_t any_name(struct victim *victim)
{
    struct random *random = &victim->random;
    switch (below(random, 12)) {
    case 0:
        return 0;
    case 1:
        return 0xa0000000u + random_next(random) % 0x60000000u;
    case 2:
        return (uint32_t)(uintptr_t)ANY_OF(random, proc_names);
    case 3:
        if (!victim->as_root)
            return (uint32_t)(uintptr_t)ANY_OF(random, others_names);
    }
    return (uint32_t)(uintptr_t)ANY_OF(random, own_names);
}

static uint32_t any_pid(struct victim *victim)
{
    switch (below(&victim->random, 8)) {
    case 0:
        return 0;
    case 1:
        return victim->as_root ? 0x7fffffff : random_number(&victim->random);
    case 2:
        return (uint32_t)syscall(SYS_gettid);
    }
    return (uint32_t)syscall(SYS_getpid);
}

static uint32_t any_signal(struct random *random)
{
    static const uint8_t harmless[] = {0, 1, 10, 12, 13, 14, 17, 18, 23, 28, 29, 34, 40, 64};
    return below(random, 12) ? harmless[below(random, sizeof harmless)] : random_number(random);
}

static uint32_t any_flags(struct random *random)
{
    uint32_t bits = 0;
    for (uint32_t left = below(random, 4); left > 0; left--)
        bits |= 1u << below(random, 32);
    return below(random, 3) ? bits : random_number(random);
}

static uint32_t any_size(struct random *random)
{
    return below(random, 4) ? below(random, 3 * 0x1000) : random_number(random);
}

static uint32_t any_request(struct random *random)
{
    switch (below(random, 4)) {
    case 0:
        return random_number(random);
    case 1:
        return below(random, 40);
    case 2:
        return 1024 + below(random, 16); /* F_SETPIPE_SZ and neighbours */
    }
    return 0x5400 + below(random, 0x60);
}

static uint32_t any_word(struct victim *victim)
{
    switch (below(&victim->random, 5)) {
    case 0:
        return any_fd(&victim->random);
    case 1:
    case 2:
        return any_pointer(&victim->random);
    case 3:
        return any_name(victim);
    }
    return random_number(&victim->random);
}

/* ---- structures ------------------------------------------------------------------------------- */

static void no_handler(int signal)
{
    (void)signal;
}

/* What may lie in the words at an address, which is known for pointers into itself. */
struct plan {
    uint32_t address, words[SHAPE_WORDS];
};

static void shape_vector(struct victim *victim, struct plan *plan)
{
    for (unsigned i = 0; i < SHAPE_WORDS; i += 2) {
        plan->words[i] = any_pointer(&victim->random);
        plan->words[i + 1] = any_size(&victim->random);
    }
}

static void shape_time(struct victim *victim, struct plan *plan)
{
    for (unsigned i = 0; i < 8; i++)
        plan->words[i] = below(&victim->random, 3) ? 0 : below(&victim->random, 3000000);
}

static void shape_polls(struct victim *victim, struct plan *plan)
{
    for (unsigned i = 0; i < SHAPE_WORDS; i += 2) {
        plan->words[i] = any_fd(&victim->random);
        plan->words[i + 1] = random_next(&victim->random) & 0x3fff;
    }
}

static void shape_address(struct victim *victim, struct plan *plan)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path + below(&victim->random, 2), ANY_OF(&victim->random, own_names));
    memcpy(plan->words, &address, sizeof plan->words);
}

static void shape_message(struct victim *victim, struct plan *plan)
{
    uint32_t *words = plan->words;
    words[0] = any_pointer(&victim->random);
    words[1] = below(&victim->random, 128);
    words[2] = any_pointer(&victim->random);
    words[3] = below(&victim->random, 10);
    words[4] = plan->address + 32;
    words[5] = below(&victim->random, 64);
    words[8] = 12 + 4 * below(&victim->random, 4); /* a control message that passes descriptors */
    words[9] = SOL_SOCKET;
    words[10] = 1 + below(&victim->random, 2);
    words[11] = any_fd(&victim->random);
    words[12] = any_fd(&victim->random);
}

/* sigaction, or a time for a timer. */
static void shape_new(struct victim *victim, struct plan *plan)
{
    if (below(&victim->random, 2)) {
        shape_time(victim, plan);
        return;
    }
    plan->words[0] = below(&victim->random, 2) ? (uint32_t)(uintptr_t)no_handler : 1;
    plan->words[1] = any_flags(&victim->random) & 0xff000007u;
    plan->words[3] = plan->words[4] = 0;
}

static void shape_texts(struct victim *victim, struct plan *plan)
{
    uint32_t count = below(&victim->random, 6);
    for (uint32_t i = 0; i < count; i++)
        plan->words[i] = any_name(victim);
    plan->words[count] = 0;
}

static void shape_words(struct victim *victim, struct plan *plan)
{
    for (unsigned i = 0; i < SHAPE_WORDS; i++)
        plan->words[i] = any_word(victim);
}

static const struct shape {
    const char *name;
    void (*fill)(struct victim *, struct plan *);
} shapes[] = {{"vector", shape_vector},   {"local", shape_vector},     {"remote", shape_vector},
              {"timeout", shape_time},    {"time", shape_time},        {"times", shape_time},
              {"interval", shape_time},   {"value", shape_time},       {"fds", shape_polls},
              {"events", shape_polls},    {"event", shape_polls},      {"address", shape_address},
              {"message", shape_message}, {"messages", shape_message}, {"new", shape_new},
              {"argv", shape_texts},      {"envp", shape_texts},       {"arguments", shape_words},
              {"request", shape_words},   {"descriptor", shape_words}};

/* Calls may have unmapped the memory: so it is a call that writes to it. */
static void write_plan(const struct plan *plan)
{
    struct iovec from = {(void *)plan->words, sizeof plan->words};
    struct iovec to = {(void *)(uintptr_t)plan->address, sizeof plan->words};
    syscall(SYS_process_vm_writev, syscall(SYS_getpid), &from, 1, &to, 1, 0);
}

static uint32_t structure(struct victim *victim, const char *name)
{
    for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, name) == 0 && below(&victim->random, 4)) {
            struct plan plan = {.address = any_pointer(&victim->random) & ~3u};
            shapes[i].fill(victim, &plan);
            write_plan(&plan);
            return plan.address;
        }
    }
    return any_pointer(&victim->random);
}

/* ---- calls ------------------------------------------------------------------------------------ */

/* What only ends the thread, or would change the machine for everybody when root does it. */
static bool excluded(const struct victim *victim, const char *name)
{
    static const char *const ends[] = {"exit", "exit_group", "sigreturn", "rt_sigreturn"};
    static const char *const of_root[] = {
        "reboot",        "mount",  "umount",       "umount2",       "sethostname",
        "setdomainname", "stime",  "settimeofday", "clock_settime", "clock_settime64",
        "adjtimex",      "syslog", "setpriority",  "ioprio_set",    "chroot"};
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(name, ends[i]) == 0)
            return true;
    for (unsigned i = 0; victim->as_root && i < sizeof of_root / sizeof of_root[0]; i++)
        if (strcmp(name, of_root[i]) == 0)
            return true;
    static const char *const makers[] = {"fork", "vfork", "clone", "clone3", "execve", "execveat"};
    for (unsigned i = 0; victim->child && i < sizeof makers / sizeof makers[0]; i++)
        if (strcmp(name, makers[i]) == 0)
            return true;
    return false;
}

static uint32_t any_hex(struct victim *victim, const char *name)
{
    if (strcmp(name, "request") != 0 && strcmp(name, "command") != 0)
        return any_flags(&victim->random);
    uint32_t request = any_request(&victim->random);
    /* Root may make anybody the receiver of a signal. */
    bool owner = request == F_SETOWN || request == F_SETOWN_EX || request >> 8 == 0x89;
    return victim->as_root && owner ? 0 : request;
}

static uint32_t any_unsigned(struct victim *victim, const char *name)
{
    if (strcmp(name, "size") == 0 || strcmp(name, "length") == 0 || strcmp(name, "count") == 0)
        return any_size(&victim->random);
    if (strcmp(name, "command") == 0)
        return any_hex(victim, name);
    return random_number(&victim->random);
}

static uint32_t any_argument(struct victim *victim, const struct argument *argument)
{
    if (below(&victim->random, 40) == 0 && argument->kind != KIND_pid && argument->kind != KIND_str)
        return any_word(victim);
    switch (argument->kind) {
    case KIND_fd:
        return any_fd(&victim->random);
    case KIND_ptr:
        return structure(victim, argument->name);
    case KIND_str:
        return any_name(victim);
    case KIND_sig:
        return any_signal(&victim->random);
    case KIND_pid:
        return any_pid(victim);
    case KIND_mode:
        return random_next(&victim->random) & 0x1ffff;
    case KIND_hex:
        return any_hex(victim, argument->name);
    default:
        return any_unsigned(victim, argument->name);
    }
}

const struct call *arguments_choose(struct victim *victim, uint32_t *number,
                                    uint32_t words[ARGUMENTS])
{
    const struct call *call = &calls[below(&victim->random, CALL_COUNT)];
    if (below(&victim->random, 16) == 0)
        refill(&victim->random);
    while (excluded(victim, call->name))
        call = &calls[below(&victim->random, CALL_COUNT)];
    *number = call->number;
    if (below(&victim->random, 200) == 0) {
        call = &nameless;
        *number = 448 + below(&victim->random, 200);
    }
    for (unsigned i = 0; i < ARGUMENTS; i++)
        words[i] = random_number(&victim->random);
    for (const struct argument *argument = call->arguments; argument->name; argument++)
        words[argument->word] = any_argument(victim, argument);
    return call;
}

uint32_t arguments_stack(struct random *random)
{
    return (uint32_t)(uintptr_t)stacks + (1 + below(random, STACKS)) * STACK_SIZE - 64;
}

void arguments_init(struct random *random)
{
    memory =
        mmap(NULL, MEMORY + 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stacks =
        mmap(NULL, STACKS * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || stacks == MAP_FAILED)
        exit(1);
    munmap(memory + MEMORY, 0x1000);
    mprotect(memory + WRITABLE, 0x1000, PROT_READ);
    mkdir("d0", 0755);
    mkdir("d0/d1", 0755);
    mkfifo("fifo", 0644);
    if (symlink("f0", "l0") < 0 || symlink("loop", "loop") < 0)
        pool[0] = -1;
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = open_any(random);
}
