/* SPDX-License-Identifier: MIT */
/* execve: from a path to a program that runs here or in another personality. See exec.h. */
#include "exec.h"

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "futex.h"
#include "path.h"
#include "server.h"
#include "time.h"
#include "tty.h"

#define SCRIPT_DEPTH 5
#define HEAD_SIZE 256u
#define X87_CONTROL 0x37f
#define EFLAGS_START 0x202
#define CLOCK_TICKS 100
#define TRACE_VARIABLE "ATOMIK_TRACE=1"

/* ---- arguments ----------------------------------------------------------------------------------- */

static int add_string(struct text *strings, uint32_t *count, const char *string)
{
    text_add(strings, string, (uint32_t)strlen(string) + 1);
    ++*count;
    return strings->failed ? -ENOMEM : 0;
}

/* One string of the guest's, of any length up to the limit. */
static int copy_in_argument(struct text *strings, user_t from, uint32_t others)
{
    char *piece = worker_self()->scratch;
    for (;;) {
        int length = copy_in_string(piece, from, PATH_MAX);
        if (length == -EFAULT)
            return -EFAULT;
        bool more = length < 0;
        uint32_t size = more ? PATH_MAX - 1 : (uint32_t)length + 1;
        if (more && copy_in(piece, from, size) < 0)
            return -EFAULT;
        if (strings->length + size + others > ARGUMENTS_MAX)
            return -E2BIG;
        text_add(strings, piece, size);
        if (strings->failed)
            return -ENOMEM;
        if (!more)
            return 0;
        from.address += size;
    }
}

static int copy_in_strings(struct text *strings, uint32_t *count, user_t vector, uint32_t others)
{
    for (uint32_t i = 0; vector.address; i++) {
        uint32_t pointer;
        if (get_user(&pointer, user_at(vector, i * 4)) < 0)
            return -EFAULT;
        if (!pointer)
            break;
        if (i * 4 + others > ARGUMENTS_MAX)
            return -E2BIG;
        int error = copy_in_argument(strings, USER(pointer), others);
        if (error < 0)
            return error;
        ++*count;
    }
    return 0;
}

void program_free(struct program *program)
{
    release(program->path);
    if (program->file)
        file_release(program->file);
    text_free(&program->args);
    text_free(&program->envs);
    if (program->mm) {
        server_lock();
        mm_release(program->mm);
        server_unlock();
    }
}

/* ---- the image ----------------------------------------------------------------------------------- */

static int open_image(const char *path, struct file **result)
{
    const struct credentials *own = &self()->process->credentials;
    int error = path_open((uint32_t)AT_FDCWD, path, O_RDONLY, 0, result);
    if (error < 0)
        return error;
    const struct fs_attr *attr = &(*result)->attr;
    uint32_t needed = own->euid == 0 ? 0111 : own->euid == attr->uid ? 0100 : own->egid == attr->gid ? 010 : 1;
    if (!S_ISREG(attr->mode) || !(attr->mode & needed) || !file_is_node(*result))
        error = -EACCES;
    if (error < 0)
        file_release(*result);
    return error;
}

static int read_head(struct file *file, char *head, uint32_t size)
{
    struct io io;
    uint64_t offset = 0;
    memset(head, 0, size);
    io_kernel(&io, head, size - 1);
    return file->ops->read(file, &io, &offset);
}

/* "#! interpreter [argument]" in head: the two words, cut out in place. */
static int parse_script(char *head, char **interpreter, char **argument)
{
    char *line = head + 2, *end = strchr(line, '\n');
    if (!end) {
        if (strlen(head) == HEAD_SIZE - 1)
            return -ENOEXEC;
        end = line + strlen(line);
    }
    while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = '\0';
    line += strspn(line, " \t");
    *interpreter = line;
    line += strcspn(line, " \t");
    *argument = NULL;
    if (*line) {
        *line++ = '\0';
        line += strspn(line, " \t");
        *argument = line;
    }
    return **interpreter ? 0 : -ENOEXEC;
}

