/* SPDX-License-Identifier: MIT */
/* A new thread on its stack, and the end of a detached one, which frees the stack that it stands on. */
    .text
/* int __atomik_clone(void *stack, struct __atomik_thread *thread, void *descriptor): the negative errno,
 * or the thread's id, which is also in thread->tid. */
    .globl __atomik_clone
    .type __atomik_clone, @function
__atomik_clone:
    pushl %ebx
    pushl %esi
    pushl %edi
    movl 16(%esp), %ecx
    movl 20(%esp), %edx
    movl 24(%esp), %esi
    subl $16, %ecx
    movl %edx, (%ecx)
    addl $0x18, %edx         /* tid: set by the kernel, and cleared when the thread is gone */
    movl %edx, %edi
    /* VM FS FILES SIGHAND THREAD SYSVSEM SETTLS PARENT_SETTID CHILD_CLEARTID */
    movl $0x3d0f00, %ebx
    movl $120, %eax
    int $0x80
    testl %eax, %eax
    jz 1f
    popl %edi
    popl %esi
    popl %ebx
    ret
1:  xorl %ebp, %ebp
    call __atomik_thread_main
    hlt
    .size __atomik_clone, . - __atomik_clone

/* void __atomik_unmap_exit(void *map, size_t size): all signals are blocked. */
    .globl __atomik_unmap_exit
    .type __atomik_unmap_exit, @function
__atomik_unmap_exit:
    movl 4(%esp), %ebx
    movl 8(%esp), %ecx
    movl $91, %eax
    int $0x80
    xorl %ebx, %ebx
    movl $1, %eax
    int $0x80
    hlt
    .size __atomik_unmap_exit, . - __atomik_unmap_exit

    .section .note.GNU-stack, "", @progbits
