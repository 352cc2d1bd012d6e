/* SPDX-License-Identifier: MIT */
/* Commands of the shell: system, and popen with its streams. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

static int start(pid_t *pid, const char *command, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attr)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    return posix_spawn(pid, "/bin/sh", actions, attr, (char *const *)argv, environ);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static void kill_and_wait(void *pid)
{
    kill(*(pid_t *)pid, SIGKILL);
    wait_for(*(pid_t *)pid);
}

static int run(const char *command, const sigset_t *mask)
{
    posix_spawnattr_t attr;
    sigset_t defaults = {{1UL << (SIGINT - 1) | 1UL << (SIGQUIT - 1), 0}};
    pid_t pid;
    int status = -1, error = posix_spawnattr_init(&attr);
    if (error)
        return -1;
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setsigmask(&attr, mask);
    error = start(&pid, command, NULL, &attr);
    posix_spawnattr_destroy(&attr);
    if (error) {
        status = 127 << 8;
    } else {
        pthread_cleanup_push(kill_and_wait, &pid);
        status = wait_for(pid);
        pthread_cleanup_pop(0);
    }
    return status;
}

int system(const char *command)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigset_t child = {{1UL << (SIGCHLD - 1), 0}}, mask;
    if (!command)
        return access("/bin/sh", X_OK) == 0;
    pthread_testcancel();
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    sigprocmask(SIG_BLOCK, &child, &mask);
    int status = run(command, &mask);
    int error = errno;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return status;
}

/* ---- popen ---- */

struct piped {
    struct piped *next;
    FILE *stream;
    pid_t pid;
};
static struct piped *all_piped;
static volatile int piped_lock;

/* The child has its own end as standard input or output, and none of the streams of earlier calls. */
static int start_piped(struct piped *piped, const char *command, int child_end, int child_fd)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    for (const struct piped *other = all_piped; other && !error; other = other->next)
        if (fileno(other->stream) != child_fd)
            error = posix_spawn_file_actions_addclose(&actions, fileno(other->stream));
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, child_end, child_fd);
    if (!error)
        error = start(&piped->pid, command, &actions, NULL);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static FILE *open_piped(struct piped *piped, const char *command, const char *mode)
{
    int ends[2], write = *mode == 'w';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return NULL;
    int mine = ends[write], others = ends[!write];
    piped->stream = fdopen(mine, write ? "w" : "r");
    int error = piped->stream ? start_piped(piped, command, others, !write) : errno;
    close(others);
    if (error && piped->stream)
        fclose(piped->stream);
    else if (error)
        close(mine);
    else if (!strchr(mode, 'e'))
        fcntl(mine, F_SETFD, 0);
    errno = error ? error : errno;
    return error ? NULL : piped->stream;
}

FILE *popen(const char *command, const char *mode)
{
    if (*mode != 'r' && *mode != 'w') {
        errno = EINVAL;
        return NULL;
    }
    struct piped *piped = malloc(sizeof *piped);
    if (!piped)
        return NULL;
    lock(&piped_lock);
    FILE *stream = open_piped(piped, command, mode);
    if (stream) {
        piped->next = all_piped;
        all_piped = piped;
    }
    unlock(&piped_lock);
    if (!stream)
        free(piped);
    return stream;
}

int pclose(FILE *stream)
{
    pid_t pid = -1;
    lock(&piped_lock);
    for (struct piped **link = &all_piped; *link; link = &(*link)->next) {
        struct piped *piped = *link;
        if (piped->stream != stream)
            continue;
        pid = piped->pid;
        *link = piped->next;
        free(piped);
        break;
    }
    unlock(&piped_lock);
    if (pid < 0) {
        errno = ECHILD;
        return -1;
    }
    fclose(stream);
    return wait_for(pid);
}
