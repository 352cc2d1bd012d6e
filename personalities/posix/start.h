/* SPDX-License-Identifier: MIT */
/* Programs that other personalities, or init, start here. */
#ifndef POSIX_START_H
#define POSIX_START_H

#include <protocols/init.h>

/* EVENT_START; takes the handles. */
void start_process(const struct proc_event *event, handle_t handles[4]);

#endif
