/* SPDX-License-Identifier: MIT */
/*
 * Names of hosts: what ws2_32.dll leaves to Wine's Unix half. This machine is on no network. It knows
 * addresses in figures, itself and localhost, ports in figures, and nobody else's name.
 *
 * Results are laid out as 32-bit programs have them: a structure with what it points to behind it.
 */
#include <personalities/nt/host_names.h>

#include <stdio.h>
#include <string.h>

enum { GET_ADDRESS_INFO, GET_HOST_BY_ADDRESS, GET_HOST_BY_NAME, GET_HOST_NAME, GET_NAME_INFO };

/* Errors of Winsock. */
enum {
    BUFFER_TOO_SMALL = 122,
    BAD_ADDRESS = 10014,
    FAMILY_NOT_SUPPORTED = 10047,
    SERVICE_NOT_FOUND = 10109,
    HOST_NOT_FOUND = 11001,
};

enum { FAMILY_ANY = 0, FAMILY_INET = 2, FAMILY_INET6 = 23 };
enum { FLAG_PASSIVE = 1, FLAG_CANONICAL = 2, FLAG_FIGURES = 4 }; /* of getaddrinfo */
enum { FLAG_NUMERIC_HOST = 2, FLAG_NAME_REQUIRED = 4 };          /* of getnameinfo */

#define THIS_HOST    "ATOMIK"
#define NAME_SIZE    256
#define LOOPBACK     0x7f000001u
#define ADDRESS_SIZE 4 /* of IPv4 */

struct socket_address {
    uint16_t family;
    uint8_t port[2], address[ADDRESS_SIZE];
    uint8_t zero[8];
};

struct address_info {
    uint32_t flags, family, socket_type, protocol;
    uint32_t address_length, canonical_name, address, next;
};

struct host_entry {
    uint32_t name, aliases;
    uint16_t family, length;
    uint32_t addresses;
};

_Static_assert(sizeof(struct socket_address) == 16, "sockaddr_in");
_Static_assert(sizeof(struct address_info) == 32, "addrinfo of 32 bits");
_Static_assert(sizeof(struct host_entry) == 16, "hostent of 32 bits");

/* ---- text ---- */

/* A text of the program, which ends before NAME_SIZE bytes. */
static bool read_text(uint32_t guest, char text[NAME_SIZE])
{
    for (uint32_t i = 0; i < NAME_SIZE; i++) {
        if (guest_read(&text[i], guest + i, 1))
            return false;
        if (!text[i])
            return true;
    }
    return false;
}

static uint32_t write_text(uint32_t guest, uint32_t size, const char *text)
{
    size_t length = strlen(text) + 1;
    if (size < length)
        return BUFFER_TOO_SMALL;
    return guest_write(guest, text, length) ? BAD_ADDRESS : 0;
}

/* Figures up to `limit`; *at moves behind them. */
static bool read_number(const char **at, uint32_t limit, uint32_t *number)
{
    const char *from = *at;
    *number = 0;
    while (**at >= '0' && **at <= '9') {
        *number = *number * 10 + (uint32_t)(*(*at)++ - '0');
        if (*number > limit)
            return false;
    }
    return *at != from;
}

/* An IPv4 address of four numbers, in the order of their bytes. */
static bool read_address(const char *text, uint8_t address[ADDRESS_SIZE])
{
    for (uint32_t i = 0; i < ADDRESS_SIZE; i++) {
        uint32_t number;
        if (!read_number(&text, 255, &number) || *text != (i + 1 < ADDRESS_SIZE ? '.' : '\0'))
            return false;
        address[i] = (uint8_t)number;
        text++;
    }
    return true;
}

static void put_address(uint32_t value, uint8_t address[ADDRESS_SIZE])
{
    for (uint32_t i = 0; i < ADDRESS_SIZE; i++)
        address[i] = (uint8_t)(value >> (24 - 8 * i));
}

static bool is_loopback(const uint8_t address[ADDRESS_SIZE])
{
    return address[0] == LOOPBACK >> 24;
}

