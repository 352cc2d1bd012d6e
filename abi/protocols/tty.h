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

/* What begins the state of a pseudo terminal (pty_export); `input` bytes, for each of them whether a
 * line ends there, and `output` bytes follow. */
struct pty_state {
    struct tty_attributes attributes;
    struct tty_size size;
    uint32_t locked, packet, packet_status, was_opened;
    uint32_t column, edit_column, literal_next, output_stopped;
    uint32_t input, canonical; /* bytes before the line that is being edited */
    uint32_t output;
};
#define PTY_STATE_MAX (sizeof(struct pty_state) + 2 * 4096 + 32768)

#define PROTOCOL <protocols/tty.def>
#include <protocols/expand.def>

#endif
