/* SPDX-License-Identifier: MIT */
/*
 * Terminals. The line discipline and the foreground group live in the terminal server; this file
 * turns reads, writes and ioctls into its messages, carries out what job control demands of a
 * background process, and knows which terminal is the controlling one of which session.
 */
#include "tty.h"

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "server.h"
#include "task.h"

#define TTY_DEVICES 5u /* st_dev of terminals */

static const struct file_ops tty_ops;

/* ---- the terminals ----------------------------------------------------------------------------- */

struct tty *tty_new(handle_t terminal, handle_t event)
{
    struct tty *tty = allocate(sizeof *tty);
    if (!tty) {
        close_handle(terminal);
        close_handle(event);
        return NULL;
    }
    *tty = (struct tty){.references = 1, .terminal = terminal, .event = event};
    return tty;
}

void tty_hold(struct tty *tty)
{
    __atomic_add_fetch(&tty->references, 1, __ATOMIC_RELAXED);
}

void tty_release(struct tty *tty)
{
    if (!tty || __atomic_sub_fetch(&tty->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    close_handle(tty->terminal);
    close_handle(tty->event);
    release(tty);
}

struct tty *tty_of(struct file *file)
{
    return file->ops == &tty_ops ? file->data : NULL;
}

static struct file *file_of_tty(struct tty *tty, uint32_t flags, uint32_t rdev)
{
    struct file *file = file_new(&tty_ops, flags);
    uint64_t time = wall_clock();
    if (!file) {
        tty_release(tty);
        return NULL;
    }
    file->data = tty;
    file->attr = (struct fs_attr){.ino = 0x100 + rdev,
                                  .mode = S_IFCHR | 0620,
                                  .nlink = 1,
                                  .rdev = rdev,
                                  .device = TTY_DEVICES,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
    file->path = text_copy(rdev == DEVICE_TTYS0 ? "/dev/ttyS0"
                           : rdev == DEVICE_TTY ? "/dev/tty"
                                                : "/dev/console");
    return file;
}

int tty_file(handle_t terminal, handle_t event, uint32_t flags, struct file **result)
{
    struct tty *tty = tty_new(terminal, event);
    *result = tty ? file_of_tty(tty, flags, DEVICE_CONSOLE) : NULL;
    return *result ? 0 : -ENOMEM;
}

static status_t open_terminal(uint32_t index, handle_t *terminal, handle_t *event)
{
    if (!server.tty) {
        status_t status = init_name_lookup(server.init, "tty", true, &server.tty);
        if (status != OK)
            return status;
    }
    status_t status = tty_client_open(server.tty, index, terminal, event);
    if (status != ERR_PEER_CLOSED)
        return status;
    close_handle(server.tty); /* it was restarted */
    status = init_name_lookup(server.init, "tty", true, &server.tty);
    return status == OK ? tty_client_open(server.tty, index, terminal, event) : status;
}

void tty_announce(const char *line)
{
    handle_t terminal, event;
    size_t done;
    log_line("%s", line);
    if (open_terminal(0, &terminal, &event) != OK)
        return;
    if (tty_client_write(terminal, line, strlen(line), TTY_NONBLOCK, 0, 0, &done) == OK)
        ignore(tty_client_write(terminal, "\n", 1, TTY_NONBLOCK, 0, 0, &done));
    close_handle(terminal);
    close_handle(event);
}

/* A session leader without a terminal gets the one it opens. */
static void claim_if_leader(struct tty *tty, uint32_t flags)
{
    struct process *process = self()->process;
    struct session *session = process->session;
    if ((flags & O_NOCTTY) || session->sid != process->pid || session->tty)
        return;
    if (tty_client_set_session(tty->terminal, session->sid, process->pgid, false) != OK)
        return; /* another session's */
    server_lock();
    if (!session->tty) {
        tty_hold(tty);
        session->tty = tty;
    }
    server_unlock();
}

int tty_open_index(uint32_t index, uint32_t flags, struct file **result)
{
    handle_t terminal, event;
    status_t status = open_terminal(index, &terminal, &event);
    if (status != OK)
        return status == ERR_INTERRUPTED ? -ERESTARTSYS : -ENXIO;
    struct tty *tty = tty_new(terminal, event);
    if (!tty)
        return -ENOMEM;
    claim_if_leader(tty, flags);
    *result = file_of_tty(tty, flags, index == 0 ? DEVICE_CONSOLE : DEVICE_TTYS0);
    return *result ? 0 : -ENOMEM;
}

int tty_open_controlling(uint32_t flags, struct file **result)
{
    server_lock();
    struct tty *tty = self()->process->session->tty;
    if (tty)
        tty_hold(tty);
    server_unlock();
    if (!tty)
        return -ENXIO;
    *result = file_of_tty(tty, flags, DEVICE_TTY);
    return *result ? 0 : -ENOMEM;
}

void tty_adopt(struct file *file, struct process *process)
{
    struct tty *tty = tty_of(file);
    uint32_t pgid, sid;
    if (!tty || process->session->tty || tty_client_get_group(tty->terminal, &pgid, &sid) != OK)
        return;
    server_lock();
    if (sid != 0 && sid == process->session->sid && !process->session->tty) {
        tty_hold(tty);
        process->session->tty = tty;
    }
    server_unlock();
}

void tty_leader_ended(struct tty *tty, uint32_t sid)
{
    uint32_t pgid, owner;
    if (tty_client_get_group(tty->terminal, &pgid, &owner) == OK && owner == sid) {
        siginfo_t hangup = signal_info(SIGHUP, SI_KERNEL), resume = signal_info(SIGCONT, SI_KERNEL);
        server_lock();
        if (pgid != 0) {
            signal_group(pgid, &hangup);
            signal_group(pgid, &resume);
        }
        server_unlock();
        ignore(tty_client_set_session(tty->terminal, 0, 0, false));
    }
    tty_release(tty);
}

uint32_t tty_foreground(struct process *process)
{
    uint32_t pgid = 0, sid;
    server_lock();
    struct tty *tty = process->session ? process->session->tty : NULL;
    if (tty)
        tty_hold(tty);
    server_unlock();
    if (tty && tty_client_get_group(tty->terminal, &pgid, &sid) != OK)
        pgid = 0;
    tty_release(tty);
    return pgid;
}

/* ---- job control -------------------------------------------------------------------------------- */

/* A background process did what only the foreground may: it is stopped, or the call fails. */
static int background(uint32_t signal)
{
    struct thread *thread = self();
    struct process *process = thread->process;
    int result = -ERESTARTSYS;
    server_lock();
    bool refused = (thread->blocked & SIGNAL_BIT(signal)) || signal_is_ignored(process, signal);
    if (refused) {
        result = signal == SIGTTIN ? -EIO : 0; /* output goes on */
    } else if (group_is_orphaned(process->pgid, process->session)) {
        result = -EIO;
    } else {
        siginfo_t info = signal_info(signal, SI_KERNEL);
        signal_group(process->pgid, &info);
    }
    server_unlock();
    return result;
}

/* Whether the calling process may change the terminal now. */
static int check_foreground(struct tty *tty)
{
    struct process *process = self()->process;
    uint32_t pgid, sid;
    if (tty_client_get_group(tty->terminal, &pgid, &sid) != OK || sid != process->session->sid ||
        pgid == process->pgid || pgid == 0)
        return 0;
    return background(SIGTTOU);
}

/* ---- reading and writing ------------------------------------------------------------------------ */

static int op_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct tty *tty = file->data;
    struct process *process = self()->process;
    uint8_t buffer[TTY_DATA_MAX];
    (void)offset;
    if (io->left == 0)
        return 0;
    uint32_t length = MIN(io->left, TTY_DATA_MAX),
             flags = file->flags & O_NONBLOCK ? TTY_NONBLOCK : 0;
    if (io_probe(io, length) < 0)
        return -EFAULT;
    for (;;) {
        size_t done = 0;
        status_t status = tty_client_read(tty->terminal, buffer, length, flags, process->pgid,
                                          process->session->sid, &done);
        if (status == OK)
            return done == 0 || io_put(io, buffer, (uint32_t)done) == 0 ? (int)done : -EFAULT;
        if (status == ERR_BAD_STATE)
            return background(SIGTTIN);
        if (status != ERR_INTERRUPTED || thread_interrupted(self()))
            return status == ERR_PEER_CLOSED ? -EIO : errno_of(status);
    }
}

/* Writes one piece: bytes or -errno. */
static int write_piece(struct file *file, const uint8_t *bytes, uint32_t length)
{
    struct tty *tty = file->data;
    struct process *process = self()->process;
    uint32_t flags = file->flags & O_NONBLOCK ? TTY_NONBLOCK : 0, sid = process->session->sid;
    for (;;) {
        size_t done = 0;
        status_t status =
            tty_client_write(tty->terminal, bytes, length, flags, process->pgid, sid, &done);
        if (status == OK || done > 0)
            return (int)done;
        if (status == ERR_BAD_STATE) {
            int result = background(SIGTTOU);
            if (result < 0)
                return result;
            sid = 0; /* TOSTOP does not hold for one that ignores the signal */
            continue;
        }
        if (status != ERR_INTERRUPTED || thread_interrupted(self()))
            return status == ERR_PEER_CLOSED ? -EIO : errno_of(status);
    }
}

static int op_write(struct file *file, struct io *io, uint64_t *offset)
{
    uint8_t buffer[TTY_DATA_MAX];
    uint32_t sum = 0;
    (void)offset;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, TTY_DATA_MAX);
        if (io_take(io, buffer, length) < 0)
            return sum ? (int)sum : -EFAULT;
        int done = write_piece(file, buffer, length);
        if (done > 0)
            sum += (uint32_t)done;
        if (done != (int)length)
            return sum ? (int)sum : done;
    }
    return (int)sum;
}

