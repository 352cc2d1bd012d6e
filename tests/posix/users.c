/* SPDX-License-Identifier: MIT */
/* What keeps users apart: who may signal whom, what a parent is told, how many processes a user may have. */
#include "show.h"

#include <sys/resource.h>

#define ALICE 54321
#define BOB   54322
#define CAROL 54323

/* A process of a user that waits for a signal, in a group (0: its own). */
static pid_t sleeper(uid_t uid, pid_t group)
{
    int ready[2];
    char byte;
    need(pipe(ready));
    pid_t pid = need(fork());
    if (pid == 0) {
        need(setpgid(0, group));
        need(setresuid(uid, uid, uid));
        need(write(ready[1], "x", 1));
        for (;;)
            pause();
    }
    need(read(ready[0], &byte, 1));
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void as_user(uid_t uid, const char *text, pid_t target, int signal)
{
    pid_t pid = need(fork());
    if (pid == 0) {
        need(setresuid(uid, uid, uid));
        show_result(text, kill(target, signal));
        _exit(0);
    }
    show_end("  sender", pid);
}

static void test_kill(void)
{
    pid_t alice = sleeper(ALICE, 0), bob = sleeper(BOB, 0);
    as_user(ALICE, "kill of another user's process", bob, SIGTERM);
    as_user(ALICE, "kill of process 1", 1, 0);
    as_user(ALICE, "kill of another user's group", -bob, SIGTERM);
    as_user(ALICE, "SIGCONT within the session", bob, SIGCONT);
    as_user(ALICE, "kill of everybody", -1, SIGTERM);
    show_end("her own process", alice);
    show(kill(bob, 0));
    alice = sleeper(ALICE, bob);
    as_user(ALICE, "kill of a group in which one is hers", -bob, SIGTERM);
    show_end("her own process", alice);
    show(waitpid(bob, NULL, WNOHANG));
    as_user(BOB, "kill of his own", bob, SIGKILL);
    show_end("his own process", bob);
}

/* The parent of the caller gets the child, but not the signal that the caller chose. */
static void test_clone_parent(void)
{
    pid_t child = need(fork());
    if (child == 0) {
        long made = syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);
        _exit(made < 0 ? 9 : made == 0 ? 7 : 8);
    }
    show_end("a child", child);
    int status = 0;
    show_ok(waitpid(-1, &status, 0));
    say("the child's child: exit %d", WEXITSTATUS(status));
}

static void *no_thread(void *unused)
{
    pause();
    return unused;
}

static void test_process_limit(void)
{
    struct rlimit limit = {4, 4};
    pthread_t thread;
    pid_t children[8];
    int made = 0;
    need(setrlimit(RLIMIT_NPROC, &limit));
    need(setresuid(CAROL, CAROL, CAROL));
    while (made < 8 && (children[made] = fork()) >= 0) {
        if (children[made] == 0)
            for (;;)
                pause();
        made++;
    }
    say("%d processes, then %s", made, strerrorname_np(errno));
    say("a thread: %s", strerrorname_np(pthread_create(&thread, NULL, no_thread, NULL)));
    kill(children[0], SIGKILL);
    show_end("one less", children[0]);
    say("a thread: %d", pthread_create(&thread, NULL, no_thread, NULL));
    show(fork());
    for (int i = 1; i < made; i++) {
        kill(children[i], SIGKILL);
        show_end("child", children[i]);
    }
}

int main(void)
{
    test_kill();
    test_clone_parent();
    pid_t pid = need(fork());
    if (pid == 0) {
        test_process_limit();
        _exit(0);
    }
    show_end("limited", pid);
    return 0;
}
