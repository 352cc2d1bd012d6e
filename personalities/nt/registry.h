/* SPDX-License-Identifier: MIT */
/* The registry: a tree of keys in memory, filled from a text file at the start of the server. */
#ifndef NT_REGISTRY_H
#define NT_REGISTRY_H

#include <personalities/nt/object.h>

extern const struct nt_type key_type;

/* \REGISTRY and the roots below it. */
void registry_init(void);
/* Add keys and values from text (see registry/default.reg); wrong lines are logged and skipped. */
void registry_load(const char *text, size_t length);
/* Full name of an open key, malloc'ed. */
WCHAR *key_path(struct object *object, uint32_t *length);

#endif
