/* SPDX-License-Identifier: MIT */
/*
 * Terminals. The line discipline and the foreground group live in the terminal server; this file
 * turns reads and writes into its messages (ttyioctl.c the ioctls, pty.c what pseudo terminals have
 * besides), carries out what job control demands of a background process, and knows which terminal
 * is the controlling one of which session.
 */
#include "tty.h"

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <string.h>

#include "calls.h"
#include "devattr.h"
#include "file.h"
#include "server.h"
#include "task.h"

#define TTY_DEVICES 5u /* st_dev of terminals */

/* ---- the terminals ----------------------------------------------------------------------------- */

struct tty *tty_new(handle_t terminal, handle_t event)
{
    struct tty *tty = allocate(sizeof *tty);
    bool locked, packet;
    if (!tty || tty_client_describe(terminal, &tty->kind, &tty->number, &locked, &packet) != OK) {
        release(tty);
        close_handle(terminal);
        close_handle(event);
        return NULL;
    }
    tty->references = 1;
    tty->terminal = terminal;
    tty->event = event;
    return tty;
}

void tty_hold(struct tty *tty)
{
    __atomic_add_fetch(&tty->references, 1, __ATOMIC_RELAXED);
}

/* The other end sees what was closed before: notices come to the server before this question. */
static void wait_for_server(void)
{
    uint32_t number;
    if (server.tty)
        ignore(pty_client_next(server.tty, 0, &number));
}

