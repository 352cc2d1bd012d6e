/* SPDX-License-Identifier: MIT */
/* A set of 64 signals, as the kernel interface has it. */
#ifndef _SYS__SIGSET_H_
#define _SYS__SIGSET_H_

typedef struct {
    unsigned long __bits[2];
} __sigset_t;

#endif
