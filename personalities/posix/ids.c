/* SPDX-License-Identifier: MIT */
/* System calls about process numbers, groups and sessions. */
#include <ipc/initclient.h>
#include <string.h>

#include "calls.h"
#include "server.h"
#include "task.h"

int32_t sys_getpid(void)
{
    return (int32_t)self()->process->pid;
}

int32_t sys_gettid(void)
{
    return (int32_t)self()->tid;
}

int32_t sys_getppid(void)
{
    return (int32_t)self()->process->ppid;
}

int32_t sys_getpgrp(void)
{
    return (int32_t)self()->process->pgid;
}

/* ---- groups and sessions ----------------------------------------------------------------------- */

/* Group and session of any process; init is asked for those of other personalities. */
static int group_of(int32_t pid, uint32_t *pgid, uint32_t *sid)
{
    struct proc_record record;
    char name[64];
    if (pid < 0)
        return -ESRCH;
    server_lock();
    struct process *process = pid == 0 ? self()->process : process_find((uint32_t)pid);
    if (process) {
        *pgid = process->pgid;
        *sid = process->session->sid;
    }
    server_unlock();
    if (process)
        return 0;
    if (init_proc_info(server.init, (uint32_t)pid, false, &record, name, sizeof name) != OK)
        return -ESRCH;
    *pgid = record.pgid;
    *sid = record.sid;
    return 0;
}

int32_t sys_getpgid(int32_t pid)
{
    uint32_t pgid, sid;
    int result = group_of(pid, &pgid, &sid);
    return result < 0 ? result : (int32_t)pgid;
}

int32_t sys_getsid(int32_t pid)
{
    uint32_t pgid, sid;
    int result = group_of(pid, &pgid, &sid);
    return result < 0 ? result : (int32_t)sid;
}

static bool group_exists_in(uint32_t pgid, const struct session *session)
{
    process_each(process, bucket)
    {
        if (process->pgid == pgid && process->session == session)
            return true;
    }
    return false;
}

/* Whether the caller may move `target` into pgid. Lock held. */
static int check_setpgid(struct process *caller, struct process *target, uint32_t pgid)
{
    if (!target || (target != caller && target->parent != caller))
        return -ESRCH;
    if (target != caller && target->session != caller->session)
        return -EPERM;
    if (target != caller && target->executed)
        return -EACCES;
    if (target->session->sid == target->pid)
        return -EPERM;
    if (pgid != target->pid && !group_exists_in(pgid, target->session))
        return -EPERM;
    return 0;
}

int32_t sys_setpgid(int32_t pid, int32_t pgid)
{
    struct process *caller = self()->process;
    if (pid < 0 || pgid < 0)
        return -EINVAL;
    uint32_t of = pid ? (uint32_t)pid : caller->pid, to = pgid ? (uint32_t)pgid : of;
    server_lock();
    struct process *target = process_find(of);
    int result = check_setpgid(caller, target, to);
    bool change = result == 0 && target->pgid != to;
    if (change)
        target->pgid = to;
    server_unlock();
    if (change) {
        struct proc_record record = {.pgid = to};
        ignore(init_proc_set(server.init, of, PROC_PGID, &record, NULL));
    }
    return result;
}

int32_t sys_setsid(void)
{
    struct process *process = self()->process;
    server_lock();
    process_each(other, bucket)
    {
        if (other->pgid == process->pid) {
            server_unlock();
            return -EPERM;
        }
    }
    struct session *session = session_get(process->pid, true);
    if (!session) {
        server_unlock();
        return -ENOMEM;
    }
    session_release(process->session);
    process->session = session;
    process->pgid = process->pid;
    server_unlock();
    struct proc_record record = {.pgid = process->pid, .sid = process->pid};
    ignore(init_proc_set(server.init, process->pid, PROC_PGID | PROC_SID, &record, NULL));
    return (int32_t)process->pid;
}
