/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores. The operations of a call are done all or none; a call that must wait sleeps on
 * its set and tries again after each change of it. Undo records hang on the process (shared by nobody).
 */
#include <linux/sem.h>
#include <string.h>

#include "calls.h"
#include "ipc.h"
#include "procinfo.h"
#include "resume.h"
#include "snapshot/save.h"
#include "sysctl.h"
#include "task.h"

#define VALUE_MAX 32767

struct semaphore {
    uint16_t value;
    uint32_t pid;
};

struct sem_set {
    struct ipc_object object;
    uint32_t count;
    uint64_t used, changed;
    struct wait_queue queue;
    struct list waiting; /* struct sem_waiter */
    struct semaphore semaphores[];
};

/* A call that waits: for GETNCNT and GETZCNT. */
struct sem_waiter {
    struct list link;
    uint32_t number;
    bool for_zero;
};

/* What the end of a process adds back. */
struct sem_undo {
    struct list link; /* process->sem_undo */
    uint32_t id, count;
    int16_t adjust[];
};

static void destroy(struct ipc_object *object)
{
    release(object);
}
static struct ipc_kind sets = {.destroy = destroy, .next_id = &sysctl.sem_next_id};
static uint32_t total_semaphores;

static struct sem_set *set_of(struct ipc_object *object)
{
    return (struct sem_set *)object;
}

/* ---- semget ------------------------------------------------------------------------------------------- */

static int32_t create(int32_t key, uint32_t count, uint32_t flags)
{
    if (count == 0)
        return -EINVAL;
    if (total_semaphores + count > sysctl.sem_mns)
        return -ENOSPC;
    struct sem_set *set = allocate(sizeof *set + count * sizeof set->semaphores[0]);
    if (!set)
        return -ENOMEM;
    int32_t id = ipc_add(&sets, &set->object, key, flags, sysctl.sem_mni);
    if (id < 0) {
        release(set);
        return id;
    }
    set->count = count;
    set->changed = ipc_time();
    wait_queue_init(&set->queue);
    list_init(&set->waiting);
    total_semaphores += count;
    return id;
}

int32_t sys_semget(int32_t key, int32_t count, uint32_t flags)
{
    int32_t result;
    if (count < 0 || (uint32_t)count > sysctl.sem_msl)
        return -EINVAL;
    server_lock();
    struct ipc_object *object = ipc_get(&sets, key, flags, &result);
    if (object)
        result = (uint32_t)count > set_of(object)->count ? -EINVAL : (int32_t)object->id;
    else if (result == 0)
        result = create(key, (uint32_t)count, flags);
    server_unlock();
    return result;
}

/* ---- undo ----------------------------------------------------------------------------------------------- */

static struct sem_undo *undo_of(const struct sem_set *set, bool make)
{
    struct process *process = self()->process;
    list_each(undo, &process->sem_undo, struct sem_undo, link)
    {
        if (undo->id == set->object.id)
            return undo;
    }
    struct sem_undo *undo =
        make ? allocate(sizeof *undo + set->count * sizeof undo->adjust[0]) : NULL;
    if (!undo)
        return NULL;
    undo->id = set->object.id;
    undo->count = set->count;
    list_append(&process->sem_undo, &undo->link);
    return undo;
}

static void apply_undo(struct sem_set *set, const struct sem_undo *undo, uint32_t pid)
{
    for (uint32_t i = 0; i < undo->count; i++) {
        struct semaphore *semaphore = &set->semaphores[i];
        int32_t value = semaphore->value + undo->adjust[i];
        if (undo->adjust[i] == 0)
            continue;
        semaphore->value = (uint16_t)(value < 0 ? 0 : MIN(value, VALUE_MAX));
        semaphore->pid = pid;
    }
    set->used = ipc_time();
    wait_queue_wake(&set->queue, WAKE_ALL);
}

void sem_process_end(struct process *process)
{
    list_each(undo, &process->sem_undo, struct sem_undo, link)
    {
        struct ipc_object *object = ipc_find(&sets, undo->id);
        if (object && set_of(object)->count == undo->count)
            apply_undo(set_of(object), undo, process->pid);
        list_remove(&undo->link);
        release(undo);
    }
}

