/* SPDX-License-Identifier: MIT */
/*
 * execve. Everything that can fail is done first, in a new address space: finding the program (and
 * the interpreters of scripts), loading it and its own interpreter, building the stack. Then the
 * other threads of the process end, and the new space takes the old one's place.
 *
 * A program of another personality is handed over through init: same pid, same group, same
 * terminal. What remains here is the entry that the parent waits for (PROCESS_REMOTE).
 */
#include "exec.h"

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <linux/ptrace.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "fpu.h"
#include "path.h"
#include "server.h"
#include "signals.h"
#include "snapshot/restore.h"
#include "task.h"
#include "time.h"
#include "trace.h"

#define SCRIPT_DEPTH     4
#define PERSONALITY_NAME 16u
#define SCRIPT_LINE      256
#define LARGE_IMAGE      (1u << 20) /* bytes */
#define ARGUMENTS_MAX    (2u << 20)
#define KIND_ELF         1u
#define CLOCK_TICKS      100
/* CPUID.1:EDX of the least machine this runs on, with SSE2: what AT_HWCAP tells. */
#define HARDWARE_CAPABILITIES 0x0781abfdu

struct image {
    struct file *file;
    handle_t vmo;
    struct load_result loaded, interpreter;
};

struct program {
    char path[PATH_MAX]; /* of the file that is run: the interpreter of a script */
    const char *name;    /* as execve was told: AT_EXECFN, comm */
    struct string_list arguments, environment;
    struct image image;
    struct mm *mm;
    uint32_t stack;                 /* the new stack pointer */
    struct credentials credentials; /* of the new program; its groups are borrowed */
    bool secure;                    /* it runs as somebody else than its caller */
};

/* ---- strings ------------------------------------------------------------------------------------ */

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

