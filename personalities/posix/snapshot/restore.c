/* SPDX-License-Identifier: MIT */
/* Making a process of a snapshot: reading it, the order of the parts, and the change. See restore.h. */
#include "restore.h"

#include <ipc/initclient.h>
#include <ipc/fsclient.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../calls.h"
#include "../file.h"
#include "../path.h"
#include "../server.h"
#include "../task.h"
#include "../time.h"

/* ---- reading ---------------------------------------------------------------------------------------- */

static status_t read_image(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct restore *restore = context;
    return vmo_read(restore->image, offset, to, length);
}

bool snapshot_recognise(handle_t image)
{
    struct elf32_ehdr ehdr;
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    return vmo_read(image, 0, &ehdr, sizeof ehdr) == OK &&
           memcmp(ehdr.ident, magic, sizeof magic) == 0 && ehdr.type == ELF_ET_CORE &&
           ehdr.machine == ELF_EM_386;
}

void restore_complain(const char *format, ...)
{
    char line[256];
    struct text text = {.length = 0};
    struct file *file = fd_get(2);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_printf(&text, "snapshot: %s\n", line);
    if (file && !text.failed)
        file_print(file, text.data, text.length);
    else
        log_line("snapshot: %s", line);
    text_free(&text);
    if (file)
        file_release(file);
}

int restore_refuse(int error, const char *what, uint32_t number)
{
    restore_complain("%s (%#x)", what, number);
    return error;
}

static int check_header(const struct restore *restore)
{
    const struct snap_note *header = snap_next(&restore->snapshot, SNAP_HEADER, NULL);
    char personality[16] = "";
    if (snap_get_u32(header, SNAP_HEADER_MAJOR, 0) != SNAP_MAJOR)
        return restore_refuse(-ENOEXEC, "another format",
                              snap_get_u32(header, SNAP_HEADER_MAJOR, 0));
    if (!snap_get_text(header, SNAP_HEADER_PERSONALITY, personality, sizeof personality) ||
        strcmp(personality, "posix") != 0)
        return restore_refuse(-ENOEXEC, "of another personality", 0);
    if (snap_get_u32(header, SNAP_HEADER_NEEDS, 0) != 0)
        return restore_refuse(-ENOEXEC, "needs features that are not here",
                              snap_get_u32(header, SNAP_HEADER_NEEDS, 0));
    if (!snap_next(&restore->snapshot, SNAP_PROCESS, NULL) ||
        !snap_next(&restore->snapshot, SNAP_THREAD, NULL))
        return restore_refuse(-ENOEXEC, "without a process or a thread", 0);
    return 0;
}

static int read_snapshot(struct restore *restore)
{
    enum snap_verdict verdict;
    struct vmo_info info;
    const char *problem = NULL;
    status_t status = vmo_info(restore->image, &info);
    if (status != OK)
        return errno_of(status);
    uint64_t size = info.size_low | (uint64_t)info.size_high << 32;
    restore->source = (struct snap_source){read_image, restore};
    status = snap_verify(&restore->source, size, &verdict, &problem);
    if (status == OK && verdict == SNAP_DAMAGED)
        status = ERR_BAD_EXECUTABLE;
    if (status == OK && verdict != SNAP_VERIFIED && !restore->accept_edited) {
        problem = "its memory was edited by another tool: --accept-edited restores it all the same";
        status = ERR_NOT_PERMITTED;
    }
    if (status == OK)
        status = snap_read(&restore->snapshot, &restore->source, size, &problem);
    if (status != OK) {
        restore_complain("%s", problem ? problem : "cannot be read");
        return errno_of(status);
    }
    return check_header(restore);
}

/* ---- the order -------------------------------------------------------------------------------------- */

/* Whoever is not root becomes nobody else by a restore. */
static int check_identity(const struct restore *restore)
{
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    const struct credentials *own = &self()->process->credentials;
    uint32_t length = 0, ids[8];
    const uint8_t *data = snap_get(process, SNAP_PROCESS_IDS, &length);
    if (own->euid == 0)
        return 0;
    if (!data || length != sizeof ids)
        return -EPERM;
    memcpy(ids, data, sizeof ids);
    for (uint32_t i = 0; i < 8; i++)
        if (ids[i] != (i < 4 ? own->uid : own->gid))
            return restore_refuse(-EPERM, "of another user", ids[i]);
    return 0;
}

static int take_option(struct restore *restore, const char *option)
{
    if (strcmp(option, "--files=current") == 0)
        restore->policy = POLICY_CURRENT;
    else if (strcmp(option, "--files=snapshot") == 0)
        restore->policy = POLICY_SNAPSHOT;
    else if (strcmp(option, "--files=fail") == 0)
        restore->policy = POLICY_FAIL;
    else if (strcmp(option, "--accept-edited") == 0)
        restore->accept_edited = true;
    else {
        restore_complain("no option of a restore: %s", option);
        return -EINVAL;
    }
    return 0;
}

