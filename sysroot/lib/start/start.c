/* SPDX-License-Identifier: MIT */
/* From the first stack of a program to main: environment, thread-local variables, constructors. */
#include <elf.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

extern void __libc_init_array(void);
extern void __libc_fini_array(void);

_Noreturn void __atomik_start(long *stack, int (*main)(int argc, char **argv, char **envp));

struct program __atomik_program;
char *__atomik_name = "";
char **__atomik_arguments;

static const uint32_t *find_auxiliary(char **environment)
{
    while (*environment)
        environment++;
    return (const uint32_t *)(environment + 1);
}

static uint32_t auxiliary(uint32_t type)
{
    const uint32_t *entry = __atomik_program.auxiliary;
    for (; entry[0] != AT_NULL; entry += 2)
        if (entry[0] == type)
            return entry[1];
    return 0;
}

static void find_tls(void)
{
    struct program *program = &__atomik_program;
    program->headers = (const void *)(uintptr_t)auxiliary(AT_PHDR);
    program->header_count = auxiliary(AT_PHNUM);
    size_t own_align = 1;
    const Elf32_Phdr *header = program->headers;
    for (size_t i = 0; i < program->header_count; i++, header++) {
        if (header->p_type != PT_TLS)
            continue;
        program->tls_image = (const void *)(uintptr_t)header->p_vaddr;
        program->tls_filled = header->p_filesz;
        program->tls_size = header->p_memsz;
        if (header->p_align > 1)
            own_align = header->p_align;
    }
    /* The linker counts the variables' places down from the structure, by their size rounded up. */
    program->tls_size = (program->tls_size + own_align - 1) & -own_align;
    program->tls_align = own_align > 16 ? own_align : 16;
    program->thread_size = program->tls_size + sizeof(struct __atomik_thread) + program->tls_align;
}

struct __atomik_thread *__atomik_thread_place(void *memory)
{
    const struct program *program = &__atomik_program;
    uintptr_t above = (uintptr_t)memory + program->tls_size + program->tls_align - 1;
    struct __atomik_thread *thread = (void *)(above & -program->tls_align);
    if (program->tls_filled)
        memcpy((char *)thread - program->tls_size, program->tls_image, program->tls_filled);
    thread->self = thread;
    return thread;
}

/* struct user_desc of set_thread_area: 32-bit, page granular, usable. */
static void set_thread_register(struct __atomik_thread *thread)
{
    uint32_t descriptor[4] = {(uint32_t)-1, (uint32_t)(uintptr_t)thread, 0xfffff, 0x51};
    if (CALL(set_thread_area, descriptor) == 0)
        __asm__ volatile("movw %w0, %%gs" : : "r"(descriptor[0] * 8 + 3));
}

static void start_first_thread(void)
{
    static char small[sizeof(struct __atomik_thread) + 256] __attribute__((aligned(16)));
    void *memory = small;
    if (__atomik_program.thread_size > sizeof small)
        memory = mmap(NULL, __atomik_program.thread_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct __atomik_thread *thread = __atomik_thread_place(memory);
    thread->reent = _impure_ptr;
    thread->next = thread->previous = thread;
    const uint32_t *random = (const void *)(uintptr_t)auxiliary(AT_RANDOM);
    if (random)
        thread->canary = random[0] & ~0xffU; /* a zero byte stops string functions */
    set_thread_register(thread);
    thread->tid = (int)CALL(set_tid_address, &thread->tid);
}

struct _reent *__getreent(void)
{
    return thread_self()->reent;
}

void __atomik_start(long *stack, int (*main)(int argc, char **argv, char **envp))
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    __atomik_arguments = argv;
    environ = argv + argc + 1;
    __atomik_program.auxiliary = find_auxiliary(environ);
    find_tls();
    start_first_thread();
    if (argc > 0)
        __atomik_name = argv[0];
    atexit(__libc_fini_array);
    __libc_init_array();
    exit(main(argc, argv, environ));
}

void _exit(int status)
{
    for (;;)
        CALL(exit_group, status);
}
