/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own text output, polled: COM1 and the VGA text screen. A device is left alone from
 * the moment a process may use its ports; only a panic takes both back.
 */
#include <kernel/arch.h>

#include "cpu.h"
#include "trap.h"

#define COM1            0x3f8
#define COM_LINE_STATUS (COM1 + 5)
#define COM_ROOM        0x20
#define COM_PATIENCE    5000000 /* polls, seconds: whoever reads the line may be slow */
#define COM_IMPATIENCE  1000    /* after that was not enough: a dead line must not hang the boot */
#define VGA_TEXT        (KERNEL_BASE + 0xb8000)
#define VGA_INDEX       0x3d4
#define COLUMNS         80
#define ROWS            25
#define ATTRIBUTE       0x0700

static bool has_serial, serial_taken, vga_taken;
static uint32_t column, row;

void console_init(void)
{
    volatile uint16_t *screen = (volatile uint16_t *)VGA_TEXT;

    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x80);
    outb(COM1, 1); /* 115200 baud */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3);
    outb(COM1 + 2, 0xc7);
    outb(COM1 + 4, 0x0b);
    has_serial = inb(COM_LINE_STATUS) != 0xff;
    for (uint32_t i = 0; i < COLUMNS * ROWS; i++)
        screen[i] = ATTRIBUTE | ' ';
}

/* What the line does not take is lost; it is tried again with the next character. */
static void serial_put(char character)
{
    static uint32_t patience = COM_PATIENCE;

    for (uint32_t tries = 0; !(inb(COM_LINE_STATUS) & COM_ROOM); tries++) {
        if (tries == patience) {
            patience = COM_IMPATIENCE;
            return;
        }
    }
    patience = COM_PATIENCE;
    outb(COM1, (uint8_t)character);
}

static void scroll(void)
{
    volatile uint16_t *screen = (volatile uint16_t *)VGA_TEXT;

    for (uint32_t i = 0; i < COLUMNS * (ROWS - 1); i++)
        screen[i] = screen[i + COLUMNS];
    for (uint32_t i = COLUMNS * (ROWS - 1); i < COLUMNS * ROWS; i++)
        screen[i] = ATTRIBUTE | ' ';
    row = ROWS - 1;
}

static void vga_put(char character)
{
    if (character == '\n') {
        column = 0;
        row++;
    } else if (character >= ' ') {
        ((volatile uint16_t *)VGA_TEXT)[row * COLUMNS + column++] = ATTRIBUTE | (uint8_t)character;
    }
    if (column == COLUMNS) {
        column = 0;
        row++;
    }
    if (row == ROWS)
        scroll();
}

static void vga_cursor(void)
{
    uint32_t at = row * COLUMNS + column;

    outb(VGA_INDEX, 14);
    outb(VGA_INDEX + 1, (uint8_t)(at >> 8));
    outb(VGA_INDEX, 15);
    outb(VGA_INDEX + 1, (uint8_t)at);
}

void arch_console_write(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length && !serial_taken; i++) {
        if (has_serial && text[i] == '\n')
            serial_put('\r');
        if (has_serial)
            serial_put(text[i]);
    }
    if (vga_taken)
        return;
    for (uint32_t i = 0; i < length; i++)
        vga_put(text[i]);
    vga_cursor();
}

static bool port_allowed(const uint8_t *bitmap, uint32_t port)
{
    return !(bitmap[port / 8] & (1u << port % 8));
}

void console_yield(const uint8_t *io_bitmap)
{
    serial_taken = serial_taken || port_allowed(io_bitmap, COM1);
    vga_taken = vga_taken || port_allowed(io_bitmap, VGA_INDEX);
}

void arch_console_reclaim(void)
{
    serial_taken = vga_taken = false;
}
