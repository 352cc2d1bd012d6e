/* SPDX-License-Identifier: MIT */
/*
 * The kernel log and the formatting behind it. The ring is addressed by a position that only grows
 * (wrapping at 2^32); the byte of position p is ring[p % LOG_SIZE]. A reader whose position has
 * been overwritten goes on with the oldest byte that is left.
 */
#include <kernel/arch.h>
#include <kernel/log.h>

#define LOG_SIZE 65536u /* a power of two */

static char ring[LOG_SIZE];
static uint32_t written, filled;
static bool on_console;

/* ---- formatting ---- */

struct sink {
    void (*put)(struct sink *sink, char character);
    char *buffer;
    uint32_t size, length;
};

struct field {
    bool zero, left;
    uint32_t width;
    int precision; /* of strings; -1: none */
};

static void pad(struct sink *sink, uint32_t have, uint32_t width, char with)
{
    for (; have < width; have++)
        sink->put(sink, with);
}

static void put_string(struct sink *sink, const char *text, const struct field *field)
{
    uint32_t length = 0;

    if (!text)
        text = "(null)";
    while (text[length] && (field->precision < 0 || length < (uint32_t)field->precision))
        length++;
    if (!field->left)
        pad(sink, length, field->width, ' ');
    for (uint32_t i = 0; i < length; i++)
        sink->put(sink, text[i]);
    if (field->left)
        pad(sink, length, field->width, ' ');
}

/* 64-bit by 32-bit division in two steps: the kernel has no division helper of the compiler. */
static uint32_t divide(uint64_t *value, uint32_t by)
{
    uint32_t high = (uint32_t)(*value >> 32), low = (uint32_t)*value;
    uint32_t quotient_high = high / by, remainder = high % by, quotient_low;

    __asm__("divl %4" : "=a"(quotient_low), "=d"(remainder) : "a"(low), "d"(remainder), "r"(by));
    *value = (uint64_t)quotient_high << 32 | quotient_low;
    return remainder;
}

static void put_number(struct sink *sink, uint64_t value, bool negative, uint32_t base,
                       const struct field *field)
{
    char digits[24];
    uint32_t count = 0, length;

    do
        digits[count++] = "0123456789abcdef"[divide(&value, base)];
    while (value);
    length = count + negative;
    if (!field->left && !field->zero)
        pad(sink, length, field->width, ' ');
    if (negative)
        sink->put(sink, '-');
    if (!field->left && field->zero)
        pad(sink, length, field->width, '0');
    while (count)
        sink->put(sink, digits[--count]);
    if (field->left)
        pad(sink, length, field->width, ' ');
}

static const char *parse_field(const char *format, struct field *field, va_list *arguments)
{
    *field = (struct field){.precision = -1};
    for (;; format++) {
        if (*format == '0')
            field->zero = true;
        else if (*format == '-')
            field->left = true;
        else
            break;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        field->width = field->width * 10 + (uint32_t)(*format - '0');
    if (format[0] == '.' && format[1] == '*') {
        field->precision = va_arg(*arguments, int);
        format += 2;
    } else if (*format == '.') {
        field->precision = 0;
        for (format++; *format >= '0' && *format <= '9'; format++)
            field->precision = field->precision * 10 + (*format - '0');
    }
    return format;
}

static uint64_t take_number(va_list *arguments, uint32_t longs, bool is_signed, bool *negative)
{
    int64_t value;

    *negative = false;
    if (!is_signed)
        return longs >= 2 ? va_arg(*arguments, unsigned long long) : va_arg(*arguments, unsigned);
    value = longs >= 2 ? va_arg(*arguments, long long) : va_arg(*arguments, int);
    *negative = value < 0;
    return *negative ? 0 - (uint64_t)value : (uint64_t)value;
}

/* One conversion, from behind the '%'; returns the place behind it. */
static const char *convert(struct sink *sink, const char *format, va_list *arguments)
{
    struct field field;
    uint32_t longs = 0;
    uint64_t value;
    bool negative;

    format = parse_field(format, &field, arguments);
    for (; *format == 'l' || *format == 'z'; format++)
        longs += *format == 'l';
    switch (*format) {
    case 's':
        put_string(sink, va_arg(*arguments, const char *), &field);
        break;
    case 'c':
        sink->put(sink, (char)va_arg(*arguments, int));
        break;
    case 'd':
    case 'i':
    case 'u':
        value = take_number(arguments, longs, *format != 'u', &negative);
        put_number(sink, value, negative, 10, &field);
        break;
    case 'x':
        value = take_number(arguments, longs, false, &negative);
        put_number(sink, value, false, 16, &field);
        break;
    case 'p':
        field.zero = true;
        field.width = 8;
        put_number(sink, (uintptr_t)va_arg(*arguments, void *), false, 16, &field);
        break;
    case '\0':
        return format;
    default:
        sink->put(sink, *format);
    }
    return format + 1;
}

static void format_to(struct sink *sink, const char *format, va_list arguments)
{
    va_list list;

    va_copy(list, arguments);
    while (*format) {
        if (*format == '%')
            format = convert(sink, format + 1, &list);
        else
            sink->put(sink, *format++);
    }
    va_end(list);
}

static void put_buffer(struct sink *sink, char character)
{
    if (sink->length + 1 < sink->size)
        sink->buffer[sink->length] = character;
    sink->length++;
}

/* The length that the text has without a limit; the buffer is always terminated. */
int format_text(char *buffer, uint32_t size, const char *format, ...)
{
    struct sink sink = {.put = put_buffer, .buffer = buffer, .size = size};
    va_list arguments;

    va_start(arguments, format);
    format_to(&sink, format, arguments);
    va_end(arguments);
    if (size)
        buffer[sink.length < size ? sink.length : size - 1] = '\0';
    return (int)sink.length;
}

/* ---- the log ---- */

void log_to_console(bool on)
{
    on_console = on;
}

void log_text(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        /* cppcheck-suppress uninitvar ; log_vprint's piece has been filled by put_log */
        ring[written++ % LOG_SIZE] = text[i];
    filled = length < LOG_SIZE - filled ? filled + length : LOG_SIZE;
    if (on_console)
        arch_console_write(text, length);
}

/* Text is collected into pieces so that the console is not called for each character. */
static void put_log(struct sink *sink, char character)
{
    sink->buffer[sink->length++] = character;
    if (sink->length == sink->size) {
        log_text(sink->buffer, sink->length);
        sink->length = 0;
    }
}

void log_vprint(const char *format, va_list arguments)
{
    char piece[128];
    struct sink sink = {.put = put_log, .buffer = piece, .size = sizeof piece};

    format_to(&sink, format, arguments);
    log_text(piece, sink.length);
}

void log_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vprint(format, arguments);
    va_end(arguments);
}

uint32_t log_copy(uint32_t position, char *buffer, uint32_t length, uint32_t *next)
{
    uint32_t behind = written - position, count;

    if (behind > filled)
        behind = filled;
    count = behind < length ? behind : length;
    for (uint32_t i = 0; i < count; i++)
        buffer[i] = ring[(written - behind + i) % LOG_SIZE];
    *next = written - behind + count;
    return count;
}
