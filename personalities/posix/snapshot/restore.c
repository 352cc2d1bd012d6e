/* SPDX-License-Identifier: MIT */
/* Making processes of snapshots: reading them, the order of the parts, and the change. See restore.h. */
#include "restore.h"

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/fsclient.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../calls.h"
#include "../cred.h"
#include "../file.h"
#include "../path.h"
#include "../server.h"
#include "../task.h"
#include "../time.h"
#include "foreign.h"
#include "kinds.h"

/* ---- reading ---------------------------------------------------------------------------------------- */

bool snapshot_recognise(handle_t image, char *personality, uint32_t size)
{
    if (!capture_recognise(image))
        return false;
    /* What is wrong with it is said by who restores it: us, if it does not say whose it is. */
    if (!capture_personality(image, personality, size))
        strlcpy(personality, "posix", size);
    return true;
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

char *restore_text(const struct snap_note *note, uint16_t tag)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    char *text = data && length < PATH_MAX ? allocate(length + 1) : NULL;
    if (text)
        memcpy(text, data, length);
    return text;
}

int restore_refuse(int error, const char *what, uint32_t number)
{
    restore_complain("%s (%#x)", what, number);
    return error;
}

static int check_header(const struct restore *restore)
{
    const char *problem;
    if (capture_check(&restore->snapshot, "posix", &problem) == OK)
        return 0;
    restore_complain("%s", problem);
    return -ENOEXEC;
}

int restore_read(struct restore *restore)
{
    const char *problem;
    status_t status =
        capture_read(&restore->snapshot, &restore->image, &restore->group->options, &problem);
    if (status != OK) {
        restore_complain("%s", problem ? problem : "cannot be read");
        return errno_of(status);
    }
    int error = check_header(restore);
    if (error < 0)
        return error;
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    restore->old_pid = snap_get_u32(process, SNAP_PROCESS_PID, 0);
    restore->old_ppid = snap_get_u32(process, SNAP_PROCESS_PPID, 0);
    uint32_t length = 0;
    const uint8_t *shares = snap_get(process, SNAP_PROCESS_SHARES, &length);
    if (shares && length == sizeof restore->shares)
        memcpy(restore->shares, shares, length);
    return 0;
}

/* ---- the members ------------------------------------------------------------------------------------ */

static struct restore *add_member(struct restore_group *group, handle_t image, handle_t file,
                                  bool own)
{
    struct restore **last = &group->members, *restore = allocate(sizeof *restore);
    if (!restore)
        return NULL;
    while (*last)
        last = &(*last)->next;
    *last = restore;
    restore->group = group;
    restore->image.vmo = image;
    restore->image.file = file;
    restore->image.init = server.init;
    restore->own_image = own;
    return restore;
}

struct restore *restore_member(const struct restore_group *group, uint32_t old_pid)
{
    for (struct restore *each = group->members; each; each = each->next)
        if (each->old_pid == old_pid)
            return each;
    return NULL;
}

char *restore_path_beside(const char *path, uint32_t pid)
{
    const char *slash = strrchr(path, '/');
    struct text name = {.length = 0};
    text_printf(&name, "%.*sp%u.snap", slash ? (int)(slash - path) + 1 : 0, path, pid);
    char *copy = name.failed ? NULL : text_copy(name.data);
    text_free(&name);
    return copy;
}

/* The snapshot of another process of the tree lies beside the first one. *opened: as in capture_image. */
static int open_beside(const struct restore_group *group, uint32_t pid, handle_t *image,
                       handle_t *opened)
{
    bool lazy = group->options.lazy;
    char *name = restore_path_beside(group->path, pid);
    struct file *file;
    int error = !name  ? -ENOMEM
                : lazy ? path_open_program(name, &file)
                       : path_open(AT_FDCWD, name, O_RDONLY | O_LARGEFILE, 0, &file);
    release(name);
    if (error < 0) {
        restore_complain("the snapshot of child %u is not there", pid);
        return error;
    }
    error = file->ops->vmo ? file->ops->vmo(file, PROT_R, false, image) : -EACCES;
    *opened = error == 0 && lazy ? handle_copy(file->handle) : HANDLE_NONE;
    file_release(file);
    return error;
}

static status_t open_member(void *context, uint32_t pid, handle_t *image)
{
    handle_t opened = HANDLE_NONE;
    int error = open_beside(context, pid, image, &opened);
    close_handle(opened);
    return error == 0 ? OK : ERR_NOT_FOUND;
}

