/* SPDX-License-Identifier: MIT */
/* What the system offers: sysconf, pathconf, confstr, and names of the machine. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <ulimit.h>
#include <unistd.h>

#include "system.h"

static long limit_of(int resource)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0 || limit.rlim_cur > LONG_MAX)
        return -1;
    return (long)limit.rlim_cur;
}

static long pages(bool available)
{
    struct sysinfo info;
    if (sysinfo(&info) < 0)
        return -1;
    unsigned long long bytes =
        available ? info.freeram + (unsigned long long)info.bufferram : info.totalram;
    return (long)(bytes * info.mem_unit / 4096);
}

int get_nprocs(void)
{
    unsigned long mask[32] = {0};
    long raw = CALL(sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (int i = 0; i < 32 && raw > 0; i++)
        count += __builtin_popcountl(mask[i]);
    return count ? count : 1;
}

int get_nprocs_conf(void)
{
    return get_nprocs();
}

long get_phys_pages(void)
{
    return pages(false);
}

long get_avphys_pages(void)
{
    return pages(true);
}

static long arguments_max(void)
{
    long stack = limit_of(RLIMIT_STACK);
    return stack < 0 || stack / 4 < ARG_MAX ? ARG_MAX : stack / 4;
}

/* Values that never change. What stands in neither list is not supported: -1. */
static const struct {
    short name;
    long value;
} fixed[] = {
    {_SC_CLK_TCK, 100},
    {_SC_NGROUPS_MAX, NGROUPS_MAX},
    {_SC_JOB_CONTROL, 1},
    {_SC_SAVED_IDS, 1},
    {_SC_VERSION, _POSIX_VERSION},
    {_SC_PAGESIZE, 4096},
    {_SC_MQ_PRIO_MAX, MQ_PRIO_MAX},
    {_SC_RTSIG_MAX, SIGRTMAX - SIGRTMIN + 1},
    {_SC_SEM_NSEMS_MAX, SEM_NSEMS_MAX},
    {_SC_SEM_VALUE_MAX, SEM_VALUE_MAX},
    {_SC_TZNAME_MAX, TZNAME_MAX},
    {_SC_ASYNCHRONOUS_IO, _POSIX_ASYNCHRONOUS_IO},
    {_SC_PRIORITIZED_IO, _POSIX_PRIORITIZED_IO},
    {_SC_FSYNC, _POSIX_FSYNC},
    {_SC_MAPPED_FILES, _POSIX_MAPPED_FILES},
    {_SC_MEMLOCK, _POSIX_MEMLOCK},
    {_SC_MEMLOCK_RANGE, _POSIX_MEMLOCK_RANGE},
    {_SC_MEMORY_PROTECTION, _POSIX_MEMORY_PROTECTION},
    {_SC_MESSAGE_PASSING, _POSIX_MESSAGE_PASSING},
    {_SC_REALTIME_SIGNALS, _POSIX_REALTIME_SIGNALS},
    {_SC_SEMAPHORES, _POSIX_SEMAPHORES},
    {_SC_SHARED_MEMORY_OBJECTS, _POSIX_SHARED_MEMORY_OBJECTS},
    {_SC_SYNCHRONIZED_IO, _POSIX_SYNCHRONIZED_IO},
    {_SC_PRIORITY_SCHEDULING, _POSIX_PRIORITY_SCHEDULING},
    {_SC_TIMERS, _POSIX_TIMERS},
    {_SC_AIO_LISTIO_MAX, AIO_LISTIO_MAX},
    {_SC_AIO_MAX, AIO_MAX},
    {_SC_AIO_PRIO_DELTA_MAX, AIO_PRIO_DELTA_MAX},
    {_SC_DELAYTIMER_MAX, DELAYTIMER_MAX},
    {_SC_TIMER_MAX, TIMER_MAX},
    {_SC_THREAD_KEYS_MAX, PTHREAD_KEYS_MAX},
    {_SC_THREAD_STACK_MIN, PTHREAD_STACK_MIN},
    {_SC_TTY_NAME_MAX, TTY_NAME_MAX},
    {_SC_THREADS, _POSIX_THREADS},
    {_SC_THREAD_ATTR_STACKADDR, _POSIX_THREAD_ATTR_STACKADDR},
    {_SC_THREAD_ATTR_STACKSIZE, _POSIX_THREAD_ATTR_STACKSIZE},
    {_SC_THREAD_PRIORITY_SCHEDULING, _POSIX_THREAD_PRIORITY_SCHEDULING},
    {_SC_THREAD_PROCESS_SHARED, _POSIX_THREAD_PROCESS_SHARED},
    {_SC_THREAD_SAFE_FUNCTIONS, _POSIX_THREAD_SAFE_FUNCTIONS},
    {_SC_GETGR_R_SIZE_MAX, 4096},
    {_SC_GETPW_R_SIZE_MAX, 4096},
    {_SC_LOGIN_NAME_MAX, LOGIN_NAME_MAX},
    {_SC_THREAD_DESTRUCTOR_ITERATIONS, PTHREAD_DESTRUCTOR_ITERATIONS},
    {_SC_ADVISORY_INFO, _POSIX_ADVISORY_INFO},
    {_SC_ATEXIT_MAX, ATEXIT_MAX},
    {_SC_BARRIERS, _POSIX_BARRIERS},
    {_SC_BC_BASE_MAX, BC_BASE_MAX},
    {_SC_BC_DIM_MAX, BC_DIM_MAX},
    {_SC_BC_SCALE_MAX, BC_SCALE_MAX},
    {_SC_BC_STRING_MAX, BC_STRING_MAX},
    {_SC_CLOCK_SELECTION, _POSIX_CLOCK_SELECTION},
    {_SC_COLL_WEIGHTS_MAX, COLL_WEIGHTS_MAX},
    {_SC_CPUTIME, _POSIX_CPUTIME},
    {_SC_EXPR_NEST_MAX, EXPR_NEST_MAX},
    {_SC_HOST_NAME_MAX, HOST_NAME_MAX},
    {_SC_IOV_MAX, IOV_MAX},
    {_SC_IPV6, _POSIX_IPV6},
    {_SC_LINE_MAX, LINE_MAX},
    {_SC_MONOTONIC_CLOCK, _POSIX_MONOTONIC_CLOCK},
    {_SC_READER_WRITER_LOCKS, _POSIX_READER_WRITER_LOCKS},
    {_SC_REGEXP, _POSIX_REGEXP},
    {_SC_RE_DUP_MAX, RE_DUP_MAX},
    {_SC_SHELL, _POSIX_SHELL},
    {_SC_SPAWN, _POSIX_SPAWN},
    {_SC_SPIN_LOCKS, _POSIX_SPIN_LOCKS},
    {_SC_SYMLOOP_MAX, SYMLOOP_MAX},
    {_SC_THREAD_CPUTIME, _POSIX_THREAD_CPUTIME},
    {_SC_TIMEOUTS, _POSIX_TIMEOUTS},
    {_SC_V6_ILP32_OFFBIG, 1},
    {_SC_V7_ILP32_OFFBIG, 1},
    {_SC_XOPEN_ENH_I18N, 1},
    {_SC_XOPEN_SHM, 1},
    {_SC_XOPEN_UNIX, 1},
    {_SC_XOPEN_VERSION, _XOPEN_VERSION},
    {_SC_2_C_BIND, _POSIX2_C_BIND},
    {_SC_2_VERSION, _POSIX2_VERSION},
    {_SC_STREAM_MAX, STREAM_MAX},
};

