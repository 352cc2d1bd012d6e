/* SPDX-License-Identifier: MIT */
/* Signals that are waited for are taken, ignored or not, when they come before and when they come meanwhile. */
#include "show.h"

static void try_signal(const char *text, int number, int delay_ms)
{
    struct timespec span = {5, 0};
    siginfo_t info = {0};
    sigset_t set, before, now;
    sigemptyset(&set);
    sigaddset(&set, number);
    need(sigprocmask(SIG_BLOCK, &set, &before));
    pid_t parent = getpid(), child = need(fork());
    if (child == 0) {
        sleep_ms(delay_ms);
        kill(parent, number);
        _exit(0);
    }
    if (delay_ms == 0)
        need(waitpid(child, NULL, 0));
    say("%s", text);
    show(sigtimedwait(&set, &info, &span));
    say("code %d, sender %s", info.si_code, info.si_pid == child ? "the child" : "another");
    need(sigprocmask(SIG_SETMASK, &before, &now));
    say("still blocked: %d", sigismember(&now, number));
    if (delay_ms)
        need(waitpid(child, NULL, 0));
}

static void handler(int number)
{
    say("handler of %d", number);
}

int main(void)
{
    struct timespec span = {0, 20000000};
    sigset_t set;
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, handler);
    try_signal("ignored, before", SIGUSR1, 0);
    try_signal("ignored, meanwhile", SIGUSR1, 200);
    try_signal("handled, before", SIGUSR2, 0);
    try_signal("handled, meanwhile", SIGUSR2, 200);
    try_signal("default is to be ignored, meanwhile", SIGWINCH, 200);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    show(sigtimedwait(&set, NULL, &span));
    kill(getpid(), SIGUSR1);
    show(sigtimedwait(&set, NULL, &span));
    return 0;
}
