/* SPDX-License-Identifier: MIT */
/* Internet addresses as text and bytes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

uint32_t htonl(uint32_t value)
{
    return __builtin_bswap32(value);
}

uint32_t ntohl(uint32_t value)
{
    return __builtin_bswap32(value);
}

uint16_t htons(uint16_t value)
{
    return __builtin_bswap16(value);
}

uint16_t ntohs(uint16_t value)
{
    return __builtin_bswap16(value);
}

/* One to four numbers, of which the last fills what is left. */
int inet_aton(const char *text, struct in_addr *address)
{
    unsigned long part[4];
    int count = 0;
    for (;; text++) {
        char *end;
        if (!isdigit((unsigned char)*text) || count == 4)
            return 0;
        part[count++] = strtoul(text, &end, 0);
        text = end;
        if (*text != '.')
            break;
    }
    if (*text && !isspace((unsigned char)*text))
        return 0;
    uint32_t value = 0;
    for (int i = 0; i < count - 1; i++) {
        if (part[i] > 255)
            return 0;
        value |= (uint32_t)part[i] << (24 - 8 * i);
    }
    if (count > 1 && part[count - 1] >> (8 * (5 - count)))
        return 0;
    address->s_addr = htonl(value | (uint32_t)part[count - 1]);
    return 1;
}

in_addr_t inet_addr(const char *text)
{
    struct in_addr address;
    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr address)
{
    static char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, text, sizeof text);
    return text;
}

/* ---- the two families ---- */

static int parse4(const char *text, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        unsigned value = 0, digits = 0;
        while (isdigit((unsigned char)*text) && digits < 4) {
            value = value * 10 + (unsigned)(*text++ - '0');
            digits++;
        }
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text[-(int)digits] == '0'))
            return 0;
        bytes[i] = (uint8_t)value;
        if (*text != (i < 3 ? '.' : 0))
            return 0;
        text++;
    }
    return 1;
}

struct parse6 {
    uint16_t group[8];
    int count, gap; /* where :: stands, or -1 */
};

/* One group, or an IPv4 address as the last two. The text after it, or null. */
static const char *parse_group(struct parse6 *parse, const char *text)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (text[digits] == '.') {
        uint8_t bytes[4];
        if (parse->count > 6 || !parse4(text, bytes))
            return NULL;
        parse->group[parse->count++] = (uint16_t)(bytes[0] << 8 | bytes[1]);
        parse->group[parse->count++] = (uint16_t)(bytes[2] << 8 | bytes[3]);
        return text + strlen(text);
    }
    if (digits == 0 || digits > 4 || parse->count == 8)
        return NULL;
    parse->group[parse->count++] = (uint16_t)strtoul(text, NULL, 16);
    return text + digits;
}

static int parse6(const char *text, uint8_t *bytes)
{
    struct parse6 parse = {.gap = -1};
    if (text[0] == ':' && text[1] != ':')
        return 0;
    while (*text) {
        if (text[0] == ':' && text[1] == ':') {
            if (parse.gap >= 0)
                return 0;
            parse.gap = parse.count;
            text += 2;
            continue;
        }
        if (!(text = parse_group(&parse, text)))
            return 0;
        if (*text == ':' && text[1] != ':' && !*++text)
            return 0;
        if (*text && *text != ':' && text[-1] != ':')
            return 0;
    }
    if (parse.gap < 0 ? parse.count != 8 : parse.count > 7)
        return 0;
    int missing = 8 - parse.count;
    for (int i = 0, from = 0; i < 8; i++) {
        int zero = parse.gap >= 0 && i >= parse.gap && i < parse.gap + missing;
        uint16_t value = zero ? 0 : parse.group[from++];
        bytes[2 * i] = (uint8_t)(value >> 8);
        bytes[2 * i + 1] = (uint8_t)value;
    }
    return 1;
}

int inet_pton(int family, const char *restrict text, void *restrict address)
{
    uint8_t bytes[16];
    int good = 0;
    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    good = family == AF_INET ? parse4(text, bytes) : parse6(text, bytes);
    if (good)
        memcpy(address, bytes, family == AF_INET ? 4 : 16);
    return good;
}

/* The longest run of zero groups, at least two, is written as :: */
static void find_gap(const uint16_t *group, int *start, int *length)
{
    *start = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && group[i + run] == 0)
            run++;
        if (run > *length) {
            *start = i;
            *length = run;
        }
        i += run;
    }
}

static void write6(const uint8_t *bytes, char *text)
{
    uint16_t group[8];
    int start, length;
    for (int i = 0; i < 8; i++)
        group[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    find_gap(group, &start, &length);
    bool mapped = start == 0 && (length == 6 || (length == 5 && group[5] == 0xffff));
    *text = 0;
    for (int i = 0; i < 8; i++) {
        if (i == start) {
            text += sprintf(text, "::");
            i += length - 1;
        } else if (mapped && i == 6) {
            sprintf(text, "%s%d.%d.%d.%d", text[-1] == ':' ? "" : ":", bytes[12], bytes[13],
                    bytes[14], bytes[15]);
            return;
        } else {
            text += sprintf(text, "%s%x", i == 0 || text[-1] == ':' ? "" : ":", group[i]);
        }
    }
}

const char *inet_ntop(int family, const void *restrict address, char *restrict text, socklen_t size)
{
    char result[INET6_ADDRSTRLEN + 8];
    const uint8_t *bytes = address;
    if (family == AF_INET)
        sprintf(result, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
    else if (family == AF_INET6)
        write6(bytes, result);
    else {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    if (strlen(result) >= size) {
        errno = ENOSPC;
        return NULL;
    }
    return strcpy(text, result);
}
