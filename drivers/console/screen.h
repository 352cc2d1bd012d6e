/* SPDX-License-Identifier: MIT */
/*
 * A VT102-like terminal on a grid of character cells (VGA text memory: code page 437 character in
 * the low byte, attribute in the high one). Pure: it writes cells and moves a cursor, no I/O.
 */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include <atomik/types.h>

#define SCREEN_ROWS       25
#define SCREEN_COLUMNS    80
#define SCREEN_PARAMETERS 16

/* What ESC 7 saves. */
struct screen_cursor {
    uint32_t row, column;
    uint8_t foreground, background;
    bool bold, reverse, line_drawing;
};

struct screen {
    volatile uint16_t *cells; /* SCREEN_ROWS x SCREEN_COLUMNS */
    uint32_t row, column;
    struct screen_cursor saved;
    uint32_t top, bottom; /* scroll region, rows top..bottom-1 */
    bool wrap_pending;    /* the last column was written; the next character wraps first */
    bool cursor_visible, application_keys;
    bool wraps, insert;             /* modes DECAWM and IRM */
    uint8_t foreground, background; /* ANSI colours 0..7 */
    bool bold, reverse;
    /* parser */
    enum { SCREEN_TEXT, SCREEN_ESCAPE, SCREEN_CSI, SCREEN_STRING, SCREEN_CHARSET } state;
    uint32_t parameters[SCREEN_PARAMETERS], parameter_count;
    bool private_mode;
    uint32_t codepoint, utf8_left;
    bool line_drawing; /* DEC special graphics chosen */
    /* Bytes the terminal answers (cursor position, identity); may be NULL. */
    void (*answer)(struct screen *screen, const uint8_t *bytes, uint32_t count);
};

void screen_init(struct screen *screen, volatile uint16_t *cells);
void screen_write(struct screen *screen, const uint8_t *bytes, uint32_t count);

#endif
