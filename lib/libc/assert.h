/* SPDX-License-Identifier: MIT */
/* assert: a violated invariant is logged and ends the process. */
#ifndef LIBC_ASSERT_H
#define LIBC_ASSERT_H

void assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));
#define assert(condition) ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))
#define static_assert _Static_assert

#endif
