/* SPDX-License-Identifier: MIT */
/*
 * Every way into the kernel and out of it, and the switch between kernel stacks.
 *
 * Kernel stack of a thread, from stack_top downwards:
 *
 *   native, ring 1   [trap words of the user][11 registers] C frames
 *   guest running    [trap words of the server's guest_enter]      <- tss.esp0 is below these
 *   guest trapped    [trap words of the server][trap words of the guest][11 registers] C frames
 *
 * The server's trap words thus wait on the kernel stack while its guest runs, and going back to the
 * server is one iret. Trap words and 11 registers together are a struct registers.
 *
 * Fast paths (guest_enter, int 0x80, int 0x2e, sysenter) touch memory only through %ss, which the
 * processor has set to the kernel's on entry: %ds may be limited to user memory, or be the guest's.
 * They need not look at attention on the way out: it is 0 while user code runs, except for a
 * pending kick and ENTER_SLOW, which only guest_enter asks for.
 *
 * active_frame is the frame page of a guest that may use the fast paths; it is NULL whenever ring 1
 * or native code runs, and for guests with an LDT or breakpoints. Those take trap_common.
 */
#include "layout.h"
#include "offsets.h"

#define TSS_STACK machine_tss + TSS_ESP0
#define TLS0_HIGH gdt + 8 * GDT_TLS + 4

.macro FIXUP at, to
    .pushsection .fixups, "a"
    .long \at, \to
    .popsection
.endm

/* The 11 registers of struct registers below the trap words. */
.macro PUSH_REGISTERS
    .irp register, eax, ecx, edx, ebx, ebp, esi, edi, ds, es, fs, gs
    pushl %\register
    .endr
.endm

.macro POP_GENERAL
    .irp register, edi, esi, ebp, ebx, edx, ecx, eax
    popl %\register
    .endr
.endm

/* What the server's code has in its segment registers; nothing of the guest stays loaded. */
.macro LOAD_SERVER_SEGMENTS
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $USER_DS, %ecx
    movl %ecx, %ds
    movl %ecx, %es
.endm

/* A trap without an error code. */
.macro TRAP vector
    movl $\vector, %ss:trap_vector
    movl $0, %ss:trap_error
    jmp trap_common
.endm

.macro LOAD_KERNEL_SEGMENTS scratch
    movl $KERNEL_DS, \scratch
    movl \scratch, %ds
    movl \scratch, %es
.endm

/* Pop a segment register; a selector that has become bad is replaced by the null selector. */
.macro POP_SEGMENT register
91: popl \register
    .pushsection .text.fixup, "ax"
92: movl $0, (%esp)
    jmp 91b
    .popsection
    FIXUP 91b, 92b
.endm

/* The same for the selectors of a guest's frame: its server may have taken a descriptor away. */
.macro LOAD_SEGMENT offset, register
91: mov \offset(%ebp), \register
    .pushsection .text.fixup, "ax"
92: movl $0, \offset(%ebp)
    jmp 91b
    .popsection
    FIXUP 91b, 92b
.endm

    .text

/* ---- guests ---------------------------------------------------------------------------------- */

/* int VECTOR_GUEST_ENTER, which only ring 1 may use. */
    .globl entry_guest_enter
entry_guest_enter:
    movl %ss:current, %ebp
    cmpl $0, THREAD_ATTENTION(%ebp)
    jne guest_enter_slow
    movl %esp, %ss:TSS_STACK
    .irp slot, 0, 1, 2
    movl THREAD_TLS0_HIGH + 8 * \slot(%ebp), %eax
    movl %eax, %ss:TLS0_HIGH + 8 * \slot
    .endr
    movl THREAD_FRAME(%ebp), %ebp
    movl %ebp, %ss:active_frame

/*
 * Into the guest: ebp = its frame, esp = below the server's trap words. The forced RPL keeps the
 * iret from ending anywhere but in ring 3; a code or stack selector that is wrong in any other way faults here
 * and the fault is the guest's, a wrong data selector becomes the null selector.
 */
guest_run:
    pushl R_SS(%ebp)
    pushl R_ESP(%ebp)
    pushl R_EFLAGS(%ebp)
    andl $EFLAGS_USER_MASK, (%esp)
    orl $EFLAGS_USER_SET, (%esp)
    pushl R_CS(%ebp)
    orl $3, (%esp)
    pushl R_EIP(%ebp)
    LOAD_SEGMENT R_GS, %gs
    LOAD_SEGMENT R_FS, %fs
    LOAD_SEGMENT R_ES, %es
    LOAD_SEGMENT R_DS, %ds
    movl R_EDI(%ebp), %edi
    movl R_ESI(%ebp), %esi
    movl R_EBX(%ebp), %ebx
    movl R_EDX(%ebp), %edx
    movl R_ECX(%ebp), %ecx
    movl R_EAX(%ebp), %eax
    movl R_EBP(%ebp), %ebp
