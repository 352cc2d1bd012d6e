/* SPDX-License-Identifier: MIT */
/*
 * Micro-benchmarks of the Linux i386 ABI, one static program for Linux and Atomik alike. Each test
 * is repeated until it has run long enough, several rounds are made, and the fastest counts: on an
 * emulator everything else is noise. Prints "name value unit" lines. Run as `bench [name]...`.
 * Under QEMU's -icount shift=0 one nanosecond of the clock is one instruction.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS     15
#define ROUND_NS   4000000ull
#define FILE_BYTES (4u << 20)
#define FILES      1000u
#define PAGES      256u

static char buffer[65536];
static const char *self;
static int file, null_device, zero_device, pipe_there[2], pipe_back[2];

static void *shared; /* a page that children share */

/* What a test took by its own reckoning, when not all of it is to count; otherwise 0. */
static uint64_t own_time;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static long raw_call(long number)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
    return result;
}

/* A number that no system has: the cost of the trap and the way to the table. */
static void null_call(unsigned count)
{
    while (count--)
        raw_call(9999);
}

static void get_pid(unsigned count)
{
    while (count--)
        raw_call(SYS_getpid);
}

static void read_byte(unsigned count)
{
    while (count--)
        if (read(zero_device, buffer, 1) != 1)
            fail("read");
}

static void write_byte(unsigned count)
{
    while (count--)
        if (write(null_device, buffer, 1) != 1)
            fail("write");
}

static void open_close(unsigned count)
{
    while (count--) {
        int fd = open(self, O_RDONLY);
        if (fd < 0)
            fail("open");
        close(fd);
    }
}

static void stat_file(unsigned count)
{
    struct stat status;
    while (count--)
        if (stat(self, &status) != 0)
            fail("stat");
}

static void stat_missing(unsigned count)
{
    struct stat status;
    while (count--)
        if (stat("/tmp/bench.missing", &status) != -1 || errno != ENOENT)
            fail("stat of a missing file");
}

