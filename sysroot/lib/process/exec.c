/* SPDX-License-Identifier: MIT */
/* The exec family. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

/* A file that no loader knows is a script of the shell. */
static void run_script(const char *path, char *const argv[], char *const envp[])
{
    size_t count = 0;
    while (argv[count])
        count++;
    const char *words[count + 3];
    words[0] = "sh";
    words[1] = path;
    for (size_t i = 1; i <= count; i++)
        words[i + 1] = argv[i];
    words[count + 2] = NULL;
    execve("/bin/sh", (char *const *)words, envp);
}

static void try_path(const char *path, char *const argv[], char *const envp[])
{
    execve(path, argv, envp);
    if (errno == ENOEXEC)
        run_script(path, argv, envp);
}

/* Only a file that is not there, or may not be used, lets the search go on. */
static bool search_goes_on(bool *forbidden)
{
    if (errno == EACCES)
        *forbidden = true;
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG;
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    bool forbidden = false;
    if (!*file) {
        errno = ENOENT;
        return -1;
    }
    if (strchr(file, '/')) {
        try_path(file, argv, envp);
        return -1;
    }
    const char *path = getenv("PATH"), *end;
    if (!path)
        path = "/bin:/usr/bin";
    for (;; path = end + 1) {
        char full[PATH_MAX];
        end = strchrnul(path, ':');
        int length = snprintf(full, sizeof full, "%.*s%s%s", (int)(end - path), path,
                              end > path ? "/" : "", file);
        errno = ENAMETOOLONG;
        if (length < PATH_MAX)
            try_path(full, argv, envp);
        if (!search_goes_on(&forbidden))
            return -1;
        if (!*end)
            break;
    }
    errno = forbidden ? EACCES : ENOENT;
    return -1;
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    return execveat(fd, "", argv, envp, AT_EMPTY_PATH);
}

/* ---- argument lists ---- */

static size_t count_list(va_list list)
{
    size_t count = 1;
    while (va_arg(list, char *))
        count++;
    return count;
}

#define COLLECT(first)                           \
    va_list list;                                \
    va_start(list, first);                       \
    size_t count = first ? count_list(list) : 0; \
    va_end(list);                                \
    char *argv[count + 1];                       \
    argv[0] = (char *)(uintptr_t)first;          \
    va_start(list, first);                       \
    for (size_t i = 1; i <= count; i++)          \
    argv[i] = va_arg(list, char *)

int execl(const char *path, const char *first, ...)
{
    COLLECT(first);
    va_end(list);
    return execve(path, argv, environ);
}

int execle(const char *path, const char *first, ...)
{
    COLLECT(first);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return execve(path, argv, envp);
}

int execlp(const char *file, const char *first, ...)
{
    COLLECT(first);
    va_end(list);
    return execvp(file, argv);
}

int execlpe(const char *file, const char *first, ...)
{
    COLLECT(first);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return execvpe(file, argv, envp);
}
