/* SPDX-License-Identifier: MIT */
/* Processes: fork, spawn, wait, signals with values, timers, contexts, jumps out of handlers. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

static void test_spawn(void)
{
    posix_spawn_file_actions_t actions;
    char *argv[] = {"sh", "-c", "echo spawned >&5; exit 7", NULL};
    int ends[2], status;
    char buffer[16] = "";
    pid_t pid;
    CHECK(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], 5) == 0);
    CHECK(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(read(ends[0], buffer, 15) == 8 && !strcmp(buffer, "spawned\n"));
    CHECK(posix_spawn(&pid, "/nothing/here", NULL, NULL, argv, environ) == ENOENT);
    posix_spawn_file_actions_destroy(&actions);
}

static int prepared, in_parent;

static void prepare(void)
{
    prepared++;
}

static void parent(void)
{
    in_parent++;
}

static void test_fork(void)
{
    int status,
        *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_atfork(prepare, parent, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        *shared = getppid() > 0 ? 99 : 0;
        raise(SIGTERM);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK(*shared == 99 && prepared == 1 && in_parent == 1);
    struct rusage usage;
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0 && waitpid(-1, &status, WNOHANG) < 0 &&
          errno == ECHILD);
}

static volatile int value, from;
static sigjmp_buf escape;

static void take_value(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    value = info->si_value.sival_int;
    from = info->si_code;
}

static void jump_out(int signal)
{
    siglongjmp(escape, signal);
}

static void test_signals(void)
{
    struct sigaction action = {.sa_sigaction = take_value, .sa_flags = SA_SIGINFO};
    sigset_t set, old;
    siginfo_t info;
    CHECK(sigaction(SIGRTMIN + 1, &action, NULL) == 0);
    CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){1234}) == 0);
    CHECK(value == 1234 && from == SI_QUEUE);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0 && raise(SIGUSR1) == 0);
    CHECK(sigpending(&old) == 0 && sigismember(&old, SIGUSR1) == 1);
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_signo == SIGUSR1);
    struct timespec short_time = {0, 1000000};
    CHECK(sigtimedwait(&set, NULL, &short_time) < 0 && errno == EAGAIN);
    signal(SIGSEGV, jump_out);
    int caught = sigsetjmp(escape, 1);
    if (!caught)
        kill(getpid(), SIGSEGV);
    CHECK(caught == SIGSEGV);
    if (!sigsetjmp(escape, 1))
        raise(SIGSEGV); /* not blocked any more */
    struct itimerval soon = {{0, 0}, {0, 5000}};
    signal(SIGALRM, SIG_IGN);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGALRM, SIG_DFL);
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0 && sigwaitinfo(&set, NULL) == SIGALRM);
}

static ucontext_t main_context, other_context;
static int steps;

static void other(int a, int b)
{
    steps += a * 10 + b;
    swapcontext(&other_context, &main_context);
    steps *= 2;
}

static void test_contexts(void)
{
    static char stack[32768];
    getcontext(&other_context);
    other_context.uc_stack.ss_sp = stack;
    other_context.uc_stack.ss_size = sizeof stack;
    other_context.uc_link = &main_context;
    makecontext(&other_context, (void (*)(void))other, 2, 4, 2);
    swapcontext(&main_context, &other_context);
    CHECK(steps == 42);
    swapcontext(&main_context, &other_context);
    CHECK(steps == 84);
}

static void test_clocks(void)
{
    struct timespec before, after, pause = {0, 20000000};
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && nanosleep(&pause, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    long long passed =
        (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
    CHECK(passed >= 20000000 && time(NULL) > 1700000000 && sizeof(time_t) == 8);
}

int main(void)
{
    test_spawn();
    test_fork();
    test_signals();
    test_contexts();
    test_clocks();
    return finish();
}
