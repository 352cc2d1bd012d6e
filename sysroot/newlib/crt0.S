/* SPDX-License-Identifier: MIT */
/*
 * Entry of a newlib program. The stack is as the Unix personality (like Linux) builds it: argc,
 * argv[], NULL, envp[], NULL, auxiliary vector.
 */
    .text
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    movl (%esp), %eax
    leal 4(%esp), %ecx
    leal 4(%ecx, %eax, 4), %edx
    andl $-16, %esp
    subl $4, %esp
    pushl %edx
    pushl %ecx
    pushl %eax
    call atomik_start
    hlt

/* What __libc_init_array calls besides the tables; nothing is collected into these sections. */
    .globl _init, _fini
_init:
_fini:
    ret

    .section .note.GNU-stack, "", @progbits
