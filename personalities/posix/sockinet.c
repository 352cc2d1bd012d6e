/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the AF_INET family, between programs of this machine: its only interface is the loopback
 * one, 127.0.0.0/8. Streams and datagrams move like those of AF_UNIX; here are the addresses, and what is
 * different: ports, connected datagram sockets, which only remember an address, and datagrams that are
 * lost. There is no other network: any other address is unreachable.
 */
#include <string.h>

#include "calls.h"
#include "socket.h"
#include "task.h"

#define DATAGRAM_MAX  65507u /* with its headers 65,535 */
#define PORT_ALLOWED  1024u  /* below: with the capability */
#define PORT_FIRST    32768u
#define PORT_LAST     60999u
#define LOOPBACK_NET  127u
#define PROTOCOL_UDP  17u
#define OPTION_TTL    2u
#define TTL           64u
#define OPTIONS_OF_IP 0x00000c06u /* TOS TTL MTU_DISCOVER RECVERR */
#define OPTIONS_OF_TCP \
    0x0004127au /* NODELAY CORK KEEPIDLE KEEPINTVL KEEPCNT DEFER_ACCEPT QUICKACK USER_TIMEOUT */

/* ---- addresses ------------------------------------------------------------------------------------- */

const uint32_t inet_levels[INET_LEVELS] = {0, PROTOCOL_TCP};

static const struct socket_address no_address = {.length = INET_LENGTH, .family = AF_INET};

static uint32_t port_of(const struct socket_address *address)
{
    return (uint32_t)(uint8_t)address->path[0] << 8 | (uint8_t)address->path[1];
}

static void set_port(struct socket_address *address, uint32_t port)
{
    address->path[0] = (char)(port >> 8);
    address->path[1] = (char)port;
}

static uint32_t host_of(const struct socket_address *address)
{
    uint32_t host;
    memcpy(&host, address->path + 2, 4);
    return host;
}

static void settle(struct socket_address *address)
{
    uint32_t host = LOOPBACK;
    if (host_of(address) == 0)
        memcpy(address->path + 2, &host, 4);
    address->length = INET_LENGTH;
}

static int check_address(const struct socket_address *address)
{
    if (address->length < INET_LENGTH)
        return -EINVAL;
    return address->family == AF_INET ? 0 : -EAFNOSUPPORT;
}

static bool is_here(const struct socket_address *address)
{
    return host_of(address) == 0 || (host_of(address) & 0xff) == LOOPBACK_NET;
}

static bool hosts_meet(const struct socket_address *a, const struct socket_address *b)
{
    return host_of(a) == host_of(b) || host_of(a) == 0 || host_of(b) == 0;
}

static bool is_inet(const struct socket *socket)
{
    return socket->family == &inet_family;
}

/* ---- new sockets and their options ----------------------------------------------------------------- */

static void begin(struct socket *socket)
{
    socket->inet_options[0][OPTION_TTL] = TTL;
}

static int type_of(uint32_t kind, uint32_t protocol)
{
    if (kind == SOCK_STREAM && (protocol == 0 || protocol == PROTOCOL_TCP))
        return SOCK_STREAM;
    if (kind == SOCK_DGRAM && (protocol == 0 || protocol == PROTOCOL_UDP))
        return SOCK_DGRAM;
    bool raw_of_any = kind == SOCK_RAW && protocol == 0;
    return kind == SOCK_STREAM || kind == SOCK_DGRAM || raw_of_any ? -EPROTONOSUPPORT
                                                                   : -ESOCKTNOSUPPORT;
}

static uint32_t protocol_of(const struct socket *socket)
{
    return socket_is_stream(socket) ? PROTOCOL_TCP : PROTOCOL_UDP;
}

/* They are kept. Nothing is delayed, lost on the way or routed here, so none makes a difference. */
static uint32_t *option_of(struct socket *socket, uint32_t level, uint32_t option)
{
    bool tcp = level == PROTOCOL_TCP && socket_is_stream(socket);
    uint32_t known = tcp ? OPTIONS_OF_TCP : level == 0 ? OPTIONS_OF_IP : 0;
    if (option >= INET_OPTIONS || !(known >> option & 1))
        return NULL;
    return &socket->inet_options[tcp][option];
}

/* ---- binding --------------------------------------------------------------------------------------- */

static bool may_share(const struct socket *a, const struct socket *b)
{
    uint32_t both = a->flags & b->flags;
    if (both & SOCKET_REUSE_PORT)
        return true;
    return (both & SOCKET_REUSE_ADDRESS) && (a->type == SOCK_DGRAM || b->state != SOCKET_LISTENING);
}

/* Lock held. */
static bool is_taken(const struct socket *socket, const struct socket_address *address)
{
    list_each(other, &all_sockets, struct socket, link)
    {
        if (other != socket && is_inet(other) && other->type == socket->type && !other->closed &&
            other->name && port_of(other->name) == port_of(address) &&
            hosts_meet(other->name, address) && !may_share(socket, other))
            return true;
    }
    return false;
}

