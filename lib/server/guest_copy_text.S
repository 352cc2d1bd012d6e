/* SPDX-License-Identifier: MIT */
/*
 * The loops that touch guest memory. All code between guest_copy_start and guest_copy_end has esp
 * at three saved words (edi, esi, ebx) and, in ebx, the bytes still to do at the last point where
 * esi and edi were exact; a fault in it that no mapping resolves goes on at guest_copy_recover,
 * which returns ebx as it stands. So what a faulting piece had moved of its 32 bytes is not
 * counted; the byte loop that retries the piece makes the count exact.
 *
 * Plain moves, 32 bytes a turn: an emulator executes `rep movs` element by element.
 */
    .text

    .macro ENTER
    pushl %edi
    pushl %esi
    pushl %ebx
    .endm
    .macro LEAVE
    popl %ebx
    popl %esi
    popl %edi
    ret
    .endm

    .globl guest_copy_start
    .globl guest_copy_end
    .globl guest_copy_recover

/* size_t guest_copy_bytes(void *to, const void *from, size_t length) */
    .globl guest_copy_bytes
    .type guest_copy_bytes, @function
guest_copy_bytes:
    ENTER
    movl 16(%esp), %edi
    movl 20(%esp), %esi
    movl 24(%esp), %ebx
    xorl %ecx, %ecx             /* no retry: which loop recovery goes on with */
guest_copy_start:
    cmpl $32, %ebx
    jb 2f
    movl $copy_retry, %ecx
1:  movl (%esi), %eax
    movl 4(%esi), %edx
    movl %eax, (%edi)
    movl %edx, 4(%edi)
    movl 8(%esi), %eax
    movl 12(%esi), %edx
    movl %eax, 8(%edi)
    movl %edx, 12(%edi)
    movl 16(%esi), %eax
    movl 20(%esi), %edx
    movl %eax, 16(%edi)
    movl %edx, 20(%edi)
    movl 24(%esi), %eax
    movl 28(%esi), %edx
    movl %eax, 24(%edi)
    movl %edx, 28(%edi)
    addl $32, %esi
    addl $32, %edi
    subl $32, %ebx
    cmpl $32, %ebx
    jae 1b
2:  cmpl $4, %ebx
    jb 4f
    movl $copy_retry, %ecx
3:  movl (%esi), %eax
    movl %eax, (%edi)
    addl $4, %esi
    addl $4, %edi
    subl $4, %ebx
    cmpl $4, %ebx
    jae 3b
4:
copy_retry:
    xorl %ecx, %ecx
    testl %ebx, %ebx
    jz 6f
5:  movb (%esi), %al
    movb %al, (%edi)
    incl %esi
    incl %edi
    decl %ebx
    jnz 5b
6:  movl %ebx, %eax
    LEAVE

/* size_t guest_zero_bytes(void *to, size_t length) */
    .globl guest_zero_bytes
    .type guest_zero_bytes, @function
guest_zero_bytes:
    ENTER
    movl 16(%esp), %edi
    movl 20(%esp), %ebx
    xorl %eax, %eax
    movl $zero_retry, %ecx
    cmpl $16, %ebx
    jb zero_retry
1:  movl %eax, (%edi)
    movl %eax, 4(%edi)
    movl %eax, 8(%edi)
    movl %eax, 12(%edi)
    addl $16, %edi
    subl $16, %ebx
    cmpl $16, %ebx
    jae 1b
zero_retry:
    xorl %ecx, %ecx
    testl %ebx, %ebx
    jz 3f
2:  movb $0, (%edi)
    incl %edi
    decl %ebx
    jnz 2b
3:  movl %ebx, %eax
    LEAVE

/* int32_t guest_copy_text(char *to, const char *from, size_t max) */
    .globl guest_copy_text
    .type guest_copy_text, @function
guest_copy_text:
    ENTER
    movl 16(%esp), %edi
    movl 20(%esp), %esi
    movl 24(%esp), %edx
    movl $-1, %ebx              /* what recovery returns */
    xorl %ecx, %ecx
    testl %edx, %edx
    jz 2f
1:  movb (%esi), %al
    movb %al, (%edi)
    testb %al, %al
    jz 3f
    incl %esi
    incl %edi
    decl %edx
    jnz 1b
2:  movl $-2, %ebx
    jmp 4f
3:  movl %edi, %ebx
    subl 16(%esp), %ebx
4:  movl %ebx, %eax
    LEAVE

/* status_t guest_load_word(uint32_t guest, uint32_t *to) */
    .globl guest_load_word
    .type guest_load_word, @function
guest_load_word:
    ENTER
    movl 16(%esp), %esi
    movl 20(%esp), %edi
    movl $-1, %ebx
    xorl %ecx, %ecx
    movl (%esi), %eax
    movl %eax, (%edi)
    xorl %eax, %eax
    LEAVE

/* status_t guest_exchange_word(uint32_t guest, uint32_t expected, uint32_t desired, uint32_t *found) */
    .globl guest_exchange_word
    .type guest_exchange_word, @function
guest_exchange_word:
    ENTER
    movl 16(%esp), %esi
    movl 20(%esp), %eax
    movl 24(%esp), %edx
    movl 28(%esp), %edi
    movl $-1, %ebx
    xorl %ecx, %ecx
    lock cmpxchgl %edx, (%esi)
    movl %eax, (%edi)
    xorl %eax, %eax
    LEAVE
guest_copy_end:

guest_copy_recover:
    testl %ecx, %ecx            /* a block move: go on byte by byte up to the fault */
    jz 1f
    jmp *%ecx
1:  movl %ebx, %eax
    LEAVE

    .section .note.GNU-stack, "", @progbits
