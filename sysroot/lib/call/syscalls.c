/* SPDX-License-Identifier: MIT */
/*
 * What newlib leaves to the system: files, memory, time, processes. Each function is the call of
 * the same name of the Unix trap ABI; structures and flags are translated where newlib's differ.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "linux_call.h"

extern char **environ; /* newlib defines it */

void _exit(int status)
{
    for (;;)
        linux_call(LINUX_exit_group, status, 0, 0, 0, 0);
}

/* ---- files --------------------------------------------------------------------------------------- */

static long linux_open_flags(int flags)
{
    static const struct {
        int flag;
        long linux_flag;
    } table[] = {{O_CREAT, 0100},   {O_EXCL, 0200},      {O_NOCTTY, 0400},   {O_TRUNC, 01000},
                 {O_APPEND, 02000}, {O_NONBLOCK, 04000}, {O_SYNC, 04010000}, {O_CLOEXEC, 02000000}};
    long result = (flags & O_ACCMODE) | 0100000; /* large files always */
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        if (flags & table[i].flag)
            result |= table[i].linux_flag;
    return result;
}

int open(const char *path, int flags, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, flags);
    int mode = flags & O_CREAT ? __builtin_va_arg(arguments, int) : 0;
    __builtin_va_end(arguments);
    return (int)atomik_result(
        linux_call(LINUX_open, (long)path, linux_open_flags(flags), mode, 0, 0));
}

int close(int fd)
{
    return (int)atomik_result(linux_call(LINUX_close, fd, 0, 0, 0, 0));
}

ssize_t read(int fd, void *buffer, size_t length)
{
    return atomik_result(linux_call(LINUX_read, fd, (long)buffer, (long)length, 0, 0));
}

ssize_t write(int fd, const void *buffer, size_t length)
{
    return atomik_result(linux_call(LINUX_write, fd, (long)buffer, (long)length, 0, 0));
}

off_t lseek(int fd, off_t offset, int whence)
{
    int64_t wide = offset, result;
    if (atomik_result(linux_call(LINUX_llseek, fd, (long)(wide >> 32), (long)wide, (long)&result,
                                 whence)) < 0)
        return -1;
    if (result != (off_t)result) {
        errno = EOVERFLOW;
        return -1;
    }
    return (off_t)result;
}

/* struct stat64 of Linux i386 (asm/stat.h). */
struct linux_stat64 {
    uint64_t dev;
    uint32_t pad0, ino32, mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t pad3;
    uint64_t size __attribute__((packed, aligned(4)));
    uint32_t block_size;
    uint64_t blocks __attribute__((packed, aligned(4)));
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint64_t ino __attribute__((packed, aligned(4)));
};
_Static_assert(sizeof(struct linux_stat64) == 96, "struct stat64 of Linux i386");

static int finish_stat(long raw, const struct linux_stat64 *from, struct stat *to)
{
    if (atomik_result(raw) < 0)
        return -1;
    memset(to, 0, sizeof *to);
    to->st_dev = (dev_t)from->dev;
    to->st_ino = (ino_t)from->ino;
    to->st_mode = from->mode;
    to->st_nlink = (nlink_t)from->nlink;
    to->st_uid = (uid_t)from->uid;
    to->st_gid = (gid_t)from->gid;
    to->st_rdev = (dev_t)from->rdev;
    to->st_size = (off_t)from->size;
    to->st_blksize = (blksize_t)from->block_size;
    to->st_blocks = (blkcnt_t)from->blocks;
    to->st_atime = from->atime;
    to->st_mtime = from->mtime;
    to->st_ctime = from->ctime;
    return 0;
}

int fstat(int fd, struct stat *result)
{
    struct linux_stat64 stat64;
    return finish_stat(linux_call(LINUX_fstat64, fd, (long)&stat64, 0, 0, 0), &stat64, result);
}

int stat(const char *path, struct stat *result)
{
    struct linux_stat64 stat64;
    return finish_stat(linux_call(LINUX_stat64, (long)path, (long)&stat64, 0, 0, 0), &stat64,
                       result);
}

int lstat(const char *path, struct stat *result)
{
    struct linux_stat64 stat64;
    return finish_stat(linux_call(LINUX_lstat64, (long)path, (long)&stat64, 0, 0, 0), &stat64,
                       result);
}

