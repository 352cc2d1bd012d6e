/* SPDX-License-Identifier: MIT */
/*
 * Processes that arrive from elsewhere: started by init, by a program of another personality, or
 * carried here by an exec in place. The process is put together on the event thread; its program is
 * loaded by its own first thread, which then tells init whether that went well.
 */
#include "start.h"

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <string.h>

#include "exec.h"
#include "file.h"
#include "server.h"
#include "signals.h"
#include "task.h"
#include "tty.h"

/* What the first thread needs to know. */
struct arrival {
    uint32_t start;
    struct start_strings strings;
    struct start_arguments arguments;
};

static int file_of_row(const struct start_fd *row, handle_t h0, handle_t h1, struct file **file)
{
    switch (row->kind) {
    case FD_FILE:
        return node_file_shared(h0, row->flags, file);
    case FD_STREAM_READ:
        *file = stream_file(h0, HANDLE_NONE, row->flags);
        return *file ? 0 : -ENOMEM;
    case FD_STREAM_WRITE:
        *file = stream_file(HANDLE_NONE, h0, row->flags);
        return *file ? 0 : -ENOMEM;
    case FD_STREAM_PAIR:
        *file = stream_file(h0, h1, row->flags);
        return *file ? 0 : -ENOMEM;
    case FD_TTY:
        return tty_file(h0, h1, row->flags, file);
    case FD_DEVICE:
        return device_open(row->device, row->flags, file);
    }
    close_handle(h0);
    close_handle(h1);
    return -EINVAL;
}

static int fetch_files(struct process *process, uint32_t start)
{
    struct start_fd row;
    handle_t h0, h1;
    for (uint32_t index = 0;; index++) {
        struct file *file;
        status_t status = init_start_fetch(server.init, start, index, &row, &h0, &h1);
        if (status != OK)
            return status == ERR_NOT_FOUND ? 0 : errno_of(status);
        int error = file_of_row(&row, h0, h1, &file);
        if (error == 0)
            error = fd_install_at(process->files, row.fd, file, false);
        if (error < 0)
            return error;
    }
}

static struct fs_context *directories(const struct proc_event *event, handle_t root, handle_t cwd,
                                      const char *cwd_text)
{
    struct fs_walk_context walk = {.root = root, .cwd = cwd};
    struct fs_context *fs = allocate(sizeof *fs);
    if (!fs)
        return NULL;
    fs->references = 1;
    fs->root = handle_copy(root);
    fs->cwd = handle_copy(cwd);
    fs->cwd_text = text_copy(cwd_text);
    fs->umask = event->arguments.umask & 0777;
    if (fs_client_root(&walk) == OK && fs->root && fs->cwd && fs->cwd_text) {
        fs->root_ino = walk.root_ino;
        fs->root_device = walk.root_device;
        return fs;
    }
    fs_context_release(fs);
    return NULL;
}

static struct sighand *actions(const struct start_arguments *arguments)
{
    struct sighand *sighand = allocate(sizeof *sighand);
    uint64_t ignored =
        (uint64_t)arguments->ignored_signals_high << 32 | arguments->ignored_signals_low;
    if (!sighand)
        return NULL;
    sighand->references = 1;
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++)
        sighand->actions[i].handler = ignored >> i & 1;
    return sighand;
}

/* The pid may be known as a child that an exec had carried away: it comes back under its parent. */
static struct process *process_for(const struct proc_event *event)
{
    struct process *old = process_find(event->pid), *parent = process_find(event->ppid);
    if (old && old->state == PROCESS_REMOTE && list_empty(&old->threads))
        process_free(old);
    struct process *process = process_new(event->pid);
    if (!process)
        return NULL;
    process->ppid = event->ppid;
    process->pgid = event->pgid;
    if (parent && parent->state == PROCESS_ALIVE)
        process_set_parent(process, parent);
    process->session = session_get(event->sid, true);
    credentials_init(&process->credentials, event->uid);
    return process;
}

/*
 * What getty does elsewhere: a program that init starts leads a session of its own, whose
 * controlling terminal is the one it has as standard input.
 */
static void lead_session(struct process *process)
{
    struct proc_record record = {.pid = process->pid, .pgid = process->pid, .sid = process->pid};
    struct file *input = process->files->capacity > 0 ? process->files->slots[0].file : NULL;
    struct tty *tty = input ? tty_of(input) : NULL;
    struct session *session = session_get(process->pid, true), *old = process->session;
    if (!session ||
        init_proc_set(server.init, process->pid, PROC_PGID | PROC_SID, &record, NULL) != OK) {
        session_release(session);
        return;
    }
    process->session = session;
    process->pgid = process->pid;
    session_release(old);
    if (tty && tty_client_set_session(tty->terminal, process->pid, process->pid, true) == OK) {
        tty_hold(tty);
        session->tty = tty;
    }
}

