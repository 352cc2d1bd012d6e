/* SPDX-License-Identifier: MIT */
#include "../rounds.c"
