/* SPDX-License-Identifier: MIT */
/*
 * Process descriptors. A pidfd names a process of this server for good: once that has ended and been
 * waited for, it names nobody, whatever becomes of the number.
 */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "internal.h"
#include "pidfd.h"
#include "ready.h"
#include "snapshot/kinds.h"
#include "task.h"
#include "trace.h"

#define PIDFD_NONBLOCK ((uint32_t)O_NONBLOCK)

struct pidfd {
    struct list link;        /* all of them */
    struct process *process; /* NULL: gone */
    uint32_t pid;
    bool ended;
    struct ready ready;
};

static struct list pidfds = LIST_INIT(pidfds);
static const struct file_ops pidfd_ops;

void pidfd_process_ended(struct process *process)
{
    list_each(own, &pidfds, struct pidfd, link)
    {
        if (own->process != process)
            continue;
        own->ended = true;
        ready_show(&own->ready, READ_READY, READ_READY);
    }
}

void pidfd_process_gone(struct process *process)
{
    list_each(own, &pidfds, struct pidfd, link)
    {
        if (own->process == process)
            own->process = NULL;
    }
}

/* ---- the file -------------------------------------------------------------------------------------- */

static void pidfd_poll(struct file *file, struct poll_source *source)
{
    struct pidfd *own = file->data;
    server_lock();
    ready_source(&own->ready, own->ended ? READ_READY : 0, source);
    server_unlock();
}

static void pidfd_close(struct file *file)
{
    struct pidfd *own = file->data;
    if (!own)
        return;
    server_lock();
    list_remove(&own->link);
    ready_end(&own->ready);
    server_unlock();
    release(own);
}

static void pidfd_save(struct file *file, struct snapshot *snapshot)
{
    const struct pidfd *own = file->data;
    server_lock();
    snap_put_u32(snapshot, SNAP_OBJECT_PID, own->process ? own->pid : 0);
    server_unlock();
}

static const struct file_ops pidfd_ops = {.name = "pidfd",
                                          .stat = file_stat_anonymous,
                                          .poll = pidfd_poll,
                                          .save = pidfd_save,
                                          .close = pidfd_close};

/* Of a process that is gone, until pidfd_bind. Without the lock. */
static int make_empty(uint32_t flags, struct file **result)
{
    struct file *file = file_new(&pidfd_ops, O_RDWR | (flags & PIDFD_NONBLOCK));
    struct pidfd *own = file ? allocate(sizeof *own) : NULL;
    if (!own) {
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    list_init(&own->link);
    file->data = own;
    file->path = text_copy("anon_inode:[pidfd]");
    own->ended = true;
    *result = file;
    return 0;
}

/* Lock held. */
static bool bind_to(struct pidfd *own, uint32_t pid)
{
    struct process *process = process_find(pid);
    own->pid = pid;
    if (!process || process->state == PROCESS_REMOTE)
        return false;
    own->process = process;
    own->ended = process->state == PROCESS_ZOMBIE;
    list_append(&pidfds, &own->link);
    return true;
}

/* Takes no reference to the process. Without the lock. */
static int make(uint32_t pid, uint32_t flags, struct file **result)
{
    int error = make_empty(flags, result);
    if (error < 0)
        return error;
    server_lock();
    bool found = bind_to((*result)->data, pid);
    server_unlock();
    if (found)
        return 0;
    file_release(*result);
    return -ESRCH;
}

int pidfd_restore(const struct snap_note *note, struct file **result)
{
    (void)note;
    return make_empty(0, result);
}

bool pidfd_bind(struct file *file, uint32_t pid)
{
    struct pidfd *own = file->data;
    if (file->ops != &pidfd_ops || own->process)
        return false;
    bool found = bind_to(own, pid);
    ready_show(&own->ready, own->ended ? READ_READY : 0, 0);
    return found;
}

int pidfd_for(uint32_t pid)
{
    struct file *file;
    int error = make(pid, 0, &file);
    return error < 0 ? error : fd_install(file, 0, true);
}

int pidfd_pid(uint32_t fd, uint32_t *pid, bool *nonblocking)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    const struct pidfd *own = file->data;
    int result = file->ops == &pidfd_ops ? 0 : -EBADF;
    if (result == 0) {
        *pid = own->pid;
        *nonblocking = file->flags & O_NONBLOCK;
        if (!own->process)
            result = -ECHILD;
    }
    file_release(file);
    return result;
}