/* Puts strings in front of the list, in place of its first `dropped`. */
static int prepend(struct string_list *list, uint32_t dropped, const char *const *strings,
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

/* ---- finding the program ---------------------------------------------------------------------------- */

static void image_close(struct image *image)
{
    if (image->vmo != HANDLE_NONE)
        close_handle(image->vmo);
    if (image->file)
        file_release(image->file);
    *image = (struct image){.file = NULL};
}

static bool may_execute(const struct fs_attr *attr)
{
    const struct credentials *credentials = &self()->process->credentials;
    if (capable(CAP_DAC_OVERRIDE))
        return attr->mode & 0111;
    if (credentials->fsuid == attr->uid)
        return attr->mode & 0100;
    return attr->mode & (in_group(credentials, attr->gid) ? 0010 : 0001);
}

/* Its content is the other personality's to fetch, in a way that needs less memory. */
static bool is_large_pe(const struct file *file)
{
    char magic[2];
    size_t done;
    return file->attr.size >= LARGE_IMAGE && file_is_node(file) &&
           fs_client_read(file->handle, 0, magic, sizeof magic, &done) == OK &&
           done == sizeof magic && memcmp(magic, "MZ", sizeof magic) == 0;
}

/* Without a VMO in *image if the program is a large PE. Interpreters may be written to, as on Linux. */
static int image_open(struct image *image, const char *path, bool interpreter)
{
    int error = interpreter ? path_open(AT_FDCWD, path, O_RDONLY | O_LARGEFILE, 0, &image->file)
                            : path_open_program(path, &image->file);
    if (error < 0)
        return error;
    if (!S_ISREG(image->file->attr.mode) || !may_execute(&image->file->attr) ||
        (image->file->attr.mount & FS_MOUNT_NO_EXECUTE) || !image->file->ops->vmo)
        error = -EACCES;
    else if (!is_large_pe(image->file))
        error = image->file->ops->vmo(image->file, PROT_R | PROT_X, false, &image->vmo);
    if (error < 0)
        image_close(image);
    return error;
}

static char *skip_blanks(char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* The line after #! in `line`, terminated: 1; 0: not a script. */
static int script_line(handle_t vmo, char line[SCRIPT_LINE])
{
    struct vmo_info info;
    if (vmo_info(vmo, &info) != OK)
        return -EIO;
    uint32_t length = MIN(info.size_low, SCRIPT_LINE - 1);
    if (length < 2 || vmo_read(vmo, 0, line, length) != OK || line[0] != '#' || line[1] != '!')
        return 0;
    line[length] = 0;
    char *end = strchr(line, '\n');
    if (!end)
        return -ENOEXEC;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = 0;
    return 1;
}

/* The interpreter takes the script's place: its path, one optional argument, the script's path. */
static int use_interpreter(struct program *program, char *line)
{
    char *path = skip_blanks(line + 2), *argument = path;
    while (*argument && *argument != ' ' && *argument != '\t')
        argument++;
    if (*argument) {
        *argument++ = 0;
        argument = skip_blanks(argument);
    }
    if (!*path)
        return -ENOEXEC;
    const char *with[3] = {path, argument, program->path}, *without[2] = {path, program->path};
    int error = *argument ? prepend(&program->arguments, 1, with, 3)
                          : prepend(&program->arguments, 1, without, 2);
    strlcpy(program->path, path, sizeof program->path);
    return error;
}

static int find_program(struct program *program)
{
    char line[SCRIPT_LINE];
    for (uint32_t depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        int error = image_open(&program->image, program->path, false);
        if (error < 0)
            return error;
        if (program->image.vmo == HANDLE_NONE)
            return 0;
        int script = script_line(program->image.vmo, line);
        if (script == 0)
            return 0;
        image_close(&program->image);
        error = script < 0 ? script : use_interpreter(program, line);
        if (error < 0)
            return error;
    }
    return -ELOOP;
}

/* ---- loading -------------------------------------------------------------------------------------------- */

static int load_errno(status_t status)
{
    return status == ERR_BAD_EXECUTABLE || status == ERR_ALREADY_EXISTS ? -ENOEXEC
                                                                        : errno_of(status);
}

/* Loads a position-independent image into the highest free range below MMAP_TOP, as mmap chooses. */
static status_t load_below_top(handle_t space, handle_t vmo, struct load_result *loaded)
{
    struct map_request room = {.flags = MAP_FLAG_TOPDOWN, .limit = MMAP_TOP};
    status_t status = space_load(space, vmo, 0, LOAD_RESERVE_ONLY, loaded);
    if (status != OK || loaded->base != 0) /* it has a place of its own */
        return status == OK ? space_load(space, vmo, 0, 0, loaded) : status;
    room.length = loaded->size;
    status = space_map(space, &room);
    if (status == OK)
        status = space_unmap(space, room.address, room.length);
    return status == OK ? space_load(space, vmo, room.address, LOAD_AT_BASE, loaded) : status;
}

/* What /proc/PID/maps and debuggers call the parts of an image. */
static void name_image(handle_t space, const struct load_result *loaded, const struct image *image)
{
    struct mapping_info info;
    server_lock();
    uint32_t tag = mapping_tag(image->file->path), end = loaded->base + loaded->size;
    server_unlock();
    for (uint32_t at = loaded->base; at < end && space_query(space, at, &info) == OK;
         at = info.address + info.length)
        if (info.vmo_id && info.address < end)
            ignore(space_tag(space, info.address, info.length, tag, 0));
}

static int load_interpreter(struct program *program)
{
    struct load_result *loaded = &program->image.loaded;
    struct image interpreter = {.file = NULL};
    char path[SCRIPT_LINE];
    if (loaded->interp_length == 0)
        return 0;
    if (loaded->interp_length >= sizeof path ||
        vmo_read(program->image.vmo, loaded->interp_offset, path, loaded->interp_length) != OK)
        return -ENOEXEC;
    path[loaded->interp_length] = 0;
    int error = image_open(&interpreter, path, true);
    if (error < 0)
        return error;
    error = load_errno(
        load_below_top(program->mm->space, interpreter.vmo, &program->image.interpreter));
    if (error == 0)
        name_image(program->mm->space, &program->image.interpreter, &interpreter);
    image_close(&interpreter);
    return error;
}

/* Set-id bits of the file are heeded unless the process gave that up or a weaker tracer looks on. */
static void choose_credentials(struct process *process, struct program *program)
{
    const struct tracing *tracing = self()->tracing;
    program->credentials = process->credentials;
    bool watched = tracing && tracing->tracer &&
                   !(tracing->tracer->credentials.effective >> CAP_SYS_PTRACE & 1);
    credentials_exec(&program->credentials, &program->image.file->attr,
                     !process->no_new_privileges && !watched);
    program->secure = program->credentials.euid != program->credentials.uid ||
                      program->credentials.egid != program->credentials.gid;
}

static int load(struct program *program)
{
    int error = mm_new(&program->mm);
    if (error < 0)
        return error;
    error = load_errno(
        space_load(program->mm->space, program->image.vmo, 0, 0, &program->image.loaded));
    if (error == 0)
        name_image(program->mm->space, &program->image.loaded, &program->image);
    if (error == 0)
        error = load_interpreter(program);
    if (error == 0)
        error = mm_map_vdso(program->mm);
    program->mm->brk_start = program->mm->brk_end = program->image.loaded.brk;
    return error;
}

/* ---- the stack ------------------------------------------------------------------------------------------- */

/* The stack image while it is built from its end downwards. */
struct stack {
    struct text vectors; /* argc, argv[], NULL, envp[], NULL, auxv */
    uint32_t strings;    /* address of the first argument string */
};

static void add_word(struct stack *stack, uint32_t word)
{
    text_add(&stack->vectors, &word, sizeof word);
}

static void add_pointers(struct stack *stack, const struct string_list *list, uint32_t address)
{
    const char *at = list->bytes.data;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t length = (uint32_t)strlen(at) + 1;
        add_word(stack, address);
        address += length;
        at += length;
    }
    add_word(stack, 0);
}

static void add_auxiliary(struct stack *stack, struct program *program, uint32_t type,
                          uint32_t value)
{
    struct mm *mm = program->mm;
    if (mm->auxv_size + 2 <= ARRAY_COUNT(mm->auxv)) {
        mm->auxv[mm->auxv_size++] = type;
        mm->auxv[mm->auxv_size++] = value;
    }
    add_word(stack, type);
    add_word(stack, value);
}

static void add_auxiliary_vector(struct stack *stack, struct program *program, uint32_t random,
                                 uint32_t platform, uint32_t name)
{
    const struct credentials *credentials = &program->credentials;
    const struct load_result *loaded = &program->image.loaded;
    add_auxiliary(stack, program, AT_SYSINFO, vdso_syscall);
    add_auxiliary(stack, program, AT_HWCAP, HARDWARE_CAPABILITIES);
    add_auxiliary(stack, program, AT_PAGESZ, PAGE_SIZE);
    add_auxiliary(stack, program, AT_CLKTCK, CLOCK_TICKS);
    add_auxiliary(stack, program, AT_PHDR, loaded->phdr);
    add_auxiliary(stack, program, AT_PHENT, loaded->phdr_entry_size);
    add_auxiliary(stack, program, AT_PHNUM, loaded->phdr_count);
    add_auxiliary(stack, program, AT_BASE, program->image.interpreter.base);
    add_auxiliary(stack, program, AT_FLAGS, 0);
    add_auxiliary(stack, program, AT_ENTRY, loaded->entry);
    add_auxiliary(stack, program, AT_UID, credentials->uid);
    add_auxiliary(stack, program, AT_EUID, credentials->euid);
    add_auxiliary(stack, program, AT_GID, credentials->gid);
    add_auxiliary(stack, program, AT_EGID, credentials->egid);
    add_auxiliary(stack, program, AT_SECURE, program->secure);
    add_auxiliary(stack, program, AT_RANDOM, random);
    add_auxiliary(stack, program, AT_EXECFN, name);
    add_auxiliary(stack, program, AT_PLATFORM, platform);
    add_auxiliary(stack, program, AT_NULL, 0);
}

static int map_stack(struct program *program, uint32_t needed)
{
    uint32_t size = MIN(limit_of(self()->process, RLIMIT_STACK), STACK_SIZE_MAX);
    size = MAX(size, needed + (128u << 10));
    size = (size + PAGE_MASK) & ~PAGE_MASK;
    struct map_request request = {.address = STACK_TOP - size,
                                  .length = size,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE | MAP_FLAG_GROWSDOWN,
                                  .tag = TAG_STACK};
    if (program->image.loaded.executable_stack)
        request.prot |= PROT_X;
    program->mm->stack_top = STACK_TOP;
    return space_map(program->mm->space, &request) == OK ? 0 : -ENOMEM;
}

static int write_all(handle_t space, uint32_t address, const void *bytes, uint32_t length)
{
    uint32_t done = 0;
    if (length == 0)
        return 0;
    return space_write(space, address, bytes, length, &done) == OK && done == length ? 0 : -ENOMEM;
}

/* From the top: name, platform, random bytes, environment, arguments, then the vectors. */
static int build_stack(struct program *program)
{
    static const char platform[] = "i686";
    struct stack stack = {.strings = 0};
    struct mm *mm = program->mm;
    uint8_t seed[16];
    uint32_t name_size = (uint32_t)strlen(program->name) + 1, at = STACK_TOP - 4;
    uint32_t name = at -= name_size, platform_at = at -= sizeof platform,
             random = at -= sizeof seed;
    uint32_t environment = at -= program->environment.bytes.length,
             arguments = at -= program->arguments.bytes.length;
    uint32_t words = 1 + program->arguments.count + 1 + program->environment.count + 1 + 2 * 19;
    uint32_t vectors = (at - words * 4) & ~15u;
    int error = map_stack(program, STACK_TOP - vectors);
    if (error < 0 || random_get(seed, sizeof seed) != OK)
        return error < 0 ? error : -EIO;
    add_word(&stack, program->arguments.count);
    add_pointers(&stack, &program->arguments, arguments);
    add_pointers(&stack, &program->environment, environment);
    add_auxiliary_vector(&stack, program, random, platform_at, name);
    error = stack.vectors.failed
                ? -ENOMEM
                : write_all(mm->space, vectors, stack.vectors.data, stack.vectors.length);
    if (error == 0)
        error = write_all(mm->space, arguments, program->arguments.bytes.data,
                          program->arguments.bytes.length);
    if (error == 0)
        error = write_all(mm->space, environment, program->environment.bytes.data,
                          program->environment.bytes.length);
    if (error == 0)
        error = write_all(mm->space, random, seed, sizeof seed);
    if (error == 0)
        error = write_all(mm->space, platform_at, platform, sizeof platform);
    if (error == 0)
        error = write_all(mm->space, name, program->name, name_size);
    text_free(&stack.vectors);
    mm->arguments = arguments;
    mm->arguments_end = environment;
    mm->environment_end = environment + program->environment.bytes.length;
    program->stack = vectors;
    return error;
}

/* ---- the change ------------------------------------------------------------------------------------------- */

/* Ends the other threads. -ERESTARTNOINTR: this process is ending itself. */
static int end_other_threads(struct process *process)
{
    struct thread *me = self(), *thread;
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

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
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
    strlcpy(process->comm, last_component(program->name), sizeof process->comm);
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

/* ---- programs of other personalities ------------------------------------------------------------------------- */

static const char *foreign_personality(const struct load_result *loaded)
{
    if (loaded->kind != KIND_ELF)
        return "nt";
    if (loaded->personality[0] != 0 && strcmp(loaded->personality, "posix") != 0)
        return loaded->personality;
    return NULL;
}

static char **pointer_array(const struct string_list *list)
{
    char **array = allocate((list->count + 1) * sizeof *array), *at = list->bytes.data;
    for (uint32_t i = 0; array && i < list->count; i++, at += strlen(at) + 1)
        array[i] = at;
    return array;
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
    char **argv = pointer_array(&program->arguments), **envp = pointer_array(&program->environment);
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
static int hand_over(struct process *process, struct program *program, const char *personality)
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
        set_name(process, last_component(program->name));
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

/* ---- all together ------------------------------------------------------------------------------------------------ */

static void program_free(struct program *program)
{
    image_close(&program->image);
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
    strlcpy(process->comm, last_component(program->name), sizeof process->comm);
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
    char **options = pointer_array(&program->arguments);
    uint32_t count = program->arguments.count;
    int error = -ENOMEM;
    if (options)
        error = restore_prepare(
            program->image.vmo,
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
    error = load_errno(
        space_load(own ? own : scratch->space, program->image.vmo, 0, LOAD_RESERVE_ONLY, probe));
    server_lock();
    mm_release(scratch);
    server_unlock();
    return error;
}

static int run(struct process *process, struct program *program, bool foreign)
{
    struct load_result probe;
    int error = find_program(program);
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
            personality = foreign_personality(&probe);
        if (error < 0)
            return error;
    }
    if (personality && !foreign)
        return -ENOEXEC;
    if (!personality) {
        choose_credentials(process, program);
        error = load(program);
        if (error == 0)
            error = build_stack(program);
    }
    if (error == 0)
        error = end_other_threads(process);
    if (error == 0)
        error = own_files(process);
    if (error == 0 && personality) {
        error = hand_over(process, program, personality);
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