/* A value that is set outright makes what processes would add back meaningless. */
static void forget_undo(const struct sem_set *set, uint32_t first, uint32_t count)
{
    process_each(process, bucket)
    {
        list_each(undo, &process->sem_undo, struct sem_undo, link)
        {
            for (uint32_t i = first; undo->id == set->object.id && i < first + count; i++)
                undo->adjust[i] = 0;
        }
    }
}

/* ---- semop ------------------------------------------------------------------------------------------------ */

struct sem_call {
    struct sembuf *operations;
    uint32_t count;
    struct sem_undo *undo;
};

static void roll_back(struct sem_set *set, const struct sem_call *call, uint32_t done)
{
    while (done-- > 0) {
        const struct sembuf *operation = &call->operations[done];
        set->semaphores[operation->sem_num].value =
            (uint16_t)(set->semaphores[operation->sem_num].value - operation->sem_op);
        if ((operation->sem_flg & SEM_UNDO) && call->undo)
            call->undo->adjust[operation->sem_num] =
                (int16_t)(call->undo->adjust[operation->sem_num] + operation->sem_op);
    }
}

/* One operation: 0, -EAGAIN if it has to wait, -ERANGE. */
static int32_t do_operation(struct sem_set *set, const struct sem_call *call,
                            const struct sembuf *operation)
{
    struct semaphore *semaphore = &set->semaphores[operation->sem_num];
    int32_t value = semaphore->value + operation->sem_op;
    if (operation->sem_op == 0 && semaphore->value != 0)
        return -EAGAIN;
    if (value < 0)
        return -EAGAIN;
    if (value > VALUE_MAX)
        return -ERANGE;
    if (operation->sem_flg & SEM_UNDO) {
        int32_t adjust = call->undo->adjust[operation->sem_num] - operation->sem_op;
        if (adjust < -VALUE_MAX - 1 || adjust > VALUE_MAX)
            return -ERANGE;
        call->undo->adjust[operation->sem_num] = (int16_t)adjust;
    }
    semaphore->value = (uint16_t)value;
    return 0;
}

/* All or none; *blocking: the operation that has to wait. */
static int32_t try_operations(struct sem_set *set, const struct sem_call *call, uint32_t *blocking)
{
    for (uint32_t i = 0; i < call->count; i++) {
        int32_t result = do_operation(set, call, &call->operations[i]);
        if (result == 0)
            continue;
        *blocking = i;
        roll_back(set, call, i);
        return result;
    }
    for (uint32_t i = 0; i < call->count; i++)
        set->semaphores[call->operations[i].sem_num].pid = self()->process->pid;
    set->used = ipc_time();
    wait_queue_wake(&set->queue, WAKE_ALL);
    return 0;
}

static int32_t wait_once(struct sem_set *set, const struct sembuf *operation, ktime_t deadline)
{
    struct sem_waiter waiter = {.number = operation->sem_num, .for_zero = operation->sem_op == 0};
    set->object.references++;
    list_append(&set->waiting, &waiter.link);
    int result = wait_queue_sleep(&set->queue, deadline);
    list_remove(&waiter.link);
    if (set->object.removed)
        result = -EIDRM;
    ipc_put(&sets, &set->object);
    return result == -ETIMEDOUT     ? -EAGAIN
           : result == -ERESTARTSYS ? call_interrupted(-EINTR, deadline)
                                    : result;
}

static int32_t check_call(const struct sem_set *set, const struct sem_call *call, bool *undoes)
{
    uint32_t wanted = 4;
    *undoes = false;
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->operations[i].sem_num >= set->count)
            return -EFBIG;
        if (call->operations[i].sem_op != 0)
            wanted = 2;
        *undoes |= (call->operations[i].sem_flg & SEM_UNDO) != 0;
    }
    return ipc_check(&set->object, wanted);
}