static int op_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    return 0;
}

static void op_poll(struct file *file, struct poll_source *source)
{
    struct tty *tty = file->data;
    source->read_handle = source->write_handle = tty->event;
    source->readable = TTY_READABLE | TTY_HANGUP;
    source->writable = TTY_WRITABLE;
    source->hangup = TTY_HANGUP;
}

static int op_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    struct tty *tty = file->data;
    fd->kind = FD_TTY;
    fd->flags = file->flags;
    handles[0] = handle_copy(tty->terminal);
    handles[1] = handle_copy(tty->event);
    if (handles[0] && handles[1])
        return 0;
    close_handle(handles[0]);
    close_handle(handles[1]);
    return -EMFILE;
}

static void op_close(struct file *file)
{
    tty_release(file->data);
}

/* ---- ioctls ------------------------------------------------------------------------------------- */

#define TERMIOS_SIZE 36 /* struct termios as the kernel knows it, without speeds */

static int get_attributes(struct tty *tty, user_t argument)
{
    struct tty_attributes attributes;
    status_t status = tty_client_get_attributes(tty->terminal, &attributes);
    return status == OK ? copy_out(argument, &attributes, TERMIOS_SIZE) : errno_of(status);
}

static int set_attributes(struct tty *tty, user_t argument, uint32_t when)
{
    struct tty_attributes attributes;
    if (copy_in(&attributes, argument, TERMIOS_SIZE) < 0)
        return -EFAULT;
    int result = check_foreground(tty);
    return result < 0 ? result
                      : errno_of(tty_client_set_attributes(tty->terminal, &attributes, when));
}

