/* SPDX-License-Identifier: MIT */
/*
 * The multiboot entry: runs at its physical address with paging off. Builds a page directory of
 * 4 MiB pages that shows the first 16 MiB of memory at 0 and all of the direct map at
 * DIRECT_MAP_BASE, turns paging on and calls arch_main(magic, address of the multiboot information)
 * at its linked address. paging.c later makes the final directory.
 */
#include "layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* modules on page boundaries, memory information */
#define PHYSICAL(symbol) ((symbol) - DIRECT_MAP_BASE)
#define BOOT_STACK_SIZE 8192

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .section .boot, "ax"
    .globl boot_entry
boot_entry:
    cli
    cld
    movl %eax, %esi
    movl %ebx, %edi
    movl $PHYSICAL(boot_stack_end), %esp

    /* A processor without CPUID cannot toggle eflags bit 21; PSE is bit 3 of leaf 1. */
    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $0x200000, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    cmpl %eax, %ecx
    je no_large_pages
    movl $1, %eax
    cpuid
    testl $0x8, %edx
    jz no_large_pages

    movl $PHYSICAL(boot_directory), %ebx
    movl $PDE_LARGE_KERNEL, %eax
    xorl %ecx, %ecx
1:  movl %eax, (DIRECT_MAP_BASE >> 20)(%ebx, %ecx, 4)
    cmpl $4, %ecx
    jae 2f
    movl %eax, (%ebx, %ecx, 4)
2:  addl $0x400000, %eax
    incl %ecx
    cmpl $224, %ecx
    jb 1b

    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl %ebx, %cr3
    movl %cr0, %eax
    orl $0x80010000, %eax /* paging, write protection in the kernel */
    movl %eax, %cr0
    movl $boot_high, %eax
    jmp *%eax

/* Text at the top of the screen is all that can be done without paging. */
no_large_pages:
    movl $PHYSICAL(old_cpu_text), %esi
    movl $0xb8000, %edi
    movb $0x4f, %ah
3:  lodsb
    testb %al, %al
    jz 4f
    stosw
    jmp 3b
4:  hlt
    jmp 4b

    .section .rodata
old_cpu_text:
    .asciz "Atomik needs a processor with 4 MiB pages (Pentium or later)."

    .text
boot_high:
    movl $boot_stack_end, %esp
    xorl %ebp, %ebp
    pushl $EFLAGS_KERNEL
    popfl
    pushl %edi
    pushl %esi
    call arch_main
5:  hlt
    jmp 5b

    .section .bss
    .balign 4096
    .globl boot_directory
boot_directory:
    .skip 4096
    .skip BOOT_STACK_SIZE
    .globl boot_stack_end
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
