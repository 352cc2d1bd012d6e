/* SPDX-License-Identifier: MIT */
/* Priority ceilings of the mutexes that a thread holds. See ceiling.c. */
#ifndef SYSROOT_CEILING_H
#define SYSROOT_CEILING_H

#include "thread.h"

/* Before a mutex is taken and after it is given back. 0 or an errno: EINVAL if the thread's own priority is higher. */
int __atomik_ceiling_take(struct __atomik_thread *self, int ceiling);
void __atomik_ceiling_give(struct __atomik_thread *self, int ceiling);
/* A mutex that it holds has another ceiling now. */
void __atomik_ceiling_change(struct __atomik_thread *self, int from, int to);

#endif
