/* SPDX-License-Identifier: MIT */
/* Names of files: NT paths below a volume and Unix paths. C: is /c, Z: is the root. */
#ifndef NT_PATH_H
#define NT_PATH_H

#include <personalities/nt/file.h>

/*
 * `prefix` and the components of `rest` as an absolute Unix path (malloc'ed). Status:
 * STATUS_OBJECT_NAME_INVALID for what NT refuses in a name.
 */
NTSTATUS path_from_nt(const char *prefix, struct text rest, char **path, bool *trailing_slash);
/* \??\C:\..., terminated, malloc'ed; NULL without memory. */
WCHAR *path_object_name(const char *unix_path);
/* \Device\HarddiskVolume1\... of a name that begins with \??\; malloc'ed. */
WCHAR *path_device_name(const WCHAR *object_name, uint32_t *length);
/* The Unix path that an NT path (absolute, or below an open directory) names, whether it exists or not. */
NTSTATUS path_resolve(struct nt_process *process, struct object *root, struct text name,
                      char **path);
/* The machine's root directory, borrowed. */
handle_t root_node(void);

ACCESS_MASK map_file_access(ACCESS_MASK access);
void fill_network_open(const struct fs_attr *attr, FILE_NETWORK_OPEN_INFORMATION *info);
NTSTATUS console_open(struct text name, struct open_request *request, struct object **file);
NTSTATUS console_open_relative(struct nt_file *file, struct text name, struct open_request *request,
                               struct object **result);

/*
 * The directory of a path that was found without regard to case, opened, and what its last component
 * is called there (`name`: FS_NAME_MAX + 1 bytes). `exists` false: that component as it is.
 */
NTSTATUS path_split(struct nt_process *process, const char *path, bool exists, handle_t *directory,
                    char *name);

#endif
