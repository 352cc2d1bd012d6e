/* SPDX-License-Identifier: MIT */
/* File objects. Opening by name is in file_open.c, the devices below \Device in devices.c. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <ipc/claims.h>
#include <personalities/nt/console.h>
#include <personalities/nt/directory_list.h>
#include <personalities/nt/directory_notify.h>
#include <personalities/nt/io.h>
#include <personalities/nt/lock_share.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>

#include <stdlib.h>
#include <string.h>

/* Disk files that are open, for share modes and deletion: by the number of the file. */
#define OPEN_BUCKETS 64u
static struct list open_files[OPEN_BUCKETS];

struct list *ntfile_bucket(uint64_t ino)
{
    struct list *bucket = &open_files[ino % OPEN_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

/* ---- the object ---- */

struct nt_file *ntfile_new(enum file_kind kind, ACCESS_MASK access, uint32_t options)
{
    struct nt_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    object_init(&file->object, &file_type);
    list_init(&file->share_link);
    list_init(&file->locks);
    list_init(&file->lock_watch_link);
    list_init(&file->requests);
    file->signaled = true;
    file->kind = kind;
    file->access = access;
    file->options = options;
    return file;
}

static bool same_node(const struct nt_file *a, const struct nt_file *b)
{
    return a->ino == b->ino && a->device == b->device;
}

/* Delete on close happens with the last of all open file objects of that file. */
static void delete_if_last(struct nt_file *file)
{
    list_each(other, ntfile_bucket(file->ino), struct nt_file, share_link)
    {
        if (other != file && same_node(other, file))
            return;
    }
    struct fs_walk_context context = {.flags = CALL_UNINTERRUPTIBLE};
    struct fs_path_args args = {.op = file->kind == FILE_DIRECTORY ? FS_OP_RMDIR : FS_OP_UNLINK,
                                .flags = FS_O_NOCASE};
    struct fs_path_result *result = malloc(sizeof *result);
    context.root = context.cwd = root_node();
    if (result && fs_client_root(&context) == OK)
        (void)!BLOCKING(fs_client_path(&context, HANDLE_NONE, file->unix_path,
                                       strlen(file->unix_path), &args, result));
    free(result);
}

bool ntfile_is_open(const struct fs_attr *attr)
{
    list_each(file, ntfile_bucket(attr->ino), struct nt_file, share_link)
    {
        if (file->ino == attr->ino && file->device == attr->device)
            return true;
    }
    return false;
}

void ntfile_set_pending(struct nt_file *file, bool pending)
{
    list_each(other, ntfile_bucket(file->ino), struct nt_file, share_link)
    {
        if (same_node(other, file))
            other->delete_pending = pending;
    }
    file->delete_pending = pending;
}

static void set_path(struct nt_file *file, const char *path)
{
    char *unix_path = strdup(path);
    if (!unix_path)
        return;
    free(file->unix_path);
    free(file->nt_name);
    file->unix_path = unix_path;
    file->nt_name = NULL;
}

status_t ntfile_stat(struct nt_process *process, const struct nt_file *file, struct fs_attr *attr)
{
    status_t status = ERR_NOT_FOUND;
    if (file->unix_path)
        status = BLOCKING(fs_client_stat_path(&process->fs, HANDLE_NONE, file->unix_path,
                                              strlen(file->unix_path), FS_O_NOCASE, attr));
    if (status == OK && attr->ino == file->ino && attr->device == file->device)
        return OK;
    return BLOCKING(fs_client_stat(file->node, attr));
}

void ntfile_renamed(struct nt_file *file, const char *path)
{
    list_each(other, ntfile_bucket(file->ino), struct nt_file, share_link)
    {
        if (other != file && same_node(other, file))
            set_path(other, path);
    }
    set_path(file, path);
}

static void file_last_handle(struct object *object)
{
    struct nt_file *file = file_of(object);
    (void)io_cancel_file(file, NULL, 0, STATUS_CANCELLED);
    locks_release(file, NULL);
    lock_watch_end(file);
    notify_end(file);
    if (file->pipe)
        pipe_closed(file);
    if (file->delete_on_close)
        ntfile_set_pending(file, true);
    if (file->delete_pending && file->unix_path)
        delete_if_last(file);
    list_remove(&file->share_link);
}

static void file_process_handle(struct object *object, struct nt_process *process)
{
    locks_release(file_of(object), process);
}

static void file_destroy(struct object *object)
{
    struct nt_file *file = file_of(object);
    list_remove(&file->share_link);
    directory_list_release(file->list);
    view_end(file);
    handle_drop(&file->node);
    handle_drop(&file->other_node);
    if (file->claim)
        claim_end(file->claim);
    handle_drop(&file->read_end);
    handle_drop(&file->write_end);
    console_release(file->console);
    object_release(file->port);
    free(file->nt_name);
    free(file->unix_path);
    free(file->mask);
    free(file);
}

static bool file_signaled(struct object *object, struct nt_thread *thread)
{
    struct nt_file *file = file_of(object);
    (void)thread;
    if (file->kind == FILE_CONSOLE && file->console_role == CONSOLE_ROLE_INPUT)
        return console_readable(file);
    return file->signaled;
}

#define PIPE_DEVICE L"\\Device\\NamedPipe"

const WCHAR *ntfile_name(struct nt_file *file)
{
    if (!file->nt_name && file->unix_path)
        file->nt_name = path_object_name(file->unix_path);
    return file->nt_name;
}

/* As under Wine, a file of a drive is named by its drive letter: kernelbase takes no device here. */
WCHAR *ntfile_object_name(struct nt_file *file, uint32_t *length)
{
    const WCHAR *name = ntfile_name(file);
    if (!name)
        return NULL;
    *length = text_length(name);
    return text_copy((struct text){name, *length});
}

struct text ntfile_volume_name(struct nt_file *file)
{
    const WCHAR *name = ntfile_name(file);
    uint32_t skip = file->kind == FILE_PIPE ? sizeof PIPE_DEVICE / sizeof(WCHAR) - 1 : 6;
    uint32_t length = name ? text_length(name) : 0;
    if (length < skip)
        return (struct text){L"", 0};
    return (struct text){name + skip, length - skip};
}

bool file_kernel_wait(struct object *object, struct wait_item *item)
{
    struct nt_file *file = file_of(object);
    return file->kind == FILE_CONSOLE && file->console_role == CONSOLE_ROLE_INPUT &&
           console_wait_item(file, item);
}

const struct nt_type file_type = {
    .name = L"File",
    .number = TYPE_FILE,
    .mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS},
    .signaled = file_signaled,
    .last_handle = file_last_handle,
    .process_handle = file_process_handle,
    .parse = ntfile_parse,
    .destroy = file_destroy,
    .save = ntfile_save,
    .restore = ntfile_restore,
    .connect = ntfile_connect,
};
