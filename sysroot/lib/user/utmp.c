/* SPDX-License-Identifier: MIT */
/* The records of who is logged in, in /var/run/utmp. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utmpx.h>

_Static_assert(sizeof(struct utmpx) == 384, "a record of i386's utmp");

static int fd = -1;
static struct utmpx record;

void setutxent(void)
{
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
}

void endutxent(void)
{
    if (fd >= 0)
        close(fd);
    fd = -1;
}

static int open_records(void)
{
    if (fd < 0)
        fd = open("/var/run/utmp", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fd = open("/var/run/utmp", O_RDONLY | O_CLOEXEC);
    return fd;
}

struct utmpx *getutxent(void)
{
    if (open_records() < 0 || read(fd, &record, sizeof record) != sizeof record)
        return NULL;
    return &record;
}

struct utmpx *getutxid(const struct utmpx *wanted)
{
    int process = wanted->ut_type >= INIT_PROCESS && wanted->ut_type <= DEAD_PROCESS;
    while (getutxent()) {
        int other = record.ut_type >= INIT_PROCESS && record.ut_type <= DEAD_PROCESS;
        if (process ? other && !strncmp(record.ut_id, wanted->ut_id, sizeof record.ut_id)
                    : record.ut_type == wanted->ut_type)
            return &record;
    }
    return NULL;
}

struct utmpx *getutxline(const struct utmpx *wanted)
{
    while (getutxent())
        if ((record.ut_type == LOGIN_PROCESS || record.ut_type == USER_PROCESS) &&
            !strncmp(record.ut_line, wanted->ut_line, sizeof record.ut_line))
            return &record;
    return NULL;
}

struct utmpx *pututxline(const struct utmpx *new)
{
    struct utmpx copy = *new;
    if (open_records() < 0)
        return NULL;
    setutxent();
    off_t at =
        getutxid(&copy) ? lseek(fd, 0, SEEK_CUR) - (off_t)sizeof record : lseek(fd, 0, SEEK_END);
    if (pwrite(fd, &copy, sizeof copy, at) != sizeof copy)
        return NULL;
    lseek(fd, at + (off_t)sizeof record, SEEK_SET);
    record = copy;
    return &record;
}
