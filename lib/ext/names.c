/* SPDX-License-Identifier: MIT */
/* What names lead to, and every change of names: one operation each. */
#include <string.h>

#include "internal.h"

/* ---- looking up ------------------------------------------------------------------------------------- */

static status_t open_directory(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref)
{
    status_t status = ext_open(fs, ino, ref);
    if (status == OK && !ext_is_type(ref, EXT_TYPE_DIRECTORY)) {
        ext_close(ref);
        return ERR_NOT_DIRECTORY;
    }
    return status;
}

/* To change it: one that has been removed takes no more names. */
static status_t open_to_change(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref)
{
    status_t status = open_directory(fs, ino, ref);
    if (status != OK)
        return status;
    status = ref->inode->links == 0 ? ERR_NOT_FOUND : ext_inode_change(ref);
    if (status != OK)
        ext_close(ref);
    return status;
}

status_t ext_lookup(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                    uint32_t *ino)
{
    struct ext_ref ref;
    if (length == 0 || length > EXT_NAME_MAX)
        return length == 0 ? ERR_NOT_FOUND : ERR_NAME_TOO_LONG;
    status_t status = open_directory(fs, directory, &ref);
    if (status != OK)
        return status;
    status = ref.inode->links == 0 ? ERR_NOT_FOUND : ext_entry_find(&ref, name, length, ino);
    ext_close(&ref);
    return status;
}

status_t ext_read_link(struct ext_fs *fs, uint32_t ino, char *to, size_t size, size_t *length)
{
    struct ext_ref ref;
    struct ext_mapping mapping;
    struct ext_buffer *buffer;
    status_t status = ext_open(fs, ino, &ref);
    if (status != OK)
        return status;
    *length = ref.inode->size_lo;
    if (!ext_is_type(&ref, EXT_TYPE_LINK)) {
        status = ERR_INVALID_ARGUMENT;
    } else if (*length == 0 || *length >= fs->block_size) {
        status = ext_damaged(fs);
    } else if (*length > size) {
        status = ERR_NAME_TOO_LONG;
    } else if (ext_link_is_fast(&ref)) {
        memcpy(to, ref.inode->block, *length);
    } else if (ext_is_inline(&ref)) {
        status = ext_inline_read(&ref, 0, (uint8_t *)to, (uint32_t)*length);
    } else {
        status = ext_map(&ref, 0, 1, &mapping);
        if (status == OK && (mapping.physical == 0 || mapping.unwritten))
            status = ext_damaged(fs);
        if (status == OK)
            status = ext_get(fs, mapping.physical, KIND_PLAIN, 0, &buffer);
        if (status == OK) {
            memcpy(to, buffer->data, *length);
            ext_put(fs, buffer);
        }
    }
    ext_close(&ref);
    return status;
}

/* ---- links ------------------------------------------------------------------------------------------ */

/* One more directory in there. A directory with more than can be counted says 1 from then on. */
static status_t count_up(struct ext_ref *directory)
{
    if (directory->inode->links == 1)
        return OK;
    if (directory->inode->links + 1u < EXT_LINK_MAX)
        directory->inode->links++;
    else if (directory->fs->ro_compat & EXT_DIR_NLINK)
        directory->inode->links = 1;
    else
        return ERR_TOO_MANY_LINKS;
    return OK;
}

static void count_down(struct ext_ref *directory)
{
    if (directory->inode->links > 2)
        directory->inode->links--;
}

static void changed_now(struct ext_ref *ref, uint32_t times)
{
    ext_touch(ref, times, ext_now(ref->fs));
    ext_inode_changed(ref);
}

/* ---- making ----------------------------------------------------------------------------------------- */

struct create {
    uint32_t directory;
    const struct ext_create *what;
    uint32_t ino;
};

static void set_device(struct ext_inode *inode, uint32_t device)
{
    uint32_t major = device >> 8 & 0xFFF, minor = (device & 0xFF) | (device >> 12 & 0xFFF00);
    if (major < 256 && minor < 256)
        inode->block[0] = major << 8 | minor;
    else
        inode->block[1] = device;
}

