/* SPDX-License-Identifier: MIT */
/* Structures and constants of the terminal protocol (tty.def). */
#ifndef ATOMIK_PROTOCOLS_TTY_H
#define ATOMIK_PROTOCOLS_TTY_H

#include <protocols/message.h>

#define TTY_DATA_MAX 960
enum tty_flags { TTY_NONBLOCK = 1, TTY_PEEK = 2 };
enum tty_signals {
    TTY_READABLE = 1u << 8,
    TTY_WRITABLE = 1u << 9,
    TTY_HANGUP = 1u << 10,
    TTY_PRIORITY = 1u << 11
};
enum tty_kind { TTY_CONSOLE, TTY_PSEUDO, TTY_MASTER };

/* struct termios2 of Linux i386's TCGETS2, bit for bit. */
struct tty_attributes {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
    uint32_t input_speed, output_speed; /* baud */
};
struct tty_size {
    uint16_t rows, columns, xpixel, ypixel;
};

#define PROTOCOL <protocols/tty.def>
#include <protocols/expand.def>

#endif
