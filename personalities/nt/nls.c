/* SPDX-License-Identifier: MIT */
/*
 * National language files: each process maps half a dozen of them when it starts. Which memory holds
 * a file is remembered, and right as long as the file is as it was then.
 */
#include <personalities/nt/section.h>

#include <ipc/call.h>

#include <stdio.h>
#include <string.h>

#define DIRECTORY  "/c/windows/system32/"
#define NAME_MAX   24 /* with the NUL */
#define REMEMBERED 16

static struct nls_file {
    char name[NAME_MAX];
    uint64_t ino, mtime, size;
    uint32_t device;
    handle_t vmo; /* HANDLE_NONE: free */
    bool coherent;
} files[REMEMBERED];
static uint32_t next_file;

static bool is_same(const struct nls_file *file, const char *name, const struct fs_attr *attr)
{
    return file->vmo && strcmp(file->name, name) == 0 && file->ino == attr->ino &&
           file->device == attr->device && file->mtime == attr->mtime && file->size == attr->size;
}

/* The place of a file: where it was before, or that of the one that came first. */
static struct nls_file *place_of(const char *name)
{
    for (uint32_t i = 0; i < REMEMBERED; i++)
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    return &files[next_file++ % REMEMBERED];
}

static void keep(const char *name, const struct fs_attr *attr,
                 const struct section_content *content)
{
    struct nls_file *file = place_of(name);
    handle_drop(&file->vmo);
    *file = (struct nls_file){.ino = attr->ino,
                              .mtime = attr->mtime,
                              .size = attr->size,
                              .device = attr->device,
                              .vmo = handle_copy(content->vmo),
                              .coherent = content->coherent};
    strlcpy(file->name, name, sizeof file->name);
}

/* The memory of the open file in *content. */
static NTSTATUS find_content(const char *name, const struct fs_attr *attr,
                             struct section_content *content)
{
    for (uint32_t i = 0; i < REMEMBERED; i++) {
        if (!is_same(&files[i], name, attr))
            continue;
        content->vmo = handle_copy(files[i].vmo);
        content->size = files[i].size;
        content->coherent = files[i].coherent;
        return content->vmo ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    status_t status = BLOCKING(
        fs_client_vmo(content->node, PROT_R, &content->vmo, &content->size, &content->coherent));
    if (status == OK && content->size == attr->size)
        keep(name, attr, content);
    return nt_status(status);
}

static NTSTATUS map_nls(struct nt_process *process, const char *name, uint32_t *base,
                        uint32_t *size)
{
    char path[sizeof DIRECTORY + NAME_MAX];
    struct fs_attr attr;
    struct section_content content = {.path = path};
    snprintf(path, sizeof path, DIRECTORY "%s", name);
    status_t opened = BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, strlen(path),
                                              FS_O_READ | FS_O_NOCASE, 0, &content.node, &attr));
    if (opened != OK)
        return opened == ERR_NOT_FOUND ? STATUS_OBJECT_NAME_NOT_FOUND : nt_status(opened);
    NTSTATUS status = find_content(name, &attr, &content);
    if (status) {
        handle_drop(&content.node);
        return status;
    }
    *size = (uint32_t)content.size;
    return section_map_content(process, &content, base);
}

static bool normalisation_name(uint32_t form, char *name, size_t size)
{
    static const char *const forms[] = {
        [1] = "nfc", [2] = "nfd", [5] = "nfkc", [6] = "nfkd", [13] = "idna"};
    if (form >= sizeof forms / sizeof forms[0] || !forms[form])
        return false;
    snprintf(name, size, "norm%s.nls", forms[form]);
    return true;
}

enum { NLS_SORT = 9, NLS_CASEMAP = 10, NLS_CODEPAGE = 11, NLS_NORMALIZE = 12 };

NTSTATUS nt_get_nls_section_ptr(struct call *call)
{
    char name[NAME_MAX];
    uint32_t id = call->args[1], base, size;
    if (call->args[0] == NLS_SORT && id == 0)
        strcpy(name, "sortdefault.nls");
    else if (call->args[0] == NLS_CASEMAP && id == 0)
        strcpy(name, "l_intl.nls");
    else if (call->args[0] == NLS_CODEPAGE)
        snprintf(name, sizeof name, "c_%03u.nls", id);
    else if (call->args[0] != NLS_NORMALIZE)
        return STATUS_INVALID_PARAMETER_1;
    else if (!normalisation_name(id, name, sizeof name))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    NTSTATUS status = map_nls(call->process, name, &base, &size);
    if (!status)
        status = guest_write32(call->args[3], base);
    if (!status)
        status = guest_return32(call->args[4], size);
    return status;
}

NTSTATUS nt_initialize_nls_files(struct call *call)
{
    uint32_t base, size;
    NTSTATUS status = map_nls(call->process, "locale.nls", &base, &size);
    if (!status)
        status = guest_write32(call->args[0], base);
    if (!status)
        status = guest_write32(call->args[1], 0x409);
    return status;
}
