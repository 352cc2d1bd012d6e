/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of native programs: what the process was started with (STARTUP_FD) and what it opens.
 * A descriptor may be used by one thread at a time.
 */
#ifndef ATOMIK_FILE_H
#define ATOMIK_FILE_H

#include <atomik/types.h>
#include <ipc/fsclient.h>
#include <protocols/init.h>

#define FILE_MAX STARTUP_FD_MAX

/* crt0: take over the descriptors of the start-up block. */
void file_start(void);

/* flags: enum fs_open_flags. Relative paths start at the working directory. */
status_t file_open(const char *path, uint32_t flags, uint32_t mode, int *fd);
status_t file_close(int fd);
/* Wait for at least one byte; *done 0: end of file. */
status_t file_read(int fd, void *to, size_t length, size_t *done);
/* All of it unless an error comes in between; *done counts. */
status_t file_write(int fd, const void *from, size_t length, size_t *done);
/* whence 0 set, 1 add, 2 from the end. */
status_t file_seek(int fd, int64_t delta, uint32_t whence, uint64_t *position);
status_t file_stat(int fd, struct fs_attr *attr);
bool file_is_terminal(int fd);
/* What the descriptor stands on; BAD_HANDLE if it is not open. The handles stay the descriptor's. */
status_t file_info(int fd, struct start_fd *info, handle_t *h0, handle_t *h1);
/* A pipe: [0] is read from, [1] written to. */
status_t file_pipe(int fds[2]);
/* The walk context of this process (its root and working directory). */
status_t file_context(struct fs_walk_context *context);

/* ---- starting and waiting for programs of any personality ---- */
/*
 * Start the program at `path` with argv (NULL-ended) and this process's environment, root and
 * working directory. fds[3] are the new process's standard streams; NULL: this process's own.
 */
status_t spawn(const char *path, char *const argv[], const int fds[3], uint32_t *pid);
/* The same with more to choose; what is NULL or 0 is as for spawn. */
struct spawn_options {
    const char *path;
    char *const *argv, *const *envp;
    const int *fds;
    const char *personality; /* the image decides */
    uint32_t wanted;         /* its pid, if that is free */
    uint32_t flags;          /* enum start_flags */
};
status_t spawn_with(const struct spawn_options *options, uint32_t *pid);
/* Wait for a process started with spawn; status as of wait4. */
status_t wait_pid(uint32_t pid, int32_t *status);

#endif
