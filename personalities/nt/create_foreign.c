/* SPDX-License-Identifier: MIT */
/*
 * Programs of other personalities that one of ours starts: init finds who runs them, a process object
 * with one thread object stands for them here.
 */
#include <personalities/nt/create_process.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/file.h>
#include <personalities/nt/path.h>

#include <stdlib.h>
#include <string.h>

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
    struct nt_thread *thread = nt_thread_new(process, next_tid += 4);
    if (!thread)
        return STATUS_NO_MEMORY;
    thread->create_time = nt_time();
    list_append(&process->threads, &thread->link);
    object_hold(&thread->object);
    *result = thread;
    return STATUS_SUCCESS;
}

NTSTATUS create_foreign(struct creation *c, struct nt_process *process, struct nt_thread **thread)
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

bool creation_is_foreign(const struct creation *c)
{
    uint8_t magic[4];
    size_t done;
    status_t status =
        BLOCKING(fs_client_read(file_of(c->file)->node, 0, magic, sizeof magic, &done));
    if (status != OK || done < sizeof magic)
        return false;
    return memcmp(magic, "\177ELF", 4) == 0 || memcmp(magic, "#!", 2) == 0;
}