/* The arguments become: interpreter, its argument, the script's path, the old ones but the first. */
static int wrap_arguments(struct program *program, const char *interpreter, const char *argument)
{
    struct text args = {.data = NULL};
    uint32_t count = 0, skip = program->argc ? (uint32_t)strlen(program->args.data) + 1 : 0;
    (void)add_string(&args, &count, interpreter);
    if (argument)
        (void)add_string(&args, &count, argument);
    (void)add_string(&args, &count, program->path);
    text_add(&args, program->args.data + skip, program->args.length - skip);
    count += program->argc ? program->argc - 1 : 0;
    char *path = text_copy(interpreter);
    if (args.failed || !path) {
        text_free(&args);
        release(path);
        return -ENOMEM;
    }
    text_free(&program->args);
    program->args = args;
    program->argc = count;
    release(program->path);
    program->path = path;
    return 0;
}

static int decide_personality(struct program *program, const char *head)
{
    struct load_result *image = &program->image;
    handle_t vmo;
    if (head[0] == 'M' && head[1] == 'Z') {
        strcpy(program->personality, "nt");
        return 0;
    }
    if (memcmp(head, "\177ELF", 4) != 0)
        return -ENOEXEC;
    int error = program->file->ops->vmo(program->file, PROT_R | PROT_X, false, &vmo);
    if (error < 0)
        return error;
    status_t status = space_load(self()->process->mm ? self()->process->mm->space : HANDLE_SELF, vmo, 0,
                                 LOAD_RESERVE_ONLY, image);
    close_handle(vmo);
    if (status != OK)
        return status == ERR_BAD_EXECUTABLE ? -ENOEXEC : errno_of(status);
    image->personality[sizeof image->personality - 1] = '\0';
    strcpy(program->personality, image->personality[0] ? image->personality : "posix");
    return 0;
}

int program_resolve(struct program *program)
{
    for (uint32_t depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        char head[HEAD_SIZE], *interpreter, *argument;
        int error = program->file ? 0 : open_image(program->path, &program->file);
        if (error < 0)
            return error;
        error = read_head(program->file, head, sizeof head);
        if (error < 0)
            return error;
        if (head[0] != '#' || head[1] != '!')
            return decide_personality(program, head);
        error = parse_script(head, &interpreter, &argument);
        if (error == 0)
            error = wrap_arguments(program, interpreter, argument);
        if (error < 0)
            return error;
        file_release(program->file);
        program->file = NULL;
    }
    return -ELOOP;
}

/* ---- memory -------------------------------------------------------------------------------------- */

static int load_into(struct program *program, struct file *file, uint32_t base, uint32_t flags,
                     struct load_result *result)
{
    handle_t vmo;
    int error = file->ops->vmo(file, PROT_R | PROT_X, false, &vmo);
    if (error < 0)
        return error;
    status_t status = space_load(program->mm->space, vmo, base, flags, result);
    close_handle(vmo);
    if (status != OK)
        return status == ERR_BAD_EXECUTABLE ? -ENOEXEC : errno_of(status);
    if (!(flags & LOAD_RESERVE_ONLY)) {
        server_lock();
        uint32_t tag = mapping_tag(file->path);
        server_unlock();
        ignore(space_tag(program->mm->space, result->base, result->size, tag, 0));
    }
    return 0;
}

/* The program's PT_INTERP, as high as possible. */
static int load_interpreter(struct program *program)
{
    struct load_result result;
    struct file *file;
    char path[PATH_MAX / 4];
    handle_t vmo;
    uint32_t length = program->image.interp_length;
    if (length >= sizeof path)
        return -ENAMETOOLONG;
    int error = program->file->ops->vmo(program->file, PROT_R, false, &vmo);
    if (error < 0)
        return error;
    status_t status = vmo_read(vmo, program->image.interp_offset, path, length);
    close_handle(vmo);
    if (status != OK)
        return -EIO;
    path[length] = '\0';
    error = open_image(path, &file);
    if (error < 0)
        return error;
    error = load_into(program, file, 0, LOAD_RESERVE_ONLY, &result);
    if (error == 0)
        error = load_into(program, file, (MMAP_TOP - result.size) & ~PAGE_MASK, LOAD_AT_BASE, &result);
    file_release(file);
    program->entry = result.entry;
    program->interpreter_base = result.base;
    return error;
}

