/* SPDX-License-Identifier: MIT */
/* Options of AF_UNIX sockets, and the old multiplexed call. */
#include "show.h"

#include <linux/net.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void get(int fd, const char *text, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0)
        say("%s: %s", text, strerrorname_np(errno));
    else
        say("%s: %d (%d bytes)", text, value, size);
}
#define GET(fd, option) get(fd, #option, option)

static void set(int fd, const char *text, int option, int value)
{
    int result = setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
    say("set %s to %d: %s", text, value, result < 0 ? strerrorname_np(errno) : "ok");
}
#define SET(fd, option, value) set(fd, #option, option, value)

static void numbers(int fd)
{
    GET(fd, SO_TYPE);
    GET(fd, SO_DOMAIN);
    GET(fd, SO_PROTOCOL);
    GET(fd, SO_ERROR);
    GET(fd, SO_ACCEPTCONN);
    GET(fd, SO_SNDBUF);
    GET(fd, SO_RCVBUF);
    SET(fd, SO_SNDBUF, 1);
    GET(fd, SO_SNDBUF);
    SET(fd, SO_SNDBUF, 10000);
    GET(fd, SO_SNDBUF);
    SET(fd, SO_RCVBUF, 1);
    GET(fd, SO_RCVBUF);
    SET(fd, SO_REUSEADDR, 5);
    GET(fd, SO_REUSEADDR);
    SET(fd, SO_KEEPALIVE, 1);
    GET(fd, SO_KEEPALIVE);
    SET(fd, SO_PASSCRED, 1);
    GET(fd, SO_PASSCRED);
    SET(fd, SO_RCVLOWAT, 0);
    GET(fd, SO_RCVLOWAT);
    GET(fd, SO_SNDLOWAT);
    SET(fd, SO_PRIORITY, 6);
    GET(fd, SO_PRIORITY);
    SET(fd, SO_TYPE, 1);
    GET(fd, 9999);
    SET(fd, 9999, 1);
}

static void sizes(int fd)
{
    char bytes[4] = "....";
    socklen_t size = 2;
    int value = 1;
    show(getsockopt(fd, SOL_SOCKET, SO_TYPE, bytes, &size));
    say("two bytes: %d %d %c, size %d", bytes[0], bytes[1], bytes[2], size);
    show(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, 2));
    show(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, NULL, 4));
    struct linger linger = {1, 7};
    size = sizeof linger;
    show(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    linger.l_linger = 0;
    show(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size));
    say("linger %d %d", linger.l_onoff, linger.l_linger);
    struct timeval span = {3, 500000};
    show(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span));
    span.tv_sec = 0;
    size = sizeof span;
    show(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &span, &size));
    say("timeout %ld %ld, size %d", (long)span.tv_sec, (long)span.tv_usec, size);
    span.tv_usec = 1000000;
    show(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span));
    struct ucred peer = {0, 0, 0};
    size = sizeof peer;
    show(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    say("no peer: %d %d %d", peer.pid, (int)peer.uid, (int)peer.gid);
}

/* The i386 C library may use either way of calling; here is the older one. */
static void multiplexed(void)
{
    int fds[2] = {-1, -1};
    char text[8] = "";
    unsigned long pair[4] = {AF_UNIX, SOCK_STREAM, 0, (unsigned long)fds};
    show(syscall(SYS_socketcall, SYS_SOCKETPAIR, pair));
    unsigned long out[4] = {(unsigned long)fds[0], (unsigned long)"hello", 5, 0};
    show(syscall(SYS_socketcall, SYS_SEND, out));
    unsigned long in[6] = {(unsigned long)fds[1], (unsigned long)text, 8, 0, 0, 0};
    show(syscall(SYS_socketcall, SYS_RECVFROM, in));
    say("%s", text);
    show(syscall(SYS_socketcall, 0, in));
    show(syscall(SYS_socketcall, 50, in));
    show(syscall(SYS_socketcall, SYS_SEND, 8));
    unsigned long inet[3] = {999, SOCK_STREAM, 0};
    show(syscall(SYS_socketcall, SYS_SOCKET, inet));
    int queued = 0;
    write(fds[0], "12345", 5);
    show(ioctl(fds[1], FIONREAD, &queued));
    say("queued %d", queued);
}

/* Mode and owner of a socket without a name: one shell makes its pipes of such. */
static void attributes(int fd)
{
    struct stat attr;
    show(fchmod(fd, 0600));
    show(fchown(fd, 3, 4));
    show(fstat(fd, &attr));
    say("%o %u %u", attr.st_mode, attr.st_uid, attr.st_gid);
    show(ftruncate(fd, 0));
}

int main(void)
{
    int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
    numbers(fd);
    attributes(fd);
    close(fd);
    fd = need(socket(AF_UNIX, SOCK_DGRAM, 0));
    sizes(fd);
    multiplexed();
    return 0;
}
