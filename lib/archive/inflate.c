/* SPDX-License-Identifier: MIT */
/*
 * The decoder of inflate.h. A code of up to FAST_BITS bits is found with one look into a table; a
 * longer one, which is rare, by counting through the lengths. Past the end of the input the reader
 * gives zeros; taking one of them is the error.
 */
#include <archive/inflate.h>

#include <string.h>

#define CODE_BITS_MAX     15
#define FAST_BITS         9
#define LITERALS_MAX      288
#define DISTANCES_MAX     32
#define LENGTH_CODES_MAX  19
#define END_OF_BLOCK      256
#define FIRST_LENGTH_CODE 257

struct reader {
    const uint8_t *at, *end;
    uint32_t bits, count; /* bits that are read but not taken, lowest first */
    uint32_t padding;     /* how many of them, the last, are from beyond the end */
};

struct writer {
    uint8_t *start, *at, *end;
    const uint8_t
        *zeros; /* end of the last run that was left out: its last byte need not be read */
};

struct code {
    uint16_t fast[1 << FAST_BITS]; /* symbol << 4 | length; 0: longer, or no code */
    uint16_t count[CODE_BITS_MAX + 1];
    uint16_t symbols[LITERALS_MAX]; /* by rising code */
};

struct codes {
    struct code literals, distances;
};

/* ---- bits ---- */

static void fill(struct reader *in, uint32_t wanted)
{
    while (in->count < wanted) {
        if (in->at < in->end)
            in->bits |= (uint32_t)*in->at++ << in->count;
        else
            in->padding += 8;
        in->count += 8;
    }
}

/* Bits from beyond the end have been taken. */
static bool overrun(const struct reader *in)
{
    return in->count < in->padding;
}

static uint32_t take(struct reader *in, uint32_t count)
{
    fill(in, count);
    uint32_t value = in->bits & ((1u << count) - 1);
    in->bits >>= count;
    in->count -= count;
    return value;
}

/* ---- codes ---- */

static uint32_t reversed(uint32_t code, uint32_t length)
{
    uint32_t result = 0;
    for (; length > 0; length--, code >>= 1)
        result = result << 1 | (code & 1);
    return result;
}

static void fill_fast(struct code *code, uint32_t value, uint32_t length, uint32_t symbol)
{
    for (uint32_t i = reversed(value, length); i < 1 << FAST_BITS; i += 1u << length)
        code->fast[i] = (uint16_t)(symbol << 4 | length);
}

/* False: more codes than their lengths leave room for. A code may be incomplete. */
static bool make_code(struct code *code, const uint8_t *lengths, uint32_t symbols)
{
    uint32_t value = 0, placed = 0;
    memset(code, 0, sizeof *code);
    for (uint32_t i = 0; i < symbols; i++)
        code->count[lengths[i]]++;
    code->count[0] = 0;
    for (uint32_t length = 1; length <= CODE_BITS_MAX; length++) {
        value <<= 1;
        if (value + code->count[length] > 1u << length)
            return false;
        for (uint32_t i = 0; i < symbols; i++) {
            if (lengths[i] != length)
                continue;
            code->symbols[placed++] = (uint16_t)i;
            if (length <= FAST_BITS)
                fill_fast(code, value, length, i);
            value++;
        }
    }
    return true;
}

