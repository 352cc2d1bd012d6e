/* SPDX-License-Identifier: MIT */
/*
 * Control messages of AF_UNIX sockets: descriptors (SCM_RIGHTS) and credentials (SCM_CREDENTIALS),
 * in both directions between the caller's control buffer and a struct socket_control.
 */
#include <string.h>

#include "socket.h"
#include "task.h"

#define SOL_SOCKET      1
#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_TIMESTAMP   29
#define SCM_TIMESTAMPNS 35
#define CONTROL_MAX     20480u
#define HEADER          ((uint32_t)sizeof(struct control_header))
#define ALIGNED(length) (((length) + 3) & ~3u)
#define OVERFLOW_ID     65534u

struct control_header {
    uint32_t length;
    int32_t level, type;
};

void control_free(struct socket_control *control)
{
    if (control->file_count > 0)
        files_drop(control->files, control->file_count);
    release(control->files);
    control->files = NULL;
    control->file_count = 0;
}

int control_copy(const struct socket_control *from, struct socket_control *to)
{
    to->files = allocate(from->file_count * sizeof *to->files);
    if (!to->files)
        return -ENOMEM;
    to->file_count = from->file_count;
    for (uint32_t i = 0; i < from->file_count; i++) {
        to->files[i] = from->files[i];
        file_hold(to->files[i]);
    }
    return 0;
}

/* ---- sending ------------------------------------------------------------------------------------- */

static int add_files(struct socket_control *control, user_t from, uint32_t count)
{
    uint32_t fds[SCM_FILES_MAX];
    if (count == 0)
        return 0;
    if (control->file_count + count > SCM_FILES_MAX)
        return -EINVAL;
    if (copy_in(fds, from, count * 4) < 0)
        return -EFAULT;
    if (!control->files)
        control->files = allocate(SCM_FILES_MAX * sizeof *control->files);
    if (!control->files)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct file *file = fd_get(fds[i]);
        if (!file)
            return -EBADF;
        control->files[control->file_count++] = file;
    }
    return 0;
}

static bool is_own_id(uint32_t id, uint32_t real, uint32_t effective, uint32_t saved)
{
    return id == real || id == effective || id == saved;
}

static int set_credentials(struct socket_control *control, user_t from)
{
    const struct process *process = self()->process;
    const struct credentials *own = &process->credentials;
    struct socket_credentials *to = &control->credentials;
    if (copy_in(to, from, sizeof *to) < 0)
        return -EFAULT;
    bool allowed = capable(CAP_SYS_ADMIN) ||
                   (to->pid == process->pid && is_own_id(to->uid, own->uid, own->euid, own->suid) &&
                    is_own_id(to->gid, own->gid, own->egid, own->sgid));
    if (!allowed)
        return -EPERM;
    server_lock();
    bool exists = process_find(to->pid) != NULL;
    server_unlock();
    control->has_credentials = true;
    return exists ? 0 : -ESRCH;
}

static int add_control(struct socket_control *control, const struct control_header *header,
                       user_t data)
{
    uint32_t length = header->length - HEADER;
    if (header->level != SOL_SOCKET)
        return 0;
    if (header->type == SCM_RIGHTS)
        return add_files(control, data, length / 4);
    if (header->type == SCM_CREDENTIALS && length == sizeof(struct socket_credentials))
        return set_credentials(control, data);
    return -EINVAL;
}

