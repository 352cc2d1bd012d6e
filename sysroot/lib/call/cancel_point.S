/* SPDX-License-Identifier: MIT */
/*
 * The call at which a thread can be cancelled. A thread that the cancellation signal finds between
 * __atomik_cancel_begin and __atomik_cancel_end has not made its call or is blocked in it: the handler
 * moves it to __atomik_cancel_act. After the call has been made it goes on with the call's result.
 */
    .section .text.cancel, "ax", @progbits
/* long __atomik_cancel_asm(volatile int *cancelled, long number, a, b, c, d, e, f) */
    .globl __atomik_cancel_asm, __atomik_cancel_begin, __atomik_cancel_end, __atomik_cancel_act
    .type __atomik_cancel_asm, @function
__atomik_cancel_asm:
    movl 4(%esp), %eax
    pushl %ebp
    pushl %edi
    pushl %esi
    pushl %ebx
__atomik_cancel_begin:
    cmpl $0, (%eax)
    jne __atomik_cancel_act
    movl 24(%esp), %eax
    movl 28(%esp), %ebx
    movl 32(%esp), %ecx
    movl 36(%esp), %edx
    movl 40(%esp), %esi
    movl 44(%esp), %edi
    movl 48(%esp), %ebp
    int $0x80
__atomik_cancel_end:
    popl %ebx
    popl %esi
    popl %edi
    popl %ebp
    ret
__atomik_cancel_act:
    popl %ebx
    popl %esi
    popl %edi
    popl %ebp
    jmp __atomik_cancel_now
    .size __atomik_cancel_asm, . - __atomik_cancel_asm

    .section .note.GNU-stack, "", @progbits
