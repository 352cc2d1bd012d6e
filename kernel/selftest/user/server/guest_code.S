/* SPDX-License-Identifier: MIT */
/* See guest_code.h. */
.macro begin name
    .globl guest_\name
guest_\name:
.endm
.macro end name
    .globl guest_\name\()_end
guest_\name\()_end:
.endm

    .section .rodata
begin syscall_80
    int $0x80
    int $0x80
end syscall_80
begin int_patched
    int $0x80
    nop
end int_patched
begin sysenter
    sysenter
end sysenter
begin spin
1:  incl %ecx
    jmp 1b
end spin
begin load_ebx
    movl (%ebx), %eax
    int $0x80
end load_ebx
begin store_ebx
    movl %eax, (%ebx)
    int $0x80
end store_ebx
begin jump_ebx
    jmp *%ebx
end jump_ebx
begin popf_all
    movl $0x00003fd7, %eax
    andl $~0x100, %eax
    pushl %eax
    popf
    pushf
    popl %eax
    int $0x80
end popf_all
begin hlt
    hlt
end hlt
begin cli
    cli
end cli
begin port_out
    outb %al, $0x80
end port_out
begin load_cr0
    movl %eax, %cr0
end load_cr0
begin lidt
    lidt (%esp)
end lidt
begin divide
    xorl %ecx, %ecx
    xorl %edx, %edx
    divl %ecx
end divide
begin undefined
    ud2
end undefined
begin breakpoint
    int3
    nop
end breakpoint
begin load_gs
    movl %gs:0, %eax
    int $0x80
end load_gs
begin far_call
    lcall $0x08, $0
end far_call
begin fpu_pi
    fninit
    fldpi
    int $0x80
end fpu_pi
begin fpu_one
    fninit
    fld1
    int $0x80
end fpu_one
begin fpu_store
    fstpl (%ebx)
    fwait
    int $0x80
end fpu_store
begin segments
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    movw %fs, %ax
    movw %gs, %bx
    movw %ds, %cx
    int $0x80
end segments

    .section .note.GNU-stack, "", @progbits
