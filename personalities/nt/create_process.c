/* SPDX-License-Identifier: MIT */
/*
 * NtCreateUserProcess. A PE image becomes a process of this server; anything else is started by the
 * personality that init finds for it, and is represented here by a process object that ends with it.
 */
#include <personalities/nt/process.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/job.h>
#include <personalities/nt/options.h>
#include <personalities/nt/path.h>
#include <personalities/nt/section.h>
#include <personalities/nt/token.h>

#include <stdlib.h>
#include <string.h>

#define CONSOLE_NEW           ((uint32_t)-1)
#define CONSOLE_NEW_NO_WINDOW ((uint32_t)-2)
#define CONSOLE_NONE          ((uint32_t)-4)
#define ENVIRONMENT_MAX       0x100000u

/* What the caller asks for, copied from its memory. */
struct creation {
    struct call *call;
    RTL_USER_PROCESS_PARAMETERS parameters;
    struct text image_path, directory, command_line, title, desktop, shell_info;
    WCHAR *storage[6];
    void *runtime_info;
    uint32_t runtime_bytes;
    WCHAR *environment;
    uint32_t environment_bytes;
    struct text image_name; /* NT path */
    WCHAR *image_storage;
    uint32_t client_id, image_info; /* guest addresses, or 0 */
    struct nt_process *parent;      /* held: whose handles are inherited */
    struct object *file;            /* the image, held */
    uint32_t jobs[8], job_count;    /* handles */
    struct object *token;           /* for the process, held, or NULL */
    struct object *debug;           /* debug object for the process, held, or NULL */
    struct image *image;            /* held, of a PE */
};

static void creation_free(struct creation *c)
{
    for (uint32_t i = 0; i < sizeof c->storage / sizeof c->storage[0]; i++)
        free(c->storage[i]);
    free(c->runtime_info);
    free(c->environment);
    free(c->image_storage);
    object_release(c->file);
    object_release(c->debug);
    object_release(c->token);
    image_release(c->image);
    if (c->parent)
        object_release(&c->parent->object);
}

/* ---- reading ---- */

static NTSTATUS read_string(uint32_t block, uint32_t offset, struct text *text, WCHAR **storage)
{
    return guest_read_text(block + offset, text, storage);
}

/* Until an empty string, if the size is not given. */
static NTSTATUS environment_size(struct creation *c, uint32_t address)
{
    uint32_t length = 0;
    WCHAR previous = 1, current;
    c->environment_bytes = c->parameters.EnvironmentSize;
    while (!c->environment_bytes) {
        NTSTATUS status = guest_read(&current, address + length * sizeof current, sizeof current);
        if (status)
            return status;
        length++;
        if (!current && !previous)
            c->environment_bytes = length * sizeof current;
        if (length * sizeof current >= ENVIRONMENT_MAX)
            return STATUS_INVALID_PARAMETER;
        previous = current;
    }
    return c->environment_bytes <= ENVIRONMENT_MAX ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS read_environment(struct creation *c)
{
    uint32_t address = (uint32_t)c->parameters.Environment;
    NTSTATUS status = address ? environment_size(c, address) : STATUS_SUCCESS;
    if (status)
        return status;
    uint32_t bytes = c->environment_bytes ? c->environment_bytes : 2 * sizeof(WCHAR);
    c->environment = calloc(1, bytes);
    if (!c->environment)
        return STATUS_NO_MEMORY;
    status = address ? guest_read(c->environment, address, bytes) : STATUS_SUCCESS;
    c->environment_bytes = bytes;
    return status;
}

/* Bytes, not text: their number may be odd. */
static NTSTATUS read_runtime_info(struct creation *c)
{
    uint32_t bytes = c->parameters.RuntimeInfo.Length;
    if (bytes == 0)
        return STATUS_SUCCESS;
    c->runtime_info = malloc(bytes);
    if (!c->runtime_info)
        return STATUS_NO_MEMORY;
    c->runtime_bytes = bytes;
    return guest_read(c->runtime_info, (uint32_t)c->parameters.RuntimeInfo.Buffer, bytes);
}

static NTSTATUS read_parameters(struct creation *c)
{
    uint32_t block = c->call->args[8];
    static const uint32_t offsets[] = {
        offsetof(RTL_USER_PROCESS_PARAMETERS, ImagePathName),
        offsetof(RTL_USER_PROCESS_PARAMETERS, CurrentDirectory.DosPath),
        offsetof(RTL_USER_PROCESS_PARAMETERS, CommandLine),
        offsetof(RTL_USER_PROCESS_PARAMETERS, WindowTitle),
        offsetof(RTL_USER_PROCESS_PARAMETERS, Desktop),
        offsetof(RTL_USER_PROCESS_PARAMETERS, ShellInfo),
    };
    struct text *texts[] = {&c->image_path, &c->directory, &c->command_line,
                            &c->title,      &c->desktop,   &c->shell_info};
    NTSTATUS status = guest_read(&c->parameters, block, sizeof c->parameters);
    if (!status && !(c->parameters.Flags & PROCESS_PARAMS_FLAG_NORMALIZED))
        status = STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; !status && i < sizeof texts / sizeof texts[0]; i++)
        status = read_string(block, offsets[i], texts[i], &c->storage[i]);
    if (!status)
        status = read_runtime_info(c);
    return status ? status : read_environment(c);
}

