/* SPDX-License-Identifier: MIT */
/* Memory from the system. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system.h"

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (offset & 4095 || offset < 0) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    if (length > PTRDIFF_MAX || offset >> 12 > UINT32_MAX) {
        errno = length > PTRDIFF_MAX ? ENOMEM : EOVERFLOW;
        return MAP_FAILED;
    }
    return (void *)RESULT(
        CALL(mmap2, address, length, protection, flags, fd, (uint32_t)(offset >> 12)));
}

void *mremap(void *address, size_t old, size_t new, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    void *wanted = flags & MREMAP_FIXED ? va_arg(list, void *) : NULL;
    va_end(list);
    return (void *)RESULT(CALL(mremap, address, old, new, flags, wanted));
}

/* POSIX's advice may not lose data, which MADV_DONTNEED does. */
int posix_madvise(void *address, size_t length, int advice)
{
    if (advice == POSIX_MADV_DONTNEED)
        advice = MADV_NORMAL;
    return (int)-CALL(madvise, address, length, advice);
}

static uintptr_t break_now(void)
{
    return (uintptr_t)CALL(brk, 0);
}

static uintptr_t end;

int brk(void *address)
{
    if ((uintptr_t)CALL(brk, address) != (uintptr_t)address) {
        errno = ENOMEM;
        return -1;
    }
    end = (uintptr_t)address;
    return 0;
}

void *sbrk(ptrdiff_t increment)
{
    if (!end)
        end = break_now();
    uintptr_t before = end;
    if (increment && brk((void *)(before + (uintptr_t)increment)) < 0)
        return (void *)-1;
    return (void *)before;
}
