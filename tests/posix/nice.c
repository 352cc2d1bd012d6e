/* SPDX-License-Identifier: MIT */
/* Nice values: who has a lower one gets more of a processor that both want. */
#include "show.h"

#include <sys/mman.h>
#include <sys/resource.h>

static volatile unsigned *rounds;

static void spin(int index)
{
    int64_t end = clock_ms(CLOCK_MONOTONIC) + 600;
    while (clock_ms(CLOCK_MONOTONIC) < end)
        for (volatile int i = 0; i < 1000; i++)
            rounds[index]++;
    _exit(0);
}

static void compete(const char *text, int first, int second)
{
    pid_t pids[2];
    rounds[0] = rounds[1] = 0;
    for (int i = 0; i < 2; i++) {
        pids[i] = need(fork());
        if (pids[i] == 0) {
            need(setpriority(PRIO_PROCESS, 0, i ? second : first));
            spin(i);
        }
    }
    for (int i = 0; i < 2; i++)
        need(waitpid(pids[i], NULL, 0));
    say("%s: %s", text, rounds[0] / 2 > rounds[1] ? "more than twice" : "less");
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    need(sched_setaffinity(0, sizeof one, &one));
    rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    compete("0 against 19", 0, 19);
    compete("-20 against 0", -20, 0);
    errno = 0;
    show(nice(5));
    show(getpriority(PRIO_PROCESS, 0));
    return 0;
}