static void pipe_round_trip(unsigned count)
{
    pid_t child = fork();
    if (child == 0) {
        while (count--)
            if (read(pipe_there[0], buffer, 1) != 1 || write(pipe_back[1], buffer, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (unsigned i = 0; i < count; i++)
        if (write(pipe_there[1], buffer, 1) != 1 || read(pipe_back[0], buffer, 1) != 1)
            fail("pipe");
    waitpid(child, NULL, 0);
}

static _Atomic uint32_t turn;

/* Wait until it is the turn of `mine`, then give it to the other. */
static void take_turn(uint32_t mine)
{
    uint32_t seen;
    while ((seen = atomic_load(&turn)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_store(&turn, !mine);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *take_turns(void *count)
{
    for (unsigned left = *(unsigned *)count; left > 0; left--)
        take_turn(1);
    return NULL;
}

static void futex_ping_pong(unsigned count)
{
    pthread_t other;
    if (pthread_create(&other, NULL, take_turns, &count) != 0)
        fail("pthread_create");
    for (unsigned i = 0; i < count; i++)
        take_turn(0);
    pthread_join(other, NULL);
}

static void *nothing(void *argument)
{
    return argument;
}

static void thread_create_join(unsigned count)
{
    while (count--) {
        pthread_t other;
        if (pthread_create(&other, NULL, nothing, NULL) != 0)
            fail("pthread_create");
        pthread_join(other, NULL);
    }
}

static pid_t own_pid;
static volatile unsigned signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
}

static void signal_delivery(unsigned count)
{
    signals_seen = 0;
    for (unsigned i = 0; i < count; i++)
        kill(own_pid, SIGUSR1);
    if (signals_seen != count)
        fail("signals");
}

static void fork_wait(unsigned count)
{
    while (count--) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            fail("fork");
    }
}

static void fork_exec_wait(unsigned count)
{
    while (count--) {
        pid_t child = fork();
        if (child == 0) {
            execl(self, self, "--exit", (char *)NULL);
            _exit(127);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            fail("fork and exec");
    }
}

static void page_fault(unsigned count)
{
    while (count > 0) {
        unsigned pages = count < PAGES ? count : PAGES;
        char *memory =
            mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            fail("mmap");
        for (unsigned i = 0; i < pages; i++)
            memory[i * 4096] = 1;
        munmap(memory, PAGES * 4096);
        count -= pages;
    }
}

/* The child writes to pages that it shares with its parent, and says how long that took. */
static void copy_fault(unsigned count)
{
    static char memory[PAGES * 4096];
    uint64_t *taken = shared;
    memset(memory, 1, sizeof memory);
    own_time = 0;
    while (count > 0) {
        unsigned pages = count < PAGES ? count : PAGES;
        pid_t child = fork();
        if (child == 0) {
            uint64_t start = now();
            for (unsigned i = 0; i < pages; i++)
                memory[i * 4096] = 2;
            *taken = now() - start;
            _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child)
            fail("fork");
        own_time += *taken;
        count -= pages;
    }
}

static void file_read(unsigned count)
{
    while (count--) {
        size_t left = FILE_BYTES;
        lseek(file, 0, SEEK_SET);
        while (left > 0) {
            ssize_t got = read(file, buffer, sizeof buffer);
            if (got <= 0)
                fail("read of the file");
            left -= (size_t)got;
        }
    }
}

static void file_write(unsigned count)
{
    while (count--) {
        lseek(file, 0, SEEK_SET);
        for (size_t done = 0; done < FILE_BYTES; done += sizeof buffer)
            if (write(file, buffer, sizeof buffer) != (ssize_t)sizeof buffer)
                fail("write of the file");
    }
}

static void create_file(unsigned number)
{
    char name[40];
    snprintf(name, sizeof name, "/tmp/bench.files/%u", number);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        fail("creating a file");
    close(fd);
}

static void delete_file(unsigned number)
{
    char name[40];
    snprintf(name, sizeof name, "/tmp/bench.files/%u", number);
    if (unlink(name) != 0)
        fail("deleting a file");
}

static void create_delete(unsigned count)
{
    while (count--) {
        for (unsigned i = 0; i < FILES; i++)
            create_file(i);
        for (unsigned i = 0; i < FILES; i++)
            delete_file(i);
    }
}

static const struct test {
    const char *name;
    void (*run)(unsigned count);
} tests[] = {
    {"null-call", null_call},
    {"getpid", get_pid},
    {"read-1", read_byte},
    {"write-1", write_byte},
    {"open-close", open_close},
    {"stat", stat_file},
    {"stat-missing", stat_missing},
    {"pipe-round-trip", pipe_round_trip},
    {"futex-ping-pong", futex_ping_pong},
    {"signal-delivery", signal_delivery},
    {"thread-create-join", thread_create_join},
    {"fork-wait", fork_wait},
    {"fork-exec-wait", fork_exec_wait},
    {"page-fault", page_fault},
    {"copy-fault", copy_fault},
    {"file-read-4MiB", file_read},
    {"file-write-4MiB", file_write},
    {"create-delete-1000", create_delete},
};

static uint64_t time_of(const struct test *test, unsigned count)
{
    uint64_t start = now();
    own_time = 0;
    test->run(count);
    return own_time ? own_time : now() - start;
}

static uint64_t best_of(const struct test *test, unsigned count, int rounds)
{
    uint64_t best = UINT64_MAX;
    while (rounds--) {
        uint64_t taken = time_of(test, count);
        best = taken < best ? taken : best;
    }
    return best;
}

/* The count is found by the best of some rounds, too: one that was held up would make it too small. */
static void measure(const struct test *test)
{
    unsigned count = 1;
    while (best_of(test, count, 3) < ROUND_NS && count < 1u << 24)
        count *= 2;
    uint64_t best = best_of(test, count, ROUNDS);
    printf("%-18s %12.1f ns\n", test->name, (double)best / count);
    fflush(stdout);
}

static void prepare(void)
{
    null_device = open("/dev/null", O_WRONLY);
    zero_device = open("/dev/zero", O_RDONLY);
    file = open("/tmp/bench.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (null_device < 0 || zero_device < 0 || file < 0 || pipe(pipe_there) != 0 ||
        pipe(pipe_back) != 0)
        fail("preparing");
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || signal(SIGUSR1, on_signal) == SIG_ERR)
        fail("preparing");
    if (mkdir("/tmp/bench.files", 0700) != 0 && errno != EEXIST)
        fail("preparing a directory");
    own_pid = getpid();
    for (unsigned done = 0; done < FILE_BYTES; done += sizeof buffer)
        if (write(file, buffer, sizeof buffer) != (ssize_t)sizeof buffer)
            fail("writing the file");
}

static int wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc == 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--exit") == 0)
        return 0;
    self = argv[0];
    prepare();
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (wanted(argc, argv, tests[i].name))
            measure(&tests[i]);
    unlink("/tmp/bench.data");
    rmdir("/tmp/bench.files");
    return 0;
}