static int map_stack(struct program *program)
{
    uint32_t limit = MIN(limit_of(self()->process, RLIMIT_STACK), STACK_SIZE_MAX);
    uint32_t size = MAX((limit + PAGE_MASK) & ~PAGE_MASK, ARGUMENTS_MAX + 32 * PAGE_SIZE);
    struct map_request map = {.address = STACK_TOP - size,
                              .length = size,
                              .prot = PROT_R | PROT_W | (program->image.executable_stack ? PROT_X : 0),
                              .flags = MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE | MAP_FLAG_GROWSDOWN,
                              .tag = TAG_STACK};
    program->mm->stack_top = STACK_TOP;
    return errno_of(space_map(program->mm->space, &map));
}

static uint32_t hwcap(void)
{
    uint32_t eax = 1, ebx, ecx, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return edx;
}

/* The auxiliary vector. Returns the number of words. */
static uint32_t fill_auxv(const struct program *program, uint32_t *to, uint32_t random, uint32_t platform,
                          uint32_t execfn)
{
    const struct load_result *image = &program->image;
    const struct credentials *own = &self()->process->credentials;
    const uint32_t entries[][2] = {
        {AT_HWCAP, hwcap()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS},
        {AT_PHDR, image->phdr},
        {AT_PHENT, image->phdr_entry_size},
        {AT_PHNUM, image->phdr_count},
        {AT_BASE, program->interpreter_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry},
        {AT_UID, own->uid},
        {AT_EUID, own->euid},
        {AT_GID, own->gid},
        {AT_EGID, own->egid},
        {AT_SECURE, own->uid != own->euid || own->gid != own->egid},
        {AT_RANDOM, random},
        {AT_EXECFN, execfn},
        {AT_PLATFORM, platform},
        {32 /* AT_SYSINFO */, vdso_syscall},
        {AT_NULL, 0},
    };
    memcpy(to, entries, sizeof entries);
    return sizeof entries / 4;
}

struct stack_image {
    uint8_t *bytes;
    uint32_t size, address; /* of bytes[0] in the guest */
    uint32_t strings;       /* where the strings begin, as an offset */
};

static uint32_t put_pointers(uint32_t *to, const struct text *strings, uint32_t count, uint32_t address)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        to[i] = address + at;
        at += (uint32_t)strlen(strings->data + at) + 1;
    }
    to[count] = 0;
    return count + 1;
}

/*
 * The initial stack, lowest address first: argc, argv, envp, auxv | 16 random bytes, platform,
 * argument strings, environment strings, path of the program.
 */
static int make_stack(struct program *program, struct stack_image *image)
{
    static const char platform[] = "i686";
    uint32_t execfn_size = (uint32_t)strlen(program->path) + 1;
    uint32_t words = 1 + program->argc + 1 + program->envc + 1 + ARRAY_COUNT(program->mm->auxv);
    uint32_t fixed = (words * 4 + 15) & ~15u;
    uint32_t variable = 16 + sizeof platform + program->args.length + program->envs.length + execfn_size + 4;
    image->size = fixed + ((variable + 15) & ~15u);
    image->bytes = allocate(image->size);
    if (!image->bytes)
        return -ENOMEM;
    image->address = (STACK_TOP - 16 - image->size) & ~15u;
    uint32_t random = image->address + fixed, platform_at = random + 16, args = platform_at + sizeof platform;
    uint32_t envs = args + program->args.length, execfn = envs + program->envs.length;
    uint8_t *strings = image->bytes + fixed;
    if (random_get(strings, 16) != OK)
        return -EIO;
    memcpy(strings + 16, platform, sizeof platform);
    memcpy(strings + (args - random), program->args.data, program->args.length);
    memcpy(strings + (envs - random), program->envs.data, program->envs.length);
    memcpy(strings + (execfn - random), program->path, execfn_size);
    uint32_t *to = (uint32_t *)image->bytes;
    *to++ = program->argc;
    to += put_pointers(to, &program->args, program->argc, args);
    to += put_pointers(to, &program->envs, program->envc, envs);
    struct mm *mm = program->mm;
    mm->auxv_size = 4 * fill_auxv(program, to, random, platform_at, execfn);
    memcpy(mm->auxv, to, mm->auxv_size);
    mm->arguments = args;
    mm->arguments_end = envs;
    mm->environment_end = execfn;
    program->stack = image->address;
    return 0;
}

