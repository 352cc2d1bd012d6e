/* SPDX-License-Identifier: MIT */
/* kcmp(2): whether two processes share something. */
#include <linux/kcmp.h>

#include "calls.h"
#include "file.h"
#include "task.h"
#include "trace.h"

static int32_t compare(const void *a, const void *b)
{
    return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? 1 : 2;
}

static int32_t compare_files(struct process *a, struct process *b, uint32_t fd_a, uint32_t fd_b)
{
    struct file *one = fd_peek(a, fd_a), *other = fd_peek(b, fd_b);
    int32_t result = one && other ? compare(one, other) : -EBADF;
    server_unlock();
    if (one)
        file_release(one);
    if (other)
        file_release(other);
    server_lock();
    return result;
}

static int32_t compare_parts(struct process *a, struct process *b, uint32_t type, uint32_t fd_a,
                             uint32_t fd_b)
{
    switch (type) {
    case KCMP_FILE:
        return compare_files(a, b, fd_a, fd_b);
    case KCMP_VM:
        return compare(a->mm, b->mm);
    case KCMP_FILES:
        return compare(a->files, b->files);
    case KCMP_FS:
        return compare(a->fs, b->fs);
    case KCMP_SIGHAND:
        return compare(a->sighand, b->sighand);
    case KCMP_IO:
    case KCMP_SYSVSEM:
        return a == b ? 0 : compare(a, b);
    }
    return -EINVAL;
}

int32_t sys_kcmp(int32_t pid_a, int32_t pid_b, uint32_t type, uint32_t fd_a, uint32_t fd_b)
{
    int32_t result = -ESRCH;
    server_lock();
    struct thread *a = thread_find((uint32_t)pid_a), *b = thread_find((uint32_t)pid_b);
    if (a && b)
        result = trace_allowed(a->process) && trace_allowed(b->process)
                     ? compare_parts(a->process, b->process, type, fd_a, fd_b)
                     : -EPERM;
    server_unlock();
    return result;
}
