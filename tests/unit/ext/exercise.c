/* SPDX-License-Identifier: MIT */
#include "exercise.h"

#include <stdio.h>
#include <string.h>

#define VISITS_MAX 60
#define NAMES_MAX  12

struct found {
    uint32_t count, ino[NAMES_MAX];
    char name[NAMES_MAX][256];
    size_t length[NAMES_MAX];
};

static bool take(void *context, uint32_t ino, uint64_t cookie, uint32_t mode, const char *name,
                 size_t length)
{
    struct found *found = context;
    (void)cookie;
    (void)mode;
    if (found->count == NAMES_MAX)
        return false;
    found->ino[found->count] = ino;
    found->length[found->count] = length;
    memcpy(found->name[found->count++], name, length);
    return true;
}

/* Errors are what is expected here: that nothing else happens, the sanitizers see. */
static void ignore(status_t status)
{
    (void)status;
}

static void use_file(struct ext_fs *fs, uint32_t ino, uint64_t size)
{
    static uint8_t bytes[20000];
    uint32_t done;
    ignore(ext_read(fs, ino, 0, bytes, sizeof bytes, &done));
    ignore(ext_read(fs, ino, size > 3000 ? size - 3000 : 0, bytes, 3000, &done));
    ignore(ext_write(fs, ino, 700, bytes, 9000, &done));
    ignore(ext_write(fs, ino, size + 5000, bytes, 3000, &done));
    ignore(ext_truncate(fs, ino, size / 2));
}

static void use_inode(struct ext_fs *fs, uint32_t ino)
{
    char text[4096];
    size_t length;
    struct ext_attributes attributes;
    if (ext_get_attributes(fs, ino, &attributes) != OK)
        return;
    ignore(ext_read_link(fs, ino, text, sizeof text, &length));
    ignore(ext_get_xattr(fs, ino, "user.a", 6, text, sizeof text, &length));
    ignore(ext_get_xattr(fs, ino, "security.capability", 19, text, sizeof text, &length));
    ignore(ext_list_xattrs(fs, ino, text, sizeof text, &length));
    ignore(ext_set_xattr(fs, ino, "user.b", 6, text, 20 + ino % 100, 0));
    ignore(ext_set_xattr(fs, ino, "user.c", 6, text, 600, 0));
    ignore(ext_remove_xattr(fs, ino, "user.b", 6));
    attributes.mode ^= 0111;
    ignore(ext_set_attributes(fs, ino, EXT_SET_MODE | EXT_SET_MTIME, &attributes));
    if ((attributes.mode & 0170000) == 0100000)
        use_file(fs, ino, attributes.size);
}

static void add_names(struct ext_fs *fs, uint32_t directory)
{
    for (uint32_t i = 0; i < 6; i++) {
        char name[256], target[200];
        uint32_t ino;
        memset(name, 'n', sizeof name);
        memset(target, 't', sizeof target);
        struct ext_create create = {.name = name,
                                    .length = (size_t)snprintf(name, sizeof name, "x%u", i),
                                    .target = target,
                                    .target_length = sizeof target};
        if (i > 3)
            create.length = 240 + i;
        create.mode = i == 0 ? 0040755 : i == 1 ? 0120777 : 0100644;
        ignore(ext_create(fs, directory, &create, &ino));
    }
}

static void change_names(struct ext_fs *fs, uint32_t directory, const struct found *found)
{
    uint32_t replaced;
    bool last;
    for (uint32_t i = 0; i + 1 < found->count; i += 2) {
        struct ext_rename rename = {directory,          directory,        found->name[i],
                                    found->name[i + 1], found->length[i], found->length[i + 1],
                                    i % 4 == 2};
        if (ext_rename(fs, &rename, &replaced) == OK && replaced != 0)
            ignore(ext_release(fs, replaced));
        ignore(ext_link(fs, directory, "linked", 6, found->ino[i]));
        if (ext_unlink(fs, directory, found->name[i + 1], found->length[i + 1], &last) == OK &&
            last)
            ignore(ext_release(fs, found->ino[i]));
    }
}

static void visit(struct ext_fs *fs, uint32_t directory, uint32_t *visits)
{
    struct found found = {0};
    uint32_t ino;
    if (++*visits > VISITS_MAX)
        return;
    ignore(ext_lookup(fs, directory, "nothing", 7, &ino));
    ignore(ext_read_directory(fs, directory, 0, take, &found));
    for (uint32_t i = 0; i < found.count; i++) {
        ignore(ext_lookup(fs, directory, found.name[i], found.length[i], &ino));
        use_inode(fs, found.ino[i]);
        if (found.name[i][0] != '.')
            visit(fs, found.ino[i], visits);
    }
    add_names(fs, directory);
    change_names(fs, directory, &found);
}

void exercise_image(const struct ext_device *device)
{
    struct ext_fs *fs;
    struct ext_statistics statistics;
    uint32_t visits = 0;
    if (ext_mount(device, 0, &fs) != OK)
        return;
    ext_get_statistics(fs, &statistics);
    visit(fs, EXT_ROOT, &visits);
    ignore(ext_commit(fs));
    ignore(ext_unmount(fs));
}
