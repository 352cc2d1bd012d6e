/* SPDX-License-Identifier: MIT */
/* Snapshots of oneself. They are an option of prctl that no other system knows. */
#include <atomik/snapshot.h>
#include <errno.h>

#include "system.h"

#define OPTION_SNAPSHOT 0x41544d53 /* "ATMS" */

int atomik_snapshot(const char *path, unsigned flags)
{
    long result = CALL(prctl, OPTION_SNAPSHOT, path, flags, 0, 0);
    if (result == -EINVAL && CALL(prctl, OPTION_SNAPSHOT, 0, 0, 0, 0) == -EINVAL)
        result = -ENOSYS; /* a system that knows the option tells the missing path apart */
    return (int)RESULT(result);
}
