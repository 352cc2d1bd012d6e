/* SPDX-License-Identifier: MIT */
/* The two forms of FPU state that programs see: FXSAVE's and FSAVE's (with Linux's two words). */
#ifndef POSIX_FPU_H
#define POSIX_FPU_H

#include "core.h"

#define X87_CONTROL 0x37f

struct x87_register {
    uint8_t bytes[10];
};
struct fxsave {
    uint16_t control, status;
    uint8_t tag, reserved;
    uint16_t opcode;
    uint32_t instruction, instruction_segment, operand, operand_segment;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        struct x87_register value;
        uint8_t reserved[6];
    } st[8];
    uint8_t xmm[8][16];
    uint8_t rest[224]; /* the processor neither reads nor writes it */
};
struct fsave {
    uint32_t control, status, tag, instruction, instruction_segment, operand, operand_segment;
    struct x87_register st[8];
    uint16_t status_word, magic; /* only in signal frames */
};
#define FSAVE_SIZE 108u /* without the two words */
_Static_assert(sizeof(struct fxsave) == FPU_STATE_SIZE, "FXSAVE layout");
_Static_assert(offsetof(struct fsave, status_word) == FSAVE_SIZE, "FSAVE layout");

void fsave_from_fxsave(struct fsave *to, const struct fxsave *from);
/* What FSAVE does not hold (SSE) stays as it is in `to`. */
void fxsave_from_fsave(struct fxsave *to, const struct fsave *from);

#endif
