/* SPDX-License-Identifier: MIT */
/* System calls about users, groups and capabilities. */
#include <ipc/initclient.h>
#include <linux/securebits.h>
#include <string.h>

#include "calls.h"
#include "server.h"
#include "task.h"

/* Capabilities that go with the user that file systems see. */
#define CAPABILITIES_FS                                                                  \
    (CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_MKNOD) | CAPABILITY(CAP_DAC_OVERRIDE) |      \
     CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_FSETID) | \
     CAPABILITY(CAP_LINUX_IMMUTABLE) | CAPABILITY(CAP_MAC_OVERRIDE))

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

/* ---- changing users ----------------------------------------------------------------------------- */

static bool has_root(const struct credentials *c)
{
    return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

/* What becomes of capabilities when `old` turned into *c by a setuid call. */
static void adjust_capabilities(struct credentials *c, const struct credentials *old)
{
    if (c->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (has_root(old) && !has_root(c)) {
        if (!(c->securebits & SECBIT_KEEP_CAPS))
            c->permitted = c->effective = 0;
        c->ambient = 0;
    }
    if (old->euid == 0 && c->euid != 0)
        c->effective = 0;
    if (old->euid != 0 && c->euid == 0)
        c->effective = c->permitted;
}

/* Takes over new ids; init keeps the effective user for its listings. */
static void commit(const struct credentials *new)
{
    struct process *process = self()->process;
    struct proc_record record = {.uid = new->euid};
    bool changed = new->euid != own()->euid || new->egid != own()->egid ||
                   new->fsuid != own()->fsuid || new->fsgid != own()->fsgid;
    bool told = new->euid == own()->euid;
    server_lock();
    process->credentials = *new;
    if (changed) {
        process->dumpable = false;
        process->death_signal = 0;
    }
    server_unlock();
    if (!told)
        ignore(init_proc_set(server.init, process->pid, PROC_UID, &record, NULL));
}

static void commit_uid(struct credentials *new)
{
    struct credentials old = *own();
    new->fsuid = new->euid;
    adjust_capabilities(new, &old);
    commit(new);
}

static void commit_gid(struct credentials *new)
{
    new->fsgid = new->egid;
    commit(new);
}

static bool keeps(int32_t id)
{
    return id == -1;
}

static bool is_one_of(int32_t id, uint32_t a, uint32_t b, uint32_t c)
{
    return keeps(id) || (uint32_t)id == a || (uint32_t)id == b || (uint32_t)id == c;
}

static uint32_t pick(int32_t id, uint32_t old)
{
    return keeps(id) ? old : (uint32_t)id;
}

int32_t sys_setresuid(int32_t ruid, int32_t euid, int32_t suid)
{
    struct credentials c = *own();
    if (!capable(CAP_SETUID) &&
        !(is_one_of(ruid, c.uid, c.euid, c.suid) && is_one_of(euid, c.uid, c.euid, c.suid) &&
          is_one_of(suid, c.uid, c.euid, c.suid)))
        return -EPERM;
    c.uid = pick(ruid, c.uid);
    c.euid = pick(euid, c.euid);
    c.suid = pick(suid, c.suid);
    commit_uid(&c);
    return 0;
}

int32_t sys_setresgid(int32_t rgid, int32_t egid, int32_t sgid)
{
    struct credentials c = *own();
    if (!capable(CAP_SETGID) &&
        !(is_one_of(rgid, c.gid, c.egid, c.sgid) && is_one_of(egid, c.gid, c.egid, c.sgid) &&
          is_one_of(sgid, c.gid, c.egid, c.sgid)))
        return -EPERM;
    c.gid = pick(rgid, c.gid);
    c.egid = pick(egid, c.egid);
    c.sgid = pick(sgid, c.sgid);
    commit_gid(&c);
    return 0;
}

int32_t sys_setuid(uint32_t uid)
{
    struct credentials c = *own();
    if (uid == UINT32_MAX)
        return -EINVAL;
    if (capable(CAP_SETUID))
        c.uid = c.suid = uid;
    else if (uid != c.uid && uid != c.suid)
        return -EPERM;
    c.euid = uid;
    commit_uid(&c);
    return 0;
}

int32_t sys_setgid(uint32_t gid)
{
    struct credentials c = *own();
    if (gid == UINT32_MAX)
        return -EINVAL;
    if (capable(CAP_SETGID))
        c.gid = c.sgid = gid;
    else if (gid != c.gid && gid != c.sgid)
        return -EPERM;
    c.egid = gid;
    commit_gid(&c);
    return 0;
}

int32_t sys_setreuid(int32_t ruid, int32_t euid)
{
    struct credentials c = *own(), old = c;
    if (!capable(CAP_SETUID) &&
        !(is_one_of(ruid, c.uid, c.euid, c.uid) && is_one_of(euid, c.uid, c.euid, c.suid)))
        return -EPERM;
    c.uid = pick(ruid, c.uid);
    c.euid = pick(euid, c.euid);
    if (!keeps(ruid) || (!keeps(euid) && c.euid != old.uid))
        c.suid = c.euid;
    commit_uid(&c);
    return 0;
}

int32_t sys_setregid(int32_t rgid, int32_t egid)
{
    struct credentials c = *own(), old = c;
    if (!capable(CAP_SETGID) &&
        !(is_one_of(rgid, c.gid, c.egid, c.gid) && is_one_of(egid, c.gid, c.egid, c.sgid)))
        return -EPERM;
    c.gid = pick(rgid, c.gid);
    c.egid = pick(egid, c.egid);
    if (!keeps(rgid) || (!keeps(egid) && c.egid != old.gid))
        c.sgid = c.egid;
    commit_gid(&c);
    return 0;
}

int32_t sys_setfsuid(uint32_t uid)
{
    struct credentials c = *own();
    uint32_t old = c.fsuid;
    if (uid == UINT32_MAX ||
        !(capable(CAP_SETUID) || uid == c.fsuid || is_one_of((int32_t)uid, c.uid, c.euid, c.suid)))
        return (int32_t)old;
    c.fsuid = uid;
    if (!(c.securebits & SECBIT_NO_SETUID_FIXUP)) {
        if (old == 0 && uid != 0)
            c.effective &= ~CAPABILITIES_FS;
        if (old != 0 && uid == 0)
            c.effective |= c.permitted & CAPABILITIES_FS;
    }
    commit(&c);
    return (int32_t)old;
}

int32_t sys_setfsgid(uint32_t gid)
{
    struct credentials c = *own();
    uint32_t old = c.fsgid;
    if (gid == UINT32_MAX ||
        !(capable(CAP_SETGID) || gid == c.fsgid || is_one_of((int32_t)gid, c.gid, c.egid, c.sgid)))
        return (int32_t)old;
    c.fsgid = gid;
    commit(&c);
    return (int32_t)old;
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

/* ---- supplementary groups -------------------------------------------------------------------------- */

static void groups_set(struct group_list *groups)
{
    struct credentials old;
    server_lock();
    old = *own();
    own()->groups = groups;
    server_unlock();
    credentials_release(&old);
}

static uint32_t group_count(void)
{
    return own()->groups ? own()->groups->count : 0;
}

int32_t sys_getgroups(int32_t size, user_t list)
{
    uint32_t count = group_count();
    if (size < 0 || (size != 0 && (uint32_t)size < count))
        return -EINVAL;
    if (size != 0 && count != 0 && copy_out(list, own()->groups->gids, count * 4) < 0)
        return -EFAULT;
    return (int32_t)count;
}

int32_t sys_setgroups(int32_t size, user_t list)
{
    if (!capable(CAP_SETGID))
        return -EPERM;
    if ((uint32_t)size > GROUPS_MAX)
        return -EINVAL;
    struct group_list *groups = groups_new((uint32_t)size);
    if (!groups)
        return -ENOMEM;
    if (size != 0 && copy_in(groups->gids, list, (uint32_t)size * 4) < 0) {
        release(groups);
        return -EFAULT;
    }
    groups_set(groups);
    return 0;
}

/* ---- the old calls, with 16-bit numbers -------------------------------------------------------------- */

static int32_t widen(uint32_t id)
{
    return (uint16_t)id == 0xffff ? -1 : (int32_t)(uint16_t)id;
}

static uint16_t narrow(uint32_t id)
{
    return id > 0xffff ? 65534 : (uint16_t)id;
}

int32_t sys_getuid16(void)
{
    return narrow(own()->uid);
}

int32_t sys_geteuid16(void)
{
    return narrow(own()->euid);
}

int32_t sys_getgid16(void)
{
    return narrow(own()->gid);
}

int32_t sys_getegid16(void)
{
    return narrow(own()->egid);
}

int32_t sys_setuid16(uint32_t uid)
{
    return sys_setuid((uint32_t)widen(uid));
}

int32_t sys_setgid16(uint32_t gid)
{
    return sys_setgid((uint32_t)widen(gid));
}

int32_t sys_setreuid16(uint32_t ruid, uint32_t euid)
{
    return sys_setreuid(widen(ruid), widen(euid));
}

int32_t sys_setregid16(uint32_t rgid, uint32_t egid)
{
    return sys_setregid(widen(rgid), widen(egid));
}

int32_t sys_setresuid16(uint32_t ruid, uint32_t euid, uint32_t suid)
{
    return sys_setresuid(widen(ruid), widen(euid), widen(suid));
}

int32_t sys_setresgid16(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
    return sys_setresgid(widen(rgid), widen(egid), widen(sgid));
}

int32_t sys_setfsuid16(uint32_t uid)
{
    return narrow((uint32_t)sys_setfsuid((uint32_t)widen(uid)));
}

int32_t sys_setfsgid16(uint32_t gid)
{
    return narrow((uint32_t)sys_setfsgid((uint32_t)widen(gid)));
}

static int put_three16(const uint32_t values[3], user_t a, user_t b, user_t c)
{
    const user_t places[3] = {a, b, c};
    for (uint32_t i = 0; i < 3; i++) {
        uint16_t value = narrow(values[i]);
        if (copy_out(places[i], &value, 2) < 0)
            return -EFAULT;
    }
    return 0;
}

int32_t sys_getresuid16(user_t ruid, user_t euid, user_t suid)
{
    const uint32_t values[3] = {own()->uid, own()->euid, own()->suid};
    return put_three16(values, ruid, euid, suid);
}

int32_t sys_getresgid16(user_t rgid, user_t egid, user_t sgid)
{
    const uint32_t values[3] = {own()->gid, own()->egid, own()->sgid};
    return put_three16(values, rgid, egid, sgid);
}

int32_t sys_getgroups16(int32_t size, user_t list)
{
    uint32_t count = group_count();
    if (size < 0 || (size != 0 && (uint32_t)size < count))
        return -EINVAL;
    for (uint32_t i = 0; size != 0 && i < count; i++) {
        uint16_t gid = narrow(own()->groups->gids[i]);
        if (copy_out(user_at(list, i * 2), &gid, 2) < 0)
            return -EFAULT;
    }
    return (int32_t)count;
}

int32_t sys_setgroups16(int32_t size, user_t list)
{
    if (!capable(CAP_SETGID))
        return -EPERM;
    if ((uint32_t)size > GROUPS_MAX)
        return -EINVAL;
    struct group_list *groups = groups_new((uint32_t)size);
    if (!groups)
        return -ENOMEM;
    for (uint32_t i = 0; i < (uint32_t)size; i++) {
        uint16_t gid;
        if (copy_in(&gid, user_at(list, i * 2), 2) < 0) {
            release(groups);
            return -EFAULT;
        }
        groups->gids[i] = (uint32_t)widen(gid);
    }
    groups_set(groups);
    return 0;
}

/* ---- capabilities -------------------------------------------------------------------------------------- */

struct capability_words {
    uint32_t effective, permitted, inheritable;
};

/* Words per set; the version that is right is put into the header if the one there is not. */
static int capability_version(user_t header, uint32_t *words)
{
    uint32_t version;
    if (get_user(&version, header) < 0)
        return -EFAULT;
    *words = version == _LINUX_CAPABILITY_VERSION_1 ? 1 : 2;
    if (version == _LINUX_CAPABILITY_VERSION_1 || version == _LINUX_CAPABILITY_VERSION_2 ||
        version == _LINUX_CAPABILITY_VERSION_3)
        return 0;
    return put_user(header, _LINUX_CAPABILITY_VERSION_3) < 0 ? -EFAULT : -EINVAL;
}

int32_t sys_capget(user_t header, user_t data)
{
    struct capability_words sets[2];
    uint32_t pid, words;
    int error = capability_version(header, &words);
    if (error < 0)
        return error == -EINVAL && !data.address ? 0 : error;
    if (get_user(&pid, user_at(header, 4)) < 0)
        return -EFAULT;
    if ((int32_t)pid < 0)
        return -EINVAL;
    server_lock();
    struct thread *thread = pid == 0 ? self() : thread_find(pid);
    const struct credentials *c = thread ? &thread->process->credentials : NULL;
    for (uint32_t i = 0; c && i < 2; i++)
        sets[i] = (struct capability_words){(uint32_t)(c->effective >> (32 * i)),
                                            (uint32_t)(c->permitted >> (32 * i)),
                                            (uint32_t)(c->inheritable >> (32 * i))};
    server_unlock();
    if (!c)
        return -ESRCH;
    return data.address ? copy_out(data, sets, words * sizeof sets[0]) : 0;
}

static uint64_t both(uint32_t low, uint32_t high)
{
    return (low | (uint64_t)high << 32) & CAPABILITY_ALL;
}

int32_t sys_capset(user_t header, user_t data)
{
    struct capability_words sets[2] = {{0, 0, 0}, {0, 0, 0}};
    struct credentials c = *own();
    uint32_t pid, words;
    int error = capability_version(header, &words);
    if (error < 0)
        return error;
    if (get_user(&pid, user_at(header, 4)) < 0)
        return -EFAULT;
    if (pid != 0 && pid != self()->tid)
        return -EPERM;
    if (copy_in(sets, data, words * sizeof sets[0]) < 0)
        return -EFAULT;
    uint64_t effective = both(sets[0].effective, sets[1].effective),
             permitted = both(sets[0].permitted, sets[1].permitted),
             inheritable = both(sets[0].inheritable, sets[1].inheritable);
    uint64_t may_inherit = c.inheritable | (capable(CAP_SETPCAP) ? CAPABILITY_ALL : c.permitted);
    if ((inheritable & ~may_inherit) || (inheritable & ~(c.inheritable | c.bounding)) ||
        (permitted & ~c.permitted) || (effective & ~permitted))
        return -EPERM;
    c.effective = effective;
    c.permitted = permitted;
    c.inheritable = inheritable;
    c.ambient &= permitted & inheritable;
    commit(&c);
    return 0;
}
