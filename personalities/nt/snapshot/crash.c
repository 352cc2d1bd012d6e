/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of crashes. Whether an exception ends the program is known only when its handlers have run,
 * on the very stack, so a program for which there is a rule is taken in at each processor exception,
 * before it sees it; that is written if the program ends with the exception's code, else forgotten.
 */
#include <capture/crash.h>
#include <personalities/nt/path.h>
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/save.h>

#include <atomik/log.h>

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES  64u
#define SEVERITY(s) ((s) >> 30)
#define IS_ERROR    3u

static void name_of(const struct nt_process *process, char *name)
{
    struct text path = {process->image_name,
                        process->image_name ? text_length(process->image_name) : 0};
    uint32_t start = path.length;
    while (start > 0 && path.chars[start - 1] != '\\')
        start--;
    path = text_skip(path, start);
    name[utf16_to_utf8(path.chars, path.length, name, NAME_BYTES - 1)] = '\0';
}

/*
 * From the machine's root. Programs that live by exceptions come here with each, so that there are no
 * rules is remembered.
 */
static const struct fs_walk_context *walk_at_root(void)
{
    static struct fs_walk_context walk;
    static bool known;
    if (!known) {
        walk = (struct fs_walk_context){.root = root_node(),
                                        .cwd = root_node(),
                                        .flags = CALL_UNINTERRUPTIBLE,
                                        .remember = true};
        known = fs_client_root(&walk) == OK;
    }
    return known ? &walk : NULL;
}

static bool is_wanted(const struct nt_process *process)
{
    const struct fs_walk_context *walk = walk_at_root();
    char name[NAME_BYTES];
    name_of(process, name);
    return walk && BLOCKING(capture_crash_wanted(walk, name));
}

static void forget(struct nt_process *process)
{
    struct save *save = process->crash;
    process->crash = NULL;
    if (save)
        save_group_free(save->group);
}

void crash_note(struct nt_thread *thread, uint32_t code)
{
    struct nt_process *process = thread->process;
    const struct guest_frame *frame = thread->frame;
    if (SEVERITY(code) != IS_ERROR || process->debug || !is_wanted(process))
        return;
    struct save_group *group = save_group_new(0, HANDLE_NONE);
    struct save *save = group ? save_new(group, process) : NULL;
    if (!save) {
        free(group);
        return;
    }
    save->crash = (struct saved_crash){thread, code, frame->address, frame->vector, frame->error};
    thread->parked = true; /* at the instruction */
    status_t status = save_take(group);
    thread->parked = false;
    forget(process);
    if (status == OK)
        process->crash = save;
    else
        save_group_free(group);
}

static status_t write_crash(void *context, handle_t file)
{
    uint64_t size;
    return save_write(context, file, &size);
}

void crash_end(struct nt_process *process)
{
    struct save *save = process->crash;
    const struct fs_walk_context *walk = walk_at_root();
    char name[NAME_BYTES], path[CAPTURE_CRASH_PATH] = "";
    if (!save)
        return;
    if (process->exit_signal == 0 && process->exit_status == save->crash.code) {
        name_of(process, name);
        status_t status = walk ? OK : ERR_IO_ERROR;
        if (status == OK)
            status = BLOCKING(capture_crash(walk, name, process->pid, write_crash, save, path));
        if (status == OK)
            log_printf("%s (pid %u) crashed: %s", name, process->pid, path);
        else
            log_printf("%s (pid %u) crashed; %s cannot be written: error %d", name, process->pid,
                       path, status);
    }
    forget(process);
}
