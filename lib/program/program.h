/* SPDX-License-Identifier: MIT */
/*
 * Starting a native program or server out of an image VMO: what init does for services and the
 * native personality for programs. And what is said when one of them crashes.
 */
#ifndef PROGRAM_PROGRAM_H
#define PROGRAM_PROGRAM_H

#include <atomik/objects.h>

#define PROGRAM_HANDLES_MAX (16 + 2 * STARTUP_FD_MAX)
#define PROGRAM_STACK_SIZE  (1u << 20) /* reserved; pages come as they are touched */

struct program_request {
    const char *name; /* of the process */
    handle_t image;   /* VMO, borrowed */
    uint32_t flags;   /* enum process_flags */
    struct privileges privileges;
    char *const *argv, *const *envp; /* NULL-ended */
    uint32_t pid;
    handle_t exception_port; /* caller handle, borrowed; HANDLE_NONE: none */
    /* Besides STARTUP_PROCESS and STARTUP_SPACE. They move to the program if it starts. */
    struct startup_handle handles[PROGRAM_HANDLES_MAX];
    uint32_t handle_count;
};

/* Add a handle that moves to the program; HANDLE_NONE is left out. */
void program_add(struct program_request *request, uint32_t tag, handle_t handle);
/* Add a copy of a handle. */
void program_add_copy(struct program_request *request, uint32_t tag, handle_t handle);

/* Close the handles of a request that will not be started. */
void program_drop(struct program_request *request);

struct program {
    handle_t process, space;
    uint32_t startup; /* address of its struct startup_info */
};
/*
 * Start it. With OK the two handles are the caller's. With an error nothing runs and the handles in
 * the request have been closed.
 */
status_t program_start(struct program_request *request, struct program *program);

/*
 * A report of a crash, line by line: what happened, registers, backtrace with the names of the
 * image's symbol table (functions built with frame pointers).
 */
void program_crash_report(const char *name, uint32_t pid, const struct exception_message *exception,
                          handle_t space, handle_t image,
                          void (*line)(void *context, const char *text), void *context);
/* The Unix signal number that stands for a processor exception. */
uint32_t program_exception_signal(uint32_t vector);

#endif
