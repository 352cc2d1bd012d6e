/* SPDX-License-Identifier: MIT */
/*
 * Start of every native program and server. The kernel enters with eax (and esp) at the
 * startup_info block. The note tells loaders which personality runs the file.
 */
    .section .text
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    andl $-16, %esp
    subl $12, %esp
    pushl %eax
    call startup_main
    ud2

    .section .note.atomik, "a", @note
    .balign 4
    .long 7
    .long 7
    .long 1
    .asciz "Atomik"
    .balign 4
    .asciz "native"
    .balign 4

    .section .note.GNU-stack, "", @progbits
