/* SPDX-License-Identifier: MIT */
/*
 * Changing users and groups, and the priority. The kernel interface does it for one thread; in a program
 * with more threads each of them would have to do it, which is not done: such a program is refused
 * rather than left with threads of two users.
 */
#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

static int refused(void)
{
    if (!__atomik_thread_count)
        return 0;
    errno = EAGAIN;
    return 1;
}

#define CHANGE(function, call, parameters, ...)                       \
    int function parameters                                           \
    {                                                                 \
        return refused() ? -1 : (int)RESULT(CALL(call, __VA_ARGS__)); \
    }

CHANGE(setuid, setuid32, (uid_t user), user)
CHANGE(setgid, setgid32, (gid_t group), group)
CHANGE(seteuid, setresuid32, (uid_t user), -1, user, -1)
CHANGE(setegid, setresgid32, (gid_t group), -1, group, -1)
CHANGE(setreuid, setreuid32, (uid_t real, uid_t effective), real, effective)
CHANGE(setregid, setregid32, (gid_t real, gid_t effective), real, effective)
CHANGE(setresuid, setresuid32, (uid_t real, uid_t effective, uid_t saved), real, effective, saved)
CHANGE(setresgid, setresgid32, (gid_t real, gid_t effective, gid_t saved), real, effective, saved)
CHANGE(setgroups, setgroups32, (int count, const gid_t *list), count, list)

int setpgrp(void)
{
    return setpgid(0, 0);
}

int nice(int increment)
{
    errno = 0;
    int before = getpriority(PRIO_PROCESS, 0);
    if (before == -1 && errno)
        return -1;
    int wanted = before + increment;
    if (wanted > 19)
        wanted = 19;
    if (wanted < -20)
        wanted = -20;
    if (setpriority(PRIO_PROCESS, 0, wanted) < 0) {
        if (errno == EACCES)
            errno = EPERM;
        return -1;
    }
    return getpriority(PRIO_PROCESS, 0);
}

int issetugid(void)
{
    return getuid() != geteuid() || getgid() != getegid();
}