int restore_prepare(handle_t image, const char *const *options, uint32_t count,
                    struct restore **result)
{
    struct restore *restore = allocate(sizeof *restore);
    int error = 0;
    if (!restore)
        return -ENOMEM;
    restore->image = image;
    for (uint32_t i = 0; i < count && error == 0; i++)
        error = take_option(restore, options[i]);
    if (error == 0)
        error = read_snapshot(restore);
    if (error == 0)
        error = check_identity(restore);
    if (error == 0)
        error = restore_actions(restore);
    if (error == 0)
        error = restore_files(restore);
    if (error == 0)
        error = restore_memory(restore);
    if (error < 0) {
        restore_free(restore);
        return error;
    }
    *result = restore;
    return 0;
}

void restore_free(struct restore *restore)
{
    for (uint32_t i = 0; i < restore->object_count; i++)
        if (restore->objects[i].file)
            file_release(restore->objects[i].file);
    for (uint32_t i = 0; i < restore->shared_count; i++)
        close_handle(restore->shared[i].vmo);
    if (restore->files)
        files_release(restore->files);
    server_lock();
    mm_release(restore->mm);
    sighand_release(restore->sighand);
    server_unlock();
    free(restore->objects);
    free(restore->shared);
    free(restore->threads);
    snap_free(&restore->snapshot);
    release(restore);
}

/* ---- the change ------------------------------------------------------------------------------------- */

static void take_ids(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0, ids[8];
    const uint8_t *data = snap_get(note, SNAP_PROCESS_IDS, &length);
    if (!data || length != sizeof ids)
        return;
    memcpy(ids, data, sizeof ids);
    to->uid = ids[0], to->euid = ids[1], to->suid = ids[2], to->fsuid = ids[3];
    to->gid = ids[4], to->egid = ids[5], to->sgid = ids[6], to->fsgid = ids[7];
}

static void take_groups(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_PROCESS_GROUPS, &length);
    struct group_list *groups = data && length <= GROUPS_MAX * 4u ? groups_new(length / 4) : NULL;
    if (!groups)
        return;
    memcpy(groups->gids, data, length & ~3u);
    struct credentials old = *to;
    to->groups = groups;
    credentials_release(&old);
}

/* No capability that the restoring process has not. */
static void take_capabilities(struct credentials *to, const struct snap_note *note)
{
    uint32_t length = 0;
    uint64_t sets[5];
    const uint8_t *data = snap_get(note, SNAP_PROCESS_CAPABILITIES, &length);
    if (!data || length != sizeof sets)
        return;
    memcpy(sets, data, sizeof sets);
    to->permitted &= sets[1];
    to->effective = sets[0] & to->permitted;
    to->inheritable = sets[2] & to->permitted;
    to->bounding &= sets[3];
    to->ambient = sets[4] & to->permitted & to->inheritable;
}

static void take_identity(struct process *process, const struct snap_note *note)
{
    struct credentials *to = &process->credentials;
    if (to->euid != 0)
        return;
    take_ids(to, note);
    take_groups(to, note);
    take_capabilities(to, note);
}

static void take_limits(struct process *process, const struct snap_note *note)
{
    struct linux_rlimit64 limits[RLIMIT_COUNT];
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_PROCESS_LIMITS, &length);
    if (!data || length != sizeof limits)
        return;
    memcpy(limits, data, sizeof limits);
    for (uint32_t i = 0; i < RLIMIT_COUNT; i++) {
        struct linux_rlimit64 *own = &process->limits[i];
        bool raise = limits[i].maximum > own->maximum && process->credentials.euid != 0;
        if (!raise && limits[i].current <= limits[i].maximum)
            *own = limits[i];
    }
}

static void take_process(struct restore *restore, struct process *process)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    (void)snap_get_text(note, SNAP_PROCESS_NAME, process->comm, sizeof process->comm);
    take_limits(process, note);
    take_identity(process, note);
    process->fs->umask = snap_get_u32(note, SNAP_PROCESS_UMASK, 022) & 0777;
    process->personality = snap_get_u32(note, SNAP_PROCESS_PERSONA, 0);
    process->dumpable = snap_get_u32(note, SNAP_PROCESS_DUMPABLE, 1) != 0;
    process->executed = true;
}

/* The directory by its name; where there is none the process stays in the present one. */
static void take_directory(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    char *path = worker_self()->rest;
    if (snap_get_text(note, SNAP_PROCESS_CWD, path, PATH_MAX) && chdir_to(path) < 0)
        restore_complain("the working directory %s is not there", path);
}

int restore_enter(struct restore *restore)
{
    struct thread *thread = self();
    struct process *process = thread->process;
    struct proc_record record = {.pid = process->pid};
    server_lock();
    int error = restore_threads(restore);
    if (error < 0) {
        server_unlock();
        return error;
    }
    struct mm *old = process->mm;
    struct files *files = process->files;
    struct sighand *sighand = process->sighand;
    process->mm = restore->mm;
    process->files = restore->files;
    process->sighand = restore->sighand;
    restore->mm = old;
    restore->files = files;
    restore->sighand = sighand;
    timers_delete_posix(process);
    process_release_vfork(process);
    take_process(restore, process);
    server_unlock();
    ignore(space_attach(process->mm->space));
    take_directory(restore);
    restore_first_thread(restore, thread);
    server_lock();
    restore_pending(restore, process);
    for (uint32_t i = 0; i < restore->thread_count; i++)
        thread_start(restore->threads[i]);
    server_unlock();
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, &record, process->comm));
    return 0;
}