1:  iret
    FIXUP 1b, guest_run_fault

guest_run_fault:
    LOAD_KERNEL_SEGMENTS %eax
    pushl trap_error
    call guest_enter_failed
    jmp server_return

guest_enter_slow:
    PUSH_REGISTERS
    LOAD_KERNEL_SEGMENTS %eax
    cld
/* From here also for kernel call 30; esp = struct registers of the server. */
guest_enter_checked:
    pushl %esp
    call guest_enter_prepare
    addl $4, %esp
    testl %eax, %eax
    jz user_exit
    movl %eax, %ebp
    movl current, %ebx
    movl THREAD_STACK_TOP(%ebx), %esp
    subl $TRAP_WORDS_SIZE, %esp
    jmp guest_run

/* Start of a fast trap: ebp = frame, its old value pushed; goes to `slow` if there is no active guest. */
.macro GUEST_SAVE slow
    movl %ss:active_frame, %ebp
    testl %ebp, %ebp
    je \slow
    movw %gs, R_GS(%ebp)
    movw %fs, R_FS(%ebp)
    movw %es, R_ES(%ebp)
    movw %ds, R_DS(%ebp)
    movl %edi, R_EDI(%ebp)
    movl %esi, R_ESI(%ebp)
    movl %ebx, R_EBX(%ebp)
    movl %edx, R_EDX(%ebp)
    movl %ecx, R_ECX(%ebp)
    movl %eax, R_EAX(%ebp)
.endm

/* Back to the server with eax = OK: esp = below its trap words. */
.macro GUEST_LEFT
    LOAD_SERVER_SEGMENTS
    movl %eax, %ss:active_frame
    movl %eax, %ss:TLS0_HIGH
    movl %eax, %ss:TLS0_HIGH + 8
    movl %eax, %ss:TLS0_HIGH + 16
    addl $TRAP_WORDS_SIZE, %ss:TSS_STACK
    iret
.endm

.macro FAST_SYSCALL name, vector
    .balign 16
    .globl \name
\name:
    pushl %ebp
    testb $EFLAGS_VM_BIT >> 16, 14(%esp) /* see leave_vm86 */
    jnz 1f
    GUEST_SAVE 1f
    popl R_EBP(%ebp)
    popl R_EIP(%ebp)
    popl R_CS(%ebp)
    popl R_EFLAGS(%ebp)
    popl R_ESP(%ebp)
    popl R_SS(%ebp)
    movl $REASON_SYSCALL, FRAME_REASON(%ebp)
    movl $\vector, FRAME_VECTOR(%ebp)
    GUEST_LEFT
1:  popl %ebp
    TRAP \vector
.endm

    FAST_SYSCALL entry_unix, 0x80
    FAST_SYSCALL entry_nt, 0x2e

/*
 * sysenter saves nothing and clears only IF, VM and RF. With TF set a debug exception comes before
 * the first instruction here; entry_debug sends it on to entry_sysenter_stepped, which puts TF back
 * into the guest's flags. NT must be cleared before any iret.
 */
    .balign 16
    .globl entry_sysenter
entry_sysenter:
    movl TSS_ESP0(%esp), %esp
    pushl %ebp
    pushfl
sysenter_common:
    pushl $EFLAGS_KERNEL
    popfl
    GUEST_SAVE sysenter_slow
    popl R_EFLAGS(%ebp)
    orl $EFLAGS_USER_SET, R_EFLAGS(%ebp)
    popl %eax
    movl %eax, R_EBP(%ebp)
    movl %eax, R_ESP(%ebp)
    movl $0, R_EIP(%ebp)
    movl $USER_CS, R_CS(%ebp)
    movl $USER_DS, R_SS(%ebp)
    movl $REASON_SYSENTER, FRAME_REASON(%ebp)
    GUEST_LEFT

    .globl entry_sysenter_stepped
entry_sysenter_stepped:
    movl TSS_ESP0(%esp), %esp
    pushl %ebp
    pushfl
    orl $EFLAGS_TF_BIT, (%esp)
    jmp sysenter_common

