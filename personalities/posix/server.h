/* SPDX-License-Identifier: MIT */
/* What the server is connected to; set once in main before any guest runs. */
#ifndef POSIX_SERVER_H
#define POSIX_SERVER_H

#include <atomik/types.h>

struct server {
    handle_t init;        /* our private handle to init */
    uint32_t personality; /* our number there */
    handle_t root;        /* root directory of the machine */
    handle_t tty;         /* terminal server, HANDLE_NONE until first needed */
    uint64_t root_ino;
    uint32_t root_device;
    char hostname[65], domainname[65];
};
extern struct server server;

#endif
