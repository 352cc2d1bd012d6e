/* SPDX-License-Identifier: MIT */
/* What kernel_main() calls, in this order, once threads exist; and the command line. */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include <stdbool.h>

/* Tables of the object layer, the handler of calls, the random generator. */
void objects_init(void);
/* All kernel self-tests, then a line with the sum; the caller powers off. True if all passed. */
bool selftest_run(void);
/* Creates the process of module 0 with all privileges. */
void boot_start_init(void);
/* True if the command line has this blank-separated token. */
bool boot_option(const char *token);

#endif
