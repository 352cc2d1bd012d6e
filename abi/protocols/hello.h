/* SPDX-License-Identifier: MIT */
/* Structures of the example driver's protocol (hello.def). */
#ifndef ATOMIK_PROTOCOLS_HELLO_H
#define ATOMIK_PROTOCOLS_HELLO_H

#include <protocols/message.h>

#define HELLO_UPDATES_MAX 60

#define MESSAGE(number, name, request, reply, text) \
    struct name##_request {                         \
        request                                     \
    };                                              \
    struct name##_reply {                           \
        reply                                       \
    };
#include <protocols/hello.def>
#undef MESSAGE
enum hello_label {
#define MESSAGE(number, name, request, reply, text) LABEL_##name = (number),
#include <protocols/hello.def>
#undef MESSAGE
};

#endif
