/* SPDX-License-Identifier: MIT */
/* Messages to the system log, a datagram socket at /dev/log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"

extern char *__atomik_name;

static struct {
    volatile int lock;
    const char *ident;
    int options, facility, mask, fd;
} log_state = {.facility = LOG_USER, .mask = 0xff, .fd = -1};

static void connect_log(void)
{
    static const struct sockaddr_un address = {AF_UNIX, "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        fd = -1;
    }
    log_state.fd = fd;
}

static void disconnect_log(void)
{
    if (log_state.fd >= 0)
        close(log_state.fd);
    log_state.fd = -1;
}

void openlog(const char *ident, int options, int facility)
{
    lock(&log_state.lock);
    log_state.ident = ident;
    log_state.options = options;
    if (facility && !(facility & ~LOG_FACMASK))
        log_state.facility = facility;
    if (options & LOG_NDELAY && log_state.fd < 0)
        connect_log();
    unlock(&log_state.lock);
}

void closelog(void)
{
    lock(&log_state.lock);
    disconnect_log();
    unlock(&log_state.lock);
}

int setlogmask(int mask)
{
    int old = log_state.mask;
    if (mask)
        log_state.mask = mask;
    return old;
}

static const char *identity(void)
{
    const char *slash = strrchr(__atomik_name, '/');
    return log_state.ident ? log_state.ident : slash ? slash + 1 : __atomik_name;
}

/* To the log, once more after it was opened anew; if there is none, perhaps to the console. */
static void send_message(const char *text, size_t length, size_t date_length)
{
    if (log_state.fd < 0)
        connect_log();
    if (log_state.fd >= 0 && send(log_state.fd, text, length, MSG_NOSIGNAL) >= 0)
        return;
    disconnect_log();
    connect_log();
    if (log_state.fd >= 0 && send(log_state.fd, text, length, MSG_NOSIGNAL) >= 0)
        return;
    if (log_state.options & LOG_CONS) {
        int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
        dprintf(fd, "%.*s\r\n", (int)(length - date_length), text + date_length);
        close(fd);
    }
}

void vsyslog(int priority, const char *format, va_list list)
{
    char text[1024], date[20];
    struct tm broken;
    int saved = errno, length;
    if (!(log_state.mask & LOG_MASK(LOG_PRI(priority))))
        return;
    if (!(priority & LOG_FACMASK))
        priority |= log_state.facility;
    time_t now = time(NULL);
    strftime(date, sizeof date, "%b %e %T", gmtime_r(&now, &broken));
    lock(&log_state.lock);
    length = snprintf(text, sizeof text, "<%d>%s ", priority, date);
    size_t date_length = (size_t)length;
    const char *with_pid = log_state.options & LOG_PID ? "%s[%d]: " : "%s: ";
    length += snprintf(text + length, sizeof text - (size_t)length, with_pid, identity(), getpid());
    errno = saved;
    if ((size_t)length < sizeof text)
        length += vsnprintf(text + length, sizeof text - (size_t)length, format, list);
    if ((size_t)length >= sizeof text)
        length = sizeof text - 1;
    if (log_state.options & LOG_PERROR)
        dprintf(2, "%s\n", text + date_length);
    send_message(text, (size_t)length, date_length);
    unlock(&log_state.lock);
    errno = saved;
}

void syslog(int priority, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsyslog(priority, format, list);
    va_end(list);
}
