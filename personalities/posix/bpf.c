/* SPDX-License-Identifier: MIT */
/*
 * Classic BPF. Jumps only go forward and every path ends in a return, so a program that was checked
 * needs no more steps than it has instructions, and no check of bounds while it runs.
 */
#include "bpf.h"

#define WORD(code) ((code) | BPF_W)

static bool is_alu(uint32_t code)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_DIV:
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
    case BPF_LSH:
    case BPF_RSH:
        return (code & ~(BPF_CLASS(code) | BPF_OP(code) | BPF_SRC(code))) == 0;
    case BPF_NEG:
        return code == (BPF_ALU | BPF_NEG);
    }
    return false;
}

static bool alu_is_safe(const struct sock_filter *at)
{
    if (BPF_SRC(at->code) == BPF_X)
        return true;
    if (BPF_OP(at->code) == BPF_DIV)
        return at->k != 0;
    return (BPF_OP(at->code) != BPF_LSH && BPF_OP(at->code) != BPF_RSH) || at->k < 32;
}

/* `left`: instructions behind this one. */
static bool jump_is_safe(const struct sock_filter *at, uint32_t left)
{
    switch (at->code) {
    case BPF_JMP | BPF_JA:
        return at->k < left;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return at->jt < left && at->jf < left;
    }
    return false;
}

static bool is_safe(const struct sock_filter *at, uint32_t left)
{
    switch (at->code) {
    case WORD(BPF_LD | BPF_ABS):
        return at->k < BPF_DATA_SIZE && at->k % 4 == 0;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return at->k < BPF_MEMWORDS;
    case WORD(BPF_LD | BPF_LEN):
    case WORD(BPF_LDX | BPF_LEN):
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
        return true;
    }
    if (BPF_CLASS(at->code) == BPF_ALU)
        return is_alu(at->code) && alu_is_safe(at);
    return jump_is_safe(at, left);
}

bool bpf_check(const struct sock_filter *program, uint32_t length)
{
    if (length == 0 || length > BPF_MAXINSNS || BPF_CLASS(program[length - 1].code) != BPF_RET)
        return false;
    for (uint32_t i = 0; i < length; i++)
        if (!is_safe(&program[i], length - 1 - i))
            return false;
    return true;
}

static uint32_t calculate(uint32_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return a / b;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    }
    return -a; /* BPF_NEG */
}

static bool compare(uint32_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    }
    return (a & b) != 0; /* BPF_JSET */
}

uint32_t bpf_run(const struct sock_filter *program, const uint32_t data[BPF_DATA_SIZE / 4])
{
    uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {0};
    for (const struct sock_filter *at = program;; at++) {
        uint32_t operand = BPF_SRC(at->code) == BPF_X ? x : at->k;
        switch (at->code) {
        case WORD(BPF_LD | BPF_ABS):
            a = data[at->k / 4];
            continue;
        case WORD(BPF_LD | BPF_LEN):
            a = BPF_DATA_SIZE;
            continue;
        case WORD(BPF_LDX | BPF_LEN):
            x = BPF_DATA_SIZE;
            continue;
        case BPF_LD | BPF_IMM:
            a = at->k;
            continue;
        case BPF_LDX | BPF_IMM:
            x = at->k;
            continue;
        case BPF_LD | BPF_MEM:
            a = memory[at->k];
            continue;
        case BPF_LDX | BPF_MEM:
            x = memory[at->k];
            continue;
        case BPF_ST:
            memory[at->k] = a;
            continue;
        case BPF_STX:
            memory[at->k] = x;
            continue;
        case BPF_MISC | BPF_TAX:
            x = a;
            continue;
        case BPF_MISC | BPF_TXA:
            a = x;
            continue;
        case BPF_RET | BPF_K:
            return at->k;
        case BPF_RET | BPF_A:
            return a;
        case BPF_JMP | BPF_JA:
            at += at->k;
            continue;
        case BPF_ALU | BPF_DIV | BPF_X:
            if (x == 0)
                return 0;
            break;
        }
        if (BPF_CLASS(at->code) == BPF_ALU)
            a = calculate(at->code, a, operand);
        else
            at += compare(at->code, a, operand) ? at->jt : at->jf;
    }
}
