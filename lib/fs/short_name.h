/* SPDX-License-Identifier: MIT */
/*
 * Names of eight and three characters for programs that ask for them. A name that is one already has no other. The others
 * get one made of their first characters and of a hash, the same at any time and in every directory (so it may, rarely,
 * stand for two of them): nothing has to be kept.
 */
#ifndef FS_SHORT_NAME_H
#define FS_SHORT_NAME_H

#include <atomik/types.h>

#define FS_SHORT_MAX 12

/* Its length; 0: the name is short itself. Not terminated. */
size_t fs_short_name(const char *name, size_t length, char to[FS_SHORT_MAX]);
/* May that be what fs_short_name makes? */
bool fs_is_short_name(const char *name, size_t length);

#endif
