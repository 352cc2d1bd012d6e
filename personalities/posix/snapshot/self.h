/* SPDX-License-Identifier: MIT */
/*
 * A program that takes a snapshot of itself: prctl(PR_ATOMIK_SNAPSHOT, path, flags), which the library of ported
 * programs has as atomik_snapshot. The thread that asks stands still at this call until the file is complete, and in
 * the snapshot it goes on with another result: so a program knows which of the two it is.
 */
#ifndef POSIX_SNAPSHOT_SELF_H
#define POSIX_SNAPSHOT_SELF_H

#include "core.h"

#define PR_ATOMIK_SNAPSHOT  0x41544d53 /* "ATMS" */
#define CAPTURE_IN_SNAPSHOT 1 /* the result in the process that the snapshot makes; here it is 0 */

int32_t snapshot_self(user_t path, uint32_t flags);

#endif
