/* SPDX-License-Identifier: MIT */
#ifndef LOADERS_ELF32_H
#define LOADERS_ELF32_H

#include <loaders/plan.h>

/* Type of the "Atomik" note whose description names the personality that runs the program. */
#define ELF32_NOTE_PERSONALITY 1

/* Static and position-independent ET_EXEC and ET_DYN images of EM_386. On an error *plan is undefined. */
enum load_error elf32_plan(const struct load_reader *reader, struct load_plan *plan);

#endif
