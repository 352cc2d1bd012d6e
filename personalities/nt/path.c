/* SPDX-License-Identifier: MIT */
/* Names of files. See path.h. */
#include <personalities/nt/path.h>

#include <ipc/call.h>

#include <stdlib.h>
#include <string.h>

#define COMPONENT_MAX 255
#define DRIVE_C       "/c"

static bool char_allowed(WCHAR c)
{
    return c >= ' ' && c != '*' && c != '?' && c != '<' && c != '>' && c != '|' && c != '"' &&
           c != '/';
}

static NTSTATUS check_component(struct text component)
{
    if (component.length > COMPONENT_MAX)
        return STATUS_OBJECT_NAME_INVALID;
    for (uint32_t i = 0; i < component.length; i++)
        if (!char_allowed(component.chars[i]))
            return STATUS_OBJECT_NAME_INVALID;
    bool dots = component.length <= 2 && component.chars[0] == '.' &&
                component.chars[component.length - 1] == '.';
    return dots ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

static struct text next_component(struct text *rest)
{
    uint32_t length = 0;
    while (length < rest->length && rest->chars[length] != '\\')
        length++;
    struct text component = {rest->chars, length};
    *rest = text_skip(*rest, length);
    return component;
}

NTSTATUS path_from_nt(const char *prefix, struct text rest, char **result, bool *trailing_slash)
{
    size_t used = strlen(prefix), size = used + rest.length * 3 + 2;
    char *path = malloc(size);
    NTSTATUS status = STATUS_SUCCESS;
    if (!path)
        return STATUS_NO_MEMORY;
    memcpy(path, prefix, used);
    *trailing_slash = false;
    while (!status && rest.length) {
        while (rest.length && rest.chars[0] == '\\')
            rest = text_skip(rest, 1);
        if (rest.length == 0) {
            *trailing_slash = true;
            break;
        }
        struct text component = next_component(&rest);
        status = component.length ? check_component(component) : STATUS_OBJECT_NAME_INVALID;
        if (status)
            break;
        path[used++] = '/';
        used += utf16_to_utf8(component.chars, component.length, path + used, size - used);
    }
    if (used == 0)
        path[used++] = '/';
    path[used] = 0;
    /* A path that is only the volume's root is its directory, slash or not. */
    if (strcmp(path, prefix) == 0 || used == 1)
        *trailing_slash = false;
    if (status)
        free(path);
    else
        *result = path;
    return status;
}

static bool below_drive_c(const char *path)
{
    size_t length = strlen(DRIVE_C);
    return strncmp(path, DRIVE_C, length) == 0 && (path[length] == '/' || path[length] == 0);
}

WCHAR *path_to_nt(const char *unix_path, uint32_t *length)
{
    bool c = below_drive_c(unix_path);
    const char *rest = c ? unix_path + strlen(DRIVE_C) : unix_path;
    size_t size = strlen(rest);
    WCHAR *path = malloc((size + 4) * sizeof(WCHAR));
    if (!path)
        return NULL;
    path[0] = c ? 'C' : 'Z';
    path[1] = ':';
    size_t count = utf8_to_utf16(rest, size, path + 2, size);
    for (size_t i = 2; i < count + 2; i++)
        if (path[i] == '/')
            path[i] = '\\';
    if (count == 0)
        path[2 + count++] = '\\';
    path[2 + count] = 0;
    if (length)
        *length = count + 2;
    return path;
}

WCHAR *path_object_name(const char *unix_path)
{
    uint32_t length;
    WCHAR *dos = path_to_nt(unix_path, &length);
    WCHAR *name = dos ? malloc((length + 5) * sizeof(WCHAR)) : NULL;
    if (name) {
        memcpy(name, L"\\??\\", 4 * sizeof(WCHAR));
        memcpy(name + 4, dos, (length + 1) * sizeof(WCHAR));
    }
    free(dos);
    return name;
}

WCHAR *path_device_name(const WCHAR *object_name, uint32_t *length)
{
    static const WCHAR device[] = L"\\Device\\HarddiskVolume";
    uint32_t prefix = sizeof device / sizeof(WCHAR) - 1, total = text_length(object_name);
    if (total < 6)
        return NULL;
    WCHAR *name = malloc((prefix + 1 + total) * sizeof(WCHAR));
    if (!name)
        return NULL;
    memcpy(name, device, sizeof device);
    name[prefix] = object_name[4] == 'C' ? '1' : '2';
    memcpy(name + prefix + 1, object_name + 6, (total - 6 + 1) * sizeof(WCHAR));
    *length = prefix + 1 + total - 6;
    return name;
}

/* A name that was not found: is its directory there? */
NTSTATUS path_status(struct nt_process *process, const char *path, status_t status)
{
    struct fs_attr attr;
    if (status == ERR_NOT_DIRECTORY)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (status != ERR_NOT_FOUND)
        return nt_status(status);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] != '/')
        length--;
    status_t parent =
        BLOCKING(fs_client_stat_path(&process->fs, HANDLE_NONE, path, length, FS_O_NOCASE, &attr));
    return parent == OK && ntfile_is_directory(&attr) ? STATUS_OBJECT_NAME_NOT_FOUND
                                                      : STATUS_OBJECT_PATH_NOT_FOUND;
}

