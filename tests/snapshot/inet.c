/* SPDX-License-Identifier: MIT */
/*
 * Talks to itself over the loopback interface: a connection with bytes on the way in both directions, one that
 * is half closed, one that nobody has accepted, and datagrams between two sockets. Prints at the end what
 * has come, from whom, and the options.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 25

static int checked(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static struct sockaddr_in name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in name = {0};
    socklen_t length = sizeof name;
    checked(ask(fd, (struct sockaddr *)&name, &length), "name");
    return name;
}

static bool same(struct sockaddr_in a, struct sockaddr_in b)
{
    return a.sin_family == b.sin_family && a.sin_port == b.sin_port &&
           a.sin_addr.s_addr == b.sin_addr.s_addr;
}

static int bound(int type)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = checked(socket(AF_INET, type, 0), "socket");
    checked(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
    return fd;
}

static int connected(int type, int to)
{
    struct sockaddr_in name = name_of(to, getsockname);
    int fd = checked(socket(AF_INET, type, 0), "socket");
    checked(connect(fd, (struct sockaddr *)&name, sizeof name), "connect");
    return fd;
}

static void print_stream(const char *what, int fd)
{
    char text[4096];
    size_t length = 0;
    ssize_t part;
    while ((part = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)part;
    text[length] = '\0';
    printf("%s: %s%s\n", what, text, part < 0 ? "(not to its end)" : "");
}

static void print_datagrams(int fd, int from)
{
    struct sockaddr_in sender, expected = name_of(from, getsockname);
    char text[32];
    for (int i = 0; i < ROUNDS; i++) {
        socklen_t size = sizeof sender;
        ssize_t length =
            recvfrom(fd, text, sizeof text - 1, MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
        text[length > 0 ? length : 0] = '\0';
        printf("%s%s", text, same(sender, expected) ? " " : "(from another) ");
    }
    printf("\n");
}

static void print_options(int fd)
{
    int no_delay = 0, ttl = 0;
    socklen_t size = sizeof no_delay;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), "TCP_NODELAY");
    checked(getsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, &size), "IP_TTL");
    printf("no delay %d, time to live %d\n", no_delay, ttl);
}

static void set_options(int fd)
{
    int on = 1, ttl = 7;
    checked(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    checked(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl), "IP_TTL");
}

int main(void)
{
    int listener = bound(SOCK_STREAM), receiver = bound(SOCK_DGRAM);
    checked(listen(listener, 5), "listen");
    int client = connected(SOCK_STREAM, listener), server = accept(listener, NULL, NULL);
    int half = connected(SOCK_STREAM, listener), other_half = accept(listener, NULL, NULL);
    int waiting = connected(SOCK_STREAM, listener), sender = connected(SOCK_DGRAM, receiver);
    set_options(client);
    shutdown(half, SHUT_WR);
    for (int i = 0; i < ROUNDS; i++) {
        dprintf(client, "%d ", i);
        dprintf(server, "%d ", -i);
        dprintf(other_half, "half %d ", i);
        dprintf(waiting, "early %d ", i);
        dprintf(sender, "datagram %d", i);
        usleep(10000);
    }
    bool names = same(name_of(client, getsockname), name_of(server, getpeername)) &&
                 same(name_of(client, getpeername), name_of(listener, getsockname));
    int late = checked(accept(listener, NULL, NULL), "accept");
    shutdown(client, SHUT_WR);
    shutdown(server, SHUT_WR);
    shutdown(other_half, SHUT_WR);
    close(waiting);
    print_stream("from the client", server);
    print_stream("from the server", client);
    print_stream("to the end that sends no more", half);
    print_stream("from it", other_half);
    print_stream("accepted late", late);
    print_datagrams(receiver, sender);
    print_options(client);
    printf("names %s\n", names ? "right" : "wrong");
    return 0;
}
