/* SPDX-License-Identifier: MIT */
/* ioctl on terminals: attributes in Linux's three layouts, sizes, groups, queues. */
#include <ipc/ttyclient.h>
#include <string.h>

#include "calls.h"
#include "devattr.h"
#include "file.h"
#include "task.h"
#include "tty.h"

#define TERMIOS_SIZE 36 /* struct termios as the kernel knows it, without speeds */
#define SPEED_CUSTOM 010000u
#define TIOCSIG_     0x40045436
#define TIOCGDEV_    0x80045432
#define CONTROLS_OLD 8
#define SPEED_BITS   010017u

struct linux_termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[CONTROLS_OLD];
};

/* The speed that the bits of c_cflag name. */
static uint32_t speed_of(uint32_t bits, uint32_t custom)
{
    static const uint32_t slow[] = {0,   50,   75,   110,  134,  150,  200,   300,
                                    600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
    static const uint32_t fast[] = {57600,   115200,  230400,  460800,  500000,
                                    576000,  921600,  1000000, 1152000, 1500000,
                                    2000000, 2500000, 3000000, 3500000, 4000000};
    bits &= SPEED_BITS;
    if (bits == SPEED_CUSTOM)
        return custom;
    return bits < 16 ? slow[bits] : fast[bits - SPEED_CUSTOM - 1];
}

/* Output and input speed from cflag; input bits 0: as output. */
static void set_speeds(struct tty_attributes *attributes)
{
    uint32_t in = attributes->cflag >> 16 & SPEED_BITS;
    attributes->output_speed = speed_of(attributes->cflag, attributes->output_speed);
    attributes->input_speed = in ? speed_of(in, attributes->input_speed) : attributes->output_speed;
}

static int get_attributes(struct tty *tty, user_t argument, uint32_t size)
{
    struct tty_attributes attributes;
    status_t status = tty_client_get_attributes(tty->terminal, &attributes);
    return status == OK ? copy_out(argument, &attributes, size) : errno_of(status);
}

static int change_attributes(struct tty *tty, const struct tty_attributes *attributes,
                             uint32_t when)
{
    int result = tty_check_foreground(tty);
    return result < 0 ? result
                      : errno_of(tty_client_set_attributes(tty->terminal, attributes, when));
}

static int set_attributes(struct tty *tty, user_t argument, uint32_t when, uint32_t size)
{
    struct tty_attributes attributes;
    status_t status = tty_client_get_attributes(tty->terminal, &attributes);
    if (status != OK)
        return errno_of(status);
    if (copy_in(&attributes, argument, size) < 0)
        return -EFAULT;
    set_speeds(&attributes);
    return change_attributes(tty, &attributes, when);
}

static int get_old_attributes(struct tty *tty, user_t argument)
{
    struct tty_attributes now;
    status_t status = tty_client_get_attributes(tty->terminal, &now);
    struct linux_termio old = {(uint16_t)now.iflag,
                               (uint16_t)now.oflag,
                               (uint16_t)now.cflag,
                               (uint16_t)now.lflag,
                               now.line,
                               {0}};
    memcpy(old.cc, now.cc, sizeof old.cc);
    return status == OK ? copy_out(argument, &old, sizeof old) : errno_of(status);
}

/* The upper halves of the flags stay. */
static int set_old_attributes(struct tty *tty, user_t argument, uint32_t when)
{
    struct tty_attributes now;
    struct linux_termio old;
    status_t status = tty_client_get_attributes(tty->terminal, &now);
    if (status != OK)
        return errno_of(status);
    if (copy_in(&old, argument, sizeof old) < 0)
        return -EFAULT;
    now.iflag = (now.iflag & 0xffff0000) | old.iflag;
    now.oflag = (now.oflag & 0xffff0000) | old.oflag;
    now.cflag = (now.cflag & 0xffff0000) | old.cflag;
    now.lflag = (now.lflag & 0xffff0000) | old.lflag;
    now.line = old.line;
    memcpy(now.cc, old.cc, sizeof old.cc);
    set_speeds(&now);
    return change_attributes(tty, &now, when);
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
    if (tty->kind != TTY_MASTER && sid != process->session->sid)
        return -ENOTTY;
    if (session && sid == 0)
        return -ENOTTY;
    return put_user(argument, session ? sid : pgid);
}

static bool group_in_session(uint32_t pgid, const struct session *session)
{
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
    int result = tty_check_foreground(tty);
    if (result < 0)
        return result == -EIO ? -ENOTTY : result;
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
    bool same = session->tty && tty_rdev(session->tty) == tty_rdev(tty);
    if (same && session->sid == process->pid)
        return 0;
    if (session->sid != process->pid || session->tty)
        return -EPERM;
    steal = steal && process->credentials.euid == 0;
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
        tty_give_up(tty, session->sid);
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

static int set_discipline(user_t argument)
{
    uint32_t discipline;
    if (get_user(&discipline, argument) < 0)
        return -EFAULT;
    return discipline == 0 ? 0 : -EINVAL; /* there is the one for terminals only */
}

static int job_ioctl(struct tty *tty, uint32_t request, user_t argument)
{
    switch (request) {
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
    case TIOCVHANGUP:
        if (self()->process->credentials.euid != 0)
            return -EPERM;
        return errno_of(tty_client_hangup(tty->terminal));
    }
    return -ENOTTY;
}

static int attribute_ioctl(struct tty *tty, uint32_t request, user_t argument)
{
    switch (request) {
    case TCGETS:
        return get_attributes(tty, argument, TERMIOS_SIZE);
    case TCGETS2:
        return get_attributes(tty, argument, sizeof(struct tty_attributes));
    case TCGETA:
        return get_old_attributes(tty, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_attributes(tty, argument, request - TCSETS, TERMIOS_SIZE);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_attributes(tty, argument, request - TCSETS2, sizeof(struct tty_attributes));
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_old_attributes(tty, argument, request - TCSETA);
    case TIOCGWINSZ:
        return get_size(tty, argument);
    case TIOCSWINSZ:
        return set_size(tty, argument);
    case TIOCGETD:
        return put_user(argument, 0);
    case TIOCSETD:
        return set_discipline(argument);
    }
    return job_ioctl(tty, request, argument);
}

static int any_ioctl(struct file *file, struct tty *tty, uint32_t request, user_t argument)
{
    switch (request) {
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
        dev_set_exclusive(&file->attr, request == TIOCEXCL);
        return 0;
    case TIOCGEXCL:
        return put_user(argument, dev_is_exclusive(file->attr.rdev));
    case TIOCGDEV_:
        return put_user(argument, file->attr.rdev);
    case TIOCGPTN:
    case TIOCSPTLCK:
    case TIOCGPTLCK:
    case TIOCPKT:
    case TIOCGPKT:
    case TIOCGPTPEER:
    case TIOCSIG_:
        return tty->kind == TTY_MASTER ? pty_ioctl(tty, request, argument) : -ENOTTY;
    }
    return attribute_ioctl(tty, request, argument);
}

int tty_ioctl(struct file *file, uint32_t request, user_t argument)
{
    struct tty *tty = file->data;
    int result = any_ioctl(file, tty, request, argument);
    return result == -EPIPE ? -EIO : result; /* it was hung up */
}
