/* SPDX-License-Identifier: MIT */
/*
 * Programs that other personalities start: init's EVENT_START becomes a process, with arguments,
 * environment, working directory and descriptors of the Unix side in NT's form.
 */
#include <personalities/nt/process.h>

#include <atomik/log.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/options.h>
#include <personalities/nt/path.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/token.h>

#include <stdlib.h>
#include <string.h>

#define INTERPRETER      SYSTEM_DIRECTORY "cmd.exe"
#define INTERPRETER_NAME "C:\\windows\\system32\\cmd.exe"
#define SHELL_NO_WINDOW  ((uint32_t)-4) /* kernelbase's mark for "no console, and make none" */

static status_t native_status(NTSTATUS status)
{
    switch (status) {
    case STATUS_SUCCESS:
        return OK;
    case STATUS_NO_MEMORY:
        return ERR_NO_MEMORY;
    case STATUS_OBJECT_NAME_NOT_FOUND:
    case STATUS_OBJECT_PATH_NOT_FOUND:
        return ERR_NOT_FOUND;
    case STATUS_ACCESS_DENIED:
        return ERR_ACCESS_DENIED;
    }
    return ERR_BAD_EXECUTABLE;
}

/* An absolute path: relative ones begin at the working directory. */
static char *absolute_path(const char *path, const char *directory)
{
    if (path[0] == '/')
        return strdup(path);
    size_t length = strlen(directory) + strlen(path) + 2;
    char *joined = malloc(length);
    if (!joined)
        return NULL;
    strlcpy(joined, directory, length);
    strcat(joined, "/");
    strcat(joined, strncmp(path, "./", 2) == 0 ? path + 2 : path);
    return joined;
}

/* Descriptors 0 to 2 become the standard handles; NT programs have no use for the others. */
static NTSTATUS fetch_descriptors(struct nt_process *process, uint32_t start,
                                  uint32_t std_handles[3])
{
    for (uint32_t index = 0;; index++) {
        struct start_fd fd;
        handle_t h0, h1;
        struct object *file;
        if (BLOCKING(init_start_fetch(nt_init, start, index, &fd, &h0, &h1)) != OK)
            return STATUS_SUCCESS;
        if (fd.fd > 2) {
            handle_drop(&h0);
            handle_drop(&h1);
            continue;
        }
        if (ntfile_from_descriptor(process, &fd, h0, h1, &file))
            continue;
        NTSTATUS status =
            handle_create(process, file, file_of(file)->access, OBJ_INHERIT, &std_handles[fd.fd]);
        if (fd.fd == 2 && !process->trace) {
            process->trace = file;
            object_hold(file);
        }
        object_release(file);
        if (status)
            return status;
    }
}

/* Programs print to what their standard error is; the trace only if it was asked for. */
static void set_trace(struct nt_process *process, char *const envp[])
{
    for (uint32_t i = 0; envp[i]; i++)
        if (strcmp(envp[i], "ATOMIK_TRACE=1") == 0)
            return;
    object_release(process->trace);
    process->trace = NULL;
}

static NTSTATUS make_console_handle(struct nt_process *process, uint32_t *handle)
{
    struct object *file;
    *handle = SHELL_NO_WINDOW;
    if (!process->console)
        return STATUS_SUCCESS;
    NTSTATUS status = console_file(process->console, CONSOLE_ROLE_REFERENCE,
                                   FILE_GENERIC_READ | FILE_GENERIC_WRITE, &file);
    if (status)
        return status;
    status =
        handle_create(process, file, FILE_GENERIC_READ | FILE_GENERIC_WRITE, OBJ_INHERIT, handle);
    object_release(file);
    return status;
}

static WCHAR *directory_name(const char *unix_path)
{
    uint32_t length;
    WCHAR *name = path_to_nt(unix_path, &length);
    WCHAR *directory = name ? malloc((length + 2) * sizeof(WCHAR)) : NULL;
    if (directory) {
        memcpy(directory, name, length * sizeof(WCHAR));
        if (directory[length - 1] != '\\')
            directory[length++] = '\\';
        directory[length] = 0;
    }
    free(name);
    return directory;
}

