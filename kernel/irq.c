/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines as objects. The line is masked from the interrupt until irq_ack, so a driver that
 * is slow or dead cannot be interrupted to death, nor can anybody else.
 */
#include <kernel/calls.h>
#include <kernel/log.h>
#include <kernel/memory.h>

#define LINE_CLOCK   0 /* the kernel's own */
#define LINE_CASCADE 2 /* carries the second controller */

struct irq {
    struct object object;
    uint32_t line;
};

static struct irq *lines[IRQ_LINES];

static struct irq *irq_from_object(struct object *object)
{
    return list_entry(object, struct irq, object);
}

void kernel_irq(uint32_t line)
{
    assert(line < IRQ_LINES);
    kernel_statistics.interrupts++;
    random_stir(line);
    if (lines[line])
        object_signal(&lines[line]->object, 0, SIGNAL_IRQ);
}

static void irq_destroy(struct object *object)
{
    struct irq *irq = irq_from_object(object);

    arch_irq_mask(irq->line);
    lines[irq->line] = NULL;
    heap_free(irq);
}

static const struct object_ops irq_ops = {.name = "irq", .destroy = irq_destroy};

status_t call_irq_create(uint32_t line, user_t result)
{
    if (line >= IRQ_LINES)
        return ERR_OUT_OF_RANGE;
    if (!(current->process->privileges.irq_lines & 1u << line))
        return ERR_ACCESS_DENIED;
    if (lines[line] || line == LINE_CLOCK || line == LINE_CASCADE)
        return ERR_BUSY;
    struct irq *irq = heap_alloc(sizeof *irq);
    if (!irq)
        return ERR_NO_MEMORY;
    irq->line = line;
    status_t status = object_init(&irq->object, &irq_ops, OBJECT_IRQ, current->process);
    if (status != OK) {
        heap_free(irq);
        return status;
    }
    lines[line] = irq;
    arch_irq_unmask(line);
    return handle_return(&irq->object, RIGHT_ALL, result);
}

status_t call_irq_ack(handle_t handle)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_IRQ, RIGHT_SIGNAL, &object);

    if (status != OK)
        return status;
    object_signal(object, SIGNAL_IRQ, 0);
    arch_irq_unmask(irq_from_object(object)->line);
    return OK;
}