/* ---- calls ----------------------------------------------------------------------------------------- */

int32_t sys_pidfd_open(int32_t pid, uint32_t flags)
{
    struct file *file;
    if ((flags & ~PIDFD_NONBLOCK) || pid <= 0)
        return -EINVAL;
    server_lock();
    struct thread *thread = thread_find((uint32_t)pid);
    bool not_leader = thread && thread->process->pid != (uint32_t)pid;
    server_unlock();
    if (not_leader)
        return -EINVAL;
    int error = make((uint32_t)pid, flags, &file);
    return error < 0 ? error : fd_install(file, 0, true);
}

/* The pidfd of a descriptor, with a reference to its file. */
static struct file *pidfd_get(uint32_t fd, struct pidfd **own)
{
    struct file *file = fd_get(fd);
    if (file && file->ops == &pidfd_ops) {
        *own = file->data;
        return file;
    }
    if (file)
        file_release(file);
    return NULL;
}

static int send(struct process *process, const siginfo_t *info)
{
    if (!process || process->state != PROCESS_ALIVE)
        return process && info->si_signo == 0 ? 0 : -ESRCH;
    if (!may_signal(process))
        return -EPERM;
    if (info->si_signo != 0)
        signal_process(process, info);
    return 0;
}

/* The process whose directory of /proc this is; 0: it is none. */
static uint32_t pid_of_directory(const struct file *file)
{
    char *end;
    if (!S_ISDIR(file->attr.mode) || file->attr.device != INTERNAL_DEVICE || !file->path ||
        strncmp(file->path, "/proc/", 6) != 0)
        return 0;
    uint32_t pid = strtoul(file->path + 6, &end, 10);
    return *end ? 0 : pid;
}

/* By a pidfd or a directory of /proc, which may be that of another personality's process. */
static int send_by_descriptor(const struct file *file, const siginfo_t *info, bool forged)
{
    uint32_t pid = file->ops == &pidfd_ops ? 0 : pid_of_directory(file);
    server_lock();
    struct process *process = pid ? process_find(pid) : ((struct pidfd *)file->data)->process;
    int result = forged && process != self()->process ? -EPERM : 0;
    bool foreign = pid && !process;
    if (result == 0 && !foreign)
        result = send(process, info);
    server_unlock();
    return result == 0 && foreign ? sys_kill((int32_t)pid, (uint32_t)info->si_signo) : result;
}

int32_t sys_pidfd_send_signal(uint32_t fd, uint32_t signal, user_t info_at, uint32_t flags)
{
    siginfo_t info = signal_info_user(signal, SI_USER, self()->process);
    bool forged = false;
    if (flags)
        return -EINVAL;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int result = file->ops == &pidfd_ops || pid_of_directory(file) ? 0 : -EBADF;
    if (result == 0 && info_at.address) {
        result = copy_in(&info, info_at, sizeof info);
        if (result == 0 && (uint32_t)info.si_signo != signal)
            result = -EINVAL;
        forged = info.si_code >= 0 || info.si_code == SI_TKILL;
    }
    if (result == 0 && signal > SIGNAL_COUNT)
        result = -EINVAL;
    if (result == 0)
        result = send_by_descriptor(file, &info, forged);
    file_release(file);
    return result;
}

int32_t sys_pidfd_getfd(uint32_t fd, uint32_t target, uint32_t flags)
{
    struct file *found = NULL;
    struct pidfd *own;
    int result = 0;
    if (flags)
        return -EINVAL;
    struct file *file = pidfd_get(fd, &own);
    if (!file)
        return -EBADF;
    server_lock();
    if (!own->process || own->process->state != PROCESS_ALIVE)
        result = -ESRCH;
    else if (!trace_allowed(own->process))
        result = -EPERM;
    else if (!(found = fd_peek(own->process, target)))
        result = -EBADF;
    server_unlock();
    file_release(file);
    return result < 0 ? result : fd_install(found, 0, true);
}
