/* SPDX-License-Identifier: MIT */
/* Names: UTF-8 to the UTF-16 of long entries and back, and short names of eight and three bytes. */
#include <fs/utf8.h>
#include <string.h>

#include <fs/fold.h>

#include "bytes.h"
#include "fat.h"

#define SHORT_LENGTH 11
#define BASE_LENGTH  8

enum { CASE_AT = 12, LOWER_BASE = 0x08, LOWER_EXTENSION = 0x10 };

/* ---- UTF-8 and UTF-16 ---------------------------------------------------------------------------- */

/* The code point at *at, which goes on behind it; UINT32_MAX: no valid UTF-8. */
static uint32_t decode(const uint8_t **at, const uint8_t *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = *(*at)++;
    if (lead < 0x80)
        return lead;
    uint32_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || (size_t)(end - *at) < length - 1)
        return UINT32_MAX;
    uint32_t code = lead & (0x7fu >> length);
    for (uint32_t i = 1; i < length; i++) {
        if ((**at & 0xc0) != 0x80)
            return UINT32_MAX;
        code = code << 6 | (*(*at)++ & 0x3f);
    }
    bool bad = code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    return bad ? UINT32_MAX : code;
}

static bool is_allowed(uint32_t code)
{
    return code >= 0x20 && (code > 0x7f || strchr("\"*/:<>?\\|\x7f", (int)code) == NULL);
}

status_t name_parse(struct fat_name *name, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    while (length > 0 && (text[length - 1] == '.' || text[length - 1] == ' '))
        length--;
    const uint8_t *end = at + length;
    name->length = 0;
    if (length == 0)
        return ERR_INVALID_ARGUMENT;
    while (at < end) {
        uint32_t code = decode(&at, end);
        if (code == UINT32_MAX || !is_allowed(code))
            return ERR_INVALID_ARGUMENT;
        if (name->length + (code > 0xffff) >= FAT_NAME_UNITS)
            return ERR_NAME_TOO_LONG;
        if (code > 0xffff) {
            name->units[name->length++] = (uint16_t)(0xd7c0 + (code >> 10));
            code = 0xdc00 | (code & 0x3ff);
        }
        name->units[name->length++] = (uint16_t)code;
    }
    return OK;
}

size_t name_format(const uint16_t *units, uint32_t count, char text[FAT_NAME_MAX + 1])
{
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = units[i];
        if (code >= 0xd800 && code < 0xdc00 && i + 1 < count && (units[i + 1] & 0xfc00) == 0xdc00)
            code = 0x10000 + ((code & 0x3ff) << 10) + (units[++i] & 0x3ff);
        else if (code >= 0xd800 && code < 0xe000)
            code = 0xfffd; /* half a pair */
        if (code == '/' || code == 0)
            code = '_'; /* no name of a Unix file */
        if (length + 4 > FAT_NAME_MAX)
            return 0;
        length += utf8_encode(code, text + length);
    }
    text[length] = 0;
    return length;
}

bool name_equal(const struct fat_name *name, const uint16_t *units, uint32_t count)
{
    if (name->length != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (fs_fold(name->units[i]) != fs_fold(units[i]))
            return false;
    return true;
}

/* ---- short names --------------------------------------------------------------------------------- */

/* Code page 437; entries that we make are ASCII. */
static uint16_t from_byte(uint8_t byte, bool lower)
{
    static const uint16_t upper_half[] = u"\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea"
                                         u"\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4\u00c5"
                                         u"\u00c9\u00e6\u00c6\u00f4\u00f6\u00f2\u00fb\u00f9\u00ff"
                                         u"\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7\u0192"
                                         u"\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf"
                                         u"\u2310\u00ac\u00bd\u00bc\u00a1\u00ab\u00bb"
                                         u"\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555"
                                         u"\u2563\u2551\u2557\u255d\u255c\u255b\u2510"
                                         u"\u2514\u2534\u252c\u251c\u2500\u253c\u255e\u255f\u255a"
                                         u"\u2554\u2569\u2566\u2560\u2550\u256c\u2567"
                                         u"\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256b\u256a"
                                         u"\u2518\u250c\u2588\u2584\u258c\u2590\u2580"
                                         u"\u03b1\u00df\u0393\u03c0\u03a3\u03c3\u00b5\u03c4\u03a6"
                                         u"\u0398\u03a9\u03b4\u221e\u03c6\u03b5\u2229"
                                         u"\u2261\u00b1\u2265\u2264\u2320\u2321\u00f7\u2248\u00b0"
                                         u"\u2219\u00b7\u221a\u207f\u00b2\u25a0\u00a0";
    if (byte >= 0x80)
        return upper_half[byte - 0x80];
    return lower && byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

uint32_t name_from_short(const uint8_t *entry, uint16_t units[13])
{
    uint32_t base = BASE_LENGTH, end = SHORT_LENGTH, count = 0;
    while (base > 0 && entry[base - 1] == ' ')
        base--;
    while (end > BASE_LENGTH && entry[end - 1] == ' ')
        end--;
    for (uint32_t i = 0; i < base; i++)
        units[count++] = from_byte(i == 0 && entry[0] == 0x05 ? 0xe5 : entry[i],
                                   (entry[CASE_AT] & LOWER_BASE) != 0);
    if (end > BASE_LENGTH)
        units[count++] = '.';
    for (uint32_t i = BASE_LENGTH; i < end; i++)
        units[count++] = from_byte(entry[i], (entry[CASE_AT] & LOWER_EXTENSION) != 0);
    return count;
}

uint8_t name_checksum(const uint8_t short_name[11])
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < SHORT_LENGTH; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + short_name[i]);
    return sum;
}

