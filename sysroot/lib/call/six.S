/* SPDX-License-Identifier: MIT */
/* A system call with six arguments, which need ebp. */
    .text

    .globl __atomik_call6
    .type __atomik_call6, @function
__atomik_call6:
    pushl %ebp
    pushl %edi
    pushl %esi
    pushl %ebx
    movl 20(%esp), %eax
    movl 24(%esp), %ebx
    movl 28(%esp), %ecx
    movl 32(%esp), %edx
    movl 36(%esp), %esi
    movl 40(%esp), %edi
    movl 44(%esp), %ebp
    int $0x80
    popl %ebx
    popl %esi
    popl %edi
    popl %ebp
    ret
    .size __atomik_call6, . - __atomik_call6

    .section .note.GNU-stack, "", @progbits
