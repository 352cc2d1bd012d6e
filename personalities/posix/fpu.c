/* SPDX-License-Identifier: MIT */
/* Between the two forms of FPU state; see fpu.h. */
#include "fpu.h"

#include <string.h>

/* The two-bit tag of a register that is in use: 0 valid, 1 zero, 2 special. */
static uint32_t tag_of(const struct x87_register *st)
{
    uint64_t significand;
    uint32_t exponent = (st->bytes[8] | st->bytes[9] << 8) & 0x7fff;
    memcpy(&significand, st->bytes, 8);
    if (exponent == 0)
        return significand == 0 ? 1 : 2;
    return exponent != 0x7fff && significand >> 63 ? 0 : 2;
}

/* FXSAVE counts registers from the top of the stack, and its tag has a bit each by their place. */
static uint32_t tag_word(const struct fxsave *from)
{
    uint32_t top = from->status >> 11 & 7, tags = 0xffff;
    for (uint32_t used = from->tag; used; used &= used - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(used);
        tags ^= (3 ^ tag_of(&from->st[(i - top) & 7].value)) << (2 * i);
    }
    return tags;
}

/* All eight are empty most of the time. */
static uint8_t used_registers(uint32_t tag_word)
{
    uint32_t used = 0;
    for (uint32_t i = 0; (tag_word & 0xffff) != 0xffff && i < 8; i++)
        used |= (uint32_t)((tag_word >> (2 * i) & 3) != 3) << i;
    return (uint8_t)used;
}

void fsave_from_fxsave(struct fsave *to, const struct fxsave *from)
{
    for (uint32_t i = 0; i < 8; i++)
        to->st[i] = from->st[i].value;
    to->control = from->control | 0xffff0000;
    to->status = from->status | 0xffff0000;
    to->tag = tag_word(from) | 0xffff0000;
    to->instruction = from->instruction;
    to->instruction_segment = (from->instruction_segment & 0xffff) | (uint32_t)from->opcode << 16;
    to->operand = from->operand;
    to->operand_segment = from->operand_segment | 0xffff0000;
    to->status_word = from->status;
    to->magic = X86_FXSR_MAGIC;
}

void fxsave_from_fsave(struct fxsave *to, const struct fsave *from)
{
    to->control = (uint16_t)from->control;
    to->status = (uint16_t)from->status;
    to->tag = used_registers(from->tag);
    for (uint32_t i = 0; i < 8; i++)
        to->st[i].value = from->st[i];
    to->opcode = (uint16_t)(from->instruction_segment >> 16);
    to->instruction = from->instruction;
    to->instruction_segment = from->instruction_segment & 0xffff;
    to->operand = from->operand;
    to->operand_segment = from->operand_segment & 0xffff;
}
