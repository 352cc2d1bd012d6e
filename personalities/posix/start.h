/* SPDX-License-Identifier: MIT */
/* Processes that init sends here. */
#ifndef POSIX_START_H
#define POSIX_START_H

#include <protocols/init.h>

/* EVENT_START; the handles stay the caller's. Tells init the outcome, now or later. */
void start_process(const struct proc_event *event, handle_t handles[4]);

#endif
