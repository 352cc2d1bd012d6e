/* SPDX-License-Identifier: MIT */
/* UTF-16 strings of NT: counted, compared without case, converted to and from UTF-8. */
#ifndef NT_TEXT_H
#define NT_TEXT_H

#include <personalities/nt/winabi.h>

/* A counted UTF-16 string in server memory; not terminated. */
struct text {
    const WCHAR *chars;
    uint32_t length; /* in characters */
};

#define LITERAL(literal) ((struct text){L"" literal, sizeof(L"" literal) / 2 - 1})

WCHAR text_upper(WCHAR c);
bool text_equal(struct text a, struct text b);  /* without case */
int text_compare(struct text a, struct text b); /* without case; order of NT's registry */
bool text_starts(struct text text, struct text prefix);
struct text text_skip(struct text text, uint32_t count);
uint32_t text_length(const WCHAR *terminated);

/* New terminated copies; NULL without memory. */
WCHAR *text_copy(struct text text);
char *text_to_utf8(struct text text);
WCHAR *text_from_utf8(const char *bytes, size_t size, uint32_t *length);

/*
 * Into a buffer: bytes or characters written. Lone surrogates travel as three bytes, so that every
 * UTF-16 name has one UTF-8 name and back; invalid bytes become U+FFFD.
 */
size_t utf16_to_utf8(const WCHAR *from, size_t count, char *to, size_t size);
size_t utf8_to_utf16(const char *from, size_t size, WCHAR *to, size_t count);

/* DOS wildcards: * ? and the three that kernelbase makes of them, < > and ". */
bool text_match(struct text mask, struct text name);

#endif
