/* SPDX-License-Identifier: MIT */
/* Making a process of a snapshot: reading it, the order of the parts, and what the parts share. */
#include <personalities/nt/snapshot/restore.h>

#include <atomik/log.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/file.h>
#include <personalities/nt/job.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/process.h>
#include <personalities/nt/section.h>
#include <personalities/nt/shared_data.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES   4096u
#define HEADER_BYTES 1024u /* of ntdll, compared with the file's */

/* ---- messages ------------------------------------------------------------------------------------ */

static void print(const struct restore_group *group, const char *line)
{
    size_t length = strlen(line), done;
    uint32_t kind = group->stream_kinds[2].kind, written;
    handle_t handle = group->stream_handles[2][0];
    if (kind == FD_TTY)
        (void)!BLOCKING(tty_client_write(handle, line, length, 0, 0, 0, &done));
    else if (kind == FD_STREAM_WRITE)
        (void)!BLOCKING(stream_write(handle, line, length, &written, DEADLINE_NEVER));
    else if (kind == FD_FILE)
        (void)!BLOCKING(fs_client_write(handle, FS_POSITION, line, length, &done, NULL));
}

NTSTATUS restore_refuse(struct restore *restore, NTSTATUS status, const char *format, ...)
{
    char text[224], line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "snapshot: %s\n", text);
    print(restore->group, line);
    log_printf("snapshot: %s (%08x)", text, (uint32_t)status);
    return status;
}

/* ---- values of notes -------------------------------------------------------------------------------- */

char *restored_path(const struct snap_note *note, uint16_t tag)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    char *text = data && length < PATH_BYTES ? malloc(length + 1) : NULL;
    if (!text)
        return NULL;
    memcpy(text, data, length);
    text[length] = '\0';
    return text;
}

WCHAR *restored_text(const struct snap_note *note, uint16_t tag, uint32_t *length)
{
    uint32_t bytes = 0, none;
    const uint8_t *data = snap_get(note, tag, &bytes);
    return data ? text_from_utf8((const char *)data, bytes, length ? length : &none) : NULL;
}

bool restored_bytes(const struct snap_note *note, uint16_t tag, void *to, uint32_t size)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    if (!data || length != size)
        return false;
    memcpy(to, data, size);
    return true;
}

uint8_t *restored_blob(const struct restore *restore, uint32_t id, uint32_t *size)
{
    const struct snap_blob *blob = id ? snap_find_blob(&restore->snapshot, id) : NULL;
    uint8_t *bytes = blob ? malloc(blob->size + 1) : NULL;
    if (!bytes)
        return NULL;
    if (blob->size > 0 && snap_bytes_read(&blob->bytes, 0, bytes, blob->size) != OK) {
        free(bytes);
        return NULL;
    }
    *size = blob->size;
    return bytes;
}

/* ---- the streams of who restores ------------------------------------------------------------------ */

NTSTATUS restored_stream(struct restore *restore, uint32_t number, struct object **file)
{
    struct restore_group *group = restore->group;
    struct restore_stream *stream = number < 3 ? &group->streams[number] : NULL;
    NTSTATUS status = STATUS_SUCCESS;
    if (stream && !stream->file && group->stream_kinds[number].kind != FD_NONE) {
        status = ntfile_from_descriptor(group->members->process, &group->stream_kinds[number],
                                        stream->h0, stream->h1, &stream->file);
        stream->h0 = stream->h1 = HANDLE_NONE;
    }
    if (stream && !status && stream->file) {
        object_hold(stream->file);
        *file = stream->file;
        return STATUS_SUCCESS;
    }
    /* What was at the other end is gone: nothing comes any more, and nothing gets through. */
    struct nt_file *closed = ntfile_new(FILE_PIPE, 0, 0);
    if (!closed)
        return STATUS_NO_MEMORY;
    closed->pipe_closed = true;
    *file = &closed->object;
    return STATUS_SUCCESS;
}

