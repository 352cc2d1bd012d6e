/* SPDX-License-Identifier: MIT */
/* Structures of the console driver protocol (console.def). */
#ifndef ATOMIK_PROTOCOLS_CONSOLE_H
#define ATOMIK_PROTOCOLS_CONSOLE_H

#include <protocols/tty.h>

#define CONSOLE_STREAM_CAPACITY 16384

#define MESSAGE(number, name, request, reply, text) \
    struct name##_request {                         \
        request                                     \
    };                                              \
    struct name##_reply {                           \
        reply                                       \
    };
#include <protocols/console.def>
#undef MESSAGE
enum console_label {
#define MESSAGE(number, name, request, reply, text) LABEL_##name = (number),
#include <protocols/console.def>
#undef MESSAGE
};

#endif
