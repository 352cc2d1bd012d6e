/* SPDX-License-Identifier: MIT */
/* Walking trees of files: nftw and ftw. Descriptors are bounded: a directory is read whole, then closed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ancestor {
    const struct ancestor *up;
    dev_t device;
    ino_t inode;
};

struct walk {
    int (*function)(const char *, const struct stat *, int, struct FTW *);
    int flags;
    dev_t device;
    char path[PATH_MAX];
};

static bool is_cycle(const struct ancestor *above, const struct stat *status)
{
    for (; above; above = above->up)
        if (above->device == status->st_dev && above->inode == status->st_ino)
            return true;
    return false;
}

static int classify(const struct walk *walk, const char *access, struct stat *status)
{
    bool physical = walk->flags & FTW_PHYS;
    if ((physical ? lstat(access, status) : stat(access, status)) < 0) {
        if (!physical && lstat(access, status) == 0 && S_ISLNK(status->st_mode))
            return FTW_SLN;
        return errno == EACCES ? FTW_NS : -1;
    }
    if (S_ISDIR(status->st_mode))
        return walk->flags & FTW_DEPTH ? FTW_DP : FTW_D;
    return S_ISLNK(status->st_mode) ? FTW_SL : FTW_F;
}

static int visit(struct walk *walk, size_t length, struct FTW place, const struct ancestor *above);

static int visit_entries(struct walk *walk, size_t length, struct FTW place,
                         const struct ancestor *here, struct dirent **list, int count)
{
    int result = 0;
    for (int i = 0; i < count; i++) {
        const char *name = list[i]->d_name;
        if (result == 0 && strcmp(name, ".") && strcmp(name, "..")) {
            size_t slash = length > 0 && walk->path[length - 1] == '/' ? 0 : 1;
            size_t total = length + slash + strlen(name);
            if (total >= sizeof walk->path) {
                errno = ENAMETOOLONG;
                result = -1;
            } else {
                walk->path[length] = '/';
                strcpy(walk->path + length + slash, name);
                struct FTW below = {(int)(length + slash), place.level + 1};
                result = visit(walk, total, below, here);
                walk->path[length] = 0;
            }
        }
        free(list[i]);
    }
    free(list);
    return result;
}

/* With FTW_CHDIR the walk stands in the directory while its entries are visited. */
static int enter(struct walk *walk, size_t length, struct FTW place, const struct ancestor *here,
                 struct dirent **list, int count)
{
    if (!(walk->flags & FTW_CHDIR))
        return visit_entries(walk, length, place, here, list, count);
    int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (back < 0 || chdir(place.level ? walk->path + place.base : walk->path) < 0)
        return -1;
    int result = visit_entries(walk, length, place, here, list, count);
    int error = errno;
    if (fchdir(back) < 0)
        result = -1;
    close(back);
    errno = error;
    return result;
}

static int visit(struct walk *walk, size_t length, struct FTW place, const struct ancestor *above)
{
    struct stat status;
    bool relative = walk->flags & FTW_CHDIR && place.level > 0;
    const char *access = relative ? walk->path + place.base : walk->path;
    memset(&status, 0, sizeof status);
    int type = classify(walk, access, &status);
    if (type < 0)
        return -1;
    if (place.level == 0)
        walk->device = status.st_dev;
    if (walk->flags & FTW_MOUNT && status.st_dev != walk->device)
        return 0;
    if (type != FTW_D && type != FTW_DP)
        return walk->function(walk->path, &status, type, &place);
    if (!(walk->flags & FTW_PHYS) && is_cycle(above, &status))
        return 0;
    struct ancestor here = {above, status.st_dev, status.st_ino};
    struct dirent **list;
    int count = scandir(access, &list, NULL, NULL);
    if (count < 0)
        return errno == EACCES ? walk->function(walk->path, &status, FTW_DNR, &place) : -1;
    int result = type == FTW_D ? walk->function(walk->path, &status, type, &place) : 0;
    if (result == 0) {
        result = enter(walk, length, place, &here, list, count);
    } else {
        while (count > 0)
            free(list[--count]);
        free(list);
    }
    if (result == 0 && type == FTW_DP)
        result = walk->function(walk->path, &status, type, &place);
    return result;
}

int nftw(const char *path, int (*function)(const char *, const struct stat *, int, struct FTW *),
         int descriptors, int flags)
{
    struct walk walk = {.function = function, .flags = flags};
    size_t length = strlen(path);
    if (descriptors < 1 || length == 0 || length >= sizeof walk.path) {
        errno = descriptors < 1 ? EINVAL : length ? ENAMETOOLONG : ENOENT;
        return -1;
    }
    strcpy(walk.path, path);
    while (length > 1 && walk.path[length - 1] == '/')
        walk.path[--length] = 0;
    const char *slash = strrchr(walk.path, '/');
    struct FTW place = {slash && slash[1] ? (int)(slash + 1 - walk.path) : 0, 0};
    struct stat status;
    if (lstat(walk.path, &status) < 0 && errno != EACCES)
        return -1;
    return visit(&walk, length, place, NULL);
}

int ftw(const char *path, int (*function)(const char *, const struct stat *, int), int descriptors)
{
    /* The older function sees fewer kinds and no place; its arguments are the first three. */
    return nftw(
        path,
        (int (*)(const char *, const struct stat *, int, struct FTW *))(void (*)(void))function,
        descriptors, 0);
}