static void fill_inode(struct ext_ref *ref, const struct ext_create *what)
{
    struct ext_inode *inode = ref->inode;
    uint32_t type = what->mode & EXT_TYPE_MASK;
    bool mapped = type == EXT_TYPE_FILE || type == EXT_TYPE_DIRECTORY ||
                  (type == EXT_TYPE_LINK && what->target_length >= sizeof inode->block);
    inode->mode = (uint16_t)what->mode;
    inode->uid_lo = (uint16_t)what->uid;
    inode->uid_hi = (uint16_t)(what->uid >> 16);
    inode->gid_lo = (uint16_t)what->gid;
    inode->gid_hi = (uint16_t)(what->gid >> 16);
    inode->links = 1;
    if (type == EXT_TYPE_BLOCK || type == EXT_TYPE_CHARACTER)
        set_device(inode, what->rdev);
    if (mapped && (ref->fs->incompat & EXT_EXTENTS))
        ext_extent_init(inode);
    ext_touch(ref, TOUCH_ATIME | TOUCH_MTIME | TOUCH_CTIME | TOUCH_CREATED, ext_now(ref->fs));
}

static status_t fill_link(struct ext_ref *ref, const struct ext_create *what)
{
    struct ext_fs *fs = ref->fs;
    struct ext_mapping mapping;
    struct ext_buffer *buffer;
    if (what->target_length == 0 || what->target_length >= fs->block_size)
        return ERR_NAME_TOO_LONG;
    if (what->target_length < sizeof ref->inode->block) {
        memcpy(ref->inode->block, what->target, what->target_length);
        ext_inode_set_size(ref, what->target_length);
        return OK;
    }
    ext_inode_set_size(ref, what->target_length);
    status_t status = ext_map_for_write(ref, 0, 1, &mapping);
    if (status == OK)
        status = ext_get_new(fs, mapping.physical, KIND_PLAIN, 0, &buffer);
    if (status != OK)
        return status;
    memcpy(buffer->data, what->target, what->target_length);
    ext_put(fs, buffer);
    return OK;
}

static status_t fill_directory(struct ext_ref *ref, struct ext_ref *parent)
{
    struct ext_buffer *buffer;
    uint32_t logical;
    status_t status = ext_directory_append(ref, &logical, &buffer);
    if (status != OK)
        return status;
    bool fits = ext_block_insert(ref->fs, buffer->data, ".", 1, ref->ino, EXT_TYPE_DIRECTORY) &&
                ext_block_insert(ref->fs, buffer->data, "..", 2, parent->ino, EXT_TYPE_DIRECTORY);
    ext_put(ref->fs, buffer);
    ref->inode->links = 2;
    return fits ? count_up(parent) : ext_damaged(ref->fs);
}

static status_t fill(struct ext_ref *ref, struct ext_ref *parent, const struct ext_create *what)
{
    fill_inode(ref, what);
    if (ext_is_type(ref, EXT_TYPE_LINK))
        return fill_link(ref, what);
    return ext_is_type(ref, EXT_TYPE_DIRECTORY) ? fill_directory(ref, parent) : OK;
}

static status_t create_in(struct ext_ref *directory, struct create *create)
{
    struct ext_fs *fs = directory->fs;
    const struct ext_create *what = create->what;
    struct ext_ref ref;
    uint32_t other;
    status_t status = ext_entry_find(directory, what->name, what->length, &other);
    if (status != ERR_NOT_FOUND)
        return status == OK ? ERR_ALREADY_EXISTS : status;
    status = ext_allocate_inode(fs, directory->ino,
                                (what->mode & EXT_TYPE_MASK) == EXT_TYPE_DIRECTORY, &create->ino);
    if (status == OK)
        status = ext_open_new(fs, create->ino, &ref);
    if (status != OK)
        return status;
    status = fill(&ref, directory, what);
    if (status == OK)
        status = ext_entry_add(directory, what->name, what->length, create->ino, what->mode);
    ext_inode_changed(&ref);
    ext_close(&ref);
    return status;
}

static status_t create_operation(struct ext_fs *fs, void *context)
{
    struct create *create = context;
    struct ext_ref directory;
    status_t status = open_to_change(fs, create->directory, &directory);
    if (status != OK)
        return status;
    status = create_in(&directory, create);
    if (status == OK)
        changed_now(&directory, TOUCH_MTIME | TOUCH_CTIME);
    ext_close(&directory);
    return status;
}

status_t ext_create(struct ext_fs *fs, uint32_t directory, const struct ext_create *what,
                    uint32_t *ino)
{
    struct create create = {.directory = directory, .what = what};
    if (what->length == 0 || what->length > EXT_NAME_MAX)
        return ERR_NAME_TOO_LONG;
    status_t status = ext_run(fs, create_operation, &create);
    if (status == OK)
        *ino = create.ino;
    return status;
}

struct named {
    uint32_t directory, ino;
    const char *name;
    size_t length;
    bool last;
};

