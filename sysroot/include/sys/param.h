/* SPDX-License-Identifier: MIT */
/* newlib's, with <limits.h>, which programs expect from it. */
#ifndef _ATOMIK_SYS_PARAM_H
#define _ATOMIK_SYS_PARAM_H

#include_next <sys/param.h>

#include <limits.h>

#endif
