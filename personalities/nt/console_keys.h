/* SPDX-License-Identifier: MIT */
/* What a terminal sends for keys, as the input records of a console. */
#ifndef NT_CONSOLE_KEYS_H
#define NT_CONSOLE_KEYS_H

#include <personalities/nt/nt.h>

#define KEY_RECORDS_MAX 4u /* of one key: down and up of the two halves of a character */

/* INPUT_RECORD of a key */
struct key_record {
    uint16_t type, reserved;
    uint32_t down;
    uint16_t repeat, key, scan, character;
    uint32_t state;
};
_Static_assert(sizeof(struct key_record) == 20, "INPUT_RECORD");

/* The records of the first key; how many bytes it took, at least one of `length`. */
uint32_t keys_decode(const uint8_t *bytes, uint32_t length, struct key_record *records,
                     uint32_t *count);
/* Whether more bytes may belong to the first key. */
bool keys_unfinished(const uint8_t *bytes, uint32_t length);

#endif
