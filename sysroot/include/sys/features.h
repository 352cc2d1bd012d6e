/* SPDX-License-Identifier: MIT */
/* newlib's feature-test macros, and the options of POSIX that the system layer provides. */
#ifndef _ATOMIK_SYS_FEATURES_H
#define _ATOMIK_SYS_FEATURES_H

#include_next <sys/features.h>

#endif
