/* SPDX-License-Identifier: MIT */
/* The two 8259 interrupt controllers, on vectors VECTOR_IRQ and up. */
#include <kernel/arch.h>

#include "cpu.h"
#include "layout.h"
#include "trap.h"

#define MASTER           0x20
#define SLAVE            0xa0
#define DATA             1 /* offset of the data port */
#define END_OF_INTERRUPT 0x20
#define READ_IN_SERVICE  0x0b
#define CASCADE_LINE     2
#define CLOCK_LINE       0

static uint16_t mask = 0xffff & ~(1u << CASCADE_LINE);

static void write_mask(void)
{
    outb(MASTER + DATA, mask & 0xff);
    outb(SLAVE + DATA, mask >> 8);
}

void interrupts_init(void)
{
    outb(MASTER, 0x11); /* initialise, four words follow, edge triggered */
    outb(SLAVE, 0x11);
    outb(MASTER + DATA, VECTOR_IRQ);
    outb(SLAVE + DATA, VECTOR_IRQ + 8);
    outb(MASTER + DATA, 1 << CASCADE_LINE);
    outb(SLAVE + DATA, CASCADE_LINE);
    outb(MASTER + DATA, 1);
    outb(SLAVE + DATA, 1);
    write_mask();
}

void arch_irq_mask(uint32_t line)
{
    mask |= 1u << line;
    write_mask();
}

void arch_irq_unmask(uint32_t line)
{
    mask &= ~(1u << line);
    write_mask();
}

/* Lines 7 and 15 also come up for interrupts that went away; then nothing is in service. */
static bool spurious(uint32_t line)
{
    uint16_t port = line < 8 ? MASTER : SLAVE;

    if ((line & 7) != 7)
        return false;
    outb(port, READ_IN_SERVICE);
    if (inb(port) & 0x80)
        return false;
    if (port == SLAVE)
        outb(MASTER, END_OF_INTERRUPT);
    return true;
}

void interrupt_handle(uint32_t line)
{
    if (spurious(line))
        return;
    if (line != CLOCK_LINE)
        arch_irq_mask(line);
    if (line >= 8)
        outb(SLAVE, END_OF_INTERRUPT);
    outb(MASTER, END_OF_INTERRUPT);
    if (line == CLOCK_LINE)
        clock_tick();
    else
        kernel_irq(line);
}

void arch_idle(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}
