/* SPDX-License-Identifier: MIT */
/*
 * Client of init (abi/protocols/init.def): names, the process registry, starting programs in other
 * personalities. `init` is STARTUP_INIT, a personality's private handle from init_register, or a
 * process handle from init_process_handle; which calls go on which is said below. These calls are
 * uninterruptible but for the ones that wait for somebody else (init_wait, init_start_commit,
 * init_lookup with wait).
 */
#ifndef IPC_INITCLIENT_H
#define IPC_INITCLIENT_H

#include <atomik/objects.h>
#include <protocols/init.h>

#define INIT_NAME_MAX 64 /* of services */

/* ---- anybody ---- */
status_t init_name_register(handle_t init, const char *name,
                            handle_t handle); /* handle is borrowed */
status_t init_name_lookup(handle_t init, const char *name, bool wait, handle_t *handle);
status_t init_name_list(handle_t init, uint32_t index, char *name, size_t size);
/* Three strings with their NULs: service, program, mount point. NOT_FOUND past the end. */
status_t init_mount_list(handle_t init, uint32_t index, char *text, size_t size, size_t *length);
status_t init_root_directory(handle_t init, handle_t *root);
status_t init_proc_info(handle_t init, uint32_t pid, bool next, struct proc_record *record,
                        char *name, size_t size);
status_t init_proc_stats(handle_t init, uint32_t pid, struct proc_stats *stats, char *command,
                         size_t size, size_t *length);
status_t init_proc_signal(handle_t init, int32_t pid, uint32_t signal, uint32_t sender,
                          uint32_t *count);
status_t init_wait(handle_t init, uint32_t pid, int32_t *status);
/* Write a snapshot into an open file (borrowed); waits until it is complete. */
status_t init_snapshot(handle_t init, uint32_t pid, uint32_t flags, handle_t file,
                       struct snapshot_result *result);
/* The same for a user who has asked a personality: NOT_PERMITTED: the process is not his. */
status_t init_snapshot_for(handle_t init, uint32_t pid, uint32_t flags, uint32_t uid, handle_t file,
                           struct snapshot_result *result);
status_t init_power(handle_t init, uint32_t action);
status_t init_personality_name(handle_t init, uint32_t index, char *name, size_t size,
                               uint32_t *processes);

/* ---- personalities ---- */
/*
 * Become the personality `name`. *private_init is the handle for everything below. The number is
 * what struct proc_record calls it.
 */
status_t init_register(handle_t init, const char *name, handle_t *private_init, uint32_t *number);
/*
 * Wait for the next event; handles[4] get the handles that come with it (HANDLE_NONE otherwise).
 * One thread of the personality does nothing but this.
 */
status_t init_next_event(handle_t init, struct proc_event *event, handle_t handles[4]);
/* wanted: its pid, if that is free; 0: any. */
status_t init_proc_create(handle_t init, uint32_t ppid, uint32_t pgid, uint32_t sid, uint32_t uid,
                          uint32_t wanted, const char *name, uint32_t *pid);
/* fields: only those that mask (enum proc_mask) names are read, may be NULL if it names none; name may be NULL without PROC_NAME. */
status_t init_proc_set(handle_t init, uint32_t pid, uint32_t mask, const struct proc_record *fields,
                       const char *name);
/* The process of this personality is named as the last component of the path. */
status_t init_proc_name(handle_t init, uint32_t pid, const char *path);
status_t init_proc_exit(handle_t init, uint32_t pid, int32_t status);
status_t init_proc_reap(handle_t init, uint32_t pid);
status_t init_proc_changed(handle_t init, uint32_t pid, int32_t status);
status_t init_proc_stats_answer(handle_t init, uint32_t request, int32_t status,
                                const struct proc_stats *stats, const char *command, size_t length);
/* The same with SNAPSHOT_RECORD and the log's file. */
status_t init_record(handle_t init, uint32_t pid, uint32_t flags, handle_t file, handle_t log,
                     struct snapshot_result *result);
status_t init_snapshot_answer(handle_t init, uint32_t request, status_t status,
                              const struct snapshot_result *result); /* NULL with an error */
/*
 * mount(2): the file server of `type` is started on a device ("block/vda1", "" without one) and covers
 * the directory (borrowed; opened with FS_O_COVERED). `source` is what mount tables show. Waits for it.
 */
status_t init_file_system_mount(handle_t init, const char *type, const char *device,
                                const char *source, const char *options, uint32_t flags,
                                handle_t directory);
/* Other enum fs_mount_flags for what is mounted at this absolute path. */
status_t init_file_system_remount(handle_t init, const char *path, uint32_t flags);
/* The index-th type that can be mounted; NOT_FOUND past the end. */
status_t init_file_system_type(handle_t init, uint32_t index, char *name, size_t size,
                               bool *no_device);
/* flags: enum unmount_flags; path: the mount point's absolute path. */
status_t init_file_system_unmount(handle_t init, const char *path, uint32_t flags);
/* A handle on which init takes the caller for this process: given to a native program as STARTUP_INIT. */
status_t init_process_handle(handle_t init, uint32_t pid, handle_t *handle);

/* ---- starting a program elsewhere: personalities, and programs with a process handle ---- */
struct start_request {
    const char *personality;       /* "" or NULL: the image decides */
    uint32_t pid;                  /* 0: a new process; else exec in place */
    uint32_t ppid, pgid, sid, uid; /* of a new process; pgid/sid 0: the parent's */
    uint32_t wanted;               /* its pid, if that is free; 0: any */
};
status_t init_start_begin(handle_t init, const struct start_request *request, uint32_t *start);
/* h0 and h1 are borrowed. */
status_t init_start_fd(handle_t init, uint32_t start, const struct start_fd *fd, handle_t h0,
                       handle_t h1);
/*
 * strings: VMO as struct start_arguments says (start_strings_vmo makes one). All four handles are
 * borrowed. Returns when the program has been loaded or refused; a kick cancels the wait unless
 * `uninterruptible` (an exec in place must use it).
 */
status_t init_start_commit(handle_t init, uint32_t start, const struct start_arguments *arguments,
                           handle_t strings, handle_t root, handle_t cwd, handle_t image,
                           bool uninterruptible, uint32_t *pid);
/* A start that will not be committed is forgotten by committing nothing: */
void init_start_abandon(handle_t init, uint32_t start);
/* The started personality's side. NOT_FOUND past the last descriptor. */
status_t init_start_fetch(handle_t init, uint32_t start, uint32_t index, struct start_fd *fd,
                          handle_t *h0, handle_t *h1);
status_t init_start_done(handle_t init, uint32_t start, status_t status);
/* Success, of a program that is a kernel process (borrowed): init ends it if the personality dies. */
status_t init_start_done_process(handle_t init, uint32_t start, handle_t process);

/* Make the strings VMO; argv and envp end with NULL. Sets argc, envc and strings_length. */
status_t start_strings_vmo(const char *image, const char *cwd, char *const argv[],
                           char *const envp[], struct start_arguments *arguments, handle_t *vmo);
/* Read and check one: *strings is a malloc'ed copy; the arrays point into it, malloc'ed, NULL-ended. */
struct start_strings {
    char *bytes;
    const char *image, *cwd;
    char **argv, **envp;
};
status_t start_strings_read(handle_t vmo, const struct start_arguments *arguments,
                            struct start_strings *strings);
void start_strings_free(struct start_strings *strings);

#endif
