/* SPDX-License-Identifier: MIT */
/* System V message queues. Senders and receivers that wait sleep on one queue each. */
#include <linux/msg.h>
#include <string.h>

#include "calls.h"
#include "ipc.h"
#include "procinfo.h"
#include "snapshot/save.h"
#include "sysctl.h"
#include "task.h"

struct message_entry {
    struct list link;
    int32_t type;
    uint32_t size;
    uint8_t text[];
};

struct msg_queue {
    struct ipc_object object;
    struct list messages;
    uint32_t bytes, count, limit, last_sender, last_receiver;
    uint64_t sent, received, changed;
    struct wait_queue senders, receivers;
};

static uint32_t total_messages, total_bytes;

static void drop_messages(struct msg_queue *queue)
{
    list_each(entry, &queue->messages, struct message_entry, link)
    {
        list_remove(&entry->link);
        total_messages--;
        total_bytes -= entry->size;
        release(entry);
    }
}

static void destroy(struct ipc_object *object)
{
    drop_messages((struct msg_queue *)object);
    release(object);
}
static struct ipc_kind queues = {.destroy = destroy, .next_id = &sysctl.msg_next_id};

static int32_t create(int32_t key, uint32_t flags)
{
    struct msg_queue *queue = allocate(sizeof *queue);
    if (!queue)
        return -ENOMEM;
    int32_t id = ipc_add(&queues, &queue->object, key, flags, sysctl.msg_mni);
    if (id < 0) {
        release(queue);
        return id;
    }
    list_init(&queue->messages);
    wait_queue_init(&queue->senders);
    wait_queue_init(&queue->receivers);
    queue->limit = sysctl.msg_mnb;
    queue->changed = ipc_time();
    return id;
}

int32_t sys_msgget(int32_t key, uint32_t flags)
{
    int32_t result;
    server_lock();
    struct ipc_object *object = ipc_get(&queues, key, flags, &result);
    if (object)
        result = (int32_t)object->id;
    else if (result == 0)
        result = create(key, flags);
    server_unlock();
    return result;
}

static struct msg_queue *queue_by_id(int32_t id)
{
    return id < 0 ? NULL : (struct msg_queue *)ipc_find(&queues, (uint32_t)id);
}