static void fetch_streams(struct restore_group *group, uint32_t start)
{
    for (uint32_t index = 0;; index++) {
        struct start_fd fd;
        handle_t h0, h1;
        if (BLOCKING(init_start_fetch(nt_init, start, index, &fd, &h0, &h1)) != OK)
            return;
        if (fd.fd > 2) {
            capture_tree_keep(&group->tree, fd.fd, (handle_t[]){h0, h1});
            continue;
        }
        group->stream_kinds[fd.fd] = fd;
        group->streams[fd.fd] = (struct restore_stream){.h0 = h0, .h1 = h1};
        group->stream_handles[fd.fd][0] = h0 ? handle_copy(h0) : HANDLE_NONE;
        group->stream_handles[fd.fd][1] = h1 ? handle_copy(h1) : HANDLE_NONE;
    }
}

/* The console is that of the terminal at which the restore is started, if there is one. */
static NTSTATUS find_console(struct restore *restore)
{
    const struct restore_group *group = restore->group;
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_CONSOLE, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < 3 && !status; i++) {
        struct object *file;
        if (group->stream_kinds[i].kind != FD_TTY)
            continue;
        status = restored_stream(restore, i, &file);
        if (!status)
            object_release(file);
    }
    if (!status && note && restore->process->console)
        console_restore(restore->process->console, note);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

bool snapshot_recognise(handle_t node)
{
    handle_t vmo;
    uint64_t size;
    bool coherent;
    if (BLOCKING(fs_client_vmo(node, PROT_R, &vmo, &size, &coherent)) != OK)
        return false;
    bool is = capture_recognise(vmo);
    handle_drop(&vmo);
    return is;
}

static NTSTATUS take_options(struct restore_group *group, char *const *options)
{
    for (; *options; options++)
        if (!capture_option(*options, &group->options) &&
            !capture_tree_option(&group->tree, *options))
            return restore_refuse(group->members, STATUS_INVALID_PARAMETER,
                                  "no option of a restore: %s", *options);
    group->tree.options = group->options;
    return STATUS_SUCCESS;
}

static NTSTATUS check_header(struct restore *restore)
{
    const char *problem;
    status_t status = capture_check(&restore->snapshot, "nt", &problem);
    return status == OK ? STATUS_SUCCESS
                        : restore_refuse(restore, nt_status(status), "%s", problem);
}

static NTSTATUS read_image(struct restore *restore)
{
    const char *problem;
    const struct snap_note *note;
    restore->image.init = nt_init;
    status_t status = BLOCKING(
        capture_read(&restore->snapshot, &restore->image, &restore->group->options, &problem));
    if (status != OK)
        return restore_refuse(restore, nt_status(status), "%s",
                              problem ? problem : "it cannot be read");
    NTSTATUS error = check_header(restore);
    note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    restore->old_pid = snap_get_u32(note, SNAP_PROCESS_PID, 0);
    restore->old_ppid = snap_get_u32(note, SNAP_PROCESS_PPID, 0);
    return error;
}

static struct restore *new_member(struct restore_group *group)
{
    struct restore **last = &group->members, *restore = calloc(1, sizeof *restore);
    if (!restore)
        return NULL;
    snap_init(&restore->snapshot);
    restore->group = group;
    while (*last)
        last = &(*last)->next;
    *last = restore;
    return restore;
}

NTSTATUS restore_add(struct restore_group *group, handle_t image, struct restore **result)
{
    struct restore *restore = new_member(group);
    if (!restore) {
        handle_drop(&image);
        return STATUS_NO_MEMORY;
    }
    restore->image.vmo = image;
    *result = restore;
    return read_image(restore);
}

static NTSTATUS read_file(struct restore *restore, handle_t node)
{
    uint64_t size;
    bool coherent;
    status_t status = BLOCKING(fs_client_vmo(node, PROT_R, &restore->image.vmo, &size, &coherent));
    return status == OK ? read_image(restore) : nt_status(status);
}

