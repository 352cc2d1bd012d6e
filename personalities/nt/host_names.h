/* SPDX-License-Identifier: MIT */
/* Names of hosts, for ws2_32.dll. */
#ifndef NT_HOST_NAMES_H
#define NT_HOST_NAMES_H

#include <personalities/nt/nt.h>

/* A call of ws2_32.dll's Unix half: 0 or an error of Winsock. `arguments` are in the guest. */
NTSTATUS host_names_call(uint32_t code, uint32_t arguments);

#endif
