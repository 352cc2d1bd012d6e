/* SPDX-License-Identifier: MIT */
/* Start of the ring-1 test server: eax is the argument. And of its threads, as in ../crt.S. */
    .section .text
    .globl _start
_start:
    xorl %ebp, %ebp
    andl $-16, %esp
    subl $12, %esp
    pushl %eax
    call server_main
    ud2

    .globl thread_entry
thread_entry:
    xorl %ebp, %ebp
    pushl 4(%eax)
    call *(%eax)
    pushl %eax
    call thread_exit
    ud2

    .section .note.GNU-stack, "", @progbits
