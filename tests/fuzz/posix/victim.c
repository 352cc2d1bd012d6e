/* SPDX-License-Identifier: MIT */
/*
 * One process that makes random calls, in some threads that share all they have. A call that makes a
 * process or a thread makes one that does the same for a while. It is meant to hang and to crash; its keeper
 * ends it. An interval timer interrupts the calls that wait.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "sysfuzz.h"

#define INTERRUPT_US 5000
#define CHILD_CALLS  40

/* The call with its six words. */
uint32_t plain_call(uint32_t number, const uint32_t *words);
/* The same for calls that return twice: the new one runs `enter` and never comes back here. */
uint32_t forking_call(uint32_t number, const uint32_t *words);
__asm__(".text\n"
        "plain_call:\n\t"
        "pushl %ebx\n\tpushl %esi\n\tpushl %edi\n\tpushl %ebp\n\t"
        "movl 20(%esp), %eax\n\tmovl 24(%esp), %ebp\n\t"
        "movl (%ebp), %ebx\n\tmovl 4(%ebp), %ecx\n\tmovl 8(%ebp), %edx\n\t"
        "movl 12(%ebp), %esi\n\tmovl 16(%ebp), %edi\n\tmovl 20(%ebp), %ebp\n\t"
        "int $0x80\n\t"
        "popl %ebp\n\tpopl %edi\n\tpopl %esi\n\tpopl %ebx\n\tret\n"
        "forking_call:\n\t"
        "pushl %ebx\n\tpushl %esi\n\tpushl %edi\n\tpushl %ebp\n\t"
        "movl 20(%esp), %eax\n\tmovl 24(%esp), %ebp\n\t"
        "movl (%ebp), %ebx\n\tmovl 4(%ebp), %ecx\n\tmovl 8(%ebp), %edx\n\t"
        "movl 12(%ebp), %esi\n\tmovl 16(%ebp), %edi\n\tmovl 20(%ebp), %ebp\n\t"
        "int $0x80\n\t"
        "testl %eax, %eax\n\tjz enter_child\n\t"
        "popl %ebp\n\tpopl %edi\n\tpopl %esi\n\tpopl %ebx\n\tret\n");

static struct victim first; /* what children begin with */
static volatile uint32_t children;

void enter_child(void) __attribute__((noreturn, used));
void enter_child(void)
{
    struct victim victim = first;
    random_seed(&victim.random,
                first.random.state + __atomic_add_fetch(&children, 1, __ATOMIC_RELAXED));
    victim.child = true;
    victim.calls = CHILD_CALLS;
    victim_calls(&victim);
    for (;;)
        syscall(SYS_exit, 0);
}

static bool returns_twice(uint32_t number)
{
    return number == SYS_fork || number == SYS_vfork || number == SYS_clone || number == SYS_clone3;
}

/* Two that share memory must not share the stack. */
static void give_stack(struct victim *victim, uint32_t number, uint32_t *words)
{
    if (number == SYS_clone && (words[1] != 0 || (words[0] & CLONE_VM)))
        words[1] = arguments_stack(&victim->random);
}

static void say(const struct call *call, uint32_t number, const uint32_t *words)
{
    char line[200];
    int length =
        snprintf(line, sizeof line, "%u: %s(%u) %x %x %x %x %x %x\n", (unsigned)syscall(SYS_gettid),
                 call->name, number, words[0], words[1], words[2], words[3], words[4], words[5]);
    if (write(2, line, (size_t)length) < 0)
        return;
}

void victim_calls(struct victim *victim)
{
    for (uint32_t i = 0; i < victim->calls; i++) {
        uint32_t number, words[ARGUMENTS];
        const struct call *call = arguments_choose(victim, &number, words);
        give_stack(victim, number, words);
        if (victim->say)
            say(call, number, words);
        uint32_t result =
            returns_twice(number) ? forking_call(number, words) : plain_call(number, words);
        __atomic_add_fetch(&victim->tally->calls, 1, __ATOMIC_RELAXED);
        if (result < (uint32_t)-4095)
            __atomic_add_fetch(&victim->tally->succeeded, 1, __ATOMIC_RELAXED);
    }
}

static void *thread_main(void *argument)
{
    victim_calls(argument);
    return NULL;
}

static void no_handler(int signal)
{
    (void)signal;
}

static void interrupt_waits(void)
{
    static const int deadly[] = {SIGILL,  SIGABRT, SIGFPE,  SIGKILL,
                                 SIGSEGV, SIGBUS,  SIGCHLD, SIGSTOP};
    struct itimerval timer = {{0, INTERRUPT_US}, {0, INTERRUPT_US}};
    struct kernel_action {
        uint32_t handler, flags, restorer, mask[2];
    } action = {.handler = (uint32_t)(uintptr_t)SIG_IGN};
    for (int number = 1; number <= 64; number++) {
        unsigned i = 0;
        while (i < sizeof deadly / sizeof deadly[0] && deadly[i] != number)
            i++;
        if (i == sizeof deadly / sizeof deadly[0])
            syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    }
    action.handler = (uint32_t)(uintptr_t)no_handler;
    syscall(SYS_rt_sigaction, SIGALRM, &action, NULL, 8);
    setitimer(ITIMER_REAL, &timer, NULL);
}

void victim_run(struct victim *victim, unsigned threads)
{
    arguments_init(&victim->random);
    interrupt_waits();
    first = *victim;
    for (unsigned i = 1; i < threads; i++) {
        static struct victim others[8];
        pthread_t thread;
        others[i % 8] = *victim;
        random_seed(&others[i % 8].random, victim->random.state + i);
        pthread_create(&thread, NULL, thread_main, &others[i % 8]);
    }
    victim_calls(victim);
    exit(0);
}
