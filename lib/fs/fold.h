/* SPDX-License-Identifier: MIT */
/*
 * Names without case: every letter stands for its capital one by Unicode's simple mapping, code point by code point, as NT
 * compares names. Text is UTF-8; bytes that are not are their own.
 */
#ifndef FS_FOLD_H
#define FS_FOLD_H

#include <atomik/types.h>

uint32_t fs_fold(uint32_t code);
bool fs_names_same(const char *a, size_t a_length, const char *b, size_t b_length);
/* The same for names that are the same. */
uint32_t fs_name_hash(const char *name, size_t length);

#endif
