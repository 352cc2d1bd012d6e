/* SPDX-License-Identifier: MIT */
/*
 * getcontext, setcontext, swapcontext. Offsets of ucontext_t: gregs at 20 (gs fs es ds edi esi ebp esp
 * ebx edx ecx eax trapno err eip), uc_sigmask at 108. The signal mask is part of a context.
 */
    .set GREGS, 20
    .set EDI, GREGS + 4 * 4
    .set ESI, GREGS + 4 * 5
    .set EBP, GREGS + 4 * 6
    .set ESP, GREGS + 4 * 7
    .set EBX, GREGS + 4 * 8
    .set EAX, GREGS + 4 * 11
    .set EIP, GREGS + 4 * 14
    .set SIGMASK, 108

    .text
    .globl getcontext, setcontext, swapcontext
    .type getcontext, @function
    .type setcontext, @function
    .type swapcontext, @function

/* Saves the caller's registers at eax; the mask by rt_sigprocmask(SIG_SETMASK, NULL, mask, 8). */
    .macro save
    movl %edi, EDI(%eax)
    movl %esi, ESI(%eax)
    movl %ebp, EBP(%eax)
    movl %ebx, EBX(%eax)
    leal 4(%esp), %ecx
    movl %ecx, ESP(%eax)
    movl (%esp), %ecx
    movl %ecx, EIP(%eax)
    movl $0, EAX(%eax)
    .endm

getcontext:
    movl 4(%esp), %eax
    save
    pushl %ebx
    pushl %esi
    leal SIGMASK(%eax), %edx
    xorl %ecx, %ecx
    movl $2, %ebx
    movl $8, %esi
    movl $175, %eax
    int $0x80
    popl %esi
    popl %ebx
    xorl %eax, %eax
    ret

setcontext:
    movl 4(%esp), %edi
    leal SIGMASK(%edi), %ecx
    xorl %edx, %edx
restore:
    movl $2, %ebx
    movl $8, %esi
    movl $175, %eax
    int $0x80
    movl %edi, %eax
    movl EDI(%eax), %edi
    movl ESI(%eax), %esi
    movl EBP(%eax), %ebp
    movl EBX(%eax), %ebx
    movl ESP(%eax), %esp
    movl EIP(%eax), %ecx
    movl EAX(%eax), %eax
    jmp *%ecx

swapcontext:
    movl 4(%esp), %eax
    save
    leal SIGMASK(%eax), %edx
    movl 8(%esp), %edi
    leal SIGMASK(%edi), %ecx
    jmp restore

/* What a function of makecontext returns to: ebx is the context that follows, or null,
 * esi the stack. Both are the function's to keep. */
    .globl __atomik_context_end
    .type __atomik_context_end, @function
__atomik_context_end:
    movl %esi, %esp          /* the stack as it was before the arguments */
    testl %ebx, %ebx
    jz 1f
    pushl %ebx
    call setcontext
1:  pushl $0
    call exit
    hlt

    .section .note.GNU-stack, "", @progbits
