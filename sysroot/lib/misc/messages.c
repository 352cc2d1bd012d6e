/* SPDX-License-Identifier: MIT */
/*
 * Message catalogues and amounts of money. There is one locale with messages and money, C: no catalogue
 * is found, so that catgets gives the program's own text, and amounts have neither currency nor grouping.
 */
#include <errno.h>
#include <monetary.h>
#include <nl_types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

nl_catd catopen(const char *name, int flags)
{
    (void)name, (void)flags;
    errno = ENOENT;
    return (nl_catd)-1;
}

char *catgets(nl_catd catalogue, int set, int number, const char *standard)
{
    (void)catalogue, (void)set, (void)number;
    errno = EBADF;
    return (char *)(uintptr_t)standard;
}

int catclose(nl_catd catalogue)
{
    (void)catalogue;
    errno = EBADF;
    return -1;
}

struct money {
    char fill;
    bool left, parentheses;
    int width, digits, precision;
};

static const char *parse(const char *at, struct money *money)
{
    *money = (struct money){.fill = ' ', .precision = 2};
    for (;; at++) {
        if (*at == '=' && at[1])
            money->fill = *++at;
        else if (*at == '(')
            money->parentheses = true;
        else if (*at == '-')
            money->left = true;
        else if (*at != '^' && *at != '+' && *at != '!')
            break;
    }
    char *end;
    money->width = (int)strtol(at, &end, 10);
    at = end;
    if (*at == '#') {
        money->digits = (int)strtol(at + 1, &end, 10);
        at = end;
    }
    if (*at == '.') {
        money->precision = (int)strtol(at + 1, &end, 10);
        at = end;
    }
    return *at == 'i' || *at == 'n' ? at + 1 : NULL;
}

static int put_amount(char *to, size_t room, const struct money *money, double amount)
{
    char number[400], text[512];
    int length =
        snprintf(number, sizeof number, "%.*f", money->precision, amount < 0 ? -amount : amount);
    int whole = (int)strcspn(number, ".");
    int fill = money->digits > whole ? money->digits - whole : 0;
    if (length + fill > 400)
        return -1;
    const char *before = amount < 0 ? (money->parentheses ? "(" : "-") : money->digits ? " " : "";
    int at = sprintf(text, "%s", before);
    if (amount >= 0 && !money->digits)
        at = 0;
    memset(text + at, money->fill, (size_t)fill);
    at += fill;
    at += sprintf(text + at, "%s%s", number, amount < 0 && money->parentheses ? ")" : "");
    text[at] = 0;
    return snprintf(to, room, money->left ? "%-*s" : "%*s", money->width, text);
}

static ssize_t format_money(char *to, size_t size, const char *format, va_list list)
{
    size_t at = 0;
    while (*format) {
        struct money money;
        if (*format != '%' || format[1] == '%') {
            if (at + 1 >= size)
                goto full;
            format += *format == '%';
            to[at++] = *format++;
            continue;
        }
        format = parse(format + 1, &money);
        if (!format) {
            errno = EINVAL;
            return -1;
        }
        int length = put_amount(to + at, size - at, &money, va_arg(list, double));
        if (length < 0 || (size_t)length >= size - at)
            goto full;
        at += (size_t)length;
    }
    if (at >= size)
        goto full;
    to[at] = 0;
    return (ssize_t)at;
full:
    errno = E2BIG;
    return -1;
}

ssize_t strfmon(char *restrict to, size_t size, const char *restrict format, ...)
{
    va_list list;
    va_start(list, format);
    ssize_t result = format_money(to, size, format, list);
    va_end(list);
    return result;
}

ssize_t strfmon_l(char *restrict to, size_t size, locale_t locale, const char *restrict format, ...)
{
    (void)locale;
    va_list list;
    va_start(list, format);
    ssize_t result = format_money(to, size, format, list);
    va_end(list);
    return result;
}
