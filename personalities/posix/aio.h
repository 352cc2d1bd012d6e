/* SPDX-License-Identifier: MIT */
/* Asynchronous I/O contexts of io_setup(2). */
#ifndef POSIX_AIO_H
#define POSIX_AIO_H

#include "core.h"

#define AIO_EVENTS_MAX 65536u /* of a context */

struct mm;
void aio_forget(struct mm *mm); /* its memory is gone; lock held */

#endif
