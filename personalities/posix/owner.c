/* SPDX-License-Identifier: MIT */
/* Owners of files and SIGIO. See owner.h. */
#include "owner.h"

#include <atomik/syscall.h>
#include <atomik/time.h>

#include "file.h"
#include "pollset.h"
#include "snapshot/kinds.h"
#include "task.h"

#define OWN_TID      0
#define OWN_PID      1
#define OWN_PGRP     2
#define TAKE_MAX     16u
#define KNOWN_LOOK   (NS_PER_SEC / 1000)
#define KNOWN_LOOKS  100u
#define POLLMSG_BITS (POLLIN | POLLRDNORM | 0x400u) /* Linux's POLLMSG */
#define EVENTS       ((uint32_t)(POLLIN | POLLOUT | POLLPRI))

struct file_owner {
    struct list link; /* all of them */
    struct file *file;
    uint32_t type, id; /* OWN_*; id 0: nobody */
    uint32_t uid, euid;
    uint32_t signal; /* 0: SIGIO without information */
    uint32_t fd;
    bool watched;
    volatile bool known; /* how it is was told before the snapshot that it comes from */
    struct poll_source source;
};
struct linux_owner_ex {
    uint32_t type, id;
};

static struct list owners = LIST_INIT(owners);
static handle_t event; /* watches the objects of all watched files */

/* ---- telling ------------------------------------------------------------------------------------- */

/* The poll bits of the file as of now. Lock held. */
static uint32_t ready_bits(struct file_owner *owner)
{
    uint32_t bits = owner->source.ready;
    for (uint32_t i = 0; i < POLL_HANDLES; i++) {
        struct wait_item item = {.handle = owner->source.handles[i],
                                 .wanted = source_signals(&owner->source, i, EVENTS)};
        if (item.handle == HANDLE_NONE || item.wanted == 0)
            continue;
        ignore(wait_any(&item, 1, DEADLINE_POLL)); /* what is observed is filled in in any case */
        bits |= source_bits(&owner->source, i, item.observed);
    }
    return bits;
}

static void fill_info(const struct file_owner *owner, uint32_t bits, siginfo_t *info)
{
    *info = signal_info(owner->signal ? owner->signal : SIGIO, SI_KERNEL);
    if (!owner->signal)
        return;
    info->si_code = bits & POLLHUP   ? POLL_HUP
                    : bits & POLLERR ? POLL_ERR
                    : bits & POLLPRI ? POLL_PRI
                    : bits & POLLIN  ? POLL_IN
                                     : POLL_OUT;
    info->si_band = (long)bits;
    info->si_fd = (int)owner->fd;
}

static bool may_tell(const struct file_owner *owner, const struct process *process)
{
    const struct credentials *its = &process->credentials;
    return owner->euid == 0 || owner->euid == its->suid || owner->euid == its->uid ||
           owner->uid == its->suid || owner->uid == its->uid;
}

static void send(const struct file_owner *owner, const siginfo_t *info)
{
    if (owner->type == OWN_PGRP) {
        process_each(process, bucket)
        {
            if (process->pgid == owner->id && process->state == PROCESS_ALIVE &&
                may_tell(owner, process))
                signal_process(process, info);
        }
        return;
    }
    struct thread *thread = owner->type == OWN_TID ? thread_find(owner->id) : NULL;
    struct process *process = owner->type == OWN_TID ? NULL : process_find(owner->id);
    if (thread && may_tell(owner, thread->process))
        signal_thread(thread, info);
    else if (process && process->state == PROCESS_ALIVE && may_tell(owner, process))
        signal_process(process, info);
}

static void tell(struct file_owner *owner)
{
    siginfo_t info;
    uint32_t bits = ready_bits(owner);
    bool known = owner->known;
    owner->known = false;
    if (!bits || owner->id == 0 || known)
        return;
    fill_info(owner, bits, &info);
    send(owner, &info);
}

void owner_tell_break(struct file *file)
{
    siginfo_t info;
    if (!file->owner || file->owner->id == 0)
        return;
    fill_info(file->owner, POLLMSG_BITS, &info);
    if (file->owner->signal)
        info.si_code = POLL_MSG;
    send(file->owner, &info);
}

static void owner_thread(void *unused)
{
    (void)unused;
    for (;;) {
        struct wait_item item = {.handle = event, .wanted = SIGNAL_READABLE};
        uint32_t keys[TAKE_MAX], done = 0;
        ignore(wait_any(&item, 1, DEADLINE_NEVER));
        server_lock();
        if (event_take(event, keys, TAKE_MAX, &done) != OK)
            done = 0;
        for (uint32_t i = 0; i < done; i++)
            tell((struct file_owner *)keys[i]);
        server_unlock();
    }
}

/* ---- watching; lock held ----------------------------------------------------------------------------- */

static int watch(struct file_owner *owner, bool on)
{
    status_t status = OK;
    for (uint32_t i = 0; i < POLL_HANDLES && status == OK; i++) {
        uint32_t signals = on ? source_signals(&owner->source, i, EVENTS) : 0;
        if (owner->source.handles[i] != HANDLE_NONE)
            status = event_watch(event, owner->source.handles[i], signals, (uint32_t)owner);
    }
    owner->watched = on && status == OK;
    return status == OK ? 0 : -ENOMEM;
}

