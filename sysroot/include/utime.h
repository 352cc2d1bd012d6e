/* SPDX-License-Identifier: MIT */
#include <sys/types.h>

#include_next <utime.h>

#ifndef _ATOMIK_UTIME_H
#define _ATOMIK_UTIME_H

#ifdef __cplusplus
extern "C" {
#endif

int utime(const char *, const struct utimbuf *);

#ifdef __cplusplus
}
#endif

#endif