/* Sleeps once; -EIDRM if the queue went away meanwhile. */
static int32_t wait_once(struct msg_queue *queue, struct wait_queue *on)
{
    queue->object.references++;
    int32_t result = wait_queue_sleep(on, DEADLINE_NEVER);
    if (queue->object.removed)
        result = -EIDRM;
    ipc_put(&queues, &queue->object);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

/* ---- sending ----------------------------------------------------------------------------------------------- */

static bool has_room(const struct msg_queue *queue, uint32_t size)
{
    return size + queue->bytes <= queue->limit && queue->count + 1 <= queue->limit;
}

static int32_t send(int32_t id, struct message_entry *entry, uint32_t flags)
{
    struct msg_queue *queue = queue_by_id(id);
    int32_t result = queue ? ipc_check(&queue->object, 2) : -EINVAL;
    while (result == 0 && !has_room(queue, entry->size))
        result = flags & IPC_NOWAIT ? -EAGAIN : wait_once(queue, &queue->senders);
    if (result < 0)
        return result;
    list_append(&queue->messages, &entry->link);
    queue->bytes += entry->size;
    queue->count++;
    total_messages++;
    total_bytes += entry->size;
    queue->sent = ipc_time();
    queue->last_sender = self()->process->pid;
    wait_queue_wake(&queue->receivers, WAKE_ALL);
    return 0;
}

int32_t sys_msgsnd(int32_t id, user_t message, uint32_t size, uint32_t flags)
{
    uint32_t type;
    if (get_user(&type, message) < 0)
        return -EFAULT;
    if ((int32_t)type < 1 || (int32_t)size < 0 || size > sysctl.msg_max || id < 0)
        return -EINVAL;
    struct message_entry *entry = allocate(sizeof *entry + size);
    if (!entry)
        return -ENOMEM;
    entry->type = (int32_t)type;
    entry->size = size;
    int32_t result = copy_in(entry->text, user_at(message, 4), size);
    if (result == 0) {
        server_lock();
        result = send(id, entry, flags);
        server_unlock();
    }
    if (result < 0)
        release(entry);
    return result;
}

/* ---- receiving ----------------------------------------------------------------------------------------------- */

/* The message that a type asks for: 0 the first, > 0 of that type (or not), < 0 the lowest up to it. */
static struct message_entry *choose(const struct msg_queue *queue, int32_t type, uint32_t flags)
{
    struct message_entry *best = NULL;
    int32_t at = 0;
    list_each(entry, &queue->messages, struct message_entry, link)
    {
        if (flags & MSG_COPY) {
            if (at++ == type)
                return entry;
        } else if (type == 0 || (type > 0 && (entry->type == type) != !!(flags & MSG_EXCEPT))) {
            return entry;
        } else if (type < 0 && (type == INT32_MIN || entry->type <= -type) &&
                   (!best || entry->type < best->type)) {
            best = entry;
        }
    }
    return best;
}

/* *taken: out of the queue, or with MSG_COPY a copy. */
static int32_t take(struct msg_queue *queue, struct message_entry *entry, uint32_t size,
                    uint32_t flags, struct message_entry **taken)
{
    if (entry->size > size && !(flags & MSG_NOERROR))
        return -E2BIG;
    if (flags & MSG_COPY) {
        *taken = allocate(sizeof *entry + entry->size);
        if (*taken)
            memcpy(*taken, entry, sizeof *entry + entry->size);
        return *taken ? 0 : -ENOMEM;
    }
    list_remove(&entry->link);
    queue->bytes -= entry->size;
    queue->count--;
    total_messages--;
    total_bytes -= entry->size;
    queue->received = ipc_time();
    queue->last_receiver = self()->process->pid;
    wait_queue_wake(&queue->senders, WAKE_ALL);
    *taken = entry;
    return 0;
}

static int32_t receive(int32_t id, uint32_t size, int32_t type, uint32_t flags,
                       struct message_entry **taken)
{
    struct message_entry *entry;
    struct msg_queue *queue = queue_by_id(id);
    int32_t result = queue ? ipc_check(&queue->object, 4) : -EINVAL;
    while (result == 0 && !(entry = choose(queue, type, flags)))
        result = flags & IPC_NOWAIT ? -ENOMSG : wait_once(queue, &queue->receivers);
    return result < 0 ? result : take(queue, entry, size, flags, taken);
}

int32_t sys_msgrcv(int32_t id, user_t to, uint32_t size, int32_t type, uint32_t flags)
{
    struct message_entry *entry = NULL;
    if (id < 0 || (int32_t)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && (!(flags & IPC_NOWAIT) || (flags & MSG_EXCEPT)))
        return -EINVAL;
    server_lock();
    int32_t result = receive(id, size, type, flags, &entry);
    server_unlock();
    if (result < 0)
        return result;
    uint32_t length = MIN(size, entry->size);
    result = (int32_t)length;
    if (put_user(to, (uint32_t)entry->type) < 0 ||
        copy_out(user_at(to, 4), entry->text, length) < 0)
        result = -EFAULT;
    release(entry);
    return result;
}

/* ---- msgctl ---------------------------------------------------------------------------------------------------- */

static int32_t put_status(uint32_t id, uint32_t command, user_t to)
{
    struct msqid64_ds status = {.msg_qnum = 0};
    int32_t error;
    struct msg_queue *queue = (struct msg_queue *)ipc_stat(&queues, id, command != IPC_STAT,
                                                           command == MSG_STAT_ANY, &error);
    if (!queue)
        return error;
    ipc_fill(&queue->object, &status.msg_perm);
    status.msg_stime = (uint32_t)queue->sent;
    status.msg_rtime = (uint32_t)queue->received;
    status.msg_ctime = (uint32_t)queue->changed;
    status.msg_cbytes = queue->bytes;
    status.msg_qnum = queue->count;
    status.msg_qbytes = queue->limit;
    status.msg_lspid = (int32_t)queue->last_sender;
    status.msg_lrpid = (int32_t)queue->last_receiver;
    if (copy_out(to, &status, sizeof status) < 0)
        return -EFAULT;
    return command == IPC_STAT ? 0 : (int32_t)queue->object.id;
}

static int32_t put_limits(uint32_t command, user_t to)
{
    bool use = command == MSG_INFO;
    struct msginfo info = {.msgpool = use ? (int)queues.count : MSGPOOL,
                           .msgmap = use ? (int)total_messages : MSGMAP,
                           .msgmax = (int)sysctl.msg_max,
                           .msgmnb = (int)sysctl.msg_mnb,
                           .msgmni = (int)sysctl.msg_mni,
                           .msgssz = MSGSSZ,
                           .msgtql = use ? (int)total_bytes : MSGTQL,
                           .msgseg = MSGSEG};
    return copy_out(to, &info, sizeof info) < 0 ? -EFAULT : (int32_t)ipc_highest(&queues);
}

static void remove_queue(struct msg_queue *queue)
{
    queue->object.references++;
    ipc_remove(&queues, &queue->object);
    wait_queue_wake(&queue->senders, WAKE_ALL);
    wait_queue_wake(&queue->receivers, WAKE_ALL);
    ipc_put(&queues, &queue->object);
}

static int32_t change(struct msg_queue *queue, uint32_t command, const struct msqid64_ds *given)
{
    int32_t error = ipc_check_owner(&queue->object);
    if (error < 0)
        return error;
    if (command == IPC_RMID) {
        remove_queue(queue);
        return 0;
    }
    if (given->msg_qbytes > sysctl.msg_mnb && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    ipc_change(&queue->object, &given->msg_perm);
    queue->limit = given->msg_qbytes;
    queue->changed = ipc_time();
    wait_queue_wake(&queue->receivers, WAKE_ALL);
    wait_queue_wake(&queue->senders, WAKE_ALL);
    return 0;
}

static int32_t control(int32_t id, uint32_t command, user_t argument)
{
    struct msqid64_ds given;
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return put_limits(command, argument);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return put_status((uint32_t)id, command, argument);
    case IPC_SET:
        if (copy_in(&given, argument, sizeof given) < 0)
            return -EFAULT;
        break;
    case IPC_RMID:
        break;
    default:
        return -EINVAL;
    }
    struct msg_queue *queue = queue_by_id(id);
    return queue ? change(queue, command, &given) : -EINVAL;
}

int32_t sys_msgctl(int32_t id, uint32_t command, user_t argument)
{
    if (id < 0)
        return -EINVAL;
    server_lock();
    int32_t result = control(id, command, argument);
    server_unlock();
    return result;
}

/* ---- /proc/sysvipc/msg ------------------------------------------------------------------------------------------ */

void proc_sysvipc_msg(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text,
                "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid"
                "  cgid      stime      rtime      ctime\n");
    server_lock();
    for (uint32_t i = 0; i < queues.capacity; i++) {
        const struct ipc_object *object = queues.objects[i];
        const struct msg_queue *queue = (const struct msg_queue *)object;
        if (!object)
            continue;
        text_printf(text, "%10d %10u  %4o  %10u %10u %5u %5u %5u %5u %5u %5u ", object->key,
                    object->id, object->mode, queue->bytes, queue->count, queue->last_sender,
                    queue->last_receiver, object->uid, object->gid, object->cuid, object->cgid);
        text_printf(text, "%10llu %10llu %10llu\n", (unsigned long long)queue->sent,
                    (unsigned long long)queue->received, (unsigned long long)queue->changed);
    }
    server_unlock();
}

