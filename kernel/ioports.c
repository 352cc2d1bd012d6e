/* SPDX-License-Identifier: MIT */
/* Ranges of I/O ports: an object is the permission, ioports_enable uses it for a process. */
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/memory.h>

#define PORT_COUNT 65536u

struct ioports {
    struct object object;
    uint32_t first, count;
};

_Static_assert(PORT_COUNT / 8 == IOPORT_BITMAP_PAGES * PAGE_SIZE, "one bit per port");

static struct ioports *ioports_from_object(struct object *object)
{
    return list_entry(object, struct ioports, object);
}

static const struct object_ops ioports_ops = {.name = "ioports", .destroy = object_free};

status_t call_ioports_create(uint32_t first, uint32_t count, user_t result)
{
    const struct privileges *privileges = &current->process->privileges;

    if (!count || first >= PORT_COUNT || count > PORT_COUNT - first)
        return ERR_OUT_OF_RANGE;
    if (!(privileges->flags & PRIVILEGE_PCI) && !privilege_range(privileges->ports, first, count))
        return ERR_ACCESS_DENIED;
    struct object *object;
    status_t status =
        object_new(sizeof(struct ioports), &ioports_ops, OBJECT_IOPORTS, current->process, &object);
    if (status != OK)
        return status;
    struct ioports *ioports = ioports_from_object(object);
    ioports->first = first;
    ioports->count = count;
    return handle_return(object, RIGHT_ALL, result);
}

/* The process's bitmap, all denied at first, and known to all its threads. */
static status_t bitmap_create(struct process *process)
{
    struct list *item;
    status_t status = process_charge_pages(process, IOPORT_BITMAP_PAGES);

    if (status != OK)
        return status;
    process->ioport_bitmap = heap_alloc(PORT_COUNT / 8);
    if (!process->ioport_bitmap) {
        process_uncharge_pages(process, IOPORT_BITMAP_PAGES);
        return ERR_NO_MEMORY;
    }
    __builtin_memset(process->ioport_bitmap, 0xff, PORT_COUNT / 8);
    list_for_each (item, &process->threads)
        list_entry(item, struct thread, process_link)->arch.ioports = process->ioport_bitmap;
    return OK;
}

status_t call_ioports_enable(handle_t handle)
{
    struct process *process = current->process;
    struct object *object;
    status_t status = handle_get(process, handle, OBJECT_IOPORTS, RIGHT_MAP, &object);

    if (status == OK && !process->ioport_bitmap)
        status = bitmap_create(process);
    if (status != OK)
        return status;
    const struct ioports *ioports = ioports_from_object(object);
    for (uint32_t port = ioports->first; port < ioports->first + ioports->count; port++)
        process->ioport_bitmap[port / 8] &= (uint8_t) ~(1u << port % 8);
    arch_ioports_changed(process->ioport_bitmap);
    return OK;
}

void ioports_drop_bitmap(struct process *process)
{
    if (!process->ioport_bitmap)
        return;
    arch_ioports_changed(process->ioport_bitmap);
    heap_free(process->ioport_bitmap);
    process->ioport_bitmap = NULL;
    process_uncharge_pages(process, IOPORT_BITMAP_PAGES);
}
