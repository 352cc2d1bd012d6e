/* SPDX-License-Identifier: MIT */
/* What the registry says about single programs (options.c has the list). */
#ifndef NT_OPTIONS_H
#define NT_OPTIONS_H

#include <personalities/nt/nt.h>

/* PROCESS_PARAMETERS.ConsoleFlags: the default handler does nothing about Ctrl-C. */
#define CONSOLE_IGNORE_CTRL_C 1u

bool option_ignores_ctrl_c(const WCHAR *image_path);

#endif
