/* SPDX-License-Identifier: MIT */
/* The mount point manager, \Device\MountPointManager, and the names of the volumes. */
#ifndef NT_MOUNT_POINTS_H
#define NT_MOUNT_POINTS_H

#include <personalities/nt/nt.h>

#define VOLUME_NAME_C "Volume{41544d4b-0000-0000-0000-000000000001}"
#define VOLUME_NAME_Z "Volume{41544d4b-0000-0000-0000-000000000002}"

/* `out` has room for out_length bytes, of which *information are to be given back. */
NTSTATUS mount_points_control(uint32_t code, const void *in, uint32_t in_length, void *out,
                              uint32_t out_length, uint32_t *information);

#endif
