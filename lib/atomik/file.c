/* SPDX-License-Identifier: MIT */
#include <atomik/file.h>

#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>

#define BULK_SIZE      65536u /* of the buffer that a descriptor gets for transfers past FS_INLINE_MAX */
#define PIPE_CAPACITY  65536u
#define DEVICE_NULL    0x103 /* Linux device numbers, major << 8 | minor */
#define DEVICE_ZERO    0x105
#define LINUX_O_WRONLY 1

static struct open_file {
    uint32_t kind; /* enum fd_kind; FD_NONE: free */
    uint32_t flags, device;
    handle_t h0, h1;
    uint8_t *bulk; /* mapped, BULK_SIZE; or NULL */
    bool no_bulk;  /* tried in vain */
} files[FILE_MAX];
static struct startup_file told[FILE_MAX]; /* of the same descriptors */

void file_start(void)
{
    struct startup_info *info = startup_info();
    info->file_count = FILE_MAX;
    info->files = (uintptr_t)told;
    const struct startup_handle *handles = (const struct startup_handle *)info->handles;
    for (uint32_t i = 0; i < info->handle_count; i++) {
        uint32_t fd = handles[i].tag - STARTUP_FD(0);
        if (handles[i].tag < STARTUP_FD(0) || fd >= FILE_MAX)
            continue;
        struct open_file *file = &files[fd];
        if (file->kind != FD_NONE) {
            file->h1 = handles[i].handle; /* the second handle of the same descriptor */
            continue;
        }
        *file = (struct open_file){
            .kind = handles[i].kind, .flags = handles[i].flags, .h0 = handles[i].handle};
        if (file->kind == FD_DEVICE) {
            file->device = file->h0; /* no handle: the field holds the device number */
            file->h0 = HANDLE_NONE;
        }
        told[fd].handle = file->kind == FD_FILE ? file->h0 : HANDLE_NONE;
    }
}

static struct open_file *file_of(int fd)
{
    return fd >= 0 && fd < FILE_MAX && files[fd].kind != FD_NONE ? &files[fd] : NULL;
}

static int free_slot(void)
{
    for (int fd = 0; fd < FILE_MAX; fd++)
        if (files[fd].kind == FD_NONE)
            return fd;
    return -1;
}

status_t file_context(struct fs_walk_context *context)
{
    *context = (struct fs_walk_context){.root = startup_handle(STARTUP_ROOT),
                                        .cwd = startup_handle(STARTUP_CWD)};
    if (context->cwd == HANDLE_NONE)
        context->cwd = context->root;
    if (context->root == HANDLE_NONE)
        return ERR_NOT_FOUND;
    return fs_client_root(context);
}

status_t file_open(const char *path, uint32_t flags, uint32_t mode, int *fd)
{
    struct fs_walk_context context;
    int slot = free_slot();
    handle_t node;
    if (slot < 0)
        return ERR_NO_HANDLES;
    status_t status = file_context(&context);
    if (status == OK)
        status =
            fs_client_open(&context, HANDLE_NONE, path, strlen(path), flags, mode, &node, NULL);
    if (status != OK)
        return status;
    files[slot] = (struct open_file){.kind = FD_FILE, .h0 = node};
    told[slot] =
        (struct startup_file){.handle = node, .path = (uintptr_t)strdup(path), .flags = flags};
    *fd = slot;
    return OK;
}

status_t file_close(int fd)
{
    struct open_file *file = file_of(fd);
    if (file == NULL)
        return ERR_BAD_HANDLE;
    handle_drop(&file->h0);
    handle_drop(&file->h1);
    if (file->bulk != NULL && space_unmap(HANDLE_SELF, (uintptr_t)file->bulk, BULK_SIZE) != OK)
        __builtin_trap();
    *file = (struct open_file){0};
    free((char *)told[fd].path);
    told[fd] = (struct startup_file){0};
    return OK;
}

/* ---- transfers ------------------------------------------------------------------------------- */

static void set_bulk(struct open_file *file, uint8_t *bulk)
{
    struct startup_file *tell = &told[file - files];
    file->bulk = bulk;
    tell->buffer = (uintptr_t)bulk;
    tell->buffer_size = BULK_SIZE;
}

