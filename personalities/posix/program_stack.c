/* SPDX-License-Identifier: MIT */
/* execve: the first stack of a program. */
#include <string.h>

#include "program.h"
#include "server.h"

#define CLOCK_TICKS 100
/* CPUID.1:EDX of the least machine this runs on, with SSE2: what AT_HWCAP tells. */
#define HARDWARE_CAPABILITIES 0x0781abfdu

struct stack {
    struct text vectors; /* argc, argv[], NULL, envp[], NULL, auxv */
    uint32_t strings;    /* address of the first argument string */
};

/* The stack image while it is built from its end downwards. */
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
int program_build_stack(struct program *program)
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
