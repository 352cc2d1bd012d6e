/* SPDX-License-Identifier: MIT */
/*
 * The Unix trap ABI of Atomik, which is the Linux i386 one (int 0x80, arguments in ebx ecx edx esi
 * edi ebp), and what newlib's own numbering makes necessary: errors, open flags and signals have
 * other values there.
 */
#ifndef SYSROOT_LINUX_CALL_H
#define SYSROOT_LINUX_CALL_H

enum linux_number {
    LINUX_exit_group = 252,
    LINUX_fork = 2,
    LINUX_read = 3,
    LINUX_write = 4,
    LINUX_open = 5,
    LINUX_close = 6,
    LINUX_link = 9,
    LINUX_unlink = 10,
    LINUX_execve = 11,
    LINUX_getpid = 20,
    LINUX_kill = 37,
    LINUX_rename = 38,
    LINUX_mkdir = 39,
    LINUX_rmdir = 40,
    LINUX_times = 43,
    LINUX_brk = 45,
    LINUX_ioctl = 54,
    LINUX_gettimeofday = 78,
    LINUX_wait4 = 114,
    LINUX_llseek = 140,
    LINUX_getcwd = 183,
    LINUX_chdir = 12,
    LINUX_dup2 = 63,
    LINUX_pipe = 42,
    LINUX_nanosleep = 162,
    LINUX_stat64 = 195,
    LINUX_lstat64 = 196,
    LINUX_fstat64 = 197,
};

/* The raw result: negative errno of Linux on failure. */
static inline long linux_call(long number, long a, long b, long c, long d, long e)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

/* Sets newlib's errno from a raw result and gives what a C function returns: -1 or the value. */
long atomik_result(long raw);

#endif
