/* SPDX-License-Identifier: MIT */
/*
 * A process that takes a snapshot of itself. See self.h. A background thread takes it, as of any other process; the
 * thread that asks counts as parked meanwhile, and thread_boundary_registers gives it the other result.
 */
#include "self.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "../path.h"
#include "../task.h"
#include "freeze.h"
#include "save.h"

#define FLAGS_ALLOWED (SNAPSHOT_NO_TEXT | SNAPSHOT_FILES)

struct self_job {
    uint32_t pid, tid, flags;
    struct fs_walk_context walk; /* the directory, owned, as root and cwd; the caller's users */
    char name[FS_NAME_MAX + 1];
};

static status_t write_self(void *context, handle_t file)
{
    const struct self_job *job = context;
    struct snapshot_result result = {0};
    return snapshot_take(job->pid, job->flags, NULL, file, &result);
}

static void job_free(struct self_job *job)
{
    close_handle(job->walk.root);
    release(job);
}

static void self_thread(void *argument)
{
    struct self_job *job = argument;
    status_t status = capture_file(&job->walk, job->name, write_self, job);
    server_lock();
    struct thread *thread = thread_find(job->tid);
    if (thread && thread->process->pid == job->pid) {
        thread->capture = CAPTURE_DONE;
        thread->capture_result = status == OK ? 0 : file_errno(status);
        wait_queue_wake(&thread->process->resumed, WAKE_ALL);
    }
    server_unlock();
    job_free(job);
}

/* Where the file goes: its directory, and its name in there. */
static int find_place(struct self_job *job, user_t path)
{
    struct process *process = self()->process;
    const char *text = worker_self()->path;
    struct fs_walk_context *walk = &job->walk;
    int error = path_copy_in(path);
    if (error < 0)
        return error;
    *walk = (struct fs_walk_context){.root = process->fs->root,
                                     .cwd = process->fs->cwd,
                                     .uid = process->credentials.fsuid,
                                     .gid = process->credentials.fsgid};
    handle_t directory = HANDLE_NONE;
    status_t status = fs_client_root(walk);
    if (status == OK)
        status = fs_client_parent(walk, HANDLE_NONE, text, strlen(text), &directory, job->name);
    walk->root = walk->cwd = directory; /* owned */
    if (status == OK)
        status = fs_client_root(walk);
    return status == OK ? 0 : file_errno(status);
}

/* Until the file is there, and until nobody else wants the process to stand still. Lock held. */
static void stand_still(struct thread *thread)
{
    struct process *process = thread->process;
    while ((thread->capture == CAPTURE_BEGUN || process->frozen) && !thread_must_end(thread))
        thread_stand_still(thread);
}

int32_t snapshot_self(user_t path, uint32_t flags)
{
    struct thread *thread = self();
    if (flags & ~(uint32_t)FLAGS_ALLOWED)
        return -EINVAL;
    if (thread->process->recording)
        return -EBUSY; /* its log would tell of another result */
    struct self_job *job = allocate(sizeof *job);
    if (!job)
        return -ENOMEM;
    job->pid = thread->process->pid;
    job->tid = thread->tid;
    job->flags = flags;
    int32_t result = find_place(job, path);
    if (result < 0) {
        job_free(job);
        return result;
    }
    server_lock();
    thread->capture = CAPTURE_BEGUN;
    if (worker_background(self_thread, job)) {
        stand_still(thread);
        result = thread->capture == CAPTURE_DONE ? thread->capture_result : -EINTR; /* it ends */
    } else {
        job_free(job);
        result = -ENOMEM;
    }
    thread->capture = CAPTURE_NONE;
    server_unlock();
    return result;
}
