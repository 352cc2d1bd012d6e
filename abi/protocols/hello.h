/* SPDX-License-Identifier: MIT */
/* Structures of the example driver's protocol (hello.def). */
#ifndef ATOMIK_PROTOCOLS_HELLO_H
#define ATOMIK_PROTOCOLS_HELLO_H

#include <protocols/message.h>

#define HELLO_UPDATES_MAX 60

#define PROTOCOL <protocols/hello.def>
#include <protocols/expand.def>

#endif