static int add_child(struct restore_group *group, uint32_t pid)
{
    handle_t image, file;
    if (capture_tree_member(&group->tree, pid))
        return restore_refuse(-ENOEXEC, "an impossible tree: process", pid);
    int error = open_beside(group, pid, &image, &file);
    if (error < 0)
        return error;
    error = foreign_read(group, image, pid);
    struct restore *child = error > 0 ? add_member(group, image, file, true) : NULL;
    if (!child) {
        close_handle(file);
        if (error > 0)
            close_handle(image);
        return error > 0 ? -ENOMEM : error;
    }
    error = restore_read(child);
    if (error == 0 && child->old_pid != pid)
        error = restore_refuse(-ENOEXEC, "the file of a child is another process's", pid);
    if (error == 0 && capture_tree_own(&group->tree, &child->snapshot) != OK)
        error = restore_refuse(-ENOEXEC, "an impossible tree: process", pid);
    return error;
}

/* All descendants, level by level. */
static int read_members(struct restore_group *group)
{
    for (struct restore *each = group->members; each; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_CHILD, NULL);
        for (; note; note = snap_next(&each->snapshot, SNAP_CHILD, note)) {
            uint32_t length;
            if (snap_get(note, SNAP_CHILD_STATUS, &length))
                continue; /* it has ended */
            int error = add_child(group, snap_get_u32(note, SNAP_CHILD_PID, 0));
            if (error < 0)
                return error;
        }
    }
    return 0;
}

/* ---- the order -------------------------------------------------------------------------------------- */

bool restorer_can(const struct restore *restore, uint32_t capability)
{
    return restore->group->restorer.effective >> capability & 1;
}

/* Only who may change to any user becomes somebody else by a restore. */
static int check_identity(const struct restore *restore)
{
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    const struct credentials *own = &self()->process->credentials;
    uint32_t length = 0, ids[8];
    if (snap_get(process, SNAP_PROCESS_ROOT, &length) && !restorer_can(restore, CAP_SYS_CHROOT))
        return restore_refuse(-EPERM, "with a root directory of its own", restore->old_pid);
    const uint8_t *data = snap_get(process, SNAP_PROCESS_IDS, &length);
    if (restorer_can(restore, CAP_SETUID) && restorer_can(restore, CAP_SETGID))
        return 0;
    if (!data || length != sizeof ids)
        return -EPERM;
    memcpy(ids, data, sizeof ids);
    for (uint32_t i = 0; i < 8; i++)
        if (ids[i] != (i < 4 ? own->uid : own->gid))
            return restore_refuse(-EPERM, "of another user", ids[i]);
    return 0;
}

/* The memory of a file that is named by an option. */
static int open_log(const char *path, handle_t *vmo)
{
    struct file *file;
    int error = path_open(AT_FDCWD, path, O_RDONLY | O_LARGEFILE, 0, &file);
    if (error < 0)
        return restore_refuse(error, path, 0);
    error = file->ops->vmo ? file->ops->vmo(file, PROT_R, false, vmo) : -EACCES;
    file_release(file);
    return error;
}

/* What the process is to do when it goes on. */
static int take_run_option(struct restore_group *group, const char *option)
{
    struct replay_options *replay = &group->replay;
    if (strncmp(option, "--calls=", 8) == 0)
        group->calls = (uint32_t)strtoul(option + 8, NULL, 10);
    else if (strncmp(option, "--to=", 5) == 0)
        replay->until = strtoull(option + 5, NULL, 10);
    else if (strcmp(option, "--until-crash") == 0)
        replay->until_crash = true;
    else if (strncmp(option, "--stream=", 9) == 0)
        return foreign_option(group, option);
    else if (strncmp(option, "--replay=", 9) == 0 && !replay->log)
        return open_log(option + 9, &replay->log);
    else if (strncmp(option, "--report=", 9) == 0 && !replay->report)
        return path_open(AT_FDCWD, option + 9, O_WRONLY | O_CREAT | O_TRUNC, 0600, &replay->report);
    else {
        restore_complain("no option of a restore: %s", option);
        return -EINVAL;
    }
    return 0;
}

static int take_option(struct restore_group *group, const char *option)
{
    return capture_option(option, &group->options) ? 0 : take_run_option(group, option);
}

