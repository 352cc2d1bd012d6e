/* SPDX-License-Identifier: MIT */
/* prctl(2): options of a process that have no call of their own. */
#include <ipc/initclient.h>
#include <linux/securebits.h>
#include <string.h>

#include "calls.h"
#include "missing.h"
#include "seccomp.h"
#include "server.h"
#include "snapshot/self.h"
#include "task.h"

#define SECUREBITS_KNOWN (SECURE_ALL_BITS | SECURE_ALL_LOCKS)
#define TIMER_SLACK      50000u /* ns; what Linux begins with */

static int32_t set_name(user_t from)
{
    struct process *process = self()->process;
    char name[COMM_LENGTH] = {0};
    int length = copy_in_string(name, from, sizeof name);
    if (length == -EFAULT)
        return length;
    name[COMM_LENGTH - 1] = '\0';
    server_lock();
    memcpy(process->comm, name, sizeof name);
    server_unlock();
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, NULL, name));
    return 0;
}

/* ---- privileges ------------------------------------------------------------------------------------ */

static int32_t set_securebits(struct credentials *c, uint32_t bits)
{
    uint32_t locked = c->securebits & SECURE_ALL_LOCKS;
    bool touches_locked = (c->securebits ^ bits) & (locked >> 1);
    if ((bits & ~(uint32_t)SECUREBITS_KNOWN) || touches_locked || (locked & ~bits) ||
        !capable(CAP_SETPCAP))
        return -EPERM;
    c->securebits = bits;
    return 0;
}

static int32_t keep_capabilities(struct credentials *c, uint32_t keep)
{
    if (keep > 1)
        return -EINVAL;
    if (c->securebits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    c->securebits = (c->securebits & ~(uint32_t)SECBIT_KEEP_CAPS) | (keep ? SECBIT_KEEP_CAPS : 0);
    return 0;
}

static int32_t bounding(struct credentials *c, uint32_t capability, bool drop)
{
    if (capability > LAST_CAPABILITY)
        return -EINVAL;
    if (!drop)
        return c->bounding >> capability & 1;
    if (!capable(CAP_SETPCAP))
        return -EPERM;
    c->bounding &= ~CAPABILITY(capability);
    return 0;
}

static int32_t ambient(struct credentials *c, uint32_t action, uint32_t capability, uint32_t rest)
{
    if (rest ||
        (action == PR_CAP_AMBIENT_CLEAR_ALL ? capability != 0 : capability > LAST_CAPABILITY))
        return -EINVAL;
    uint64_t bit = CAPABILITY(capability);
    switch (action) {
    case PR_CAP_AMBIENT_CLEAR_ALL:
        c->ambient = 0;
        return 0;
    case PR_CAP_AMBIENT_IS_SET:
        return (c->ambient & bit) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->permitted & c->inheritable & bit) || (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
        c->ambient |= bit;
        return 0;
    case PR_CAP_AMBIENT_LOWER:
        c->ambient &= ~bit;
        return 0;
    }
    return -EINVAL;
}

static int32_t on_privileges(uint32_t option, uint32_t arg2, uint32_t arg3, uint32_t arg4,
                             uint32_t arg5)
{
    struct process *process = self()->process;
    struct credentials *c = &process->credentials;
    switch (option) {
    case PR_GET_SECUREBITS:
        return (int32_t)c->securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(c, arg2);
    case PR_GET_KEEPCAPS:
        return (c->securebits & SECBIT_KEEP_CAPS) != 0;
    case PR_SET_KEEPCAPS:
        return keep_capabilities(c, arg2);
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
        return bounding(c, arg2, option == PR_CAPBSET_DROP);
    case PR_CAP_AMBIENT:
        return ambient(c, arg2, arg3, arg4 | arg5);
    case PR_SET_NO_NEW_PRIVS:
        if (arg2 != 1 || arg3 || arg4 || arg5)
            return -EINVAL;
        process->no_new_privileges = true;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : process->no_new_privileges;
    case PR_GET_SECCOMP:
        return (int32_t)self()->seccomp_mode;
    }
    return missing_error(EINVAL, "prctl option %u", option);
}

/* ---- the rest -------------------------------------------------------------------------------------------- */

static int32_t set_death_signal(struct process *process, uint32_t signal)
{
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    process->death_signal = signal;
    return 0;
}

static int32_t timer_slack(uint32_t option, uint32_t value)
{
    struct process *process = self()->process;
    if (option == PR_SET_TIMERSLACK)
        process->timer_slack = value;
    else
        return (int32_t)(process->timer_slack     ? process->timer_slack
                         : process->parents_slack ? process->parents_slack
                                                  : TIMER_SLACK);
    return 0;
}

int32_t sys_prctl(uint32_t option, uint32_t arg2, uint32_t arg3, uint32_t arg4, uint32_t arg5)
{
    struct process *process = self()->process;
    switch (option) {
    case PR_SET_NAME:
        return set_name(USER(arg2));
    case PR_GET_NAME:
        return copy_out(USER(arg2), process->comm, COMM_LENGTH);
    case PR_GET_DUMPABLE:
        return process->dumpable;
    case PR_SET_DUMPABLE:
        if (arg2 > 1)
            return -EINVAL;
        process->dumpable = arg2;
        return 0;
    case PR_SET_PDEATHSIG:
        return set_death_signal(process, arg2);
    case PR_GET_PDEATHSIG:
        return put_user(USER(arg2), process->death_signal);
    case PR_SET_CHILD_SUBREAPER:
        process->subreaper = arg2 != 0;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return put_user(USER(arg2), process->subreaper);
    case PR_SET_TIMERSLACK:
    case PR_GET_TIMERSLACK:
        return timer_slack(option, arg2);
    case PR_GET_TSC:
        return put_user(USER(arg2), PR_TSC_ENABLE);
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return arg2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_GET_THP_DISABLE:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : 0;
    case PR_SET_SECCOMP:
        return seccomp_set_mode(arg2, USER(arg3));
    case PR_ATOMIK_SNAPSHOT:
        return snapshot_self(USER(arg2), arg3);
    }
    return on_privileges(option, arg2, arg3, arg4, arg5);
}
