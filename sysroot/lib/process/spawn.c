/* SPDX-License-Identifier: MIT */
/*
 * Starting another program: the child shares the parent's memory until it executes (vfork), with all
 * signals blocked so that no handler runs in it. What fails in the child is told by its errno in that
 * shared memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

struct __posix_spawnattr {
    short flags;
    pid_t group;
    struct sched_param parameter;
    int policy;
    sigset_t defaults, mask;
};

enum action { ACTION_CLOSE, ACTION_DUP, ACTION_OPEN, ACTION_CHDIR, ACTION_FCHDIR };

struct step {
    struct step *next;
    enum action action;
    int fd, other, flags;
    mode_t mode;
    char path[];
};

struct __posix_spawn_file_actions {
    struct step *first, **last;
};

/* ---- attributes ---- */

int posix_spawnattr_init(posix_spawnattr_t *attr)
{
    *attr = calloc(1, sizeof **attr);
    return *attr ? 0 : ENOMEM;
}

int posix_spawnattr_destroy(posix_spawnattr_t *attr)
{
    free(*attr);
    return 0;
}

#define PROPERTY(name, type, member)                                                            \
    int posix_spawnattr_get##name(const posix_spawnattr_t *restrict attr, type *restrict value) \
    {                                                                                           \
        *value = (*attr)->member;                                                               \
        return 0;                                                                               \
    }
#define SET_VALUE(name, type, member)                                  \
    int posix_spawnattr_set##name(posix_spawnattr_t *attr, type value) \
    {                                                                  \
        (*attr)->member = value;                                       \
        return 0;                                                      \
    }
#define SET_POINTED(name, type, member)                                                         \
    int posix_spawnattr_set##name(posix_spawnattr_t *restrict attr, const type *restrict value) \
    {                                                                                           \
        (*attr)->member = *value;                                                               \
        return 0;                                                                               \
    }

PROPERTY(flags, short, flags)
SET_VALUE(flags, short, flags)
PROPERTY(pgroup, pid_t, group)
SET_VALUE(pgroup, pid_t, group)
PROPERTY(schedpolicy, int, policy)
SET_VALUE(schedpolicy, int, policy)
PROPERTY(schedparam, struct sched_param, parameter)
SET_POINTED(schedparam, struct sched_param, parameter)
PROPERTY(sigdefault, sigset_t, defaults)
SET_POINTED(sigdefault, sigset_t, defaults)
PROPERTY(sigmask, sigset_t, mask)
SET_POINTED(sigmask, sigset_t, mask)

/* ---- file actions ---- */

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    *actions = calloc(1, sizeof **actions);
    if (!*actions)
        return ENOMEM;
    (*actions)->last = &(*actions)->first;
    return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    struct step *step = (*actions)->first;
    while (step) {
        struct step *next = step->next;
        free(step);
        step = next;
    }
    free(*actions);
    return 0;
}

static int append(posix_spawn_file_actions_t *actions, struct step like, const char *path)
{
    if (like.fd < 0 || like.other < 0)
        return EBADF;
    struct step *step = malloc(sizeof *step + strlen(path) + 1);
    if (!step)
        return ENOMEM;
    *step = like;
    strcpy(step->path, path);
    *(*actions)->last = step;
    (*actions)->last = &step->next;
    return 0;
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
    return append(actions, (struct step){.action = ACTION_CLOSE, .fd = fd}, "");
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int other)
{
    return append(actions, (struct step){.action = ACTION_DUP, .fd = fd, .other = other}, "");
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
                                     const char *restrict path, int flags, mode_t mode)
{
    return append(actions,
                  (struct step){.action = ACTION_OPEN, .fd = fd, .flags = flags, .mode = mode},
                  path);
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *restrict,
                                         const char *restrict);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *restrict actions,
                                         const char *restrict path)
{
    return append(actions, (struct step){.action = ACTION_CHDIR}, path);
}

int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *, int);
int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd)
{
    return append(actions, (struct step){.action = ACTION_FCHDIR, .fd = fd}, "");
}

/* ---- the child ---- */

static long open_at(const struct step *step)
{
    long fd = CALL(open, step->path, step->flags | O_LARGEFILE, step->mode);
    if (fd < 0 || fd == step->fd)
        return fd;
    long raw = CALL(dup2, fd, step->fd);
    CALL(close, fd);
    return raw;
}

