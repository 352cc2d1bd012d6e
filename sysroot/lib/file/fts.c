/* SPDX-License-Identifier: MIT */
/*
 * BSD's walk of file trees. Directories are read whole into lists of entries when they are entered; the
 * working directory is never changed, as with FTS_NOCHDIR, so that fts_accpath is the path.
 */
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef int compare_function(const FTSENT **, const FTSENT **);

struct __fts {
    int options;
    compare_function *compare;
    FTSENT *roots, *current;
    FTSENT root_parent;
    dev_t device;
    bool begun;
};

static FTSENT *make_entry(FTSENT *parent, const char *path, size_t path_length, const char *name)
{
    size_t name_length = strlen(name);
    FTSENT *entry = calloc(1, sizeof *entry + path_length + 1 + name_length + 1);
    if (!entry)
        return NULL;
    entry->fts_path = (char *)(entry + 1);
    memcpy(entry->fts_path, path, path_length);
    entry->fts_name = entry->fts_path + path_length + 1;
    strcpy(entry->fts_name, name);
    entry->fts_accpath = entry->fts_path;
    entry->fts_pathlen = path_length;
    entry->fts_namelen = name_length;
    entry->fts_parent = parent;
    entry->fts_level = parent->fts_level + 1;
    entry->fts_statp = &entry->__stat;
    return entry;
}

static void free_list(FTSENT *entry)
{
    while (entry) {
        FTSENT *next = entry->fts_link;
        free_list(entry->__children);
        free(entry);
        entry = next;
    }
}

static void look_for_cycle(FTSENT *entry)
{
    for (FTSENT *above = entry->fts_parent; above->fts_level >= FTS_ROOTLEVEL;
         above = above->fts_parent)
        if (above->fts_ino == entry->fts_ino && above->fts_dev == entry->fts_dev) {
            entry->fts_info = FTS_DC;
            entry->fts_cycle = above;
            return;
        }
}

static int kind_of(const FTSENT *entry)
{
    const char *name = entry->fts_name;
    mode_t mode = entry->__stat.st_mode;
    if (S_ISDIR(mode)) {
        bool dot = name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
        return dot && entry->fts_level > FTS_ROOTLEVEL ? FTS_DOT : FTS_D;
    }
    return S_ISLNK(mode) ? FTS_SL : S_ISREG(mode) ? FTS_F : FTS_DEFAULT;
}

static void look_at(FTS *fts, FTSENT *entry, bool follow)
{
    follow = follow || fts->options & FTS_LOGICAL;
    int failed =
        follow ? stat(entry->fts_path, &entry->__stat) : lstat(entry->fts_path, &entry->__stat);
    if (failed && follow && lstat(entry->fts_path, &entry->__stat) == 0) {
        entry->fts_info = FTS_SLNONE;
        return;
    }
    if (failed) {
        entry->fts_errno = errno;
        entry->fts_info = FTS_NS;
        return;
    }
    entry->fts_ino = entry->__stat.st_ino;
    entry->fts_dev = entry->__stat.st_dev;
    entry->fts_nlink = entry->__stat.st_nlink;
    entry->fts_info = kind_of(entry);
    if (entry->fts_info == FTS_D)
        look_for_cycle(entry);
}

static FTSENT *sort(FTS *fts, FTSENT *list, size_t count)
{
    if (!fts->compare || count < 2)
        return list;
    FTSENT **array = malloc(count * sizeof *array);
    if (!array)
        return list;
    for (size_t i = 0; i < count; i++, list = list->fts_link)
        array[i] = list;
    qsort(array, count, sizeof *array, (int (*)(const void *, const void *))fts->compare);
    for (size_t i = 0; i < count; i++)
        array[i]->fts_link = i + 1 < count ? array[i + 1] : NULL;
    list = array[0];
    free(array);
    return list;
}

FTS *fts_open(char *const *paths, int options, compare_function *compare)
{
    if (!(options & (FTS_LOGICAL | FTS_PHYSICAL))) {
        errno = EINVAL;
        return NULL;
    }
    FTS *fts = calloc(1, sizeof *fts);
    if (!fts)
        return NULL;
    fts->options = options;
    fts->compare = compare;
    fts->root_parent.fts_level = FTS_ROOTPARENTLEVEL;
    fts->root_parent.fts_parent = &fts->root_parent;
    FTSENT **end = &fts->roots;
    size_t count = 0;
    for (; *paths; paths++, count++) {
        size_t length = strlen(*paths);
        while (length > 1 && (*paths)[length - 1] == '/')
            length--;
        const char *slash = memrchr(*paths, '/', length);
        char name[NAME_MAX + 1] = "";
        const char *base = slash && slash[1] && slash + 1 < *paths + length ? slash + 1 : *paths;
        strncat(name, base,
                (size_t)(*paths + length - base) < NAME_MAX ? (size_t)(*paths + length - base)
                                                            : NAME_MAX);
        FTSENT *entry = make_entry(&fts->root_parent, *paths, length, name);
        if (!entry) {
            fts_close(fts);
            return NULL;
        }
        look_at(fts, entry, options & FTS_COMFOLLOW);
        *end = entry;
        end = &entry->fts_link;
    }
    fts->roots = sort(fts, fts->roots, count);
    return fts;
}

