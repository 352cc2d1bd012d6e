/* SPDX-License-Identifier: MIT */
/* AF_UNIX datagrams and sequences of packets; abstract names and names given by the system. */
#include "show.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ALL (POLLIN | POLLOUT | POLLRDHUP)

static socklen_t name(struct sockaddr_un *address, const char *path, size_t length)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int bound(int type, const char *path, size_t length)
{
    struct sockaddr_un address;
    int fd = need(socket(AF_UNIX, type, 0));
    socklen_t size = name(&address, path, length);
    need(bind(fd, (struct sockaddr *)&address, size));
    return fd;
}

static void datagrams(void)
{
    struct sockaddr_un to, from;
    char text[16] = "";
    int receiver = bound(SOCK_DGRAM | SOCK_NONBLOCK, "receiver", 8),
        sender = bound(SOCK_DGRAM | SOCK_NONBLOCK, "sender", 6);
    socklen_t size = name(&to, "receiver", 8), from_size = sizeof from;
    show_poll("new datagram socket", receiver, ALL, 0);
    show(send(sender, "x", 1, 0));
    show(sendto(sender, "first", 5, 0, (struct sockaddr *)&to, size));
    show(sendto(sender, "", 0, 0, (struct sockaddr *)&to, size));
    show(sendto(sender, "a long one", 10, 0, (struct sockaddr *)&to, size));
    show(recvfrom(receiver, text, 16, 0, (struct sockaddr *)&from, &from_size));
    say("from %d bytes: %s", from_size, from.sun_path);
    show(recv(receiver, text, 16, 0));
    show(recv(receiver, text, 4, MSG_PEEK | MSG_TRUNC));
    show(recv(receiver, text, 4, 0));
    show(recv(receiver, text, 16, 0));
    show(connect(sender, (struct sockaddr *)&to, size));
    show(send(sender, "connected", 9, 0));
    show(recv(receiver, text, 16, 0));
    int queued = 0;
    while (send(sender, "q", 1, 0) == 1)
        queued++;
    say("queued %d until %s", queued, strerrorname_np(errno));
    show_poll("sender to a full queue", sender, ALL, 0);
    show(recv(receiver, text, 16, 0));
    show_poll("with room again", sender, ALL, 0);
    close(receiver);
    show(send(sender, "x", 1, 0));
    show(send(sender, "x", 1, 0));
    show(sendto(sender, "x", 1, 0, (struct sockaddr *)&to, size));
    show(listen(sender, 1));
    static char large[300000];
    int fds[2];
    need(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    show(send(fds[0], large, sizeof large, 0));
    show(send(fds[0], large, 100000, 0));
    show(recv(fds[1], large, sizeof large, 0));
    close(fds[1]);
    show(send(fds[0], "x", 1, 0));
    unlink("receiver");
    unlink("sender");
}

static void permissions(void)
{
    struct sockaddr_un to;
    int a = bound(SOCK_DGRAM, "a", 1), b = bound(SOCK_DGRAM, "b", 1), c = bound(SOCK_DGRAM, "c", 1);
    socklen_t size = name(&to, "b", 1);
    need(connect(a, (struct sockaddr *)&to, size));
    size = name(&to, "a", 1);
    show(sendto(c, "x", 1, 0, (struct sockaddr *)&to, size));
    show(sendto(b, "x", 1, 0, (struct sockaddr *)&to, size));
    show(connect(c, (struct sockaddr *)&to, size));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    show(connect(a, &none, sizeof none));
    show(sendto(c, "x", 1, 0, (struct sockaddr *)&to, size));
    unlink("a");
    unlink("b");
    unlink("c");
}

static void abstract_names(void)
{
    struct sockaddr_un address;
    socklen_t size;
    char text[8];
    int fd = bound(SOCK_DGRAM, "\0one", 4), other = need(socket(AF_UNIX, SOCK_DGRAM, 0));
    size = name(&address, "\0one", 4);
    show(bind(other, (struct sockaddr *)&address, size));
    show(sendto(other, "x", 1, 0, (struct sockaddr *)&address, size));
    show(recv(fd, text, 8, 0));
    size = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &size);
    say("name of %d bytes: %d %s", size, address.sun_path[0], address.sun_path + 1);
    size = name(&address, "\0one\0", 5);
    show(sendto(other, "x", 1, 0, (struct sockaddr *)&address, size));
    int stream = need(socket(AF_UNIX, SOCK_STREAM, 0));
    size = name(&address, "\0one", 4);
    show(connect(stream, (struct sockaddr *)&address, size));
    show(bind(stream, (struct sockaddr *)&address, size));
    close(fd);
    show(bind(other, (struct sockaddr *)&address, size));
    struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    int automatic = need(socket(AF_UNIX, SOCK_DGRAM, 0));
    show(bind(automatic, (struct sockaddr *)&unnamed, 2));
    size = sizeof address;
    getsockname(automatic, (struct sockaddr *)&address, &size);
    say("automatic name of %d bytes, abstract %d", size, address.sun_path[0] == 0);
    size = sizeof address;
    getsockname(need(socket(AF_UNIX, SOCK_DGRAM, 0)), (struct sockaddr *)&address, &size);
    say("no name: %d bytes", size);
}

static void path_names(void)
{
    struct sockaddr_un address;
    socklen_t size = name(&address, "dir/name", 8);
    int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
    show(bind(fd, (struct sockaddr *)&address, size));
    need(mkdir("dir", 0755));
    show(bind(fd, (struct sockaddr *)&address, size));
    need(rename("dir/name", "moved"));
    need(symlink("moved", "link"));
    need(listen(fd, 5));
    size = name(&address, "link", 4);
    int client = need(socket(AF_UNIX, SOCK_STREAM, 0));
    show(connect(client, (struct sockaddr *)&address, size));
    int wrong = need(socket(AF_UNIX, SOCK_DGRAM, 0));
    show(connect(wrong, (struct sockaddr *)&address, size));
    size = name(&address, "moved", 5);
    show(bind(wrong, (struct sockaddr *)&address, size));
    need(unlink("moved"));
    show(connect(need(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&address, size));
    close(need(open("moved", O_CREAT | O_WRONLY, 0600)));
    show(connect(need(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&address, size));
    show(access("moved", F_OK));
    unlink("moved");
    unlink("link");
    rmdir("dir");
}

static void packets(void)
{
    int listener = bound(SOCK_SEQPACKET, "\0packets", 8), client;
    struct sockaddr_un address;
    socklen_t size = name(&address, "\0packets", 8);
    char text[16] = "";
    need(listen(listener, 3));
    client = need(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
    show(send(client, "x", 1, 0));
    show(recv(client, text, 1, 0));
    show(connect(client, (struct sockaddr *)&address, size));
    int server = need(accept(listener, NULL, NULL));
    show(write(client, "one", 3));
    show(write(client, "twotwo", 6));
    struct iovec piece = {text, 4};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    show(recvmsg(server, &message, 0));
    say("flags %#x", message.msg_flags);
    show(recvmsg(server, &message, 0));
    say("flags %#x", message.msg_flags);
    show_poll("server", server, ALL, 0);
    show(shutdown(client, SHUT_WR));
    show(read(server, text, 4));
    close(server);
    show_poll("client", client, ALL, 0);
    show(read(client, text, 4));
    show(send(client, "x", 1, 0));
}

int main(void)
{
    datagrams();
    permissions();
    abstract_names();
    path_names();
    packets();
    return 0;
}
