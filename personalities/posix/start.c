/* SPDX-License-Identifier: MIT */
/*
 * Programs started from outside. The control thread makes the process; its own first thread then
 * fetches the descriptors, loads the program and reports to init, so that a slow file system holds
 * up nobody else. A start that fails leaves nothing behind.
 */
#include "start.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <string.h>

#include "exec.h"
#include "file.h"
#include "server.h"
#include "task.h"
#include "tty.h"

struct start {
    struct proc_event event;
    handle_t handles[4]; /* strings, root, cwd, image */
};

/* ---- descriptors ----------------------------------------------------------------------------------- */

static int import_descriptor(const struct start_fd *fd, handle_t h0, handle_t h1, struct file **result)
{
    uint32_t flags = fd->flags & (O_ACCMODE | O_APPEND | O_NONBLOCK);
    int error = 0;
    switch (fd->kind) {
    case FD_FILE:
        return node_file_shared(h0, flags, result);
    case FD_STREAM_READ:
        *result = stream_file(h0, HANDLE_NONE, (flags & ~(uint32_t)O_ACCMODE) | O_RDONLY);
        break;
    case FD_STREAM_WRITE:
        *result = stream_file(HANDLE_NONE, h0, (flags & ~(uint32_t)O_ACCMODE) | O_WRONLY);
        break;
    case FD_STREAM_PAIR:
        *result = stream_file(h0, h1, (flags & ~(uint32_t)O_ACCMODE) | O_RDWR);
        break;
    case FD_TTY:
        return tty_file(h0, h1, (flags & ~(uint32_t)O_ACCMODE) | O_RDWR, result);
    case FD_DEVICE:
        error = device_open(fd->device, flags, result);
        break;
    default:
        error = -EINVAL;
    }
    if (error == 0 && !*result)
        return -ENOMEM;
    return error;
}

static int import_descriptors(struct process *process, uint32_t start)
{
    struct start_fd fd;
    handle_t h0, h1;
    for (uint32_t index = 0;; index++) {
        struct file *file = NULL;
        status_t status = init_start_fetch(server.init, start, index, &fd, &h0, &h1);
        if (status != OK)
            return status == ERR_NOT_FOUND ? 0 : errno_of(status);
        int error = import_descriptor(&fd, h0, h1, &file);
        if (error < 0)
            return error;
        tty_adopt(file, process);
        if (fd_install_at(process->files, fd.fd, file, false) < 0)
            return -EMFILE;
    }
}

/* ---- the program ----------------------------------------------------------------------------------- */

static void add_vector(struct text *strings, char **vector)
{
    for (uint32_t i = 0; vector[i]; i++)
        text_add(strings, vector[i], (uint32_t)strlen(vector[i]) + 1);
}

static int open_image_node(struct start *start, const char *path, struct file **result)
{
    struct fs_attr attr;
    status_t status = fs_client_stat(start->handles[3], &attr);
    if (status != OK)
        return errno_of(status);
    handle_t node = start->handles[3];
    start->handles[3] = HANDLE_NONE;
    return node_file(node, &attr, O_RDONLY, path, result);
}

static int prepare(struct start *start, struct program *program)
{
    struct process *process = self()->process;
    struct start_strings strings;
    status_t status = start_strings_read(start->handles[0], &start->event.arguments, &strings);
    if (status != OK)
        return errno_of(status);
    program->path = text_copy(strings.image);
    process->fs->cwd_text = text_copy(strings.cwd[0] == '/' ? strings.cwd : "/");
    add_vector(&program->args, strings.argv);
    add_vector(&program->envs, strings.envp);
    program->argc = start->event.arguments.argc;
    program->envc = start->event.arguments.envc;
    int error = program->path && process->fs->cwd_text && !program->args.failed && !program->envs.failed ? 0 : -ENOMEM;
    if (error == 0)
        error = open_image_node(start, strings.image, &program->file);
    start_strings_free(&strings);
    return error;
}

static int load(struct start *start)
{
    struct program program = {.path = NULL};
    struct process *process = self()->process;
    int error = prepare(start, &program);
    if (error == 0)
        error = import_descriptors(process, start->event.start);
    if (error == 0)
        error = program_resolve(&program);
    if (error == 0 && strcmp(program.personality, "posix") != 0)
        error = -ENOEXEC;
    if (error == 0)
        error = program_build(&program);
    if (error == 0)
        error = program_enter(&program);
    if (error == 0)
        ignore(init_proc_set(server.init, process->pid, PROC_NAME, NULL, process->comm));
    program_free(&program);
    return error;
}

/* What the starter is told: the first row of the error table with this errno. */
static status_t status_of_errno(int error)
{
    if (error == 0)
        return OK;
#define ERROR(code, name, errno_value, ntstatus, text)                                             \
    if (-error == (errno_value))                                                                   \
        return ERR_##name;
#include <atomik/errors.def>
#undef ERROR
    return ERR_BAD_EXECUTABLE;
}

