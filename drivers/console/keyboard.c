/* SPDX-License-Identifier: MIT */
/* The US layout; see keyboard.h. */
#include "keyboard.h"

#include <string.h>

#define RELEASE  0x80
#define EXTENDED 0xe0

enum modifier_code {
    KEY_CONTROL = 0x1d,
    KEY_SHIFT_LEFT = 0x2a,
    KEY_SHIFT_RIGHT = 0x36,
    KEY_ALT = 0x38,
    KEY_CAPS = 0x3a
};

static const char plain[0x3a] =
    "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[0x3a] =
    "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static const struct {
    uint8_t code;
    const char *sequence;
} special[] = {
    {0x48, "\033[A"},   {0x50, "\033[B"},   {0x4d, "\033[C"},   {0x4b, "\033[D"},
    {0x47, "\033[H"},   {0x4f, "\033[F"},   {0x52, "\033[2~"},  {0x53, "\033[3~"},
    {0x49, "\033[5~"},  {0x51, "\033[6~"},  {0x3b, "\033OP"},   {0x3c, "\033OQ"},
    {0x3d, "\033OR"},   {0x3e, "\033OS"},   {0x3f, "\033[15~"}, {0x40, "\033[17~"},
    {0x41, "\033[18~"}, {0x42, "\033[19~"}, {0x43, "\033[20~"}, {0x44, "\033[21~"},
    {0x57, "\033[23~"}, {0x58, "\033[24~"},
};

static bool track_modifier(struct keyboard *keyboard, uint8_t code, bool pressed)
{
    switch (code) {
    case KEY_CONTROL:
        keyboard->control = pressed;
        return true;
    case KEY_SHIFT_LEFT:
    case KEY_SHIFT_RIGHT:
        keyboard->shift = pressed;
        return true;
    case KEY_ALT:
        keyboard->alt = pressed;
        return true;
    case KEY_CAPS: /* held down, it repeats; only the first press counts */
        keyboard->caps ^= pressed && !keyboard->caps_held;
        keyboard->caps_held = pressed;
        return true;
    }
    return false;
}

static uint32_t special_key(uint8_t code, bool application_keys, uint8_t *bytes)
{
    for (uint32_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (special[i].code != code)
            continue;
        uint32_t length = (uint32_t)strlen(special[i].sequence);
        memcpy(bytes, special[i].sequence, length);
        if (application_keys && length == 3 && bytes[1] == '[')
            bytes[1] = 'O';
        return length;
    }
    return 0;
}

static uint8_t character(const struct keyboard *keyboard, uint8_t code)
{
    uint8_t lower = (uint8_t)plain[code];
    bool letter = lower >= 'a' && lower <= 'z';
    bool upper = keyboard->shift ^ (letter && keyboard->caps);
    uint8_t byte = (uint8_t)(upper ? shifted[code] : plain[code]);
    if (!keyboard->control)
        return byte;
    if (byte == ' ' || byte == '2')
        return 0;
    return byte >= '@' && byte <= '~' ? byte & 0x1f : byte;
}

uint32_t keyboard_scan(struct keyboard *keyboard, uint8_t code, bool application_keys,
                       uint8_t *bytes)
{
    if (code == EXTENDED) {
        keyboard->extended = true;
        return 0;
    }
    bool extended = keyboard->extended, pressed = !(code & RELEASE);
    keyboard->extended = false;
    code &= (uint8_t)~RELEASE;
    if (extended && code == KEY_SHIFT_LEFT) /* the controller's padding around grey keys */
        return 0;
    if (track_modifier(keyboard, code, pressed) || !pressed)
        return 0;
    if (extended && code == 0x1c) {
        bytes[0] = '\r';
        return 1;
    }
    if (extended && code == 0x35) {
        bytes[0] = '/';
        return 1;
    }
    if (extended || code >= sizeof plain)
        return special_key(code, application_keys, bytes);
    if (plain[code] == 0)
        return 0;
    uint32_t count = 0;
    if (keyboard->alt)
        bytes[count++] = 27;
    bytes[count++] = character(keyboard, code);
    return count;
}
