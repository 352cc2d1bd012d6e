/* SPDX-License-Identifier: MIT */
/* Making a program of a snapshot: reading it, the process, its threads, and the order of the parts. */
#include "restore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>

#include "calls.h"

#define TEXT_BYTES 65536u

status_t restore_refuse(struct restore *restore, status_t status, const char *format, ...)
{
    char text[224], line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int length = snprintf(line, sizeof line, "snapshot: %s\n", text);
    native_say(restore->process, line, (size_t)length);
    log_printf("snapshot: %s (%d)", text, (int)status);
    return status;
}

/* ---- values of notes -------------------------------------------------------------------------------- */

char *restored_text(const struct snap_note *note, uint16_t tag)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    char *text = data != NULL && length < TEXT_BYTES ? malloc(length + 1) : NULL;
    if (text == NULL)
        return NULL;
    memcpy(text, data, length);
    text[length] = '\0';
    return text;
}

uint8_t *restored_blob(const struct restore *restore, uint32_t id, uint32_t *size)
{
    const struct snap_blob *blob = id != 0 ? snap_find_blob(&restore->snapshot, id) : NULL;
    uint8_t *bytes = blob != NULL ? malloc(blob->size + 1) : NULL;
    if (bytes == NULL)
        return NULL;
    if (blob->size > 0 && snap_bytes_read(&blob->bytes, 0, bytes, blob->size) != OK) {
        free(bytes);
        return NULL;
    }
    *size = blob->size;
    return bytes;
}

/* ---- what it is started with -------------------------------------------------------------------------- */

static status_t take_options(struct restore *restore, char *const *options)
{
    for (; *options != NULL; options++)
        if (!capture_option(*options, &restore->options) &&
            !capture_tree_option(&restore->tree, *options))
            return restore_refuse(restore, ERR_INVALID_ARGUMENT, "no option of a restore: %s",
                                  *options);
    restore->tree.options = restore->options; /* those below may be lazy */
    restore->options.lazy = false; /* memory is copied, and all of it is needed for that */
    return OK;
}

static void fetch_streams(struct restore *restore, uint32_t start)
{
    struct native_process *process = restore->process;
    struct start_fd fd;
    handle_t h0, h1;
    for (uint32_t index = 0; init_start_fetch(native_init, start, index, &fd, &h0, &h1) == OK;
         index++) {
        if (fd.fd > 2) {
            capture_tree_keep(&restore->tree, fd.fd, (handle_t[]){h0, h1});
            continue;
        }
        restore->streams[fd.fd] = fd;
        restore->stream_handles[fd.fd][0] = h0;
        restore->stream_handles[fd.fd][1] = h1;
        if (fd.fd == 2) {
            process->error_fd = fd;
            process->error_handle = handle_copy(h0);
        }
    }
}

static status_t check_header(struct restore *restore)
{
    const char *problem;
    status_t status = capture_check(&restore->snapshot, "native", &problem);
    return status == OK ? OK : restore_refuse(restore, status, "%s", problem);
}

static status_t read_image(struct restore *restore)
{
    const char *problem;
    restore->image.vmo = restore->process->image;
    status_t status =
        capture_read(&restore->snapshot, &restore->image, &restore->options, &problem);
    if (status != OK)
        return restore_refuse(restore, status, "%s",
                              problem != NULL ? problem : "it cannot be read");
    return check_header(restore);
}

/* ---- the process -------------------------------------------------------------------------------------- */

static void keep_command(struct native_process *process, const struct snap_note *note)
{
    process->command = restored_text(note, SNAP_PROCESS_COMMAND);
    process->command_length = process->command != NULL ? strlen(process->command) + 1 : 0;
    for (size_t i = 0; i + 1 < process->command_length; i++)
        if (process->command[i] == ' ')
            process->command[i] = '\0';
}