static NTSTATUS read_attribute(struct creation *c, const PS_ATTRIBUTE *attribute)
{
    struct nt_thread *thread = c->call->thread;
    switch (attribute->Attribute & 0xffff) {
    case PsAttributeImageName: {
        uint32_t bytes = attribute->Size & ~1u;
        if (bytes > 0xffff || c->image_storage)
            return STATUS_INVALID_PARAMETER;
        c->image_storage = malloc(bytes + sizeof(WCHAR));
        if (!c->image_storage)
            return STATUS_NO_MEMORY;
        c->image_name = (struct text){c->image_storage, bytes / sizeof(WCHAR)};
        return guest_read(c->image_storage, attribute->Value, bytes);
    }
    case PsAttributeClientId:
        c->client_id = attribute->Value;
        return STATUS_SUCCESS;
    case PsAttributeImageInfo:
        c->image_info = attribute->Value;
        return STATUS_SUCCESS;
    case PsAttributeParentProcess:
        object_release(&c->parent->object);
        c->parent = NULL;
        return process_from_handle(thread, attribute->Value, PROCESS_CREATE_PROCESS, &c->parent);
    case PsAttributeToken:
        object_release(c->token);
        c->token = NULL;
        return handle_object(thread, attribute->Value, &token_type, TOKEN_ASSIGN_PRIMARY,
                             &c->token);
    case PsAttributeJobList:
        c->job_count = attribute->Size / sizeof c->jobs[0];
        if (c->job_count > sizeof c->jobs / sizeof c->jobs[0])
            return STATUS_INSUFFICIENT_RESOURCES;
        return guest_read(c->jobs, attribute->Value, c->job_count * sizeof c->jobs[0]);
    case PsAttributeDebugPort:
        object_release(c->debug);
        c->debug = NULL;
        return handle_object(thread, attribute->Value, &debug_type, DEBUG_PROCESS_ASSIGN,
                             &c->debug);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS read_attributes(struct creation *c)
{
    uint32_t list = c->call->args[10], total;
    NTSTATUS status = guest_read(&total, list, sizeof total);
    for (uint32_t at = sizeof total;
         !status && at + sizeof(PS_ATTRIBUTE) <= total && at < PAGE_SIZE;
         at += sizeof(PS_ATTRIBUTE)) {
        PS_ATTRIBUTE attribute;
        status = guest_read(&attribute, list + at, sizeof attribute);
        if (!status)
            status = read_attribute(c, &attribute);
    }
    return status ? status : c->image_storage ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS open_image(struct creation *c)
{
    struct open_request request = {.thread = c->call->thread,
                                   .process = c->call->process,
                                   .access = FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE,
                                   .share = FILE_SHARE_READ | FILE_SHARE_DELETE,
                                   .disposition = FILE_OPEN,
                                   .options =
                                       FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT};
    NTSTATUS status = ntfile_open_path(NULL, c->image_name, &request, &c->file);
    if (status)
        return status;
    if (file_of(c->file)->kind != FILE_DISK)
        return STATUS_INVALID_IMAGE_FORMAT;
    struct fs_attr attr;
    status = nt_status(ntfile_stat(c->call->process, file_of(c->file), &attr));
    if (!status)
        status = image_open(file_of(c->file)->node, &attr, &c->image);
    if (!status && (c->image->plan.characteristics & IMAGE_FILE_DLL))
        status = STATUS_INVALID_IMAGE_FORMAT;
    return status;
}

/* ---- a process of ours ---- */

static void inherit_all(struct nt_process *from, struct nt_process *to)
{
    for (uint32_t i = 0; i < from->handles.size; i++)
        if (from->handles.entries[i].object && from->handles.entries[i].inherit)
            (void)handle_put(to, (i + 1) * 4, &from->handles.entries[i]);
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
    if (inherit)
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
    process->creator = parent->pid;
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
    if (c->call->process->ignores_ctrl_c)
        start.console_flags &= ~CONSOLE_IGNORE_CTRL_C;
    process->ignores_ctrl_c = option_ignores_ctrl_c(start.image_path);
    if (process->ignores_ctrl_c)
        start.console_flags |= CONSOLE_IGNORE_CTRL_C;
    return process_build(process, &start, thread);
}

/* ---- a process of another personality ---- */

static NTSTATUS send_descriptors(const struct creation *c, uint32_t start)
{
    const RTL_USER_PROCESS_PARAMETERS *p = &c->parameters;
    HANDLE handles[3] = {p->hStdInput, p->hStdOutput, p->hStdError};
    for (uint32_t i = 0; i < 3; i++) {
        const struct handle_entry *entry = handle_entry(c->parent, (uint32_t)handles[i]);
        struct start_fd fd = {.fd = i};
        handle_t h0, h1;
        if ((int32_t)handles[i] <= 0 || !entry || entry->object->type != &file_type)
            continue;
        struct object *object = entry->object;
        object_hold(object);
        NTSTATUS status = ntfile_to_descriptor(file_of(object), &fd, &h0, &h1);
        object_release(object);
        if (status)
            continue;
        status_t sent = BLOCKING(init_start_fd(nt_init, start, &fd, h0, h1));
        handle_drop(&h0);
        handle_drop(&h1);
        if (sent != OK)
            return nt_status(sent);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS open_directory(const struct creation *c, handle_t *node, char **path)
{
    struct fs_attr attr;
    struct nt_process *process = c->call->process;
    WCHAR *name = malloc((c->directory.length + 5) * sizeof(WCHAR));
    if (!name)
        return STATUS_NO_MEMORY;
    memcpy(name, L"\\??\\", 4 * sizeof(WCHAR));
    memcpy(name + 4, c->directory.chars, c->directory.length * sizeof(WCHAR));
    NTSTATUS status =
        path_resolve(process, NULL, (struct text){name, c->directory.length + 4}, path);
    free(name);
    if (status)
        return status;
    return nt_status(
        BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, *path, strlen(*path),
                                FS_O_READ | FS_O_DIRECTORY | FS_O_NOCASE, 0, node, &attr)));
}

static NTSTATUS commit_foreign(const struct creation *c, uint32_t start, struct nt_process *process)
{
    uint32_t pid = 0;
    struct start_arguments arguments = {.umask = 022};
    handle_t strings = HANDLE_NONE, cwd = HANDLE_NONE;
    char *path = NULL;
    struct nt_file *file = file_of(c->file);
    char **argv = command_line_split(c->command_line);
    char **envp = environment_to_unix(c->environment, c->environment_bytes);
    NTSTATUS status = argv && argv[0] && envp ? open_directory(c, &cwd, &path) : STATUS_NO_MEMORY;
    if (!status)
        status =
            nt_status(start_strings_vmo(file->unix_path, path, argv, envp, &arguments, &strings));
    process->ppid = c->call->process->pid;
    process->creator = c->call->process->pid;
    process_expect_child();
    if (!status)
        status = nt_status(
            BLOCKING(init_start_commit(nt_init, start, &arguments, strings,
                                       c->call->process->fs.root, cwd, file->node, true, &pid)));
    process_claim_child(process, status ? 0 : pid);
    handle_drop(&strings);
    handle_drop(&cwd);
    free(path);
    strings_free(argv);
    strings_free(envp);
    return status;
}

NTSTATUS process_stand_in(struct nt_process *process, struct nt_thread **result)
{
    static uint32_t next_tid = 0x10000000u;
    struct nt_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return STATUS_NO_MEMORY;
    object_init(&thread->object, &thread_type);
    list_init(&thread->apcs);
    list_init(&thread->requests);
    list_init(&thread->operations);
    list_init(&thread->mutants);
    thread->process = process;
    object_hold(&process->object);
    thread->tid = next_tid += 4;
    thread->create_time = nt_time();
    list_append(&process->threads, &thread->link);
    object_hold(&thread->object);
    *result = thread;
    return STATUS_SUCCESS;
}

static NTSTATUS create_foreign(struct creation *c, struct nt_process *process,
                               struct nt_thread **thread)
{
    struct nt_process *parent = c->call->process;
    struct start_request request = {.ppid = parent->pid, .uid = parent->uid};
    uint32_t start;
    process->foreign = true;
    NTSTATUS status = process_stand_in(process, thread);
    if (!status)
        status = nt_status(BLOCKING(init_start_begin(nt_init, &request, &start)));
    if (status)
        return status;
    status = send_descriptors(c, start);
    if (status)
        init_start_abandon(nt_init, start);
    else
        status = commit_foreign(c, start, process);
    return status;
}

/* ELF or a script: what is no PE image and not one of kernelbase's batch files. */
static bool is_foreign(const struct creation *c)
{
    uint8_t magic[4];
    size_t done;
    status_t status =
        BLOCKING(fs_client_read(file_of(c->file)->node, 0, magic, sizeof magic, &done));
    if (status != OK || done < sizeof magic)
        return false;
    return memcmp(magic, "\177ELF", 4) == 0 || memcmp(magic, "#!", 2) == 0;
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
    NTSTATUS status = read_parameters(c);
    if (!status)
        status = read_attributes(c);
    if (!status)
        status = open_image(c);
    if (status == STATUS_INVALID_IMAGE_NOT_MZ && is_foreign(c)) {
        foreign = true;
        status = STATUS_SUCCESS;
    }
    if (!status)
        status = create(c, foreign);
    creation_free(c);
    free(c);
    return status;
}
