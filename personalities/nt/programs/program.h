/* SPDX-License-Identifier: MIT */
/* What the small programs of drive C: include. Each stands for one that Wine 8 has only as a stub. */
#ifndef NT_PROGRAM_H
#define NT_PROGRAM_H

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#endif
