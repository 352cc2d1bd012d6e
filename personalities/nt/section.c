/* SPDX-License-Identifier: MIT */
/* Section objects: made over an image, a file or memory, and made again from a snapshot. Views: section_view.c. */
#include <personalities/nt/section.h>

#include <ipc/call.h>
#include <personalities/nt/file.h>
#include <personalities/nt/path.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define USE_BUCKETS 64u
static struct list uses[USE_BUCKETS];

static struct list *use_bucket(uint64_t ino)
{
    struct list *bucket = &uses[ino % USE_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static void use_file(struct section *section, uint64_t ino, uint32_t device)
{
    section->ino = ino;
    section->device = device;
    list_append(use_bucket(ino), &section->use);
}

uint32_t section_file_uses(uint64_t ino, uint32_t device)
{
    uint32_t found = 0;
    list_each(section, use_bucket(ino), struct section, use)
    {
        if (section->ino != ino || section->device != device)
            continue;
        found |= section->image ? FILE_USE_IMAGE : FILE_USE_DATA;
        found |= !section->image && protect_writes(section->protect) ? FILE_USE_WRITE : 0;
    }
    return found;
}

static void section_destroy(struct object *object)
{
    struct section *section = section_of(object);
    list_remove(&section->use);
    image_release(section->image);
    handle_drop(&section->vmo);
    handle_drop(&section->node);
    free(section->file_name);
    free(section);
}

static void section_save(struct object *object, struct save *save)
{
    const struct section *section = section_of(object);
    struct snapshot *snapshot = &save->snapshot;
    const WCHAR *name = section->file_name;
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, section->size);
    snap_put_u32(snapshot, SNAP_OBJECT_PROTECT, section->protect);
    snap_put_u32(snapshot, SNAP_OBJECT_OPTIONS, section->flags);
    save_text(save, SNAP_OBJECT_PATH, (struct text){name, name ? text_length(name) : 0});
    if (section->vmo && !section->node)
        save_content(save, section->vmo, section->size);
}

static NTSTATUS section_restore(struct restore *restore, const struct snap_note *note,
                                struct object **result);

const struct nt_type section_type = {
    .name = L"Section",
    .number = TYPE_SECTION,
    .more_access = SYNCHRONIZE,
    .mapping = {STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ,
                STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE,
                STANDARD_RIGHTS_EXECUTE | SECTION_MAP_EXECUTE, SECTION_ALL_ACCESS},
    .destroy = section_destroy,
    .save = section_save,
    .restore = section_restore,
};

struct section *section_new(uint32_t protect, uint32_t flags)
{
    struct section *section = calloc(1, sizeof *section);
    if (!section)
        return NULL;
    object_init(&section->object, &section_type);
    list_init(&section->use);
    section->protect = protect;
    section->flags = flags;
    return section;
}

NTSTATUS section_create_image(struct image *image, const WCHAR *file_name, struct object **result)
{
    struct section *section = section_new(PAGE_EXECUTE, SEC_IMAGE);
    if (!section) {
        image_release(image);
        return STATUS_NO_MEMORY;
    }
    section->image = image;
    section->size = image->plan.image_size;
    use_file(section, image->ino, image->device);
    section->file_name =
        file_name ? text_copy((struct text){file_name, text_length(file_name)}) : NULL;
    *result = &section->object;
    return STATUS_SUCCESS;
}

/* ---- creation ---- */

static NTSTATUS fill_image(struct section *section, handle_t node, const struct fs_attr *attr)
{
    NTSTATUS status = image_open(node, attr, &section->image);
    if (status)
        return status;
    section->size = section->image->plan.image_size;
    use_file(section, attr->ino, attr->device);
    return STATUS_SUCCESS;
}

static NTSTATUS extend_file(handle_t node, uint64_t size)
{
    struct fs_attr attr = {.size = size}, result;
    return nt_status(BLOCKING(fs_client_setattr(node, FS_ATTR_SIZE, &attr, &result)));
}

/*
 * The file as long as the section is there, which outlives the file object: one that only reads neither
 * writes nor denies writing.
 */
static NTSTATUS keep_file(struct section *section, handle_t node)
{
    if (!protect_writes(section->protect))
        return nt_status(BLOCKING(fs_client_reopen(node, FS_O_READ, &section->node)));
    section->node = handle_copy(node);
    return section->node ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS fill_file(struct section *section, handle_t node, uint64_t size)
{
    struct fs_attr attr;
    uint64_t vmo_size;
    uint32_t prot = PROT_R | (protect_writes(section->protect) ? PROT_W : 0);
    NTSTATUS status = nt_status(BLOCKING(fs_client_stat(node, &attr)));
    if (status)
        return status;
    if (size == 0 && attr.size == 0)
        return STATUS_MAPPED_FILE_SIZE_ZERO;
    if (size > attr.size) {
        if (!protect_writes(section->protect))
            return STATUS_SECTION_TOO_BIG;
        status = extend_file(node, size);
    }
    if (!status)
        status = nt_status(
            BLOCKING(fs_client_vmo(node, prot, &section->vmo, &vmo_size, &section->coherent)));
    section->size = size ? size : attr.size;
    if (!status)
        status = keep_file(section, node);
    if (!status)
        use_file(section, attr.ino, attr.device);
    return status;
}

static NTSTATUS fill_memory(struct section *section, uint64_t size)
{
    if (size == 0 || size >= NT_GUEST_LIMIT)
        return STATUS_INVALID_PARAMETER_4;
    section->size = (size + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    return nt_status(vmo_create(0, section->size, &section->vmo));
}

static NTSTATUS fill_section(struct section *section, struct nt_thread *thread, uint32_t handle,
                             uint64_t size)
{
    struct object *object;
    struct fs_attr attr;
    if (!handle)
        return section->flags & SEC_IMAGE ? STATUS_INVALID_FILE_FOR_SECTION
                                          : fill_memory(section, size);
    NTSTATUS status = handle_object(thread, handle, &file_type, 0, &object);
    if (status)
        return status;
    struct nt_file *file = file_of(object);
    if (file->kind != FILE_DISK)
        status = STATUS_INVALID_FILE_FOR_SECTION;
    else if (section->flags & SEC_IMAGE) {
        status = nt_status(ntfile_stat(thread->process, file, &attr));
        if (!status)
            status = fill_image(section, file->node, &attr);
    } else if (protect_writes(section->protect) && !(file->access & FILE_WRITE_DATA))
        status = STATUS_ACCESS_DENIED;
    else
        status = fill_file(section, file->node, size);
    const WCHAR *name = status ? NULL : ntfile_name(file);
    if (name)
        section->file_name = text_copy((struct text){name, text_length(name)});
    object_release(object);
    return status;
}

/* ---- of a snapshot ---- */

/* The file of a section is opened by its name again. */
static NTSTATUS open_named(struct restore *restore, const struct section *section, handle_t *node,
                           struct fs_attr *attr)
{
    char *path;
    struct nt_process *process = restore->process;
    struct text name = {section->file_name, text_length(section->file_name)};
    NTSTATUS status = path_resolve(process, NULL, name, &path);
    if (status)
        return status;
    uint32_t flags = FS_O_READ | FS_O_NOCASE | (protect_writes(section->protect) ? FS_O_WRITE : 0);
    status = nt_status(BLOCKING(
        fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path), flags, 0, node, attr)));
    free(path);
    return status;
}

static NTSTATUS fill_restored(struct restore *restore, struct section *section, uint64_t size)
{
    handle_t node;
    struct fs_attr attr;
    if (!section->file_name)
        return fill_memory(section, size);
    NTSTATUS status = open_named(restore, section, &node, &attr);
    /* An image is all in the snapshot, unless that was taken without text: restore_memory sees to it. */
    if (status)
        return section->flags & SEC_IMAGE ? STATUS_SUCCESS
                                          : restore_refuse(restore, status,
                                                           "a file that was "
                                                           "mapped is not there");
    status = section->flags & SEC_IMAGE ? fill_image(section, node, &attr)
                                        : fill_file(section, node, size);
    handle_drop(&node);
    return status;
}

static NTSTATUS section_restore(struct restore *restore, const struct snap_note *note,
                                struct object **result)
{
    struct section *section = section_new(snap_get_u32(note, SNAP_OBJECT_PROTECT, 0),
                                          snap_get_u32(note, SNAP_OBJECT_OPTIONS, 0));
    uint64_t size = snap_get_u64(note, SNAP_OBJECT_SIZE, 0);
    if (!section)
        return STATUS_NO_MEMORY;
    section->size = size;
    section->file_name = restored_text(note, SNAP_OBJECT_PATH, NULL);
    NTSTATUS status = vm_protect_valid(section->protect & ~(PAGE_NOCACHE | PAGE_WRITECOMBINE))
                          ? fill_restored(restore, section, size)
                          : STATUS_INVALID_PAGE_PROTECTION;
    if (status)
        object_release(&section->object);
    else
        *result = &section->object;
    return status;
}

/* Memory without a file has the content that the snapshot kept of it. */
NTSTATUS section_restore_content(struct object *object, const struct snap_bytes *bytes,
                                 uint32_t size)
{
    const struct section *section = section_of(object);
    uint8_t *page = malloc(PAGE_SIZE);
    NTSTATUS status = !page ? STATUS_NO_MEMORY
                      : !section->vmo || section->node || size > section->size
                          ? STATUS_INVALID_PARAMETER
                          : STATUS_SUCCESS;
    for (uint32_t at = 0; !status && at < size; at += PAGE_SIZE) {
        uint32_t part = size - at < PAGE_SIZE ? size - at : PAGE_SIZE;
        status = nt_status(snap_bytes_read(bytes, at, page, part));
        if (!status)
            status = nt_status(vmo_write(section->vmo, at, page, part));
    }
    free(page);
    return status;
}

/* ---- calls ---- */

NTSTATUS nt_create_section(struct call *call)
{
    int64_t size = 0;
    uint32_t protect = call->args[4], flags = call->args[5];
    if (!vm_protect_valid(protect & ~(PAGE_NOCACHE | PAGE_WRITECOMBINE)) || (protect & PAGE_GUARD))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (!(flags & (SEC_IMAGE | SEC_COMMIT | SEC_RESERVE | SEC_FILE)))
        return STATUS_INVALID_PARAMETER_6;
    NTSTATUS status =
        call->args[3] ? guest_read(&size, call->args[3], sizeof size) : STATUS_SUCCESS;
    if (status)
        return status;
    struct section *section = section_new(protect, flags);
    if (!section)
        return STATUS_NO_MEMORY;
    status = fill_section(section, call->thread, call->args[6], size);
    if (status) {
        object_release(&section->object);
        return status;
    }
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &section->object);
}

NTSTATUS nt_open_section(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &section_type);
}

static NTSTATUS query_image(struct call *call, const struct section *section)
{
    SECTION_IMAGE_INFORMATION info;
    if (!section->image)
        return STATUS_SECTION_NOT_IMAGE;
    image_information(section->image, &info);
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

NTSTATUS nt_query_section(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &section_type, SECTION_QUERY, &object);
    if (status)
        return status;
    struct section *section = section_of(object);
    SECTION_BASIC_INFORMATION basic = {.Attributes =
                                           section->flags | (section->node ? SEC_FILE : 0)};
    basic.Size.QuadPart = section->size;
    if (call->args[1] == SectionBasicInformation)
        status = guest_return(call->args[2], call->args[3], call->args[4], &basic, sizeof basic);
    else if (call->args[1] == SectionImageInformation)
        status = query_image(call, section);
    else
        status = STATUS_INVALID_INFO_CLASS;
    object_release(object);
    return status;
}
