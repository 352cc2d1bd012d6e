/* SPDX-License-Identifier: MIT */
/*
 * Entry of a program. The stack is as the Unix personality (like Linux) builds it: argc, argv[],
 * NULL, envp[], NULL, auxiliary vector. The C library takes it from there.
 */
    .text
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    movl %esp, %eax
    andl $-16, %esp
    subl $8, %esp
    pushl $main
    pushl %eax
    call __atomik_start
    hlt
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
