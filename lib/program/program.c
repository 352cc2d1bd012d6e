/* SPDX-License-Identifier: MIT */
#include <program/program.h>

#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <protocols/init.h>

#define STRINGS_MAX (PROGRAM_STACK_SIZE / 2)

/* Such an entry holds a device number instead of a handle. */
static bool is_device(const struct startup_handle *entry)
{
    return entry->tag >= STARTUP_FD(0) && entry->kind == FD_DEVICE;
}

void program_add(struct program_request *request, uint32_t tag, handle_t handle)
{
    if (handle != HANDLE_NONE && request->handle_count < PROGRAM_HANDLES_MAX)
        request->handles[request->handle_count++] =
            (struct startup_handle){.tag = tag, .handle = handle};
}

void program_add_copy(struct program_request *request, uint32_t tag, handle_t handle)
{
    program_add(request, tag, handle_copy(handle));
}

/* ---- the startup block ----------------------------------------------------------------------- */

/*
 * The block at the end of the new stack: startup_info, handles, argv, envp, strings. `bytes` is a
 * copy that is built here for the address `at`.
 */
struct block {
    uint8_t *bytes;
    uint32_t size, used, at;
};

static size_t count_list(char *const *list, size_t *strings)
{
    size_t count = 0;
    for (; list != NULL && list[count] != NULL; count++)
        *strings += strlen(list[count]) + 1;
    return count;
}

static uint32_t put(struct block *block, const void *bytes, size_t length)
{
    uint32_t address = block->at + block->used;
    memcpy(block->bytes + block->used, bytes, length);
    block->used += length;
    return address;
}

/* The strings go to the end, their addresses into the vector at `vector`. */
static void put_list(struct block *block, uint32_t vector, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t address = put(block, list[i], strlen(list[i]) + 1);
        memcpy(block->bytes + vector + 4 * i, &address, sizeof address);
    }
}

static status_t build_block(const struct program_request *request, uint32_t stack_end,
                            struct block *block)
{
    size_t strings = 0;
    size_t argc = count_list(request->argv, &strings), envc = count_list(request->envp, &strings);
    size_t handles = request->handle_count * sizeof(struct startup_handle);
    size_t vectors = (argc + 1 + envc + 1) * sizeof(uint32_t);
    size_t size = sizeof(struct startup_info) + handles + vectors + strings;
    if (size > STRINGS_MAX)
        return ERR_TOO_LARGE;
    block->size = (size + 15) & ~(size_t)15;
    block->at = stack_end - block->size;
    block->used = 0;
    block->bytes = calloc(1, block->size);
    if (block->bytes == NULL)
        return ERR_NO_MEMORY;
    struct startup_info info = {.magic = STARTUP_MAGIC,
                                .argc = argc,
                                .handle_count = request->handle_count,
                                .handles = block->at + sizeof info,
                                .pid = request->pid};
    info.argv = info.handles + handles;
    info.envp = info.argv + (argc + 1) * sizeof(uint32_t);
    put(block, &info, sizeof info);
    put(block, request->handles, handles);
    uint32_t vector = block->used;
    block->used += vectors;
    put_list(block, vector, request->argv, argc);
    put_list(block, vector + (argc + 1) * sizeof(uint32_t), request->envp, envc);
    return OK;
}

/* ---- the process ----------------------------------------------------------------------------- */

static void drop_handles(struct program_request *request, uint32_t first)
{
    for (uint32_t i = first; i < request->handle_count; i++)
        if (!is_device(&request->handles[i]))
            handle_drop(&request->handles[i].handle);
    request->handle_count = 0;
}

void program_drop(struct program_request *request)
{
    drop_handles(request, 0);
}

/* From here on the request's handles are named by their values in the new process. */
static status_t give_handles(struct program_request *request, const struct program *program)
{
    program_add_copy(request, STARTUP_PROCESS, program->process);
    program_add_copy(request, STARTUP_SPACE, program->space);
    for (uint32_t i = 0; i < request->handle_count; i++) {
        struct startup_handle *entry = &request->handles[i];
        if (is_device(entry))
            continue;
        status_t status = process_give(program->process, entry->handle, RIGHT_SAME, &entry->handle);
        if (status != OK) {
            drop_handles(request, i);
            return status;
        }
    }
    return OK;
}

static status_t map_stack(handle_t space, uint32_t *end)
{
    struct map_request stack = {.length = PROGRAM_STACK_SIZE,
                                .prot = PROT_R | PROT_W,
                                .flags = MAP_FLAG_TOPDOWN | MAP_FLAG_GROWSDOWN};
    status_t status = space_map(space, &stack);
    if (status != OK)
        return status;
    *end = stack.address + PROGRAM_STACK_SIZE;
    /* The lowest page stays a guard. */
    return space_protect(space, stack.address, PAGE_SIZE, PROT_NONE_);
}

static status_t write_block(handle_t space, const struct block *block)
{
    uint32_t done = 0;
    status_t status = space_write(space, block->at, block->bytes, block->size, &done);
    return status == OK && done != block->size ? ERR_NO_MEMORY : status;
}

static status_t run(struct program_request *request, struct program *program)
{
    struct load_result loaded;
    struct block block;
    uint32_t end;
    status_t status = space_load(program->space, request->image, 0, 0, &loaded);
    if (status != OK)
        return status;
    if (loaded.entry == 0)
        return ERR_BAD_EXECUTABLE;
    status = map_stack(program->space, &end);
    if (status == OK && request->exception_port != HANDLE_NONE)
        status = process_set(program->process, PROCESS_EXCEPTION_PORT, request->exception_port);
    if (status == OK)
        status = give_handles(request, program);
    if (status != OK)
        return status;
    status = build_block(request, end, &block);
    request->handle_count = 0; /* they are the process's, and end with it */
    if (status != OK)
        return status;
    status = write_block(program->space, &block);
    if (status == OK)
        status = thread_create(program->process, loaded.entry, block.at, block.at, NULL);
    program->startup = block.at;
    free(block.bytes);
    return status;
}

status_t program_start(struct program_request *request, struct program *program)
{
    struct process_request process = {.flags = request->flags, .privileges = request->privileges};
    size_t length = strnlen(request->name, sizeof process.name - 1);
    memcpy(process.name, request->name, length);
    status_t status = process_create(&process, &program->process, &program->space);
    if (status != OK) {
        drop_handles(request, 0);
        return status;
    }
    status = run(request, program);
    if (status == OK)
        return OK;
    drop_handles(request, 0);
    if (process_kill(program->process, 0) != OK)
        __builtin_trap(); /* the handle is ours and has all rights */
    handle_drop(&program->process);
    handle_drop(&program->space);
    return status;
}