/* A descriptor that is duplicated onto itself is to stay open in the new program. */
static long duplicate(const struct step *step)
{
    if (step->fd != step->other)
        return CALL(dup2, step->fd, step->other);
    long flags = CALL(fcntl64, step->fd, F_GETFD, 0);
    return flags < 0 ? flags : CALL(fcntl64, step->fd, F_SETFD, flags & ~FD_CLOEXEC);
}

static long do_step(const struct step *step)
{
    switch (step->action) {
    case ACTION_CLOSE:
        CALL(close, step->fd);
        return 0;
    case ACTION_DUP:
        return duplicate(step);
    case ACTION_OPEN:
        return open_at(step);
    case ACTION_CHDIR:
        return CALL(chdir, step->path);
    case ACTION_FCHDIR:
        return CALL(fchdir, step->fd);
    }
    return -EINVAL;
}

/* Handlers belong to the parent; ignored signals stay ignored unless they are to have their default. */
static void set_signals(const struct __posix_spawnattr *attr)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    extern int __atomik_sigaction(int, const struct sigaction *, struct sigaction *);
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction now;
        bool wanted = attr->flags & POSIX_SPAWN_SETSIGDEF && sigismember(&attr->defaults, signal);
        if (!wanted) {
            if (signal == SIGKILL || signal == SIGSTOP ||
                __atomik_sigaction(signal, NULL, &now) < 0 || now.sa_handler == SIG_DFL ||
                now.sa_handler == SIG_IGN)
                continue;
        }
        __atomik_sigaction(signal, &standard, NULL);
    }
}

static long set_attributes(const struct __posix_spawnattr *attr)
{
    long raw = 0;
    if (attr->flags & POSIX_SPAWN_SETPGROUP)
        raw = CALL(setpgid, 0, attr->group);
    if (raw == 0 && attr->flags & POSIX_SPAWN_SETSCHEDULER)
        raw = CALL(sched_setscheduler, 0, attr->policy, &attr->parameter);
    else if (raw == 0 && attr->flags & POSIX_SPAWN_SETSCHEDPARAM)
        raw = CALL(sched_setparam, 0, &attr->parameter);
    if (raw == 0 && attr->flags & POSIX_SPAWN_RESETIDS) {
        raw = CALL(setresgid32, -1, getgid(), -1);
        if (raw == 0)
            raw = CALL(setresuid32, -1, getuid(), -1);
    }
    return raw;
}

struct request {
    const char *path;
    const struct __posix_spawn_file_actions *actions;
    const struct __posix_spawnattr *attr;
    char *const *argv, *const *envp;
    int (*execute)(const char *, char *const[], char *const[]);
    sigset_t mask;
};

static int run_child(const struct request *request)
{
    set_signals(request->attr);
    long raw = set_attributes(request->attr);
    const struct step *step = request->actions ? request->actions->first : NULL;
    for (; step && raw >= 0; step = step->next)
        raw = do_step(step);
    if (raw < 0)
        return (int)-raw;
    bool own_mask = request->attr->flags & POSIX_SPAWN_SETSIGMASK;
    __atomik_restore_mask(own_mask ? &request->attr->mask : &request->mask);
    request->execute(request->path, request->argv, request->envp);
    return errno;
}

static int spawn(pid_t *result, struct request *request)
{
    static const struct __posix_spawnattr none;
    volatile int error = 0;
    if (!request->attr)
        request->attr = &none;
    __atomik_block_all(&request->mask);
    pid_t pid = vfork();
    if (pid == 0) {
        error = run_child(request);
        _exit(127);
    }
    if (pid < 0)
        error = errno;
    else if (error)
        CALL(wait4, pid, 0, 0, 0);
    __atomik_restore_mask(&request->mask);
    if (!error && result)
        *result = pid;
    return error;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path,
                const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
                char *const argv[], char *const envp[])
{
    struct request request = {
        path, actions ? *actions : NULL, attr ? *attr : NULL, argv, envp, execve, {{0, 0}}};
    return spawn(pid, &request);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
                 char *const argv[], char *const envp[])
{
    struct request request = {
        file, actions ? *actions : NULL, attr ? *attr : NULL, argv, envp, execvpe, {{0, 0}}};
    return spawn(pid, &request);
}
