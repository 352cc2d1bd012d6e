/* SPDX-License-Identifier: MIT */
#ifndef _NET_IF_H
#define _NET_IF_H

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IF_NAMESIZE     16
#define IFNAMSIZ        16
#define IFF_UP          1
#define IFF_BROADCAST   2
#define IFF_LOOPBACK    8
#define IFF_POINTOPOINT 16
#define IFF_RUNNING     64
#define IFF_MULTICAST   0x1000

struct if_nameindex {
    unsigned if_index;
    char *if_name;
};

unsigned if_nametoindex(const char *);
char *if_indextoname(unsigned, char *);
struct if_nameindex *if_nameindex(void);
void if_freenameindex(struct if_nameindex *);

#ifdef __cplusplus
}
#endif

#endif
