/* SPDX-License-Identifier: MIT */
#include <atomik/log.h>

#include <stdarg.h>
#include <stdio.h>

#include <atomik/syscall.h>

void log_printf(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof line)
        length = sizeof line - 1;
    while (length > 0 && line[length - 1] == '\n')
        length--;
    if (length > 0 && log_write(line, (uint32_t)length) != OK)
        return; /* nowhere left to complain */
}