/* Make the trap words that the processor did not push; trap_handler finds out whose they are. */
sysenter_slow:
    popl %ss:trap_error
    popl %ebp
    pushl $USER_DS
    pushl %ebp
    pushl %ss:trap_error
    orl $EFLAGS_USER_SET, (%esp)
    pushl $USER_CS
    pushl $0
    TRAP VECTOR_SYSENTER

/* ---- kernel calls ---------------------------------------------------------------------------- */

    .balign 16
    .globl entry_call
entry_call:
    PUSH_REGISTERS
    LOAD_KERNEL_SEGMENTS %eax
    cld
    testb $EFLAGS_VM_BIT >> 16, R_EFLAGS + 2(%esp)
    jnz 3f
    movl current, %eax
    cmpb $0, THREAD_SERVER(%eax)
    jne server_call
native_call:
    pushl %ebp
    pushl %edi
    pushl %esi
    pushl %edx
    pushl %ecx
    pushl %ebx
    movl %esp, %eax
    pushl %eax
    pushl R_EAX + 28(%esp)
    call kernel_call_dispatch
    addl $32, %esp
    movl %eax, R_EAX(%esp)
    movl current, %ebx
    testl $ATTENTION_EXIT, THREAD_ATTENTION(%ebx)
    jz 1f
    call kernel_exit_work
1:  addl $8, %esp /* fs and gs still are the caller's: arch_switch keeps them */
    POP_SEGMENT %es
    POP_SEGMENT %ds
    POP_GENERAL
2:  iret
    FIXUP 2b, user_return_fault

/* In a server's thread, ring 3 is the guest, whose int 0xa0 is a trap like any other. */
server_call:
    testb $2, R_CS(%esp)
    jnz 3f
    cmpl $CALL_GUEST_ENTER, R_EAX(%esp)
    jne native_call
    jmp guest_enter_checked
3:  movl $VECTOR_CALL, trap_vector
    movl $0, trap_error
    jmp trap_saved

/* ---- all other traps --------------------------------------------------------------------------- */

/* trap_vector and trap_error are set; nothing between there and here can fault. */
    .globl trap_common
trap_common:
    PUSH_REGISTERS
    LOAD_KERNEL_SEGMENTS %eax
    cld
trap_saved:
    movl %esp, %eax
    pushl trap_error
    pushl trap_vector
    pushl %eax
    call trap_handler
    movl %eax, %esp
    testb $3, R_CS(%esp)
    jz kernel_return

/* Out to user code; esp = its struct registers. */
user_exit:
    movl current, %ebx
    testl $ATTENTION_EXIT, THREAD_ATTENTION(%ebx)
    jz 1f
    call kernel_exit_work
1:  cmpb $0, THREAD_SERVER(%ebx)
    jne server_exit
user_return:
    .irp register, gs, fs, es, ds
    POP_SEGMENT %\register
    .endr
    POP_GENERAL
2:  iret
    FIXUP 2b, user_return_fault

/* The iret refused a native program's or server's own eip or eflags: make it a fault of that code. */
user_return_fault:
    movl $VECTOR_PROTECTION, %ss:trap_vector
    jmp trap_common

server_exit:
    testb $2, R_CS(%esp)
    jz user_return
    cmpb $0, THREAD_IN_GUEST(%ebx)
    je server_return
    pushl %esp
    call guest_resume_prepare
    movl %eax, %ebp
    movl THREAD_STACK_TOP(%ebx), %esp
    subl $TRAP_WORDS_SIZE, %esp
    jmp guest_run

/* guest_enter returns OK; arch_guest_leave has cleared the descriptors and set tss.esp0. */
server_return:
    movl current, %ebx
    movl THREAD_STACK_TOP(%ebx), %esp
    subl $TRAP_WORDS_SIZE, %esp
    LOAD_SERVER_SEGMENTS
    iret

/* Back into the kernel after an interrupt while idle or a fault that was put right. */
kernel_return:
    addl $8, %esp
    popl %es
    popl %ds
    POP_GENERAL
    iret

/*
 * A debug exception inside the kernel is the after-effect of something user code has armed
 * (sysenter with TF, a data breakpoint pending over pop %ss). It is dropped, for any instruction
 * and on any stack, so nothing here may use more than the exception's own three words.
 */
    .globl entry_debug
entry_debug:
    testb $3, 4(%esp)
    jnz 2f
    andl $~EFLAGS_TF_BIT, 8(%esp)
    cmpl $entry_sysenter, (%esp)
    jne 1f
    movl $entry_sysenter_stepped, (%esp)
