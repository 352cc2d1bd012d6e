/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping, and the older functions on them. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)RESULT(CALL(clock_gettime64, clock, time));
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
    return (int)RESULT(CALL(clock_settime64, clock, time));
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    return (int)RESULT(CALL(clock_getres_time64, clock, resolution));
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest)
{
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return EINVAL;
    return (int)-CANCEL(clock_nanosleep_time64, clock, flags, time, rest);
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
    return (int)RESULT(CANCEL(clock_nanosleep_time64, CLOCK_REALTIME, 0, time, rest));
}

/* The clock of a process is its id, inverted, with the kind in the three lowest bits. */
int clock_getcpuclockid(pid_t pid, clockid_t *clock)
{
    struct timespec resolution;
    clockid_t wanted = (clockid_t)((-pid - 1) * 8U + 2);
    long raw = CALL(clock_getres_time64, wanted, &resolution);
    if (raw == -EINVAL)
        return ESRCH;
    if (raw == 0)
        *clock = wanted;
    return (int)-raw;
}

unsigned sleep(unsigned seconds)
{
    struct timespec time = {seconds, 0}, rest = {0, 0};
    if (nanosleep(&time, &rest) == 0)
        return 0;
    return (unsigned)rest.tv_sec + (rest.tv_nsec >= 500000000);
}

int usleep(useconds_t microseconds)
{
    struct timespec time = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    return nanosleep(&time, NULL);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    if (time) {
        clock_gettime(CLOCK_REALTIME, &now);
        *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    }
    if (zone)
        *(struct timezone *)zone = (struct timezone){0, 0};
    return 0;
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)zone;
    if (!time)
        return 0;
    if (time->tv_usec < 0 || time->tv_usec >= 1000000) {
        errno = EINVAL;
        return -1;
    }
    struct timespec precise = {time->tv_sec, time->tv_usec * 1000};
    return clock_settime(CLOCK_REALTIME, &precise);
}

int stime(const time_t *time)
{
    struct timespec precise = {*time, 0};
    return clock_settime(CLOCK_REALTIME, &precise);
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

/* CLOCKS_PER_SEC of newlib is the unit of this. */
clock_t clock(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return (clock_t)-1;
    return (clock_t)(used.tv_sec * CLOCKS_PER_SEC + used.tv_nsec / (1000000000 / CLOCKS_PER_SEC));
}

int timespec_get(struct timespec *time, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

/* ---- interval timers: 32-bit pairs in the kernel interface ---- */

struct kernel_interval {
    int32_t interval[2], value[2];
};

static void from_kernel(struct itimerval *to, const struct kernel_interval *from)
{
    to->it_interval = (struct timeval){from->interval[0], from->interval[1]};
    to->it_value = (struct timeval){from->value[0], from->value[1]};
}

int getitimer(int which, struct itimerval *value)
{
    struct kernel_interval now;
    long raw = CALL(getitimer, which, &now);
    if (raw == 0)
        from_kernel(value, &now);
    return (int)RESULT(raw);
}

int setitimer(int which, const struct itimerval *restrict new, struct itimerval *restrict old)
{
    if (new->it_value.tv_sec > INT32_MAX || new->it_interval.tv_sec > INT32_MAX) {
        errno = ENOTSUP;
        return -1;
    }
    struct kernel_interval given = {
        {(int32_t) new->it_interval.tv_sec, (int32_t) new->it_interval.tv_usec},
        {(int32_t) new->it_value.tv_sec, (int32_t) new->it_value.tv_usec}};
    struct kernel_interval was;
    long raw = CALL(setitimer, which, &given, &was);
    if (raw == 0 && old)
        from_kernel(old, &was);
    return (int)RESULT(raw);
}

unsigned alarm(unsigned seconds)
{
    return (unsigned)CALL(alarm, seconds);
}

useconds_t ualarm(useconds_t microseconds, useconds_t interval)
{
    struct itimerval new = {{interval / 1000000, (long)(interval % 1000000)},
                            {microseconds / 1000000, (long)(microseconds % 1000000)}};
    struct itimerval old = {0};
    if (setitimer(ITIMER_REAL, &new, &old) < 0)
        return (useconds_t)-1;
    return (useconds_t)(old.it_value.tv_sec * 1000000 + old.it_value.tv_usec);
}

int pause(void)
{
    return (int)RESULT(CANCEL(pause));
}