static status_t link_to(struct ext_ref *directory, const struct named *named)
{
    struct ext_ref ref;
    uint32_t other;
    status_t status = ext_entry_find(directory, named->name, named->length, &other);
    if (status != ERR_NOT_FOUND)
        return status == OK ? ERR_ALREADY_EXISTS : status;
    status = ext_open(directory->fs, named->ino, &ref);
    if (status != OK)
        return status;
    if (ext_is_type(&ref, EXT_TYPE_DIRECTORY))
        status = ERR_NOT_PERMITTED;
    else if (ref.inode->links >= EXT_LINK_MAX)
        status = ERR_TOO_MANY_LINKS;
    else
        status = ext_inode_change(&ref);
    if (status == OK && ref.inode->links == 0) /* it is open and gets a name again */
        status = ext_orphan_remove(&ref);
    if (status == OK)
        status = ext_entry_add(directory, named->name, named->length, named->ino, ref.inode->mode);
    if (status == OK) {
        ref.inode->links++;
        changed_now(&ref, TOUCH_CTIME);
    }
    ext_close(&ref);
    return status;
}

static status_t link_operation(struct ext_fs *fs, void *context)
{
    const struct named *named = context;
    struct ext_ref directory;
    status_t status = open_to_change(fs, named->directory, &directory);
    if (status != OK)
        return status;
    status = link_to(&directory, named);
    if (status == OK)
        changed_now(&directory, TOUCH_MTIME | TOUCH_CTIME);
    ext_close(&directory);
    return status;
}

status_t ext_link(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                  uint32_t ino)
{
    struct named named = {.directory = directory, .ino = ino, .name = name, .length = length};
    return ext_run(fs, link_operation, &named);
}

/* ---- removing --------------------------------------------------------------------------------------- */

/* An inode loses one name, which was in this directory. *last: it has no other. */
static status_t drop_link(struct ext_ref *directory, uint32_t ino, bool *last)
{
    struct ext_ref ref;
    bool empty = true;
    status_t status = ext_open(directory->fs, ino, &ref);
    if (status != OK)
        return status;
    bool is_directory = ext_is_type(&ref, EXT_TYPE_DIRECTORY);
    if (ref.inode->links == 0 || ino == EXT_ROOT || ino == directory->ino)
        status = ext_damaged(ref.fs);
    if (status == OK && is_directory)
        status = ext_directory_is_empty(&ref, &empty);
    if (status == OK)
        status = empty ? ext_inode_change(&ref) : ERR_NOT_EMPTY;
    if (status == OK) {
        ref.inode->links = is_directory ? 0 : (uint16_t)(ref.inode->links - 1);
        *last = ref.inode->links == 0;
        if (is_directory)
            count_down(directory);
        if (*last)
            status = ext_orphan_add(&ref);
        changed_now(&ref, TOUCH_CTIME);
    }
    ext_close(&ref);
    return status;
}

static status_t unlink_operation(struct ext_fs *fs, void *context)
{
    struct named *named = context;
    struct ext_ref directory;
    status_t status = open_to_change(fs, named->directory, &directory);
    if (status != OK)
        return status;
    status = ext_entry_find(&directory, named->name, named->length, &named->ino);
    if (status == OK)
        status = drop_link(&directory, named->ino, &named->last);
    if (status == OK)
        status = ext_entry_remove(&directory, named->name, named->length);
    if (status == OK)
        changed_now(&directory, TOUCH_MTIME | TOUCH_CTIME);
    ext_close(&directory);
    return status;
}

status_t ext_unlink(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                    bool *last)
{
    struct named named = {.directory = directory, .name = name, .length = length};
    if (length == 0 || length > EXT_NAME_MAX)
        return ERR_NOT_FOUND;
    if (ext_is_dots(name, length))
        return ERR_INVALID_ARGUMENT;
    status_t status = ext_run(fs, unlink_operation, &named);
    *last = status == OK && named.last;
    return status;
}

/* ---- renaming --------------------------------------------------------------------------------------- */

struct renaming {
    const struct ext_rename *what;
    struct ext_ref *from, *to; /* the same one if it is one directory */
    uint32_t ino, other;       /* what the names lead to; other 0: nothing */
    uint32_t replaced;
};

/* A directory has another parent now. */
static status_t set_parent(struct ext_ref *ref, struct ext_ref *from, struct ext_ref *to)
{
    if (from == to || !ext_is_type(ref, EXT_TYPE_DIRECTORY))
        return OK;
    count_down(from);
    status_t status = count_up(to);
    return status == OK ? ext_entry_set(ref, "..", 2, to->ino, EXT_TYPE_DIRECTORY) : status;
}

