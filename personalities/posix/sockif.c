/* SPDX-License-Identifier: MIT */
/*
 * What sockets say about network interfaces: there is the loopback one, which is up, and nothing about
 * it can be changed. Setting what is set already is granted; other changes are not supported.
 */
#include <linux/sockios.h>
#include <string.h>

#include "missing.h"
#include "socket.h"
#include "task.h"

#define NAME_SIZE       16u
#define LOOPBACK_INDEX  1u
#define LOOPBACK_MTU    65536u
#define LOOPBACK_QUEUE  1000u
#define LOOPBACK_FLAGS  0x49u /* UP LOOPBACK RUNNING */
#define FLAGS_SETTABLE  1u    /* UP: the others that programs set along are the driver's */
#define ARPHRD_LOOPBACK 772u

/* struct ifreq and struct ifconf. */
struct interface_request {
    char name[NAME_SIZE];
    union {
        struct {
            uint16_t family, port;
            uint32_t address;
            uint8_t zero[8];
        } inet;
        uint32_t number;
        uint16_t flags;
        uint8_t bytes[16];
    };
};
_Static_assert(sizeof(struct interface_request) == 32, "struct ifreq");
struct interface_list {
    int32_t length;
    uint32_t buffer;
};

static void say_address(struct interface_request *request, uint32_t address)
{
    memset(request->bytes, 0, sizeof request->bytes);
    request->inet.family = AF_INET;
    request->inet.address = address;
}

static void say_number(struct interface_request *request, uint32_t number)
{
    memset(request->bytes, 0, sizeof request->bytes);
    request->number = number;
}

static const struct interface_request loopback = {.name = "lo"};

static int list_interfaces(user_t argument)
{
    struct interface_list list;
    struct interface_request row = loopback;
    if (copy_in(&list, argument, sizeof list) < 0)
        return -EFAULT;
    if (list.length < 0)
        return -EINVAL;
    say_address(&row, LOOPBACK);
    if (!list.buffer || (uint32_t)list.length >= sizeof row) {
        if (list.buffer && copy_out(USER(list.buffer), &row, sizeof row) < 0)
            return -EFAULT;
        list.length = sizeof row;
    } else {
        list.length = 0;
    }
    return copy_out(argument, &list, sizeof list);
}

/* 0: the answer is in the request; 1: it is no question about an interface. */
static int answer(uint32_t question, struct interface_request *request)
{
    switch (question) {
    case SIOCGIFFLAGS:
        say_number(request, LOOPBACK_FLAGS);
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        say_address(request, LOOPBACK);
        return 0;
    case SIOCGIFBRDADDR:
        say_address(request, 0);
        return 0;
    case SIOCGIFNETMASK:
        say_address(request, LOOPBACK_NETMASK);
        return 0;
    case SIOCGIFHWADDR:
        say_number(request, ARPHRD_LOOPBACK);
        return 0;
    case SIOCGIFMETRIC:
        say_number(request, 0);
        return 0;
    case SIOCGIFMTU:
        say_number(request, LOOPBACK_MTU);
        return 0;
    case SIOCGIFTXQLEN:
        say_number(request, LOOPBACK_QUEUE);
        return 0;
    case SIOCGIFINDEX:
        say_number(request, LOOPBACK_INDEX);
        return 0;
    }
    return 1;
}

/* Whether a change would leave things as they are; 2: it is no change of an interface. */
static int keeps(uint32_t change, const struct interface_request *request)
{
    switch (change) {
    case SIOCSIFFLAGS:
        return ((request->flags ^ LOOPBACK_FLAGS) & FLAGS_SETTABLE) == 0;
    case SIOCSIFADDR:
        return request->inet.family == AF_INET && request->inet.address == LOOPBACK;
    case SIOCSIFNETMASK:
        return request->inet.family == AF_INET && request->inet.address == LOOPBACK_NETMASK;
    case SIOCSIFMTU:
        return request->number == LOOPBACK_MTU;
    }
    return 2;
}

static int change(uint32_t what, const struct interface_request *request)
{
    if (!capable(CAP_NET_ADMIN))
        return -EPERM;
    return keeps(what, request)
               ? 0
               : missing_error(EOPNOTSUPP, "change %x of a network interface", what);
}

int interface_ioctl(uint32_t what, user_t argument)
{
    struct interface_request request;
    if (what == SIOCGIFCONF)
        return list_interfaces(argument);
    if (what >> 8 != SIOCGIFCONF >> 8)
        return -ENOTTY;
    if (copy_in(&request, argument, sizeof request) < 0)
        return -EFAULT;
    if (what == SIOCGIFNAME) {
        if (request.number != LOOPBACK_INDEX)
            return -ENODEV;
        memcpy(request.name, loopback.name, sizeof request.name);
        return copy_out(argument, &request, sizeof request);
    }
    request.name[NAME_SIZE - 1] = '\0';
    int changed = keeps(what, &request);
    int result = changed == 2 ? answer(what, &request) : 0;
    if (result != 0)
        return -ENOTTY;
    if (strcmp(request.name, loopback.name) != 0)
        return -ENODEV;
    return changed == 2 ? copy_out(argument, &request, sizeof request) : change(what, &request);
}