/* For process lists: argv as Unix shows it. */
static void keep_command(struct nt_process *process, char *const argv[])
{
    size_t length = 0;
    for (uint32_t i = 0; argv[i]; i++)
        length += strlen(argv[i]) + 1;
    process->command = malloc(length + 1);
    if (!process->command)
        return;
    for (uint32_t i = 0; argv[i]; i++) {
        size_t size = strlen(argv[i]) + 1;
        memcpy(process->command + process->command_length, argv[i], size);
        process->command_length += size;
    }
}

/* ---- batch files ---- */

static bool is_batch(const char *path)
{
    size_t length = strlen(path);
    const char *extension = length > 4 ? path + length - 4 : "";
    return strcasecmp(extension, ".bat") == 0 || strcasecmp(extension, ".cmd") == 0;
}

/*
 * `x.bat a` is run as `cmd.exe /c "x.bat a"`: of what is in quotes as a whole, the interpreter takes
 * these away and leaves the others. *line is malloc'ed.
 */
static void batch_command_line(const struct start_strings *strings, WCHAR **line, uint32_t *length)
{
    static const char before[] = INTERPRETER_NAME " /c \"", after[] = "\"";
    uint32_t joined_length;
    char *path = absolute_path(strings->image, strings->cwd);
    WCHAR *dos = path ? path_to_nt(path, NULL) : NULL;
    WCHAR *joined = dos ? command_line_join(dos, strings->argv, &joined_length) : NULL;
    char *inner = joined ? text_to_utf8((struct text){joined, joined_length}) : NULL;
    size_t size = inner ? strlen(inner) + sizeof before + sizeof after : 0;
    char *whole = inner ? malloc(size) : NULL;
    *line = NULL;
    if (whole) {
        strcpy(whole, before);
        strcat(whole, inner);
        strcat(whole, after);
        *line = text_from_utf8(whole, strlen(whole), length);
    }
    free(whole);
    free(inner);
    free(joined);
    free(dos);
    free(path);
}

/* ---- a process ---- */

static NTSTATUS build(struct nt_process *process, const struct start_strings *strings, bool batch,
                      uint32_t start_number, struct nt_thread **thread)
{
    struct process_start start = {.image = process->image};
    uint32_t command_length;
    char *path = absolute_path(batch ? INTERPRETER : strings->image, strings->cwd);
    process->image_name = path ? path_object_name(path) : NULL;
    WCHAR *directory = directory_name(strings->cwd);
    WCHAR *environment = environment_from_unix(strings->envp, &start.environment_bytes);
    WCHAR *command = NULL;
    if (batch)
        batch_command_line(strings, &command, &command_length);
    else if (process->image_name)
        command = command_line_join(process->image_name + 4, strings->argv, &command_length);
    NTSTATUS status = process->image_name && directory && environment && command ? STATUS_SUCCESS
                                                                                 : STATUS_NO_MEMORY;
    if (!status)
        status = fetch_descriptors(process, start_number, start.std_handles);
    if (!status) {
        set_trace(process, strings->envp);
        status = make_console_handle(process, &start.console_handle);
    }
    if (!status) {
        start.image_path = process->image_name + 4;
        start.directory = directory;
        start.environment = environment;
        start.command_line = (struct text){command, command_length};
        start.title = (struct text){start.image_path, text_length(start.image_path)};
        start.window_flags = 0;
        process->ignores_ctrl_c = option_ignores_ctrl_c(start.image_path);
        start.console_flags = process->ignores_ctrl_c ? CONSOLE_IGNORE_CTRL_C : 0;
        start.show_window = 1;
        status = process_build(process, &start, thread);
    }
    free(path);
    free(directory);
    free(environment);
    free(command);
    return status;
}