int control_copy_in(struct socket_control *control, user_t from, uint32_t length)
{
    struct control_header header;
    uint32_t at = 0;
    int error = length > CONTROL_MAX ? -ENOBUFS : 0;
    while (error == 0 && length - at >= HEADER) {
        if (copy_in(&header, user_at(from, at), HEADER) < 0)
            error = -EFAULT;
        else if (header.length < HEADER || header.length > length - at)
            error = -EINVAL;
        else
            error = add_control(control, &header, user_at(from, at + HEADER));
        if (error < 0 || ALIGNED(header.length) > length - at)
            break;
        at += ALIGNED(header.length);
    }
    server_lock();
    uint32_t total = files_in_flight + control->file_count;
    server_unlock();
    if (error == 0 && control->file_count > 0 && !capable(CAP_SYS_RESOURCE) &&
        total > limit_of(self()->process, RLIMIT_NOFILE))
        error = -ETOOMANYREFS;
    if (error < 0)
        control_free(control);
    return error;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

/* Room in the caller's buffer and what of it is used. */
struct control_out {
    user_t at;
    uint32_t left;
    uint32_t flags;
};

static int put_header(struct control_out *out, int32_t type, uint32_t length)
{
    struct control_header header = {HEADER + length, SOL_SOCKET, type};
    return copy_out(out->at, &header, HEADER);
}

static void advance(struct control_out *out, uint32_t length)
{
    uint32_t space = MIN(ALIGNED(HEADER + length), out->left);
    out->at = user_at(out->at, space);
    out->left -= space;
}

static int put_control(struct control_out *out, int32_t type, const void *data, uint32_t length)
{
    if (out->left < HEADER) {
        out->flags |= MESSAGE_CTRUNC;
        return 0;
    }
    if (out->left < HEADER + length) {
        out->flags |= MESSAGE_CTRUNC;
        length = out->left - HEADER;
    }
    if (put_header(out, type, length) < 0 || copy_out(user_at(out->at, HEADER), data, length) < 0)
        return -EFAULT;
    advance(out, length);
    return 0;
}

/* Installs as many descriptors as there is room for; the others are closed. */
static int put_files(struct control_out *out, struct socket_control *control, bool close_on_exec)
{
    uint32_t room = out->left > HEADER ? (out->left - HEADER) / 4 : 0, done = 0;
    while (done < MIN(room, control->file_count)) {
        file_hold(control->files[done]);
        int fd = fd_install(control->files[done], 0, close_on_exec);
        if (fd < 0)
            break;
        if (put_user(user_at(out->at, HEADER + done * 4), (uint32_t)fd) < 0) {
            (void)fd_close((uint32_t)fd);
            break;
        }
        done++;
    }
    if (done < control->file_count)
        out->flags |= MESSAGE_CTRUNC;
    if (done == 0)
        return 0;
    if (put_header(out, SCM_RIGHTS, done * 4) < 0)
        return -EFAULT;
    advance(out, done * 4);
    return 0;
}

static int put_time(struct control_out *out, uint32_t flags, uint64_t time)
{
    struct linux_timespec span = {(int32_t)(time / NS_PER_SEC), (int32_t)(time % NS_PER_SEC)};
    if (flags & SOCKET_TIMESTAMP_NS)
        return put_control(out, SCM_TIMESTAMPNS, &span, sizeof span);
    if (!(flags & SOCKET_TIMESTAMP))
        return 0;
    span.nsec /= 1000;
    return put_control(out, SCM_TIMESTAMP, &span, sizeof span);
}

int control_copy_out(struct socket *socket, struct socket_transfer *transfer,
                     struct linux_msghdr *header)
{
    static const struct socket_credentials unknown = {0, OVERFLOW_ID, OVERFLOW_ID};
    struct socket_control *control = &transfer->control;
    struct control_out out = {USER(header->control), header->control_length, 0};
    bool passes = socket->flags & SOCKET_PASS_CREDENTIALS;
    int error = 0;
    if (!header->control)
        out.left = 0;
    if (socket->type == SOCK_DGRAM)
        error = put_time(&out, socket->flags, transfer->time);
    if (error == 0 && passes)
        error = put_control(&out, SCM_CREDENTIALS,
                            control->has_credentials ? &control->credentials : &unknown,
                            sizeof unknown);
    if (error == 0 && control->file_count > 0)
        error = put_files(&out, control, transfer->flags & MESSAGE_CLOEXEC);
    header->control_length = out.at.address - header->control;
    header->flags = out.flags | transfer->result_flags | (transfer->flags & MESSAGE_CLOEXEC);
    return error;
}
