/* SPDX-License-Identifier: MIT */
/*
 * Bodies of the kernel call stubs. The argument words of a call are, by construction of calls.def,
 * the words that the i386 calling convention pushes for the prototype in syscall.h; so one common
 * tail serves every call.
 */
#include <atomik/syscall.h>

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

__asm__(".text\n"
        ".local kernel_call_common\n"
        "kernel_call_common:\n"
        "    pushl %ebp\n"
        "    pushl %edi\n"
        "    pushl %esi\n"
        "    pushl %ebx\n"
        "    movl 20(%esp), %ebx\n"
        "    movl 24(%esp), %ecx\n"
        "    movl 28(%esp), %edx\n"
        "    movl 32(%esp), %esi\n"
        "    movl 36(%esp), %edi\n"
        "    movl 40(%esp), %ebp\n"
        "    int $" STRING(CALL_VECTOR) "\n"
                                        "    popl %ebx\n"
                                        "    popl %esi\n"
                                        "    popl %edi\n"
                                        "    popl %ebp\n"
                                        "    ret\n");

#define SYSCALL(number, name, arguments, text)         \
    __asm__(".globl " #name "\n"                       \
            ".type " #name ", @function\n" #name ":\n" \
            "    movl $" #number ", %eax\n"            \
            "    jmp kernel_call_common\n");
#include <atomik/calls.def>
#undef SYSCALL