/* A port that nobody has; lock held. False: there is none. */
static bool choose_port(const struct socket *socket, struct socket_address *address)
{
    static uint32_t next;
    for (uint32_t i = 0; i <= PORT_LAST - PORT_FIRST; i++) {
        set_port(address, PORT_FIRST + next++ % (PORT_LAST - PORT_FIRST + 1));
        if (!is_taken(socket, address))
            return true;
    }
    return false;
}

static int check_name(const struct socket_address *address)
{
    int error = check_address(address);
    if (error < 0)
        return error;
    if (!is_here(address))
        return -EADDRNOTAVAIL;
    bool reserved = port_of(address) && port_of(address) < PORT_ALLOWED;
    return reserved && !capable(CAP_NET_BIND_SERVICE) ? -EACCES : 0;
}

static int bind_to(struct socket *socket, const struct socket_address *address)
{
    int error = check_name(address);
    if (error < 0)
        return error;
    struct socket_address *name = allocate(sizeof *name);
    if (!name)
        return -ENOMEM;
    *name = *address;
    name->length = INET_LENGTH;
    server_lock();
    if (socket->name)
        error = -EINVAL;
    else if (port_of(name) ? is_taken(socket, name) : !choose_port(socket, name))
        error = -EADDRINUSE;
    else
        socket->name = name;
    server_unlock();
    if (error < 0)
        release(name);
    return error;
}

static int bind_anywhere(struct socket *socket, bool any)
{
    struct socket_address address = {.length = INET_LENGTH, .family = AF_INET};
    if (!any)
        settle(&address);
    int error = bind_to(socket, &address);
    return error == -EINVAL ? 0 : error; /* somebody else has bound it meanwhile */
}

/* ---- finding --------------------------------------------------------------------------------------- */

static bool serves(const struct socket *to, uint32_t type, const struct socket_address *address)
{
    bool open = !to->closed && (type == SOCK_DGRAM || to->state == SOCKET_LISTENING);
    return open && is_inet(to) && to->type == type && to->name &&
           port_of(to->name) == port_of(address) && hosts_meet(to->name, address);
}

static int find_bound(const struct socket *socket, const struct socket_address *address,
                      struct socket **found)
{
    struct socket_address target = *address;
    int error = check_address(address);
    if (error < 0)
        return error;
    if (!is_here(address))
        return -ENETUNREACH;
    settle(&target);
    *found = NULL;
    server_lock();
    list_each(each, &all_sockets, struct socket, link)
    {
        if (!*found && serves(each, socket->type, &target))
            *found = each;
    }
    if (*found)
        socket_hold(*found);
    server_unlock();
    return *found ? 0 : -ECONNREFUSED;
}

/* ---- datagrams ------------------------------------------------------------------------------------- */

static int connect_datagram(struct socket *socket, const struct socket_address *address)
{
    struct socket_address remote = *address;
    bool forget = address->length >= sizeof address->family && address->family == 0;
    int error = forget ? 0 : check_address(address);
    if (error == 0 && !forget && !is_here(address))
        error = -ENETUNREACH;
    if (error == 0 && !forget && !socket->name)
        error = bind_anywhere(socket, false);
    if (error < 0)
        return error;
    settle(&remote);
    remote.length = forget ? 0 : INET_LENGTH;
    server_lock();
    socket->remote = remote;
    socket->state = forget ? SOCKET_UNCONNECTED : SOCKET_CONNECTED;
    socket_wake_all(socket, WRITE_READY);
    server_unlock();
    return 0;
}

static bool loses(const struct socket *from, const struct socket *to)
{
    bool other = to->remote.length && (port_of(&to->remote) != port_of(from->name) ||
                                       !hosts_meet(&to->remote, from->name));
    return other || to->queued_bytes + to->queued * SOCKET_OVERHEAD > to->receive_limit;
}

const struct socket_family inet_family = {
    .domain = AF_INET,
    .names_itself = true,
    .loses_datagrams = true,
    .unconnected_read = -ENOTCONN,
    .unconnected_write = -EPIPE,
    .unconnected_shutdown = -ENOTCONN,
    .no_destination = -EDESTADDRREQ,
    .no_option = -ENOPROTOOPT,
    .no_urgent = -EINVAL,
    .no_errors = -EAGAIN,
    .ignores_destination = true,
    .datagram_max = DATAGRAM_MAX,
    .no_address = &no_address,
    .type = type_of,
    .begin = begin,
    .protocol = protocol_of,
    .check_name = check_name,
    .bind = bind_to,
    .autobind = bind_anywhere,
    .find = find_bound,
    .connect_datagram = connect_datagram,
    .settle = settle,
    .loses = loses,
    .option = option_of,
};