static int decode_long(struct reader *in, const struct code *code)
{
    uint32_t value = 0, first = 0, index = 0;
    for (uint32_t length = 1; length <= CODE_BITS_MAX; length++) {
        value |= in->bits >> (length - 1) & 1;
        uint32_t count = code->count[length];
        if (value - first < count) {
            in->bits >>= length;
            in->count -= length;
            return code->symbols[index + value - first];
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    return -1;
}

static inline int decode(struct reader *in, const struct code *code)
{
    fill(in, CODE_BITS_MAX);
    uint32_t fast = code->fast[in->bits & ((1 << FAST_BITS) - 1)];
    if (fast == 0)
        return decode_long(in, code);
    in->bits >>= fast & 15;
    in->count -= fast & 15;
    return (int)(fast >> 4);
}

/* ---- blocks ---- */

static bool copy_stored(struct reader *in, struct writer *out)
{
    (void)take(in, in->count & 7);
    uint32_t length = take(in, 16), complement = take(in, 16);
    if (overrun(in) || length != (complement ^ 0xffff))
        return false;
    for (; length > 0 && in->count > 0; length--) {
        if (out->at == out->end)
            return false;
        *out->at++ = (uint8_t)take(in, 8);
    }
    if (length > (size_t)(in->end - in->at) || length > (size_t)(out->end - out->at))
        return false;
    memcpy(out->at, in->at, length);
    in->at += length;
    out->at += length;
    return true;
}

static bool copy_match(struct writer *out, uint32_t length, uint32_t distance)
{
    if (distance > (size_t)(out->at - out->start) || length > (size_t)(out->end - out->at))
        return false;
    const uint8_t *from = out->at - distance;
    if (distance == 1 && (out->at == out->zeros || *from == 0)) {
        out->at += length; /* zeros are there */
        out->zeros = out->at;
        return true;
    }
    for (; length > 0; length--)
        *out->at++ = *from++;
    return true;
}

static bool unpack_match(struct reader *in, struct writer *out, uint32_t symbol,
                         const struct code *distances)
{
    static const uint16_t lengths[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                       15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                       67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                          2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t starts[] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    symbol -= FIRST_LENGTH_CODE;
    if (symbol >= sizeof length_bits)
        return false;
    uint32_t length = lengths[symbol] + take(in, length_bits[symbol]);
    int code = decode(in, distances);
    if (code < 0 || (size_t)code >= sizeof starts / sizeof starts[0])
        return false;
    uint32_t extra = code < 4 ? 0 : (uint32_t)(code - 2) / 2;
    return copy_match(out, length, starts[code] + take(in, extra));
}

static bool unpack_block(struct reader *in, struct writer *out, const struct codes *codes)
{
    while (!overrun(in)) {
        int symbol = decode(in, &codes->literals);
        if (symbol < 0)
            return false;
        if (symbol == END_OF_BLOCK)
            return true;
        if (symbol > END_OF_BLOCK) {
            if (!unpack_match(in, out, (uint32_t)symbol, &codes->distances))
                return false;
        } else {
            if (out->at == out->end)
                return false;
            *out->at++ = (uint8_t)symbol;
        }
    }
    return false;
}

static bool fixed_codes(struct codes *codes)
{
    uint8_t lengths[LITERALS_MAX];
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    if (!make_code(&codes->literals, lengths, LITERALS_MAX))
        return false;
    memset(lengths, 5, 30);
    return make_code(&codes->distances, lengths, 30);
}

/* The lengths of both codes in one sequence, in which 16 to 18 stand for repetitions. */
static bool read_lengths(struct reader *in, const struct code *code, uint8_t *lengths,
                         uint32_t wanted)
{
    uint32_t done = 0;
    while (done < wanted) {
        int symbol = decode(in, code);
        if (symbol < 0 || overrun(in) || (symbol == 16 && done == 0))
            return false;
        if (symbol < 16) {
            lengths[done++] = (uint8_t)symbol;
            continue;
        }
        uint8_t value = symbol == 16 ? lengths[done - 1] : 0;
        uint32_t repeat = symbol == 16   ? 3 + take(in, 2)
                          : symbol == 17 ? 3 + take(in, 3)
                                         : 11 + take(in, 7);
        if (repeat > wanted - done)
            return false;
        memset(lengths + done, value, repeat);
        done += repeat;
    }
    return true;
}

static bool dynamic_codes(struct reader *in, struct codes *codes)
{
    static const uint8_t order[LENGTH_CODES_MAX] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS_MAX + DISTANCES_MAX] = {0};
    uint32_t literals = 257 + take(in, 5), distances = 1 + take(in, 5), count = 4 + take(in, 4);
    if (literals > LITERALS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        lengths[order[i]] = (uint8_t)take(in, 3);
    if (!make_code(&codes->literals, lengths, LENGTH_CODES_MAX))
        return false;
    memset(lengths, 0, LENGTH_CODES_MAX);
    return read_lengths(in, &codes->literals, lengths, literals + distances) &&
           make_code(&codes->distances, lengths + literals, distances) &&
           make_code(&codes->literals, lengths, literals);
}

status_t inflate(const void *packed, size_t packed_length, void *to, size_t length)
{
    struct reader in = {.at = packed, .end = (const uint8_t *)packed + packed_length};
    struct writer out = {.start = to, .at = to, .end = (uint8_t *)to + length};
    struct codes codes;
    bool last, sound;
    do {
        last = take(&in, 1);
        uint32_t kind = take(&in, 2);
        if (kind == 0)
            sound = copy_stored(&in, &out);
        else
            sound =
                ((kind == 1 && fixed_codes(&codes)) || (kind == 2 && dynamic_codes(&in, &codes))) &&
                unpack_block(&in, &out, &codes);
    } while (sound && !last);
    return sound && out.at == out.end ? OK : ERR_INVALID_ARGUMENT;
}
