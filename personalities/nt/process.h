/* SPDX-License-Identifier: MIT */
/* Processes and threads: life and death. */
#ifndef NT_PROCESS_H
#define NT_PROCESS_H

#include <personalities/nt/image.h>
#include <personalities/nt/nt.h>
#include <protocols/init.h>

/* ---- threads (thread.c, thread_create.c) ---- */

struct thread_request {
    uint32_t start, parameter;
    uint32_t stack_reserve, stack_commit; /* 0: those of the image */
    bool suspended, hidden;
};
/* With what a thread goes on that was in the middle of its program. */
struct thread_resumption {
    struct registers registers;
    uint8_t fpu[FPU_STATE_SIZE];
};

/* A thread object with its number and nothing else, in no list; held. NULL: no memory. */
struct nt_thread *nt_thread_new(struct nt_process *process, uint32_t tid);
/* A new thread of the process; *thread is held. It does not run before thread_launch. */
NTSTATUS nt_thread_create(struct nt_process *process, const struct thread_request *request,
                          struct nt_thread **thread);
/*
 * The same with a number of a snapshot's and with no memory of its own: the caller sets everything else.
 * The list holds it; it is discarded like any other.
 */
struct nt_thread *nt_thread_restore(struct nt_process *process, uint32_t tid);
NTSTATUS thread_launch(struct nt_thread *thread);
/* Forget a thread that has not been launched. */
void thread_discard(struct nt_thread *thread);
/* Its stack and TEB, when it ends before its process. */
void thread_free_memory(struct nt_thread *thread);
/* Ask a thread to end. It does so at its next look-up, which a kick brings about. */
void thread_terminate(struct nt_thread *thread, uint32_t code);
/* Make a thread notice that something has changed: out of its guest, its wait or its server call. */
void thread_prod(struct nt_thread *thread);
/* Wait until the registers of another thread, suspended and prodded, are in its frame. Gives the lock up. */
void thread_quiesce(struct nt_thread *thread);
/* Wait until no thread of the process but `except` runs its guest; all of them have been prodded. */
void process_quiesce(struct nt_process *process, const struct nt_thread *except);
/*
 * Bring all threads to where they stand between two traps, blocked calls being taken back, and keep
 * them there until process_thaw; freezes nest. TIMED_OUT: one did not get there, and all go on.
 * NO_PROCESS: it has ended. Gives the lock up.
 */
status_t process_freeze(struct nt_process *process, ktime_t deadline);
void process_thaw(struct nt_process *process);
/* The server thread of `thread`: runs the guest until it ends. */
void nt_thread_main(void *argument);

/* ---- processes (process.c) ---- */

struct nt_process *process_new(void); /* with no space, no pid; held */
/* End with an NTSTATUS or exit code; returns at once, the threads end by and by. */
void process_terminate_nt(struct nt_process *process, uint32_t code);
/* The same for a process that may be of another personality. */
void nt_process_kill(struct nt_process *process, uint32_t code);
/* In ns, all threads. */
uint64_t process_cpu_time(const struct nt_process *process);
/* The same because of a signal (Linux number). */
void process_terminate_signal(struct nt_process *process, uint32_t signal);
/* The last thread is gone, or there never was one: report and release everything. */
void process_finish(struct nt_process *process);
struct nt_process *process_by_pid(uint32_t pid); /* not held; NULL if there is none */
void process_stop(struct nt_process *process, uint32_t signal);
void process_continue(struct nt_process *process);
/* A program of another personality that one of ours started has ended (status as of wait4). */
void process_child_ended(uint32_t pid, int32_t status);
/*
 * Around the start of such a program, which may end before its pid is known here: its end is kept
 * until process_claim_child gives the stand-in its pid (0: it was not started).
 */
void process_expect_child(void);
void process_claim_child(struct nt_process *process, uint32_t pid);

/*
 * A thread object (held, and by the process) that stands for all that happens in a program of another
 * personality (create_foreign.c).
 */
NTSTATUS process_stand_in(struct nt_process *process, struct nt_thread **thread);

/* ---- start (start.c, build.c) ---- */

#define SYSTEM_DIRECTORY "/c/windows/system32/" /* where Windows' own files are */

NTSTATUS open_system_image(struct nt_process *process, const char *path, struct image **image);

struct process_start {
    struct image *image;     /* held by the caller */
    const WCHAR *image_path; /* C:\dir\x.exe */
    const WCHAR *directory;  /* with a trailing backslash */
    struct text command_line, title, desktop, shell_info;
    const void *runtime_info; /* bytes for the C run-time library: its descriptors */
    uint32_t runtime_bytes;
    const WCHAR *environment; /* block of strings, ended by an empty one */
    uint32_t environment_bytes;
    uint32_t std_handles[3], console_handle, console_flags;
    uint32_t window_flags, show_window, process_group;
    uint32_t geometry[6], fill_attribute; /* dwX .. dwYCountChars */
    bool suspended;
};
/* Map everything and make the first thread (held, not launched). Gives the lock up. */
NTSTATUS process_build(struct nt_process *process, const struct process_start *start,
                       struct nt_thread **thread);

struct start_event {
    struct proc_event event;
    handle_t handles[4];
};
/* Start the program that a struct start_event (consumed) describes; a thread's main function. */
void start_program(void *argument);

/* ---- environment and command line (environment.c) ---- */

/* NT's block from a Unix environment: converted, with what Windows programs expect. malloc'ed. */
WCHAR *environment_from_unix(char *const envp[], uint32_t *bytes);
/* The other way, for Unix programs; NULL-ended, one allocation for each string and the array. */
char **environment_to_unix(const WCHAR *block, uint32_t bytes);
/* argv as one line, quoted so that the C runtime takes it apart again; and that taking apart. */
WCHAR *command_line_join(const WCHAR *program, char *const argv[], uint32_t *length);
char **command_line_split(struct text line);
void strings_free(char **strings);

/* snapshot/operations.c: a restored thread makes calls again that went on; or there is no need to. */
void operations_begin(struct nt_thread *thread);
void operations_forget(struct nt_thread *thread);

#endif