static void adopt_terminals(struct process *process)
{
    for (uint32_t fd = 0; fd < process->files->capacity; fd++)
        if (process->files->slots[fd].file)
            tty_adopt(process->files->slots[fd].file, process);
}

/* ---- the first thread --------------------------------------------------------------------------------- */

static int load_program(const struct arrival *arrival)
{
    struct string_list arguments = {.count = 0}, environment = {.count = 0};
    for (char **at = arrival->strings.argv; *at; at++)
        string_list_add(&arguments, *at);
    for (char **at = arrival->strings.envp; *at; at++)
        string_list_add(&environment, *at);
    if (arguments.count == 0)
        string_list_add(&arguments, arrival->strings.image);
    if (arguments.bytes.failed || environment.bytes.failed) {
        text_free(&arguments.bytes);
        text_free(&environment.bytes);
        return -ENOMEM;
    }
    return exec_program(arrival->strings.image, &arguments, &environment, false);
}

static status_t status_of(int error)
{
    switch (error) {
    case 0:
        return OK;
    case -ENOENT:
        return ERR_NOT_FOUND;
    case -EACCES:
        return ERR_ACCESS_DENIED;
    case -ENOEXEC:
        return ERR_BAD_EXECUTABLE;
    case -E2BIG:
        return ERR_TOO_LARGE;
    case -EPERM:
        return ERR_NOT_PERMITTED;
    case -EINVAL:
        return ERR_INVALID_ARGUMENT;
    case -EOPNOTSUPP:
        return ERR_NOT_SUPPORTED;
    case -ESTALE:
        return ERR_BAD_STATE;
    case -ENOMEM:
        return ERR_NO_MEMORY;
    }
    return ERR_IO_ERROR;
}

/* init knows nothing of a process whose start failed: it goes without an announcement. */
static void __attribute__((noreturn)) vanish(struct thread *thread)
{
    server_lock();
    thread->process->state = PROCESS_REMOTE;
    thread->process->reaped = true;
    process_set_parent(thread->process, NULL);
    server_unlock();
    thread_finish(thread);
}

static void arrive(struct thread *thread)
{
    struct arrival *arrival = thread->begin_argument;
    uint32_t start = arrival->start;
    int error = load_program(arrival);
    start_strings_free(&arrival->strings);
    release(arrival);
    status_t status = init_start_done(server.init, start, status_of(error));
    if (error < 0 || status != OK)
        vanish(thread);
    if (thread->process->held)
        thread->attention = 1;
}

/* ---- putting a process together ------------------------------------------------------------------------ */

static struct arrival *arrival_of(const struct proc_event *event, handle_t strings)
{
    struct arrival *arrival = allocate(sizeof *arrival);
    if (!arrival)
        return NULL;
    arrival->start = event->start;
    arrival->arguments = event->arguments;
    if (start_strings_read(strings, &event->arguments, &arrival->strings) == OK)
        return arrival;
    release(arrival);
    return NULL;
}

static void discard(struct process *process)
{
    struct files *files = process->files;
    server_lock();
    process->files = NULL;
    fs_context_release(process->fs);
    process_free(process);
    server_unlock();
    if (files)
        files_release(files);
}

static int complete(struct process *process, const struct proc_event *event, handle_t handles[4],
                    const struct arrival *arrival)
{
    process->files = files_new();
    process->fs = directories(event, handles[1], handles[2], arrival->strings.cwd);
    process->sighand = actions(&event->arguments);
    if (!process->files || !process->fs || !process->sighand || !process->session)
        return -ENOMEM;
    int error = fetch_files(process, event->start);
    if (error < 0)
        return error;
    if (event->ppid == 1)
        lead_session(process);
    else
        adopt_terminals(process);
    return 0;
}

static int begin(struct process *process, const struct proc_event *event, struct arrival *arrival)
{
    struct thread *thread;
    server_lock();
    int error = thread_new(process, process->pid, true, &thread);
    if (error == 0) {
        thread->begin = arrive;
        thread->begin_argument = arrival;
        process->held = event->arguments.flags & START_HELD;
        process->frozen += process->held; /* until it is recorded or ended */
        thread->blocked = (uint64_t)event->arguments.blocked_signals_high << 32 |
                          event->arguments.blocked_signals_low;
        thread_start(thread);
    }
    server_unlock();
    return error;
}

void start_process(const struct proc_event *event, handle_t handles[4])
{
    struct arrival *arrival = arrival_of(event, handles[0]);
    server_lock();
    struct process *process = arrival ? process_for(event) : NULL;
    server_unlock();
    int error = process ? complete(process, event, handles, arrival) : -ENOMEM;
    if (error == 0)
        error = begin(process, event, arrival);
    if (error == 0)
        return;
    if (process)
        discard(process);
    if (arrival) {
        start_strings_free(&arrival->strings);
        release(arrival);
    }
    ignore(init_start_done(server.init, event->start, status_of(error)));
}
