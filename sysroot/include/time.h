/* SPDX-License-Identifier: MIT */
/* newlib's header, with the kernel interface's numbers of clocks. */
#include_next <time.h>

/* Each time: a program's own <time.h> and <sys/select.h> may get here out of the middle of newlib's header, which goes on to
 * define its own numbers. */
#undef CLOCK_REALTIME
#undef CLOCK_MONOTONIC
#undef CLOCK_PROCESS_CPUTIME_ID
#undef CLOCK_THREAD_CPUTIME_ID
#undef CLOCK_MONOTONIC_RAW
#undef CLOCK_REALTIME_COARSE
#undef CLOCK_MONOTONIC_COARSE
#undef CLOCK_BOOTTIME
#undef CLOCK_REALTIME_ALARM
#undef CLOCK_BOOTTIME_ALARM
#undef TIMER_ABSTIME
#undef CLOCKS_PER_SEC
#undef CLK_TCK
#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define TIMER_ABSTIME            1
#define CLOCKS_PER_SEC           ((clock_t)1000000)
#define TIME_UTC                 1

#ifndef _ATOMIK_TIME_H
#define _ATOMIK_TIME_H

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;
struct tm;

extern long timezone __asm__("_timezone");
extern int daylight __asm__("_daylight");
time_t timegm(struct tm *);
time_t timelocal(struct tm *);
int timespec_get(struct timespec *, int);
int stime(const time_t *);
struct tm *getdate(const char *);
int getdate_r(const char *__restrict, struct tm *__restrict);
extern int getdate_err;
char *strptime(const char *__restrict, const char *__restrict, struct tm *__restrict);

#ifdef __cplusplus
}
#endif

#endif
