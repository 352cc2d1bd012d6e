/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of crashes. The process is frozen where it crashed while a thread of the server's looks for
 * a rule (lib/capture/crash.h), saves it and lets it end. Without a rule the limit of core files decides:
 * if it is not 0, the snapshot, which is an ELF core file, becomes `core` in the working directory. The
 * core bit of the status says that one of them was written.
 */
#include "crash.h"

#include <capture/crash.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "../server.h"
#include "../task.h"
#include "freeze.h"
#include "save.h"

struct crash_job {
    uint32_t pid;
    char name[COMM_LENGTH];
    struct crash crash;
    struct fs_walk_context
        walk; /* for a core file: as whom and where, cwd is owned; none: no cwd */
    uint64_t core_limit;
};

#define CORE_BIT 0x80

/* ---- saving --------------------------------------------------------------------------------------- */

static status_t write_crash(void *context, handle_t file)
{
    const struct crash_job *job = context;
    struct snapshot_result result;
    return snapshot_take(job->pid, 0, &job->crash, file, &result);
}

/* All of it or, where the limit forbids that, nothing. */
static status_t write_core(struct crash_job *job)
{
    static const char name[] = "core";
    const uint32_t length = sizeof name - 1;
    struct fs_path_args unlink = {.op = FS_OP_UNLINK};
    struct fs_path_result ignored;
    struct fs_attr attr;
    handle_t file = HANDLE_NONE;
    if (job->walk.cwd == HANDLE_NONE)
        return ERR_NOT_FOUND;
    status_t status = fs_client_root(&job->walk);
    if (status == OK)
        status =
            fs_client_open(&job->walk, HANDLE_NONE, name, length,
                           FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE | FS_O_NOFOLLOW,
                           0600, &file, NULL);
    if (status != OK)
        return status;
    status = write_crash(job, file);
    if (status == OK)
        status = fs_client_stat(file, &attr);
    close_handle(file);
    if (status == OK && attr.size > job->core_limit)
        status = ERR_FILE_TOO_LARGE;
    if (status != OK)
        (void)fs_client_path(&job->walk, HANDLE_NONE, name, length, &unlink, &ignored);
    return status;
}

/* The process ends: only now, so that whoever waits for it finds the file. */
static void let_end(const struct crash_job *job, bool written)
{
    server_lock();
    struct process *process = process_find(job->pid);
    if (process && process->crashing)
        process_end_all(process, job->crash.status & ~(written ? 0 : CORE_BIT));
    process_thaw(job->pid);
    server_unlock();
}

static void crash_thread(void *argument)
{
    struct crash_job *job = argument;
    struct fs_walk_context walk = {.root = server.root, .cwd = server.root};
    char path[CAPTURE_CRASH_PATH];
    status_t status = fs_client_root(&walk);
    if (status == OK)
        status = capture_crash(&walk, job->name, job->pid, write_crash, job, path);
    if (status == OK)
        log_line("%s (pid %u) crashed: %s", job->name, job->pid, path);
    else if (status != ERR_NOT_FOUND)
        log_line("%s (pid %u) crashed; %s cannot be written: error %d", job->name, job->pid, path,
                 status);
    else
        status = write_core(job);
    let_end(job, status == OK);
    close_handle(job->walk.cwd);
    release(job);
}

/* Where a core file would go. Nobody's, if the process may not be looked into. */
static void note_core(struct crash_job *job, const struct process *process)
{
    job->core_limit = process->limits[RLIMIT_CORE].current;
    if (job->core_limit == 0 || !process->dumpable || process->fs->cwd == HANDLE_NONE)
        return;
    job->walk = (struct fs_walk_context){.root = server.root,
                                         .cwd = handle_copy(process->fs->cwd),
                                         .uid = process->credentials.fsuid,
                                         .gid = process->credentials.fsgid};
}

bool crash_begin(struct thread *thread, const siginfo_t *info, int32_t status)
{
    struct process *process = thread->process;
    struct crash_job *job = process->crashing ? NULL : allocate(sizeof *job);
    if (!job)
        return false;
    *job = (struct crash_job){.pid = process->pid,
                              .crash = {.tid = thread->tid,
                                        .status = status | CORE_BIT,
                                        .vector = thread->trap_vector,
                                        .error = thread->trap_error,
                                        .info = *info}};
    strlcpy(job->name, process->comm, sizeof job->name);
    note_core(job, process);
    process->crashing = true;
    if (!worker_background(crash_thread, job)) {
        close_handle(job->walk.cwd);
        release(job);
        return false;
    }
    process->frozen++; /* until let_end, which waits for the lock */
    return true;
}
