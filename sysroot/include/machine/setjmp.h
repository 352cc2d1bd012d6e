/* SPDX-License-Identifier: MIT */
/* Six registers, and for sigsetjmp whether a mask was saved and the mask. Both are filled by
 * setjmp.S of the system layer. */
#ifndef _MACHINE_SETJMP_H
#define _MACHINE_SETJMP_H

#include <_ansi.h>

_BEGIN_STD_C

#define _JBLEN  6
#define _JBTYPE long
typedef _JBTYPE jmp_buf[_JBLEN];
typedef _JBTYPE sigjmp_buf[_JBLEN + 3];

int sigsetjmp(sigjmp_buf, int) __attribute__((__returns_twice__));
void siglongjmp(sigjmp_buf, int) __attribute__((__noreturn__));
int _setjmp(jmp_buf) __attribute__((__returns_twice__));
void _longjmp(jmp_buf, int) __attribute__((__noreturn__));
#define _setjmp(buffer) setjmp(buffer)

_END_STD_C

#endif