long sysconf(int name)
{
    switch (name) {
    case _SC_ARG_MAX:
        return arguments_max();
    case _SC_CHILD_MAX:
        return limit_of(RLIMIT_NPROC);
    case _SC_OPEN_MAX:
        return limit_of(RLIMIT_NOFILE);
    case _SC_SIGQUEUE_MAX:
        return limit_of(RLIMIT_SIGPENDING);
    case _SC_NPROCESSORS_CONF:
        return get_nprocs_conf();
    case _SC_NPROCESSORS_ONLN:
        return get_nprocs();
    case _SC_PHYS_PAGES:
        return get_phys_pages();
    case _SC_AVPHYS_PAGES:
        return get_avphys_pages();
    default:
        break;
    }
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i].name == name)
            return fixed[i].value;
    if (name < 0 || name > _SC_XOPEN_UUCP)
        errno = EINVAL;
    return -1;
}

static long path_value(int name, long block_size)
{
    switch (name) {
    case _PC_LINK_MAX:
        return LINK_MAX;
    case _PC_MAX_CANON:
        return MAX_CANON;
    case _PC_MAX_INPUT:
        return MAX_INPUT;
    case _PC_NAME_MAX:
        return NAME_MAX;
    case _PC_PATH_MAX:
        return PATH_MAX;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_CHOWN_RESTRICTED:
    case _PC_NO_TRUNC:
    case _PC_2_SYMLINKS:
        return 1;
    case _PC_VDISABLE:
        return _POSIX_VDISABLE;
    case _PC_FILESIZEBITS:
        return FILESIZEBITS;
    case _PC_ALLOC_SIZE_MIN:
    case _PC_REC_MIN_XFER_SIZE:
    case _PC_REC_XFER_ALIGN:
        return block_size;
    case _PC_ASYNC_IO:
    case _PC_SYNC_IO:
        return 1;
    case _PC_PRIO_IO:
    case _PC_REC_INCR_XFER_SIZE:
    case _PC_REC_MAX_XFER_SIZE:
    case _PC_SYMLINK_MAX:
        return -1;
    default:
        errno = EINVAL;
        return -1;
    }
}

