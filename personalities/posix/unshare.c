/* SPDX-License-Identifier: MIT */
/* unshare: what processes that were made by clone have in common is made their own. */
#include <string.h>

#include "calls.h"
#include "cred.h"
#include "file.h"
#include "missing.h"
#include "sysctl.h"
#include "task.h"

#define NAMESPACES                                                                                \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)
#define ONLY_ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)
#define KNOWN      (NAMESPACES | ONLY_ALONE | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)

int unshare_files(void)
{
    struct process *process = self()->process;
    int error = 0;
    server_lock();
    struct files *old = process->files, *copy = old;
    uint32_t last = old->capacity;
    while (last > 0 && !old->slots[last - 1].file)
        last--;
    if (old->references > 1 && last > sysctl.nr_open)
        error = -EMFILE;
    else if (old->references > 1 && !(copy = files_copy(old)))
        error = -ENOMEM;
    if (error == 0)
        process->files = copy;
    server_unlock();
    if (error == 0 && copy != old)
        files_release(old);
    return error;
}

static int unshare_directories(void)
{
    struct process *process = self()->process;
    server_lock();
    struct fs_context *old = process->fs;
    struct fs_context *copy = old->references > 1 ? fs_context_copy(old) : old;
    if (copy)
        process->fs = copy;
    if (copy && copy != old)
        fs_context_release(old);
    server_unlock();
    return copy ? 0 : -ENOMEM;
}

/* Adjustments of semaphores are not shared by processes here. */
int32_t sys_unshare(uint32_t flags)
{
    const struct process *process = self()->process;
    if (flags & ~(uint32_t)KNOWN)
        return -EINVAL;
    if ((flags & NAMESPACES) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & NAMESPACES)
        return missing_error(EINVAL, "unshare flags %x", flags);
    if ((flags & ONLY_ALONE) && (process->thread_count > 1 || process->mm->references > 1))
        return -EINVAL;
    int error = flags & CLONE_FS ? unshare_directories() : 0;
    return error == 0 && (flags & CLONE_FILES) ? unshare_files() : error;
}
