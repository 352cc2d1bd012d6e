/* SPDX-License-Identifier: MIT */
/* The ways in which the machine stops. */
#include <kernel/arch.h>

#include "cpu.h"

#define PIIX4_PM_CONTROL  0x604 /* where QEMU's PC has it */
#define PIIX4_SOFT_OFF    0x2000
#define BOCHS_PM_CONTROL  0xb004
#define BOCHS_SHUTDOWN    0x8900
#define DEBUG_EXIT        0xf4
#define DEBUG_EXIT_PANIC  0x31
#define POWER_PATIENCE_NS 1000000000u
#define KEYBOARD_COMMAND  0x64
#define KEYBOARD_RESET    0xfe

static void halt(void) __attribute__((noreturn));

static void halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* Returns if the machine has no power control that we know. It may need a moment to obey. */
void arch_power_off(void)
{
    static const char bochs_word[] = "Shutdown";
    ktime_t given_up = arch_clock_now() + POWER_PATIENCE_NS;

    outw(PIIX4_PM_CONTROL, PIIX4_SOFT_OFF);
    outw(BOCHS_PM_CONTROL, PIIX4_SOFT_OFF);
    for (uint32_t i = 0; bochs_word[i]; i++)
        outb(BOCHS_SHUTDOWN, (uint8_t)bochs_word[i]);
    while (arch_clock_now() < given_up)
        ;
}

/* The keyboard controller's reset line, then a triple fault for machines without one. */
void arch_reboot(void)
{
    static const struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) no_idt = {0, 0};

    for (uint32_t tries = 0; (inb(KEYBOARD_COMMAND) & 2) && tries < 100000; tries++)
        ;
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    for (uint32_t wait = 0; wait < 1000000; wait++)
        inb(KEYBOARD_COMMAND);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    halt();
}

void arch_panic_exit(void)
{
    outb(DEBUG_EXIT, DEBUG_EXIT_PANIC);
    halt();
}
