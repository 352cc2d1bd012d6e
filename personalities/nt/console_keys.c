/* SPDX-License-Identifier: MIT */
/*
 * Keys of a terminal. A character is the key of a US keyboard that makes it; sequences are those of
 * xterm and the Linux console. A key goes down and up at once, since a terminal tells no more.
 */
#include <personalities/nt/console_keys.h>

#include <personalities/nt/text.h>

#include <string.h>

#define KEY_EVENT_TYPE 1

#define ESCAPE       0x1b
#define SEQUENCE_MAX 16u

enum { STATE_ALT = 0x2, STATE_CTRL = 0x8, STATE_SHIFT = 0x10, STATE_ENHANCED = 0x100 };
enum { KEY_BACK = 8, KEY_TAB = 9, KEY_RETURN = 13, KEY_ESCAPE = 27, KEY_SPACE = 32 };

struct key {
    uint16_t key, scan, character;
    uint32_t state;
};

/* ---- characters ---- */

static const struct row {
    uint16_t scan;
    const char *plain, *shifted;
} rows[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
};
/* The numbers of keys that are neither letters nor digits. */
static const char other_keys[] = "-=[];'`\\,./";
static const uint8_t other_numbers[] = {0xbd, 0xbb, 0xdb, 0xdd, 0xba, 0xde,
                                        0xc0, 0xdc, 0xbc, 0xbe, 0xbf};

static uint16_t key_number(char plain)
{
    const char *other = strchr(other_keys, plain);
    return other ? other_numbers[other - other_keys] : text_upper((uint8_t)plain);
}

static struct key printable(char c)
{
    struct key key = {.character = (uint8_t)c};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *plain = strchr(rows[i].plain, c), *shifted = strchr(rows[i].shifted, c);
        if (!plain && !shifted)
            continue;
        uint32_t at = (uint32_t)(plain ? plain - rows[i].plain : shifted - rows[i].shifted);
        key.key = key_number(rows[i].plain[at]);
        key.scan = (uint16_t)(rows[i].scan + at);
        key.state = plain ? 0 : STATE_SHIFT;
    }
    return key;
}

static struct key character_key(uint8_t c)
{
    switch (c) {
    case '\r':
    case '\n':
        return (struct key){KEY_RETURN, 0x1c, '\r', 0};
    case '\t':
        return (struct key){KEY_TAB, 0x0f, '\t', 0};
    case '\b':
    case 0x7f:
        return (struct key){KEY_BACK, 0x0e, '\b', 0};
    case ESCAPE:
        return (struct key){KEY_ESCAPE, 0x01, ESCAPE, 0};
    case ' ':
        return (struct key){KEY_SPACE, 0x39, ' ', 0};
    }
    if (c >= ' ')
        return printable((char)c);
    struct key key = printable(c ? (char)(c + 'a' - 1) : ' ');
    key.character = c;
    key.state = STATE_CTRL;
    return key;
}

/* ---- sequences ---- */

static const struct named {
    char final; /* of ESC [ or ESC O; '~': the number in front of it tells */
    uint8_t number;
    uint8_t key, scan;
    bool enhanced;
} sequences[] = {
    {'A', 0, 0x26, 0x48, true},   {'B', 0, 0x28, 0x50, true},   {'C', 0, 0x27, 0x4d, true},
    {'D', 0, 0x25, 0x4b, true},   {'H', 0, 0x24, 0x47, true},   {'F', 0, 0x23, 0x4f, true},
    {'P', 0, 0x70, 0x3b, false},  {'Q', 0, 0x71, 0x3c, false},  {'R', 0, 0x72, 0x3d, false},
    {'S', 0, 0x73, 0x3e, false},  {'~', 1, 0x24, 0x47, true},   {'~', 2, 0x2d, 0x52, true},
    {'~', 3, 0x2e, 0x53, true},   {'~', 4, 0x23, 0x4f, true},   {'~', 5, 0x21, 0x49, true},
    {'~', 6, 0x22, 0x51, true},   {'~', 7, 0x24, 0x47, true},   {'~', 8, 0x23, 0x4f, true},
    {'~', 11, 0x70, 0x3b, false}, {'~', 12, 0x71, 0x3c, false}, {'~', 13, 0x72, 0x3d, false},
    {'~', 14, 0x73, 0x3e, false}, {'~', 15, 0x74, 0x3f, false}, {'~', 17, 0x75, 0x40, false},
    {'~', 18, 0x76, 0x41, false}, {'~', 19, 0x77, 0x42, false}, {'~', 20, 0x78, 0x43, false},
    {'~', 21, 0x79, 0x44, false}, {'~', 23, 0x7a, 0x57, false}, {'~', 24, 0x7b, 0x58, false},
};

