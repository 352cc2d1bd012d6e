/* SPDX-License-Identifier: MIT */
/*
 * What snapshots cost, on Atomik: `snap-bench [PART]` prints `name value unit` lines, from which tools/bench makes its
 * table. It starts itself as the processes that are saved (`hold`, `rewrite`, `crash`, `work`) and recorded (`null`,
 * `compute`).
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define MIB         (1u << 20)
#define PAGE        4096u
#define LARGE       64u /* MiB */
#define DIRTY_PAGES 256u
#define CALLS       20000u
#define STEPS       20000000u
#define TEXT        4096u
#define TAXED_PAGES 2048u
#define RESTORES    3u
#define PERIOD      100000000.0 /* ns between two snapshots, 10 Hz */
#define ROUNDS      200u
#define ROUND       10000000.0 /* ns that a round of `work` takes alone */
#define ROUND_PAGES 3u         /* of which so many are written: 1.2 MiB a second */

static char *self;

static void report(const char *name, double value, const char *unit)
{
    printf("%s %.0f %s\n", name, value, unit);
    fflush(stdout);
}

/* ---- the processes that are saved ---------------------------------------------------------------- */

/* Nothing in it is zero, no two pages are the same. */
static unsigned char *fill(unsigned mebibytes)
{
    unsigned *words = malloc(mebibytes * MIB + 1);
    must(words != NULL, "malloc");
    for (unsigned i = 0, value = 1; i < mebibytes * MIB / 4; i++) {
        value = value * 1664525 + 1013904223;
        words[i] = value | 1;
    }
    return (unsigned char *)words;
}

static void go_on(int signal)
{
    (void)signal;
}

/* Says that it is ready, and again after each SIGUSR1, at which it changes some pages. */
static void hold(unsigned mebibytes)
{
    sigset_t mask;
    unsigned char *memory = fill(mebibytes);
    signal(SIGUSR1, go_on);
    sigfillset(&mask);
    sigdelset(&mask, SIGUSR1);
    for (;;) {
        must(write(1, "r", 1) == 1, "write");
        sigsuspend(&mask);
        for (unsigned i = 0; i < DIRTY_PAGES && i < mebibytes * MIB / PAGE; i++)
            memory[i * PAGE] ^= 0x80;
    }
}

/* Page faults of the whole machine. */
static unsigned faults(void)
{
    char text[256] = "";
    unsigned count = 0;
    int file = open("/proc/vmstat", O_RDONLY);
    must(file >= 0 && read(file, text, sizeof text - 1) > 0, "/proc/vmstat");
    close(file);
    const char *at = strstr(text, "pgfault ");
    must(at != NULL && sscanf(at, "pgfault %u", &count) == 1, "pgfault");
    return count;
}

/*
 * Writes to the same pages again and again until SIGUSR1; then how many faults that took. Their number before is
 * zero, and zero again when each page has been written to once since the snapshot.
 */
static volatile sig_atomic_t enough;
static void end_rewriting(int signal)
{
    (void)signal;
    enough = 1;
}

static void rewrite(void)
{
    volatile unsigned char *memory = fill(LARGE);
    unsigned total = 0;
    signal(SIGUSR1, end_rewriting);
    must(write(1, "r", 1) == 1, "write");
    while (!enough) {
        unsigned before = faults();
        for (unsigned i = 0; i < TAXED_PAGES; i++)
            memory[i * PAGE] ^= 1;
        total += faults() - before;
        usleep(1000);
    }
    printf("took %u\n", total);
    fflush(stdout);
    pause();
}

/* Crashes at SIGUSR1. */
static void crash(void)
{
    static int *volatile nowhere;
    sigset_t mask;
    fill(LARGE);
    signal(SIGUSR1, go_on);
    sigfillset(&mask);
    sigdelset(&mask, SIGUSR1);
    must(write(1, "r", 1) == 1, "write");
    sigsuspend(&mask);
    *nowhere = 1;
}

static unsigned spin(unsigned steps)
{
    unsigned value = 1;
    for (unsigned i = 0; i < steps; i++)
        value = value * 1664525 + (value >> 7);
    return value;
}

/* So much computation, and some memory written to: how long it takes. */
static void work(unsigned steps)
{
    volatile unsigned result;
    unsigned char *memory = fill(4);
    must(write(1, "r", 1) == 1, "write");
    double began = now();
    for (unsigned i = 0; i < ROUNDS; i++) {
        result = spin(steps);
        for (unsigned page = 0; page < ROUND_PAGES; page++)
            memory[(i * ROUND_PAGES + page) % (4 * MIB / PAGE) * PAGE] ^= 1;
    }
    (void)result;
    printf("took %.0f\n", now() - began);
    fflush(stdout);
    pause();
}

struct child {
    pid_t pid;
    int output;
};

