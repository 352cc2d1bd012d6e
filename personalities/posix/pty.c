/* SPDX-License-Identifier: MIT */
/* Pseudo terminals: /dev/ptmx, /dev/pts, and what a master end understands besides. */
#include <ipc/call.h>
#include <ipc/ttyclient.h>

#include "devattr.h"
#include "file.h"
#include "path.h"
#include "task.h"
#include "tty.h"

#define TTY_GROUP 5u
#define TIOCSIG_  0x40045436

struct pty_call {
    uint32_t number;
    handle_t terminal, event;
};

static status_t call_create(handle_t tty, void *context)
{
    struct pty_call *call = context;
    return pty_client_create(tty, &call->terminal, &call->event, &call->number);
}

static status_t call_open(handle_t tty, void *context)
{
    struct pty_call *call = context;
    return pty_client_open(tty, call->number, &call->terminal, &call->event);
}

static status_t call_next(handle_t tty, void *context)
{
    struct pty_call *call = context;
    return pty_client_next(tty, call->number, &call->number);
}

static int pty_errno(status_t status)
{
    switch (status) {
    case ERR_NOT_FOUND:
        return -ENOENT;
    case ERR_BAD_STATE: /* locked */
    case ERR_PEER_CLOSED:
        return -EIO;
    case ERR_NO_MEMORY:
        return -ENOSPC;
    }
    return errno_of(status);
}

/* ---- opening ------------------------------------------------------------------------------------- */

int pty_open_master(uint32_t flags, struct file **result)
{
    const struct credentials *own = &self()->process->credentials;
    struct pty_call call = {.number = 0};
    status_t status = tty_server_call(call_create, &call);
    if (status != OK)
        return pty_errno(status);
    dev_attr_new(DEVICE(PTS_MAJOR, call.number), S_IFCHR | 0620, own->fsuid, TTY_GROUP);
    struct tty *tty = tty_new(call.terminal, call.event);
    *result = tty ? tty_file_of(tty, flags, DEVICE_PTMX) : NULL;
    return *result ? 0 : -ENOMEM;
}

/* Takes the handles. */
static int open_terminal(handle_t terminal, handle_t event, uint32_t flags, struct file **result)
{
    struct tty *tty = tty_new(terminal, event);
    if (!tty)
        return -ENOMEM;
    tty_claim_if_leader(tty, flags);
    *result = tty_file_of(tty, flags, tty_rdev(tty));
    return *result ? 0 : -ENOMEM;
}

int pty_open_number(uint32_t number, uint32_t flags, struct file **result)
{
    struct pty_call call = {.number = number};
    status_t status = tty_server_call(call_open, &call);
    return status == OK ? open_terminal(call.terminal, call.event, flags, result)
                        : pty_errno(status);
}

bool pty_next(uint32_t *number)
{
    struct pty_call call = {.number = *number};
    if (tty_server_call(call_next, &call) != OK)
        return false;
    *number = call.number;
    return true;
}

bool pty_exists(uint32_t number)
{
    uint32_t found = number;
    return pty_next(&found) && found == number;
}

/* ---- ioctls -------------------------------------------------------------------------------------- */

static int set_mode(struct tty *master, user_t argument, bool lock)
{
    uint32_t value;
    if (get_user(&value, argument) < 0)
        return -EFAULT;
    value = value != 0;
    return pty_errno(lock ? pty_client_set(master->terminal, value, PTY_UNCHANGED)
                          : pty_client_set(master->terminal, PTY_UNCHANGED, value));
}

static int get_mode(struct tty *master, user_t argument, bool lock)
{
    uint32_t kind, number;
    bool locked, packet;
    status_t status = tty_client_describe(master->terminal, &kind, &number, &locked, &packet);
    return status == OK ? put_user(argument, lock ? locked : packet) : pty_errno(status);
}

static int open_peer(struct tty *master, uint32_t flags)
{
    handle_t terminal, event;
    struct file *file = NULL;
    status_t status = pty_client_open_peer(master->terminal, &terminal, &event);
    int result = status == OK ? open_terminal(terminal, event, flags, &file) : pty_errno(status);
    return result < 0 ? result : fd_install(file, 0, flags & O_CLOEXEC);
}

int pty_ioctl(struct tty *master, uint32_t request, user_t argument)
{
    switch (request) {
    case TIOCGPTN:
        return put_user(argument, master->number);
    case TIOCSPTLCK:
        return set_mode(master, argument, true);
    case TIOCGPTLCK:
        return get_mode(master, argument, true);
    case TIOCPKT:
        return set_mode(master, argument, false);
    case TIOCGPKT:
        return get_mode(master, argument, false);
    case TIOCGPTPEER:
        return open_peer(master, argument.address);
    case TIOCSIG_:
        return errno_of(tty_client_signal(master->terminal, argument.address));
    }
    return -ENOTTY;
}
