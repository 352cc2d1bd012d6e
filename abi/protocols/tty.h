/* SPDX-License-Identifier: MIT */
/* Structures and constants of the terminal protocol (tty.def). */
#ifndef ATOMIK_PROTOCOLS_TTY_H
#define ATOMIK_PROTOCOLS_TTY_H

#include <protocols/message.h>

#define TTY_DATA_MAX 960
enum tty_flags { TTY_NONBLOCK = 1, TTY_PEEK = 2 };
enum tty_signals { TTY_READABLE = 1u << 8, TTY_WRITABLE = 1u << 9, TTY_HANGUP = 1u << 10 };

/* struct termios of Linux i386's TCGETS, bit for bit. */
struct tty_attributes {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
};
struct tty_size {
    uint16_t rows, columns, xpixel, ypixel;
};

#define MESSAGE(number, name, request, reply, text) \
    struct name##_request {                         \
        request                                     \
    };                                              \
    struct name##_reply {                           \
        reply                                       \
    };
#include <protocols/tty.def>
#undef MESSAGE
enum tty_label {
#define MESSAGE(number, name, request, reply, text) LABEL_##name = (number),
#include <protocols/tty.def>
#undef MESSAGE
};

#endif
