/* SPDX-License-Identifier: MIT */
/*
 * Checks what native programs rely on: memory, threads, files, streams, starting and waiting for
 * programs. One line per check; exit code 0 if all passed.
 *
 *     native-check                all checks
 *     native-check exit N         end with code N      } what the checks
 *     native-check crash          write to address 16  } start
 *     native-check hang           wait for ever        }
 *     native-check hog            take memory for ever
 *     native-check orphan         kill the native personality, which must end this program too
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>

static int failures;

static void check(bool passed, const char *what)
{
    printf("%s %s\n", passed ? "ok" : "FAILED", what);
    fflush(stdout);
    failures += !passed;
}

/* ---- formats --------------------------------------------------------------------------------- */

/* Only here are long and long long of different sizes; the rest is checked on the host. */
static bool wide_numbers_print(void)
{
    char text[64];
    snprintf(text, sizeof text, "%llu %lld %lu %u %d", 1234567890123ull, -1ll, 3ul, 4u, 5);
    return strcmp(text, "1234567890123 -1 3 4 5") == 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool heap_keeps_blocks_apart(void)
{
    enum { BLOCKS = 2000 };
    static uint8_t *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525u + 1013904223u;
        uint32_t i = (random >> 8) % BLOCKS;
        if (blocks[i] != NULL) {
            for (size_t at = 0; at < sizes[i]; at += 61)
                if (blocks[i][at] != (uint8_t)i)
                    return false;
            free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = (random >> 20) % 64 == 0 ? 100000 : (random >> 12) % 3000 + 1;
        blocks[i] = malloc(sizes[i]);
        if (blocks[i] == NULL)
            return false;
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    return true;
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 8
#define TURNS   2000
static struct mutex lock;
static struct condition done;
static volatile uint32_t counter, finished;

static void count_thread(void *unused)
{
    (void)unused;
    for (int i = 0; i < TURNS; i++) {
        mutex_lock(&lock);
        uint32_t value = counter;
        if (i % 50 == 0 && thread_yield(0) != OK)
            __builtin_trap();
        counter = value + 1;
        mutex_unlock(&lock);
    }
    mutex_lock(&lock);
    finished++;
    condition_signal(&done);
    mutex_unlock(&lock);
}

static bool threads_count_under_a_mutex(void)
{
    for (int i = 0; i < THREADS; i++)
        if (thread_spawn(count_thread, NULL, 0, NULL) != OK)
            return false;
    mutex_lock(&lock);
    while (finished < THREADS)
        condition_wait(&done, &lock);
    mutex_unlock(&lock);
    return counter == THREADS * TURNS;
}

static void nothing(void *unused)
{
    (void)unused;
}

static bool ended_threads_leave_nothing(void)
{
    struct process_info before, after;
    for (int i = 0; i < 1000; i++) {
        handle_t thread;
        if (i == 100 && process_info(HANDLE_SELF, &before) != OK)
            return false;
        if (thread_spawn(nothing, NULL, 0, &thread) != OK)
            return false;
        struct wait_item item = {.handle = thread, .wanted = SIGNAL_TERMINATED};
        if (wait_any(&item, 1, time_monotonic() + 5 * NS_PER_S) != OK)
            return false;
        handle_drop(&thread);
    }
    return process_info(HANDLE_SELF, &after) == OK && after.threads == before.threads &&
           after.handles == before.handles && after.pages <= before.pages + 4;
}

static bool a_deadline_ends_a_wait(void)
{
    ktime_t begun = time_monotonic();
    mutex_lock(&lock);
    bool signalled = condition_wait_until(&done, &lock, begun + 20 * NS_PER_MS);
    mutex_unlock(&lock);
    ktime_t waited = time_monotonic() - begun;
    return !signalled && waited >= 20 * NS_PER_MS && waited < 2 * NS_PER_S;
}

/* ---- files and streams ----------------------------------------------------------------------- */

#define FILE_SIZE 300000
static uint8_t data[FILE_SIZE], back[FILE_SIZE];

static bool large_files_come_back_as_written(void)
{
    int fd;
    size_t part, total = 0;
    uint64_t position;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    if (file_open("/tmp/native-check", FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE, 0600,
                  &fd) != OK ||
        file_write(fd, data, sizeof data, &part) != OK || part != sizeof data ||
        file_seek(fd, 0, 0, &position) != OK)
        return false;
    while (total < sizeof back && file_read(fd, back + total, sizeof back - total, &part) == OK &&
           part > 0)
        total += part;
    return total == sizeof back && memcmp(data, back, sizeof data) == 0 && file_close(fd) == OK;
}

static int pipe_fds[2];

static void write_pipe(void *unused)
{
    size_t written;
    (void)unused;
    if (file_write(pipe_fds[1], data, sizeof data, &written) == OK)
        check(written == sizeof data && file_close(pipe_fds[1]) == OK,
              "a writer blocks until the reader has made room");
}

static bool pipes_carry_more_than_they_hold(void)
{
    size_t part, total = 0;
    if (file_pipe(pipe_fds) != OK || thread_spawn(write_pipe, NULL, 0, NULL) != OK)
        return false;
    while (total < sizeof back &&
           file_read(pipe_fds[0], back + total, sizeof back - total, &part) == OK && part > 0)
        total += part;
    if (file_read(pipe_fds[0], back, 1, &part) != OK || part != 0)
        return false; /* the end of file follows */
    return total == sizeof data && memcmp(data, back, sizeof data) == 0 &&
           file_close(pipe_fds[0]) == OK;
}

/* ---- programs -------------------------------------------------------------------------------- */

static const char *own_path;

static status_t start(const char *word, const char *argument, const int fds[3], uint32_t *pid)
{
    char *argv[] = {(char *)own_path, (char *)word, (char *)argument, NULL};
    return spawn(own_path, argv, fds, pid);
}

static bool exit_codes_come_back(void)
{
    uint32_t pid;
    int32_t status;
    if (start("exit", "7", NULL, &pid) != OK || wait_pid(pid, &status) != OK || status != 7 << 8)
        return false;
    return wait_pid(pid, &status) == ERR_NO_CHILD; /* taken once */
}

static bool a_crash_is_reported_and_ends_with_signal_11(void)
{
    uint32_t pid;
    int32_t status;
    char text[2048];
    size_t length = 0, part;
    int pipe[2], fds[3];
    if (file_pipe(pipe) != OK)
        return false;
    fds[0] = 0;
    fds[1] = fds[2] = pipe[1];
    if (start("crash", NULL, fds, &pid) != OK || file_close(pipe[1]) != OK)
        return false;
    while (length < sizeof text - 1 &&
           file_read(pipe[0], text + length, sizeof text - 1 - length, &part) == OK && part > 0)
        length += part;
    text[length] = 0;
    if (file_close(pipe[0]) != OK || wait_pid(pid, &status) != OK)
        return false;
    return status == 11 && strstr(text, "native-check") != NULL &&
           strstr(text, "fall_over") != NULL;
}

static bool signals_end_programs(void)
{
    uint32_t pid, count;
    int32_t status;
    if (start("hang", NULL, NULL, &pid) != OK ||
        init_proc_signal(startup_handle(STARTUP_INIT), (int32_t)pid, 15, 0, &count) != OK ||
        count != 1)
        return false;
    return wait_pid(pid, &status) == OK && status == 15;
}

static bool what_is_no_program_does_not_start(void)
{
    uint32_t pid;
    char *argv[] = {"x", NULL};
    return spawn("/etc/motd", argv, NULL, &pid) == ERR_BAD_EXECUTABLE &&
           spawn("/none", argv, NULL, &pid) == ERR_NOT_FOUND;
}

static bool many_programs_leave_nothing_behind(void)
{
    struct system_info before = {0}, after;
    for (int i = 0; i < 60; i++) {
        uint32_t pid;
        int32_t status;
        if (i == 10 && system_info(&before) != OK)
            return false;
        if (start("exit", "0", NULL, &pid) != OK || wait_pid(pid, &status) != OK || status != 0)
            return false;
    }
    time_sleep(50 * NS_PER_MS); /* what is being torn down may still count */
    if (system_info(&after) != OK)
        return false;
    if (after.objects > before.objects + 4 || after.processes > before.processes)
        printf("objects %u -> %u, processes %u -> %u\n", (unsigned)before.objects,
               (unsigned)after.objects, (unsigned)before.processes, (unsigned)after.processes);
    return after.objects <= before.objects + 4 && after.processes <= before.processes &&
           after.free_pages + 64 >= before.free_pages;
}

static volatile uint32_t *volatile nowhere = (volatile uint32_t *)16;

/* ---- services -------------------------------------------------------------------------------- */

static uint32_t pid_of(const char *service)
{
    struct proc_record record = {0};
    char name[64];
    while (init_proc_info(startup_handle(STARTUP_INIT), record.pid, true, &record, name,
                          sizeof name) == OK)
        if (record.personality == 0 && strcmp(name, service) == 0)
            return record.pid;
    return 0;
}

/* Kill it and wait for init to start another one. */
static bool comes_back(const char *service)
{
    uint32_t count, old = pid_of(service), now = old;
    ktime_t end = time_monotonic() + 5 * NS_PER_S;
    if (old == 0 ||
        init_proc_signal(startup_handle(STARTUP_INIT), (int32_t)old, 9, 0, &count) != OK)
        return false;
    for (; (now == old || now == 0) && time_monotonic() < end; time_sleep(10 * NS_PER_MS))
        now = pid_of(service);
    return now != old && now != 0;
}

static bool a_killed_terminal_server_comes_back(void)
{
    handle_t tty;
    uint32_t input, output;
    if (!comes_back("tty") ||
        init_name_lookup(startup_handle(STARTUP_INIT), "tty", true, &tty) != OK)
        return false;
    handle_t terminal, event;
    bool works = tty_client_open(tty, 0, &terminal, &event) == OK &&
                 tty_client_queued(terminal, &input, &output) == OK;
    handle_drop(&tty);
    return works;
}

static bool a_killed_file_server_is_mounted_again(void)
{
    struct fs_walk_context context;
    struct fs_attr before, after = {0};
    ktime_t end = time_monotonic() + 5 * NS_PER_S;
    if (file_context(&context) != OK ||
        fs_client_stat_path(&context, HANDLE_NONE, "/host", 5, 0, &before) != OK)
        return false;
    if (pid_of("hostfs") == 0)
        return before.device == context.root_device; /* nothing is shared, nothing is mounted */
    if (!comes_back("hostfs"))
        return false;
    while (time_monotonic() < end) {
        if (fs_client_stat_path(&context, HANDLE_NONE, "/host", 5, 0, &after) == OK &&
            after.device != before.device && after.device != context.root_device)
            return true;
        time_sleep(10 * NS_PER_MS);
    }
    return false;
}

static void __attribute__((noinline)) fall_over(void)
{
    *nowhere = 1;
}

/* Ends when a page is touched that there is no memory for, or returns when none is given. */
static void hog(void)
{
    for (;;) {
        char *block = malloc(1 << 20);
        if (block == NULL)
            return;
        memset(block, 1, 1 << 20);
    }
}

static int helper(char **argv)
{
    if (strcmp(argv[1], "exit") == 0)
        return argv[2] != NULL ? atoi(argv[2]) : 0;
    if (strcmp(argv[1], "crash") == 0)
        fall_over();
    if (strcmp(argv[1], "hang") == 0)
        for (;;)
            time_sleep(NS_PER_S);
    if (strcmp(argv[1], "hog") == 0)
        hog();
    uint32_t count;
    if (strcmp(argv[1], "orphan") == 0 &&
        init_proc_signal(startup_handle(STARTUP_INIT), (int32_t)pid_of("native"), 9, 0, &count) ==
            OK)
        time_sleep(5 * NS_PER_S);
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return helper(argv);
    own_path = argv[0];
    check(wide_numbers_print(), "wide numbers print");
    check(heap_keeps_blocks_apart(), "the heap keeps blocks apart");
    check(threads_count_under_a_mutex(), "threads count under a mutex");
    check(ended_threads_leave_nothing(), "ended threads leave nothing");
    check(a_deadline_ends_a_wait(), "a deadline ends a wait");
    check(large_files_come_back_as_written(), "large files come back as written");
    check(pipes_carry_more_than_they_hold(), "pipes carry more than they hold");
    check(exit_codes_come_back(), "exit codes come back");
    check(a_crash_is_reported_and_ends_with_signal_11(),
          "a crash is reported and ends with signal 11");
    check(signals_end_programs(), "signals end programs");
    check(what_is_no_program_does_not_start(), "what is no program does not start");
    check(many_programs_leave_nothing_behind(), "many programs leave nothing behind");
    check(a_killed_terminal_server_comes_back(), "a killed terminal server comes back");
    check(a_killed_file_server_is_mounted_again(), "a killed file server is mounted again");
    return failures != 0;
}
