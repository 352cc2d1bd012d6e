/* SPDX-License-Identifier: MIT */
/* UTF-16 strings. Upper case is that of names of files; halves of surrogate pairs have none. */
#include <personalities/nt/text.h>

#include <fs/fold.h>

#include <stdlib.h>
#include <string.h>

WCHAR text_upper(WCHAR c)
{
    return (WCHAR)fs_fold(c);
}

int text_compare(struct text a, struct text b)
{
    uint32_t common = a.length < b.length ? a.length : b.length;
    for (uint32_t i = 0; i < common; i++) {
        if (a.chars[i] == b.chars[i])
            continue;
        int difference = text_upper(a.chars[i]) - text_upper(b.chars[i]);
        if (difference)
            return difference;
    }
    return (int)a.length - (int)b.length;
}

bool text_equal(struct text a, struct text b)
{
    return a.length == b.length && text_compare(a, b) == 0;
}

bool text_starts(struct text text, struct text prefix)
{
    if (text.length < prefix.length)
        return false;
    return text_equal((struct text){text.chars, prefix.length}, prefix);
}

struct text text_skip(struct text text, uint32_t count)
{
    return (struct text){text.chars + count, text.length - count};
}

uint32_t text_length(const WCHAR *terminated)
{
    uint32_t length = 0;
    while (terminated[length])
        length++;
    return length;
}

WCHAR *text_copy(struct text text)
{
    WCHAR *copy = malloc((text.length + 1) * sizeof(WCHAR));
    if (!copy)
        return NULL;
    memcpy(copy, text.chars, text.length * sizeof(WCHAR));
    copy[text.length] = 0;
    return copy;
}

static uint32_t utf16_next(const WCHAR *from, size_t count, size_t *at)
{
    uint32_t c = from[(*at)++];
    if ((c & 0xfc00) == 0xd800 && *at < count && (from[*at] & 0xfc00) == 0xdc00)
        c = 0x10000 + ((c & 0x3ff) << 10) + (from[(*at)++] & 0x3ff);
    return c;
}

static size_t utf8_put(uint32_t c, char to[4])
{
    if (c < 0x80) {
        to[0] = c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = 0xc0 | c >> 6;
        to[1] = 0x80 | (c & 0x3f);
        return 2;
    }
    if (c < 0x10000) {
        to[0] = 0xe0 | c >> 12;
        to[1] = 0x80 | (c >> 6 & 0x3f);
        to[2] = 0x80 | (c & 0x3f);
        return 3;
    }
    to[0] = 0xf0 | c >> 18;
    to[1] = 0x80 | (c >> 12 & 0x3f);
    to[2] = 0x80 | (c >> 6 & 0x3f);
    to[3] = 0x80 | (c & 0x3f);
    return 4;
}

size_t utf16_to_utf8(const WCHAR *from, size_t count, char *to, size_t size)
{
    size_t done = 0;
    while (done < count && done < size && from[done] < 0x80) { /* most names are nothing else */
        to[done] = (char)from[done];
        done++;
    }
    for (size_t at = done; at < count;) {
        char bytes[4];
        size_t length = utf8_put(utf16_next(from, count, &at), bytes);
        if (done + length > size)
            break;
        memcpy(to + done, bytes, length);
        done += length;
    }
    return done;
}

