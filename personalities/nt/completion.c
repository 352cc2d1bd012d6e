/* SPDX-License-Identifier: MIT */
/* I/O completion ports: queues of packets. */
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

struct packet {
    struct list link;
    FILE_IO_COMPLETION_INFORMATION info;
};
struct completion {
    struct object object;
    struct list packets;
    uint32_t count;
};

static bool completion_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return !list_empty(&container_of(object, struct completion, object)->packets);
}

static struct packet *completion_take(struct completion *port)
{
    struct packet *packet = container_of(port->packets.next, struct packet, link);
    list_remove(&packet->link);
    port->count--;
    return packet;
}

static void completion_destroy(struct object *object)
{
    struct completion *port = container_of(object, struct completion, object);
    while (!list_empty(&port->packets))
        free(completion_take(port));
    free(port);
}

static NTSTATUS completion_new(struct object **result)
{
    struct completion *port = calloc(1, sizeof *port);
    if (!port)
        return STATUS_NO_MEMORY;
    object_init(&port->object, &completion_type);
    list_init(&port->packets);
    *result = &port->object;
    return STATUS_SUCCESS;
}

static void completion_save(struct object *object, struct save *save)
{
    struct completion *port = container_of(object, struct completion, object);
    struct snapshot *snapshot = &save->snapshot;
    FILE_IO_COMPLETION_INFORMATION *packets = malloc((port->count + 1) * sizeof *packets);
    uint32_t count = 0;
    if (!packets) {
        snapshot->failed = true;
        return;
    }
    list_each(packet, &port->packets, struct packet, link) packets[count++] = packet->info;
    snap_put_u32(snapshot, SNAP_OBJECT_QUEUE,
                 snap_add_blob_copy(snapshot, packets, count * sizeof *packets));
    free(packets);
}

static NTSTATUS completion_restore(struct restore *restore, const struct snap_note *note,
                                   struct object **result)
{
    uint32_t size;
    NTSTATUS status = completion_new(result);
    uint8_t *packets = restored_blob(restore, snap_get_u32(note, SNAP_OBJECT_QUEUE, 0), &size);
    FILE_IO_COMPLETION_INFORMATION info;
    for (uint32_t at = 0; !status && packets && at + sizeof info <= size; at += sizeof info) {
        memcpy(&info, packets + at, sizeof info);
        status = completion_post(*result, info.CompletionKey, info.CompletionValue,
                                 info.IoStatusBlock.Status, info.IoStatusBlock.Information);
    }
    free(packets);
    return status;
}

const struct nt_type completion_type = {
    .name = L"IoCompletion",
    .number = TYPE_IO_COMPLETION,
    .mapping = {STANDARD_RIGHTS_READ | IO_COMPLETION_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | IO_COMPLETION_MODIFY_STATE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, IO_COMPLETION_ALL_ACCESS},
    .signaled = completion_signaled,
    .destroy = completion_destroy,
    .save = completion_save,
    .restore = completion_restore,
};

NTSTATUS completion_post(struct object *object, uint32_t key, uint32_t value, NTSTATUS status,
                         uint32_t information)
{
    struct completion *port = container_of(object, struct completion, object);
    struct packet *packet = calloc(1, sizeof *packet);
    if (!packet)
        return STATUS_NO_MEMORY;
    packet->info.CompletionKey = key;
    packet->info.CompletionValue = value;
    packet->info.IoStatusBlock.Status = status;
    packet->info.IoStatusBlock.Information = information;
    list_append(&port->packets, &packet->link);
    port->count++;
    object_changed(object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_create_io_completion(struct call *call)
{
    struct object *port;
    NTSTATUS status = completion_new(&port);
    return status ? status
                  : object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                                        port);
}

NTSTATUS nt_open_io_completion(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &completion_type);
}

NTSTATUS nt_set_io_completion(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_MODIFY_STATE, &object);
    if (status)
        return status;
    status = completion_post(object, call->args[1], call->args[2], call->args[3], call->args[4]);
    object_release(object);
    return status;
}

/* Wait for the first packet; STATUS_SUCCESS: there is one. The object is held then. */
static NTSTATUS completion_wait(struct call *call, uint32_t timeout, bool alertable,
                                struct completion **port)
{
    struct object *object;
    uint64_t deadline;
    bool poll;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_MODIFY_STATE, &object);
    if (status)
        return status;
    status = wait_deadline(call->thread, timeout, &deadline, &poll);
    /* A waiter that was woken is not sure of the packet: another thread may take it first. */
    do {
        if (!status)
            status = wait_objects(call->thread, &object, 1, false, alertable, deadline);
    } while (!status && !completion_signaled(object, call->thread));
    *port = container_of(object, struct completion, object);
    if (status)
        object_release(object);
    return status;
}

NTSTATUS nt_remove_io_completion(struct call *call)
{
    struct completion *port;
    NTSTATUS status = completion_wait(call, call->args[4], false, &port);
    if (status)
        return status;
    struct packet *packet = completion_take(port);
    object_release(&port->object);
    status = guest_write32(call->args[1], packet->info.CompletionKey);
    if (!status)
        status = guest_write32(call->args[2], packet->info.CompletionValue);
    if (!status)
        status = guest_write(call->args[3], &packet->info.IoStatusBlock,
                             sizeof packet->info.IoStatusBlock);
    free(packet);
    return status;
}

NTSTATUS nt_remove_io_completion_ex(struct call *call)
{
    struct completion *port;
    uint32_t done = 0;
    NTSTATUS status = completion_wait(call, call->args[4], call->args[5] & 0xff, &port);
    if (status) {
        NTSTATUS written = status == STATUS_TIMEOUT || status == STATUS_USER_APC
                               ? guest_return32(call->args[3], 1)
                               : STATUS_SUCCESS;
        return written ? written : wait_return(call, status);
    }
    while (!status && done < call->args[2] && !list_empty(&port->packets)) {
        struct packet *packet = completion_take(port);
        status = guest_write(call->args[1] + done * sizeof packet->info, &packet->info,
                             sizeof packet->info);
        free(packet);
        done++;
    }
    object_release(&port->object);
    return status ? status : guest_return32(call->args[3], done);
}

NTSTATUS nt_query_io_completion(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_QUERY_STATE, &object);
    if (status)
        return status;
    uint32_t count = container_of(object, struct completion, object)->count;
    object_release(object);
    return guest_return(call->args[2], call->args[3], call->args[4], &count, sizeof count);
}
