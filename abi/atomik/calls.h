/* SPDX-License-Identifier: MIT */
/* Numbers of the kernel calls, from calls.def. */
#ifndef ATOMIK_CALLS_H
#define ATOMIK_CALLS_H

enum call_number {
#define SYSCALL(number, name, arguments, text) CALL_##name = (number),
#include <atomik/calls.def>
#undef SYSCALL
    CALL_LIMIT = 128 /* above every number */
};

#endif