/* Either a first thread, or what a snapshot is to become. */
static NTSTATUS prepare(struct nt_process *process, struct start_event *start,
                        struct start_strings *strings, struct nt_thread **thread,
                        struct restore_group **restored)
{
    struct image *image;
    process->fs.root = start->handles[1];
    process->fs.cwd = start->handles[2];
    process->fs.flags = CALL_UNINTERRUPTIBLE;
    process->fs.remember = true;
    process->fs.uid = process->fs.gid = process->uid;
    if (token_inherit(process, NULL))
        return STATUS_NO_MEMORY;
    if (BLOCKING(fs_client_root(&process->fs)) != OK)
        return STATUS_INVALID_HANDLE;
    struct fs_attr attr;
    NTSTATUS status = nt_status(BLOCKING(fs_client_stat(start->handles[3], &attr)));
    if (!status)
        status = image_open(start->handles[3], &attr, &image);
    bool batch = status == STATUS_INVALID_IMAGE_NOT_MZ && is_batch(strings->image);
    if (batch)
        status = open_system_image(process, INTERPRETER, &image);
    else if (status == STATUS_INVALID_IMAGE_NOT_MZ && snapshot_recognise(start->handles[3]))
        return restore_process(process, start->handles[3], start->event.start, strings, restored);
    if (status)
        return status;
    if (image->plan.characteristics & IMAGE_FILE_DLL) {
        image_release(image);
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    process->image = image; /* process_build takes a hold of its own */
    status = build(process, strings, batch, start->event.start, thread);
    image_release(image);
    return status;
}

static struct nt_process *process_of_event(const struct proc_event *event)
{
    struct nt_process *process = process_new();
    if (!process)
        return NULL;
    process->building = true;
    process->pid = event->pid;
    process->ppid = event->ppid;
    process->creator = event->ppid;
    process->pgid = event->pgid;
    process->sid = event->sid;
    process->uid = event->uid;
    return process;
}

static void discard_all(struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link) thread_discard(thread);
}

/* init did not take it, or it could not be made. */
static void give_up(struct nt_process *process, struct restore_group *restored)
{
    if (restored)
        restore_give_up(restored);
    if (!process)
        return;
    discard_all(process);
    process->pid = 0; /* it never became ours */
    process_terminate_nt(process, (uint32_t)STATUS_UNSUCCESSFUL);
}

static void run(struct start_event *start, struct start_strings *strings)
{
    struct nt_thread *thread = NULL;
    struct restore_group *restored = NULL;
    struct nt_process *process = process_of_event(&start->event);
    NTSTATUS status =
        process ? prepare(process, start, strings, &thread, &restored) : STATUS_NO_MEMORY;
    if (process)
        keep_command(process, strings->argv);
    status_t done = BLOCKING(init_start_done(nt_init, start->event.start, native_status(status)));
    if (process)
        process->building = false;
    if (status)
        log_printf("cannot start %s: %08x", strings->image, (uint32_t)status);
    if (status || done != OK) {
        give_up(process, restored);
    } else {
        /* it may have ended */
        (void)!BLOCKING(init_proc_name(nt_init, process->pid, strings->image));
        status = restored ? restore_go_on(restored) : thread_launch(thread);
        if (status && !restored)
            process_terminate_nt(process, (uint32_t)status);
    }
    if (thread)
        object_release(&thread->object);
}

void start_program(void *argument)
{
    struct start_event *start = argument;
    struct start_strings strings;
    status_t status = start_strings_read(start->handles[0], &start->event.arguments, &strings);
    handle_drop(&start->handles[0]);
    if (status != OK) {
        (void)!init_start_done(nt_init, start->event.start, status);
        handle_drop(&start->handles[1]);
        handle_drop(&start->handles[2]);
    } else {
        nt_lock();
        run(start, &strings);
        nt_unlock();
        start_strings_free(&strings);
    }
    handle_drop(&start->handles[3]);
    free(start);
}