/* What a member has of its own is made; what it shares is another one's, which comes before it. */
static int make_member(struct restore *restore)
{
    const struct restore *with[4];
    for (uint32_t i = 0; i < 4; i++) {
        with[i] = restore->shares[i] ? restore_member(restore->group, restore->shares[i]) : NULL;
        if (restore->shares[i] && (!with[i] || with[i] == restore))
            return restore_refuse(-ENOEXEC, "a process that shares with nobody", restore->old_pid);
    }
    if (with[0] && with[0]->mm)
        (restore->mm = with[0]->mm)->references++;
    if (with[1] && with[1]->files)
        (restore->files = with[1]->files)->references++;
    int error = restore->files ? 0 : restore_descriptors(restore);
    return error == 0 && !restore->mm ? restore_memory(restore) : error;
}

static int make_actions(struct restore *restore)
{
    const struct restore *with =
        restore->shares[3] ? restore_member(restore->group, restore->shares[3]) : NULL;
    if (!with || !with->sighand)
        return restore_actions(restore);
    (restore->sighand = with->sighand)->references++;
    return 0;
}

static int make_all(struct restore_group *group)
{
    int error = 0;
    for (struct restore *each = group->members; each && error == 0; each = each->next) {
        error = check_identity(each);
        if (error == 0)
            error = make_actions(each);
    }
    if (error == 0)
        error = restore_objects(group);
    if (error == 0)
        error = restore_ipc(group);
    for (struct restore *each = group->members; each && error == 0; each = each->next)
        error = make_member(each);
    return error;
}

int restore_prepare(handle_t image, const struct file *file, const char *path,
                    const char *const *options, uint32_t count, struct restore_group **result)
{
    struct restore_group *group = allocate(sizeof *group);
    int error = 0;
    if (!group)
        return -ENOMEM;
    wait_queue_init(&group->begun);
    credentials_copy(&group->restorer, &self()->process->credentials);
    group->path = text_copy(path);
    group->tree.open = open_member;
    group->tree.context = group;
    for (uint32_t i = 0; i < count && error == 0; i++)
        error = take_option(group, options[i]);
    group->tree.options = group->options;
    group->tree.init = server.init;
    struct restore *root = add_member(group, image, file->handle, false);
    if (error == 0)
        error = root && group->path ? restore_read(root) : -ENOMEM;
    if (error == 0)
        error = errno_of(capture_tree_own(&group->tree, &root->snapshot));
    if (error == 0)
        error = read_members(group);
    if (error == 0)
        error = make_all(group);
    if (error < 0) {
        restore_free(group);
        return error;
    }
    *result = group;
    return 0;
}

static void member_free(struct restore *restore)
{
    if (restore->files)
        files_release(restore->files);
    server_lock();
    mm_release(restore->mm);
    sighand_release(restore->sighand);
    server_unlock();
    free(restore->threads);
    snap_free(&restore->snapshot);
    capture_image_close(&restore->image);
    if (restore->own_image) {
        close_handle(restore->image.vmo);
        close_handle(restore->image.file);
    }
    release(restore);
}

void restore_free(struct restore_group *group)
{
    foreign_free(group);
    credentials_release(&group->restorer);
    while (group->members) {
        struct restore *restore = group->members;
        group->members = restore->next;
        member_free(restore);
    }
    for (uint32_t i = 0; i < group->object_count; i++) {
        if (group->objects[i].file)
            file_release(group->objects[i].file);
        if (group->objects[i].socket)
            restore_socket_free(&group->objects[i]);
    }
    for (uint32_t i = 0; i < group->shared_count; i++)
        close_handle(group->shared[i].vmo);
    close_handle(group->replay.log);
    if (group->replay.report)
        file_release(group->replay.report);
    free(group->objects);
    free(group->shared);
    release(group->path);
    release(group);
}

/* ---- the change ------------------------------------------------------------------------------------- */

static int enter_directory(const char *path, void *context)
{
    (void)context;
    return chdir_to(path);
}

/* Whether it may has been seen to (check_identity), when it was who restores. */
static int enter_root(const char *path)
{
    struct fs_context *fs = self()->process->fs;
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD,
                        .path = path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_walk(&walk);
    if (error == 0 && walk.is_internal) {
        close_handle(walk.node);
        error = -EPERM;
    }
    if (error == 0)
        fs_context_set_root(fs, walk.node, &walk.attr);
    return error;
}

/*
 * The directories by their names. Where there is none the process stays in the present one; without
 * its root directory, in which others cannot follow it, it ends.
 */
