/* SPDX-License-Identifier: MIT */
/*
 * The part of ISO C's stdio.h that programs here use. Streams stand on the descriptors of
 * atomik/file.h. A process without standard streams (a service) writes to the kernel log instead.
 * Formats: d i u x X o c s p % with flags, width, precision, hh h l ll z t j; no floating point.
 */
#ifndef LIBC_STDIO_H
#define LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define EOF (-1)
typedef struct stdio_stream FILE;
extern FILE *const stdin, *const stdout, *const stderr;

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vfprintf(FILE *stream, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
int puts(const char *text);
int fputs(const char *text, FILE *stream);
int fputc(int byte, FILE *stream);
int putchar(int byte);
int fgetc(FILE *stream);
int getchar(void);
char *fgets(char *to, int size, FILE *stream);
size_t fread(void *to, size_t size, size_t count, FILE *stream);
size_t fwrite(const void *from, size_t size, size_t count, FILE *stream);
int fflush(FILE *stream); /* NULL: all */

#endif
