/* SPDX-License-Identifier: MIT */
/* PS/2 scan codes (set 1, as the controller translates them) to the bytes a terminal sends; US layout. */
#ifndef CONSOLE_KEYBOARD_H
#define CONSOLE_KEYBOARD_H

#include <atomik/types.h>

#define KEYBOARD_BYTES 8

struct keyboard {
    bool shift, control, alt, caps, caps_held, extended;
};

/* Takes one scan code; returns how many bytes (0..KEYBOARD_BYTES) it puts into `bytes`. */
uint32_t keyboard_scan(struct keyboard *keyboard, uint8_t code, bool application_keys,
                       uint8_t *bytes);

#endif
