/* SPDX-License-Identifier: MIT */
/* Winsock without a connection: its start and end, events, and names of hosts that need nobody else. */
#include "show.h"

#include <winsock2.h>
#include <ws2tcpip.h>

static void show_addresses(const char *what, const char *node, const char *service,
                           const struct addrinfo *hints)
{
    struct addrinfo *found = NULL;
    int error = getaddrinfo(node, service, hints, &found);
    printf("getaddrinfo, %s: %d\n", what, error);
    for (struct addrinfo *at = found; at; at = at->ai_next) {
        const struct sockaddr_in *address = (const struct sockaddr_in *)at->ai_addr;
        printf("  family %d type %d protocol %d length %u: %s port %u%s%s\n", at->ai_family,
               at->ai_socktype, at->ai_protocol, (unsigned)at->ai_addrlen,
               inet_ntoa(address->sin_addr), ntohs(address->sin_port),
               at->ai_canonname ? " name " : "", at->ai_canonname ? at->ai_canonname : "");
    }
    if (!error)
        freeaddrinfo(found);
}

static void show_address_information(void)
{
    struct addrinfo stream = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo listening = stream, figures = stream, named = stream, wrong = stream;
    listening.ai_flags = AI_PASSIVE;
    figures.ai_flags = AI_NUMERICHOST;
    named.ai_flags = AI_CANONNAME;
    wrong.ai_family = 99;
    show_addresses("figures", "10.1.2.3", "80", &stream);
    show_addresses("localhost", "localhost", "65535", &stream);
    show_addresses("no port", "localhost", NULL, &stream);
    show_addresses("to listen", NULL, "8080", &listening);
    show_addresses("to connect", NULL, "8080", &stream);
    show_addresses("with its name", "127.0.0.1", NULL, &named);
    show_addresses("figures wanted", "localhost", NULL, &figures);
    show_addresses("no such service", "127.0.0.1", "nosuchservice", &stream);
    show_addresses("a family of 99", "127.0.0.1", NULL, &wrong);
    show_addresses("nobody", "nosuch.invalid", NULL, &stream);
    show_addresses("nothing", NULL, NULL, &stream);
}

static void show_name(const char *figures, int flags, DWORD room)
{
    char host[100] = "", service[100] = "";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4321)};
    address.sin_addr.s_addr = inet_addr(figures);
    int error = getnameinfo((struct sockaddr *)&address, sizeof address, host, room, service,
                            sizeof service, flags);
    printf("getnameinfo of %s, flags %x: %d %s %s\n", figures, flags, error, host, service);
}

static void show_host(const char *name)
{
    const struct hostent *host = gethostbyname(name);
    printf("gethostbyname of %s: error %d\n", name, host ? 0 : WSAGetLastError());
    if (host)
        printf("  %s type %d length %d %s\n", host->h_name, host->h_addrtype, host->h_length,
               inet_ntoa(*(struct in_addr *)host->h_addr_list[0]));
}

static void show_host_of(const char *figures)
{
    struct in_addr address = {.s_addr = inet_addr(figures)};
    const struct hostent *host = gethostbyaddr((char *)&address, sizeof address, AF_INET);
    printf("gethostbyaddr of %s: error %d %s\n", figures, host ? 0 : WSAGetLastError(),
           host ? host->h_name : "");
}

int main(void)
{
    WSADATA data;
    char name[100];
    show_begin();
    printf("gethostname before: %d", gethostname(name, sizeof name));
    printf(" error %d\n", WSAGetLastError());
    printf("WSAStartup: %d\n", WSAStartup(MAKEWORD(2, 2), &data));
    printf("version %x of %x\n", data.wVersion, data.wHighVersion);
    int failed = gethostname(name, sizeof name);
    printf("gethostname: %d, %s\n", failed, name[0] ? "a name" : "no name");
    failed = gethostname(name, 1);
    printf("gethostname in a byte: %d error %d\n", failed, WSAGetLastError());
    show_address_information();
    show_name("127.0.0.1", NI_NUMERICSERV, 100);
    show_name("127.0.0.1", NI_NUMERICHOST | NI_NUMERICSERV, 100);
    show_name("192.0.2.1", NI_NUMERICHOST | NI_NUMERICSERV, 100);
    show_host("localhost");
    show_host("10.1.2.3");
    show_host("nosuch.invalid");
    show_host_of("127.0.0.1");
    WSAEVENT event = WSACreateEvent();
    printf("WSAWaitForMultipleEvents: %lx\n", WSAWaitForMultipleEvents(1, &event, TRUE, 0, FALSE));
    SHOW(WSASetEvent(event));
    printf("WSAWaitForMultipleEvents: %lx\n", WSAWaitForMultipleEvents(1, &event, TRUE, 0, FALSE));
    SHOW(WSACloseEvent(event));
    SHOW(select(0, NULL, NULL, NULL, NULL));
    SHOW(closesocket((SOCKET)0x1234));
    SHOW(WSACleanup());
    SHOW(WSACleanup());
    return 0;
}