static status_t replace(struct renaming *renaming, struct ext_ref *ref)
{
    const struct ext_rename *what = renaming->what;
    bool last = false;
    status_t status = drop_link(renaming->to, renaming->other, &last);
    if (status == OK && last)
        renaming->replaced = renaming->other;
    if (status == OK)
        status = ext_entry_set(renaming->to, what->new_name, what->new_length, renaming->ino,
                               ref->inode->mode);
    return status;
}

static status_t exchange(struct renaming *renaming, struct ext_ref *ref)
{
    const struct ext_rename *what = renaming->what;
    struct ext_ref other;
    if (renaming->other == 0)
        return ERR_NOT_FOUND;
    status_t status = ext_open(ref->fs, renaming->other, &other);
    if (status != OK)
        return status;
    status = ext_inode_change(&other);
    if (status == OK)
        status = ext_entry_set(renaming->to, what->new_name, what->new_length, renaming->ino,
                               ref->inode->mode);
    if (status == OK)
        status = ext_entry_set(renaming->from, what->old_name, what->old_length, renaming->other,
                               other.inode->mode);
    if (status == OK)
        status = set_parent(&other, renaming->to, renaming->from);
    if (status == OK)
        changed_now(&other, TOUCH_CTIME);
    ext_close(&other);
    return status;
}

static status_t move(struct renaming *renaming, struct ext_ref *ref)
{
    const struct ext_rename *what = renaming->what;
    status_t status;
    if (renaming->other != 0)
        status = replace(renaming, ref);
    else
        status = ext_entry_add(renaming->to, what->new_name, what->new_length, renaming->ino,
                               ref->inode->mode);
    if (status == OK)
        status = ext_entry_remove(renaming->from, what->old_name, what->old_length);
    return status;
}

static status_t rename_between(struct renaming *renaming)
{
    const struct ext_rename *what = renaming->what;
    struct ext_ref ref;
    status_t status =
        ext_entry_find(renaming->from, what->old_name, what->old_length, &renaming->ino);
    if (status != OK)
        return status;
    status = ext_entry_find(renaming->to, what->new_name, what->new_length, &renaming->other);
    if (status == ERR_NOT_FOUND)
        renaming->other = 0;
    else if (status != OK || renaming->other == renaming->ino)
        return status;
    status = ext_open(renaming->from->fs, renaming->ino, &ref);
    if (status != OK)
        return status;
    status = ref.inode->links == 0 || renaming->ino == renaming->to->ino ? ext_damaged(ref.fs)
                                                                         : ext_inode_change(&ref);
    if (status == OK)
        status = what->exchange ? exchange(renaming, &ref) : move(renaming, &ref);
    if (status == OK)
        status = set_parent(&ref, renaming->from, renaming->to);
    if (status == OK)
        changed_now(&ref, TOUCH_CTIME);
    ext_close(&ref);
    return status;
}

static status_t rename_operation(struct ext_fs *fs, void *context)
{
    struct renaming *renaming = context;
    const struct ext_rename *what = renaming->what;
    struct ext_ref from, to;
    bool two = what->old_directory != what->new_directory;
    status_t status = open_to_change(fs, what->old_directory, &from);
    if (status != OK)
        return status;
    status = two ? open_to_change(fs, what->new_directory, &to) : OK;
    if (status == OK) {
        renaming->from = &from;
        renaming->to = two ? &to : &from;
        status = rename_between(renaming);
        if (status == OK)
            changed_now(&from, TOUCH_MTIME | TOUCH_CTIME);
        if (status == OK && two)
            changed_now(&to, TOUCH_MTIME | TOUCH_CTIME);
        if (two)
            ext_close(&to);
    }
    ext_close(&from);
    return status;
}

static bool is_name(const char *name, size_t length)
{
    return length > 0 && length <= EXT_NAME_MAX && !ext_is_dots(name, length);
}

status_t ext_rename(struct ext_fs *fs, const struct ext_rename *rename, uint32_t *replaced)
{
    struct renaming renaming = {.what = rename};
    if (!is_name(rename->old_name, rename->old_length) ||
        !is_name(rename->new_name, rename->new_length))
        return ERR_INVALID_ARGUMENT;
    status_t status = ext_run(fs, rename_operation, &renaming);
    *replaced = status == OK ? renaming.replaced : 0;
    return status;
}
