/* SPDX-License-Identifier: MIT */
/* A tracer and its tracees: stops, events, registers, memory, signals, steps, seizing, ends. */
#include "show.h"

#include <elf.h>
#include <linux/ptrace.h>
#include <stddef.h>
#include <sys/reg.h>
#include <sys/uio.h>
#include <sys/user.h>

static long request(int code, pid_t pid, void *address, void *data)
{
    return syscall(SYS_ptrace, code, pid, address, data);
}

#define trace(code, pid, address, data) \
    show(request(PTRACE_##code, pid, (void *)(address), (void *)(data)))

static void show_status(const char *what, int status)
{
    if (WIFSTOPPED(status))
        say("%s: stopped by %d%s, event %d", what, WSTOPSIG(status) & 0x7f,
            WSTOPSIG(status) & 0x80 ? " (call)" : "", status >> 16);
    else if (WIFEXITED(status))
        say("%s: exited with %d", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        say("%s: ended by %d", what, WTERMSIG(status));
    else
        say("%s: status %x", what, status);
}

static int wait_show(pid_t pid, const char *what)
{
    int status = 0;
    if (waitpid(pid, &status, __WALL) != pid)
        say("%s: wait failed", what);
    show_status(what, status);
    return status;
}

static volatile int shared_word = 1234;
static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    handled = number;
}

static void child_calls(void)
{
    request(PTRACE_TRACEME, 0, NULL, NULL);
    signal(SIGUSR1, on_signal);
    raise(SIGSTOP);
    syscall(SYS_getppid);
    raise(SIGUSR1);
    _exit(shared_word == 77 && handled == SIGUSR1 ? 5 : 6);
}

/* Calls, a call's number and result changed, memory, signals. */
static void test_calls(void)
{
    struct user_regs_struct regs;
    struct ptrace_syscall_info info;
    siginfo_t signal_info;
    long word = 0;
    say("-- calls");
    pid_t pid = fork();
    if (pid == 0)
        child_calls();
    wait_show(pid, "first stop");
    trace(SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    trace(SETOPTIONS, pid, 0, 0x40000000);
    trace(PEEKDATA, pid, &shared_word, &word);
    say("word %ld", word);
    trace(POKEDATA, pid, &shared_word, 77);
    trace(PEEKDATA, pid, 8, &word);
    trace(GETSIGINFO, pid, 0, &signal_info);
    say("signal %d, code %d, from child %d", signal_info.si_signo, signal_info.si_code,
        signal_info.si_pid == pid);
    for (int i = 0; i < 4; i++) {
        request(PTRACE_SYSCALL, pid, NULL, NULL);
        wait_show(pid, "call");
        request(PTRACE_GETREGS, pid, NULL, &regs);
        long size = request(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info);
        say("orig_eax %ld, result %s, op %d, %ld bytes", regs.orig_eax,
            regs.eax == -ENOSYS ? "none" : "there", info.op, size);
        if (regs.orig_eax == SYS_getppid && info.op == PTRACE_SYSCALL_INFO_EXIT) {
            regs.eax = 4242;
            trace(SETREGS, pid, 0, &regs);
        }
    }
    trace(PEEKUSR, pid, ORIG_EAX * 4, &word);
    say("orig_eax is a call: %d", word > 0);
    trace(PEEKUSR, pid, 3, &word);
    trace(PEEKUSR, pid, 4000, &word);
    trace(CONT, pid, 0, 100);
    int status;
    do {
        request(PTRACE_SYSCALL, pid, NULL, NULL);
        waitpid(pid, &status, __WALL);
    } while (WIFSTOPPED(status) && WSTOPSIG(status) & 0x80);
    show_status("signal", status);
    trace(CONT, pid, 0, SIGUSR1);
    wait_show(pid, "end");
    trace(CONT, pid, 0, 0);
}

static void nothing(void) {}

/* Forks, threads, programs and their ends. */
static void *thread_main(void *unused)
{
    (void)unused;
    return NULL;
}

static void child_events(void)
{
    pthread_t thread;
    request(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    waitpid(pid, NULL, 0);
    pid = vfork();
    if (pid == 0)
        _exit(4);
    waitpid(pid, NULL, 0);
    pthread_create(&thread, NULL, thread_main, NULL);
    pthread_join(thread, NULL);
    execl("/proc/self/exe", "ptrace", "again", NULL);
    _exit(9);
}

static void test_events(void)
{
    int status, forks = 0;
    unsigned long message;
    say("-- events");
    pid_t pid = fork(), waited;
    if (pid == 0)
        child_events();
    wait_show(pid, "first stop");
    trace(SETOPTIONS, pid, 0,
          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
              PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
    request(PTRACE_CONT, pid, NULL, NULL);
    int seen[4] = {0}, ends = 0, sum = 0;
    while ((waited = waitpid(-1, &status, __WALL)) > 0) {
        int event = status >> 16;
        if (!WIFSTOPPED(status)) {
            ends++;
            if (waited == pid)
                show_status("parent", status);
            else
                sum += WEXITSTATUS(status);
            continue;
        }
        request(PTRACE_GETEVENTMSG, waited, NULL, &message);
        if (waited == pid)
            say("event %d, message %s", event,
                event == PTRACE_EVENT_EXIT   ? message == 7 << 8 ? "7 << 8" : "other"
                : event == PTRACE_EVENT_EXEC ? message == (unsigned long)pid ? "own" : "other"
                : message != 0               ? "a number"
                                             : "0");
        if (event >= 1 && event <= 3)
            seen[event]++, forks++;
        int signal = WSTOPSIG(status);
        request(PTRACE_CONT, waited, NULL,
                (void *)(long)(event || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal));
    }
    say("forks %d vforks %d clones %d, ends %d with %d, %s", seen[1], seen[2], seen[3], ends, sum,
        strerrorname_np(errno));
}

/* A plain TRACEME: execve traps. */
static void test_exec_trap(void)
{
    say("-- exec without options");
    pid_t pid = fork();
    if (pid == 0) {
        request(PTRACE_TRACEME, 0, NULL, NULL);
        execl("/proc/self/exe", "ptrace", "again", NULL);
        _exit(9);
    }
    wait_show(pid, "exec");
    request(PTRACE_CONT, pid, NULL, NULL);
    wait_show(pid, "end");
}

/* Steps through code whose length is known, across a call, with the flag out of sight. */
static void child_steps(void)
{
    request(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    __asm__ volatile("int3\n\tnop\n\tnop\n\tmovl $20, %%eax\n\tint $0x80\n\tnop\n\tnop"
                     :
                     :
                     : "eax");
    _exit(0);
}

static void test_steps(void)
{
    struct user_regs_struct regs;
    siginfo_t info;
    say("-- steps");
    pid_t pid = fork();
    if (pid == 0)
        child_steps();
    wait_show(pid, "first stop");
    request(PTRACE_CONT, pid, NULL, NULL);
    wait_show(pid, "int3");
    request(PTRACE_GETREGS, pid, NULL, &regs);
    long start = regs.eip;
    for (int i = 0; i < 5; i++) {
        request(PTRACE_SINGLESTEP, pid, NULL, NULL);
        wait_show(pid, "step");
        request(PTRACE_GETREGS, pid, NULL, &regs);
        request(PTRACE_GETSIGINFO, pid, NULL, &info);
        say("at +%ld, trap flag %ld, code %d", regs.eip - start, regs.eflags >> 8 & 1,
            info.si_code);
    }
    trace(CONT, pid, 0, 0);
    wait_show(pid, "end");
}

/* A watchpoint in a debug register. */
static void child_watch(void)
{
    request(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    shared_word = 5;
    nothing();
    _exit(0);
}

static void test_watch(void)
{
    siginfo_t info;
    long word = 0;
    say("-- debug registers");
    pid_t pid = fork();
    if (pid == 0)
        child_watch();
    wait_show(pid, "first stop");
    trace(POKEUSR, pid, offsetof(struct user, u_debugreg[0]), &shared_word);
    trace(POKEUSR, pid, offsetof(struct user, u_debugreg[7]), 0xd0001);
    trace(POKEUSR, pid, offsetof(struct user, u_debugreg[4]), 1);
    request(PTRACE_CONT, pid, NULL, NULL);
    wait_show(pid, "watch");
    request(PTRACE_GETSIGINFO, pid, NULL, &info);
    request(PTRACE_PEEKUSR, pid, (void *)offsetof(struct user, u_debugreg[6]), &word);
    say("code %d, reasons %lx", info.si_code, word & 0xf);
    request(PTRACE_PEEKDATA, pid, (void *)&shared_word, &word);
    say("word %ld", word);
    request(PTRACE_CONT, pid, NULL, NULL);
    wait_show(pid, "end");
}

/* Attaching to what runs and what is stopped; seizing, interrupting, listening, detaching. */
static void child_waits(void)
{
    for (;;)
        pause();
}

static void test_attach(void)
{
    siginfo_t info;
    int status;
    say("-- attach");
    pid_t pid = fork();
    if (pid == 0)
        child_waits();
    trace(CONT, pid, 0, 0);
    trace(ATTACH, pid, 0, 0);
    trace(ATTACH, pid, 0, 0);
    wait_show(pid, "attached");
    trace(DETACH, pid, 0, 0);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    show_status("stopped", status);
    trace(SEIZE, pid, 0, 0);
    wait_show(pid, "seized while stopped");
    show(request(PTRACE_GETSIGINFO, pid, NULL, &info));
    trace(LISTEN, pid, 0, 0);
    trace(PEEKUSR, pid, 0, &info);
    kill(pid, SIGCONT);
    wait_show(pid, "continued");
    trace(CONT, pid, 0, 0);
    wait_show(pid, "its signal");
    trace(CONT, pid, 0, 0);
    trace(INTERRUPT, pid, 0, 0);
    wait_show(pid, "interrupted");
    trace(CONT, pid, 0, 0);
    kill(pid, SIGTERM);
    wait_show(pid, "signal");
    trace(DETACH, pid, 0, SIGTERM);
    waitpid(pid, &status, 0);
    show_status("end", status);
    trace(ATTACH, getpid(), 0, 0);
    trace(ATTACH, 0x3ffffe, 0, 0);
    show(request(9999, pid, NULL, NULL));
}

/* Register sets and the FPU. */
static void test_sets(void)
{
    struct user_regs_struct regs;
    struct user_fpxregs_struct extended;
    struct user_fpregs_struct legacy;
    struct iovec vector = {&regs, 12};
    uint8_t tls[64];
    say("-- register sets");
    pid_t pid = fork();
    if (pid == 0) {
        request(PTRACE_TRACEME, 0, NULL, NULL);
        __asm__ volatile("fldpi\n\tfldz");
        kill(getpid(), SIGSTOP);
        _exit(0);
    }
    wait_show(pid, "first stop");
    trace(GETREGSET, pid, NT_PRSTATUS, &vector);
    say("length %u", (unsigned)vector.iov_len);
    vector = (struct iovec){&extended, sizeof extended};
    trace(GETREGSET, pid, NT_PRXFPREG, &vector);
    say("length %u, tag %x", (unsigned)vector.iov_len, (unsigned)extended.twd);
    vector = (struct iovec){&legacy, sizeof legacy};
    trace(GETREGSET, pid, NT_FPREGSET, &vector);
    say("length %u, tag %lx, control %lx", (unsigned)vector.iov_len, legacy.twd & 0xffff,
        legacy.cwd & 0xffff);
    vector = (struct iovec){tls, sizeof tls};
    trace(GETREGSET, pid, NT_386_TLS, &vector);
    say("length %u", (unsigned)vector.iov_len);
    trace(GETREGSET, pid, 0x12345, &vector);
    trace(GETFPREGS, pid, 0, &legacy);
    trace(SETFPREGS, pid, 0, &legacy);
    trace(GETFPXREGS, pid, 0, &extended);
    trace(KILL, pid, 0, 0);
    wait_show(pid, "end");
}

/* The tracer ends: EXITKILL takes the tracee along, else it runs on. */
static void test_tracer_ends(void)
{
    int status, ends[2];
    say("-- the tracer ends");
    for (int exitkill = 0; exitkill < 2; exitkill++) {
        need(pipe(ends));
        pid_t victim = fork();
        if (victim == 0) {
            char byte;
            close(ends[1]);
            _exit(read(ends[0], &byte, 1) == 1 ? 8 : 9);
        }
        pid_t tracer = fork();
        if (tracer == 0) {
            request(PTRACE_SEIZE, victim, NULL, (void *)(exitkill ? (long)PTRACE_O_EXITKILL : 0l));
            _exit(0);
        }
        waitpid(tracer, &status, 0);
        if (!exitkill)
            need(write(ends[1], "x", 1));
        waitpid(victim, &status, 0);
        show_status(exitkill ? "with EXITKILL" : "without", status);
        close(ends[0]);
        close(ends[1]);
    }
}

/* /proc/PID/mem and process_vm_*. */
static void test_memory(void)
{
    char text[16] = "before", path[32];
    struct iovec local = {text, 6}, remote = {text, 6};
    say("-- memory");
    pid_t pid = fork();
    if (pid == 0)
        child_waits();
    strcpy(text, "mine..");
    show(process_vm_readv(pid, &local, 1, &remote, 1, 0));
    say("%s", text);
    strcpy(text, "after.");
    show(process_vm_writev(pid, &local, 1, &remote, 1, 0));
    strcpy(text, "mine..");
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = need(open(path, O_RDWR));
    show(pread64(fd, text, 6, (off64_t)(uintptr_t)text));
    say("%s", text);
    show(pread64(fd, text, 6, 16));
    remote.iov_base = (void *)16;
    show(process_vm_readv(pid, &local, 1, &remote, 1, 0));
    show(process_vm_readv(pid, &local, 1, &remote, 1, 1));
    show(process_vm_readv(0x3ffffe, &local, 1, &remote, 1, 0));
    kill(pid, SIGKILL);
    wait_show(pid, "end");
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "again") == 0)
        return 7;
    test_calls();
    test_events();
    test_exec_trap();
    test_steps();
    test_watch();
    test_attach();
    test_sets();
    test_tracer_ends();
    test_memory();
    return 0;
}