1:  iret
2:  TRAP VECTOR_DEBUG

/* One stub of 32 bytes per vector, at trap_stubs + 32 * vector. */
    .balign 32
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 32
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    popl %ss:trap_error
    .else
    movl $0, %ss:trap_error
    .endif
    movl $vector, %ss:trap_vector
    jmp trap_common
    .set vector, vector + 1
    .endr

/* Entered as a task: a stack of its own, no way back. */
    .globl entry_double_fault
entry_double_fault:
    call double_fault
    hlt

/* ---- switch of threads --------------------------------------------------------------------------- */

/* void arch_switch(struct thread *from, struct thread *to) */
    .globl arch_switch
arch_switch:
    movl 4(%esp), %eax
    movl 8(%esp), %ecx
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %fs
    pushl %gs
    movl %esp, THREAD_STACK_POINTER(%eax)
    movl THREAD_STACK_POINTER(%ecx), %esp
    pushl %ecx
    call switch_state
    addl $4, %esp
    POP_SEGMENT %gs
    POP_SEGMENT %fs
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

/* First instructions of threads, as arch_thread_init_* laid out their stacks. */
    .globl thread_start_user
thread_start_user:
    call kernel_thread_started
    jmp user_exit

    .globl thread_start_kernel
thread_start_kernel:
    call kernel_thread_started
    xorl %ebp, %ebp
    popl %eax
    call *%eax
    pushl $0
    call thread_exit_current

/* ---- copies ------------------------------------------------------------------------------------ */

/*
 * bool arch_copy_user(void *to, const void *from, uint32_t length)
 *
 * A fault between copy_user_start and copy_user_end is resolved and the instruction tried again, or
 * goes on at copy_user_fault, where esp must be as it is everywhere in between. Plain moves,
 * because an emulator executes rep movs one element at a time.
 */
    .globl arch_copy_user
arch_copy_user:
    pushl %esi
    pushl %edi
    pushl %ebx
    movl 16(%esp), %edi
    movl 20(%esp), %esi
    movl 24(%esp), %edx
    movl %edx, %ecx
    shrl $4, %ecx
    jz 2f
    .globl copy_user_start
copy_user_start:
1:  movl (%esi), %eax
    movl 4(%esi), %ebx
    movl %eax, (%edi)
    movl %ebx, 4(%edi)
    movl 8(%esi), %eax
    movl 12(%esi), %ebx
    movl %eax, 8(%edi)
    movl %ebx, 12(%edi)
    addl $16, %esi
    addl $16, %edi
    decl %ecx
    jnz 1b
2:  movl %edx, %ecx
    andl $15, %ecx
    shrl $2, %ecx
    rep movsl
    movl %edx, %ecx
    andl $3, %ecx
    rep movsb
    .globl copy_user_end
copy_user_end:
    movl $1, %eax
3:  popl %ebx
    popl %edi
    popl %esi
    ret
    .globl copy_user_fault
copy_user_fault:
    xorl %eax, %eax
    jmp 3b

/* void arch_zero_page(void *page) */
    .globl arch_zero_page
arch_zero_page:
    movl 4(%esp), %edx
    xorl %eax, %eax
    movl $PAGE_BYTES / 64, %ecx
1:  .set offset, 0
    .rept 16
    movl %eax, offset(%edx)
    .set offset, offset + 4
    .endr
    addl $64, %edx
    decl %ecx
    jnz 1b
    ret

/* void arch_copy_page(void *to, const void *from) */
    .globl arch_copy_page
arch_copy_page:
    pushl %esi
    pushl %edi
    pushl %ebx
    movl 16(%esp), %edi
    movl 20(%esp), %esi
    movl $PAGE_BYTES / 64, %ecx
1:  .set offset, 0
    .rept 8
    movl offset(%esi), %eax
    movl offset + 4(%esi), %ebx
    movl %eax, offset(%edi)
    movl %ebx, offset + 4(%edi)
    .set offset, offset + 8
    .endr
    addl $64, %esi
    addl $64, %edi
    decl %ecx
    jnz 1b
    popl %ebx
    popl %edi
    popl %esi
    ret

    .bss
    .balign 4096
sysenter_stack:
    .skip SYSENTER_STACK
    .globl machine_tss
machine_tss:
    .skip 104
    .globl io_bitmap
io_bitmap:
    .skip 8193
    .balign 4
    .globl trap_vector
trap_vector:
    .skip 4
    .globl trap_error
trap_error:
    .skip 4

    .section .note.GNU-stack, "", @progbits
