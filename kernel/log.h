/* SPDX-License-Identifier: MIT */
/* The kernel log: a ring buffer that also goes to the console while the kernel owns it; formatting. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <atomik/types.h>
#include <stdarg.h>

void log_print(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* %s %d %u %x %c %p %llu, widths, zero fill */
void log_vprint(const char *format, va_list arguments);
void log_text(const char *text, uint32_t length);
uint32_t log_copy(uint32_t position, char *buffer, uint32_t length, uint32_t *next);
/* Whether log text also goes to the console (always so until kernel_main has read the command line). */
void log_to_console(bool on);
int format_text(char *buffer, uint32_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define assert(condition)                                                 \
    do {                                                                  \
        if (!(condition))                                                 \
            panic("%s:%d: assertion %s", __FILE__, __LINE__, #condition); \
    } while (0)

#endif
