/* SPDX-License-Identifier: MIT */
/*
 * execve. Everything that can fail is done first, in a new address space: finding the program (and
 * the interpreters of scripts), loading it and its own interpreter, building the stack. Then the
 * other threads of the process end, and the new space takes the old one's place.
 *
 * A program of another personality is handed over through init: same pid, same group, same
 * terminal. What remains here is the entry that the parent waits for (PROCESS_REMOTE).
 */
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <linux/ptrace.h>
#include <string.h>

#include "calls.h"
#include "fpu.h"
#include "path.h"
#include "program.h"
#include "server.h"
#include "signals.h"
#include "snapshot/freeze.h"
#include "snapshot/restore.h"
#include "task.h"
#include "time.h"
#include "trace.h"

#define PERSONALITY_NAME 16u
#define ARGUMENTS_MAX    (2u << 20)

/* ---- strings ----------------------------------------------------------------------------------------- */

void string_list_add(struct string_list *list, const char *string)
{
    text_add(&list->bytes, string, (uint32_t)strlen(string) + 1);
    list->count++;
}

static int copy_in_strings(struct string_list *list, user_t array)
{
    char *buffer = worker_self()->scratch;
    for (uint32_t i = 0; array.address != 0; i++) {
        uint32_t address, length = 0;
        int got;
        if (get_user(&address, user_at(array, i * 4)) < 0)
            return -EFAULT;
        if (address == 0)
            break;
        /* A string may be longer than the buffer: piece by piece. */
        do {
            got = copy_in_string(buffer, USER(address + length), PATH_MAX);
            if (got == -ENAMETOOLONG && copy_in(buffer, USER(address + length), PATH_MAX) < 0)
                return -EFAULT;
            if (got < 0 && got != -ENAMETOOLONG)
                return got;
            uint32_t count = got < 0 ? PATH_MAX : (uint32_t)got + 1;
            text_add(&list->bytes, buffer, count);
            length += count;
            if (list->bytes.length > ARGUMENTS_MAX)
                return -E2BIG;
        } while (got < 0);
        list->count++;
    }
    return list->bytes.failed ? -ENOMEM : 0;
}

int string_list_prepend(struct string_list *list, uint32_t dropped, const char *const *strings,
                        uint32_t count)
{
    struct string_list result = {.count = 0};
    const char *rest = list->bytes.data;
    for (uint32_t i = 0; i < count; i++)
        string_list_add(&result, strings[i]);
    for (uint32_t i = 0; i < dropped && i < list->count; i++)
        rest += strlen(rest) + 1;
    if (rest)
        text_add(&result.bytes, rest, list->bytes.length - (uint32_t)(rest - list->bytes.data));
    result.count += list->count > dropped ? list->count - dropped : 0;
    text_free(&list->bytes);
    *list = result;
    return result.bytes.failed ? -ENOMEM : 0;
}

char **string_list_array(const struct string_list *list)
{
    char **array = allocate((list->count + 1) * sizeof *array), *at = list->bytes.data;
    for (uint32_t i = 0; array && i < list->count; i++, at += strlen(at) + 1)
        array[i] = at;
    return array;
}

/* ---- the change -------------------------------------------------------------------------------------- */

/* Ends the other threads. -ERESTARTNOINTR: this process is ending itself. */
static int end_other_threads(struct process *process)
{
    struct thread *me = self();
    int error = 0;
    server_lock();
    if (process->exiting || process->exec_thread) {
        server_unlock();
        return -ERESTARTNOINTR;
    }
    process->exec_thread = me;
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread != me)
            thread_notify(thread);
    }
    while (process->thread_count > 1 && !process->exiting) {
        wait_queue_sleep_until_end(&process->thread_gone, DEADLINE_NEVER);
    }
    if (process->exiting)
        error = -ERESTARTNOINTR;
    process->exec_thread = NULL;
    server_unlock();
    return error;
}

static int own_actions(struct process *process)
{
    struct sighand *copy = sighand_copy(process->sighand);
    if (!copy)
        return -ENOMEM;
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
        bool ignored = copy->actions[i].handler == 1;
        memset(&copy->actions[i], 0, sizeof copy->actions[i]);
        copy->actions[i].handler = ignored;
    }
    server_lock();
    sighand_release(process->sighand);
    process->sighand = copy;
    server_unlock();
    return 0;
}

static int own_files(struct process *process)
{
    struct files *old = process->files;
    if (old->references == 1)
        return 0;
    server_lock();
    struct files *copy = files_copy(old);
    if (copy)
        process->files = copy;
    server_unlock();
    if (!copy)
        return -ENOMEM;
    files_release(old);
    return 0;
}

