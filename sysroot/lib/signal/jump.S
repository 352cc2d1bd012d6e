/* SPDX-License-Identifier: MIT */
/*
 * setjmp and longjmp: ebx esi edi ebp esp eip. sigsetjmp puts behind them whether it saved the signal
 * mask, and the mask.
 */
    .text
    .globl setjmp, _setjmp, sigsetjmp, longjmp, _longjmp
    .type setjmp, @function
    .type _setjmp, @function
    .type sigsetjmp, @function
    .type longjmp, @function
    .type _longjmp, @function
setjmp:
_setjmp:
    movl 4(%esp), %eax
    movl %ebx, (%eax)
    movl %esi, 4(%eax)
    movl %edi, 8(%eax)
    movl %ebp, 12(%eax)
    leal 4(%esp), %ecx
    movl %ecx, 16(%eax)
    movl (%esp), %ecx
    movl %ecx, 20(%eax)
    xorl %eax, %eax
    ret

sigsetjmp:
    movl 4(%esp), %eax
    movl 8(%esp), %ecx
    movl %ecx, 24(%eax)
    testl %ecx, %ecx
    jz setjmp
    pushl %ebx
    pushl %esi
    leal 28(%eax), %edx      /* rt_sigprocmask(SIG_SETMASK, NULL, &mask, 8) */
    movl $2, %ebx
    xorl %ecx, %ecx
    movl $8, %esi
    movl $175, %eax
    int $0x80
    popl %esi
    popl %ebx
    jmp setjmp

longjmp:
_longjmp:
    movl 4(%esp), %edx
    movl 8(%esp), %eax
    testl %eax, %eax
    jnz 1f
    incl %eax
1:  movl (%edx), %ebx
    movl 4(%edx), %esi
    movl 8(%edx), %edi
    movl 12(%edx), %ebp
    movl 16(%edx), %esp
    jmp *20(%edx)

    .globl siglongjmp
    .type siglongjmp, @function
siglongjmp:
    movl 4(%esp), %eax
    cmpl $0, 24(%eax)
    je longjmp
    leal 28(%eax), %ecx      /* rt_sigprocmask(SIG_SETMASK, &mask, NULL, 8) */
    movl $2, %ebx
    xorl %edx, %edx
    movl $8, %esi
    movl $175, %eax
    int $0x80
    jmp longjmp

    .section .note.GNU-stack, "", @progbits