/* ---- the process -------------------------------------------------------------------------------------- */

static void take_process(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    struct nt_process *process = restore->process;
    uint32_t ignores = snap_get_u32(note, SNAP_PROCESS_IGNORES, 0);
    process->image_name = restored_text(note, SNAP_PROCESS_EXE, NULL);
    process->peb = snap_get_u32(note, SNAP_PROCESS_PEB, 0);
    process->parameters = snap_get_u32(note, SNAP_PROCESS_PARAMETERS, 0);
    process->image_base = snap_get_u32(note, SNAP_PROCESS_IMAGE_BASE, 0);
    process->ntdll_base = snap_get_u32(note, SNAP_PROCESS_NTDLL_BASE, 0);
    process->gdi_table = snap_get_u32(note, SNAP_PROCESS_GDI_TABLE, 0);
    process->priority_class =
        snap_get_u32(note, SNAP_PROCESS_PRIORITY_CLASS, PROCESS_PRIOCLASS_NORMAL);
    process->error_mode = snap_get_u32(note, SNAP_PROCESS_ERROR_MODE, 0);
    process->ctrl_c_ignored = ignores & 1;
    process->ignores_ctrl_c = ignores & 2;
    process->create_time = snap_get_u64(note, SNAP_PROCESS_CREATED, process->create_time);
}

/* The image that is mapped at an address, or NULL; not held. */
static struct image *image_at(struct nt_process *process, uint32_t base)
{
    struct allocation *allocation = vm_find(process, base);
    if (!allocation || allocation->base != base || allocation->type != MEM_IMAGE ||
        !allocation->section)
        return NULL;
    return section_of(allocation->section)->image;
}

/* The numbers of the calls are those of the file that is here: it must be the same ntdll. */
static NTSTATUS check_ntdll(struct restore *restore, const struct image *image)
{
    uint8_t there[HEADER_BYTES], here[HEADER_BYTES];
    uint32_t done;
    struct nt_process *process = restore->process;
    if (vmo_read(image->layout ? image->layout : image->vmo, 0, here, sizeof here) != OK ||
        space_read(process->space, process->ntdll_base, there, sizeof there, &done) != OK ||
        done != sizeof there || memcmp(here, there, sizeof here) != 0)
        return restore_refuse(restore, STATUS_REVISION_MISMATCH,
                              "the ntdll.dll that is here is another one");
    return STATUS_SUCCESS;
}

static NTSTATUS find_images(struct restore *restore)
{
    struct nt_process *process = restore->process;
    struct image *program = image_at(process, process->image_base);
    struct image *ntdll = image_at(process, process->ntdll_base);
    if (!program || !ntdll)
        return restore_refuse(restore, STATUS_OBJECT_NAME_NOT_FOUND,
                              "the program or ntdll.dll is not there");
    NTSTATUS status = check_ntdll(restore, ntdll);
    if (status)
        return status;
    image_hold(program);
    process->image = program;
    return ntdll_describe(ntdll, &process->ntdll);
}

/* win32u's calls are known from the first time that it is mapped on. */
static void find_win32u(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    uint32_t base = snap_get_u32(note, SNAP_PROCESS_WIN32U_BASE, 0);
    struct image *image = base ? image_at(restore->process, base) : NULL;
    if (image)
        image_mapped(restore->process, image, base);
}

/* Memory of an image is written last, so that it is as it was. */
static NTSTATUS make_memory(struct restore *restore)
{
    NTSTATUS status = space_create(&restore->process->space) == OK
                          ? shared_data_map(restore->process)
                          : STATUS_NO_MEMORY;
    if (!status)
        status = restore_memory(restore);
    if (!status)
        status = find_images(restore);
    return status;
}

/* The job that it was in, with its limits; not the others that were. */
static NTSTATUS enter_job(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    struct object *job = restored_object(restore, snap_get_u32(note, SNAP_PROCESS_JOB, 0));
    if (!job)
        return STATUS_SUCCESS;
    return job->type == &job_type ? job_assign(job, restore->process) : STATUS_OBJECT_TYPE_MISMATCH;
}

