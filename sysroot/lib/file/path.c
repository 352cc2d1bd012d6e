/* SPDX-License-Identifier: MIT */
/* Names of files: the working directory, real paths, temporary names. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

char *getcwd(char *buffer, size_t size)
{
    char here[PATH_MAX];
    if (buffer && size == 0) {
        errno = EINVAL;
        return NULL;
    }
    long raw = CALL(getcwd, buffer ? buffer : here, buffer ? size : sizeof here);
    if (raw < 0) {
        RESULT(raw);
        return NULL;
    }
    if ((buffer ? buffer : here)[0] != '/') { /* not reachable from the root */
        errno = ENOENT;
        return NULL;
    }
    if (buffer)
        return buffer;
    char *copy = malloc(size > (size_t)raw ? size : (size_t)raw);
    return copy ? memcpy(copy, here, (size_t)raw) : NULL;
}

char *get_current_dir_name(void)
{
    return getcwd(NULL, 0);
}

int remove(const char *path)
{
    long raw = CALL(unlink, path);
    if (raw == -EISDIR || raw == -EPERM) {
        long second = CALL(rmdir, path);
        if (second != -ENOTDIR)
            raw = second;
    }
    return (int)RESULT(raw);
}

/* ---- real paths ---- */

struct walk {
    char done[PATH_MAX]; /* without symbolic links, begins with / */
    size_t done_length;
    char rest[PATH_MAX]; /* what is to be walked */
    int links;
};

static void up(struct walk *walk)
{
    while (walk->done_length > 1 && walk->done[walk->done_length - 1] != '/')
        walk->done_length--;
    if (walk->done_length > 1)
        walk->done_length--;
    walk->done[walk->done_length] = 0;
}

/* Puts a link's text before what is left to walk. A slash behind the link's name stays: it asks for a directory. */
static int follow(struct walk *walk, const char *after)
{
    char target[PATH_MAX];
    ssize_t length = readlink(walk->done, target, sizeof target - 1);
    if (length < 0)
        return errno == EINVAL ? 0 : -1;
    size_t left = strlen(after), slash = after[-1] == '/';
    if (++walk->links > SYMLOOP_MAX) {
        errno = ELOOP;
        return -1;
    }
    if (length == 0 || (size_t)length + slash + left >= sizeof walk->rest) {
        errno = length ? ENAMETOOLONG : ENOENT;
        return -1;
    }
    memmove(walk->rest + (size_t)length + slash, after, left + 1);
    memcpy(walk->rest, target, (size_t)length);
    if (slash)
        walk->rest[length] = '/';
    if (target[0] == '/') {
        walk->done_length = 1;
        walk->done[1] = 0;
    } else {
        up(walk);
    }
    return 1;
}

/* One component; `after` is what follows it in rest. */
static int step(struct walk *walk, const char *name, size_t length, const char *after)
{
    if (length == 0 || (length == 1 && name[0] == '.'))
        return 0;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        up(walk);
        return 0;
    }
    size_t slash = walk->done_length > 1;
    if (walk->done_length + slash + length >= sizeof walk->done) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (slash)
        walk->done[walk->done_length++] = '/';
    memcpy(walk->done + walk->done_length, name, length);
    walk->done_length += length;
    walk->done[walk->done_length] = 0;
    return follow(walk, after);
}

static int walk_all(struct walk *walk)
{
    char *at = walk->rest;
    struct stat status;
    bool directory = false;
    while (*at) {
        size_t length = strcspn(at, "/");
        char *after = at + length;
        directory = *after == '/' || length == 0;
        if (*after == '/')
            after++;
        int followed = step(walk, at, length, after);
        if (followed < 0)
            return -1;
        at = followed ? walk->rest : after;
    }
    if (!directory)
        return 0;
    if (stat(walk->done, &status) < 0)
        return -1;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

char *realpath(const char *restrict path, char *restrict result)
{
    if (!path || !*path) {
        errno = path ? ENOENT : EINVAL;
        return NULL;
    }
    if (strlen(path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    struct walk walk = {.done = "/", .done_length = 1};
    strcpy(walk.rest, path);
    if (path[0] != '/') {
        if (!getcwd(walk.done, sizeof walk.done))
            return NULL;
        walk.done_length = strlen(walk.done);
    }
    if (walk_all(&walk) < 0)
        return NULL;
    return result ? strcpy(result, walk.done) : strdup(walk.done);
}

char *canonicalize_file_name(const char *path)
{
    return realpath(path, NULL);
}

/* ---- temporary files ---- */

static char *find_x(char *template, int suffix)
{
    size_t length = strlen(template);
    if (suffix < 0 || length < 6 + (size_t)suffix ||
        memcmp(template + length - 6 - suffix, "XXXXXX", 6)) {
        errno = EINVAL;
        return NULL;
    }
    return template + length - 6 - suffix;
}

static void fill_x(char *at)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    unsigned char random[6];
    getrandom(random, sizeof random, 0);
    for (int i = 0; i < 6; i++)
        at[i] = letters[random[i] % (sizeof letters - 1)];
}

enum { TRIES = 200 };

int mkostemps(char *template, int suffix, int flags)
{
    char *at = find_x(template, suffix);
    if (!at)
        return -1;
    for (int i = 0; i < TRIES; i++) {
        fill_x(at);
        int fd = open(template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int mkostemp(char *template, int flags)
{
    return mkostemps(template, 0, flags);
}

int mkstemps(char *template, int suffix)
{
    return mkostemps(template, suffix, 0);
}

int mkstemp(char *template)
{
    return mkostemps(template, 0, 0);
}

char *mkdtemp(char *template)
{
    char *at = find_x(template, 0);
    for (int i = 0; at && i < TRIES; i++) {
        fill_x(at);
        if (mkdir(template, 0700) == 0)
            return template;
        if (errno != EEXIST)
            break;
    }
    return NULL;
}

static char *unused_name(char *template)
{
    struct stat status;
    char *at = find_x(template, 0);
    for (int i = 0; at && i < TRIES; i++) {
        fill_x(at);
        if (lstat(template, &status) < 0 && errno == ENOENT)
            return template;
    }
    return NULL;
}

char *mktemp(char *template)
{
    if (!unused_name(template))
        *template = 0;
    return template;
}

char *tmpnam(char *result)
{
    static char own[L_tmpnam > 20 ? L_tmpnam : 20];
    char name[] = "/tmp/tmp.XXXXXX";
    if (!unused_name(name))
        return NULL;
    return strcpy(result ? result : own, name);
}

char *tempnam(const char *dir, const char *prefix)
{
    char name[PATH_MAX];
    const char *wanted = getenv("TMPDIR");
    if (wanted && access(wanted, W_OK | X_OK) == 0)
        dir = wanted;
    else if (!dir || access(dir, W_OK | X_OK) < 0)
        dir = "/tmp";
    snprintf(name, sizeof name, "%s/%.5s.XXXXXX", dir, prefix ? prefix : "tmp");
    return unused_name(name) ? strdup(name) : NULL;
}

FILE *tmpfile(void)
{
    char name[] = "/tmp/tmpfile.XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        return NULL;
    unlink(name);
    FILE *file = fdopen(fd, "w+");
    if (!file)
        close(fd);
    return file;
}