void tty_release(struct tty *tty)
{
    if (!tty || __atomic_sub_fetch(&tty->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    close_handle(tty->terminal);
    close_handle(tty->event);
    if (tty->kind != TTY_CONSOLE)
        wait_for_server();
    release(tty);
}

struct tty *tty_of(struct file *file)
{
    return file->ops == &tty_ops ? file->data : NULL;
}

uint32_t tty_rdev(const struct tty *tty)
{
    switch (tty->kind) {
    case TTY_PSEUDO:
        return DEVICE(PTS_MAJOR, tty->number);
    case TTY_MASTER:
        return DEVICE_PTMX;
    }
    return tty->number == 0 ? DEVICE_CONSOLE : DEVICE_TTYS0;
}

static char *path_of(uint32_t rdev)
{
    struct text text = {.data = NULL};
    switch (rdev) {
    case DEVICE_TTY:
        return text_copy("/dev/tty");
    case DEVICE_CONSOLE:
        return text_copy("/dev/console");
    case DEVICE_TTYS0:
        return text_copy("/dev/ttyS0");
    case DEVICE_PTMX:
        return text_copy("/dev/ptmx");
    }
    text_printf(&text, "/dev/pts/%u", rdev & 0xff);
    return text.data;
}

struct file *tty_file_of(struct tty *tty, uint32_t flags, uint32_t rdev)
{
    struct file *file = file_new(&tty_ops, flags);
    uint64_t time = wall_clock();
    if (!file) {
        tty_release(tty);
        return NULL;
    }
    file->data = tty;
    file->attr = (struct fs_attr){.ino = rdev >> 8 == PTS_MAJOR ? 3 + (rdev & 0xff) : rdev,
                                  .mode = S_IFCHR | 0620,
                                  .nlink = 1,
                                  .rdev = rdev,
                                  .device = rdev >> 8 == PTS_MAJOR ? PTS_DEVICE : TTY_DEVICES,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
    file->path = path_of(rdev);
    return file;
}

int tty_file(handle_t terminal, handle_t event, uint32_t flags, struct file **result)
{
    struct tty *tty = tty_new(terminal, event);
    *result = tty ? tty_file_of(tty, flags, tty_rdev(tty)) : NULL;
    return *result ? 0 : -ENOMEM;
}

status_t tty_server_call(status_t (*call)(handle_t tty, void *context), void *context)
{
    status_t status = server.tty ? OK : init_name_lookup(server.init, "tty", true, &server.tty);
    if (status == OK)
        status = call(server.tty, context);
    if (status != ERR_PEER_CLOSED)
        return status;
    close_handle(server.tty); /* it was restarted */
    status = init_name_lookup(server.init, "tty", true, &server.tty);
    return status == OK ? call(server.tty, context) : status;
}

struct console_open {
    uint32_t index;
    handle_t terminal, event;
};

static status_t open_console(handle_t tty, void *context)
{
    struct console_open *open = context;
    return tty_client_open(tty, open->index, &open->terminal, &open->event);
}

void tty_announce(const char *line)
{
    struct console_open open = {.index = 0};
    size_t done;
    log_line("%s", line);
    if (tty_server_call(open_console, &open) != OK)
        return;
    if (tty_client_write(open.terminal, line, strlen(line), TTY_NONBLOCK, 0, 0, &done) == OK)
        ignore(tty_client_write(open.terminal, "\n", 1, TTY_NONBLOCK, 0, 0, &done));
    close_handle(open.terminal);
    close_handle(open.event);
}

/* A controlling terminal that was hung up is none any more. */
static void forget_if_hung(struct session *session)
{
    uint32_t pgid, sid;
    server_lock();
    struct tty *tty = session->tty;
    if (tty)
        tty_hold(tty);
    server_unlock();
    if (!tty)
        return;
    bool hung = tty_client_get_group(tty->terminal, &pgid, &sid) == ERR_PEER_CLOSED;
    server_lock();
    bool ours = hung && session->tty == tty;
    if (ours)
        session->tty = NULL;
    server_unlock();
    if (ours)
        tty_release(tty);
    tty_release(tty);
}

/* A session leader without a terminal gets the one it opens. */
void tty_claim_if_leader(struct tty *tty, uint32_t flags)
{
    struct process *process = self()->process;
    struct session *session = process->session;
    if ((flags & (O_NOCTTY | O_PATH)) || session->sid != process->pid)
        return;
    forget_if_hung(session);
    if (session->tty)
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
    struct console_open open = {.index = index};
    status_t status = tty_server_call(open_console, &open);
    if (status != OK)
        return status == ERR_INTERRUPTED ? -ERESTARTSYS : -ENXIO;
    struct tty *tty = tty_new(open.terminal, open.event);
    if (!tty)
        return -ENOMEM;
    tty_claim_if_leader(tty, flags);
    *result = tty_file_of(tty, flags, tty_rdev(tty));
    return *result ? 0 : -ENOMEM;
}

int tty_open_controlling(uint32_t flags, struct file **result)
{
    forget_if_hung(self()->process->session);
    server_lock();
    struct tty *tty = self()->process->session->tty;
    if (tty)
        tty_hold(tty);
    server_unlock();
    if (!tty)
        return -ENXIO;
    *result = tty_file_of(tty, flags, DEVICE_TTY);
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

/* The foreground group of the session's terminal is told, and the session has none any more. */
static void release_terminal(struct tty *tty, uint32_t sid, bool resume)
{
    uint32_t pgid, owner;
    siginfo_t hangup = signal_info(SIGHUP, SI_KERNEL), go_on = signal_info(SIGCONT, SI_KERNEL);
    if (tty_client_get_group(tty->terminal, &pgid, &owner) != OK || owner != sid)
        return;
    server_lock();
    if (pgid != 0) {
        signal_group(pgid, &hangup);
        if (resume)
            signal_group(pgid, &go_on);
    }
    server_unlock();
    ignore(tty_client_set_session(tty->terminal, 0, 0, false));
}

void tty_give_up(struct tty *tty, uint32_t sid)
{
    release_terminal(tty, sid, true);
    tty_release(tty);
}

void tty_leader_ended(struct tty *tty, uint32_t sid)
{
    uint32_t pgid, owner;
    if (tty_client_get_group(tty->terminal, &pgid, &owner) == ERR_PEER_CLOSED)
        ignore(tty_client_hangup(tty->terminal)); /* tells the group that was in the foreground */
    else
        release_terminal(tty, sid, tty->kind != TTY_PSEUDO);
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
int tty_check_foreground(struct tty *tty)
{
    struct process *process = self()->process;
    uint32_t pgid, sid;
    if (tty->kind == TTY_MASTER || tty_client_get_group(tty->terminal, &pgid, &sid) != OK ||
        sid != process->session->sid || pgid == process->pgid || pgid == 0)
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
    dev_attr_apply(attr);
    return 0;
}

static int op_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    return dev_attr_set(&file->attr, mask, attr);
}

static void op_poll(struct file *file, struct poll_source *source)
{
    const struct tty *tty = file->data;
    source->handles[0] = tty->event;
    source_add(source, 0, TTY_READABLE, POLLIN | POLLRDNORM);
    source_add(source, 0, TTY_WRITABLE, POLLOUT | POLLWRNORM);
    source_add(source, 0, TTY_PRIORITY, POLLPRI);
    source_add(source, 0, TTY_HANGUP, POLLHUP | (tty->kind == TTY_MASTER ? 0 : POLLERR));
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

const struct file_ops tty_ops = {
    .name = "tty",
    .read = op_read,
    .write = op_write,
    .stat = op_stat,
    .set_attr = op_set_attr,
    .ioctl = tty_ioctl,
    .poll = op_poll,
    .export = op_export,
    .close = op_close,
};