static bool is_called(const struct fs_dirent *record, struct text wanted)
{
    uint32_t length;
    WCHAR *name = text_from_utf8(record->name, record->name_length, &length);
    bool same = name && text_equal((struct text){name, length}, wanted);
    free(name);
    return same;
}

static status_t find_name(handle_t directory, struct text wanted, char *name)
{
    struct fs_listing listing;
    const struct fs_dirent *record;
    uint64_t cookie = 0;
    for (;;) {
        status_t status = fs_client_list(directory, cookie, false, &listing);
        if (status != OK || listing.length == 0)
            return status;
        for (uint32_t at = 0; (record = fs_listing_next(&listing, &at, NULL));) {
            if (is_called(record, wanted)) {
                memcpy(name, record->name, record->name_length);
                name[record->name_length] = 0;
                return OK;
            }
            cookie = record->cookie;
        }
    }
}

/* The name in a directory that is the wanted one without case; the wanted one if there is none. */
static status_t true_name(handle_t directory, const char *wanted, char *name)
{
    uint32_t length;
    WCHAR *wide = text_from_utf8(wanted, strlen(wanted), &length);
    status_t status =
        wide ? find_name(directory, (struct text){wide, length}, name) : ERR_NO_MEMORY;
    free(wide);
    return status;
}

NTSTATUS path_split(struct nt_process *process, const char *path, bool exists, handle_t *directory,
                    char *name)
{
    struct fs_attr attr;
    const char *leaf = strrchr(path, '/') + 1;
    size_t length = leaf - path > 1 ? leaf - path - 1 : 1;
    if (strlen(leaf) > FS_NAME_MAX || *leaf == 0)
        return STATUS_OBJECT_NAME_INVALID;
    memcpy(name, leaf, strlen(leaf) + 1);
    status_t status =
        BLOCKING(fs_client_open(&process->fs, HANDLE_NONE, path, length,
                                FS_O_READ | FS_O_DIRECTORY | FS_O_NOCASE, 0, directory, &attr));
    if (status != OK)
        return nt_status(status);
    status = exists ? BLOCKING(fs_client_stat_path(&process->fs, *directory, name, strlen(name),
                                                   FS_O_NOFOLLOW, &attr))
                    : OK;
    if (status == ERR_NOT_FOUND)
        status = BLOCKING(true_name(*directory, leaf, name));
    if (status != OK)
        handle_drop(directory);
    return nt_status(status);
}

ACCESS_MASK map_file_access(ACCESS_MASK access)
{
    const GENERIC_MAPPING *mapping = &file_type.mapping;
    if (access & GENERIC_READ)
        access |= mapping->GenericRead;
    if (access & GENERIC_WRITE)
        access |= mapping->GenericWrite;
    if (access & GENERIC_EXECUTE)
        access |= mapping->GenericExecute;
    if (access & (GENERIC_ALL | MAXIMUM_ALLOWED))
        access |= mapping->GenericAll;
    return access & 0x01ffffff;
}
