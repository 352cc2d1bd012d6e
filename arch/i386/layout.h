/* SPDX-License-Identifier: MIT */
/*
 * Numbers that the assembly and the C of this directory share: selectors, vectors, addresses.
 *
 * The GDT's order is bound by two things: sysenter wants kernel code and data next to each other,
 * and TLS slot 0 is index 6 because that is where Linux i386 programs expect it.
 */
#ifndef ARCH_I386_LAYOUT_H
#define ARCH_I386_LAYOUT_H

#define GDT_KERNEL_CODE      1
#define GDT_KERNEL_DATA      2
#define GDT_USER_CODE        3
#define GDT_USER_DATA        4
#define GDT_TSS              5
#define GDT_TLS              6 /* three slots */
#define GDT_SERVER_CODE      9
#define GDT_SERVER_DATA      10
#define GDT_LDT              11
#define GDT_DOUBLE_FAULT_TSS 12
#define GDT_ENTRIES          13

#define KERNEL_CS             0x08
#define KERNEL_DS             0x10
#define USER_CS               0x1b
#define USER_DS               0x23
#define TSS_SELECTOR          0x28
#define TLS0_SELECTOR         0x33
#define SERVER_CS             0x49
#define SERVER_SS             0x51
#define LDT_SELECTOR          0x58
#define DOUBLE_FAULT_SELECTOR 0x60

/* The only eflags that ring 3 and ring 1 choose themselves; IF is always set. */
#define EFLAGS_USER_MASK 0x00254dd5
#define EFLAGS_USER_SET  0x00000202
#define EFLAGS_KERNEL    0x00000002
#define EFLAGS_TF_BIT    0x100
#define EFLAGS_VM_BIT    0x20000

#define VECTOR_DEBUG          1
#define VECTOR_NMI            2
#define VECTOR_BREAKPOINT     3
#define VECTOR_OVERFLOW       4
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_NO_FPU         7
#define VECTOR_DOUBLE_FAULT   8
#define VECTOR_PROTECTION     13
#define VECTOR_PAGE_FAULT     14
#define VECTOR_CALL           0xa0
#define VECTOR_GUEST_ENTER    0xa1
#define VECTOR_IRQ            0xf0
#define VECTOR_SYSENTER       0x100 /* not a vector: how trap_handler is told of a sysenter */

/* Words that the processor pushes at a trap from an outer ring: eip cs eflags esp ss. */
#define TRAP_WORDS_SIZE 20

#define KERNEL_PHYSICAL 0x00100000
#define DIRECT_MAP_BASE 0xc0000000
#define STACKS_BASE     0xf8000000 /* kernel stacks, up to TEMPORARY_BASE */
#define TEMPORARY_BASE  0xff800000 /* page table of the temporary views */

/* Room below the TSS for an exception that hits the first instruction of sysenter (debug, NMI). */
#define SYSENTER_STACK 1024

#define PAGE_BYTES       4096
#define PDE_LARGE_KERNEL 0x083 /* present, writable, 4 MiB */

#endif
