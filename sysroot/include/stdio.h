/* SPDX-License-Identifier: MIT */
#include_next <stdio.h>

#ifndef _ATOMIK_STDIO_H
#define _ATOMIK_STDIO_H

#ifdef __cplusplus
extern "C" {
#endif

ssize_t getdelim(char **__restrict, size_t *__restrict, int, FILE *__restrict);
ssize_t getline(char **__restrict, size_t *__restrict, FILE *__restrict);
char *ctermid(char *);
int renameat2(int, const char *, int, const char *, unsigned);

#ifdef __cplusplus
}
#endif

#endif
