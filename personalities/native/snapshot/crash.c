/* SPDX-License-Identifier: MIT */
/* Snapshots of crashes, by the rules of /etc/snap.conf: written while the faulting thread waits for what
 * comes of its exception, and the others stand still. */
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <capture/crash.h>

#include "save.h"

struct crash {
    struct native_process *process; /* used */
    struct exception_message exception;
    uint32_t token;
};

static bool walk_at_root(struct fs_walk_context *walk)
{
    handle_t root = startup_handle(STARTUP_ROOT);
    *walk = (struct fs_walk_context){.root = root, .cwd = root, .flags = CALL_UNINTERRUPTIBLE};
    return root != HANDLE_NONE && fs_client_root(walk) == OK;
}

static const char *name_of(const struct native_process *process)
{
    const char *name = process->command_length > 0 ? process->command : process->path;
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

static status_t write_crash(void *context, handle_t file)
{
    uint64_t size;
    return save_write(context, file, &size);
}

static void crash_thread(void *argument)
{
    struct crash *crash = argument;
    struct native_process *process = crash->process;
    struct fs_walk_context walk;
    char path[CAPTURE_CRASH_PATH] = "";
    struct save *save = save_new(process, 0);
    status_t status = save != NULL ? OK : ERR_NO_MEMORY;
    if (save != NULL) {
        save->crash = &crash->exception;
        status = save_freeze(save);
    }
    if (status == OK)
        status = walk_at_root(&walk)
                     ? capture_crash(&walk, name_of(process), process->pid, write_crash, save, path)
                     : ERR_IO_ERROR;
    if (status == OK)
        log_printf("%s (pid %u) crashed: %s", name_of(process), (unsigned)process->pid, path);
    else
        log_printf("%s (pid %u) crashed and is not saved: error %d", name_of(process),
                   (unsigned)process->pid, (int)status);
    native_answer_exception(crash->token);
    if (save != NULL) {
        save_thaw(save);
        save_free(save);
    } else {
        native_release(process);
    }
    free(crash);
}

bool crash_save(struct native_process *process, const struct exception_message *exception,
                uint32_t token)
{
    struct fs_walk_context walk;
    if (process->saving || !walk_at_root(&walk) || !capture_crash_wanted(&walk, name_of(process)))
        return false;
    struct crash *crash = malloc(sizeof *crash);
    if (crash == NULL)
        return false;
    *crash = (struct crash){process, *exception, token};
    process->saving = true;
    native_use(process);
    if (thread_spawn(crash_thread, crash, 0, NULL) == OK)
        return true;
    process->saving = false;
    process->users--;
    free(crash);
    return false;
}