static void take_directories(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    char *path = restore_text(note, SNAP_PROCESS_CWD);
    char *root = restore_text(note, SNAP_PROCESS_ROOT);
    if (path && *path == '\0')
        (void)restore_removed_directory(enter_directory, NULL);
    else if (path && chdir_to(path) < 0)
        restore_complain("the working directory %s is not there", path);
    release(path);
    if (root && enter_root(root) < 0) {
        restore_complain("the root directory %s is not there", root);
        server_lock();
        process_end_all(self()->process, SIGKILL);
        server_unlock();
    }
    release(root);
}

void restore_begin(struct restore *restore)
{
    struct process *process = self()->process;
    struct proc_record record = {.pid = process->pid};
    take_directories(restore);
    if (restore_holdings(restore) < 0)
        log_line("snapshot: process %u does not undo its semaphores", process->pid);
    restore_first_thread(restore, self());
    server_lock();
    if (restore->group->calls > 0) {
        process->counted = true;
        process->calls_left = process->calls_each = restore->group->calls;
    }
    thread_watch(self());
    restore_pending(restore, process);
    if (timers_restore(process, &restore->snapshot) < 0)
        log_line("snapshot: a timer of process %u cannot be made again", process->pid);
    server_unlock();
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, &record, process->comm));
}

void restore_start(struct restore *restore)
{
    server_lock();
    for (uint32_t i = 0; i < restore->thread_count; i++) {
        thread_watch(restore->threads[i]);
        thread_start(restore->threads[i]);
    }
    server_unlock();
}

/* What the process had becomes the restore's, which releases it. */
static void exchange(struct restore *restore, struct process *process)
{
    struct mm *mm = process->mm;
    struct files *files = process->files;
    struct sighand *sighand = process->sighand;
    process->mm = restore->mm;
    process->files = restore->files;
    process->sighand = restore->sighand;
    restore->mm = mm;
    restore->files = files;
    restore->sighand = sighand;
}

/* The leader of a session or a group leads one again, if it has the number for it. Lock held. */
static void take_place(const struct restore *root, struct process *process)
{
    const struct snap_note *note = snap_next(&root->snapshot, SNAP_PROCESS, NULL);
    struct proc_record record = {.pid = process->pid, .pgid = process->pid};
    uint32_t what = PROC_PGID;
    root->group->present_pgid = process->pgid;
    bool replay = root->group->replay.log; /* it stands still when its parent has gone */
    if ((process->pid != root->old_pid && !replay) || process->session->sid == process->pid)
        return;
    if (replay || restore_leads_session(root)) {
        struct session *session = session_get(process->pid, true);
        if (!session)
            return;
        session_release(process->session);
        process->session = session;
        what |= PROC_SID;
    } else if (snap_get_u32(note, SNAP_PROCESS_PGID, 0) != root->old_pid) {
        return;
    }
    process->pgid = process->pid;
    record.sid = process->session->sid;
    ignore(init_proc_set(server.init, process->pid, what, &record, NULL));
}

static void begin_replay(struct restore_group *group, struct process *process)
{
    if (!group->replay.log)
        return;
    int error = group->tree.count > 1 || process->thread_count > 1
                    ? -EOPNOTSUPP
                    : replay_begin(process, &group->replay);
    if (error == 0) {
        group->replay = (struct replay_options){.log = HANDLE_NONE};
        return;
    }
    restore_complain("it cannot be replayed (%d)", error);
    server_lock();
    process_end_all(process, SIGKILL);
    server_unlock();
}

int restore_enter(struct restore_group *group)
{
    struct process *process = self()->process;
    struct restore *root = group->members;
    server_lock();
    int error = restore_threads(root, process);
    if (error < 0) {
        server_unlock();
        return error;
    }
    root->pid = process->pid;
    exchange(root, process);
    timers_delete_posix(process);
    process_release_vfork(process);
    restore_state(root, process);
    take_place(root, process);
    server_unlock();
    ignore(space_attach(process->mm->space));
    if (restore_descendants(group) < 0) {
        restore_complain("not all of the tree could be made");
        server_lock();
        process_end_all(process, SIGKILL);
        server_unlock();
    }
    restore_relations(group);
    restore_begin(root);
    restore_let_run(group);
    restore_start(root);
    restore_stopped(root, process);
    begin_replay(group, process);
    return 0;
}