/* Give the node of a descriptor a bulk buffer; without one transfers go inline. */
static bool have_bulk(struct open_file *file)
{
    handle_t vmo = HANDLE_NONE;
    if (file->bulk != NULL || file->no_bulk)
        return file->bulk != NULL;
    file->no_bulk = true;
    if (vmo_create(0, BULK_SIZE, &vmo) != OK)
        return false;
    struct map_request request = {
        .vmo = vmo, .length = BULK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    if (space_map(HANDLE_SELF, &request) == OK) {
        if (fs_client_buffer(file->h0, vmo, BULK_SIZE) == OK)
            set_bulk(file, (uint8_t *)request.address);
        else if (space_unmap(HANDLE_SELF, request.address, BULK_SIZE) != OK)
            __builtin_trap();
    }
    handle_drop(&vmo);
    return file->bulk != NULL;
}

static status_t read_node(struct open_file *file, void *to, size_t length, size_t *done)
{
    if (length <= FS_INLINE_MAX || !have_bulk(file))
        return fs_client_read(file->h0, FS_POSITION, to, length, done);
    uint32_t part = 0;
    status_t status =
        fs_client_read_bulk(file->h0, FS_POSITION, length < BULK_SIZE ? length : BULK_SIZE, &part);
    if (status == OK)
        memcpy(to, file->bulk, part);
    *done = part;
    return status;
}

static status_t write_node(struct open_file *file, const uint8_t *from, size_t length, size_t *done)
{
    *done = 0;
    if (length <= FS_INLINE_MAX || !have_bulk(file))
        return fs_client_write(file->h0, FS_POSITION, from, length, done, NULL);
    while (*done < length) {
        uint32_t part = length - *done < BULK_SIZE ? length - *done : BULK_SIZE;
        memcpy(file->bulk, from + *done, part);
        status_t status = fs_client_write_bulk(file->h0, FS_POSITION, part, &part, NULL);
        if (status != OK)
            return status;
        if (part == 0)
            return ERR_IO_ERROR;
        *done += part;
    }
    return OK;
}

/* Job control may move this process to another group at any time: ask each time. */
static void own_group(uint32_t *pgid, uint32_t *sid)
{
    struct proc_record record = {0};
    if (init_proc_info(startup_handle(STARTUP_INIT), startup_pid(), false, &record, NULL, 0) != OK)
        record.pgid = record.sid = 0;
    *pgid = record.pgid;
    *sid = record.sid;
}

static status_t read_terminal(struct open_file *file, void *to, size_t length, size_t *done)
{
    uint32_t pgid, sid;
    own_group(&pgid, &sid);
    return tty_client_read(file->h0, to, length, 0, pgid, sid, done);
}

static status_t write_terminal(struct open_file *file, const void *from, size_t length,
                               size_t *done)
{
    uint32_t pgid, sid;
    own_group(&pgid, &sid);
    return tty_client_write(file->h0, from, length, 0, pgid, sid, done);
}

static status_t read_device(struct open_file *file, void *to, size_t length, size_t *done)
{
    *done = 0;
    if (file->device == DEVICE_ZERO) {
        memset(to, 0, length);
        *done = length;
        return OK;
    }
    return file->device == DEVICE_NULL ? OK : ERR_NO_DEVICE;
}

status_t file_read(int fd, void *to, size_t length, size_t *done)
{
    struct open_file *file = file_of(fd);
    uint32_t part = 0;
    *done = 0;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    switch (file->kind) {
    case FD_FILE:
        return read_node(file, to, length, done);
    case FD_TTY:
        return read_terminal(file, to, length, done);
    case FD_DEVICE:
        return read_device(file, to, length, done);
    case FD_STREAM_READ:
    case FD_STREAM_PAIR: {
        status_t status = stream_read(file->h0, to, length, &part, DEADLINE_NEVER);
        *done = part;
        return status;
    }
    default:
        return ERR_BAD_HANDLE;
    }
}

static status_t write_stream(handle_t stream, const uint8_t *from, size_t length, size_t *done)
{
    while (*done < length) {
        uint32_t part = 0;
        status_t status = stream_write(stream, from + *done, length - *done, &part, DEADLINE_NEVER);
        if (status != OK)
            return status;
        *done += part;
    }
    return OK;
}

status_t file_write(int fd, const void *from, size_t length, size_t *done)
{
    struct open_file *file = file_of(fd);
    *done = 0;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    switch (file->kind) {
    case FD_FILE:
        return write_node(file, from, length, done);
    case FD_TTY:
        return write_terminal(file, from, length, done);
    case FD_STREAM_WRITE:
        return write_stream(file->h0, from, length, done);
    case FD_STREAM_PAIR:
        return write_stream(file->h1, from, length, done);
    case FD_DEVICE:
        if (file->device != DEVICE_NULL && file->device != DEVICE_ZERO)
            return ERR_NO_DEVICE;
        *done = length;
        return OK;
    default:
        return ERR_BAD_HANDLE;
    }
}

status_t file_seek(int fd, int64_t delta, uint32_t whence, uint64_t *position)
{
    struct open_file *file = file_of(fd);
    uint64_t before;
    if (file == NULL)
        return ERR_BAD_HANDLE;
    if (file->kind != FD_FILE || whence > 2)
        return file->kind != FD_FILE ? ERR_ILLEGAL_SEEK : ERR_INVALID_ARGUMENT;
    return fs_client_position(file->h0, whence, delta, &before, position);
}

status_t file_stat(int fd, struct fs_attr *attr)
{
    struct open_file *file = file_of(fd);
    if (file == NULL)
        return ERR_BAD_HANDLE;
    return file->kind == FD_FILE ? fs_client_stat(file->h0, attr) : ERR_NOT_SUPPORTED;
}

bool file_is_terminal(int fd)
{
    struct open_file *file = file_of(fd);
    return file != NULL && file->kind == FD_TTY;
}

status_t file_info(int fd, struct start_fd *info, handle_t *h0, handle_t *h1)
{
    struct open_file *file = file_of(fd);
    if (file == NULL)
        return ERR_BAD_HANDLE;
    *info = (struct start_fd){
        .fd = (uint32_t)fd, .kind = file->kind, .flags = file->flags, .device = file->device};
    *h0 = file->h0;
    *h1 = file->h1;
    return OK;
}

status_t file_pipe(int fds[2])
{
    int in = free_slot();
    if (in < 0)
        return ERR_NO_HANDLES;
    files[in].kind = FD_STREAM_READ;
    int out = free_slot();
    files[in].kind = FD_NONE;
    if (out < 0)
        return ERR_NO_HANDLES;
    handle_t read_end, write_end;
    status_t status = stream_create(PIPE_CAPACITY, &read_end, &write_end);
    if (status != OK)
        return status;
    files[in] = (struct open_file){.kind = FD_STREAM_READ, .h0 = read_end};
    files[out] =
        (struct open_file){.kind = FD_STREAM_WRITE, .flags = LINUX_O_WRONLY, .h0 = write_end};
    fds[0] = in;
    fds[1] = out;
    return OK;
}

/* ---- programs -------------------------------------------------------------------------------- */

static status_t give_fds(handle_t init, uint32_t start, const int fds[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        int fd = fds == NULL ? (int)i : fds[i];
        struct start_fd info;
        handle_t h0, h1;
        if (file_info(fd, &info, &h0, &h1) != OK)
            continue; /* a closed stream stays closed */
        info.fd = i;
        status_t status = init_start_fd(init, start, &info, h0, h1);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t commit(handle_t init, uint32_t start, const struct spawn_options *options,
                       const struct fs_walk_context *context, handle_t image, uint32_t *pid)
{
    char *const *envp = options->envp != NULL ? options->envp : (char *const *)startup_info()->envp;
    struct start_arguments arguments = {.umask = 022, .flags = options->flags};
    char cwd[FS_PATH_MAX];
    handle_t strings;
    if (fs_client_name_of(context->cwd, cwd, sizeof cwd) != OK)
        strlcpy(cwd, "/", sizeof cwd);
    status_t status =
        start_strings_vmo(options->path, cwd, options->argv, envp, &arguments, &strings);
    if (status != OK)
        return status;
    status = init_start_commit(init, start, &arguments, strings, context->root, context->cwd, image,
                               false, pid);
    handle_drop(&strings);
    return status;
}

status_t spawn_with(const struct spawn_options *options, uint32_t *pid)
{
    struct start_request request = {
        .ppid = startup_pid(), .personality = options->personality, .wanted = options->wanted};
    handle_t init = startup_handle(STARTUP_INIT);
    struct fs_walk_context context;
    handle_t image;
    uint32_t start;
    status_t status = file_context(&context);
    if (status == OK)
        status = fs_client_open(&context, HANDLE_NONE, options->path, strlen(options->path),
                                FS_O_READ, 0, &image, NULL);
    if (status != OK)
        return status;
    status = init_start_begin(init, &request, &start);
    if (status == OK) {
        status = give_fds(init, start, options->fds);
        if (status == OK)
            status = commit(init, start, options, &context, image, pid);
        else
            init_start_abandon(init, start);
    }
    handle_drop(&image);
    return status;
}

status_t spawn(const char *path, char *const argv[], const int fds[3], uint32_t *pid)
{
    struct spawn_options options = {.path = path, .argv = argv, .fds = fds};
    return spawn_with(&options, pid);
}

status_t wait_pid(uint32_t pid, int32_t *status)
{
    return init_wait(startup_handle(STARTUP_INIT), pid, status);
}
