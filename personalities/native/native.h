/* SPDX-License-Identifier: MIT */
/* Processes of the native personality: start, signals, end, crash reports. */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include <atomik/objects.h>
#include <program/program.h>
#include <protocols/fs.h>
#include <protocols/init.h>

struct native_hold; /* snapshot/save.c */
struct restore;

/*
 * A running program. Made by the event thread, ended by the watch thread; the list is under
 * process_lock. Whoever uses one without the lock counts as a user; the last one frees it.
 */
struct native_process {
    struct native_process *next;
    uint32_t users; /* the list, and threads that are busy with it */
    uint32_t pid;
    struct program program;
    handle_t image;           /* VMO of the program file: its symbols */
    struct start_fd error_fd; /* descriptor 2 as it was at the start, for crash reports */
    handle_t error_handle;
    bool has_terminal;
    uint32_t signal; /* that ended it, or 0 */
    bool stopped;
    bool held;               /* a restored one that has not begun to run */
    struct restore *restore; /* of one whose children are still to be started */
    bool saving;             /* a snapshot is being taken: it stands still, or is about to */
    char *command;           /* argv, NUL-separated */
    size_t command_length;
    char *path, *cwd;         /* of its file, and where it was started */
    struct fs_attr attr;      /* of its file */
    struct native_hold *hold; /* of a snapshot that waits for others of its tree */
};

extern handle_t native_init;    /* our private handle to init */
extern handle_t exception_port; /* where faults of our programs arrive, badge = pid */
/* What a program of this user may use, and for whom it acts: every process that is made here has these. */
struct privileges native_privileges(uint32_t uid);
#define NATIVE_THREADS_MAX 256u

/* Load the program that the event describes; on success it runs. The handles stay the caller's. */
status_t native_start(const struct proc_event *event, handle_t handles[4],
                      struct native_process **result);
/* Of a process without users. */
void native_free(struct native_process *process);

void native_lock(void);
void native_unlock(void);
/* With the lock. */
struct native_process *native_find(uint32_t pid);
/* With the lock; and back, without it. */
void native_use(struct native_process *process);
void native_release(struct native_process *process);
/* With the lock: its threads run, unless it is stopped, being saved or not yet restored. */
status_t native_resume(const struct native_process *process);

/* Where a program crashed: text for its error output. */
void crash_report(struct native_process *process, const struct exception_message *exception);
/* Text for the error output of a program, or the log. */
void native_say(const struct native_process *process, const char *text, size_t length);
/* The answer to an exception that ends the program. */
void native_answer_exception(uint32_t token);

#endif
