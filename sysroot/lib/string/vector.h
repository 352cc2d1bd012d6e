/* SPDX-License-Identifier: MIT */
/*
 * What the string functions share: 16 bytes at a time where the processor has SSE2, looked up when such
 * a function is first called. Reading 16 aligned bytes never leaves a page that the string is in.
 */
#ifndef SYSROOT_STRING_VECTOR_H
#define SYSROOT_STRING_VECTOR_H

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTOR __attribute__((target("sse2"), optimize("no-tree-loop-distribute-patterns")))
#define PLAIN  __attribute__((optimize("no-tree-loop-distribute-patterns")))

bool __atomik_has_sse2(void);
bool __atomik_has_fast_rep(void);

#define LOAD(address)                 _mm_loadu_si128((const __m128i *)(address))
#define LOAD_ALIGNED(address)         _mm_load_si128((const __m128i *)(address))
#define STORE(address, value)         _mm_storeu_si128((__m128i *)(address), value)
#define STORE_ALIGNED(address, value) _mm_store_si128((__m128i *)(address), value)
#define LOAD8(address)                _mm_loadl_epi64((const __m128i *)(address))
#define STORE8(address, value)        _mm_storel_epi64((__m128i *)(address), value)
/* A bit for each byte that is equal in both. */
#define EQUAL(a, b) ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)))

typedef uint32_t __attribute__((may_alias, aligned(1))) loose32;
typedef uint16_t __attribute__((may_alias, aligned(1))) loose16;

#endif