/* Writes the stack image through the calling thread's view of the new space. */
static int write_stack(struct program *program)
{
    struct stack_image image = {.bytes = NULL};
    struct mm *old = self()->process->mm;
    int error = make_stack(program, &image);
    if (error == 0) {
        ignore(space_attach(program->mm->space));
        error = copy_out(USER(image.address), image.bytes, image.size) < 0 ? -ENOMEM : 0;
        ignore(space_attach(old ? old->space : HANDLE_NONE));
    }
    release(image.bytes);
    return error;
}

int program_build(struct program *program)
{
    int error = mm_new(&program->mm);
    if (error < 0)
        return error;
    struct mm *mm = program->mm;
    error = load_into(program, program->file, 0, 0, &program->image);
    program->entry = program->image.entry;
    if (error == 0 && program->image.interp_length)
        error = load_interpreter(program);
    if (error == 0)
        error = map_stack(program);
    if (error == 0)
        error = mm_map_vdso(mm);
    if (error == 0)
        error = write_stack(program);
    if (error < 0)
        return error;
    uint32_t end = program->image.brk ? program->image.brk : program->image.base + program->image.size;
    mm->brk_start = mm->brk_end = (end + PAGE_MASK) & ~PAGE_MASK;
    mm->exe = text_copy(program->file->path ? program->file->path : program->path);
    return 0;
}

/* ---- taking over the process ---------------------------------------------------------------------- */

/* Ends all other threads; the caller becomes the thread whose number is the process's. */
static int become_only_thread(struct thread *thread)
{
    struct process *process = thread->process;
    struct thread *each;
    server_lock();
    if (process->exiting || process->exec_thread) {
        server_unlock();
        return -ERESTARTNOINTR;
    }
    process->exec_thread = thread;
    list_each(each, &process->threads, struct thread, link)
    {
        if (each != thread)
            thread_notify(each);
    }
    while (process->thread_count > 1 && !process->exiting) {
        struct waiter waiter = {.thread = thread, .until_end = true};
        list_append(&process->thread_gone.waiters, &waiter.link);
        waiter_sleep(&waiter, DEADLINE_NEVER);
        list_remove(&waiter.link);
    }
    process->exec_thread = NULL;
    bool ended = process->exiting;
    thread->tid = process->pid;
    server_unlock();
    return ended ? -EINTR : 0;
}

/* Gives the process tables of its own where it shared them. Before anything is lost. */
static int unshare(struct process *process)
{
    struct files *files = NULL;
    int error = 0;
    server_lock();
    if (process->files->references > 1) {
        struct files *copy = files_copy(process->files);
        files = copy ? process->files : NULL;
        error = copy ? 0 : -ENOMEM;
        if (copy)
            process->files = copy;
    }
    if (error == 0 && process->sighand->references > 1) {
        struct sighand *copy = sighand_copy(process->sighand);
        error = copy ? 0 : -ENOMEM;
        if (copy) {
            sighand_release(process->sighand);
            process->sighand = copy;
        }
    }
    server_unlock();
    files_release(files);
    return error;
}

static void reset_signals(struct process *process)
{
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
        struct linux_sigaction *action = &process->sighand->actions[i];
        uint32_t kept = action->handler == 1 ? 1 : 0; /* what is ignored stays ignored */
        *action = (struct linux_sigaction){.handler = kept};
    }
}

static void reset_thread(struct thread *thread)
{
    thread->altstack = thread->altstack_size = 0;
    thread->robust_list = thread->clear_tid = 0;
    thread->has_restore_blocked = false;
    thread->restart.kind = RESTART_NONE;
    memset(thread->tls, 0, sizeof thread->tls);
    for (uint32_t slot = 0; slot < TLS_SLOTS; slot++)
        thread_set_tls(thread, slot);
    ignore(guest_fpu_reset(X87_CONTROL));
}

