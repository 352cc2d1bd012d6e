/* SPDX-License-Identifier: MIT */
/*
 * The ring-1 test server reports to the test program through calls on its first given port; the
 * data is text. Counts are compared while the server waits for the reply of BEGIN and END.
 */
#ifndef KERNEL_SELFTEST_USER_SERVER_PROTOCOL_H
#define KERNEL_SELFTEST_USER_SERVER_PROTOCOL_H

enum report_label { REPORT_BEGIN = 1, REPORT_FAIL, REPORT_END, REPORT_DONE };

/* The server's start argument: its port's handle in the low half, what to do in the high one. */
enum server_task {
    TASK_TESTS,
    TASK_SPIN_GUEST,    /* run a guest that never traps; the test program kills the server */
    TASK_WRITE_NOTHING, /* the server itself writes where nothing is mapped */
    TASK_PRIVILEGED,    /* hlt in ring 1 */
};
#define TASK_ARGUMENT(port, task) ((uint32_t)(task) << 16 | (port))

#endif