static int32_t run_call(uint32_t id, struct sem_call *call, ktime_t deadline)
{
    struct ipc_object *object = ipc_find(&sets, id);
    bool undoes;
    uint32_t blocking = 0;
    if (!object)
        return -EINVAL;
    struct sem_set *set = set_of(object);
    int32_t result = check_call(set, call, &undoes);
    if (result == 0 && undoes && !(call->undo = undo_of(set, true)))
        result = -ENOMEM;
    while (result == 0) {
        result = try_operations(set, call, &blocking);
        if (result != -EAGAIN || (call->operations[blocking].sem_flg & IPC_NOWAIT))
            break;
        result = wait_once(set, &call->operations[blocking], deadline);
    }
    return result;
}

static int32_t semop_until(int32_t id, user_t from, uint32_t count, ktime_t deadline)
{
    struct sem_call call = {.count = count};
    if (count < 1 || id < 0)
        return -EINVAL;
    if (count > sysctl.sem_opm)
        return -E2BIG;
    call.operations = allocate(count * sizeof *call.operations);
    if (!call.operations)
        return -ENOMEM;
    int32_t result = copy_in(call.operations, from, count * sizeof *call.operations);
    if (result == 0) {
        server_lock();
        result = run_call((uint32_t)id, &call, call_deadline(deadline));
        server_unlock();
    }
    release(call.operations);
    return result;
}

static int32_t semop_timed(int32_t id, user_t from, uint32_t count, int64_t sec, int64_t nsec)
{
    if (sec < 0 || nsec < 0 || nsec >= (int64_t)NS_PER_SEC)
        return -EINVAL;
    uint64_t seconds = MIN((uint64_t)sec, UINT32_MAX);
    return semop_until(id, from, count, deadline_after(seconds * NS_PER_SEC + (uint64_t)nsec));
}

int32_t sys_semtimedop(int32_t id, user_t from, uint32_t count, user_t timeout)
{
    struct linux_timespec time;
    if (!timeout.address)
        return semop_until(id, from, count, DEADLINE_NEVER);
    if (copy_in(&time, timeout, sizeof time) < 0)
        return -EFAULT;
    return semop_timed(id, from, count, time.sec, time.nsec);
}

int32_t sys_semtimedop_time64(int32_t id, user_t from, uint32_t count, user_t timeout)
{
    struct linux_timespec64 time;
    if (!timeout.address)
        return semop_until(id, from, count, DEADLINE_NEVER);
    if (copy_in(&time, timeout, sizeof time) < 0)
        return -EFAULT;
    return semop_timed(id, from, count, time.sec, time.nsec);
}

/* ---- semctl ------------------------------------------------------------------------------------------------- */

static int32_t put_status(uint32_t id, uint32_t command, user_t to)
{
    struct semid64_ds status = {.sem_nsems = 0};
    int32_t error;
    struct ipc_object *object =
        ipc_stat(&sets, id, command != IPC_STAT, command == SEM_STAT_ANY, &error);
    if (!object)
        return error;
    ipc_fill(object, &status.sem_perm);
    status.sem_otime = (uint32_t)set_of(object)->used;
    status.sem_ctime = (uint32_t)set_of(object)->changed;
    status.sem_nsems = set_of(object)->count;
    if (copy_out(to, &status, sizeof status) < 0)
        return -EFAULT;
    return command == IPC_STAT ? 0 : (int32_t)object->id;
}

static int32_t put_limits(uint32_t command, user_t to)
{
    struct seminfo info = {.semmap = (int)sysctl.sem_mns,
                           .semmni = (int)sysctl.sem_mni,
                           .semmns = (int)sysctl.sem_mns,
                           .semmnu = (int)sysctl.sem_mns,
                           .semmsl = (int)sysctl.sem_msl,
                           .semopm = (int)sysctl.sem_opm,
                           .semume = (int)sysctl.sem_opm,
                           .semusz = command == SEM_INFO ? (int)sets.count : SEMUSZ,
                           .semvmx = VALUE_MAX,
                           .semaem = command == SEM_INFO ? (int)total_semaphores : VALUE_MAX};
    return copy_out(to, &info, sizeof info) < 0 ? -EFAULT : (int32_t)ipc_highest(&sets);
}

static void remove_set(struct sem_set *set)
{
    total_semaphores -= set->count;
    set->object.references++;
    ipc_remove(&sets, &set->object);
    wait_queue_wake(&set->queue, WAKE_ALL);
    ipc_put(&sets, &set->object);
}