/* What is the process's own, with everybody's objects there. */
static NTSTATUS make_member(struct restore *restore)
{
    NTSTATUS status = make_memory(restore);
    if (!status)
        status = restore_handles(restore);
    if (!status)
        status = restore_apcs(restore);
    if (!status)
        status = restore_ids(restore);
    if (!status)
        status = restore_locks(restore);
    if (!status)
        status = restore_operations(restore);
    if (!status)
        status = enter_job(restore);
    if (!status)
        find_win32u(restore);
    return status;
}

static NTSTATUS make_all(struct restore_group *group, handle_t node)
{
    struct restore *root = group->members;
    NTSTATUS status = read_file(root, node);
    if (!status)
        status = restore_read_tree(group);
    if (!status)
        status = find_console(root);
    if (!status)
        status = restore_make_members(group);
    for (struct restore *each = root; each && !status; each = each->next) {
        take_process(each);
        status = restore_threads(each);
    }
    if (!status)
        status = restore_objects(group);
    for (struct restore *each = root; each && !status; each = each->next)
        status = make_member(each);
    return status;
}

static void member_free(struct restore *restore)
{
    snap_free(&restore->snapshot);
    capture_image_close(&restore->image);
    handle_drop(&restore->image.vmo);
    free(restore);
}

static void release_all(struct restore_group *group)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        object_release(group->objects[i].object);
    free(group->objects);
    for (uint32_t i = 0; i < 3; i++) {
        object_release(group->streams[i].file);
        handle_drop(&group->streams[i].h0);
        handle_drop(&group->streams[i].h1);
        handle_drop(&group->stream_handles[i][0]);
        handle_drop(&group->stream_handles[i][1]);
    }
    restore_tree_free(group);
    while (group->members) {
        struct restore *restore = group->members;
        group->members = restore->next;
        member_free(restore);
    }
    free(group->path);
    free(group->directory);
    free(group);
}

/* It ends when its threads have; those that were not launched never begin. */
static void end_process(struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!thread->server_thread)
            thread_discard(thread);
    }
    process->building = false;
    process_terminate_nt(process, (uint32_t)STATUS_UNSUCCESSFUL);
}

void restore_give_up(struct restore_group *group)
{
    for (struct restore *each = group->members->next; each; each = each->next)
        if (each->process)
            end_process(each->process);
    release_all(group);
}

static NTSTATUS launch(struct nt_process *process)
{
    NTSTATUS status = STATUS_SUCCESS;
    process->building = false;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!status && !thread->server_thread)
            status = thread_launch(thread);
    }
    return status;
}

NTSTATUS restore_go_on(struct restore_group *group)
{
    NTSTATUS status = restore_start_foreign(group);
    for (struct restore *each = group->members; each && !status; each = each->next)
        status = launch(each->process);
    if (!status) {
        release_all(group);
        return status;
    }
    (void)restore_refuse(group->members, status, "not all of the tree could be made");
    end_process(group->members->process);
    restore_give_up(group);
    return status;
}

NTSTATUS restore_process(struct nt_process *process, handle_t node, uint32_t start,
                         const struct start_strings *strings, struct restore_group **result)
{
    struct restore_group *group = calloc(1, sizeof *group);
    struct restore *root = group ? new_member(group) : NULL;
    if (!root) {
        free(group);
        return STATUS_NO_MEMORY;
    }
    root->process = process;
    group->path = strdup(strings->image);
    group->directory = strdup(strings->cwd);
    fetch_streams(group, start);
    NTSTATUS status = group->path && group->directory ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    if (!status)
        status = take_options(group, strings->argv[0] ? strings->argv + 1 : strings->argv);
    if (!status)
        status = make_all(group, node);
    if (status) {
        restore_give_up(group);
        return status;
    }
    shared_data_wake();
    *result = group;
    return STATUS_SUCCESS;
}
