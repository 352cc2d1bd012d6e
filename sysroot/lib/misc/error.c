/* SPDX-License-Identifier: MIT */
/* Messages about errors on standard error: err.h, error.h, fmtmsg. */
#include <err.h>
#include <errno.h>
#include <error.h>
#include <fmtmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char *__atomik_name;

static const char *short_name(void)
{
    const char *slash = strrchr(__atomik_name, '/');
    return slash ? slash + 1 : __atomik_name;
}

const char *getprogname(void);
const char *getprogname(void)
{
    return short_name();
}

static void message(const char *format, va_list list, const char *after)
{
    fprintf(stderr, "%s: ", short_name());
    if (format)
        vfprintf(stderr, format, list);
    if (format && after)
        fputs(": ", stderr);
    fprintf(stderr, "%s\n", after ? after : "");
}

void vwarn(const char *format, va_list list)
{
    message(format, list, strerror(errno));
}

void vwarnx(const char *format, va_list list)
{
    message(format, list, NULL);
}

void verr(int status, const char *format, va_list list)
{
    vwarn(format, list);
    exit(status);
}

void verrx(int status, const char *format, va_list list)
{
    vwarnx(format, list);
    exit(status);
}

void warn(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vwarn(format, list);
    va_end(list);
}

void warnx(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vwarnx(format, list);
    va_end(list);
}

void err(int status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vwarn(format, list);
    va_end(list);
    exit(status);
}

void errx(int status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vwarnx(format, list);
    va_end(list);
    exit(status);
}

/* ---- error.h ---- */

void (*error_print_progname)(void);
unsigned error_message_count;
int error_one_per_line;

static void print_error(int status, int number, const char *file, unsigned line, const char *format,
                        va_list list)
{
    fflush(stdout);
    if (error_print_progname)
        error_print_progname();
    else
        fprintf(stderr, "%s:%s", __atomik_name, file ? "" : " ");
    if (file)
        fprintf(stderr, "%s:%u: ", file, line);
    vfprintf(stderr, format, list);
    if (number)
        fprintf(stderr, ": %s", strerror(number));
    fputc('\n', stderr);
    error_message_count++;
    if (status)
        exit(status);
}

void error(int status, int number, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_error(status, number, NULL, 0, format, list);
    va_end(list);
}

void error_at_line(int status, int number, const char *file, unsigned line, const char *format, ...)
{
    static const char *last_file;
    static unsigned last_line;
    va_list list;
    if (error_one_per_line && last_file && line == last_line && !strcmp(file, last_file))
        return;
    last_file = file;
    last_line = line;
    va_start(list, format);
    print_error(status, number, file, line, format, list);
    va_end(list);
}

/* ---- fmtmsg ---- */

static int print_fields(FILE *file, const char *label, int severity, const char *text,
                        const char *action, const char *tag)
{
    static const char *const names[] = {"", "HALT", "ERROR", "WARNING", "INFO"};
    const char *kind = severity > 0 && severity < 5 ? names[severity] : "";
    return fprintf(file, "%s%s%s%s%s%s%s%s%s%s\n", label ? label : "", label ? ": " : "", kind,
                   *kind ? ": " : "", text ? text : "", action ? "\nTO FIX: " : "",
                   action ? action : "", tag ? "  " : "", tag ? tag : "", "");
}

int fmtmsg(long class, const char *label, int severity, const char *text, const char *action,
           const char *tag)
{
    int result = MM_OK;
    if (class & MM_PRINT && print_fields(stderr, label, severity, text, action, tag) < 0)
        result = MM_NOMSG;
    if (class & MM_CONSOLE) {
        FILE *console = fopen("/dev/console", "we");
        if (!console || print_fields(console, label, severity, text, action, tag) < 0)
            result = result == MM_NOMSG ? MM_NOTOK : MM_NOCON;
        if (console)
            fclose(console);
    }
    return result;
}
