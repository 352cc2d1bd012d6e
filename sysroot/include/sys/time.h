/* SPDX-License-Identifier: MIT */
#include_next <sys/time.h>

#ifndef _ATOMIK_SYS_TIME_H
#define _ATOMIK_SYS_TIME_H

#include <sys/select.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Declared here too: a program's own <sys/select.h> may get here out of the middle of newlib's header. */
struct timeval;
struct timezone;
struct itimerval;

int getitimer(int, struct itimerval *);
int setitimer(int, const struct itimerval *__restrict, struct itimerval *__restrict);
int settimeofday(const struct timeval *, const struct timezone *);
int adjtime(const struct timeval *, struct timeval *);
int futimes(int, const struct timeval *);
int lutimes(const char *, const struct timeval *);
int futimesat(int, const char *, const struct timeval[2]);
int utimes(const char *, const struct timeval *);

#ifdef __cplusplus
}
#endif

#endif
