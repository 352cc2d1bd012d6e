/* SPDX-License-Identifier: MIT */
/*
 * status_t guest_enter_fast(void): kernel call guest_enter. The kernel keeps only esp and eip of
 * the server while the guest runs; what the calling convention preserves is saved here. Vector
 * GUEST_ENTER_VECTOR (abi/atomik/objects.h) is this one call without number and dispatch.
 */
    .text
    .globl guest_enter_fast
    .type guest_enter_fast, @function
guest_enter_fast:
    pushl %ebp
    pushl %edi
    pushl %esi
    pushl %ebx
    int $0xa1
    popl %ebx
    popl %esi
    popl %edi
    popl %ebp
    ret

    .section .note.GNU-stack, "", @progbits
