/* SPDX-License-Identifier: MIT */
/*
 * Operations that go on behind their calls: overlapped ones on files and pipes, locks that are waited
 * for, changes of directories and of the registry. A snapshot has the call of each, and the thread that
 * made it makes it again before it goes on; if it ends at once now, that is told as its late end.
 */
#include <personalities/nt/io.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/process.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX  65536u
#define OFFSET_ARGUMENT 7

/* ---- saving -------------------------------------------------------------------------------------- */

void save_operation(struct save *save, const struct nt_thread *thread, const struct made_call *made)
{
    struct snapshot *snapshot = &save->snapshot;
    if (!made->row) {
        save_refuse(save, ERR_BUSY, "an operation is under way that cannot be made again");
        return;
    }
    snap_note_begin(snapshot, SNAP_OPERATION);
    snap_put_u32(snapshot, SNAP_OPERATION_TID, thread->tid);
    snap_put_text(snapshot, SNAP_OPERATION_CALL, made->row->name);
    snap_put(snapshot, SNAP_OPERATION_ARGUMENTS, made->args, sizeof made->args);
}

void save_operations(struct save *save)
{
    list_each(thread, &save->process->threads, struct nt_thread, link)
    {
        list_each(request, &thread->requests, struct io_request, thread_link)
        {
            if (request->synchronous || request->committed)
                save_refuse(save, ERR_BUSY, "an operation on a file or pipe is half done");
            else
                save_operation(save, thread, &request->made);
        }
    }
    for (uint32_t i = 0; i < save->used_count; i++)
        if (save_used(save, i)->type == &key_type)
            key_watches_save(save_used(save, i), save);
}

/* ---- restoring ------------------------------------------------------------------------------------ */

/* Only calls that begin such an operation may be made in a program's name. */
static bool may_be_made(const struct call_row *row)
{
    static const char *const names[] = {"NtReadFile",       "NtWriteFile",
                                        "NtFsControlFile",  "NtDeviceIoControlFile",
                                        "NtLockFile",       "NtNotifyChangeDirectoryFile",
                                        "NtNotifyChangeKey"};
    for (uint32_t i = 0; row && i < sizeof names / sizeof *names; i++)
        if (strcmp(row->name, names[i]) == 0)
            return true;
    return false;
}

NTSTATUS restore_operations(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OPERATION, NULL);
    for (uint32_t count = 0; note; note = snap_next(&restore->snapshot, SNAP_OPERATION, note)) {
        char name[40] = "";
        struct nt_thread *thread =
            restored_thread(restore, snap_get_u32(note, SNAP_OPERATION_TID, 0));
        struct operation *operation = calloc(1, sizeof *operation);
        if (!operation)
            return STATUS_NO_MEMORY;
        (void)snap_get_text(note, SNAP_OPERATION_CALL, name, sizeof name);
        operation->made.row = call_row_named(name);
        if (!thread || !may_be_made(operation->made.row) || ++count > OPERATIONS_MAX ||
            !restored_bytes(note, SNAP_OPERATION_ARGUMENTS, operation->made.args,
                            sizeof operation->made.args)) {
            free(operation);
            return restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT,
                                  "an operation cannot be made again (%s)", name);
        }
        list_append(&thread->operations, &operation->link);
    }
    return STATUS_SUCCESS;
}

static bool is(const struct made_call *made, const char *name)
{
    return strcmp(made->row->name, name) == 0;
}

static void make_again(struct nt_thread *thread, const struct made_call *made)
{
    struct call call = {.thread = thread,
                        .process = thread->process,
                        .regs = &thread->frame->regs,
                        .row = made->row};
    memcpy(call.args, made->args, sizeof call.args);
    NTSTATUS status;
    if (is(made, "NtReadFile") || is(made, "NtWriteFile"))
        call.args[OFFSET_ARGUMENT] = 0; /* of a pipe: nothing, and its place may be gone */
    if (is(made, "NtLockFile"))
        status = lock_file_again(&call);
    else
        status = made->row->handler(&call);
    struct io_call io = {made->args[1], made->args[2], made->args[3], made->args[4]};
    if (is(made, "NtNotifyChangeKey"))
        io.status_block = 0; /* kernelbase gives one on the stack of a function that has returned */
    if (NT_ERROR(status))
        io_failed(thread, &io, status);
}

void operations_begin(struct nt_thread *thread)
{
    while (!list_empty(&thread->operations)) {
        struct operation *operation = container_of(thread->operations.next, struct operation, link);
        list_remove(&operation->link);
        make_again(thread, &operation->made);
        free(operation);
    }
}

void operations_forget(struct nt_thread *thread)
{
    while (!list_empty(&thread->operations)) {
        struct operation *operation = container_of(thread->operations.next, struct operation, link);
        list_remove(&operation->link);
        free(operation);
    }
}