static int32_t change_set(struct sem_set *set, uint32_t command, user_t argument)
{
    struct semid64_ds given;
    int32_t error = ipc_check_owner(&set->object);
    if (command == IPC_SET && copy_in(&given, argument, sizeof given) < 0)
        return -EFAULT;
    if (error < 0)
        return error;
    if (command == IPC_RMID) {
        remove_set(set);
        return 0;
    }
    ipc_change(&set->object, &given.sem_perm);
    set->changed = ipc_time();
    return 0;
}

static int32_t all_values(struct sem_set *set, bool put, user_t array)
{
    int32_t error = ipc_check(&set->object, put ? 2 : 4);
    uint16_t value;
    for (uint32_t i = 0; error == 0 && i < set->count; i++) {
        value = set->semaphores[i].value;
        error = put ? copy_in(&value, user_at(array, i * 2), 2)
                    : copy_out(user_at(array, i * 2), &value, 2);
        if (error == 0 && put && value > VALUE_MAX)
            error = -ERANGE;
    }
    for (uint32_t i = 0; put && error == 0 && i < set->count; i++) {
        if (copy_in(&value, user_at(array, i * 2), 2) < 0 || value > VALUE_MAX)
            return -EFAULT;
        set->semaphores[i].value = value;
        set->semaphores[i].pid = self()->process->pid;
    }
    if (put && error == 0) {
        forget_undo(set, 0, set->count);
        set->changed = ipc_time();
        wait_queue_wake(&set->queue, WAKE_ALL);
    }
    return error;
}

static int32_t count_waiters(const struct sem_set *set, uint32_t number, bool for_zero)
{
    int32_t count = 0;
    list_each(waiter, &set->waiting, struct sem_waiter, link)
    {
        count += waiter->number == number && waiter->for_zero == for_zero;
    }
    return count;
}

static int32_t set_value(struct sem_set *set, uint32_t number, int32_t value)
{
    if (value < 0 || value > VALUE_MAX)
        return -ERANGE;
    set->semaphores[number].value = (uint16_t)value;
    set->semaphores[number].pid = self()->process->pid;
    forget_undo(set, number, 1);
    set->changed = ipc_time();
    wait_queue_wake(&set->queue, WAKE_ALL);
    return 0;
}

static int32_t on_semaphore(struct sem_set *set, int32_t number, uint32_t command,
                            uint32_t argument)
{
    if (number < 0 || (uint32_t)number >= set->count)
        return -EINVAL;
    int32_t error = ipc_check(&set->object, command == SETVAL ? 2 : 4);
    if (error < 0)
        return error;
    const struct semaphore *semaphore = &set->semaphores[number];
    switch (command) {
    case GETVAL:
        return semaphore->value;
    case GETPID:
        return (int32_t)semaphore->pid;
    case GETNCNT:
    case GETZCNT:
        return count_waiters(set, (uint32_t)number, command == GETZCNT);
    }
    return set_value(set, (uint32_t)number, (int32_t)argument);
}

static int32_t control(uint32_t id, int32_t number, uint32_t command, uint32_t argument)
{
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return put_limits(command, USER(argument));
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return put_status(id, command, USER(argument));
    }
    struct ipc_object *object = ipc_find(&sets, id);
    if (!object)
        return -EINVAL;
    switch (command) {
    case IPC_SET:
    case IPC_RMID:
        return change_set(set_of(object), command, USER(argument));
    case GETALL:
    case SETALL:
        return all_values(set_of(object), command == SETALL, USER(argument));
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETVAL:
        return on_semaphore(set_of(object), number, command, argument);
    }
    return -EINVAL;
}

int32_t sys_semctl(int32_t id, int32_t number, uint32_t command, uint32_t argument)
{
    if (id < 0)
        return -EINVAL;
    server_lock();
    int32_t result = control((uint32_t)id, number, command, argument);
    server_unlock();
    return result;
}

/* ---- /proc/sysvipc/sem --------------------------------------------------------------------------------------- */

