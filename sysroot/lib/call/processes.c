/* SPDX-License-Identifier: MIT */
/* Calls about processes, users, memory and scheduling that pass their arguments on. */
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pass.h"

/* clang-format off */
PASS(pid_t, getpid, getpid, (void))
PASS(pid_t, getppid, getppid, (void))
PASS(pid_t, gettid, gettid, (void))
PASS(pid_t, getpgrp, getpgrp, (void))
PASS(pid_t, getpgid, getpgid, (pid_t pid), pid)
PASS(int, setpgid, setpgid, (pid_t pid, pid_t group), pid, group)
PASS(pid_t, getsid, getsid, (pid_t pid), pid)
PASS(pid_t, setsid, setsid, (void))
PASS(uid_t, getuid, getuid32, (void))
PASS(uid_t, geteuid, geteuid32, (void))
PASS(gid_t, getgid, getgid32, (void))
PASS(gid_t, getegid, getegid32, (void))
PASS(int, getgroups, getgroups32, (int size, gid_t list[]), size, list)
PASS(int, getresuid, getresuid32, (uid_t *real, uid_t *effective, uid_t *saved), real, effective, saved)
PASS(int, getresgid, getresgid32, (gid_t *real, gid_t *effective, gid_t *saved), real, effective, saved)
PASS(int, setfsuid, setfsuid32, (uid_t user), user)
PASS(int, setfsgid, setfsgid32, (gid_t group), group)
PASS(int, execve, execve, (const char *path, char *const argv[], char *const envp[]), path, argv, envp)
PASS(int, execveat, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags), dir, path, argv, envp, flags)
PASS(int, uname, uname, (struct utsname *result), result)
PASS(int, sysinfo, sysinfo, (struct sysinfo *result), result)
PASS_CANCEL(ssize_t, getrandom, getrandom, (void *buffer, size_t size, unsigned flags), buffer, size, flags)
PASS(int, sethostname, sethostname, (const char *name, size_t length), name, length)
PASS(int, setdomainname, setdomainname, (const char *name, size_t length), name, length)
PASS(int, vhangup, vhangup, (void))

PASS(int, munmap, munmap, (void *address, size_t length), address, length)
PASS(int, mprotect, mprotect, (void *address, size_t length, int protection), address, length, protection)
PASS_CANCEL(int, msync, msync, (void *address, size_t length, int flags), address, length, flags)
PASS(int, mlock, mlock, (const void *address, size_t length), address, length)
PASS(int, munlock, munlock, (const void *address, size_t length), address, length)
PASS(int, mlockall, mlockall, (int flags), flags)
PASS(int, munlockall, munlockall, (void))
PASS(int, madvise, madvise, (void *address, size_t length, int advice), address, length, advice)
PASS(int, mincore, mincore, (void *address, size_t length, unsigned char *vector), address, length, vector)
PASS(int, memfd_create, memfd_create, (const char *name, unsigned flags), name, flags)

PASS(int, sched_yield, sched_yield, (void))
PASS(int, sched_get_priority_max, sched_get_priority_max, (int policy), policy)
PASS(int, sched_get_priority_min, sched_get_priority_min, (int policy), policy)
PASS(int, sched_getparam, sched_getparam, (pid_t pid, struct sched_param *parameter), pid, parameter)
PASS(int, sched_setparam, sched_setparam, (pid_t pid, const struct sched_param *parameter), pid, parameter)
PASS(int, sched_getscheduler, sched_getscheduler, (pid_t pid), pid)
PASS(int, sched_setscheduler, sched_setscheduler, (pid_t pid, int policy, const struct sched_param *parameter), pid, policy, parameter)
PASS(int, sched_rr_get_interval, sched_rr_get_interval_time64, (pid_t pid, struct timespec *interval), pid, interval)
PASS(int, sched_setaffinity, sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *set), pid, size, set)
PASS(int, setpriority, setpriority, (int which, id_t who, int priority), which, who, priority)
PASS(int, prlimit, prlimit64, (pid_t pid, int resource, const struct rlimit *new, struct rlimit *old), pid, resource, new, old)
PASS(int, getrlimit, prlimit64, (int resource, struct rlimit *limit), 0, resource, 0, limit)
PASS(int, setrlimit, prlimit64, (int resource, const struct rlimit *limit), 0, resource, limit, 0)
/* clang-format on */

int prctl(int option, ...)
{
    va_list list;
    va_start(list, option);
    unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long);
    unsigned long c = va_arg(list, unsigned long), d = va_arg(list, unsigned long);
    va_end(list);
    return (int)RESULT(CALL(prctl, option, a, b, c, d));
}

/* The call gives 20 less the priority, so that it is never negative. */
int getpriority(int which, id_t who)
{
    long raw = CALL(getpriority, which, who);
    return raw < 0 ? (int)RESULT(raw) : 20 - (int)raw;
}

/* What the call does not fill is no processor. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    long raw = CALL(sched_getaffinity, pid, size, set);
    if (raw < 0)
        return (int)RESULT(raw);
    __builtin_memset((char *)set + raw, 0, size - (size_t)raw);
    return 0;
}

int __sched_cpucount(const cpu_set_t *set)
{
    int count = 0;
    for (unsigned i = 0; i < sizeof *set / sizeof set->__bits[0]; i++)
        count += __builtin_popcountl(set->__bits[i]);
    return count;
}

int sched_getcpu(void)
{
    unsigned cpu;
    long raw = CALL(getcpu, &cpu, 0, 0);
    return raw < 0 ? (int)RESULT(raw) : (int)cpu;
}
