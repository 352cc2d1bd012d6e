/* SPDX-License-Identifier: MIT */
/*
 * Start of the test program and of its threads and children. The ELF note tells the kernel's
 * self-test runner that a boot module is this program.
 */
    .section .text
    .globl _start
_start:
    xorl %ebp, %ebp
    andl $-16, %esp
    call test_main
    ud2

/* eax: address of a function and its argument; the function's result is the thread's exit code. */
    .globl thread_entry
thread_entry:
    xorl %ebp, %ebp
    pushl 4(%eax)
    call *(%eax)
    pushl %eax
    call thread_exit
    ud2

/* status_t raw_call(uint32_t number, const uint32_t words[6]) */
    .globl raw_call
raw_call:
    pushl %ebp
    pushl %edi
    pushl %esi
    pushl %ebx
    movl 20(%esp), %eax
    movl 24(%esp), %ebp
    movl 0(%ebp), %ebx
    movl 4(%ebp), %ecx
    movl 8(%ebp), %edx
    movl 12(%ebp), %esi
    movl 16(%ebp), %edi
    movl 20(%ebp), %ebp
    int $0xa0
    popl %ebx
    popl %esi
    popl %edi
    popl %ebp
    ret

    .section .note.atomik, "a", @note
    .balign 4
    .long 7
    .long 9
    .long 1
    .asciz "Atomik"
    .balign 4
    .asciz "selftest"
    .balign 4

    .section .note.GNU-stack, "", @progbits
