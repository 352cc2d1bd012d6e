/* SPDX-License-Identifier: MIT */
/*
 * Random Linux system calls with random arguments.
 *
 *   sysfuzz SECONDS [FIRST-SEED [DIRECTORY...]]     victims with consecutive seeds, SLOTS at a time, in turn in
 *                                                  these directories (/tmp)
 *   sysfuzz one SEED CALLS DIRECTORY [THREADS]      the calls of one seed, each printed before it is made
 *
 * A victim is a process, its threads and children. Two of three are of an ordinary user, the third is root's,
 * which leaves out what root may do to the machine. It may crash or hang. What must hold: whoever is killed goes,
 * the keepers' memory and file stay as they are, and what victims leave behind can be removed. The exit
 * code says so; the seeds of victims that run are printed before they start.
 *
 * It runs on Linux as well, where it needs root too.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sysfuzz.h"

#define SLOTS        4
#define THREADS      3
#define CALLS        1500
#define VICTIM_MS    600
#define END_MS       30000 /* whoever was killed is gone by then */
#define FIRST_UID    5000
#define FILE_LIMIT   (1u << 20)
#define MEMORY_LIMIT (64u << 20)
#define CANARY       16384

struct shared {
    uint32_t next_seed; /* of whichever slot is free */
    uint32_t ended, died, killed, failures;
    struct tally tally;
};
static struct shared *shared;
static uint8_t canary[CANARY];

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void fail(uint32_t seed, const char *what, long number)
{
    printf("seed %u: %s %ld\n", seed, what, number);
    fflush(stdout);
    __atomic_add_fetch(&shared->failures, 1, __ATOMIC_RELAXED);
}

/* ---- a victim ------------------------------------------------------------------------------------ */

static void limit(int resource, rlim_t value)
{
    struct rlimit limit = {value, value};
    setrlimit((__rlimit_resource_t)resource, &limit);
}

static void become_victim(uint32_t seed, uint32_t calls, const char *directory, uid_t uid,
                          struct tally *tally, unsigned threads, bool say)
    __attribute__((noreturn));
static void become_victim(uint32_t seed, uint32_t calls, const char *directory, uid_t uid,
                          struct tally *tally, unsigned threads, bool say)
{
    struct victim victim = {.calls = calls, .as_root = uid == 0, .say = say, .tally = tally};
    random_seed(&victim.random, seed);
    setsid();
    if (chdir(directory) < 0)
        _exit(97);
    limit(RLIMIT_FSIZE, FILE_LIMIT);
    limit(RLIMIT_AS, MEMORY_LIMIT);
    limit(RLIMIT_NPROC, 40);
    limit(RLIMIT_CORE, 0);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < (say ? 2 : 3); fd++)
        dup2(null, fd);
    close_range(3, ~0u, 0);
    if (uid != 0 && (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0))
        _exit(97);
    victim_run(&victim, threads);
}

/* ---- what it leaves behind ----------------------------------------------------------------------- */

/* A child of `parent`, or 0. */
static pid_t child_of(pid_t parent)
{
    DIR *proc = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *entry; proc && !found && (entry = readdir(proc));) {
        char path[280], text[256] = "", *end;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int fd = open(path, O_RDONLY);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && (end = strrchr(text, ')')) &&
            atoi(end + 4) == parent)
            found = atoi(entry->d_name);
        if (fd >= 0)
            close(fd);
    }
    if (proc)
        closedir(proc);
    return found;
}

static void print_state(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    printf("%.*s", length < 0 ? 0 : (int)length, text);
    if (fd >= 0)
        close(fd);
}

/* Ends all children, and theirs, which become children when their parents go. */
static void end_all(uint32_t seed)
{
    uint64_t deadline = now_ms() + END_MS;
    for (;;) {
        pid_t child = child_of(getpid());
        if (child > 0)
            kill(child, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        if (child == 0 && waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD)
            return;
        if (now_ms() > deadline) {
            fail(seed, "cannot be ended: process", child);
            print_state(child);
            return;
        }
        if (child > 0 && kill(child, 0) == 0)
            usleep(1000);
    }
}

static void remove_tree(int at, const char *name)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_tree(fd, entry->d_name);
    if (directory)
        closedir(directory);
    unlinkat(at, name, AT_REMOVEDIR);
}

/* Objects of System V and message queues stay when their processes end. */
static void remove_ipc(void)
{
    static const char *const queues[] = {"/f0",   "/f1",   "/d0", "/l0", "/loop", "/fifo",
                                         "/fuzz", "/sock", "/d2", "/f3", "/tmp",  "/."};
    for (int i = 0; i <= 4096; i++) {
        struct shmid_ds shm;
        struct semid_ds sem;
        struct msqid_ds msg;
        int id;
        if (i <= shmctl(0, SHM_INFO, (void *)&shm) && (id = shmctl(i, SHM_STAT, &shm)) >= 0)
            shmctl(id, IPC_RMID, NULL);
        if ((id = semctl(i, 0, SEM_STAT, &sem)) >= 0)
            semctl(id, 0, IPC_RMID);
        if ((id = msgctl(i, MSG_STAT, &msg)) >= 0)
            msgctl(id, IPC_RMID, NULL);
    }
    for (unsigned i = 0; i < sizeof queues / sizeof queues[0]; i++)
        mq_unlink(queues[i]);
    remove_tree(AT_FDCWD, "/dev/shm/f");
}

/* ---- a keeper ------------------------------------------------------------------------------------ */