static int get_size(struct tty *tty, user_t argument)
{
    struct tty_size size;
    status_t status = tty_client_get_size(tty->terminal, &size);
    return status == OK ? copy_out(argument, &size, sizeof size) : errno_of(status);
}

static int set_size(struct tty *tty, user_t argument)
{
    struct tty_size size;
    if (copy_in(&size, argument, sizeof size) < 0)
        return -EFAULT;
    return errno_of(tty_client_set_size(tty->terminal, &size));
}

static int get_group(struct tty *tty, user_t argument, bool session)
{
    struct process *process = self()->process;
    uint32_t pgid, sid;
    status_t status = tty_client_get_group(tty->terminal, &pgid, &sid);
    if (status != OK)
        return errno_of(status);
    if (sid != process->session->sid)
        return -ENOTTY;
    return put_user(argument, session ? sid : pgid);
}

static bool group_in_session(uint32_t pgid, const struct session *session)
{
    struct process *process;
    bool found = false;
    server_lock();
    process_each(process, bucket) found |= process->pgid == pgid && process->session == session;
    server_unlock();
    return found;
}

static int set_group(struct tty *tty, user_t argument)
{
    struct process *process = self()->process;
    uint32_t pgid;
    int result = check_foreground(tty);
    if (result < 0)
        return result;
    if (get_user(&pgid, argument) < 0)
        return -EFAULT;
    if ((int32_t)pgid < 0)
        return -EINVAL;
    if (!group_in_session(pgid, process->session))
        return -EPERM;
    return errno_of(tty_client_set_group(tty->terminal, pgid, process->session->sid));
}

