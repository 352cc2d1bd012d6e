/* SPDX-License-Identifier: MIT */
/*
 * The only way in which a personality server touches guest memory. The guest whose space the
 * calling thread has attached is meant; every address is checked against guest_limit first, and a
 * fault that no mapping resolves ends the copy with ERR_BAD_ADDRESS (what was copied before it
 * stays copied). guest_copy_init registers the recovery range; call it once, first thing in main.
 */
#ifndef SERVER_GUEST_COPY_H
#define SERVER_GUEST_COPY_H

#include <atomik/types.h>

/* First address that is not the guest's. GUEST_LIMIT unless the server lowers it (NT: 0x7fff0000). */
extern uint32_t guest_limit;

status_t guest_copy_init(void);

status_t guest_copy_in(void *to, uint32_t guest, size_t length) __attribute__((warn_unused_result));
status_t guest_copy_out(uint32_t guest, const void *from, size_t length)
    __attribute__((warn_unused_result));
status_t guest_fill_zero(uint32_t guest, size_t length) __attribute__((warn_unused_result));
/*
 * A terminated string into `to`, terminated there. The length without the terminator, or
 * ERR_BAD_ADDRESS, or ERR_NAME_TOO_LONG if it needs more than `max` bytes with its terminator.
 */
int32_t guest_copy_string(char *to, uint32_t guest, size_t max) __attribute__((warn_unused_result));
/* Single words, any alignment. */
status_t guest_load32(uint32_t *to, uint32_t guest) __attribute__((warn_unused_result));
status_t guest_store32(uint32_t guest, uint32_t value) __attribute__((warn_unused_result));
/* Atomically: if *guest == expected, *guest = desired; *found is what was there. */
status_t guest_compare_exchange32(uint32_t guest, uint32_t expected, uint32_t desired,
                                  uint32_t *found) __attribute__((warn_unused_result));

/*
 * A copy within the server where one side is a view of memory that others can shrink, or whose
 * pages may be missing for want of memory. What was copied before the fault stays.
 */
status_t view_copy(void *to, const void *from, size_t length) __attribute__((warn_unused_result));

/*
 * How many bytes from `guest` on were readable/writable is sometimes wanted after a failure
 * (partial reads and writes): bytes moved before the fault, *moved <= length.
 */
status_t guest_copy_in_partial(void *to, uint32_t guest, size_t length, size_t *moved)
    __attribute__((warn_unused_result));
status_t guest_copy_out_partial(uint32_t guest, const void *from, size_t length, size_t *moved)
    __attribute__((warn_unused_result));

#endif