static void count_end(int status)
{
    uint32_t *count = WIFEXITED(status)             ? &shared->ended
                      : WTERMSIG(status) == SIGKILL ? &shared->killed
                                                    : &shared->died;
    __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

/* Waits for the victim, not for its children. */
static void await(pid_t pid)
{
    uint64_t deadline = now_ms() + VICTIM_MS;
    int status;
    while (waitpid(pid, &status, WNOHANG | __WALL) == 0) {
        if (now_ms() > deadline) {
            kill(pid, SIGKILL);
            deadline = now_ms() + END_MS;
            while (waitpid(pid, &status, WNOHANG | __WALL) == 0 && now_ms() < deadline)
                usleep(1000);
            break;
        }
        kill(pid, SIGALRM); /* what waits goes on; its own timer may be gone */
        usleep(5000);
    }
    count_end(status);
}

static void check_canaries(uint32_t seed, int file)
{
    uint8_t content[CANARY];
    for (unsigned i = 0; i < CANARY; i++)
        if (canary[i] != (uint8_t)(i * 7))
            fail(seed, "a keeper's memory changed at", i);
    if (pread(file, content, sizeof content, 0) != sizeof content ||
        memcmp(content, canary, sizeof content) != 0)
        fail(seed, "the keeper's file changed", 0);
}

static void one_victim(uint32_t seed, unsigned slot, const char *base, struct tally *tally)
{
    char directory[256];
    uid_t uid = seed % 3 == 2 ? 0 : FIRST_UID + slot;
    printf("seed %u\n", seed);
    fflush(stdout);
    snprintf(directory, sizeof directory, "%s/sysfuzz/a/b/c/slot%u", base, slot);
    if (mkdir(directory, 0777) < 0)
        fail(seed, "no directory: error", errno);
    /* Where files have no owners everybody may do all. */
    if (chown(directory, uid, uid) < 0 && chmod(directory, 0777) < 0)
        uid = 0;
    pid_t pid = fork();
    if (pid == 0)
        become_victim(seed, CALLS, directory, uid, tally, THREADS, false);
    if (pid < 0) {
        fail(seed, "no process: error", errno);
        usleep(100000);
        return;
    }
    await(pid);
    end_all(seed);
    remove_tree(AT_FDCWD, directory);
    if (access(directory, F_OK) == 0)
        fail(seed, "cannot be removed: directory of slot", slot);
}

static void keeper(unsigned slot, uint64_t deadline, char **bases, unsigned base_count)
{
    struct tally *tally = share(sizeof *tally);
    char path[64];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGALRM, SIG_IGN); /* until the victim has a handler */
    snprintf(path, sizeof path, "/tmp/canary%u", slot);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, canary, CANARY) != CANARY)
        fail(0, "no canary: error", errno);
    while (now_ms() < deadline) {
        uint32_t seed = __atomic_fetch_add(&shared->next_seed, 1, __ATOMIC_RELAXED);
        one_victim(seed, slot, bases[seed % base_count], tally);
        check_canaries(seed, file);
    }
    unlink(path);
    __atomic_add_fetch(&shared->tally.calls, tally->calls, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared->tally.succeeded, tally->succeeded, __ATOMIC_RELAXED);
    _exit(0);
}

/* Victims shall not come to directories of others by going up. */
static void make_base(const char *base, bool begin)
{
    static const char *const levels[] = {"", "/a", "/a/b", "/a/b/c"};
    char path[256];
    snprintf(path, sizeof path, "%s/sysfuzz", base);
    remove_tree(AT_FDCWD, path);
    for (unsigned i = 0; begin && i < sizeof levels / sizeof levels[0]; i++) {
        snprintf(path, sizeof path, "%s/sysfuzz%s", base, levels[i]);
        if (mkdir(path, 0755) < 0)
            fail(0, "no directory: error", errno);
    }
}

static int run(unsigned seconds, uint32_t seed, char **bases, unsigned base_count)
{
    uint64_t deadline = now_ms() + seconds * 1000ull;
    shared = share(sizeof *shared);
    shared->next_seed = seed;
    for (unsigned i = 0; i < CANARY; i++)
        canary[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < base_count; i++)
        make_base(bases[i], true);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if (fork() == 0)
            keeper(slot, deadline, bases, base_count);
    for (int status; wait(&status) > 0;)
        if (status != 0)
            fail(shared->next_seed, "a keeper ended with status", status);
    for (unsigned i = 0; i < base_count; i++)
        make_base(bases[i], false);
    remove_ipc();
    printf("%u calls, %u without an error; %u victims ended, %u died, %u were ended; %u failures; "
           "next seed %u\n",
           shared->tally.calls, shared->tally.succeeded, shared->ended, shared->died,
           shared->killed, shared->failures, shared->next_seed);
    return shared->failures != 0 || shared->tally.calls == 0;
}

int main(int argc, char **argv)
{
    static char *in_tmp[] = {"/tmp"};
    if (argc >= 5 && strcmp(argv[1], "one") == 0) {
        uint32_t seed = (uint32_t)strtoul(argv[2], NULL, 10);
        become_victim(seed, (uint32_t)atoi(argv[3]), argv[4], seed % 3 == 2 ? 0 : FIRST_UID,
                      share(4096), argc > 5 ? (unsigned)atoi(argv[5]) : 1, true);
    }
    if (argc < 2 || atoi(argv[1]) <= 0) {
        fprintf(stderr, "usage: sysfuzz SECONDS [FIRST-SEED [DIRECTORY...]]\n");
        return 2;
    }
    return run((unsigned)atoi(argv[1]), argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1,
               argc > 3 ? argv + 3 : in_tmp, argc > 3 ? (unsigned)argc - 3 : 1);
}
