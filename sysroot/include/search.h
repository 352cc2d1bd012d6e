/* SPDX-License-Identifier: MIT */
#include_next <search.h>

#ifndef _ATOMIK_SEARCH_H
#define _ATOMIK_SEARCH_H

#ifdef __cplusplus
extern "C" {
#endif

void insque(void *, void *);
void remque(void *);
void *lfind(const void *, const void *, size_t *, size_t, int (*)(const void *, const void *));
void *lsearch(const void *, void *, size_t *, size_t, int (*)(const void *, const void *));

#ifdef __cplusplus
}
#endif

#endif