long pathconf(const char *path, int name)
{
    struct stat status;
    return stat(path, &status) < 0 ? -1 : path_value(name, status.st_blksize);
}

long fpathconf(int fd, int name)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? -1 : path_value(name, status.st_blksize);
}

size_t confstr(int name, char *buffer, size_t size)
{
    const char *value = "";
    if (name == _CS_PATH) {
        value = "/bin:/usr/bin";
    } else if (name < 0 || name > 24) {
        errno = EINVAL;
        return 0;
    }
    if (buffer && size)
        snprintf(buffer, size, "%s", value);
    return strlen(value) + 1;
}

int getpagesize(void)
{
    return 4096;
}

int getdtablesize(void)
{
    return (int)sysconf(_SC_OPEN_MAX);
}

int gethostname(char *name, size_t size)
{
    struct utsname system;
    if (uname(&system) < 0)
        return -1;
    strncpy(name, system.nodename, size);
    if (strlen(system.nodename) < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int getdomainname(char *name, size_t size)
{
    struct utsname system;
    if (uname(&system) < 0)
        return -1;
    strncpy(name, system.domainname, size);
    return 0;
}

/* A number made of the machine's name. */
long gethostid(void)
{
    struct utsname system;
    unsigned long hash = 5381;
    if (uname(&system) < 0)
        return 0;
    for (const char *at = system.nodename; *at; at++)
        hash = hash * 33 + (unsigned char)*at;
    return (long)hash;
}

long ulimit(int command, ...)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        return -1;
    if (command == UL_SETFSIZE) {
        __builtin_va_list list;
        __builtin_va_start(list, command);
        limit.rlim_cur = (rlim_t) __builtin_va_arg(list, long) * 512;
        __builtin_va_end(list);
        if (limit.rlim_cur > limit.rlim_max)
            limit.rlim_max = limit.rlim_cur;
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            return -1;
    } else if (command != UL_GETFSIZE) {
        errno = EINVAL;
        return -1;
    }
    return limit.rlim_cur / 512 > LONG_MAX ? LONG_MAX : (long)(limit.rlim_cur / 512);
}

int getloadavg(double averages[], int count)
{
    struct sysinfo info;
    if (sysinfo(&info) < 0)
        return -1;
    if (count > 3)
        count = 3;
    for (int i = 0; i < count; i++)
        averages[i] = (double)info.loads[i] / 65536;
    return count;
}

int getentropy(void *buffer, size_t size)
{
    if (size > 256) {
        errno = EIO;
        return -1;
    }
    char *at = buffer;
    while (size > 0) {
        long raw = CALL(getrandom, at, size, 0);
        if (raw < 0 && raw != -EINTR)
            return (int)RESULT(raw);
        if (raw > 0) {
            at += raw;
            size -= (size_t)raw;
        }
    }
    return 0;
}

char *secure_getenv(const char *name)
{
    return issetugid() ? NULL : getenv(name);
}

int eaccess(const char *path, int mode)
{
    return faccessat(-100, path, mode, 0x200);
}

int euidaccess(const char *path, int mode)
{
    return eaccess(path, mode);
}

/* There is no DES here. */
char *crypt(const char *key, const char *salt)
{
    (void)key, (void)salt;
    errno = ENOSYS;
    return NULL;
}

void encrypt(char *block, int decode)
{
    (void)block, (void)decode;
    errno = ENOSYS;
}

void setkey(const char *key)
{
    (void)key;
    errno = ENOSYS;
}