static void set_identity(struct process *process, const struct program *program)
{
    const char *slash = strrchr(program->path, '/');
    const struct fs_attr *attr = &program->file->attr;
    struct credentials *own = &process->credentials;
    strlcpy(process->comm, slash ? slash + 1 : program->path, sizeof process->comm);
    if (attr->mode & S_ISUID)
        own->euid = attr->uid;
    if ((attr->mode & S_ISGID) && (attr->mode & S_IXGRP))
        own->egid = attr->gid;
    own->suid = own->fsuid = own->euid;
    own->sgid = own->fsgid = own->egid;
    process->executed = true;
}

static bool wants_trace(const struct program *program)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < program->envc; i++) {
        if (strcmp(program->envs.data + at, TRACE_VARIABLE) == 0)
            return true;
        at += (uint32_t)strlen(program->envs.data + at) + 1;
    }
    return false;
}

static void set_trace(struct process *process, const struct program *program)
{
    struct file *file = NULL, *old = process->trace;
    if (wants_trace(program)) {
        server_lock();
        file = fd_peek(process, 2);
        server_unlock();
    }
    process->trace = file;
    if (old)
        file_release(old);
}

static void set_registers(struct thread *thread, const struct program *program)
{
    thread->frame->regs = (struct registers){.ds = GUEST_DS,
                                             .es = GUEST_DS,
                                             .ss = GUEST_DS,
                                             .cs = GUEST_CS,
                                             .eip = program->entry,
                                             .esp = program->stack,
                                             .eflags = EFLAGS_START};
}

int program_enter(struct program *program)
{
    struct thread *thread = self();
    struct process *process = thread->process;
    int error = become_only_thread(thread);
    if (error == 0)
        error = unshare(process);
    if (error < 0)
        return error;
    futex_thread_end(thread);
    ignore(space_attach(program->mm->space));
    server_lock();
    struct mm *old = process->mm;
    process->mm = program->mm;
    program->mm = NULL;
    process_release_vfork(process);
    mm_release(old);
    timers_delete_posix(process);
    reset_signals(process);
    set_identity(process, program);
    server_unlock();
    reset_thread(thread);
    set_trace(process, program);
    files_close_on_exec(process->files);
    set_registers(thread, program);
    return 0;
}

/* ---- handing over --------------------------------------------------------------------------------- */

static char **pointers_to(struct text *strings, uint32_t count)
{
    char **vector = allocate((count + 1) * sizeof *vector);
    uint32_t at = 0;
    for (uint32_t i = 0; vector && i < count; i++) {
        vector[i] = strings->data + at;
        at += (uint32_t)strlen(vector[i]) + 1;
    }
    return vector;
}

static int export_descriptors(struct process *process, uint32_t start)
{
    for (uint32_t i = 0; i < process->files->capacity; i++) {
        struct start_fd fd = {.fd = i};
        handle_t handles[2] = {HANDLE_NONE, HANDLE_NONE};
        server_lock();
        bool wanted = !process->files->slots[i].close_on_exec;
        struct file *file = wanted ? fd_peek(process, i) : NULL;
        server_unlock();
        if (!file)
            continue;
        int error = file->ops->export ? file->ops->export(file, &fd, handles) : 0;
        if (error == 0 && fd.kind != FD_NONE)
            error = errno_of(init_start_fd(server.init, start, &fd, handles[0], handles[1]));
        close_handle(handles[0]);
        close_handle(handles[1]);
        file_release(file);
        if (error < 0)
            return error;
    }
    return 0;
}

static void fill_signals(struct thread *thread, struct start_arguments *arguments)
{
    uint64_t ignored = 0;
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
        if (thread->process->sighand->actions[i].handler == 1)
            ignored |= 1ull << i;
    }
    arguments->umask = thread->process->fs->umask;
    arguments->ignored_signals_low = (uint32_t)ignored;
    arguments->ignored_signals_high = (uint32_t)(ignored >> 32);
    arguments->blocked_signals_low = (uint32_t)thread->blocked;
    arguments->blocked_signals_high = (uint32_t)(thread->blocked >> 32);
}

