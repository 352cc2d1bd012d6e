/* SPDX-License-Identifier: MIT */
/* Structures of the console driver protocol (console.def). */
#ifndef ATOMIK_PROTOCOLS_CONSOLE_H
#define ATOMIK_PROTOCOLS_CONSOLE_H

#include <protocols/tty.h>

#define CONSOLE_STREAM_CAPACITY 16384

#define PROTOCOL <protocols/console.def>
#include <protocols/expand.def>

#endif
