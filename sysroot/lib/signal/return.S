/* SPDX-License-Identifier: MIT */
/* Where a signal handler returns to. The instructions are what debuggers recognise. */
    .text
    .globl __atomik_return
    .type __atomik_return, @function
    nop
__atomik_return:
    popl %eax
    movl $119, %eax
    int $0x80
    .size __atomik_return, . - __atomik_return

    .globl __atomik_return_info
    .type __atomik_return_info, @function
    nop
__atomik_return_info:
    movl $173, %eax
    int $0x80
    .size __atomik_return_info, . - __atomik_return_info

    .section .note.GNU-stack, "", @progbits