static FTSENT *read_children(FTS *fts, FTSENT *parent)
{
    FTSENT *first = NULL, **end = &first;
    size_t count = 0, length = parent->fts_pathlen;
    DIR *dir = opendir(parent->fts_path);
    if (!dir) {
        parent->fts_errno = errno;
        parent->fts_info = FTS_DNR;
        return NULL;
    }
    for (struct dirent *found; (found = readdir(dir)) != NULL;) {
        bool dot = !strcmp(found->d_name, ".") || !strcmp(found->d_name, "..");
        char path[PATH_MAX];
        size_t name_length = strlen(found->d_name), slash = parent->fts_path[length - 1] != '/';
        if ((dot && !(fts->options & FTS_SEEDOT)) || length + slash + name_length >= sizeof path)
            continue;
        memcpy(path, parent->fts_path, length);
        path[length] = '/';
        strcpy(path + length + slash, found->d_name);
        FTSENT *entry = make_entry(parent, path, length + slash + name_length, found->d_name);
        if (!entry)
            break;
        look_at(fts, entry, false);
        *end = entry;
        end = &entry->fts_link;
        count++;
    }
    closedir(dir);
    return sort(fts, first, count);
}

static bool may_enter(const FTS *fts, const FTSENT *entry)
{
    if (entry->fts_info != FTS_D || entry->fts_instr == FTS_SKIP)
        return false;
    return !(fts->options & FTS_XDEV) || entry->fts_dev == fts->device;
}

static FTSENT *arrive(FTS *fts, FTSENT *entry)
{
    fts->current = entry;
    if (!entry)
        return NULL;
    if (entry->fts_level == FTS_ROOTLEVEL)
        fts->device = entry->fts_dev;
    if (entry->fts_instr == FTS_SKIP) {
        return fts_read(fts);
    }
    if (entry->fts_instr == FTS_FOLLOW) {
        look_at(fts, entry, true);
        entry->fts_instr = 0;
    }
    return entry;
}

FTSENT *fts_read(FTS *fts)
{
    if (!fts->begun) {
        fts->begun = true;
        return arrive(fts, fts->roots);
    }
    FTSENT *entry = fts->current;
    if (!entry)
        return NULL;
    if (entry->fts_instr == FTS_AGAIN) {
        entry->fts_instr = 0;
        look_at(fts, entry, false);
        return entry;
    }
    if (entry->fts_instr == FTS_FOLLOW &&
        (entry->fts_info == FTS_SL || entry->fts_info == FTS_SLNONE)) {
        entry->fts_instr = 0;
        look_at(fts, entry, true);
        return entry;
    }
    if (may_enter(fts, entry)) {
        if (!entry->__children)
            entry->__children = read_children(fts, entry);
        if (entry->fts_info == FTS_DNR)
            return entry;
        if (entry->__children)
            return arrive(fts, entry->__children);
        entry->fts_info = FTS_DP;
        return entry;
    }
    if (entry->fts_info == FTS_D) { /* skipped */
        entry->fts_info = FTS_DP;
        return entry;
    }
    if (entry->fts_link)
        return arrive(fts, entry->fts_link);
    FTSENT *parent = entry->fts_parent;
    if (parent->fts_level == FTS_ROOTPARENTLEVEL)
        return arrive(fts, NULL);
    free_list(parent->__children);
    parent->__children = NULL;
    parent->fts_info = FTS_DP;
    fts->current = parent;
    return parent;
}

FTSENT *fts_children(FTS *fts, int options)
{
    (void)options;
    errno = 0;
    if (!fts->begun)
        return fts->roots;
    FTSENT *entry = fts->current;
    if (!entry || entry->fts_info != FTS_D)
        return NULL;
    if (!entry->__children)
        entry->__children = read_children(fts, entry);
    return entry->__children;
}

int fts_set(FTS *fts, FTSENT *entry, int instruction)
{
    (void)fts;
    if (instruction && instruction != FTS_AGAIN && instruction != FTS_FOLLOW &&
        instruction != FTS_SKIP) {
        errno = EINVAL;
        return 1;
    }
    entry->fts_instr = instruction;
    return 0;
}

int fts_close(FTS *fts)
{
    free_list(fts->roots);
    free(fts);
    return 0;
}
