/* SPDX-License-Identifier: MIT */
/*
 * Scalar types and constants shared by the kernel and every program.
 * Times are nanoseconds; a deadline is an absolute time of CLOCK_MONOTONIC.
 */
#ifndef ATOMIK_TYPES_H
#define ATOMIK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t status_t;  /* 0 or a negative code of errors.def */
typedef uint32_t handle_t; /* 0 is never a valid handle */
typedef uint64_t ktime_t;  /* nanoseconds */

#define HANDLE_NONE ((handle_t)0)
/* Stands for the caller's own process, thread or address space where a call says so. */
#define HANDLE_SELF ((handle_t)0)

#define DEADLINE_NEVER UINT64_MAX   /* wait without limit */
#define DEADLINE_POLL  ((ktime_t)0) /* do not wait: SHOULD_WAIT at once */

#define PAGE_SIZE 4096u
#define PAGE_MASK (PAGE_SIZE - 1)

/* The fixed map of every address space; see docs/architecture.md. */
#define USER_BASE    0x00001000u
#define GUEST_LIMIT  0xA0000000u /* guests and native programs end here */
#define SERVER_BASE  0xA0000000u /* personality server window, ring 1 */
#define SERVER_LIMIT 0xC0000000u
#define KERNEL_BASE  0xC0000000u

enum status {
    OK = 0,
#define ERROR(code, name, errno_value, ntstatus, text) ERR_##name = (code),
#include <atomik/errors.def>
#undef ERROR
};

#endif
