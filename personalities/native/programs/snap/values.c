/* SPDX-License-Identifier: MIT */
/* Field values and registers as text, and back. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define ENDPOINT 6u /* bytes of a port and an address */

static const char digits[] = "0123456789abcdef";

static void format_hex(const uint8_t *data, uint32_t length, char *to, uint32_t size)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < length && at + 2 < size; i++) {
        to[at++] = digits[data[i] >> 4];
        to[at++] = digits[data[i] & 15];
    }
    to[at] = '\0';
}

static uint64_t number_of(const uint8_t *data, uint32_t length)
{
    uint64_t value = 0;
    memcpy(&value, data, length < sizeof value ? length : sizeof value);
    return value;
}

/* "ADDRESS:PORT" of a port and an address in the network's order. */
static void format_endpoint(const uint8_t *data, uint32_t length, char *to, uint32_t size)
{
    if (length == ENDPOINT)
        snprintf(to, size, "%u.%u.%u.%u:%u", data[2], data[3], data[4], data[5],
                 (unsigned)(data[0] << 8 | data[1]));
    else
        format_hex(data, length, to, size);
}

void format_field(const struct snap_field_info *info, const uint8_t *data, uint32_t length,
                  char *to, uint32_t size)
{
    uint64_t value = number_of(data, length);
    switch (info ? info->kind : SNAP_KIND_bytes) {
    case SNAP_KIND_u32:
    case SNAP_KIND_u64:
        snprintf(to, size, "%llu", (unsigned long long)value);
        break;
    case SNAP_KIND_i32:
        snprintf(to, size, "%d", (int)value);
        break;
    case SNAP_KIND_hex:
    case SNAP_KIND_hex64:
        snprintf(to, size, "0x%llx", (unsigned long long)value);
        break;
    case SNAP_KIND_time:
        snprintf(to, size, "%llu.%09u", (unsigned long long)(value / 1000000000u),
                 (unsigned)(value % 1000000000u));
        break;
    case SNAP_KIND_text:
        snprintf(to, size, "%.*s", (int)length, (const char *)data);
        break;
    case SNAP_KIND_endpoint:
        format_endpoint(data, length, to, size);
        break;
    case SNAP_KIND_bytes:
        format_hex(data, length, to, size);
    }
}

/* ---- parsing ----------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool parse_number(const char *text, uint32_t length, uint64_t *value)
{
    uint32_t base = 10, at = 0;
    if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        at = 2;
    }
    if (at == length)
        return false;
    *value = 0;
    for (; at < length; at++) {
        int digit = digit_of(text[at]);
        if (digit < 0 || (uint32_t)digit >= base || *value > (UINT64_MAX - (uint32_t)digit) / base)
            return false;
        *value = *value * base + (uint32_t)digit;
    }
    return true;
}

bool parse_hex(const char *text, uint8_t **data, uint32_t *length)
{
    uint32_t count = (uint32_t)strlen(text);
    if (count % 2 != 0)
        return false;
    uint8_t *bytes = malloc(count / 2 + 1);
    for (uint32_t i = 0; bytes != NULL && i < count; i += 2) {
        int high = digit_of(text[i]), low = digit_of(text[i + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return false;
        }
        bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    *data = bytes;
    *length = count / 2;
    return bytes != NULL;
}

static bool parse_time(const char *text, uint64_t *value)
{
    const char *point = strchr(text, '.');
    uint32_t whole = point ? (uint32_t)(point - text) : (uint32_t)strlen(text);
    uint64_t seconds, part = 0, unit = 1000000000u;
    if (!parse_number(text, whole, &seconds) || seconds > UINT64_MAX / 1000000000u - 1)
        return false;
    for (const char *at = point ? point + 1 : ""; *at; at++) {
        unit /= 10;
        if (*at < '0' || *at > '9')
            return false;
        part += (uint64_t)(*at - '0') * unit;
    }
    *value = seconds * 1000000000u + part;
    return true;
}

/* The four numbers of an address and its port, each with what follows it. */
static bool parse_endpoint(const char *text, uint8_t endpoint[ENDPOINT])
{
    uint64_t value;
    for (uint32_t part = 0; part < 5; part++) {
        const char *end = part < 4 ? strchr(text, part < 3 ? '.' : ':') : text + strlen(text);
        if (end == NULL || !parse_number(text, (uint32_t)(end - text), &value) ||
            value > (part < 4 ? UINT8_MAX : UINT16_MAX))
            return false;
        if (part < 4)
            endpoint[2 + part] = (uint8_t)value;
        text = end + 1;
    }
    endpoint[0] = (uint8_t)(value >> 8);
    endpoint[1] = (uint8_t)value;
    return true;
}

static bool keep(const void *from, uint32_t size, uint8_t **data, uint32_t *length)
{
    *data = malloc(size ? size : 1);
    if (*data == NULL)
        return false;
    memcpy(*data, from, size);
    *length = size;
    return true;
}

bool parse_field(const struct snap_field_info *info, const char *text, uint8_t **data,
                 uint32_t *length)
{
    uint32_t size = (uint32_t)strlen(text);
    bool negative = info->kind == SNAP_KIND_i32 && text[0] == '-';
    bool wide = info->kind == SNAP_KIND_u64 || info->kind == SNAP_KIND_hex64;
    uint8_t endpoint[ENDPOINT];
    uint64_t value;
    switch (info->kind) {
    case SNAP_KIND_text:
        return keep(text, size, data, length);
    case SNAP_KIND_endpoint:
        return parse_endpoint(text, endpoint) && keep(endpoint, ENDPOINT, data, length);
    case SNAP_KIND_bytes:
        return parse_hex(text, data, length);
    case SNAP_KIND_time:
        return parse_time(text, &value) && keep(&value, 8, data, length);
    default:
        if (!parse_number(text + negative, size - negative, &value) ||
            (!wide && value > UINT32_MAX))
            return false;
        if (negative)
            value = -value;
        return keep(&value, wide ? 8 : 4, data, length);
    }
}

/* ---- registers --------------------------------------------------------------------------------- */

static const char *const register_names[] = {"ebx", "ecx", "edx",    "esi", "edi", "ebp",
                                             "eax", "ds",  "es",     "fs",  "gs",  "orig_eax",
                                             "eip", "cs",  "eflags", "esp", "ss"};
#define REGISTERS (sizeof register_names / sizeof *register_names)
_Static_assert(sizeof(struct core_registers) == REGISTERS * 4, "a name for each register");

const char *register_name(uint32_t index)
{
    return index < REGISTERS ? register_names[index] : NULL;
}

uint32_t register_value(const struct core_registers *registers, uint32_t index)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)registers + index * 4, 4);
    return value;
}

uint32_t *register_slot(struct core_registers *registers, const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < REGISTERS; i++)
        if (strlen(register_names[i]) == length && memcmp(register_names[i], name, length) == 0)
            return (uint32_t *)registers + i;
    return NULL;
}
