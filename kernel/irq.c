/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines as objects. A line is masked from the interrupt until each of its objects has been
 * acknowledged, so a driver that is slow or dead cannot be interrupted to death, nor can anybody
 * else. Whose device it was the drivers find out: PCI lines are shared.
 */
#include <kernel/calls.h>
#include <kernel/log.h>
#include <kernel/memory.h>

#define LINE_CLOCK   0 /* the kernel's own */
#define LINE_CASCADE 2 /* carries the second controller */

struct irq {
    struct object object;
    struct list link; /* in its line */
    uint32_t line;
    bool pending; /* signalled and not acknowledged */
};

static struct list lines[IRQ_LINES];

static struct irq *irq_from_object(struct object *object)
{
    return list_entry(object, struct irq, object);
}

static struct list *line_of(uint32_t line)
{
    if (lines[line].next == NULL)
        list_init(&lines[line]);
    return &lines[line];
}

void kernel_irq(uint32_t line)
{
    struct list *item;
    assert(line < IRQ_LINES);
    kernel_statistics.interrupts++;
    random_stir(line);
    list_for_each (item, line_of(line)) {
        struct irq *irq = list_entry(item, struct irq, link);
        irq->pending = true;
        object_signal(&irq->object, 0, SIGNAL_IRQ);
    }
}

/* Open the line unless one of its objects has yet to acknowledge. */
static void unmask_if_served(uint32_t line)
{
    struct list *item;
    list_for_each (item, line_of(line))
        if (list_entry(item, struct irq, link)->pending)
            return;
    if (!list_empty(line_of(line)))
        arch_irq_unmask(line);
}

static void irq_destroy(struct object *object)
{
    struct irq *irq = irq_from_object(object);

    list_remove(&irq->link);
    if (list_empty(line_of(irq->line)))
        arch_irq_mask(irq->line);
    else
        unmask_if_served(irq->line);
    heap_free(irq);
}

static const struct object_ops irq_ops = {.name = "irq", .destroy = irq_destroy};

status_t call_irq_create(uint32_t line, user_t result)
{
    if (line >= IRQ_LINES)
        return ERR_OUT_OF_RANGE;
    if (!(current->process->privileges.irq_lines & 1u << line))
        return ERR_ACCESS_DENIED;
    if (line == LINE_CLOCK || line == LINE_CASCADE)
        return ERR_BUSY;
    struct object *object;
    status_t status =
        object_new(sizeof(struct irq), &irq_ops, OBJECT_IRQ, current->process, &object);
    if (status != OK)
        return status;
    struct irq *irq = irq_from_object(object);
    irq->line = line;
    list_append(line_of(line), &irq->link);
    unmask_if_served(line);
    return handle_return(object, RIGHT_ALL, result);
}

status_t call_irq_ack(handle_t handle)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_IRQ, RIGHT_SIGNAL, &object);

    if (status != OK)
        return status;
    struct irq *irq = irq_from_object(object);
    object_signal(object, SIGNAL_IRQ, 0);
    irq->pending = false;
    unmask_if_served(irq->line);
    return OK;
}
