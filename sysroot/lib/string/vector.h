/* SPDX-License-Identifier: MIT */
/*
 * What the string functions share: 16 bytes at a time where the processor has SSE2, looked up when such
 * a function is first called. Reading 16 aligned bytes never leaves a page that the string is in.
 */
#ifndef SYSROOT_STRING_VECTOR_H
#define SYSROOT_STRING_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Callers of other compilers (tcc) keep the stack at 4 bytes: a function that spills a vector aligns it itself. */
#define VECTOR __attribute__((target("sse2"), force_align_arg_pointer))

bool __atomik_has_sse2(void);
bool __atomik_has_fast_rep(void);

typedef char vector __attribute__((vector_size(16), may_alias));
typedef char loose_vector __attribute__((vector_size(16), may_alias, aligned(1)));
#define LOAD(address)                 ((vector) * (const loose_vector *)(address))
#define LOAD_ALIGNED(address)         (*(const vector *)(address))
#define STORE(address, value)         (*(loose_vector *)(address) = (loose_vector)(value))
#define STORE_ALIGNED(address, value) (*(vector *)(address) = (value))
#define ALL(value)                    ((vector){0} + (char)(value))
/* A bit for each byte of a comparison's result. */
#define BITS(compared) ((unsigned)__builtin_ia32_pmovmskb128((vector)(compared)))
#define EQUAL(a, b)    BITS((a) == (b))

typedef uint32_t __attribute__((may_alias, aligned(1))) loose32;
typedef uint16_t __attribute__((may_alias, aligned(1))) loose16;

#endif
