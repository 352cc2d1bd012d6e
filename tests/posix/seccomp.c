/* SPDX-License-Identifier: MIT */
/* seccomp: strict mode, filters and their answers, what is refused, threads and children. */
#include "show.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define LOAD(field)         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value)       BPF_STMT(BPF_RET | BPF_K, value)
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

static int set_filter(const struct sock_filter *program, size_t length, unsigned flags)
{
    struct sock_fprog given = {(unsigned short)length, (struct sock_filter *)program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &given);
}
#define FILTER(flags, ...)                          \
    set_filter((struct sock_filter[]){__VA_ARGS__}, \
               sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter), flags)
/* getppid gets the answer, all else is allowed. */
#define ON_GETPPID(flags, answer) \
    FILTER(flags, LOAD(nr), UNLESS(SYS_getppid, 1), RETURN(answer), RETURN(SECCOMP_RET_ALLOW))

static void in_child(const char *name, void (*run)(void))
{
    pid_t pid = need(fork());
    if (pid == 0) {
        run();
        _exit(0);
    }
    show_end(name, pid);
}

static void strict(void)
{
    show(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    say("still writes");
    syscall(SYS_exit, 7);
}

static void strict_kills(void)
{
    need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    syscall(SYS_getpid);
    say("not reached");
}

static void answers_error(void)
{
    show(ON_GETPPID(0, SECCOMP_RET_ERRNO | ENOTTY));
    show(syscall(SYS_getppid));
    show(prctl(PR_GET_SECCOMP));
    show(ON_GETPPID(0, SECCOMP_RET_ERRNO | EXDEV)); /* of two equals the newer */
    show(syscall(SYS_getppid));
    show(ON_GETPPID(0, SECCOMP_RET_ALLOW));
    show(syscall(SYS_getppid));
    show(ON_GETPPID(0, SECCOMP_RET_TRACE));
    show(syscall(SYS_getppid));
    pid_t pid = need(fork());
    if (pid == 0) {
        show(syscall(SYS_getppid));
        _exit(0);
    }
    show_end("a child is bound too", pid);
}

static void looks_at_arguments(void)
{
    show(FILTER(0, LOAD(arch), UNLESS(AUDIT_ARCH_I386, 4), LOAD(nr), UNLESS(SYS_dup, 2),
                LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 100, 1, 0),
                RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_ERRNO | ERANGE)));
    show(syscall(SYS_dup, 101));
    show(syscall(SYS_dup, 100));
}

static void calculates(void)
{
    /* ((nr * 3 + 5) ^ x) with x = nr; through memory */
    show(FILTER(0, LOAD(nr), BPF_STMT(BPF_MISC | BPF_TAX, 0), UNLESS(SYS_getppid, 6),
                BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 3), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 5),
                BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0), BPF_STMT(BPF_ST, 3),
                BPF_STMT(BPF_LDX | BPF_MEM, 3), UNLESS(((SYS_getppid * 3 + 5) ^ SYS_getppid), 1),
                RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_ALLOW)));
    show(syscall(SYS_getppid) > 0);
}

static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    say("signal %d code %d errno %d call %d arch %d", signal, info->si_code, info->si_errno,
        info->si_syscall == SYS_getppid, info->si_arch == AUDIT_ARCH_I386);
}

static void traps(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    need(sigaction(SIGSYS, &action, NULL));
    show(ON_GETPPID(0, SECCOMP_RET_TRAP | 12));
    show(syscall(SYS_getppid) == SYS_getppid);
}

static void kills(void)
{
    show(ON_GETPPID(0, SECCOMP_RET_KILL_PROCESS));
    syscall(SYS_getppid);
    say("not reached");
}

static void *ends(void *unused)
{
    (void)unused;
    syscall(SYS_getppid);
    say("not reached");
    return NULL;
}

static void kills_a_thread(void)
{
    pthread_t thread;
    show(ON_GETPPID(0, SECCOMP_RET_KILL_THREAD));
    pthread_create(&thread, NULL, ends, NULL);
    sleep_ms(100);
    say("the other one lives");
    _exit(3);
}

static volatile int go;
static void *waits(void *unused)
{
    (void)unused;
    while (!go)
        sleep_ms(1);
    show(syscall(SYS_getppid));
    return NULL;
}

static void binds_all_threads(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    show(ON_GETPPID(SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_RET_ERRNO | ENOTBLK));
    go = 1;
    pthread_join(thread, NULL);
}

static void refused(void)
{
    uint32_t action = SECCOMP_RET_TRAP, none = 0x12340000;
    show(FILTER(0, LOAD(nr)));
    show(FILTER(0, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)));
    show(FILTER(0, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0)));
    show(FILTER(0, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(0)));
    show(FILTER(0, BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(0)));
    show(FILTER(0, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0)));
    show(FILTER(0, BPF_STMT(BPF_ST, 16), RETURN(0)));
    show(FILTER(0x8000, RETURN(SECCOMP_RET_ALLOW)));
    show(set_filter(NULL, 0, 0));
    show(set_filter((void *)16, 1, 0));
    show(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
    show(syscall(SYS_seccomp, 99, 0, NULL));
    show(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
    show(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &none));
    show(prctl(PR_SET_SECCOMP, 77));
    need(setuid(1000));
    show(FILTER(0, RETURN(SECCOMP_RET_ALLOW)));
    show(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show(FILTER(0, RETURN(SECCOMP_RET_ALLOW)));
    show(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
}

int main(void)
{
    show(prctl(PR_GET_SECCOMP));
    in_child("strict", strict);
    in_child("strict kills", strict_kills);
    in_child("errors", answers_error);
    in_child("arguments", looks_at_arguments);
    in_child("calculations", calculates);
    in_child("traps", traps);
    in_child("kills", kills);
    in_child("kills a thread", kills_a_thread);
    in_child("all threads", binds_all_threads);
    in_child("refused", refused);
    return 0;
}
