/* SPDX-License-Identifier: MIT */
/*
 * Starting a native program: a process, its image, a stack with the startup block at its top, and
 * the handles that it is given. The layout of the block is struct startup_info.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define STACK_SIZE (256u << 10)
#define BLOCK_MAX (128u << 10) /* of the stack that arguments, environment and handles may take */
#define HANDLES_MAX (2 * STARTUP_FD_MAX + 8)

/* What a program may use unless it is given more. */
static const struct privileges ordinary = {.max_pages = 65536, .max_threads = 256, .max_handles = 4096, .max_objects = 8192};

/* The startup block while it is built: `bytes` will lie at `address` in the new space. */
struct block {
    uint8_t *bytes;
    uint32_t address, used;
    bool full;
    struct startup_handle handles[HANDLES_MAX];
    uint32_t handle_count;
};

static uint32_t block_add(struct block *block, const void *bytes, uint32_t length)
{
    uint32_t at = (block->used + 3) & ~3u;
    if (length > BLOCK_MAX || at > BLOCK_MAX - length) {
        block->full = true;
        return 0;
    }
    memcpy(block->bytes + at, bytes, length);
    block->used = at + length;
    return block->address + at;
}

static uint32_t block_strings(struct block *block, char **strings, uint32_t count)
{
    uint32_t *addresses = calloc(count + 1, sizeof *addresses);
    if (addresses == NULL) {
        block->full = true;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        addresses[i] = block_add(block, strings[i], (uint32_t)strlen(strings[i]) + 1);
    uint32_t array = block_add(block, addresses, (count + 1) * (uint32_t)sizeof *addresses);
    free(addresses);
    return array;
}

/* Moves a handle into the new process and notes it in the block. */
static status_t give(struct native_process *process, struct block *block, uint32_t tag, handle_t handle, uint32_t kind, uint32_t flags)
{
    struct startup_handle *entry = &block->handles[block->handle_count];
    if (handle == HANDLE_NONE)
        return OK;
    if (block->handle_count == HANDLES_MAX) {
        handle_drop(&handle);
        return ERR_NO_HANDLES;
    }
    *entry = (struct startup_handle){.tag = tag, .kind = kind, .flags = flags};
    status_t status = process_give(process->process, handle, RIGHT_SAME, &entry->handle);
    if (status == OK)
        block->handle_count++;
    else
        handle_drop(&handle);
    return status;
}

static status_t give_fd(struct native_process *process, struct block *block, const struct start_fd *fd, handle_t h0, handle_t h1)
{
    if (fd->fd == 2) {
        process->error_fd = *fd;
        process->error_handle = handle_copy(h0);
    }
    if (fd->kind == FD_DEVICE) {
        if (block->handle_count == HANDLES_MAX)
            return ERR_NO_HANDLES;
        block->handles[block->handle_count++] =
            (struct startup_handle){.tag = STARTUP_FD(fd->fd), .handle = fd->device, .kind = fd->kind, .flags = fd->flags};
        return OK;
    }
    status_t status = give(process, block, STARTUP_FD(fd->fd), h0, fd->kind, fd->flags);
    if (status == OK)
        return give(process, block, STARTUP_FD(fd->fd), h1, fd->kind, fd->flags);
    handle_drop(&h1);
    return status;
}

static status_t give_fds(struct native_process *process, struct block *block, uint32_t start)
{
    struct start_fd fd;
    handle_t h0, h1;
    for (uint32_t index = 0;; index++) {
        status_t status = init_start_fetch(native_init, start, index, &fd, &h0, &h1);
        if (status != OK)
            return status == ERR_NOT_FOUND ? OK : status;
        if (fd.fd >= STARTUP_FD_MAX) {
            handle_drop(&h0);
            handle_drop(&h1);
            continue; /* a native program has no such descriptor */
        }
        status = give_fd(process, block, &fd, h0, h1);
        if (status != OK)
            return status;
    }
}

static status_t give_standard(struct native_process *process, struct block *block, handle_t root, handle_t cwd)
{
    handle_t init = HANDLE_NONE;
    status_t status = init_process_handle(native_init, process->pid, &init);
    if (status == OK)
        status = give(process, block, STARTUP_INIT, init, 0, 0);
    if (status == OK)
        status = give(process, block, STARTUP_PROCESS, handle_copy(process->process), 0, 0);
    if (status == OK)
        status = give(process, block, STARTUP_SPACE, handle_copy(process->space), 0, 0);
    if (status == OK)
        status = give(process, block, STARTUP_ROOT, handle_copy(root), 0, 0);
    if (status == OK)
        status = give(process, block, STARTUP_CWD, handle_copy(cwd), 0, 0);
    return status;
}

static status_t create_process(struct native_process *process, const char *name)
{
    struct process_request request = {.privileges = ordinary};
    handle_t caller;
    const char *slash = strrchr(name, '/');
    strlcpy(request.name, slash != NULL ? slash + 1 : name, sizeof request.name);
    status_t status = process_create(&request, &process->process, &process->space);
    if (status == OK)
        status = port_badge(exception_port, process->pid, &caller);
    if (status == OK) {
        status = process_set(process->process, PROCESS_EXCEPTION_PORT, caller);
        handle_drop(&caller);
    }
    struct process_info info;
    if (status == OK)
        status = process_info(process->process, &info);
    if (status == OK)
        process->id = info.id;
    return status;
}

static status_t map_stack(struct native_process *process, uint32_t *top)
{
    struct map_request request = {.length = STACK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_TOPDOWN | MAP_FLAG_GROWSDOWN};
    status_t status = space_map(process->space, &request);
    if (status == OK)
        *top = request.address + STACK_SIZE;
    return status;
}

static status_t write_block(struct native_process *process, struct block *block, const struct start_strings *strings,
                            const struct start_arguments *arguments, uint32_t *info_address)
{
    struct startup_info info = {.magic = STARTUP_MAGIC, .argc = arguments->argc, .pid = process->pid, .handle_count = block->handle_count};
    uint32_t done = 0;
    info.argv = block_strings(block, strings->argv, arguments->argc);
    info.envp = block_strings(block, strings->envp, arguments->envc);
    info.handles = block_add(block, block->handles, block->handle_count * (uint32_t)sizeof block->handles[0]);
    *info_address = block_add(block, &info, sizeof info);
    if (block->full)
        return ERR_TOO_LARGE;
    status_t status = space_write(process->space, block->address, block->bytes, block->used, &done);
    return status == OK && done < block->used ? ERR_NO_MEMORY : status;
}

static status_t keep_command(struct native_process *process, const struct start_strings *strings, uint32_t argc)
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

static status_t build(struct native_process *process, struct block *block, const struct proc_event *event,
                      const struct start_strings *strings, const handle_t handles[4])
{
    struct load_result loaded;
    uint32_t top, info_address;
    bool coherent;
    uint64_t size;
    status_t status = fs_client_vmo(handles[3], PROT_R | PROT_X, &process->image, &size, &coherent);
    if (status == OK)
        status = create_process(process, strings->image);
    if (status == OK)
        status = space_load(process->space, process->image, 0, 0, &loaded);
    if (status == OK)
        status = map_stack(process, &top);
    if (status == OK)
        status = give_standard(process, block, handles[1], handles[2]);
    if (status == OK)
        status = give_fds(process, block, event->start);
    if (status != OK)
        return status;
    block->address = top - BLOCK_MAX;
    status = write_block(process, block, strings, &event->arguments, &info_address);
    if (status == OK)
        status = keep_command(process, strings, event->arguments.argc);
    if (status == OK) /* the stack proper lies below the block */
        status = thread_create(process->process, loaded.entry, block->address - 16, info_address, NULL);
    return status;
}

status_t native_start(const struct proc_event *event, handle_t handles[4], struct native_process **result)
{
    struct start_strings strings;
    struct native_process *process = calloc(1, sizeof *process);
    struct block *block = calloc(1, sizeof *block);
    status_t status = process != NULL && block != NULL ? OK : ERR_NO_MEMORY;
    if (status == OK)
        status = start_strings_read(handles[0], &event->arguments, &strings);
    if (status == OK) {
        process->pid = event->pid;
        block->bytes = malloc(BLOCK_MAX);
        status = block->bytes != NULL ? build(process, block, event, &strings, handles) : ERR_NO_MEMORY;
        start_strings_free(&strings);
    }
    if (block != NULL)
        free(block->bytes);
    free(block);
    for (uint32_t i = 0; i < 4; i++)
        handle_drop(&handles[i]);
    if (status == OK)
        *result = process;
    else if (process != NULL)
        native_free(process);
    return status;
}

void native_free(struct native_process *process)
{
    if (process->process != HANDLE_NONE && process_kill(process->process, 1) != OK)
        process->signal = 0; /* it had ended already */
    handle_drop(&process->process);
    handle_drop(&process->space);
    handle_drop(&process->image);
    handle_drop(&process->error_handle);
    free(process->command);
    free(process);
}
