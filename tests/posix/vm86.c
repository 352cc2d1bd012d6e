/* SPDX-License-Identifier: MIT */
/*
 * An iret of a program that asks for virtual 8086 mode is a fault: a processor ignores VM then and finds
 * the selector of real mode wrong. An emulator may let the program have its mode until its next trap, which here
 * is tried by each way into the kernel.
 */
#include "show.h"

#include <sys/mman.h>

#define PLACE    0x10000 /* what real mode reaches, and programs may map */
#define FLAGS_VM 0x23202 /* with IOPL 3, so that `int` is let through */

static void enter(void)
{
    __asm__ volatile("pushl $0; pushl $0; pushl $0; pushl $0\n" /* gs fs ds es */
                     "pushl $0x1000; pushl $0xff0\n"            /* ss esp */
                     "pushl %0; pushl %1; pushl $0\n"           /* eflags cs eip */
                     "iret"
                     :
                     : "i"(FLAGS_VM), "i"(PLACE >> 4), "a"(20) /* getpid */
                     : "memory");
}

static void try(const char *what, const char *code, size_t length)
{
    int status;
    pid_t pid = need(fork());
    if (pid == 0) {
        char *page = mmap((void *)PLACE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (page == (char *)PLACE)
            memcpy(page, code, length);
        enter();
    }
    need(waitpid(pid, &status, 0));
    say("%s: signal %d", what, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

#define TRY(what, code) try(what, code, sizeof code - 1)

int main(void)
{
    TRY("a privileged instruction", "\xf4");
    TRY("memory that is not there", "\xa0\x00\xf0\xf4");
    TRY("waiting for an interrupt", "\xeb\xfe");
    TRY("int 0x80", "\xcd\x80\xf4");
    TRY("int 0x2e", "\xcd\x2e\xf4");
    TRY("int 0xa0", "\xcd\xa0\xf4");
    TRY("int 0xa1", "\xcd\xa1\xf4");
    TRY("sysenter", "\x0f\x34\xf4");
    return 0;
}
