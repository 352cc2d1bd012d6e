/* SPDX-License-Identifier: MIT */
/*
 * Between the parts of sysfuzz: sysfuzz.c starts and ends processes, victim.c makes the calls of one process,
 * arguments.c makes up what they are called with.
 */
#ifndef TESTS_FUZZ_POSIX_SYSFUZZ_H
#define TESTS_FUZZ_POSIX_SYSFUZZ_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/fuzz/random.h"

#define ARGUMENTS 6

enum kind {
    KIND_NONE,
    KIND_fd,
    KIND_i32,
    KIND_u32,
    KIND_hex,
    KIND_ptr,
    KIND_str,
    KIND_sig,
    KIND_mode,
    KIND_pid,
    KIND_off
};
struct argument {
    uint32_t word;
    enum kind kind;
    const char *name;
};
struct call {
    uint32_t number;
    const char *name;
    struct argument arguments[ARGUMENTS + 1];
};

/* Shared between the keeper of a slot and its victims. */
struct tally {
    uint32_t calls, succeeded;
};

struct victim {
    struct random random;
    uint32_t calls; /* to make */
    bool as_root;   /* nothing may be done that root does to a whole machine */
    bool child;     /* made by a call: makes no further ones */
    bool say;       /* print each call before it is made */
    struct tally *tally;
};

/* victim.c: makes its calls in `threads` threads and ends. */
void victim_run(struct victim *victim, unsigned threads) __attribute__((noreturn));
/* Random calls, one after the other. */
void victim_calls(struct victim *victim);

/* arguments.c */
void arguments_init(struct random *random);
/* A call, by chance, with its arguments. */
const struct call *arguments_choose(struct victim *victim, uint32_t *number,
                                    uint32_t words[ARGUMENTS]);
/* A stack for a thread that clone makes. */
uint32_t arguments_stack(struct random *random);

#endif
