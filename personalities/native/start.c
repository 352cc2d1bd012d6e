/* SPDX-License-Identifier: MIT */
/* Starting a native program: what it is given, from what init's event says. */
#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <capture/capture.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>

#include "native.h"
#include "snapshot/restore.h"

struct privileges native_privileges(uint32_t uid)
{
    return (struct privileges){.max_pages = 65536,
                               .max_threads = NATIVE_THREADS_MAX,
                               .max_handles = 4096,
                               .max_objects = 8192,
                               .principal = uid};
}

/* Takes both handles. A terminal is a descriptor and, the first of them, the controlling one. */
static status_t add_fd(struct native_process *process, struct program_request *request,
                       const struct start_fd *fd, handle_t h0, handle_t h1)
{
    uint32_t first = request->handle_count;
    if (fd->fd >= STARTUP_FD_MAX || first + 3 > PROGRAM_HANDLES_MAX) {
        handle_drop(&h0);
        handle_drop(&h1);
        return fd->fd >= STARTUP_FD_MAX
                   ? OK
                   : ERR_NO_HANDLES; /* a native program has no such descriptor */
    }
    if (fd->fd == 2) {
        process->error_fd = *fd;
        process->error_handle = handle_copy(h0);
    }
    if (fd->kind == FD_TTY && !process->has_terminal) {
        program_add_copy(request, STARTUP_TTY, h0);
        process->has_terminal = true;
        first = request->handle_count;
    }
    program_add(request, STARTUP_FD(fd->fd), fd->kind == FD_DEVICE ? fd->device : h0);
    program_add(request, STARTUP_FD(fd->fd), h1);
    for (; first < request->handle_count; first++) {
        request->handles[first].kind = fd->kind;
        request->handles[first].flags = fd->flags;
    }
    return OK;
}

static status_t add_fds(struct native_process *process, struct program_request *request,
                        uint32_t start)
{
    struct start_fd fd;
    handle_t h0, h1;
    for (uint32_t index = 0;; index++) {
        status_t status = init_start_fetch(native_init, start, index, &fd, &h0, &h1);
        if (status == OK)
            status = add_fd(process, request, &fd, h0, h1);
        if (status != OK)
            return status == ERR_NOT_FOUND ? OK : status;
    }
}

static status_t keep_command(struct native_process *process, const struct start_strings *strings,
                             uint32_t argc)
{
    size_t length = 0;
    for (uint32_t i = 0; i < argc; i++)
        length += strlen(strings->argv[i]) + 1;
    process->command = malloc(length + 1);
    if (process->command == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < argc; i++) {
        size_t piece = strlen(strings->argv[i]) + 1;
        memcpy(process->command + process->command_length, strings->argv[i], piece);
        process->command_length += piece;
    }
    return OK;
}

/* Everything but the start itself; what the request holds afterwards is for program_start. */
static status_t prepare(struct native_process *process, struct program_request *request,
                        const struct proc_event *event, const struct start_strings *strings,
                        const handle_t handles[4])
{
    const char *slash = strrchr(strings->image, '/');
    handle_t init = HANDLE_NONE;
    *request = (struct program_request){.name = slash != NULL ? slash + 1 : strings->image,
                                        .privileges = native_privileges(event->uid),
                                        .argv = strings->argv,
                                        .envp = strings->envp,
                                        .pid = event->pid};
    status_t status = keep_command(process, strings, event->arguments.argc);
    if (status == OK)
        status = port_badge(exception_port, event->pid, &request->exception_port);
    if (status == OK)
        status = init_process_handle(native_init, event->pid, &init);
    if (status != OK)
        return status;
    request->image = process->image;
    program_add(request, STARTUP_INIT, init);
    program_add_copy(request, STARTUP_ROOT, handles[1]);
    program_add_copy(request, STARTUP_CWD, handles[2]);
    return add_fds(process, request, event->start);
}

static status_t start(struct native_process *process, const struct proc_event *event,
                      const struct start_strings *strings, const handle_t handles[4])
{
    struct program_request *request = malloc(sizeof *request);
    if (request == NULL)
        return ERR_NO_MEMORY;
    status_t status = prepare(process, request, event, strings, handles);
    if (status == OK)
        status = program_start(request, &process->program);
    else
        program_drop(request);
    handle_drop(&request->exception_port);
    free(request);
    return status;
}

static status_t look_at_image(struct native_process *process, const struct start_strings *strings,
                              handle_t node)
{
    process->path = strdup(strings->image);
    process->cwd = strdup(strings->cwd);
    status_t status = fs_client_stat(node, &process->attr);
    if (status == OK)
        status = fs_client_vmo(node, PROT_R | PROT_X, &process->image, NULL, NULL);
    return status == OK && (process->path == NULL || process->cwd == NULL) ? ERR_NO_MEMORY : status;
}

status_t native_start(const struct proc_event *event, handle_t handles[4],
                      struct native_process **result)
{
    struct start_strings strings;
    struct native_process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return ERR_NO_MEMORY;
    process->pid = event->pid;
    status_t status = start_strings_read(handles[0], &event->arguments, &strings);
    if (status == OK) {
        status = look_at_image(process, &strings, handles[3]);
        if (status == OK)
            status = capture_recognise(process->image)
                         ? restore_process(process, event, &strings, handles)
                         : start(process, event, &strings, handles);
        start_strings_free(&strings);
    }
    if (status == OK)
        *result = process;
    else
        native_free(process);
    return status;
}

void native_free(struct native_process *process)
{
    handle_drop(&process->program.process);
    handle_drop(&process->program.space);
    handle_drop(&process->image);
    handle_drop(&process->error_handle);
    free(process->command);
    free(process->path);
    free(process->cwd);
    free(process);
}