static void reset_thread(struct thread *thread)
{
    server_lock();
    thread->tid = thread->process->pid;
    trace_tid_changed(thread);
    server_unlock();
    if ((int32_t)thread->frame->regs.eax >= 0)
        thread->orig_eax = (int32_t)thread->frame->regs.eax;
    thread->altstack = thread->altstack_size = 0;
    thread->clear_tid = thread->robust_list = 0;
    thread->restart.kind = RESTART_NONE;
    memset(thread->tls, 0, sizeof thread->tls);
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++)
        thread_set_tls(thread, slot);
    thread_clear_debug(thread);
    ignore(guest_fpu_reset(X87_CONTROL));
}

static void enter_program(struct thread *thread, const struct program *program)
{
    const struct load_result *loaded = &program->image.loaded,
                             *interpreter = &program->image.interpreter;
    thread->frame->regs =
        (struct registers){.cs = GUEST_CS,
                           .ds = GUEST_DS,
                           .es = GUEST_DS,
                           .ss = GUEST_DS,
                           .eflags = 0x202,
                           .eip = loaded->interp_length ? interpreter->entry : loaded->entry,
                           .esp = program->stack};
}

static void change_program(struct process *process, struct program *program)
{
    struct thread *thread = self();
    struct mm *old = process->mm;
    struct proc_record record = {.pid = process->pid};
    program->mm->exe =
        text_copy(program->image.file->path ? program->image.file->path : program->path);
    program->mm->program = handle_copy(program->image.file->handle);
    server_lock();
    process->mm = program->mm;
    program->mm = NULL;
    strlcpy(process->comm, program_last_component(program->name), sizeof process->comm);
    process->executed = true;
    process->exit_signal = SIGCHLD;
    bool other_user = program->credentials.euid != process->credentials.euid;
    process->credentials = program->credentials;
    process->dumpable = !program->secure;
    if (program->secure)
        process->death_signal = 0;
    timers_delete_posix(process);
    process_release_vfork(process);
    server_unlock();
    ignore(space_attach(process->mm->space));
    server_lock();
    mm_release(old);
    server_unlock();
    files_close_on_exec(process->files);
    reset_thread(thread);
    enter_program(thread, program);
    record.uid = process->credentials.euid;
    ignore(init_proc_set(server.init, process->pid, PROC_NAME | (other_user ? PROC_UID : 0),
                         &record, process->comm));
}

/* The decoder is switched on by a variable of the new program's environment. */
static void look_for_trace(struct process *process, const struct string_list *environment)
{
    const char *at = environment->bytes.data;
    for (uint32_t i = 0; i < environment->count; i++, at += strlen(at) + 1) {
        if (strcmp(at, "ATOMIK_TRACE=1") != 0 || process->trace)
            continue;
        struct file *file = fd_get(2);
        server_lock();
        process->trace = file;
        thread_watch(self());
        server_unlock();
    }
}

/* ---- all together ------------------------------------------------------------------------------------ */

static void program_free(struct program *program)
{
    program_image_close(&program->image);
    server_lock();
    mm_release(program->mm);
    server_unlock();
    text_free(&program->arguments.bytes);
    text_free(&program->environment.bytes);
    release(program);
}

static void leave(struct process *process, struct program *program)
{
    server_lock();
    process->state = PROCESS_REMOTE;
    process->exiting = true;
    process->handing_over = false;
    process_freeze_look(process);
    strlcpy(process->comm, program_last_component(program->name), sizeof process->comm);
    bool changed = process->changed_early;
    uint32_t pid = process->pid, ppid = process->ppid;
    int32_t status = process->early_status;
    server_unlock();
    if (changed)
        remote_child_event(pid, ppid, status);
    program_free(program);
    thread_finish(self());
}

/* The program is a snapshot: the process goes on where that was taken. */
static int run_snapshot(struct process *process, struct program *program)
{
    struct restore_group *restore;
    char **options = string_list_array(&program->arguments);
    uint32_t count = program->arguments.count;
    int error = -ENOMEM;
    if (options)
        error = restore_prepare(
            program->image.vmo, program->image.file,
            program->image.file->path ? program->image.file->path : program->path,
            (const char *const *)options + MIN(count, 1), count - MIN(count, 1), &restore);
    release(options);
    if (error < 0)
        return error;
    error = end_other_threads(process);
    if (error == 0)
        error = restore_enter(restore);
    restore_free(restore);
    return error;
}

static bool is_batch(const char *path)
{
    size_t length = strlen(path);
    const char *extension = length > 4 ? path + length - 4 : "";
    return strcasecmp(extension, ".bat") == 0 || strcasecmp(extension, ".cmd") == 0;
}

static int probe_image(struct process *process, struct program *program, struct load_result *probe)
{
    handle_t own = process->mm ? process->mm->space : HANDLE_NONE;
    struct mm *scratch = NULL;
    int error = own == HANDLE_NONE ? mm_new(&scratch) : 0;
    if (error < 0)
        return error;
    error = program_load_errno(
        space_load(own ? own : scratch->space, program->image.vmo, 0, LOAD_RESERVE_ONLY, probe));
    server_lock();
    mm_release(scratch);
    server_unlock();
    return error;
}

