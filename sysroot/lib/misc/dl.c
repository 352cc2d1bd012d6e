/* SPDX-License-Identifier: MIT */
/*
 * Programs are static: nothing can be loaded into one, and each function here says so by its error.
 * dl_iterate_phdr tells the unwinder where the one image lies.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "system.h"
#include "thread.h"

static void *fail(const char *what, const char *name)
{
    struct __atomik_thread *self = thread_self();
    snprintf(self->dlerror_text, sizeof self->dlerror_text, "%s%s: the program is static", what,
             name ? name : "");
    self->dlerror_set = true;
    return NULL;
}

void *dlopen(const char *path, int mode)
{
    (void)mode;
    return fail("cannot load ", path ? path : "the program itself");
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle;
    return fail("cannot find ", name);
}

int dlclose(void *handle)
{
    (void)handle;
    fail("no such handle", NULL);
    return -1;
}

char *dlerror(void)
{
    struct __atomik_thread *self = thread_self();
    bool set = self->dlerror_set;
    self->dlerror_set = false;
    return set ? self->dlerror_text : NULL;
}

int dladdr(const void *address, Dl_info *info)
{
    (void)address, (void)info;
    return 0;
}

int dl_iterate_phdr(int (*function)(struct dl_phdr_info *, size_t, void *), void *data)
{
    struct dl_phdr_info info = {
        .dlpi_name = "",
        .dlpi_phdr = __atomik_program.headers,
        .dlpi_phnum = (Elf32_Half)__atomik_program.header_count,
        .dlpi_adds = 1,
        .dlpi_tls_modid = __atomik_program.tls_size ? 1 : 0,
    };
    info.dlpi_tls_data = (char *)thread_self() - __atomik_program.tls_size;
    return function(&info, sizeof info, data);
}

/* What the compiler calls for a thread-local variable of another module: there is one module. */
struct tls_index {
    unsigned long module, offset;
};
void *__tls_get_addr(const struct tls_index *index);
void *__tls_get_addr(const struct tls_index *index)
{
    return (char *)thread_self() - __atomik_program.tls_size + index->offset;
}
void *__attribute__((regparm(1))) ___tls_get_addr(const struct tls_index *index);
void *__attribute__((regparm(1))) ___tls_get_addr(const struct tls_index *index)
{
    return __tls_get_addr(index);
}

unsigned long getauxval(unsigned long type)
{
    const uint32_t *entry = __atomik_program.auxiliary;
    for (; entry[0] != AT_NULL; entry += 2)
        if (entry[0] == type)
            return entry[1];
    errno = ENOENT;
    return 0;
}
