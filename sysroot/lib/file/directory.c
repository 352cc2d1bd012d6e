/* SPDX-License-Identifier: MIT */
/* Reading directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

struct __atomik_dir {
    int fd;
    volatile int lock;
    size_t at, filled;
    off_t position; /* of the entry that is next */
    char buffer[4096] __attribute__((aligned(8)));
};

static DIR *make(int fd)
{
    DIR *dir = malloc(sizeof *dir);
    if (!dir)
        return NULL;
    dir->fd = fd;
    dir->lock = 0;
    dir->at = dir->filled = 0;
    dir->position = 0;
    return dir;
}

DIR *fdopendir(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &status) < 0)
        return NULL;
    if ((flags & O_ACCMODE) == O_WRONLY || flags & O_PATH) {
        errno = EBADF;
        return NULL;
    }
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    DIR *dir = make(fd);
    if (dir)
        dir->position = lseek(fd, 0, SEEK_CUR);
    return dir;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *dir = make(fd);
    if (!dir)
        close(fd);
    return dir;
}

int closedir(DIR *dir)
{
    int result = close(dir->fd);
    free(dir);
    return result;
}

/* At the end, and when the directory has been removed, there are no more entries. */
static struct dirent *next(DIR *dir)
{
    if (dir->at >= dir->filled) {
        long raw = CALL(getdents64, dir->fd, dir->buffer, sizeof dir->buffer);
        if (raw < 0 && raw != -ENOENT)
            RESULT(raw);
        if (raw <= 0)
            return NULL;
        dir->filled = (size_t)raw;
        dir->at = 0;
    }
    struct dirent *entry = (struct dirent *)(dir->buffer + dir->at);
    dir->at += entry->d_reclen;
    dir->position = entry->d_off;
    return entry;
}

struct dirent *readdir(DIR *dir)
{
    lock(&dir->lock);
    struct dirent *entry = next(dir);
    unlock(&dir->lock);
    return entry;
}

int readdir_r(DIR *restrict dir, struct dirent *restrict entry, struct dirent **restrict result)
{
    int saved = errno;
    errno = 0;
    lock(&dir->lock);
    const struct dirent *found = next(dir);
    if (found)
        memcpy(entry, found, found->d_reclen);
    unlock(&dir->lock);
    int error = errno;
    errno = saved;
    *result = found ? entry : NULL;
    return found ? 0 : error;
}

static void move(DIR *dir, off_t position)
{
    lock(&dir->lock);
    lseek(dir->fd, position, SEEK_SET);
    dir->at = dir->filled = 0;
    dir->position = position;
    unlock(&dir->lock);
}

void rewinddir(DIR *dir)
{
    move(dir, 0);
}

/* Positions of some file systems are 64-bit numbers, and a long has 32: so positions that do not fit are
 * kept in a table and telldir gives a negative index into it. */
static struct {
    off_t *position;
    int count;
    volatile int lock;
} wide;

static long remember(off_t position)
{
    long result = -1;
    lock(&wide.lock);
    for (int i = 0; i < wide.count && result == -1; i++)
        if (wide.position[i] == position)
            result = -2L - i;
    if (result == -1) {
        off_t *more = realloc(wide.position, sizeof *more * (unsigned)(wide.count + 1));
        if (more) {
            more[wide.count] = position;
            wide.position = more;
            result = -2L - wide.count++;
        }
    }
    unlock(&wide.lock);
    return result;
}

long telldir(DIR *dir)
{
    off_t position = dir->position;
    return position >= 0 && position <= 0x7fffffff ? (long)position : remember(position);
}

void seekdir(DIR *dir, long where)
{
    if (where >= 0)
        move(dir, where);
    else if (-2 - where < wide.count)
        move(dir, wide.position[-2 - where]);
}

int dirfd(DIR *dir)
{
    return dir->fd;
}

/* ---- whole directories ---- */

int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcoll((*a)->d_name, (*b)->d_name);
}

int versionsort(const struct dirent **a, const struct dirent **b)
{
    return strverscmp((*a)->d_name, (*b)->d_name);
}

static void free_list(struct dirent **list, size_t count)
{
    while (count > 0)
        free(list[--count]);
    free(list);
}

static int add(struct dirent ***list, size_t count, const struct dirent *entry)
{
    if ((count & (count - 1)) == 0) {
        struct dirent **more = realloc(*list, sizeof *more * (count ? count * 2 : 1));
        if (!more)
            return -1;
        *list = more;
    }
    (*list)[count] = malloc(entry->d_reclen);
    if (!(*list)[count])
        return -1;
    memcpy((*list)[count], entry, entry->d_reclen);
    return 0;
}

typedef int compare_entries(const struct dirent **, const struct dirent **);

static int scan(DIR *dir, struct dirent ***result, int (*select)(const struct dirent *),
                compare_entries *compare)
{
    struct dirent **list = NULL, *entry;
    size_t count = 0;
    int saved = errno;
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (select && !select(entry))
            continue;
        if (add(&list, count, entry) < 0)
            break;
        count++;
    }
    int error = errno;
    closedir(dir);
    errno = error ? error : saved;
    if (error) {
        free_list(list, count);
        return -1;
    }
    if (compare)
        qsort(list, count, sizeof *list, (int (*)(const void *, const void *))compare);
    *result = list;
    return (int)count;
}

int scandir(const char *path, struct dirent ***result, int (*select)(const struct dirent *),
            compare_entries *compare)
{
    DIR *dir = opendir(path);
    return dir ? scan(dir, result, select, compare) : -1;
}

int scandirat(int at, const char *path, struct dirent ***result,
              int (*select)(const struct dirent *), compare_entries *compare)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : make(fd);
    return dir ? scan(dir, result, select, compare) : -1;
}
