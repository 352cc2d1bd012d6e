/* SPDX-License-Identifier: MIT */
#include <atomik/startup.h>

#include <stdio.h>
#include <string.h>

#include <atomik/file.h>
#include <atomik/log.h>
#include <atomik/syscall.h>

int main(int argc, char **argv, char **envp);
void startup_main(struct startup_info *block) __attribute__((noreturn));

static struct startup_info *info;

struct startup_info *startup_info(void)
{
    return info;
}

uint32_t startup_pid(void)
{
    return info->pid;
}

handle_t startup_handle_at(uint32_t tag, uint32_t index)
{
    const struct startup_handle *handles = (const struct startup_handle *)info->handles;
    for (uint32_t i = 0; i < info->handle_count; i++)
        if (handles[i].tag == tag && index-- == 0)
            return handles[i].handle;
    return HANDLE_NONE;
}

handle_t startup_handle(uint32_t tag)
{
    return startup_handle_at(tag, 0);
}

const char *environment_get(const char *name)
{
    size_t length = strlen(name);
    for (char **entry = (char **)info->envp; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

void process_end(int code)
{
    fflush(NULL);
    for (;;) {
        if (process_exit((uint32_t)code) != OK)
            __builtin_trap();
    }
}

void process_fail(const char *what, status_t status)
{
    log_printf("%s: %s", what, status_text(status));
    process_end(1);
}

void startup_main(struct startup_info *block)
{
    info = block;
    if (info == NULL || info->magic != STARTUP_MAGIC)
        __builtin_trap();
    file_start();
    process_end(main((int)info->argc, (char **)info->argv, (char **)info->envp));
}
