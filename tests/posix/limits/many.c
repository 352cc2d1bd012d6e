/* SPDX-License-Identifier: MIT */
/*
 * Much of one thing at once:
 *
 *   many processes N       N children that live at the same time
 *   many threads N         N threads, each of which takes part in a sum
 *   many files             as many open files as RLIMIT_NOFILE allows, all in use
 *   many bomb LIMIT UID    processes of a user that fork for ever, under RLIMIT_NPROC
 */
#include "tests/posix/show.h"

#include <sys/resource.h>
#include <sys/socket.h>

#define STACK 65536

static int many_processes(int count)
{
    int go[2], ready[2], made = 0, ended = 0, status;
    char byte;
    need(pipe(go));
    need(pipe(ready));
    for (; made < count; made++) {
        pid_t pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            close(go[1]);
            need(write(ready[1], "x", 1));
            _exit(read(go[0], &byte, 1) == 0 ? made % 100
                                             : 200); /* the end of the pipe: all may go */
        }
    }
    for (int i = 0; i < made; i++)
        need(read(ready[0], &byte, 1));
    say("%d processes", made);
    close(go[1]);
    while (wait(&status) > 0)
        ended += WIFEXITED(status) && WEXITSTATUS(status) < 100;
    say("%d ended well", ended);
    return made != count || ended != count;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int running, sum;
static bool go_on;

static void *add(void *number)
{
    pthread_mutex_lock(&lock);
    running++;
    pthread_cond_broadcast(&changed);
    while (!go_on)
        pthread_cond_wait(&changed, &lock);
    sum += (int)(intptr_t)number;
    pthread_mutex_unlock(&lock);
    return number;
}

static int many_threads(int count)
{
    static pthread_t threads[4096];
    pthread_attr_t attributes;
    int made = 0, joined = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    while (made < count &&
           pthread_create(&threads[made], &attributes, add, (void *)(intptr_t)made) == 0)
        made++;
    pthread_mutex_lock(&lock);
    while (running < made)
        pthread_cond_wait(&changed, &lock);
    say("%d threads", running);
    go_on = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < made; i++) {
        void *result;
        joined += pthread_join(threads[i], &result) == 0 && result == (void *)(intptr_t)i;
    }
    say("%d joined, the sum is %d", joined, sum);
    return made != count || joined != count || sum != count * (count - 1) / 2;
}

/* Each has its number in it. */
static int open_numbered(int number)
{
    char name[32];
    snprintf(name, sizeof name, "many%d", number);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && write(fd, &number, sizeof number) != sizeof number)
        say("%s: not written", name);
    return fd;
}

static int many_files(void)
{
    struct rlimit limit;
    static int fds[4096];
    int made = 0, right = 0, lower;
    need(getrlimit(RLIMIT_NOFILE, &limit));
    say("limit %d", (int)limit.rlim_cur);
    while (made < 4096 && (fds[made] = open_numbered(made)) >= 0)
        made++;
    say("%d files beside the three, then %s", made, strerrorname_np(errno));
    for (int i = 0; i < made; i++) {
        int number = -1;
        right += pread(fds[i], &number, sizeof number, 0) == sizeof number && number == i;
    }
    say("%d have what was written", right);
    show(dup(0));
    show(socket(AF_UNIX, SOCK_STREAM, 0));
    limit.rlim_cur = 100;
    need(setrlimit(RLIMIT_NOFILE, &limit));
    close(fds[0]);
    lower = open("/dev/null", O_RDONLY);
    say("below a lower limit: %s", lower == fds[0] ? "the free number" : "another");
    show(dup2(0, 100));
    for (int i = 0; i < made; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%d", i);
        need(unlink(name));
    }
    return 0;
}

static int bomb(rlim_t processes, uid_t uid)
{
    struct rlimit limit = {processes, processes};
    need(setrlimit(RLIMIT_NPROC, &limit));
    need(setresuid(uid, uid, uid));
    for (;;)
        fork();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "processes") == 0)
        return many_processes(atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "threads") == 0)
        return many_threads(atoi(argv[2]));
    if (argc == 2 && strcmp(argv[1], "files") == 0)
        return many_files();
    if (argc == 4 && strcmp(argv[1], "bomb") == 0)
        return bomb((rlim_t)atoi(argv[2]), (uid_t)atoi(argv[3]));
    say("usage: many processes N | threads N | files | bomb LIMIT UID");
    return 2;
}