static struct file_owner *owner_of(struct file *file)
{
    if (file->owner)
        return file->owner;
    struct file_owner *owner = allocate(sizeof *owner);
    if (!owner)
        return NULL;
    owner->file = file;
    owner->type = OWN_PID;
    list_append(&owners, &owner->link);
    file->owner = owner;
    return owner;
}

static bool start_thread(void)
{
    if (event == HANDLE_NONE && event_create(0, &event) == OK)
        worker_background(owner_thread, NULL);
    return event != HANDLE_NONE;
}

/* `known`: nobody needs to be told how it is now. */
static int watch_if_async(struct file *file, bool known)
{
    struct poll_source source = {.ready = 0};
    bool on = file->flags & FASYNC;
    if (!on && !file->owner)
        return 0;
    if (!file->ops->poll)
        return 0; /* always ready: nothing ever comes about */
    file->ops->poll(file, &source);
    server_lock();
    struct file_owner *owner = owner_of(file);
    int result = owner && (!on || start_thread()) ? 0 : -ENOMEM;
    if (result == 0 && on != owner->watched && !source.maybe) {
        owner->source = source;
        owner->known = known && on && ready_bits(owner);
        result = watch(owner, on);
    }
    server_unlock();
    return result;
}

int owner_flags_changed(struct file *file)
{
    return watch_if_async(file, false);
}

void owner_file_closed(struct file *file)
{
    server_lock();
    struct file_owner *owner = file->owner;
    if (owner) {
        if (owner->watched)
            (void)watch(owner, false); /* ending a watch needs no memory */
        list_remove(&owner->link);
        release(owner);
        file->owner = NULL;
    }
    server_unlock();
}

/* ---- fcntl --------------------------------------------------------------------------------------------- */

static int set_owner(struct file *file, uint32_t type, uint32_t id)
{
    const struct credentials *own = &self()->process->credentials;
    server_lock();
    struct file_owner *owner = owner_of(file);
    if (owner) {
        owner->type = type;
        owner->id = id;
        owner->uid = own->uid;
        owner->euid = own->euid;
    }
    server_unlock();
    return owner ? 0 : -ENOMEM;
}

int owner_be_default(struct file *file)
{
    return file->owner && file->owner->id ? 0 : set_owner(file, OWN_PID, self()->process->pid);
}

static int set_owner_ex(struct file *file, user_t at)
{
    struct linux_owner_ex value;
    if (copy_in(&value, at, sizeof value) < 0)
        return -EFAULT;
    if (value.type > OWN_PGRP)
        return -EINVAL;
    server_lock();
    bool exists =
        value.id == 0 || value.type == OWN_PGRP ||
        (value.type == OWN_TID ? thread_find(value.id) != NULL : process_find(value.id) != NULL);
    server_unlock();
    return exists ? set_owner(file, value.type, value.id) : -ESRCH;
}

static int set_signal(struct file *file, uint32_t signal)
{
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    server_lock();
    struct file_owner *owner = owner_of(file);
    if (owner)
        owner->signal = signal;
    server_unlock();
    return owner ? 0 : -ENOMEM;
}

int32_t owner_fcntl(struct file *file, uint32_t command, uint32_t argument)
{
    const struct file_owner *owner = file->owner;
    struct linux_owner_ex value = {owner ? owner->type : OWN_PID, owner ? owner->id : 0};
    bool group = value.type == OWN_PGRP;
    switch (command) {
    case F_SETOWN:
        if (argument == 0x80000000u)
            return -EINVAL;
        return (int32_t)argument < 0 ? set_owner(file, OWN_PGRP, -argument)
                                     : set_owner(file, OWN_PID, argument);
    case F_GETOWN:
        return group ? -(int32_t)value.id : (int32_t)value.id;
    case F_SETOWN_EX:
        return set_owner_ex(file, USER(argument));
    case F_GETOWN_EX:
        return copy_out(USER(argument), &value, sizeof value);
    case F_SETSIG:
        return set_signal(file, argument);
    case F_GETSIG:
        return owner ? (int32_t)owner->signal : 0;
    }
    return -EINVAL;
}

/* ---- snapshots ----------------------------------------------------------------------------------------- */

bool owner_save(const struct file *file, uint32_t words[4])
{
    const struct file_owner *owner = file->owner;
    if (!owner)
        return false;
    words[0] = owner->type;
    words[1] = owner->id;
    words[2] = owner->signal;
    words[3] = owner->fd;
    return true;
}

int owner_restore(struct file *file, const uint32_t words[4])
{
    if (words[0] > OWN_PGRP || words[2] > SIGNAL_COUNT)
        return -EINVAL;
    int error = set_owner(file, words[0], words[1]);
    if (error == 0)
        error = set_signal(file, words[2]);
    if (error == 0)
        file->owner->fd = words[3];
    if (error == 0)
        error = watch_if_async(file, true);
    /* What is known has been passed over before anything new can come. */
    for (uint32_t i = 0; error == 0 && file->owner->known && i < KNOWN_LOOKS; i++)
        time_sleep(KNOWN_LOOK);
    return error;
}