static bool find_host(const char *name, uint8_t address[ADDRESS_SIZE])
{
    if (read_address(name, address))
        return true;
    put_address(LOOPBACK, address);
    return strcasecmp(name, "localhost") == 0 || strcasecmp(name, THIS_HOST) == 0;
}

/* ---- getaddrinfo ---- */

static uint32_t find_service(uint32_t guest, uint8_t port[2])
{
    char name[NAME_SIZE];
    const char *at = name;
    uint32_t number = 0;
    if (guest && !read_text(guest, name))
        return BAD_ADDRESS;
    if (guest && name[0] && (!read_number(&at, UINT16_MAX, &number) || *at))
        return SERVICE_NOT_FOUND;
    port[0] = (uint8_t)(number >> 8);
    port[1] = (uint8_t)number;
    return 0;
}

static uint32_t find_node(uint32_t guest, const struct address_info *hints, char name[NAME_SIZE],
                          uint8_t address[ADDRESS_SIZE])
{
    strcpy(name, THIS_HOST);
    if (!guest) {
        put_address(hints->flags & FLAG_PASSIVE ? 0 : LOOPBACK, address);
        return 0;
    }
    if (!read_text(guest, name))
        return BAD_ADDRESS;
    bool found =
        hints->flags & FLAG_FIGURES ? read_address(name, address) : find_host(name, address);
    return found ? 0 : HOST_NOT_FOUND;
}

static uint32_t check_family(const struct address_info *hints)
{
    switch (hints->family) {
    case FAMILY_ANY:
    case FAMILY_INET:
        return 0;
    case FAMILY_INET6: /* nobody has an address of that kind */
        return HOST_NOT_FOUND;
    }
    return FAMILY_NOT_SUPPORTED;
}

/* *size is how much there is, and becomes what is needed if that is more. */
static uint32_t check_size(uint32_t guest_size, uint32_t needed)
{
    uint32_t size;
    if (guest_read(&size, guest_size, sizeof size))
        return BAD_ADDRESS;
    if (size >= needed)
        return 0;
    return guest_write32(guest_size, needed) ? BAD_ADDRESS : BUFFER_TOO_SMALL;
}

struct address_answer {
    struct address_info info;
    struct socket_address address;
    char name[NAME_SIZE];
};

static uint32_t get_address_info(uint32_t arguments)
{
    struct {
        uint32_t node, service, hints, info, size;
    } call;
    struct address_info hints = {0};
    struct address_answer answer = {.address.family = FAMILY_INET};
    if (guest_read(&call, arguments, sizeof call) ||
        (call.hints && guest_read(&hints, call.hints, sizeof hints)))
        return BAD_ADDRESS;
    uint32_t error = check_family(&hints);
    if (!error)
        error = find_service(call.service, answer.address.port);
    if (!error)
        error = find_node(call.node, &hints, answer.name, answer.address.address);
    size_t used = sizeof answer - NAME_SIZE + strlen(answer.name) + 1;
    if (!error)
        error = check_size(call.size, used);
    if (error)
        return error;
    answer.info = (struct address_info){
        .family = FAMILY_INET,
        .socket_type = hints.socket_type,
        .protocol = hints.protocol,
        .address_length = sizeof answer.address,
        .canonical_name =
            hints.flags & FLAG_CANONICAL ? call.info + offsetof(struct address_answer, name) : 0,
        .address = call.info + offsetof(struct address_answer, address)};
    return guest_write(call.info, &answer, used) ? BAD_ADDRESS : 0;
}

/* ---- gethostbyname, gethostbyaddr ---- */

struct host_answer {
    struct host_entry entry;
    uint32_t aliases[1], addresses[2];
    uint8_t address[ADDRESS_SIZE];
    char name[NAME_SIZE];
};