static struct child start(char *const words[])
{
    int ends[2];
    must(pipe(ends) == 0, "pipe");
    struct child child = {fork(), ends[0]};
    must(child.pid >= 0, "fork");
    if (child.pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execvp(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    close(ends[1]);
    return child;
}

static void await_ready(const struct child *child)
{
    char byte;
    must(read(child->output, &byte, 1) == 1, "the process that is to be saved");
}

static struct child start_holding(unsigned mebibytes)
{
    char size[16];
    snprintf(size, sizeof size, "%u", mebibytes);
    struct child child = start((char *[]){self, "hold", size, NULL});
    await_ready(&child);
    return child;
}

static void end_holding(const struct child *child)
{
    int status;
    kill(child->pid, SIGKILL);
    waitpid(child->pid, &status, 0);
    close(child->output);
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* What a command prints (little enough for a pipe), and how long it runs. */
static double run(char *const words[], char text[TEXT])
{
    int status;
    double began = now();
    struct child child = start(words);
    waitpid(child.pid, &status, 0);
    double time = now() - began;
    fcntl(child.output, F_SETFL, O_NONBLOCK); /* a restored process has the other end as well */
    ssize_t length = read(child.output, text, TEXT - 1);
    text[length > 0 ? length : 0] = 0;
    close(child.output);
    if (status != 0)
        fprintf(stderr, "%s %s: status %x: %s\n", words[0], words[1], (unsigned)status, text);
    must(status == 0, words[1]);
    return time;
}

/* Saves a process; microseconds that it stood still. */
static double save(const struct child *child, const char *option, const char *value,
                   const char *path)
{
    char text[TEXT], pid[16];
    char *words[8] = {"snap", "save"};
    unsigned count = 2, pause = 0;
    snprintf(pid, sizeof pid, "%d", (int)child->pid);
    if (option != NULL)
        words[count++] = (char *)option;
    if (value != NULL)
        words[count++] = (char *)value;
    words[count++] = pid;
    words[count++] = (char *)path;
    run(words, text);
    const char *paused = strstr(text, "paused ");
    must(paused != NULL && sscanf(paused, "paused %u us", &pause) == 1, "what snap prints");
    return pause;
}

static double size_of(const char *path)
{
    struct stat attributes;
    must(stat(path, &attributes) == 0, path);
    return (double)attributes.st_size;
}

/* ---- what is measured ---------------------------------------------------------------------------- */

static void copy_memory(void)
{
    unsigned char *from = fill(LARGE), *to = fill(LARGE);
    double began = now();
    memcpy(to, from, LARGE * MIB);
    report("memcpy-64", now() - began, "ns");
    must(to[LARGE * MIB - 2] == from[LARGE * MIB - 2], "memcpy");
    free(from);
    free(to);
}

static void read_and_copy(const char *path)
{
    size_t size = (size_t)size_of(path), done = 0;
    unsigned char *memory = fill((unsigned)(size / MIB) + 1),
                  *copy = fill((unsigned)(size / MIB) + 1);
    double began = now();
    int file = open(path, O_RDONLY);
    for (ssize_t got = 1; got > 0; done += (size_t)got)
        got = read(file, memory + done, size - done);
    close(file);
    memcpy(copy, memory, size);
    report("read-and-memcpy", now() - began, "ns");
    must(done == size && copy[size - 1] == memory[size - 1], path);
    free(memory);
    free(copy);
}

static double restore_once(const char *path, const char *option)
{
    char text[TEXT];
    double time =
        run((char *[]){"snap", "restore", "--detach", (char *)path, (char *)option, NULL}, text);
    kill(atoi(text), SIGKILL);
    while (kill(atoi(text), 0) == 0) /* its end is not a part of the next measurement */
        usleep(1000);
    return time;
}

/* The best of some. */
static void restore(const char *name, const char *path, const char *option)
{
    double best = restore_once(path, option);
    for (unsigned i = 1; i < RESTORES; i++) {
        double time = restore_once(path, option);
        best = time < best ? time : best;
    }
    report(name, best, "ns");
}

static double took(const char *text)
{
    const char *at = strstr(text, "took ");
    must(at != NULL, "what the program prints");
    return atof(at + 5);
}

/* What a child prints when it is done, after which it is to end. */
static double took_child(const struct child *child)
{
    char text[TEXT] = "";
    must(read(child->output, text, TEXT - 1) > 0, "the child");
    end_holding(child);
    return took(text);
}

static void measure_tax(void)
{
    struct child child = start((char *[]){self, "rewrite", NULL});
    await_ready(&child);
    save(&child, NULL, NULL, "taxed.snap");
    usleep(100000);
    kill(child.pid, SIGUSR1);
    report("tax-faults", took_child(&child), "bytes");
    report("tax-pages", TAXED_PAGES, "bytes");
    unlink("taxed.snap");
}

/* A core writer that writes nothing but the memory as it is. */
static void write_core(void)
{
    unsigned char *memory = fill(LARGE);
    double began = now();
    int file = open("plain.core", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(write(file, memory, LARGE * MIB) == LARGE * MIB, "plain.core");
    close(file);
    report("plain-core", now() - began, "ns");
    unlink("plain.core");
    free(memory);
}

static void measure_crash(void)
{
    char path[64];
    int status, rule = open("/etc/snap.conf", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(write(rule, "crash /tmp\n", 11) == 11, "/etc/snap.conf");
    close(rule);
    struct child child = start((char *[]){self, "crash", NULL});
    await_ready(&child);
    double began = now();
    kill(child.pid, SIGUSR1);
    waitpid(child.pid, &status, 0);
    report("crash", now() - began, "ns");
    must(WIFSIGNALED(status) && WCOREDUMP(status), "crash");
    snprintf(path, sizeof path, "/tmp/crash-snap-bench-%d.snap", (int)child.pid);
    must(size_of(path) > LARGE * MIB, path);
    unlink(path);
    unlink("/etc/snap.conf");
    close(child.output);
}

static struct child start_work(unsigned steps)
{
    char number[16];
    snprintf(number, sizeof number, "%u", steps);
    struct child child = start((char *[]){self, "work", number, NULL});
    await_ready(&child);
    return child;
}

static bool is_done(const struct child *child)
{
    struct pollfd output = {.fd = child->output, .events = POLLIN};
    return poll(&output, 1, 0) > 0;
}

/* Snapshots of a process that works, ten a second, as long as it does. */
static void measure_frequent(void)
{
    double began = now();
    unsigned sum = spin(STEPS), count = 0;
    unsigned steps = (unsigned)(STEPS / (now() - began) * ROUND) + (sum == 0);
    struct child child = start_work(steps);
    report("work-alone", took_child(&child), "ns");
    child = start_work(steps);
    save(&child, NULL, NULL, "work.snap");
    for (; !is_done(&child); count++) {
        double due = now() + PERIOD;
        save(&child, "--incremental", "work.snap", "work.delta");
        if (due > now())
            usleep((unsigned)((due - now()) / 1e3));
    }
    report("work-saved", took_child(&child), "ns");
    report("work-snapshots", count, "bytes");
}

static void measure_large(void)
{
    struct child child = start_holding(LARGE);
    report("pause-64", save(&child, NULL, NULL, "large.snap") * 1e3, "ns");
    end_holding(&child);
    report("size-64", size_of("large.snap"), "bytes");
    read_and_copy("large.snap");
    restore("restore-64", "large.snap", NULL);
    restore("lazy-64", "large.snap", "--lazy");
    restore("lazy-1", "small.snap", "--lazy");
}

static void measure_small(void)
{
    struct child child = start_holding(1);
    report("pause-1", save(&child, NULL, NULL, "small.snap") * 1e3, "ns");
    end_holding(&child);
    child = start_holding(0);
    save(&child, "--no-text", NULL, "trivial.snap");
    report("size-trivial", size_of("trivial.snap"), "bytes");
    end_holding(&child);
}

static void measure_delta(void)
{
    struct child child = start_holding(4);
    save(&child, NULL, NULL, "base.snap");
    kill(child.pid, SIGUSR1);
    await_ready(&child);
    report("pause-delta", save(&child, "--incremental", "base.snap", "delta.snap") * 1e3, "ns");
    report("size-delta", size_of("delta.snap"), "bytes");
    report("dirty-delta", DIRTY_PAGES * PAGE, "bytes");
    end_holding(&child);
}

/* ---- what is recorded ---------------------------------------------------------------------------- */

static void make_calls(void)
{
    double began = now();
    for (unsigned i = 0; i < CALLS; i++)
        syscall(SYS_getppid);
    printf("took %.0f\n", now() - began);
}

static void compute(void)
{
    volatile unsigned result;
    unsigned value = 1;
    double began = now();
    for (unsigned i = 0; i < STEPS; i++)
        value = value * 1664525 + (value >> 7);
    result = value;
    printf("took %.0f\n", now() - began);
    (void)result;
}

static void measure_recording(char *what)
{
    char text[TEXT], name[32];
    run((char *[]){self, what, NULL}, text);
    snprintf(name, sizeof name, "%s-alone", what);
    report(name, took(text), "ns");
    run((char *[]){"snap", "record", "-o", "recording", "--", self, what, NULL}, text);
    snprintf(name, sizeof name, "%s-recorded", what);
    report(name, took(text), "ns");
}

static void measure_recordings(void)
{
    measure_recording("null");
    measure_recording("compute");
}

static const struct {
    const char *name;
    void (*measure)(void);
} parts[] = {
    {"recordings", measure_recordings},
    {"memcpy", copy_memory},
    {"small", measure_small},
    {"delta", measure_delta},
    {"large", measure_large}, /* after small */
    {"tax", measure_tax},
    {"core", write_core},
    {"crashes", measure_crash},
    {"frequent", measure_frequent},
};

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 2 && strcmp(argv[1], "hold") == 0)
        hold((unsigned)atoi(argv[2]));
    if (argc > 2 && strcmp(argv[1], "work") == 0)
        work((unsigned)atoi(argv[2]));
    if (argc > 1 && strcmp(argv[1], "rewrite") == 0)
        rewrite();
    if (argc > 1 && strcmp(argv[1], "crash") == 0)
        crash();
    if (argc > 1 && strcmp(argv[1], "null") == 0)
        return make_calls(), 0;
    if (argc > 1 && strcmp(argv[1], "compute") == 0)
        return compute(), 0;
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        if (argc == 1 || strcmp(argv[1], parts[i].name) == 0)
            parts[i].measure();
    return 0;
}
