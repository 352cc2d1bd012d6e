/* SPDX-License-Identifier: MIT */
/* Asynchronous I/O contexts of io_setup(2). */
#ifndef POSIX_AIO_H
#define POSIX_AIO_H

#include "core.h"

#define AIO_EVENTS_MAX 65536u /* of a context */

struct mm;
struct snapshot;
void aio_forget(struct mm *mm); /* its memory is gone; lock held */
/* Its contexts as notes; lock held. And back, into one that nobody has yet. */
void aio_save(const struct mm *mm, struct snapshot *snapshot);
int aio_restore(struct mm *mm, const struct snapshot *snapshot);

#endif
