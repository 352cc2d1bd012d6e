/* SPDX-License-Identifier: MIT */
/* execve: a process that becomes a program of another personality, which gets what it has through init. */
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <string.h>

#include "program.h"
#include "server.h"
#include "signals.h"

#define KIND_ELF 1u

const char *program_foreign(const struct load_result *loaded)
{
    if (loaded->kind != KIND_ELF)
        return "nt";
    if (loaded->personality[0] != 0 && strcmp(loaded->personality, "posix") != 0)
        return loaded->personality;
    return NULL;
}

/* The first descriptor from `from` on that the next program gets and that is of this file; capacity: none. */
static uint32_t kept_descriptor(const struct files *files, const struct file *file, uint32_t from)
{
    uint32_t fd = from;
    while (fd < files->capacity &&
           (files->slots[fd].file != file || files->slots[fd].close_on_exec))
        fd++;
    return fd;
}

/* A file is exported once for all its descriptors: what a socket brings goes to one pair of streams. */
static int hand_over_file(const struct files *files, struct file *file, uint32_t fd, uint32_t start)
{
    struct start_fd row = {.fd = fd};
    handle_t handles[2] = {HANDLE_NONE, HANDLE_NONE};
    status_t status = OK;
    if (!file->ops->export || file->ops->export(file, &row, handles) != 0)
        return 0;
    for (; status == OK && fd < files->capacity; fd = kept_descriptor(files, file, fd + 1)) {
        row.fd = fd;
        status = init_start_fd(server.init, start, &row, handles[0], handles[1]);
    }
    handle_drop(&handles[0]);
    handle_drop(&handles[1]);
    return errno_of(status);
}

static int hand_over_fds(struct process *process, uint32_t start)
{
    const struct files *files = process->files;
    int error = 0;
    for (uint32_t fd = 0; error == 0 && fd < files->capacity; fd++) {
        struct file *file = fd_get(fd);
        if (!file)
            continue;
        if (kept_descriptor(files, file, 0) == fd)
            error = hand_over_file(files, file, fd, start);
        file_release(file);
    }
    return error;
}

static void note_signals(struct process *process, struct start_arguments *arguments)
{
    uint64_t ignored = 0, blocked = self()->blocked;
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++)
        if (process->sighand->actions[i].handler == 1)
            ignored |= 1ull << i;
    arguments->ignored_signals_low = (uint32_t)ignored;
    arguments->ignored_signals_high = (uint32_t)(ignored >> 32);
    arguments->blocked_signals_low = (uint32_t)blocked;
    arguments->blocked_signals_high = (uint32_t)(blocked >> 32);
}

static int hand_over_strings(struct process *process, const struct program *program,
                             struct start_arguments *arguments, handle_t *vmo)
{
    char **argv = string_list_array(&program->arguments),
         **envp = string_list_array(&program->environment);
    const char *path = program->image.file->path ? program->image.file->path : program->path;
    int error =
        argv && envp
            ? errno_of(start_strings_vmo(path, process->fs->cwd_text, argv, envp, arguments, vmo))
            : -ENOMEM;
    release(argv);
    release(envp);
    return error;
}

/* The registry's name of the process; once it is handed over it is not ours to change. */
static void set_name(struct process *process, const char *name)
{
    struct proc_record record = {.pid = process->pid};
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, &record, name));
}

/* Returns only with an error; else the thread ends here and the process is the other one's. */
int program_hand_over(struct process *process, struct program *program, const char *personality)
{
    struct start_request request = {.personality = personality, .pid = process->pid};
    struct start_arguments arguments = {.umask = process->fs->umask};
    handle_t strings;
    uint32_t start, pid;
    handle_t cwd = process->fs->cwd ? process->fs->cwd : process->fs->root;
    if (!file_is_node(program->image.file))
        return -EACCES;
    note_signals(process, &arguments);
    int error = hand_over_strings(process, program, &arguments, &strings);
    if (error < 0)
        return error;
    process->handing_over = true;
    error = errno_of(init_start_begin(server.init, &request, &start));
    if (error == 0) {
        error = hand_over_fds(process, start);
        set_name(process, program_last_component(program->name));
        if (error < 0)
            init_start_abandon(server.init, start);
        else
            error = errno_of(init_start_commit(server.init, start, &arguments, strings,
                                               process->fs->root, cwd, program->image.file->handle,
                                               true, &pid));
    }
    close_handle(strings);
    if (error < 0) {
        process->handing_over = false;
        set_name(process, process->comm);
    }
    return error;
}
