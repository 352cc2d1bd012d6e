/* SPDX-License-Identifier: MIT */
/*
 * Range checks in C, copies in guest_copy_text.S. What the assembler loops return is the number of
 * bytes not moved; 0 is success. The recovery handler of the range makes a faulting loop return
 * what was still to do.
 */
#include <server/guest_copy.h>

#include <atomik/syscall.h>

uint32_t guest_limit = GUEST_LIMIT;

/* In guest_copy_text.S. */
size_t guest_copy_bytes(void *to, const void *from, size_t length);
size_t guest_zero_bytes(void *to, size_t length);
int32_t guest_copy_text(char *to, const char *from, size_t max); /* length, -1 fault, -2 no end */
status_t guest_load_word(uint32_t guest, uint32_t *to);
status_t guest_exchange_word(uint32_t guest, uint32_t expected, uint32_t desired, uint32_t *found);
extern const char guest_copy_start[], guest_copy_end[], guest_copy_recover[];

status_t guest_copy_init(void)
{
    return process_set_recovery((uintptr_t)guest_copy_start, (uintptr_t)guest_copy_end,
                                (uintptr_t)guest_copy_recover);
}

static bool within_limit(uint32_t guest, size_t length)
{
    return guest <= guest_limit && length <= guest_limit - guest;
}

status_t guest_copy_in(void *to, uint32_t guest, size_t length)
{
    if (!within_limit(guest, length))
        return ERR_BAD_ADDRESS;
    return guest_copy_bytes(to, (const void *)guest, length) == 0 ? OK : ERR_BAD_ADDRESS;
}

status_t guest_copy_out(uint32_t guest, const void *from, size_t length)
{
    if (!within_limit(guest, length))
        return ERR_BAD_ADDRESS;
    return guest_copy_bytes((void *)guest, from, length) == 0 ? OK : ERR_BAD_ADDRESS;
}

status_t view_copy(void *to, const void *from, size_t length)
{
    return guest_copy_bytes(to, from, length) == 0 ? OK : ERR_BAD_ADDRESS;
}

/* The part of the range below the limit is tried. */
status_t guest_copy_in_partial(void *to, uint32_t guest, size_t length, size_t *moved)
{
    size_t part = guest > guest_limit            ? 0
                  : length < guest_limit - guest ? length
                                                 : guest_limit - guest;
    *moved = part - guest_copy_bytes(to, (const void *)guest, part);
    return *moved == length ? OK : ERR_BAD_ADDRESS;
}

status_t guest_copy_out_partial(uint32_t guest, const void *from, size_t length, size_t *moved)
{
    size_t part = guest > guest_limit            ? 0
                  : length < guest_limit - guest ? length
                                                 : guest_limit - guest;
    *moved = part - guest_copy_bytes((void *)guest, from, part);
    return *moved == length ? OK : ERR_BAD_ADDRESS;
}

status_t guest_fill_zero(uint32_t guest, size_t length)
{
    if (!within_limit(guest, length))
        return ERR_BAD_ADDRESS;
    return guest_zero_bytes((void *)guest, length) == 0 ? OK : ERR_BAD_ADDRESS;
}

int32_t guest_copy_string(char *to, uint32_t guest, size_t max)
{
    if (guest >= guest_limit)
        return ERR_BAD_ADDRESS;
    bool cut = max > guest_limit - guest;
    int32_t length = guest_copy_text(to, (const char *)guest, cut ? guest_limit - guest : max);
    if (length >= 0)
        return length;
    return length == -1 || cut ? ERR_BAD_ADDRESS : ERR_NAME_TOO_LONG;
}

status_t guest_load32(uint32_t *to, uint32_t guest)
{
    if (!within_limit(guest, sizeof *to))
        return ERR_BAD_ADDRESS;
    return guest_load_word(guest, to) == 0 ? OK : ERR_BAD_ADDRESS;
}

status_t guest_store32(uint32_t guest, uint32_t value)
{
    return guest_copy_out(guest, &value, sizeof value);
}

status_t guest_compare_exchange32(uint32_t guest, uint32_t expected, uint32_t desired,
                                  uint32_t *found)
{
    if (!within_limit(guest, sizeof(uint32_t)))
        return ERR_BAD_ADDRESS;
    return guest_exchange_word(guest, expected, desired, found) == 0 ? OK : ERR_BAD_ADDRESS;
}