static status_t make_process(struct restore *restore)
{
    struct native_process *process = restore->process;
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    struct process_request request = {.privileges = native_privileges(restore->uid)};
    handle_t exceptions = HANDLE_NONE;
    char state[16] = "";
    free(process->path);
    free(process->cwd);
    process->path = restored_text(note, SNAP_PROCESS_EXE);
    process->cwd = restored_text(note, SNAP_PROCESS_CWD);
    process->program.startup = snap_get_u32(note, SNAP_PROCESS_STARTUP, 0);
    process->stopped = snap_get_text(note, SNAP_PROCESS_STATE, state, sizeof state) &&
                       strcmp(state, "stopped") == 0;
    keep_command(process, note);
    (void)snap_get_text(note, SNAP_PROCESS_NAME, request.name, sizeof request.name);
    if (process->path == NULL || process->cwd == NULL)
        return ERR_BAD_EXECUTABLE;
    status_t status = process_create(&request, &process->program.process, &process->program.space);
    if (status == OK)
        status = process_set(process->program.process, PROCESS_SUSPENDED, 1);
    if (status == OK)
        status = port_badge(exception_port, process->pid, &exceptions);
    if (status == OK)
        status = process_set(process->program.process, PROCESS_EXCEPTION_PORT, exceptions);
    handle_drop(&exceptions);
    return status;
}

/* Programs read their own number in what they were started with. */
static void tell_number(struct restore *restore)
{
    const struct native_process *process = restore->process;
    struct startup_info info;
    uint32_t at = process->program.startup, done = 0;
    if (space_read(process->program.space, at, &info, sizeof info, &done) != OK ||
        done != sizeof info || info.magic != STARTUP_MAGIC)
        return;
    (void)!space_write(process->program.space, at + offsetof(struct startup_info, pid),
                       &process->pid, sizeof process->pid, &done);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

static void take_wait(const struct snap_note *note, struct registers *regs)
{
    uint64_t left = snap_get_u64(note, SNAP_THREAD_RESTART_LEFT, UINT64_MAX), deadline;
    uint32_t length;
    if (left != UINT64_MAX && snap_get(note, SNAP_THREAD_CALL, &length) != NULL &&
        calls_deadline(regs, &deadline))
        calls_set_deadline(regs, time_monotonic() + left);
}

static status_t take_thread(struct restore *restore, const struct snap_note *note,
                            const struct snap_note *status, const struct snap_note *fpu)
{
    struct core_prstatus prstatus;
    struct thread_context context = {0};
    uint32_t length = 0;
    const uint8_t *tls = snap_get(note, SNAP_THREAD_TLS, &length);
    if (status == NULL || status->size != sizeof prstatus || fpu == NULL ||
        fpu->size != sizeof context.fpu)
        return restore_refuse(restore, ERR_BAD_EXECUTABLE, "a thread without registers");
    memcpy(&prstatus, status->data, sizeof prstatus);
    memcpy(context.fpu, fpu->data, sizeof context.fpu);
    if (tls != NULL && length == sizeof context.tls)
        memcpy(context.tls, tls, sizeof context.tls);
    context.regs = capture_registers_back(&prstatus.regs);
    take_wait(note, &context.regs);
    struct restored_object *thread = &restore->threads[restore->thread_count++];
    thread->id = snap_get_u32(note, SNAP_THREAD_TID, 0);
    return thread_create_at(restore->process->program.process, &context, &thread->handle);
}

status_t restore_threads(struct restore *restore)
{
    const struct snapshot *snapshot = &restore->snapshot;
    const struct snap_note *note = snap_next(snapshot, SNAP_THREAD, NULL);
    const struct snap_note *status = snap_next_standard(snapshot, CORE_PRSTATUS, NULL);
    const struct snap_note *fpu = snap_next_standard(snapshot, LINUX_PRXFPREG, NULL);
    status_t error = OK;
    restore->threads = calloc(NATIVE_THREADS_MAX, sizeof *restore->threads);
    if (restore->threads == NULL)
        return ERR_NO_MEMORY;
    while (note != NULL && error == OK) {
        if (restore->thread_count == NATIVE_THREADS_MAX)
            return restore_refuse(restore, ERR_BAD_EXECUTABLE, "too many threads");
        error = take_thread(restore, note, status, fpu);
        note = snap_next(snapshot, SNAP_THREAD, note);
        status = status != NULL ? snap_next_standard(snapshot, CORE_PRSTATUS, status) : NULL;
        fpu = fpu != NULL ? snap_next_standard(snapshot, LINUX_PRXFPREG, fpu) : NULL;
    }
    return error;
}

/* ---- what is below it ----------------------------------------------------------------------------------- */

static status_t open_member(void *context, uint32_t pid, handle_t *vmo)
{
    const struct restore *restore = context;
    handle_t node = HANDLE_NONE;
    status_t status = capture_open_beside(&restore->walk, restore->path, pid, &node, vmo);
    handle_drop(&node);
    return status;
}

static status_t read_child(struct restore *restore, uint32_t pid)
{
    struct capture_tree *tree = &restore->tree;
    handle_t vmo = HANDLE_NONE;
    bool taken = false;
    status_t status = open_member(restore, pid, &vmo);
    if (status != OK)
        return restore_refuse(restore, status, "the snapshot of child %u is not there",
                              (unsigned)pid);
    status = capture_tree_child(tree, "", pid, vmo, &taken);
    if (!taken)
        handle_drop(&vmo);
    return status == OK && taken
               ? OK
               : restore_refuse(restore, status != OK ? status : ERR_BAD_EXECUTABLE, "child %u: %s",
                                (unsigned)tree->where,
                                tree->problem != NULL ? tree->problem : "it cannot be read");
}

static status_t read_tree(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_CHILD, NULL);
    restore->tree.open = open_member;
    restore->tree.context = restore;
    restore->tree.init = native_init;
    status_t status = capture_tree_own(&restore->tree, &restore->snapshot);
    for (; note != NULL && status == OK; note = snap_next(&restore->snapshot, SNAP_CHILD, note)) {
        uint32_t length;
        if (snap_get(note, SNAP_CHILD_STATUS, &length) == NULL)
            status = read_child(restore, snap_get_u32(note, SNAP_CHILD_PID, 0));
    }
    return status;
}

