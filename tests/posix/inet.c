/* SPDX-License-Identifier: MIT */
/* Internet sockets within the machine: ports, streams, datagrams, what is refused. */
#include "show.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in at(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static int give(int fd, const char *host, int port)
{
    struct sockaddr_in address = at(host, port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int reach(int fd, const char *host, int port)
{
    struct sockaddr_in address = at(host, port);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int port_of(int fd)
{
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    need(getsockname(fd, (struct sockaddr *)&name, &size));
    return ntohs(name.sin_port);
}

static void say_name(const char *what, const struct sockaddr_in *name, int known_port)
{
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &name->sin_addr, text, sizeof text);
    say("%s: family %d, %s, %s", what, name->sin_family, text,
        ntohs(name->sin_port) == known_port ? "the port" : "another port");
}

static void addresses(void)
{
    int fd = need(socket(AF_INET, SOCK_STREAM, 0)), other = need(socket(AF_INET, SOCK_STREAM, 0));
    show(give(fd, "8.8.8.8", 0));
    show(bind(fd, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, 8));
    show(give(fd, "127.0.0.1", 0));
    say("a port was chosen: %d", port_of(fd) >= 1024);
    show(give(fd, "127.0.0.1", 0));
    show(give(other, "127.0.0.1", port_of(fd)));
    show(give(other, "127.0.0.2", port_of(fd)));
    show(reach(other, "127.0.0.1", port_of(fd)));
    close(fd);
    close(other);
}

static void stream(void)
{
    int fd = need(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)), one = 1;
    int client = need(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    char text[32] = "";
    show(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    show(give(fd, "0.0.0.0", 0));
    show(listen(fd, 5));
    show(reach(client, "127.0.0.1", port_of(fd)));
    int server = need(accept(fd, (struct sockaddr *)&name, &size));
    say_name("accepted", &name, port_of(client));
    need(getpeername(client, (struct sockaddr *)&name, &size));
    say_name("peer", &name, port_of(fd));
    need(getsockname(server, (struct sockaddr *)&name, &size));
    say_name("own", &name, port_of(fd));
    show(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    one = 0;
    size = sizeof one;
    show(getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, &size));
    say("nodelay %d", one);
    show(write(client, "hello", 5));
    show(read(server, text, sizeof text));
    say("%s", text);
    show(shutdown(client, SHUT_WR));
    show(read(server, text, sizeof text));
    show(write(server, "bye", 3));
    show(read(client, text, sizeof text));
    close(server);
    show(read(client, text, sizeof text));
    close(client);
    close(fd);
}

static void datagrams(void)
{
    int a = need(socket(AF_INET, SOCK_DGRAM, 0)), b = need(socket(AF_INET, SOCK_DGRAM, 0));
    int c = need(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name, to;
    socklen_t size = sizeof name;
    char text[32] = "";
    show(give(a, "127.0.0.1", 0));
    to = at("127.0.0.1", port_of(a));
    show(sendto(b, "one", 3, 0, (struct sockaddr *)&to, sizeof to));
    show(recvfrom(a, text, sizeof text, 0, (struct sockaddr *)&name, &size));
    say_name("from", &name, port_of(b));
    show(send(b, "x", 1, 0));
    show(connect(b, (struct sockaddr *)&to, sizeof to));
    show(connect(a, (struct sockaddr *)&name, sizeof name));
    show(send(b, "two", 3, 0));
    show(sendto(c, "lost", 4, 0, (struct sockaddr *)&to, sizeof to));
    show(recv(a, text, sizeof text, 0));
    show(recv(a, text, sizeof text, MSG_DONTWAIT));
    show(listen(a, 1));
    close(a);
    show(send(b, "nobody", 6, 0));
    show(recv(b, text, sizeof text, MSG_DONTWAIT));
    close(b);
    close(c);
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    signalled = number;
}

/* A stream that leads nowhere, and flags and buffers that no data comes through. */
static void refusals(void)
{
    struct sockaddr_in to = at("127.0.0.1", 1);
    int s = need(socket(AF_INET, SOCK_STREAM, 0)), d = need(socket(AF_INET, SOCK_DGRAM, 0));
    static char large[65508];
    char byte;
    signal(SIGPIPE, on_signal);
    show(write(s, "x", 1));
    show(signalled);
    signalled = 0;
    show(send(s, "x", 1, MSG_NOSIGNAL));
    show(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof to));
    show(signalled);
    show(recv(d, &byte, 1, MSG_ERRQUEUE));
    show(sendto(d, (void *)-1, 10, 0, (struct sockaddr *)&to, sizeof to));
    show(sendto(d, large, sizeof large, 0, (struct sockaddr *)&to, sizeof to));
    show(socket(AF_INET, SOCK_RAW, 0));
    close(s);
    close(d);
}

static void interface(const char *name)
{
    static const unsigned long questions[] = {SIOCGIFFLAGS, SIOCGIFADDR,   SIOCGIFNETMASK,
                                              SIOCGIFMTU,   SIOCGIFHWADDR, SIOCGIFINDEX};
    int s = need(socket(AF_INET, SOCK_DGRAM, 0));
    for (unsigned i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct ifreq request = {.ifr_ifindex = 0};
        strcpy(request.ifr_name, name);
        show(ioctl(s, questions[i], &request));
        for (unsigned j = 0; j < 8; j++)
            printf("%02x ", ((unsigned char *)&request)[IFNAMSIZ + j]);
        puts("");
    }
    show((int)if_nametoindex(name));
    close(s);
}

int main(void)
{
    int fds[2];
    char name[IF_NAMESIZE];
    addresses();
    stream();
    datagrams();
    refusals();
    interface("lo");
    interface("none");
    puts(if_indextoname(1, name) ? name : "?");
    show(socket(AF_INET, SOCK_SEQPACKET, 0));
    show(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    show(socketpair(AF_INET, SOCK_STREAM, 0, fds));
    return 0;
}
