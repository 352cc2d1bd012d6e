/* SPDX-License-Identifier: MIT */
/* Times of the calendar that newlib leaves out: timegm, getdate. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Days from 1970 to the first of a month, which may be any number of months from January. */
static long long days_before(long long year, int month)
{
    year += month / 12;
    month %= 12;
    if (month < 0) {
        month += 12;
        year--;
    }
    /* Years that begin in March, so that the leap day is their last. */
    long long from = year - (month < 2), era = (from >= 0 ? from : from - 399) / 400;
    long long of_era = from - era * 400, of_year = (153 * ((month + 10) % 12) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

time_t timegm(struct tm *broken)
{
    long long days = days_before(broken->tm_year + 1900LL, broken->tm_mon) + broken->tm_mday - 1;
    time_t result = ((days * 24 + broken->tm_hour) * 60 + broken->tm_min) * 60 + broken->tm_sec;
    gmtime_r(&result, broken);
    return result;
}

time_t timelocal(struct tm *broken)
{
    return mktime(broken);
}

/* ---- getdate: the first line of the file named by DATEMSK that fits ---- */

int getdate_err;

static int match_template(FILE *file, const char *text, struct tm *result)
{
    char line[256];
    while (fgets(line, sizeof line, file)) {
        time_t now = time(NULL);
        line[strcspn(line, "\n")] = 0;
        localtime_r(&now, result);
        result->tm_sec = result->tm_min = result->tm_hour = 0;
        const char *end = strptime(text, line, result);
        while (end && isspace((unsigned char)*end))
            end++;
        if (end && !*end)
            return mktime(result) == (time_t)-1 ? 8 : 0;
    }
    return ferror(file) ? 5 : 7;
}

int getdate_r(const char *restrict text, struct tm *restrict result)
{
    struct stat status;
    const char *path = getenv("DATEMSK");
    if (!path || !*path)
        return 1;
    if (stat(path, &status) < 0)
        return 3;
    if (!S_ISREG(status.st_mode))
        return 4;
    FILE *file = fopen(path, "re");
    if (!file)
        return 2;
    int error = match_template(file, text, result);
    fclose(file);
    return error;
}

struct tm *getdate(const char *text)
{
    static struct tm result;
    getdate_err = getdate_r(text, &result);
    return getdate_err ? NULL : &result;
}