static bool has_children(const struct restore *restore)
{
    return snap_next(&restore->snapshot, SNAP_CHILD, NULL) != NULL;
}

/* One that has ended and was not waited for. */
static status_t make_zombie(const struct restore *restore, const struct snap_note *note)
{
    uint32_t pid;
    status_t status = init_proc_create(native_init, restore->process->pid, 0, 0, restore->uid,
                                       snap_get_u32(note, SNAP_CHILD_PID, 0), "ended", &pid);
    return status == OK
               ? init_proc_exit(native_init, pid, (int32_t)snap_get_u32(note, SNAP_CHILD_STATUS, 0))
               : status;
}

static status_t start_children(struct restore *restore)
{
    const struct capture_start start = {.init = native_init,
                                        .walk = &restore->walk,
                                        .path = restore->path,
                                        .cwd = restore->directory,
                                        .ppid = restore->process->pid,
                                        .uid = restore->uid,
                                        .streams = restore->streams,
                                        .handles = restore->stream_handles};
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_CHILD, NULL);
    const struct capture_member *member = NULL;
    status_t status = OK;
    uint32_t length, pid;
    for (; note != NULL && status == OK; note = snap_next(&restore->snapshot, SNAP_CHILD, note))
        if (snap_get(note, SNAP_CHILD_STATUS, &length) != NULL)
            status = make_zombie(restore, note);
    while (status == OK && (member = capture_tree_next(&restore->tree, member)) != NULL)
        status = capture_tree_start(&restore->tree, member, &start, &pid);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static status_t make_all(struct restore *restore)
{
    status_t status = read_image(restore);
    if (status == OK)
        status = read_tree(restore);
    if (status == OK)
        status = make_process(restore);
    if (status == OK)
        status = init_process_handle(native_init, restore->process->pid, &restore->init);
    if (status == OK)
        status = restore_shared(restore);
    if (status == OK)
        status = restore_memory(restore);
    if (status == OK)
        status = restore_threads(restore);
    if (status == OK)
        status = restore_objects(restore);
    if (status == OK)
        status = restore_handles(restore);
    return status;
}