static uint32_t answer_host(const char *name, const uint8_t address[ADDRESS_SIZE], uint32_t to,
                            uint32_t guest_size)
{
    struct host_answer answer = {.aliases = {0}};
    size_t used = offsetof(struct host_answer, name) + strlen(name) + 1;
    uint32_t error = check_size(guest_size, used);
    if (error)
        return error;
    answer.entry = (struct host_entry){.name = to + offsetof(struct host_answer, name),
                                       .aliases = to + offsetof(struct host_answer, aliases),
                                       .family = FAMILY_INET,
                                       .length = ADDRESS_SIZE,
                                       .addresses = to + offsetof(struct host_answer, addresses)};
    answer.addresses[0] = to + offsetof(struct host_answer, address);
    memcpy(answer.address, address, ADDRESS_SIZE);
    strcpy(answer.name, name);
    return guest_write(to, &answer, used) ? BAD_ADDRESS : 0;
}

static uint32_t get_host_by_name(uint32_t arguments)
{
    struct {
        uint32_t name, host, size;
    } call;
    char name[NAME_SIZE];
    uint8_t address[ADDRESS_SIZE];
    if (guest_read(&call, arguments, sizeof call) || !read_text(call.name, name))
        return BAD_ADDRESS;
    return find_host(name, address) ? answer_host(name, address, call.host, call.size)
                                    : HOST_NOT_FOUND;
}

static uint32_t get_host_by_address(uint32_t arguments)
{
    struct {
        uint32_t address, length, family, host, size;
    } call;
    uint8_t address[ADDRESS_SIZE];
    if (guest_read(&call, arguments, sizeof call))
        return BAD_ADDRESS;
    if (call.family != FAMILY_INET || call.length != ADDRESS_SIZE)
        return HOST_NOT_FOUND;
    if (guest_read(address, call.address, sizeof address))
        return BAD_ADDRESS;
    return is_loopback(address) ? answer_host("localhost", address, call.host, call.size)
                                : HOST_NOT_FOUND;
}

/* ---- gethostname, getnameinfo ---- */

static uint32_t get_host_name(uint32_t arguments)
{
    struct {
        uint32_t name, size;
    } call;
    if (guest_read(&call, arguments, sizeof call))
        return BAD_ADDRESS;
    return write_text(call.name, call.size, THIS_HOST);
}

static uint32_t name_of_address(const uint8_t address[ADDRESS_SIZE], uint32_t flags,
                                char name[NAME_SIZE])
{
    bool known = is_loopback(address) && !(flags & FLAG_NUMERIC_HOST);
    if (flags & FLAG_NAME_REQUIRED && !known)
        return HOST_NOT_FOUND;
    if (known)
        strcpy(name, "localhost");
    else
        snprintf(name, NAME_SIZE, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    return 0;
}

static uint32_t get_name_info(uint32_t arguments)
{
    struct {
        uint32_t address, length, host, host_size, service, service_size, flags;
    } call;
    struct socket_address address;
    char name[NAME_SIZE], port[8];
    uint32_t error = 0;
    if (guest_read(&call, arguments, sizeof call) || call.length < sizeof address ||
        guest_read(&address, call.address, sizeof address))
        return BAD_ADDRESS;
    if (address.family != FAMILY_INET)
        return FAMILY_NOT_SUPPORTED;
    if (call.host && call.host_size)
        error = name_of_address(address.address, call.flags, name);
    if (!error && call.host && call.host_size)
        error = write_text(call.host, call.host_size, name);
    snprintf(port, sizeof port, "%d", address.port[0] << 8 | address.port[1]);
    if (!error && call.service && call.service_size)
        error = write_text(call.service, call.service_size, port);
    return error;
}

NTSTATUS host_names_call(uint32_t code, uint32_t arguments)
{
    switch (code) {
    case GET_ADDRESS_INFO:
        return (NTSTATUS)get_address_info(arguments);
    case GET_HOST_BY_ADDRESS:
        return (NTSTATUS)get_host_by_address(arguments);
    case GET_HOST_BY_NAME:
        return (NTSTATUS)get_host_by_name(arguments);
    case GET_HOST_NAME:
        return (NTSTATUS)get_host_name(arguments);
    case GET_NAME_INFO:
        return (NTSTATUS)get_name_info(arguments);
    }
    return STATUS_NOT_IMPLEMENTED;
}