/* What stands for a character in a short name; *fit says how well. 0: nothing does. */
static uint8_t short_byte(uint16_t unit, enum short_fit *fit)
{
    if (unit == ' ' || unit == '.') {
        *fit = SHORT_BASE;
        return 0;
    }
    if (unit >= 'a' && unit <= 'z') {
        *fit = *fit == SHORT_EXACT ? SHORT_FOLDED : *fit;
        return (uint8_t)(unit - 32);
    }
    if (unit >= 0x80 || strchr("+,;=[]", unit) != NULL) {
        *fit = SHORT_BASE;
        return '_';
    }
    return (uint8_t)unit;
}

/* Units [from, to) into at most `size` bytes. */
static uint32_t put_short(const struct fat_name *name, uint32_t from, uint32_t to, uint8_t *bytes,
                          uint32_t size, enum short_fit *fit)
{
    uint32_t count = 0;
    for (uint32_t i = from; i < to; i++) {
        uint8_t byte = short_byte(name->units[i], fit);
        if (byte == 0)
            continue;
        if (count == size) {
            *fit = SHORT_BASE;
            break;
        }
        bytes[count++] = byte;
    }
    return count;
}

enum short_fit name_to_short(const struct fat_name *name, uint8_t short_name[11])
{
    uint32_t dot = name->length, start = 0;
    enum short_fit fit = SHORT_EXACT;
    while (start < name->length && name->units[start] == '.')
        start++; /* ".profile" has no base before its dot */
    while (dot > start && name->units[dot - 1] != '.')
        dot--;
    memset(short_name, ' ', SHORT_LENGTH);
    uint32_t base_end = dot > start ? dot - 1 : name->length;
    uint32_t count = put_short(name, start, base_end, short_name, BASE_LENGTH, &fit);
    if (dot > start)
        (void)put_short(name, dot, name->length, short_name + BASE_LENGTH, 3, &fit);
    if (count == 0)
        short_name[0] = '_';
    return count > 0 && start == 0 ? fit : SHORT_BASE;
}

void name_add_tail(const struct fat_name *name, uint8_t short_name[11], uint32_t number)
{
    static const char digits[] = "0123456789ABCDEF";
    uint32_t keep = 6, length = 0;
    while (length < BASE_LENGTH && short_name[length] != ' ')
        length++;
    if (number >= 10) { /* two of its bytes, four digits of a hash, and a number again */
        uint32_t hash = number / 9 * 2654435761u;
        for (uint32_t i = 0; i < name->length; i++)
            hash = (hash ^ name->units[i]) * 16777619u;
        keep = length < 2 ? length : 2;
        for (uint32_t i = 0; i < 4; i++)
            short_name[keep++] = (uint8_t)digits[hash >> (12 + i * 4) & 15];
        number = number % 9 + 1;
        length = keep;
    }
    keep = length < keep ? length : keep;
    short_name[keep++] = '~';
    short_name[keep++] = (uint8_t)('0' + number);
    while (keep < BASE_LENGTH)
        short_name[keep++] = ' ';
}
