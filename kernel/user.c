/* SPDX-License-Identifier: MIT */
/* Copies to and from the memory of the program that made the current kernel call. */
#include <kernel/memory.h>
#include <kernel/thread.h>

/* A native program has what lies below GUEST_LIMIT; a server its guest's memory there and its window. */
status_t user_check(user_t at, uint32_t length)
{
    uint32_t limit = current->process->flags & PROCESS_SERVER ? SERVER_LIMIT : GUEST_LIMIT;
    return at.address >= USER_BASE && at.address < limit && length <= limit - at.address
               ? OK
               : ERR_BAD_ADDRESS;
}

/* What a copy that ended in a fault returns. */
static status_t fault_status(void)
{
    return current->fault_short ? ERR_NO_MEMORY : ERR_BAD_ADDRESS;
}

status_t user_read(void *to, user_t from, uint32_t length)
{
    if (user_check(from, length) != OK)
        return ERR_BAD_ADDRESS;
    current->page_need.vmo = NULL;
    if (arch_copy_user(to, (const void *)(uintptr_t)from.address, length))
        return OK;
    return current->page_need.vmo != NULL ? ERR_SHOULD_WAIT : fault_status(); /* see calls.c */
}

status_t user_write(user_t to, const void *from, uint32_t length)
{
    if (user_check(to, length) != OK)
        return ERR_BAD_ADDRESS;
    return arch_copy_user((void *)(uintptr_t)to.address, from, length) ? OK : fault_status();
}
