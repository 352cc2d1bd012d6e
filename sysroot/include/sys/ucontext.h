/* SPDX-License-Identifier: MIT */
/* The machine state of a thread, as a signal handler gets it and as makecontext makes it. */
#ifndef _SYS_UCONTEXT_H
#define _SYS_UCONTEXT_H

#include <sys/signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int greg_t;
#define NGREG 19
typedef greg_t gregset_t[NGREG];

enum {
    REG_GS,
    REG_FS,
    REG_ES,
    REG_DS,
    REG_EDI,
    REG_ESI,
    REG_EBP,
    REG_ESP,
    REG_EBX,
    REG_EDX,
    REG_ECX,
    REG_EAX,
    REG_TRAPNO,
    REG_ERR,
    REG_EIP,
    REG_CS,
    REG_EFL,
    REG_UESP,
    REG_SS
};

struct _fpstate {
    unsigned long cw, sw, tag, ipoff, cssel, dataoff, datasel;
    struct {
        unsigned short significand[4], exponent;
    } _st[8];
    unsigned long status;
};
typedef struct _fpstate *fpregset_t;

typedef struct {
    gregset_t gregs;
    fpregset_t fpregs;
    unsigned long oldmask, cr2;
} mcontext_t;

typedef struct ucontext {
    unsigned long uc_flags;
    struct ucontext *uc_link;
    stack_t uc_stack;
    mcontext_t uc_mcontext;
    sigset_t uc_sigmask;
    unsigned long __reserved[30];
    struct _fpstate __fpregs_mem;
} ucontext_t;

#ifdef __cplusplus
}
#endif

#endif
