/* SPDX-License-Identifier: MIT */
/* ELF32 for i386: static, PIE and shared objects. See elf32.c for what is checked. */
#ifndef LOADERS_ELF32_ELF32_H
#define LOADERS_ELF32_ELF32_H

#include "loaders/plan.h"

LOAD_CHECKED enum load_error elf32_plan(const struct load_reader *reader, struct load_plan *plan);

#endif