static int run(struct process *process, struct program *program, bool foreign)
{
    struct load_result probe;
    int error = program_find(program);
    if (error < 0)
        return error;
    const char *personality = "nt";
    char snapshot[PERSONALITY_NAME];
    if (program->image.vmo != HANDLE_NONE &&
        snapshot_recognise(program->image.vmo, snapshot, sizeof snapshot)) {
        if (strcmp(snapshot, "posix") == 0)
            return run_snapshot(process, program);
        personality = snapshot;
    } else if (program->image.vmo != HANDLE_NONE) {
        error = probe_image(process, program, &probe);
        if (error == -ENOEXEC && is_batch(program->path))
            error = 0; /* the other personality has an interpreter for it */
        else if (error == 0)
            personality = program_foreign(&probe);
        if (error < 0)
            return error;
    }
    if (personality && !foreign)
        return -ENOEXEC;
    if (!personality) {
        program_choose_credentials(process, program);
        error = program_load(program);
        if (error == 0)
            error = program_build_stack(program);
    }
    if (error == 0)
        error = end_other_threads(process);
    if (error == 0)
        error = own_files(process);
    if (error == 0 && personality) {
        error = program_hand_over(process, program, personality);
        if (error == 0)
            leave(process, program);
    }
    if (error == 0)
        error = own_actions(process);
    if (error < 0)
        return error;
    look_for_trace(process, &program->environment);
    change_program(process, program);
    return 0;
}

int exec_program(const char *path, struct string_list *arguments, struct string_list *environment,
                 bool foreign)
{
    struct program *program = allocate(sizeof *program);
    if (!program)
        return -ENOMEM;
    strlcpy(program->path, path, sizeof program->path);
    program->arguments = *arguments;
    program->environment = *environment;
    char *name = text_copy(path);
    program->name = name ? name : "";
    uint32_t tid = self()->tid;
    int error = name ? run(self()->process, program, foreign) : -ENOMEM;
    program_free(program);
    release(name);
    if (error == 0)
        trace_event(PTRACE_EVENT_EXEC, tid);
    return error;
}

int32_t sys_execve(user_t path, user_t argv, user_t envp)
{
    struct string_list arguments = {.count = 0}, environment = {.count = 0};
    int error = path_copy_in(path);
    char *name = error < 0 ? NULL : text_copy(worker_self()->path);
    if (error == 0 && !name)
        error = -ENOMEM;
    if (error == 0)
        error = copy_in_strings(&arguments, argv);
    if (error == 0)
        error = copy_in_strings(&environment, envp);
    if (error == 0 && arguments.bytes.length + environment.bytes.length > ARGUMENTS_MAX)
        error = -E2BIG;
    if (error == 0 && arguments.count == 0)
        string_list_add(&arguments, "");
    if (error == 0) {
        error = exec_program(name, &arguments, &environment, true);
    } else {
        text_free(&arguments.bytes);
        text_free(&environment.bytes);
    }
    release(name);
    return error < 0 ? error : -RESULT_KEEP_REGISTERS;
}

/* Path of a descriptor's file, and behind it `rest` if that is not empty, into the worker's path buffer. */
static int path_below(uint32_t fd, const char *rest)
{
    char *result = worker_self()->path2;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = file->path ? 0 : -ENOENT;
    if (error == 0 && strlen(file->path) + strlen(rest) + 2 > PATH_MAX)
        error = -ENAMETOOLONG;
    if (error == 0) {
        strcpy(result, file->path);
        if (*rest) {
            strcat(result, "/");
            strcat(result, rest);
        }
    }
    file_release(file);
    return error;
}

int32_t sys_execveat(uint32_t fd, user_t path, user_t argv, user_t envp, uint32_t flags)
{
    char first = 0;
    if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    if (copy_in(&first, path, 1) < 0)
        return -EFAULT;
    if (first == '/' || (first != 0 && (int32_t)fd == AT_FDCWD))
        return sys_execve(path, argv, envp);
    if (first == 0 && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    struct string_list arguments = {.count = 0}, environment = {.count = 0};
    int error = first == 0 ? 0 : path_copy_in(path);
    if (error == 0)
        error = path_below(fd, first == 0 ? "" : worker_self()->path);
    char *name = error == 0 ? text_copy(worker_self()->path2) : NULL;
    if (error == 0 && !name)
        error = -ENOMEM;
    if (error == 0)
        error = copy_in_strings(&arguments, argv);
    if (error == 0)
        error = copy_in_strings(&environment, envp);
    if (error == 0) {
        error = exec_program(name, &arguments, &environment, true);
    } else {
        text_free(&arguments.bytes);
        text_free(&environment.bytes);
    }
    release(name);
    return error < 0 ? error : -RESULT_KEEP_REGISTERS;
}