/* The sequence at *at, which moves past it. */
static uint32_t utf8_next(const uint8_t *from, size_t size, size_t *at)
{
    uint32_t first = from[(*at)++];
    uint32_t more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    if (first < 0x80)
        return first;
    if (more == 0 || first >= 0xf5 || *at + more > size)
        return 0xfffd;
    uint32_t c = first & (0x3f >> more);
    for (uint32_t i = 0; i < more; i++) {
        if ((from[*at + i] & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | (from[*at + i] & 0x3f);
    }
    *at += more;
    return c;
}

size_t utf8_to_utf16(const char *from, size_t size, WCHAR *to, size_t count)
{
    size_t done = 0;
    while (done < size && done < count && (uint8_t)from[done] < 0x80) {
        to[done] = (uint8_t)from[done];
        done++;
    }
    for (size_t at = done; at < size;) {
        uint32_t c = utf8_next((const uint8_t *)from, size, &at);
        size_t units = c >= 0x10000 ? 2 : 1;
        if (done + units > count)
            break;
        if (units == 2) {
            to[done++] = 0xd800 | (c - 0x10000) >> 10;
            to[done++] = 0xdc00 | ((c - 0x10000) & 0x3ff);
        } else {
            to[done++] = c;
        }
    }
    return done;
}

char *text_to_utf8(struct text text)
{
    size_t size = (size_t)text.length * 3;
    char *bytes = malloc(size + 1);
    if (bytes)
        bytes[utf16_to_utf8(text.chars, text.length, bytes, size)] = 0;
    return bytes;
}

WCHAR *text_from_utf8(const char *bytes, size_t size, uint32_t *length)
{
    WCHAR *chars = malloc((size + 1) * sizeof(WCHAR));
    if (!chars)
        return NULL;
    size_t count = utf8_to_utf16(bytes, size, chars, size);
    chars[count] = 0;
    if (length)
        *length = count;
    return chars;
}

#define MASK_MAX 512

static bool has_dot_after(struct text name, uint32_t at)
{
    for (uint32_t i = at; i < name.length; i++)
        if (name.chars[i] == '.')
            return true;
    return false;
}

/*
 * The set of places in the mask that a name's beginning can have led to. Walking all of them at once
 * takes a bounded time, whatever the mask.
 */
struct places { /* only the mask's length of it is in use */
    bool at[MASK_MAX + 1];
};

/* Add the places behind a mask character that can stand for nothing, `end` being the name's end. */
static void add_empty_matches(struct text mask, struct places *places, bool end, bool before_dot)
{
    for (uint32_t i = 0; i < mask.length; i++) {
        WCHAR c = mask.chars[i];
        bool empty = c == '*' || c == '<' || (c == '>' && (end || before_dot)) ||
                     (end && (c == '"' || c == '.'));
        if (places->at[i] && empty)
            places->at[i + 1] = true;
    }
}

/* Take one character of the name. `last_dot`: it is the last dot. */
static void take_char(struct text mask, struct places *places, WCHAR c, bool last_dot)
{
    struct places next;
    memset(next.at, false, mask.length + 1);
    for (uint32_t i = 0; i < mask.length; i++) {
        WCHAR m = mask.chars[i];
        if (!places->at[i])
            continue;
        if (m == '*' || (m == '<' && !last_dot))
            next.at[i] = true;
        else if (m == '?' || (m == '>' && c != '.') || (m == '"' && c == '.') ||
                 text_upper(m) == text_upper(c))
            next.at[i + 1] = true;
    }
    memcpy(places->at, next.at, mask.length + 1);
}

/* Whether every character stands for itself, also at the end. */
static bool is_literal(struct text mask)
{
    for (uint32_t i = 0; i < mask.length; i++) {
        WCHAR c = mask.chars[i];
        if (c == '*' || c == '?' || c == '<' || c == '>' || c == '"')
            return false;
    }
    return mask.length > 0 && mask.chars[mask.length - 1] != '.';
}

static bool ends_with(struct text name, struct text end)
{
    return name.length >= end.length &&
           text_equal((struct text){name.chars + name.length - end.length, end.length}, end);
}

/*
 * `<` matches like `*` but stops short of the last dot, `>` one character or none before a dot or
 * at the end, `"` a dot or nothing at the end. At the end, dots of the mask match nothing too: `x.*`
 * matches `x`.
 */
bool text_match(struct text mask, struct text name)
{
    struct places places;
    if (mask.length > MASK_MAX)
        return false;
    /* The most frequent mask, `*.txt`, in a simpler way. */
    if (mask.length > 1 && mask.chars[0] == '*') {
        struct text end = {mask.chars + 1, mask.length - 1};
        if (is_literal(end))
            return ends_with(name, end);
    }
    memset(places.at, false, mask.length + 1);
    places.at[0] = true;
    for (uint32_t i = 0; i < name.length; i++) {
        bool dot = name.chars[i] == '.';
        add_empty_matches(mask, &places, false, dot);
        take_char(mask, &places, name.chars[i], dot && !has_dot_after(name, i + 1));
    }
    add_empty_matches(mask, &places, true, false);
    return places.at[mask.length];
}