/* ---- snapshots --------------------------------------------------------------------------------------------- */

static void save_message(struct snapshot *snapshot, const struct ipc_object *object,
                         const struct message_entry *entry)
{
    uint32_t blob = snap_add_blob_copy(snapshot, entry->text, entry->size);
    snap_note_begin(snapshot, SNAP_MESSAGE);
    snap_put_u32(snapshot, SNAP_MESSAGE_IPC, object->id);
    snap_put_u32(snapshot, SNAP_MESSAGE_TYPE, (uint32_t)entry->type);
    snap_put_u32(snapshot, SNAP_MESSAGE_BLOB, blob);
}

void msg_save(struct save *save, const struct process *process)
{
    for (uint32_t i = 0; i < queues.capacity; i++) {
        struct msg_queue *queue = (struct msg_queue *)ipc_at(&queues, i);
        if (!queue || (queue->object.creator != process->pid &&
                       queue->last_sender != process->pid && queue->last_receiver != process->pid))
            continue;
        ipc_save(&save->snapshot, &queue->object, "msg", queue->limit);
        list_each(entry, &queue->messages, struct message_entry, link)
            save_message(&save->snapshot, &queue->object, entry);
    }
}

int32_t msg_restore(const struct snap_note *note, bool *present)
{
    int32_t error;
    uint32_t limit = snap_get_u32(note, SNAP_IPC_SIZE, 0);
    *present = ipc_restore(&queues, note, &error) != NULL;
    if (*present || error < 0)
        return error;
    error = create((int32_t)snap_get_u32(note, SNAP_IPC_KEY, 0), 0600);
    sysctl.msg_next_id = UINT32_MAX;
    if (error < 0)
        return error;
    struct msg_queue *queue =
        (struct msg_queue *)ipc_find(&queues, snap_get_u32(note, SNAP_IPC_ID, 0));
    queue->limit = capable(CAP_SYS_RESOURCE) ? limit : MIN(limit, sysctl.msg_mnb);
    ipc_restore_rights(&queue->object, note);
    return 0;
}

int32_t msg_restore_message(uint32_t id, int32_t type, const void *text, uint32_t size)
{
    struct msg_queue *queue = queue_by_id((int32_t)id);
    if (!queue || type < 1 || size > sysctl.msg_max || !has_room(queue, size))
        return -EINVAL;
    struct message_entry *entry = allocate(sizeof *entry + size);
    if (!entry)
        return -ENOMEM;
    entry->type = type;
    entry->size = size;
    memcpy(entry->text, text, size);
    list_append(&queue->messages, &entry->link);
    queue->bytes += size;
    queue->count++;
    total_messages++;
    total_bytes += size;
    return 0;
}
