/* SPDX-License-Identifier: MIT */
#include <kernel/selftest/user/test.h>

void test_guests(void) {}
