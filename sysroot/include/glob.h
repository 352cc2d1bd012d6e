/* SPDX-License-Identifier: MIT */
/* newlib's header, which is BSD's, with what POSIX has besides: a pattern's backslashes quote, no match is an error. */
#include_next <glob.h>

#ifndef _ATOMIK_GLOB_H
#define _ATOMIK_GLOB_H

#define GLOB_NOESCAPE 0x2000

#define GLOB_ABORTED GLOB_ABEND
#define GLOB_NOMATCH (-3)
#define GLOB_NOSYS   (-4)

#endif
