/* SPDX-License-Identifier: MIT */
/* The child runs on the parent's stack: the return address must outlive the child's return. */
    .section .text.vfork, "ax", @progbits
    .globl vfork
    .type vfork, @function
vfork:
    popl %ecx
    movl $190, %eax
    int $0x80
    pushl %ecx
    cmpl $-4095, %eax
    jae 1f
    ret
1:  pushl %eax
    call __atomik_failed
    addl $4, %esp
    ret
    .size vfork, . - vfork

    .section .note.GNU-stack, "", @progbits
