/* SPDX-License-Identifier: MIT */
/* vsnprintf: every format goes through here. A NULL buffer of size 0 only measures. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct output {
    char *to;
    size_t size, length; /* length: what it would take, without the terminator */
};

struct conversion {
    bool left, zero, plus, space, alternate;
    int width, precision; /* precision -1: none */
    int size;             /* 1 long long, 0 int, -1 short, -2 char; i386: long is int */
};

static void emit(struct output *output, char c)
{
    if (output->length + 1 < output->size)
        output->to[output->length] = c;
    output->length++;
}

static void pad(struct output *output, char c, int count)
{
    while (count-- > 0)
        emit(output, c);
}

static void put_field(struct output *output, const struct conversion *conversion,
                      const char *prefix, const char *digits, int length, int zeros)
{
    int prefix_length = (int)strlen(prefix);
    int fill = conversion->width - prefix_length - zeros - length;
    if (!conversion->left)
        pad(output, ' ', fill);
    for (int i = 0; i < prefix_length; i++)
        emit(output, prefix[i]);
    pad(output, '0', zeros);
    for (int i = 0; i < length; i++)
        emit(output, digits[i]);
    if (conversion->left)
        pad(output, ' ', fill);
}

static void put_number(struct output *output, const struct conversion *conversion, uint64_t value,
                       unsigned base, const char *alphabet, const char *prefix)
{
    char digits[24];
    int at = sizeof digits;
    if (value == 0 && conversion->precision != 0)
        digits[--at] = '0';
    while (value > UINT32_MAX) {
        digits[--at] = alphabet[value % base];
        value /= base;
    }
    for (uint32_t low = (uint32_t)value; low != 0; low /= base)
        digits[--at] = alphabet[low % base];
    int length = (int)sizeof digits - at;
    int zeros = conversion->precision > length ? conversion->precision - length : 0;
    if (conversion->precision < 0 && conversion->zero && !conversion->left)
        zeros = conversion->width - (int)strlen(prefix) - length;
    put_field(output, conversion, prefix, digits + at, length, zeros > 0 ? zeros : 0);
}

static const char *parse_number(const char *format, int *value, va_list *arguments)
{
    *value = 0;
    if (*format == '*') {
        *value = va_arg(*arguments, int);
        return format + 1;
    }
    while (*format >= '0' && *format <= '9')
        *value = *value * 10 + (*format++ - '0');
    return format;
}

static const char *parse_flags(const char *format, struct conversion *conversion)
{
    for (;; format++) {
        switch (*format) {
        case '-':
            conversion->left = true;
            break;
        case '0':
            conversion->zero = true;
            break;
        case '+':
            conversion->plus = true;
            break;
        case ' ':
            conversion->space = true;
            break;
        case '#':
            conversion->alternate = true;
            break;
        default:
            return format;
        }
    }
}

static const char *parse_size(const char *format, struct conversion *conversion)
{
    for (;; format++) {
        switch (*format) {
        case 'h':
            conversion->size--;
            break;
        case 'l':
            conversion->size = format[1] == 'l' || sizeof(long) == 8;
            format += format[1] == 'l';
            break;
        case 'j':
            conversion->size = 1;
            break;
        case 'z':
        case 't':
            conversion->size = sizeof(size_t) == 8;
            break;
        default:
            return format;
        }
    }
}

static uint64_t take_unsigned(const struct conversion *conversion, va_list *arguments)
{
    if (conversion->size > 0)
        return va_arg(*arguments, unsigned long long);
    unsigned value = va_arg(*arguments, unsigned);
    return conversion->size == 0    ? value
           : conversion->size == -1 ? (uint16_t)value
                                    : (uint8_t)value;
}

static int64_t take_signed(const struct conversion *conversion, va_list *arguments)
{
    if (conversion->size > 0)
        return va_arg(*arguments, long long);
    int value = va_arg(*arguments, int);
    return conversion->size == 0 ? value : conversion->size == -1 ? (int16_t)value : (int8_t)value;
}

static void put_string(struct output *output, const struct conversion *conversion, const char *text)
{
    if (text == NULL)
        text = "(null)";
    size_t max = conversion->precision < 0 ? SIZE_MAX : (size_t)conversion->precision;
    put_field(output, conversion, "", text, (int)strnlen(text, max), 0);
}

static void convert(struct output *output, struct conversion *conversion, char kind,
                    va_list *arguments)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    char c;
    int64_t value;
    switch (kind) {
    case 'd':
    case 'i':
        value = take_signed(conversion, arguments);
        put_number(output, conversion, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, lower,
                   value < 0           ? "-"
                   : conversion->plus  ? "+"
                   : conversion->space ? " "
                                       : "");
        break;
    case 'u':
        put_number(output, conversion, take_unsigned(conversion, arguments), 10, lower, "");
        break;
    case 'o':
        put_number(output, conversion, take_unsigned(conversion, arguments), 8, lower,
                   conversion->alternate ? "0" : "");
        break;
    case 'x':
        put_number(output, conversion, take_unsigned(conversion, arguments), 16, lower,
                   conversion->alternate ? "0x" : "");
        break;
    case 'X':
        put_number(output, conversion, take_unsigned(conversion, arguments), 16, upper,
                   conversion->alternate ? "0X" : "");
        break;
    case 'p':
        put_number(output, conversion, (uintptr_t)va_arg(*arguments, void *), 16, lower, "0x");
        break;
    case 's':
        put_string(output, conversion, va_arg(*arguments, const char *));
        break;
    case 'c':
        c = (char)va_arg(*arguments, int);
        put_field(output, conversion, "", &c, 1, 0);
        break;
    case '%':
        emit(output, '%');
        break;
    default:
        emit(output, '%');
        emit(output, kind);
    }
}

int vsnprintf(char *to, size_t size, const char *format, va_list list)
{
    struct output output = {.to = to, .size = size};
    va_list arguments;
    va_copy(arguments, list);
    for (; *format != 0; format++) {
        if (*format != '%') {
            emit(&output, *format);
            continue;
        }
        struct conversion conversion = {.precision = -1};
        format = parse_flags(format + 1, &conversion);
        format = parse_number(format, &conversion.width, &arguments);
        if (conversion.width < 0) {
            conversion.left = true;
            conversion.width = -conversion.width;
        }
        if (*format == '.')
            format = parse_number(format + 1, &conversion.precision, &arguments);
        format = parse_size(format, &conversion);
        if (*format == 0)
            break;
        convert(&output, &conversion, *format, &arguments);
    }
    va_end(arguments);
    if (size > 0)
        to[output.length < size ? output.length : size - 1] = 0;
    return (int)output.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}
