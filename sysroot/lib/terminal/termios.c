/* SPDX-License-Identifier: MIT */
/* Terminals: their modes, and pseudo-terminals. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "system.h"

int tcgetattr(int fd, struct termios *termios)
{
    long raw = CALL(ioctl, fd, TCGETS, termios);
    if (raw == 0)
        termios->c_ispeed = termios->c_ospeed = termios->c_cflag & CBAUD;
    return (int)RESULT(raw);
}

int tcsetattr(int fd, int when, const struct termios *termios)
{
    if (when < TCSANOW || when > TCSAFLUSH) {
        errno = EINVAL;
        return -1;
    }
    return (int)RESULT(CALL(ioctl, fd, TCSETS + when, termios));
}

int tcdrain(int fd)
{
    return (int)RESULT(CANCEL(ioctl, fd, TCSBRK, 1));
}

int tcsendbreak(int fd, int duration)
{
    (void)duration;
    return (int)RESULT(CALL(ioctl, fd, TCSBRK, 0));
}

int tcflow(int fd, int action)
{
    return (int)RESULT(CALL(ioctl, fd, TCXONC, action));
}

int tcflush(int fd, int queue)
{
    return (int)RESULT(CALL(ioctl, fd, TCFLSH, queue));
}

pid_t tcgetsid(int fd)
{
    pid_t session;
    long raw = CALL(ioctl, fd, TIOCGSID, &session);
    return raw < 0 ? (pid_t)RESULT(raw) : session;
}

pid_t tcgetpgrp(int fd)
{
    pid_t group;
    long raw = CALL(ioctl, fd, TIOCGPGRP, &group);
    return raw < 0 ? (pid_t)RESULT(raw) : group;
}

int tcsetpgrp(int fd, pid_t group)
{
    return (int)RESULT(CALL(ioctl, fd, TIOCSPGRP, &group));
}

speed_t cfgetospeed(const struct termios *termios)
{
    return termios->c_cflag & CBAUD;
}

speed_t cfgetispeed(const struct termios *termios)
{
    return termios->c_cflag & CBAUD;
}

int cfsetospeed(struct termios *termios, speed_t speed)
{
    if (speed & ~(speed_t)CBAUD) {
        errno = EINVAL;
        return -1;
    }
    termios->c_cflag = (termios->c_cflag & ~(tcflag_t)CBAUD) | speed;
    return 0;
}

/* No speed of its own for input: zero means that of output. */
int cfsetispeed(struct termios *termios, speed_t speed)
{
    return speed ? cfsetospeed(termios, speed) : 0;
}

int cfsetspeed(struct termios *termios, speed_t speed)
{
    return cfsetospeed(termios, speed);
}

void cfmakeraw(struct termios *termios)
{
    termios->c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    termios->c_oflag &= ~(tcflag_t)OPOST;
    termios->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    termios->c_cflag = (termios->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    termios->c_cc[VMIN] = 1;
    termios->c_cc[VTIME] = 0;
}

int isatty(int fd)
{
    struct winsize size;
    long raw = CALL(ioctl, fd, TIOCGWINSZ, &size);
    if (raw == 0)
        return 1;
    if (raw != -EBADF)
        raw = -ENOTTY;
    RESULT(raw);
    return 0;
}

int ttyname_r(int fd, char *buffer, size_t size)
{
    char link[32];
    if (!isatty(fd))
        return errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    char name[PATH_MAX];
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return errno;
    if ((size_t)length >= size)
        return ERANGE;
    name[length] = 0;
    struct stat there, open_one;
    if (stat(name, &there) < 0 || fstat(fd, &open_one) < 0)
        return errno;
    if (there.st_rdev != open_one.st_rdev || there.st_ino != open_one.st_ino)
        return ENODEV;
    strcpy(buffer, name);
    return 0;
}

char *ttyname(int fd)
{
    static char name[TTY_NAME_MAX];
    int error = ttyname_r(fd, name, sizeof name);
    errno = error ? error : errno;
    return error ? NULL : name;
}

char *ctermid(char *buffer)
{
    static char own[] = "/dev/tty";
    return buffer ? strcpy(buffer, own) : own;
}

char *getpass(const char *prompt)
{
    static char line[256];
    struct termios old, quiet;
    FILE *tty = fopen("/dev/tty", "r+");
    FILE *in = tty ? tty : stdin, *out = tty ? tty : stderr;
    int has_terminal = tcgetattr(fileno(in), &old) == 0;
    if (has_terminal) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        tcsetattr(fileno(in), TCSAFLUSH, &quiet);
    }
    fputs(prompt, out);
    fflush(out);
    char *result = fgets(line, sizeof line, in);
    if (has_terminal)
        tcsetattr(fileno(in), TCSAFLUSH, &old);
    fputc('\n', out);
    if (tty)
        fclose(tty);
    line[strcspn(line, "\n")] = 0;
    return result ? line : NULL;
}

/* ---- pseudo-terminals ---- */

int posix_openpt(int flags)
{
    return open("/dev/ptmx", flags);
}

int getpt(void)
{
    return posix_openpt(O_RDWR | O_NOCTTY);
}

/* The file system of pseudo-terminals gives the slave the right owner. */
int grantpt(int fd)
{
    int number;
    return (int)RESULT(CALL(ioctl, fd, TIOCGPTN, &number));
}

int unlockpt(int fd)
{
    int locked = 0;
    return (int)RESULT(CALL(ioctl, fd, TIOCSPTLCK, &locked));
}

int ptsname_r(int fd, char *buffer, size_t size)
{
    int number;
    long raw = CALL(ioctl, fd, TIOCGPTN, &number);
    if (raw < 0)
        return (int)-raw;
    return (size_t)snprintf(buffer, size, "/dev/pts/%d", number) < size ? 0 : ERANGE;
}

char *ptsname(int fd)
{
    static char name[24];
    int error = ptsname_r(fd, name, sizeof name);
    errno = error ? error : errno;
    return error ? NULL : name;
}

static int open_slave(int master, char *name, const struct termios *termios,
                      const struct winsize *size)
{
    char own[24];
    if (unlockpt(master) < 0 || ptsname_r(master, own, sizeof own) != 0)
        return -1;
    int slave = open(own, O_RDWR | O_NOCTTY);
    if (slave < 0)
        return -1;
    if (termios)
        tcsetattr(slave, TCSANOW, termios);
    if (size)
        ioctl(slave, TIOCSWINSZ, size);
    if (name)
        strcpy(name, own);
    return slave;
}

int openpty(int *master, int *slave, char *name, const struct termios *termios,
            const struct winsize *size)
{
    int opened = getpt();
    if (opened < 0)
        return -1;
    int other = open_slave(opened, name, termios, size);
    if (other < 0) {
        close(opened);
        return -1;
    }
    *master = opened;
    *slave = other;
    return 0;
}

int login_tty(int fd)
{
    setsid();
    if (ioctl(fd, TIOCSCTTY, 0) < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
    return 0;
}

pid_t forkpty(int *master, char *name, const struct termios *termios, const struct winsize *size)
{
    int opened, slave;
    if (openpty(&opened, &slave, name, termios, size) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(opened);
        if (login_tty(slave) < 0)
            _exit(1);
        return 0;
    }
    close(slave);
    if (pid < 0)
        close(opened);
    else
        *master = opened;
    return pid;
}
