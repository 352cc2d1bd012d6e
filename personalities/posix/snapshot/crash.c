/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of crashes. The process is frozen where it crashed while a thread of the server's looks for
 * a rule (lib/capture/crash.h), saves it and lets it end.
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
};

/* ---- saving --------------------------------------------------------------------------------------- */

static status_t write_crash(void *context, handle_t file)
{
    const struct crash_job *job = context;
    struct snapshot_result result;
    return snapshot_take(job->pid, 0, &job->crash, file, &result);
}

/* The process ends: only now, so that whoever waits for it finds the file. */
static void let_end(const struct crash_job *job)
{
    server_lock();
    struct process *process = process_find(job->pid);
    if (process && process->crashing)
        process_end_all(process, job->crash.status);
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
    let_end(job);
    release(job);
}

bool crash_begin(struct thread *thread, const siginfo_t *info, int32_t status)
{
    struct process *process = thread->process;
    struct crash_job *job = process->crashing ? NULL : allocate(sizeof *job);
    if (!job)
        return false;
    *job = (struct crash_job){.pid = process->pid,
                              .crash = {.tid = thread->tid,
                                        .status = status,
                                        .vector = thread->trap_vector,
                                        .error = thread->trap_error,
                                        .info = *info}};
    strlcpy(job->name, process->comm, sizeof job->name);
    process->crashing = true;
    if (!worker_background(crash_thread, job)) {
        release(job);
        return false;
    }
    process->frozen++; /* until let_end, which waits for the lock */
    return true;
}
