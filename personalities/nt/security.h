/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors. An object keeps what it is given; access is not checked against it. A file's are
 * the file system's owner and mode, and not kept here.
 */
#ifndef NT_SECURITY_H
#define NT_SECURITY_H

#include <personalities/nt/nt.h>

struct security;

#define SECURITY_ALL                                                                       \
    (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | \
     SACL_SECURITY_INFORMATION)

#define SECURITY_ALL                                                                       \
    (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | \
     SACL_SECURITY_INFORMATION)

/* The parts of a descriptor in the guest that `which` names (SECURITY_INFORMATION) replace those in *security. */
NTSTATUS security_read(uint32_t guest, uint32_t which, struct security **security);
void security_free(struct security *security); /* NULL is allowed */

#endif
