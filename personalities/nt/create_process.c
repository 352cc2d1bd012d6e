/* SPDX-License-Identifier: MIT */
/*
 * NtCreateUserProcess. A PE image becomes a process of this server; anything else is started by the
 * personality that init finds for it, and is represented here by a process object that ends with it.
 */
#include <personalities/nt/create_process.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/job.h>
#include <personalities/nt/options.h>
#include <personalities/nt/token.h>

#include <stdlib.h>
#include <string.h>

#define CONSOLE_NEW           ((uint32_t)-1)
#define CONSOLE_NEW_NO_WINDOW ((uint32_t)-2)
#define CONSOLE_NONE          ((uint32_t)-4)

/* ---- a process of ours ---- */

static void inherit_all(struct nt_process *from, struct nt_process *to)
{
    for (uint32_t i = 0; i < from->handles.size; i++)
        if (from->handles.entries[i].object && from->handles.entries[i].inherit)
            (void)handle_put(to, (i + 1) * 4, &from->handles.entries[i]);
}

static void inherit_one(struct nt_process *from, struct nt_process *to, uint32_t handle)
{
    const struct handle_entry *entry = (int32_t)handle > 0 ? handle_entry(from, handle) : NULL;
    if (entry && entry->inherit)
        (void)handle_put(to, handle, entry);
}

/* Without inheritance only the standard handles go along, at new values. */
static uint32_t copy_handle(struct nt_process *from, struct nt_process *to, uint32_t handle)
{
    const struct handle_entry *entry = (int32_t)handle > 0 ? handle_entry(from, handle) : NULL;
    uint32_t value = 0;
    if (!entry || handle_create(to, entry->object, entry->access, OBJ_INHERIT, &value))
        return handle;
    return value;
}

static void give_handles(const struct creation *c, struct nt_process *process,
                         struct process_start *start)
{
    bool inherit = c->call->args[6] & PROCESS_CREATE_FLAGS_INHERIT_HANDLES;
    const RTL_USER_PROCESS_PARAMETERS *p = &c->parameters;
    uint32_t std_handles[3] = {(uint32_t)p->hStdInput, (uint32_t)p->hStdOutput,
                               (uint32_t)p->hStdError};
    uint32_t console = (uint32_t)p->ConsoleHandle;
    for (uint32_t i = 0; inherit && i < c->inherited_count; i++)
        inherit_one(c->parent, process, c->inherited[i]);
    for (uint32_t i = 0; inherit && c->inherited && i < 3; i++)
        inherit_one(c->parent, process, std_handles[i]);
    if (inherit && !c->inherited)
        inherit_all(c->parent, process);
    for (uint32_t i = 0; i < 3; i++)
        start->std_handles[i] =
            inherit ? std_handles[i] : copy_handle(c->parent, process, std_handles[i]);
    /* There is one terminal: a new console is the old one. */
    if (console == CONSOLE_NEW || console == CONSOLE_NEW_NO_WINDOW)
        console = CONSOLE_NONE;
    start->console_handle = (int32_t)console > 0 && !handle_entry(process, console)
                                ? copy_handle(c->parent, process, console)
                                : console;
    if ((int32_t)console > 0)
        process->console = console_hold(c->parent->console);
    if (c->parent->trace) {
        process->trace = c->parent->trace;
        object_hold(process->trace);
    }
}

static NTSTATUS register_process(struct nt_process *process, const struct creation *c)
{
    struct nt_process *parent = c->call->process;
    char *name = text_to_utf8(c->image_path);
    char *leaf = name ? strrchr(name, '\\') : NULL;
    status_t status = BLOCKING(init_proc_create(nt_init, parent->pid, 0, 0, parent->uid, 0,
                                                leaf   ? leaf + 1
                                                : name ? name
                                                       : "",
                                                &process->pid));
    free(name);
    process->ppid = parent->pid;
    process->creator = c->parent->pid;
    process->pgid = parent->pgid;
    process->sid = parent->sid;
    process->uid = parent->uid;
    process->reap = true;
    return nt_status(status);
}

