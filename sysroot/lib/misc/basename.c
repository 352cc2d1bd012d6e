/* SPDX-License-Identifier: MIT */
/* The parts of a path, as POSIX cuts it: in place. */
#include <libgen.h>
#include <string.h>

static size_t without_slashes(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

char *basename(char *path)
{
    if (!path || !*path)
        return (char *)(unsigned long)".";
    size_t length = without_slashes(path, strlen(path));
    path[length] = 0;
    char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

char *dirname(char *path)
{
    char *slash;
    if (!path || !*path)
        return (char *)(unsigned long)".";
    path[without_slashes(path, strlen(path))] = 0;
    slash = strrchr(path, '/');
    if (!slash)
        return (char *)(unsigned long)".";
    path[without_slashes(path, (size_t)(slash - path) + 1)] = 0;
    return path;
}
