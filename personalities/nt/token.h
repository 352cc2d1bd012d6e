/* SPDX-License-Identifier: MIT */
/* Tokens: there is one user. */
#ifndef NT_TOKEN_H
#define NT_TOKEN_H

#include <personalities/nt/object.h>

/* What the pseudo handles of tokens mean; not held. */
struct object *token_default(void);

#endif
