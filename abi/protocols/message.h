/* SPDX-License-Identifier: MIT */
/*
 * How a protocol table (*.def) becomes structures. A row is
 *
 *   MESSAGE(number, name, REQUEST fields, REPLY fields, "text")
 *
 * with juxtaposed FIELD(type, name) rows, or NO_FIELDS. It gives NAME (the label), struct
 * name_request and struct name_reply. Variable bytes (a path, data) follow the structure directly
 * and fill the rest of the message: the "tail". Handles are listed in the text as h0..h3. A reply's
 * label is a status_t; the reply structure is present only with OK.
 */
#ifndef ATOMIK_PROTOCOLS_MESSAGE_H
#define ATOMIK_PROTOCOLS_MESSAGE_H

#include <atomik/objects.h>

#define FIELD(type, name) type name;
#define NO_FIELDS

#endif