static void start_free(struct start *start)
{
    for (uint32_t i = 0; i < 4; i++)
        close_handle(start->handles[i]);
    release(start);
}

/* First thing in the process's first thread. */
static void start_begin(struct thread *thread)
{
    struct start *start = thread->begin_argument;
    struct process *process = thread->process;
    thread->begin_argument = NULL;
    int error = load(start);
    status_t done = init_start_done(server.init, start->event.start, status_of_errno(error));
    start_free(start);
    if (error == 0 && done == OK)
        return;
    server_lock();
    process->state = PROCESS_REMOTE; /* it never was ours: nobody is told */
    process->reaped = process->parent == NULL;
    process->exiting = true;
    server_unlock();
    thread_finish(thread);
}

/* ---- the process ----------------------------------------------------------------------------------- */

static struct fs_context *new_directories(struct start *start)
{
    struct fs_context *fs = allocate(sizeof *fs);
    struct fs_attr attr;
    if (!fs)
        return NULL;
    fs->references = 1;
    fs->root = start->handles[1];
    fs->cwd = start->handles[2];
    fs->umask = start->event.arguments.umask & 0777;
    start->handles[1] = start->handles[2] = HANDLE_NONE;
    if (fs_client_stat(fs->root, &attr) == OK) {
        fs->root_ino = attr.ino;
        fs->root_device = attr.device;
    }
    return fs;
}

static struct sighand *new_actions(const struct start_arguments *arguments)
{
    struct sighand *sighand = sighand_copy(NULL);
    uint64_t ignored = arguments->ignored_signals_low | (uint64_t)arguments->ignored_signals_high << 32;
    for (uint32_t i = 0; sighand && i < SIGNAL_COUNT; i++)
        sighand->actions[i].handler = ignored >> i & 1;
    return sighand;
}

static void set_user(struct process *process, uint32_t uid)
{
    process->credentials = (struct credentials){.uid = uid, .euid = uid, .suid = uid, .fsuid = uid};
    if (uid != 0)
        process->credentials.gid = process->credentials.egid = process->credentials.sgid = process->credentials.fsgid = uid;
}

/* The struct of the process: new, or of one that comes back from another personality. Lock held. */
static struct process *make_process(const struct proc_event *event)
{
    struct process *process = process_find(event->pid);
    if (process && (process->state != PROCESS_REMOTE || !list_empty(&process->threads)))
        return NULL;
    if (!process && (process = process_new(event->pid)) != NULL) {
        process->ppid = event->ppid;
        set_user(process, event->uid);
        struct process *parent = process_find(event->ppid);
        if (parent && parent->state == PROCESS_ALIVE)
            process_set_parent(process, parent);
    }
    if (!process)
        return NULL;
    session_release(process->session);
    process->session = session_get(event->sid, true);
    process->pgid = event->pgid;
    return process->session ? process : NULL;
}

static int create(struct start *start, struct thread **result)
{
    const struct start_arguments *arguments = &start->event.arguments;
    struct fs_context *fs = new_directories(start);
    struct files *files = files_new();
    struct sighand *sighand = new_actions(arguments);
    int error = -ENOMEM;
    server_lock();
    struct process *process = fs && files && sighand ? make_process(&start->event) : NULL;
    if (process) {
        sighand_release(process->sighand);
        process->fs = fs;
        process->files = files;
        process->sighand = sighand;
        process->exiting = process->stopped = process->reaped = false;
        process->state = PROCESS_ALIVE;
        error = thread_new(process, start->event.pid, result);
        if (error < 0)
            process_free(process);
    }
    server_unlock();
    if (error < 0) {
        fs_context_release(fs);
        files_release(files);
        if (!process)
            sighand_release(sighand);
        return error;
    }
    (*result)->blocked = arguments->blocked_signals_low | (uint64_t)arguments->blocked_signals_high << 32;
    (*result)->begin = start_begin;
    (*result)->begin_argument = start;
    return 0;
}

void start_process(const struct proc_event *event, handle_t handles[4])
{
    struct start *start = allocate(sizeof *start);
    struct thread *thread;
    if (!start) {
        for (uint32_t i = 0; i < 4; i++)
            close_handle(handles[i]);
        ignore(init_start_done(server.init, event->start, ERR_NO_MEMORY));
        return;
    }
    start->event = *event;
    memcpy(start->handles, handles, sizeof start->handles);
    if (create(start, &thread) < 0) {
        ignore(init_start_done(server.init, event->start, ERR_NO_MEMORY));
        start_free(start);
        return;
    }
    server_lock();
    thread_start(thread);
    server_unlock();
}
