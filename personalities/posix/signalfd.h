/* SPDX-License-Identifier: MIT */
#ifndef POSIX_SIGNALFD_H
#define POSIX_SIGNALFD_H

#include "core.h"

/* A signal has become pending somewhere. Lock held. */
void signalfd_arrived(uint32_t signal);

#endif