/* The second number of a sequence is one more than the modifiers held: 1 shift, 2 alt, 4 control. */
static uint32_t modifiers(uint32_t number)
{
    uint32_t held = number ? number - 1 : 0;
    return (held & 1 ? STATE_SHIFT : 0) | (held & 2 ? STATE_ALT : 0) | (held & 4 ? STATE_CTRL : 0);
}

/* ESC [ number ; number final, or ESC O final. 0: it is none that is known. */
static uint32_t sequence_key(const uint8_t *bytes, uint32_t length, struct key *key)
{
    uint32_t numbers[2] = {0, 0}, which = 0, at = 2;
    if (length < 3 || bytes[0] != ESCAPE || (bytes[1] != '[' && bytes[1] != 'O'))
        return 0;
    for (; at < length && ((bytes[at] >= '0' && bytes[at] <= '9') || bytes[at] == ';'); at++) {
        if (bytes[at] == ';')
            which = 1;
        else if (numbers[which] < 100)
            numbers[which] = numbers[which] * 10 + bytes[at] - '0';
    }
    for (uint32_t i = 0; at < length && i < sizeof sequences / sizeof sequences[0]; i++) {
        const struct named *named = &sequences[i];
        if (named->final != (char)bytes[at] || (named->number && named->number != numbers[0]))
            continue;
        *key = (struct key){named->key, named->scan, 0,
                            modifiers(numbers[1]) | (named->enhanced ? STATE_ENHANCED : 0)};
        return at + 1;
    }
    return 0;
}

/* ---- records ---- */

static void put_key(const struct key *key, struct key_record *records, uint32_t *count)
{
    for (uint32_t down = 2; down-- > 0;)
        records[(*count)++] = (struct key_record){.type = KEY_EVENT_TYPE,
                                                  .down = down,
                                                  .repeat = 1,
                                                  .key = key->key,
                                                  .scan = key->scan,
                                                  .character = key->character,
                                                  .state = key->state};
}

/* A character that is more than one byte. */
static uint32_t put_wide(const uint8_t *bytes, uint32_t length, struct key_record *records,
                         uint32_t *count)
{
    WCHAR units[2];
    uint32_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    size = size < length ? size : length;
    uint32_t units_count = (uint32_t)utf8_to_utf16((const char *)bytes, size, units, 2);
    for (uint32_t i = 0; i < units_count; i++) {
        struct key key = {.character = units[i]};
        put_key(&key, records, count);
    }
    return size;
}

uint32_t keys_decode(const uint8_t *bytes, uint32_t length, struct key_record *records,
                     uint32_t *count)
{
    struct key key;
    *count = 0;
    if (bytes[0] >= 0x80)
        return put_wide(bytes, length, records, count);
    uint32_t used = sequence_key(bytes, length, &key);
    if (!used && bytes[0] == ESCAPE && length > 1 && bytes[1] < 0x80 && bytes[1] != ESCAPE) {
        key = character_key(bytes[1]);
        key.state |= STATE_ALT;
        used = 2;
    } else if (!used) {
        key = character_key(bytes[0]);
        used = 1;
    }
    put_key(&key, records, count);
    return used;
}

bool keys_unfinished(const uint8_t *bytes, uint32_t length)
{
    uint32_t at = 2;
    if (bytes[0] >= 0xc0)
        return length < (bytes[0] >= 0xf0 ? 4u : bytes[0] >= 0xe0 ? 3u : 2u);
    if (bytes[0] != ESCAPE || length == 1)
        return bytes[0] == ESCAPE;
    if (bytes[1] != '[' && bytes[1] != 'O')
        return false;
    while (at < length && ((bytes[at] >= '0' && bytes[at] <= '9') || bytes[at] == ';'))
        at++;
    return at == length && length < SEQUENCE_MAX;
}
