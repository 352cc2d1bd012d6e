/* SPDX-License-Identifier: MIT */
/* Running a guest: see guest_enter in abi/atomik/calls.def. */
#ifndef SERVER_GUEST_ENTER_H
#define SERVER_GUEST_ENTER_H

#include <atomik/types.h>

/* Runs the guest of the calling thread's frame page until it traps; then the reason is in the frame. */
status_t guest_enter_fast(void) __attribute__((warn_unused_result));

#endif
