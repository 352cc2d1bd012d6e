/* SPDX-License-Identifier: MIT */
/*
 * The call at which a thread can be cancelled. A thread that the cancellation signal finds between
 * __atomik_cancel_begin and __atomik_cancel_end has not made its call or is blocked in it: the handler
 * moves it to __atomik_cancel_act. After the call has been made it goes on with the call's result.
 */
    .cfi_sections .debug_frame
    .section .text.cancel, "ax", @progbits
/* long __atomik_cancel_asm(volatile int *cancelled, long number, a, b, c, d, e, f) */
    .globl __atomik_cancel_asm, __atomik_cancel_begin, __atomik_cancel_end, __atomik_cancel_act
    .type __atomik_cancel_asm, @function
__atomik_cancel_asm:
    .cfi_startproc
    movl 4(%esp), %eax
    pushl %ebp
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset ebp, 0
    pushl %edi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset edi, 0
    pushl %esi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset esi, 0
    pushl %ebx
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset ebx, 0
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
    .cfi_remember_state
    popl %ebx
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebx
    popl %esi
    .cfi_adjust_cfa_offset -4
    .cfi_restore esi
    popl %edi
    .cfi_adjust_cfa_offset -4
    .cfi_restore edi
    popl %ebp
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebp
    ret
    .cfi_restore_state
__atomik_cancel_act:
    popl %ebx
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebx
    popl %esi
    .cfi_adjust_cfa_offset -4
    .cfi_restore esi
    popl %edi
    .cfi_adjust_cfa_offset -4
    .cfi_restore edi
    popl %ebp
    .cfi_adjust_cfa_offset -4
    .cfi_restore ebp
    jmp __atomik_cancel_now
    .cfi_endproc
    .size __atomik_cancel_asm, . - __atomik_cancel_asm

    .section .note.GNU-stack, "", @progbits
