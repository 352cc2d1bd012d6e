/* SPDX-License-Identifier: MIT */
/*
 * glob as POSIX has it, on newlib's, which is BSD's: there backslashes quote only when asked, and a pattern that
 * nothing matches is a success with no paths.
 */
#include <glob.h>

int __bsd_glob(const char *, int, int (*)(const char *, int), glob_t *);

int glob(const char *restrict pattern, int flags, int (*failed)(const char *, int),
         glob_t *restrict found)
{
    int before = flags & GLOB_APPEND ? found->gl_pathc : 0;
    int bsd = flags & GLOB_NOESCAPE ? flags & ~(GLOB_NOESCAPE | GLOB_QUOTE) : flags | GLOB_QUOTE;
    int status = __bsd_glob(pattern, bsd, failed, found);

    if (status == 0 && found->gl_pathc == before)
        return GLOB_NOMATCH;
    return status;
}
