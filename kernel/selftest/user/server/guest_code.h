/* SPDX-License-Identifier: MIT */
/* Pieces of guest code, position-independent, each copied to GUEST_CODE before it runs. */
#ifndef KERNEL_SELFTEST_USER_SERVER_GUEST_CODE_H
#define KERNEL_SELFTEST_USER_SERVER_GUEST_CODE_H

#define GUEST_CODES(CODE)                                                     \
    CODE(syscall_80)  /* int $0x80 twice */                                   \
    CODE(int_patched) /* int N; the second byte is patched */                 \
    CODE(sysenter)                                                            \
    CODE(spin)                                                                \
    CODE(load_ebx)  /* movl (%ebx), %eax; int $0x80 */                        \
    CODE(store_ebx) /* movl %eax, (%ebx); int $0x80 */                        \
    CODE(jump_ebx)                                                            \
    CODE(popf_all) /* popf with every bit set, pushf, popl %eax; int $0x80 */ \
    CODE(hlt)                                                                 \
    CODE(cli)                                                                 \
    CODE(port_out)                                                            \
    CODE(load_cr0)                                                            \
    CODE(lidt)                                                                \
    CODE(divide)                                                              \
    CODE(undefined)                                                           \
    CODE(breakpoint)                                                          \
    CODE(load_gs)   /* movl %gs:0, %eax; int $0x80 */                         \
    CODE(far_call)  /* call to selector in the patched bytes */               \
    CODE(fpu_pi)    /* fldpi */                                               \
    CODE(fpu_one)   /* fld1 */                                                \
    CODE(fpu_store) /* fstpl (%ebx) */                                        \
    CODE(segments)  /* fs, gs, ds into eax, ebx, ecx */

#define CODE(name) extern const char guest_##name[], guest_##name##_end[];
GUEST_CODES(CODE)
#undef CODE

#endif