int isatty(int fd)
{
    enum { TCGETS = 0x5401 };
    char attributes[64];
    if (atomik_result(linux_call(LINUX_ioctl, fd, TCGETS, (long)attributes, 0, 0)) < 0)
        return 0;
    return 1;
}

int link(const char *old, const char *new)
{
    return (int)atomik_result(linux_call(LINUX_link, (long)old, (long)new, 0, 0, 0));
}

int unlink(const char *path)
{
    return (int)atomik_result(linux_call(LINUX_unlink, (long)path, 0, 0, 0, 0));
}

int mkdir(const char *path, mode_t mode)
{
    return (int)atomik_result(linux_call(LINUX_mkdir, (long)path, (long)mode, 0, 0, 0));
}

int rmdir(const char *path)
{
    return (int)atomik_result(linux_call(LINUX_rmdir, (long)path, 0, 0, 0, 0));
}

int chdir(const char *path)
{
    return (int)atomik_result(linux_call(LINUX_chdir, (long)path, 0, 0, 0, 0));
}

char *getcwd(char *buffer, size_t size)
{
    return atomik_result(linux_call(LINUX_getcwd, (long)buffer, (long)size, 0, 0, 0)) < 0 ? NULL
                                                                                          : buffer;
}

int dup2(int from, int to)
{
    return (int)atomik_result(linux_call(LINUX_dup2, from, to, 0, 0, 0));
}

int pipe(int ends[2])
{
    return (int)atomik_result(linux_call(LINUX_pipe, (long)ends, 0, 0, 0, 0));
}

/* ---- memory, time, processes -------------------------------------------------------------------------- */

void *sbrk(ptrdiff_t increment)
{
    static uintptr_t end;
    if (end == 0)
        end = (uintptr_t)linux_call(LINUX_brk, 0, 0, 0, 0, 0);
    uintptr_t before = end, wanted = before + (uintptr_t)increment;
    if ((uintptr_t)linux_call(LINUX_brk, (long)wanted, 0, 0, 0, 0) != wanted) {
        errno = ENOMEM;
        return (void *)-1;
    }
    end = wanted;
    return (void *)before;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    int32_t value[2];
    (void)zone;
    if (atomik_result(linux_call(LINUX_gettimeofday, (long)value, 0, 0, 0, 0)) < 0)
        return -1;
    time->tv_sec = value[0];
    time->tv_usec = value[1];
    return 0;
}

clock_t times(struct tms *result)
{
    int32_t value[4];
    long ticks = linux_call(LINUX_times, (long)value, 0, 0, 0, 0);
    *result = (struct tms){.tms_utime = (clock_t)value[0],
                           .tms_stime = (clock_t)value[1],
                           .tms_cutime = (clock_t)value[2],
                           .tms_cstime = (clock_t)value[3]};
    return (clock_t)ticks;
}

pid_t getpid(void)
{
    return (pid_t)linux_call(LINUX_getpid, 0, 0, 0, 0, 0);
}

pid_t fork(void)
{
    return (pid_t)atomik_result(linux_call(LINUX_fork, 0, 0, 0, 0, 0));
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    return (int)atomik_result(linux_call(LINUX_execve, (long)path, (long)argv, (long)envp, 0, 0));
}

pid_t wait(int *status)
{
    return (pid_t)atomik_result(linux_call(LINUX_wait4, -1, (long)status, 0, 0, 0));
}

/* newlib numbers the signals above SIGTERM as BSD does. */
static long linux_signal(int signal)
{
    static const unsigned char above[][2] = {{SIGURG, 23},  {SIGSTOP, 19}, {SIGTSTP, 20},
                                             {SIGCONT, 18}, {SIGCHLD, 17}, {SIGBUS, 7},
                                             {SIGSYS, 31},  {SIGUSR1, 10}, {SIGUSR2, 12}};
    for (unsigned i = 0; i < sizeof above / sizeof above[0]; i++)
        if (above[i][0] == signal)
            return above[i][1];
    return signal;
}

int kill(pid_t pid, int signal)
{
    return (int)atomik_result(linux_call(LINUX_kill, pid, linux_signal(signal), 0, 0, 0));
}
