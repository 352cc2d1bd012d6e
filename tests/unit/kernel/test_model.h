/* SPDX-License-Identifier: MIT */
/* The random walk, on the machine that test_memory.c has started: how many tests failed. */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

int test_model(void);

#endif
