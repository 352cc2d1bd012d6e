/* SPDX-License-Identifier: MIT */
/* Kernel calls as they lie in the registers of a thread that is about to make one. */
#ifndef NATIVE_SNAPSHOT_CALLS_H
#define NATIVE_SNAPSHOT_CALLS_H

#include <atomik/objects.h>

/* The number of the call that a thread is about to make, or 0. */
uint32_t calls_pending(handle_t space, const struct registers *regs);
/* The deadline among its arguments; false: it has none. And another one instead. */
bool calls_deadline(const struct registers *regs, uint64_t *deadline);
void calls_set_deadline(struct registers *regs, uint64_t deadline);
/* Its name and first arguments, as a line for readers. */
void calls_describe(const struct registers *regs, char *text, size_t size);

#endif