static int commit(struct program *program, uint32_t start, char **argv, char **envp)
{
    struct thread *thread = self();
    struct fs_context *fs = thread->process->fs;
    struct start_arguments arguments = {.argc = 0};
    const char *image = program->file->path ? program->file->path : program->path;
    handle_t strings;
    uint32_t pid;
    status_t status = start_strings_vmo(image, fs->cwd_text, argv, envp, &arguments, &strings);
    if (status != OK)
        return errno_of(status);
    fill_signals(thread, &arguments);
    status = init_start_commit(server.init, start, &arguments, strings, fs->root, fs->cwd ? fs->cwd : fs->root,
                               program->file->handle, true, &pid);
    close_handle(strings);
    return status == ERR_BAD_EXECUTABLE ? -ENOEXEC : errno_of(status);
}

int program_hand_over(struct program *program)
{
    struct process *process = self()->process;
    struct start_request request = {.personality = program->personality, .pid = process->pid};
    uint32_t start;
    int error = become_only_thread(self());
    if (error < 0)
        return error;
    status_t status = init_start_begin(server.init, &request, &start);
    if (status != OK)
        return errno_of(status);
    char **argv = pointers_to(&program->args, program->argc), **envp = pointers_to(&program->envs, program->envc);
    error = argv && envp ? export_descriptors(process, start) : -ENOMEM;
    if (error == 0) {
        process->state = PROCESS_REMOTE; /* its end may be reported before commit returns */
        error = commit(program, start, argv, envp);
        if (error < 0)
            process->state = PROCESS_ALIVE;
    } else {
        init_start_abandon(server.init, start);
    }
    release(argv);
    release(envp);
    return error;
}

/* ---- the system calls ------------------------------------------------------------------------------ */

static int execute(struct program *program)
{
    struct thread *thread = self();
    int error = program_resolve(program);
    if (error < 0)
        return error;
    if (strcmp(program->personality, "posix") != 0) {
        error = program_hand_over(program);
        if (error < 0)
            return error;
        program_free(program);
        server_lock();
        thread->process->exiting = true; /* here; it lives on elsewhere */
        server_unlock();
        thread_finish(thread);
    }
    error = program_build(program);
    if (error == 0)
        error = program_enter(program);
    if (error == 0)
        ignore(init_proc_set(server.init, thread->process->pid, PROC_NAME, NULL, thread->process->comm));
    return error;
}

static int32_t exec_path(user_t argv, user_t envp, struct file *file)
{
    struct program program = {.file = file};
    program.path = text_copy(file && file->path ? file->path : worker_self()->path);
    int error = program.path ? copy_in_strings(&program.args, &program.argc, argv, 0) : -ENOMEM;
    if (error == 0)
        error = copy_in_strings(&program.envs, &program.envc, envp, program.args.length);
    if (error == 0 && program.argc == 0)
        error = add_string(&program.args, &program.argc, "");
    if (error == 0)
        error = execute(&program);
    program_free(&program);
    return error < 0 ? error : -RESULT_KEEP_REGISTERS;
}

int32_t sys_execve(user_t path, user_t argv, user_t envp)
{
    int error = path_copy_in(path);
    return error < 0 ? error : exec_path(argv, envp, NULL);
}

int32_t sys_execveat(uint32_t fd, user_t path, user_t argv, user_t envp, uint32_t flags)
{
    struct file *file = NULL;
    if (flags & ~(uint32_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    int error = path_copy_in(path);
    if (error == -ENOENT && (flags & AT_EMPTY_PATH)) {
        file = fd_get(fd);
        if (!file)
            return -EBADF;
        if (!file_is_node(file) || !file->path || !S_ISREG(file->attr.mode)) {
            file_release(file);
            return -EACCES;
        }
        return exec_path(argv, envp, file);
    }
    if (error == 0)
        error = path_open(fd, worker_self()->path, O_RDONLY | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0, &file);
    if (error < 0)
        return error;
    if (file_is_node(file) && S_ISREG(file->attr.mode))
        return exec_path(argv, envp, file);
    file_release(file);
    return -EACCES;
}