static NTSTATUS copy_context(struct nt_process *process, const struct nt_process *parent)
{
    process->fs = parent->fs;
    process->fs.root = handle_copy(parent->fs.root);
    process->fs.cwd = handle_copy(parent->fs.cwd);
    return process->fs.root && process->fs.cwd ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static void fill_start(const struct creation *c, struct process_start *start)
{
    const RTL_USER_PROCESS_PARAMETERS *p = &c->parameters;
    *start = (struct process_start){.image = c->image,
                                    .image_path = c->image_path.chars,
                                    .directory = c->directory.chars,
                                    .command_line = c->command_line,
                                    .title = c->title,
                                    .desktop = c->desktop,
                                    .shell_info = c->shell_info,
                                    .runtime_info = c->runtime_info,
                                    .runtime_bytes = c->runtime_bytes,
                                    .environment = c->environment,
                                    .environment_bytes = c->environment_bytes,
                                    .console_flags = p->ConsoleFlags,
                                    .window_flags = p->dwFlags,
                                    .show_window = p->wShowWindow,
                                    .process_group = p->ProcessGroupId,
                                    .fill_attribute = p->dwFillAttribute,
                                    .suspended =
                                        c->call->args[7] & THREAD_CREATE_FLAGS_CREATE_SUSPENDED};
    memcpy(start->geometry, &p->dwX, sizeof start->geometry);
}

static NTSTATUS create_pe(struct creation *c, struct nt_process *process, struct nt_thread **thread)
{
    struct process_start start;
    fill_start(c, &start);
    NTSTATUS status = copy_context(process, c->call->process);
    if (!status)
        status = register_process(process, c);
    if (status)
        return status;
    process->command = text_to_utf8(c->command_line);
    process->command_length = process->command ? strlen(process->command) : 0;
    process->image_name = text_copy(c->image_name);
    give_handles(c, process, &start);
    process->console_group = c->parameters.ConsoleFlags ? 0 : console_group(c->parent);
    if (c->call->process->ignores_ctrl_c)
        start.console_flags &= ~CONSOLE_IGNORE_CTRL_C;
    process->ignores_ctrl_c = option_ignores_ctrl_c(start.image_path);
    if (process->ignores_ctrl_c)
        start.console_flags |= CONSOLE_IGNORE_CTRL_C;
    return process_build(process, &start, thread);
}

/* ---- the call ---- */

static NTSTATUS return_results(struct creation *c, struct nt_process *process,
                               struct nt_thread *thread)
{
    struct call *call = c->call;
    uint32_t process_handle, thread_handle;
    SECTION_IMAGE_INFORMATION info = {.SubSystemType = IMAGE_SUBSYSTEM_WINDOWS_CUI,
                                      .Machine = IMAGE_FILE_MACHINE_I386};
    CLIENT_ID id = {(HANDLE)(process->pid * 4), (HANDLE)thread->tid};
    NTSTATUS status =
        handle_create(call->process, &process->object, call->args[2], 0, &process_handle);
    if (!status)
        status = handle_create(call->process, &thread->object, call->args[3], 0, &thread_handle);
    if (!status)
        status = guest_write32(call->args[0], process_handle);
    if (!status)
        status = guest_write32(call->args[1], thread_handle);
    if (!status && c->client_id)
        status = guest_write(c->client_id, &id, sizeof id);
    if (c->image)
        image_information(c->image, &info);
    if (!status && c->image_info)
        status = guest_write(c->image_info, &info, sizeof info);
    return status;
}

/* By whom it was asked for, or else by whom the parent is, where that is to hold for children. */
static NTSTATUS be_debugged(const struct creation *c, struct nt_process *process)
{
    const struct nt_process *parent = c->call->process;
    if (c->debug) {
        process->debug_children = !(c->call->args[6] & PROCESS_CREATE_FLAGS_NO_DEBUG_INHERIT);
        return debug_assign(process, c->debug);
    }
    return parent->debug && parent->debug_children ? debug_assign(process, parent->debug)
                                                   : STATUS_SUCCESS;
}

static NTSTATUS enter_jobs(const struct creation *c, struct nt_process *process)
{
    NTSTATUS status =
        job_inherit(c->parent, process, c->call->args[6] & PROCESS_CREATE_FLAGS_BREAKAWAY);
    for (uint32_t i = 0; !status && i < c->job_count; i++) {
        struct object *job;
        status =
            handle_object(c->call->thread, c->jobs[i], &job_type, JOB_OBJECT_ASSIGN_PROCESS, &job);
        if (status)
            break;
        status = job_assign(job, process);
        object_release(job);
    }
    return status;
}

static NTSTATUS create(struct creation *c, bool foreign)
{
    struct nt_thread *thread = NULL;
    struct nt_process *process = process_new();
    if (!process)
        return STATUS_NO_MEMORY;
    object_hold(&process->object); /* a foreign one may have ended by now */
    process->building = true;
    NTSTATUS status = token_inherit(process, c->token ? c->token : c->call->process->token);
    if (!status)
        status = foreign ? create_foreign(c, process, &thread) : create_pe(c, process, &thread);
    process->building = false;
    if (!status)
        status = enter_jobs(c, process);
    if (!status && !foreign)
        status = be_debugged(c, process);
    if (!status)
        status = return_results(c, process, thread);
    if (status && thread && !foreign)
        thread_discard(thread);
    else if (!status && !foreign)
        status = thread_launch(thread);
    if (status)
        process_terminate_nt(process, (uint32_t)status);
    if (thread)
        object_release(&thread->object);
    object_release(&process->object);
    return status;
}

NTSTATUS nt_create_user_process(struct call *call)
{
    struct creation *c = calloc(1, sizeof *c);
    bool foreign = false;
    if (!c)
        return STATUS_NO_MEMORY;
    c->call = call;
    c->parent = call->process;
    object_hold(&c->parent->object);
    NTSTATUS status = creation_read(c);
    if (status == STATUS_INVALID_IMAGE_NOT_MZ && creation_is_foreign(c)) {
        foreign = true;
        status = STATUS_SUCCESS;
    }
    if (!status)
        status = create(c, foreign);
    creation_free(c);
    free(c);
    return status;
}
