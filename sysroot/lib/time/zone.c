/* SPDX-License-Identifier: MIT */
/*
 * Local time. TZ is a rule as POSIX writes it, or names a file of /usr/share/zoneinfo; without TZ it is
 * /etc/localtime. Of such a file the rule at its end is used, which holds from the last change of the law
 * on: earlier times are converted by today's rule.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <reent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void _tzset_unlocked_r(struct _reent *);
void __tz_lock(void);
void __tz_unlock(void);
int __tzcalc_limits(int year);

static char names[2][TZNAME_MAX + 5], rule[64];

/* The last line of a file of zoneinfo. */
static bool read_rule(const char *path)
{
    char end[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = read(fd, end, 4) == 4 && !memcmp(end, "TZif", 4) && lseek(fd, -63, SEEK_END) >= 0;
    ssize_t length = good ? read(fd, end, 63) : 0;
    close(fd);
    if (length < 2 || end[length - 1] != '\n')
        return false;
    end[length - 1] = 0;
    const char *start = strrchr(end, '\n');
    if (!start)
        return false;
    strcpy(rule, start + 1);
    return true;
}

static const char *find_rule(const char *tz)
{
    char path[PATH_MAX];
    if (!tz)
        return read_rule("/etc/localtime") ? rule : "UTC0";
    if (*tz == ':')
        tz++;
    if (!*tz)
        return "UTC0";
    snprintf(path, sizeof path, "%s%s", *tz == '/' ? "" : "/usr/share/zoneinfo/", tz);
    return !strstr(tz, "..") && read_rule(path) ? rule : tz;
}

static const char *parse_name(const char *at, char *name)
{
    bool quoted = *at == '<';
    size_t length = 0, room = sizeof names[0] - 1;
    at += quoted;
    while (*at && (quoted ? *at != '>' : isalpha((unsigned char)*at))) {
        if (length < room)
            name[length++] = *at;
        at++;
    }
    name[length] = 0;
    if (quoted ? *at != '>' || length == 0 : length < 3)
        return NULL;
    return at + quoted;
}

/* [+-]hours[:minutes[:seconds]] */
static const char *parse_time(const char *at, long *seconds)
{
    int sign = *at == '-' ? -1 : 1;
    long unit = 3600, sum = 0;
    at += *at == '-' || *at == '+';
    if (!isdigit((unsigned char)*at))
        return NULL;
    for (;; at++, unit /= 60) {
        char *end;
        sum += strtol(at, &end, 10) * unit;
        at = end;
        if (*at != ':' || unit == 1)
            break;
    }
    *seconds = sign * sum;
    return at;
}

static const char *parse_change(const char *at, __tzrule_type *change)
{
    int used = 0;
    long seconds = 7200;
    if (*at++ != ',')
        return NULL;
    if (siscanf(at, "M%d.%d.%d%n", &change->m, &change->n, &change->d, &used) == 3 && used) {
        change->ch = 'M';
    } else {
        change->ch = *at == 'J' ? 'J' : 'D';
        at += *at == 'J';
        if (siscanf(at, "%d%n", &change->d, &used) != 1)
            return NULL;
    }
    at += used;
    if (*at == '/' && !(at = parse_time(at + 1, &seconds)))
        return NULL;
    change->s = (int)seconds;
    return at;
}

/* False if it is no rule. */
static bool parse(const char *at, __tzrule_type *rules, bool *summer)
{
    *summer = false;
    if (!(at = parse_name(at, names[0])) || !(at = parse_time(at, &rules[0].offset)))
        return false;
    rules[1].offset = rules[0].offset;
    strcpy(names[1], names[0]);
    if (!*at)
        return true;
    if (!(at = parse_name(at, names[1])))
        return false;
    rules[1].offset = rules[0].offset - 3600;
    if (*at && *at != ',' && !(at = parse_time(at, &rules[1].offset)))
        return false;
    if (!*at)
        at = ",M3.2.0,M11.1.0";
    *summer = (at = parse_change(at, &rules[0])) && parse_change(at, &rules[1]);
    return *summer;
}

void _tzset_unlocked_r(struct _reent *reent)
{
    static char previous[128];
    static bool known;
    bool summer;
    (void)reent;
    const char *tz = getenv("TZ");
    if (known && tz && !strcmp(tz, previous))
        return;
    known = tz && strlen(tz) < sizeof previous;
    if (known)
        strcpy(previous, tz);
    __tzinfo_type *info = __gettzinfo();
    if (!parse(find_rule(tz), info->__tzrule, &summer)) {
        strcpy(names[0], "UTC");
        strcpy(names[1], "UTC");
        info->__tzrule[0].offset = info->__tzrule[1].offset = 0;
        summer = false;
    }
    info->__tzyear = 0;
    _tzname[0] = names[0];
    _tzname[1] = names[1];
    timezone = info->__tzrule[0].offset;
    daylight = summer;
}

void _tzset_unlocked(void);
void _tzset_unlocked(void)
{
    _tzset_unlocked_r(_REENT);
}

void _tzset_r(struct _reent *reent)
{
    __tz_lock();
    _tzset_unlocked_r(reent);
    __tz_unlock();
}

void tzset(void)
{
    _tzset_r(_REENT);
}

/* ---- broken-down times ---- */

static int is_leap(long long year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

struct tm *gmtime_r(const time_t *restrict time, struct tm *restrict result)
{
    static const short before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    long long days = *time / 86400, seconds = *time % 86400;
    if (seconds < 0) {
        seconds += 86400;
        days--;
    }
    /* Years that begin in March: 400 of them have 146097 days. */
    long long shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    long long of_era = shifted - era * 146097;
    long long years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long long of_year = of_era - (365 * years + years / 4 - years / 100);
    int month = (int)((5 * of_year + 2) / 153);
    memset(result, 0, sizeof *result);
    result->tm_mday = (int)(of_year - (153 * month + 2) / 5) + 1;
    result->tm_mon = (month + 2) % 12;
    long long year = years + era * 400 + (result->tm_mon < 2);
    result->tm_year = (int)(year - 1900);
    result->tm_yday =
        before[result->tm_mon] + result->tm_mday - 1 + (result->tm_mon > 1 && is_leap(year));
    result->tm_wday = (int)((days % 7 + 11) % 7);
    result->tm_hour = (int)(seconds / 3600);
    result->tm_min = (int)(seconds / 60 % 60);
    result->tm_sec = (int)(seconds % 60);
    result->tm_zone = "GMT";
    return result;
}

static bool is_summer(time_t time, int year)
{
    const __tzinfo_type *info = __gettzinfo();
    if (!daylight || (year != info->__tzyear && !__tzcalc_limits(year)))
        return false;
    bool after = time >= info->__tzrule[0].change, before = time < info->__tzrule[1].change;
    return info->__tznorth ? after && before : after || before;
}

struct tm *localtime_r(const time_t *restrict time, struct tm *restrict result)
{
    __tz_lock();
    _tzset_unlocked_r(_REENT);
    gmtime_r(time, result);
    bool summer = is_summer(*time, result->tm_year + 1900);
    long offset = __gettzinfo()->__tzrule[summer].offset;
    time_t local = *time - offset;
    gmtime_r(&local, result);
    result->tm_isdst = summer;
    result->tm_gmtoff = -offset;
    result->tm_zone = names[summer];
    __tz_unlock();
    return result;
}

/* A time that summer time has twice, or not at all, is what tm_isdst says, or else standard time. */
time_t mktime(struct tm *broken)
{
    struct tm given = *broken, tried;
    time_t plain = timegm(&given);
    tzset();
    const __tzrule_type *rules = __gettzinfo()->__tzrule;
    int wanted = broken->tm_isdst > 0 && daylight;
    time_t result = plain + rules[wanted].offset;
    localtime_r(&result, &tried);
    if (broken->tm_isdst < 0 && tried.tm_isdst) {
        time_t other = plain + rules[1].offset;
        localtime_r(&other, &tried);
        if (tried.tm_isdst)
            result = other;
    }
    localtime_r(&result, broken);
    return result;
}
