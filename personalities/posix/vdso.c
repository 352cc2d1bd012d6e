/* SPDX-License-Identifier: MIT */
/* The page that never changes: how guests enter the kernel, and return from signal handlers. */
#include "task.h"

/* clang-format off */
static const uint8_t vdso_code[] = {
    /* 0x00 __kernel_vsyscall: int 0x80; ret */
    0xcd, 0x80, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
    /* 0x10 __kernel_sigreturn: pop eax; mov eax, 119; int 0x80 */
    0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
    /* 0x20 __kernel_rt_sigreturn: mov eax, 173; int 0x80 */
    0xb8, 0xad, 0, 0, 0, 0xcd, 0x80,
};
/* clang-format on */
uint32_t vdso_syscall = VDSO_ADDRESS, vdso_sigreturn = VDSO_ADDRESS + 0x10,
         vdso_rt_sigreturn = VDSO_ADDRESS + 0x20;
static handle_t vdso_vmo;

int mm_init_vdso(void)
{
    status_t status = vmo_create(0, PAGE_SIZE, &vdso_vmo);
    if (status == OK)
        status = vmo_write(vdso_vmo, 0, vdso_code, sizeof vdso_code);
    return errno_of(status);
}

int mm_map_vdso(struct mm *mm)
{
    struct map_request request = {.vmo = vdso_vmo,
                                  .address = VDSO_ADDRESS,
                                  .length = PAGE_SIZE,
                                  .prot = PROT_R | PROT_X,
                                  .flags = MAP_FLAG_FIXED,
                                  .tag = TAG_VDSO};
    return errno_of(space_map(mm->space, &request));
}
