/* SPDX-License-Identifier: MIT */
#include "fold.h"

#define NOT_UTF8 0x80000000u /* with the byte: no code point */

/* In their order, none inside another. Code points from `first` to `last`, each so many behind the one before, and how far their capitals are. */
static const struct fold_range {
    uint32_t first, last, step;
    int32_t difference;
} ranges[] = {
#define FOLD(first, last, step, difference) {first, last, step, difference},
#include "fold_table.def"
#undef FOLD
};
#define RANGES (sizeof ranges / sizeof ranges[0])

static const struct fold_range *find(uint32_t code)
{
    size_t low = 0, high = RANGES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    bool inside = low < RANGES && ranges[low].first <= code &&
                  (code - ranges[low].first) % ranges[low].step == 0;
    return inside ? &ranges[low] : NULL;
}

uint32_t fs_fold(uint32_t code)
{
    if (code < 0x80)
        return code >= 'a' && code <= 'z' ? code - 32 : code;
    const struct fold_range *range = find(code);
    return range != NULL ? (uint32_t)((int32_t)code + range->difference) : code;
}

static bool is_follower(const uint8_t *at, const uint8_t *end)
{
    return at < end && (*at & 0xc0) == 0x80;
}

/* The code point at *at, which moves behind it. */
static uint32_t take(const uint8_t **at, const uint8_t *end)
{
    uint8_t lead = *(*at)++;
    uint32_t more = lead >= 0xf0 && lead < 0xf5   ? 3
                    : lead >= 0xe0 && lead < 0xf0 ? 2
                                                  : lead >= 0xc2 && lead < 0xe0;
    uint32_t code = lead & (0x3fu >> more);
    if (lead < 0x80)
        return lead;
    for (uint32_t i = 0; i < more; i++) {
        if (!is_follower(*at + i, end))
            return NOT_UTF8 | lead;
        code = code << 6 | ((*at)[i] & 0x3f);
    }
    if (more == 0)
        return NOT_UTF8 | lead;
    *at += more;
    return code;
}

bool fs_names_same(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const uint8_t *left = (const uint8_t *)a, *left_end = left + a_length;
    const uint8_t *right = (const uint8_t *)b, *right_end = right + b_length;
    while (left < left_end && right < right_end)
        if (fs_fold(take(&left, left_end)) != fs_fold(take(&right, right_end)))
            return false;
    return left == left_end && right == right_end;
}

/* FNV-1a of the capitals. */
uint32_t fs_name_hash(const char *name, size_t length)
{
    const uint8_t *at = (const uint8_t *)name, *end = at + length;
    uint32_t hash = 2166136261u;
    while (at < end) {
        uint32_t code = fs_fold(take(&at, end));
        for (; code > 0xff; code >>= 8)
            hash = (hash ^ (code & 0xff)) * 16777619u;
        hash = (hash ^ code) * 16777619u;
    }
    return hash;
}
