/* SPDX-License-Identifier: MIT */
/* System calls about process numbers, groups, sessions and users. */
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
        return -EINVAL;
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
    struct process *process;
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
    struct process *other;
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

/* ---- users ------------------------------------------------------------------------------------- */

static struct credentials *own(void)
{
    return &self()->process->credentials;
}

int32_t sys_getuid(void)
{
    return (int32_t)own()->uid;
}

int32_t sys_geteuid(void)
{
    return (int32_t)own()->euid;
}

int32_t sys_getgid(void)
{
    return (int32_t)own()->gid;
}

int32_t sys_getegid(void)
{
    return (int32_t)own()->egid;
}

static bool privileged(void)
{
    return own()->euid == 0;
}

static void tell_init_uid(void)
{
    struct proc_record record = {.uid = own()->euid};
    ignore(init_proc_set(server.init, self()->process->pid, PROC_UID, &record, NULL));
}

/* One id may become any of the three a process has; -1 keeps it. */
static bool id_allowed(int32_t id, uint32_t real, uint32_t effective, uint32_t saved)
{
    uint32_t wanted = (uint32_t)id;
    return id == -1 || privileged() || wanted == real || wanted == effective || wanted == saved;
}

int32_t sys_setresuid(int32_t ruid, int32_t euid, int32_t suid)
{
    struct credentials *c = own();
    if (!id_allowed(ruid, c->uid, c->euid, c->suid) ||
        !id_allowed(euid, c->uid, c->euid, c->suid) || !id_allowed(suid, c->uid, c->euid, c->suid))
        return -EPERM;
    if (ruid != -1)
        c->uid = (uint32_t)ruid;
    if (euid != -1)
        c->euid = (uint32_t)euid;
    if (suid != -1)
        c->suid = (uint32_t)suid;
    c->fsuid = c->euid;
    tell_init_uid();
    return 0;
}

int32_t sys_setresgid(int32_t rgid, int32_t egid, int32_t sgid)
{
    struct credentials *c = own();
    if (!id_allowed(rgid, c->gid, c->egid, c->sgid) ||
        !id_allowed(egid, c->gid, c->egid, c->sgid) || !id_allowed(sgid, c->gid, c->egid, c->sgid))
        return -EPERM;
    if (rgid != -1)
        c->gid = (uint32_t)rgid;
    if (egid != -1)
        c->egid = (uint32_t)egid;
    if (sgid != -1)
        c->sgid = (uint32_t)sgid;
    c->fsgid = c->egid;
    return 0;
}

int32_t sys_setuid(uint32_t uid)
{
    int32_t id = (int32_t)uid;
    return privileged() ? sys_setresuid(id, id, id) : sys_setresuid(-1, id, -1);
}

int32_t sys_setgid(uint32_t gid)
{
    int32_t id = (int32_t)gid;
    return privileged() ? sys_setresgid(id, id, id) : sys_setresgid(-1, id, -1);
}

int32_t sys_setreuid(int32_t ruid, int32_t euid)
{
    bool save = ruid != -1 || (euid != -1 && (uint32_t)euid != own()->uid);
    int32_t result = sys_setresuid(ruid, euid, -1);
    if (result == 0 && save)
        own()->suid = own()->euid;
    return result;
}

int32_t sys_setregid(int32_t rgid, int32_t egid)
{
    bool save = rgid != -1 || (egid != -1 && (uint32_t)egid != own()->gid);
    int32_t result = sys_setresgid(rgid, egid, -1);
    if (result == 0 && save)
        own()->sgid = own()->egid;
    return result;
}

static int put_three(user_t a, uint32_t va, user_t b, uint32_t vb, user_t c, uint32_t vc)
{
    return put_user(a, va) < 0 || put_user(b, vb) < 0 || put_user(c, vc) < 0 ? -EFAULT : 0;
}

int32_t sys_getresuid(user_t ruid, user_t euid, user_t suid)
{
    return put_three(ruid, own()->uid, euid, own()->euid, suid, own()->suid);
}

int32_t sys_getresgid(user_t rgid, user_t egid, user_t sgid)
{
    return put_three(rgid, own()->gid, egid, own()->egid, sgid, own()->sgid);
}

int32_t sys_setfsuid(uint32_t uid)
{
    uint32_t old = own()->fsuid;
    if (id_allowed((int32_t)uid, own()->uid, own()->euid, own()->suid) && uid != UINT32_MAX)
        own()->fsuid = uid;
    return (int32_t)old;
}

int32_t sys_setfsgid(uint32_t gid)
{
    uint32_t old = own()->fsgid;
    if (id_allowed((int32_t)gid, own()->gid, own()->egid, own()->sgid) && gid != UINT32_MAX)
        own()->fsgid = gid;
    return (int32_t)old;
}

int32_t sys_getgroups(int32_t size, user_t list)
{
    struct credentials *c = own();
    if (size < 0 || (size != 0 && (uint32_t)size < c->group_count))
        return -EINVAL;
    if (size != 0 && copy_out(list, c->groups, c->group_count * 4) < 0)
        return -EFAULT;
    return (int32_t)c->group_count;
}

int32_t sys_setgroups(int32_t size, user_t list)
{
    uint32_t groups[ARRAY_COUNT(own()->groups)];
    if (!privileged())
        return -EPERM;
    if (size < 0 || (uint32_t)size > ARRAY_COUNT(groups))
        return -EINVAL;
    if (copy_in(groups, list, (uint32_t)size * 4) < 0)
        return -EFAULT;
    memcpy(own()->groups, groups, (uint32_t)size * 4);
    own()->group_count = (uint32_t)size;
    return 0;
}

#define CAPABILITY_VERSION_1 0x19980330
#define CAPABILITY_VERSION_3 0x20080522

int32_t sys_capget(user_t header, user_t data)
{
    uint32_t version, all = privileged() ? UINT32_MAX : 0;
    uint32_t words[6] = {all, all, 0, all & 0x1ff, all & 0x1ff, 0};
    if (get_user(&version, header) < 0)
        return -EFAULT;
    if (version != CAPABILITY_VERSION_1 && version != CAPABILITY_VERSION_3) {
        (void)put_user(header, CAPABILITY_VERSION_3);
        return data.address ? -EINVAL : 0;
    }
    if (!data.address)
        return 0;
    return copy_out(data, words, version == CAPABILITY_VERSION_1 ? 12 : 24);
}
