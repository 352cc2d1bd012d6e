/* SPDX-License-Identifier: MIT */
/* Characters to the glyphs of the VGA's font (code page 437). */
#ifndef CONSOLE_GLYPH_H
#define CONSOLE_GLYPH_H

#include <atomik/types.h>

/* '?' when nothing comes near. */
uint8_t glyph_of(uint32_t codepoint);

/* For '`'..'~' while the DEC special graphics set is chosen; other bytes stand for themselves. */
uint8_t glyph_of_drawing(uint8_t byte);

#endif