static int take_terminal(struct tty *tty, bool steal)
{
    struct process *process = self()->process;
    struct session *session = process->session;
    if (session->tty == tty && session->sid == process->pid)
        return 0;
    if (session->sid != process->pid || session->tty)
        return -EPERM;
    status_t status = tty_client_set_session(tty->terminal, session->sid, process->pgid, steal);
    if (status != OK)
        return errno_of(status);
    server_lock();
    tty_hold(tty);
    session->tty = tty;
    server_unlock();
    return 0;
}

static int give_up_terminal(void)
{
    struct process *process = self()->process;
    struct session *session = process->session;
    if (!session->tty)
        return -ENOTTY;
    if (session->sid != process->pid)
        return 0; /* only the leader decides for the session */
    server_lock();
    struct tty *tty = session->tty;
    session->tty = NULL;
    server_unlock();
    if (tty)
        tty_leader_ended(tty, session->sid);
    return 0;
}

static int flush(struct tty *tty, uint32_t queue)
{
    if (queue > TCIOFLUSH)
        return -EINVAL;
    return errno_of(tty_client_flush(tty->terminal, queue != TCOFLUSH, queue != TCIFLUSH));
}

static int put_queued(struct tty *tty, user_t argument, bool output)
{
    uint32_t in, out;
    status_t status = tty_client_queued(tty->terminal, &in, &out);
    return status == OK ? put_user(argument, output ? out : in) : errno_of(status);
}

static int type_byte(struct tty *tty, user_t argument)
{
    uint8_t byte;
    if (copy_in(&byte, argument, 1) < 0)
        return -EFAULT;
    return errno_of(tty_client_input(tty->terminal, &byte, 1));
}

static int op_ioctl(struct file *file, uint32_t request, user_t argument)
{
    struct tty *tty = file->data;
    switch (request) {
    case TCGETS:
        return get_attributes(tty, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_attributes(tty, argument, request - TCSETS);
    case TIOCGWINSZ:
        return get_size(tty, argument);
    case TIOCSWINSZ:
        return set_size(tty, argument);
    case TIOCGPGRP:
        return get_group(tty, argument, false);
    case TIOCGSID:
        return get_group(tty, argument, true);
    case TIOCSPGRP:
        return set_group(tty, argument);
    case TIOCSCTTY:
        return take_terminal(tty, argument.address == 1);
    case TIOCNOTTY:
        return give_up_terminal();
    case TCSBRK:
    case TCSBRKP:
        return errno_of(tty_client_drain(tty->terminal));
    case TCFLSH:
        return flush(tty, argument.address);
    case TCXONC:
        return errno_of(tty_client_flow(tty->terminal, argument.address));
    case FIONREAD:
        return put_queued(tty, argument, false);
    case TIOCOUTQ:
        return put_queued(tty, argument, true);
    case TIOCSTI:
        return type_byte(tty, argument);
    case TIOCEXCL:
    case TIOCNXCL:
        return 0;
    }
    return -ENOTTY;
}

static const struct file_ops tty_ops = {
    .name = "tty",
    .read = op_read,
    .write = op_write,
    .stat = op_stat,
    .ioctl = op_ioctl,
    .poll = op_poll,
    .export = op_export,
    .close = op_close,
};
