/* SPDX-License-Identifier: MIT */
/*
 * Oracles for load plans, shared by unit tests and fuzzers: each prints what is wrong and aborts.
 */
#ifndef TESTS_UNIT_LOADERS_CHECK_H
#define TESTS_UNIT_LOADERS_CHECK_H

#include "loaders/plan.h"

/* The invariants that plan.h promises. */
void check_plan(const struct load_plan *plan, uint32_t file_size);

/* Loads the segments into a fresh block of image_size bytes, as a kernel would. */
uint8_t *apply_plan(const struct load_plan *plan, const struct load_reader *reader);

/*
 * Compares an applied ELF plan with a loader that knows no pages: each PT_LOAD's bytes and zeros
 * must be at its address, with at least its rights.
 */
void check_elf_memory(const struct load_plan *plan, const uint8_t *memory, const uint8_t *file);

/* Walks all exports and looks each up by name; returns how many there are, or -1 after an error. */
int check_exports(const struct load_plan *plan, const uint8_t *memory, uint32_t limit);

#endif
