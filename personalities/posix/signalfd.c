/* SPDX-License-Identifier: MIT */
/*
 * signalfd: pending signals that are read. Whose signals they are depends on who reads or waits, so
 * the event of a signalfd only says that one of its signals has come about somewhere.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "ready.h"
#include "signalfd.h"
#include "snapshot/kinds.h"
#include "task.h"

struct signalfd {
    struct list link; /* all of them */
    uint64_t mask;
    handle_t event;
    struct wait_queue arrived;
};

/* signalfd_siginfo. */
struct linux_signalfd_info {
    uint32_t signal;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t tid, band, overrun, trap;
    int32_t status, value;
    uint64_t pointer, user_time, system_time, address;
    uint16_t address_lsb, padding2;
    int32_t system_call;
    uint64_t call_address;
    uint32_t architecture;
    uint8_t padding[28];
};
_Static_assert(sizeof(struct linux_signalfd_info) == 128, "signalfd_siginfo");

static struct list signalfds = LIST_INIT(signalfds);
static const struct file_ops signalfd_ops;

void signalfd_arrived(uint32_t signal)
{
    list_each(own, &signalfds, struct signalfd, link)
    {
        if (!(own->mask & SIGNAL_BIT(signal)))
            continue;
        ignore(event_signal(own->event, 0, SIGNAL_SET));
        wait_queue_wake(&own->arrived, WAKE_ALL);
    }
}

/* ---- the file -------------------------------------------------------------------------------------- */

static void fill_info(struct linux_signalfd_info *to, const siginfo_t *info)
{
    memset(to, 0, sizeof *to);
    to->signal = (uint32_t)info->si_signo;
    to->error = info->si_errno;
    to->code = info->si_code;
    if (info->si_code == SI_TIMER) {
        to->tid = (uint32_t)info->si_tid;
        to->overrun = (uint32_t)info->si_overrun;
        to->value = info->si_int;
        to->pointer = (uint32_t)info->si_int;
        return;
    }
    to->pid = (uint32_t)info->si_pid;
    to->uid = info->si_uid;
    if (info->si_signo == SIGCHLD && info->si_code > 0) {
        to->status = info->si_status;
        to->user_time = (uint64_t)info->si_utime;
        to->system_time = (uint64_t)info->si_stime;
    } else if (info->si_code < 0) {
        to->value = info->si_int;
        to->pointer = (uint32_t)info->si_int;
    }
}

/* The next signal of the mask; 0: none now. Lock held. */
static uint32_t take(struct signalfd *own, struct linux_signalfd_info *to)
{
    siginfo_t info;
    uint32_t signal = signal_take(self(), own->mask, &info);
    if (signal)
        fill_info(to, &info);
    return signal;
}

static int wait_for_signal(struct file *file, struct linux_signalfd_info *to)
{
    struct signalfd *own = file->data;
    int result = 0;
    server_lock();
    while (!take(own, to) && result == 0)
        result =
            file->flags & O_NONBLOCK ? -EAGAIN : wait_queue_sleep(&own->arrived, DEADLINE_NEVER);
    server_unlock();
    return result;
}

static int signalfd_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct linux_signalfd_info info;
    struct signalfd *own = file->data;
    uint32_t sum = 0;
    (void)offset;
    if (io->left < sizeof info)
        return -EINVAL;
    int result = wait_for_signal(file, &info);
    while (result == 0) {
        if (io_put(io, &info, sizeof info) < 0)
            return sum ? (int)sum : -EFAULT;
        sum += sizeof info;
        if (io->left < sizeof info)
            break;
        server_lock();
        result = take(own, &info) ? 0 : 1;
        server_unlock();
    }
    return sum ? (int)sum : result;
}

static void signalfd_poll_locked(struct file *file, struct poll_source *source)
{
    struct signalfd *own = file->data;
    ignore(event_signal(own->event, SIGNAL_SET, 0));
    source->maybe = true;
    source->handles[0] = own->event;
    source_add(source, 0, SIGNAL_SET, READ_READY);
    source->ready = signal_pending_set(self()) & own->mask ? READ_READY : 0;
}

static void signalfd_poll(struct file *file, struct poll_source *source)
{
    server_lock();
    signalfd_poll_locked(file, source);
    server_unlock();
}

static void signalfd_close(struct file *file)
{
    struct signalfd *own = file->data;
    if (!own)
        return;
    server_lock();
    list_remove(&own->link);
    server_unlock();
    close_handle(own->event);
    release(own);
}

static void signalfd_save(struct file *file, struct snapshot *snapshot)
{
    const struct signalfd *own = file->data;
    snap_put_u64(snapshot, SNAP_OBJECT_MASK, own->mask);
}

static const struct file_ops signalfd_ops = {.name = "signalfd",
                                             .read = signalfd_read,
                                             .seek_ignored = true,
                                             .stat = file_stat_anonymous,
                                             .poll = signalfd_poll,
                                             .poll_locked = signalfd_poll_locked,
                                             .save = signalfd_save,
                                             .close = signalfd_close};

/* ---- calls ----------------------------------------------------------------------------------------- */

static int make(uint64_t mask, uint32_t flags, struct file **result)
{
    struct file *file = file_new(&signalfd_ops, O_RDWR | (flags & O_NONBLOCK));
    struct signalfd *own = file ? allocate(sizeof *own) : NULL;
    if (!own || event_create(0, &own->event) != OK) {
        release(own);
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    own->mask = mask;
    wait_queue_init(&own->arrived);
    file->data = own;
    file->path = text_copy("anon_inode:[signalfd]");
    server_lock();
    list_append(&signalfds, &own->link);
    server_unlock();
    *result = file;
    return 0;
}

int signalfd_restore(const struct snap_note *note, struct file **result)
{
    uint64_t mask = snap_get_u64(note, SNAP_OBJECT_MASK, 0);
    return make(mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)), 0, result);
}

static int32_t change(uint32_t fd, uint64_t mask)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    struct signalfd *own = file->data;
    int32_t result = -EINVAL;
    if (file->ops == &signalfd_ops) {
        server_lock();
        own->mask = mask;
        ignore(event_signal(own->event, 0, SIGNAL_SET));
        wait_queue_wake(&own->arrived, WAKE_ALL);
        server_unlock();
        result = (int32_t)fd;
    }
    file_release(file);
    return result;
}

int32_t sys_signalfd4(uint32_t fd, user_t mask, uint32_t size, uint32_t flags)
{
    uint64_t set;
    if (size != sizeof set)
        return -EINVAL;
    if (copy_in(&set, mask, sizeof set) < 0)
        return -EFAULT;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    if ((int32_t)fd != -1)
        return change(fd, set);
    struct file *file;
    int error = make(set, flags, &file);
    return error < 0 ? error : fd_install(file, 0, flags & O_CLOEXEC);
}

int32_t sys_signalfd(uint32_t fd, user_t mask, uint32_t size)
{
    return sys_signalfd4(fd, mask, size, 0);
}