void proc_sysvipc_sem(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text,
                "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
                "ctime\n");
    server_lock();
    for (uint32_t i = 0; i < sets.capacity; i++) {
        const struct ipc_object *object = sets.objects[i];
        if (!object)
            continue;
        const struct sem_set *set = set_of(sets.objects[i]);
        text_printf(text, "%10d %10u  %4o %10u %5u %5u %5u %5u %10llu %10llu\n", object->key,
                    object->id, object->mode, set->count, object->uid, object->gid, object->cuid,
                    object->cgid, (unsigned long long)set->used, (unsigned long long)set->changed);
    }
    server_unlock();
}

/* ---- snapshots ------------------------------------------------------------------------------------------ */

static bool is_used_by(const struct sem_set *set, const struct process *process)
{
    bool used = set->object.creator == process->pid;
    for (uint32_t i = 0; i < set->count; i++)
        used |= set->semaphores[i].pid == process->pid;
    list_each(undo, &process->sem_undo, struct sem_undo, link) used |= undo->id == set->object.id;
    return used;
}

static void save_undo(struct snapshot *snapshot, const struct sem_undo *undo)
{
    snap_note_begin(snapshot, SNAP_UNDO);
    snap_put_u32(snapshot, SNAP_UNDO_ID, undo->id);
    snap_put(snapshot, SNAP_UNDO_ADJUST, undo->adjust, undo->count * sizeof undo->adjust[0]);
}

static void save_set(struct snapshot *snapshot, const struct sem_set *set)
{
    uint16_t *values = allocate(set->count * sizeof *values);
    ipc_save(snapshot, &set->object, "sem", set->count);
    for (uint32_t i = 0; values && i < set->count; i++)
        values[i] = set->semaphores[i].value;
    if (values)
        snap_put(snapshot, SNAP_IPC_VALUES, values, set->count * sizeof *values);
    else
        snapshot->failed = true;
    release(values);
}

void sem_save(struct save *save, const struct process *process)
{
    for (uint32_t i = 0; i < sets.capacity; i++) {
        struct ipc_object *object = ipc_at(&sets, i);
        if (object && is_used_by(set_of(object), process))
            save_set(&save->snapshot, set_of(object));
    }
    list_each(undo, &process->sem_undo, struct sem_undo, link) save_undo(&save->snapshot, undo);
}

int32_t sem_restore(const struct snap_note *note)
{
    int32_t error;
    uint32_t length = 0, count = snap_get_u32(note, SNAP_IPC_SIZE, 0);
    struct ipc_object *object = ipc_restore(&sets, note, &error);
    const uint16_t *values = (const uint16_t *)snap_get(note, SNAP_IPC_VALUES, &length);
    if (object)
        return set_of(object)->count == count ? 0 : -EEXIST;
    if (error == 0 && (!values || count > sysctl.sem_msl || length != count * sizeof *values))
        error = -EINVAL;
    if (error == 0)
        error = create((int32_t)snap_get_u32(note, SNAP_IPC_KEY, 0), count, 0600);
    sysctl.sem_next_id = UINT32_MAX;
    if (error < 0)
        return error;
    struct sem_set *set = set_of(ipc_find(&sets, snap_get_u32(note, SNAP_IPC_ID, 0)));
    for (uint32_t i = 0; i < count; i++)
        set->semaphores[i].value = MIN(values[i], VALUE_MAX);
    ipc_restore_rights(&set->object, note);
    return 0;
}

int32_t sem_restore_undo(struct process *process, const struct snap_note *note)
{
    uint32_t length = 0, id = snap_get_u32(note, SNAP_UNDO_ID, UINT32_MAX);
    const uint8_t *adjust = snap_get(note, SNAP_UNDO_ADJUST, &length);
    struct ipc_object *object = ipc_find(&sets, id);
    uint32_t count = object ? set_of(object)->count : 0;
    if (!object || !adjust || length != count * sizeof(int16_t) || ipc_check(object, 2) < 0)
        return -EINVAL;
    struct sem_undo *undo = allocate(sizeof *undo + length);
    if (!undo)
        return -ENOMEM;
    undo->id = id;
    undo->count = count;
    memcpy(undo->adjust, adjust, length);
    list_append(&process->sem_undo, &undo->link);
    return 0;
}
