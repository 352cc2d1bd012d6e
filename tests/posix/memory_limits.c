/* SPDX-License-Identifier: MIT */
/* Limits on memory and processes; mlock; what is resident. */
#include "show.h"

#include <sys/resource.h>

#define MIB (1u << 20)

static void limit(int resource, rlim_t value)
{
    struct rlimit limits = {value, value};
    need(setrlimit((__rlimit_resource_t)resource, &limits));
}

static void *map(size_t size, int flags)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void in_child(const char *name, void (*run)(void))
{
    pid_t pid = need(fork());
    if (pid == 0) {
        run();
        _exit(0);
    }
    show_end(name, pid);
}

static void address_space(void)
{
    limit(RLIMIT_AS, 40 * MIB);
    show_ok((long)map(100 * MIB, 0));
    show_ok((long)map(MIB, 0));
    void *block = map(MIB, 0);
    show_ok((long)mremap(block, MIB, 90 * MIB, MREMAP_MAYMOVE));
}

static void data(void)
{
    limit(RLIMIT_DATA, 20 * MIB);
    show_ok((long)map(100 * MIB, 0));
    show_ok((long)mmap(NULL, 100 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    show_ok((long)mmap(NULL, 30 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    show_ok((long)sbrk(30 * MIB));
}

static int resident(char *block, int pages)
{
    unsigned char states[16];
    int count = 0;
    need(mincore(block, (size_t)pages * 4096, states));
    for (int i = 0; i < pages; i++)
        count += states[i] & 1;
    return count;
}

static void locked(void)
{
    char *block = map(16 * 4096, 0);
    show(resident(block, 8));
    block[4096] = 1;
    show(resident(block, 8));
    show(mlock(block, 8 * 4096));
    show(resident(block, 8));
    show(madvise(block, 4096, MADV_DONTNEED));
    show(msync(block, 4096, MS_INVALIDATE));
    show(munlock(block, 4096));
    show(madvise(block, 4096, MADV_DONTNEED));
    limit(RLIMIT_MEMLOCK, 10 * 4096);
    need(setuid(1000));
    show(mlock(block, 9 * 4096));
    show(mlock(block, 11 * 4096));
    show(mlock(block, 8 * 4096)); /* what is locked already is not counted twice */
    show_ok((long)map(3 * 4096, MAP_LOCKED));
    need(munmap(block, 16 * 4096));
    show_ok((long)map(3 * 4096, MAP_LOCKED));
    show(munlockall());
    show(mlockall(MCL_CURRENT));
    show(mlock((void *)0x10000, 4096));
    show(munlock((void *)0x10000, 4096));
    limit(RLIMIT_MEMLOCK, 0);
    show(mlockall(MCL_FUTURE));
    show(syscall(SYS_mlock2, block, 4096, 8));
}

static void processes(void)
{
    limit(RLIMIT_NPROC, 3);
    need(setuid(54321));
    pid_t first = need(fork());
    if (first == 0)
        pause();
    pid_t second = need(fork());
    if (second == 0)
        pause();
    show(fork());
    kill(second, SIGKILL);
    waitpid(second, NULL, 0);
    second = fork();
    if (second == 0)
        pause();
    show(second > 0);
    kill(first, SIGKILL);
    kill(second, SIGKILL);
    while (wait(NULL) > 0)
        ;
}

static void file_size(void)
{
    limit(RLIMIT_FSIZE, MIB);
    signal(SIGXFSZ, SIG_IGN);
    int fd = need(open("limited", O_RDWR | O_CREAT, 0600));
    show(ftruncate(fd, MIB + 1));
    show(ftruncate(fd, MIB));
    show(truncate("limited", 2 * MIB));
    signal(SIGXFSZ, SIG_DFL);
    ftruncate(fd, MIB + 1);
    say("not reached");
}

int main(void)
{
    in_child("address space", address_space);
    in_child("data", data);
    in_child("locked", locked);
    in_child("processes", processes);
    in_child("file size", file_size);
    return 0;
}
