/* SPDX-License-Identifier: MIT */
/* Between the two forms of FPU state; see fpu.h. */
#include "fpu.h"

#include <string.h>

/* The two-bit tag of a register that is in use: 0 valid, 1 zero, 2 special. */
static uint32_t tag_of(const uint8_t *st)
{
    uint64_t significand;
    uint32_t exponent = (st[8] | st[9] << 8) & 0x7fff;
    memcpy(&significand, st, 8);
    if (exponent == 0)
        return significand == 0 ? 1 : 2;
    return exponent != 0x7fff && significand >> 63 ? 0 : 2;
}

void fsave_from_fxsave(struct fsave *to, const struct fxsave *from)
{
    uint32_t top = from->status >> 11 & 7, tags = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bool used = from->tag >> i & 1;
        tags |= (used ? tag_of(from->st[(i - top) & 7]) : 3) << (2 * i);
        memcpy(to->st[i], from->st[i], 10);
    }
    to->control = from->control | 0xffff0000;
    to->status = from->status | 0xffff0000;
    to->tag = tags | 0xffff0000;
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
    to->tag = 0;
    for (uint32_t i = 0; i < 8; i++) {
        if ((from->tag >> (2 * i) & 3) != 3)
            to->tag |= (uint8_t)(1u << i);
        memcpy(to->st[i], from->st[i], 10);
    }
    to->opcode = (uint16_t)(from->instruction_segment >> 16);
    to->instruction = from->instruction;
    to->instruction_segment = from->instruction_segment & 0xffff;
    to->operand = from->operand;
    to->operand_segment = from->operand_segment & 0xffff;
}
