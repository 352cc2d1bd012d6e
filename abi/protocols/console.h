/* SPDX-License-Identifier: MIT */
/* Structures of the console driver protocol (console.def). */
#ifndef ATOMIK_PROTOCOLS_CONSOLE_H
#define ATOMIK_PROTOCOLS_CONSOLE_H

#include <protocols/tty.h>

#define CONSOLE_STREAM_CAPACITY 16384

/*
 * Written by the driver, and there after its end: what has been given to it and is not counted here has
 * not been shown, and is for the driver that is started next.
 */
struct console_progress {
    uint32_t shown; /* bytes since the connection; wraps */
};

#define PROTOCOL <protocols/console.def>
#include <protocols/expand.def>

#endif