static void drop_all(struct restore *restore)
{
    for (uint32_t i = 0; i < restore->object_count; i++)
        handle_drop(&restore->objects[i].handle);
    for (uint32_t i = 0; i < restore->thread_count; i++)
        handle_drop(&restore->threads[i].handle);
    for (uint32_t i = 0; i < 3; i++) {
        handle_drop(&restore->stream_handles[i][0]);
        handle_drop(&restore->stream_handles[i][1]);
    }
    free(restore->objects);
    free(restore->threads);
    handle_drop(&restore->init);
    handle_drop(&restore->program);
    handle_drop(&restore->walk.root);
    handle_drop(&restore->walk.cwd);
    capture_tree_free(&restore->tree);
    snap_free(&restore->snapshot);
    capture_image_close(&restore->image);
    handle_drop(&restore->image_handle);
    free(restore->path);
    free(restore->directory);
    free(restore);
}

static status_t take_place(struct restore *restore, const struct start_strings *strings,
                           const handle_t handles[4])
{
    restore->path = strdup(strings->image);
    restore->directory = strdup(strings->cwd);
    restore->root = handles[1];
    restore->cwd = handles[2];
    restore->walk = (struct fs_walk_context){.root = handle_copy(handles[1]),
                                             .cwd = handle_copy(handles[2]),
                                             .uid = restore->uid,
                                             .gid = restore->uid,
                                             .flags = CALL_UNINTERRUPTIBLE};
    if (restore->path == NULL || restore->directory == NULL || restore->walk.root == HANDLE_NONE ||
        restore->walk.cwd == HANDLE_NONE)
        return ERR_NO_MEMORY;
    return fs_client_root(&restore->walk);
}

/* The process is whole. Its children are started when init knows of it. */
static void complete(struct restore *restore)
{
    struct native_process *process = restore->process;
    tell_number(restore);
    process->held = true;
    /* the snapshot; the program's file, if that was needed, has symbols */
    restore->image_handle = process->image;
    process->image = restore->program;
    restore->program = HANDLE_NONE;
    if (has_children(restore))
        process->restore = restore;
    else
        drop_all(restore);
}

status_t restore_process(struct native_process *process, const struct proc_event *event,
                         const struct start_strings *strings, const handle_t handles[4])
{
    struct restore *restore = calloc(1, sizeof *restore);
    if (restore == NULL)
        return ERR_NO_MEMORY;
    snap_init(&restore->snapshot);
    restore->process = process;
    restore->uid = event->uid;
    fetch_streams(restore, event->start);
    status_t status = take_place(restore, strings, handles);
    if (status == OK)
        status =
            take_options(restore, strings->argv[0] != NULL ? strings->argv + 1 : strings->argv);
    if (status == OK)
        status = make_all(restore);
    if (status == OK) {
        complete(restore);
        return OK;
    }
    if (process->program.process != HANDLE_NONE)
        (void)!process_kill(process->program.process, 0);
    drop_all(restore);
    return status;
}

/* The event thread is not for this: init tells it of native children. */
static void children_thread(void *argument)
{
    struct native_process *process = argument;
    struct restore *restore = process->restore;
    status_t status = start_children(restore);
    if (status != OK)
        (void)restore_refuse(restore, status, "not all of the tree could be made");
    native_lock();
    process->restore = NULL;
    process->held = false;
    if (status != OK)
        (void)!process_kill(process->program.process, 1);
    (void)!native_resume(process);
    native_unlock();
    drop_all(restore);
    native_release(process);
}

void restore_go_on(struct native_process *process)
{
    if (process->restore != NULL) {
        native_use(process);
        if (thread_spawn(children_thread, process, 0, NULL) == OK)
            return;
        process->users--;
        drop_all(process->restore);
        process->restore = NULL;
        (void)!process_kill(process->program.process, 1);
    }
    process->held = false;
    if (native_resume(process) != OK)
        log_printf("pid %u has ended before it went on", (unsigned)process->pid);
}
