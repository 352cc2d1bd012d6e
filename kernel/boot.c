/* SPDX-License-Identifier: MIT */
/*
 * The start of the first process, "init", out of boot module 0: all privileges, a small stack, and
 * a startup block at its end that names init's own handles and the further modules. Nothing else
 * in the system is started by the kernel.
 */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/memory.h>

#define STACK_SIZE 65536u
#define ALL_FLAGS  0x1ffu

_Static_assert(ALL_FLAGS == PRIVILEGE_RESERVE * 2 - 1, "init has every privilege");

/* At the end of the stack; the addresses in it are the program's. */
struct startup_block {
    struct startup_info info;
    uint32_t argv[2], envp[1];
    struct startup_handle handles[2 + BOOT_MODULES];
    char name[NAME_LENGTH];
};

static struct process *init_process;
static struct vmo *modules[BOOT_MODULES];

struct vmo *boot_module(uint32_t index)
{
    if (index >= boot_info.module_count)
        return NULL;
    const struct boot_module *module = &boot_info.modules[index];
    if (!modules[index] &&
        vmo_new_from_frames(module->start, module->length, VMO_CONTENT, &modules[index]) != OK)
        panic("no memory for boot module %u", index);
    return modules[index];
}

static void all_privileges(struct privileges *privileges)
{
    *privileges = (struct privileges){
        .flags = ALL_FLAGS,
        .ports = {{0, 65536}},
        .physical = {{0, UINT32_MAX / PAGE_SIZE + 1}},
        .irq_lines = (1u << IRQ_LINES) - 1,
        .max_pages = UINT32_MAX,
        .max_threads = UINT32_MAX,
        .max_handles = UINT32_MAX,
        .max_objects = UINT32_MAX,
    };
}

static status_t add_handle(struct process *process, struct startup_block *block, uint32_t tag,
                           struct object *object)
{
    struct startup_handle *entry = &block->handles[block->info.handle_count];

    entry->tag = tag;
    block->info.handle_count++;
    return handle_add(process, object, RIGHT_ALL, &entry->handle);
}

static status_t add_handles(struct process *process, struct startup_block *block)
{
    status_t status = add_handle(process, block, STARTUP_PROCESS, &process->object);

    if (status == OK)
        status = add_handle(process, block, STARTUP_SPACE, space_object(process->space));
    for (uint32_t i = 1; i < boot_info.module_count && status == OK; i++)
        status = add_handle(process, block, STARTUP_ARCHIVE, vmo_object(boot_module(i)));
    return status;
}

/* Fills in the addresses for a block at `at` and writes it there. */
static status_t write_block(struct process *process, struct startup_block *block, uint32_t at)
{
    uint32_t done;

    __builtin_memcpy(block->name, process->name, NAME_LENGTH);
    block->argv[0] = at + offsetof(struct startup_block, name);
    block->info.magic = STARTUP_MAGIC;
    block->info.argc = 1;
    block->info.argv = at + offsetof(struct startup_block, argv);
    block->info.envp = at + offsetof(struct startup_block, envp);
    block->info.handles = at + offsetof(struct startup_block, handles);
    block->info.pid = 1;
    status_t status = space_copy_in(process->space, at, block, sizeof *block, &done);
    return status == OK && done < sizeof *block ? ERR_NO_MEMORY : status;
}

/* Image, stack and startup block are made, and the first thread runs. */
static status_t fill_process(struct process *process, struct vmo *image)
{
    struct load_result loaded;
    struct startup_block block = {0};
    struct map_request stack = {
        .length = STACK_SIZE,
        .prot = PROT_R | PROT_W,
        .flags = MAP_FLAG_TOPDOWN,
    };
    status_t status = space_load_image(process->space, image, 0, 0, &loaded);

    if (status == OK)
        status = space_map_vmo(process->space, NULL, RIGHT_ALL, &stack);
    if (status == OK)
        status = add_handles(process, &block);
    if (status != OK)
        return status;
    uint32_t at = (stack.address + STACK_SIZE - (uint32_t)sizeof block) & ~15u;
    status = write_block(process, &block, at);
    return status == OK ? thread_create_user(process, loaded.entry, at, at, NULL) : status;
}

status_t boot_start_program(const char *name, struct vmo *image, struct process **result)
{
    struct process_request request = {0};
    struct process *process;

    all_privileges(&request.privileges);
    uint32_t length = (uint32_t)__builtin_strlen(name);
    assert(length < NAME_LENGTH);
    __builtin_memcpy(request.name, name, length);
    status_t status = process_create_object(&request, NULL, &process);
    if (status != OK)
        return status;
    status = fill_process(process, image);
    if (status != OK) {
        process_terminate(process, 1);
        object_release(&process->object);
        return status;
    }
    *result = process;
    return OK;
}

void boot_start_init(void)
{
    if (!boot_info.module_count)
        panic("no init: the boot loader passed no module");
    status_t status = boot_start_program("init", boot_module(0), &init_process);
    if (status != OK)
        panic("cannot start init: error %d", status);
}

void boot_process_finished(const struct process *process)
{
    if (process == init_process)
        panic("init ended with code %d", process->exit_code);
}
