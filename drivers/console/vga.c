/* SPDX-License-Identifier: MIT */
/*
 * The screen (VGA text mode, 80x25, memory at 0xb8000) and the PS/2 keyboard (8042 controller, IRQ
 * 1) as one console.
 */
#include <atomik/ioport.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

#include "console.h"
#include "keyboard.h"
#include "screen.h"

#define TEXT_MEMORY     0xb8000u
#define TEXT_LENGTH     0x8000u
#define CRTC_INDEX      0x3d4
#define CRTC_DATA       0x3d5
#define KEYBOARD_DATA   0x60
#define KEYBOARD_STATUS 0x64
#define KEYBOARD_IRQ    1
enum { STATUS_OUTPUT_FULL = 1, STATUS_MOUSE = 0x20 };

static struct console console = {.size = {.rows = SCREEN_ROWS, .columns = SCREEN_COLUMNS}};
static struct screen screen;
static struct keyboard keyboard;

static void answer(struct screen *from, const uint8_t *bytes, uint32_t count)
{
    (void)from;
    console_type(&console, bytes, count);
}

static void crtc_set(uint8_t index, uint8_t value)
{
    ioport_write8(CRTC_INDEX, index);
    ioport_write8(CRTC_DATA, value);
}

static void show_cursor(void)
{
    uint32_t place = screen.row * SCREEN_COLUMNS + screen.column;
    if (!screen.cursor_visible)
        place = SCREEN_ROWS * SCREEN_COLUMNS; /* below the last row */
    crtc_set(14, (uint8_t)(place >> 8));
    crtc_set(15, (uint8_t)place);
}

static void type_keys(void)
{
    uint8_t status;
    while ((status = ioport_read8(KEYBOARD_STATUS)) & STATUS_OUTPUT_FULL) {
        uint8_t code = ioport_read8(KEYBOARD_DATA), bytes[KEYBOARD_BYTES];
        if (status & STATUS_MOUSE)
            continue;
        uint32_t count = keyboard_scan(&keyboard, code, screen.application_keys, bytes);
        if (count > 0)
            console_type(&console, bytes, count);
    }
}

static void show(void)
{
    uint8_t bytes[512];
    uint32_t count;
    bool shown = false;
    while ((count = console_take(&console, bytes, sizeof bytes)) > 0) {
        screen_write(&screen, bytes, count);
        *console.counter += count;
        shown = true;
    }
    if (shown)
        show_cursor();
}

static void __attribute__((noreturn)) run(handle_t irq)
{
    for (;;) {
        type_keys();
        show();
        if (irq_ack(irq) != OK)
            process_fail("irq_ack", ERR_IO_ERROR);
        struct wait_item items[3] = {
            {.handle = irq, .wanted = SIGNAL_IRQ},
            {.handle = console.service, .wanted = SIGNAL_READABLE},
            {.handle = console.shown, .wanted = SIGNAL_READABLE | SIGNAL_PEER_CLOSED}};
        status_t status = wait_any(items, console.shown == HANDLE_NONE ? 2 : 3, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("wait_any", status);
        if (items[1].observed & SIGNAL_READABLE)
            console_serve(&console);
    }
}

static status_t enable_ports(uint32_t first, uint32_t count)
{
    handle_t ports;
    status_t status = ioports_create(first, count, &ports);
    return status == OK ? ioports_enable(ports) : status;
}

static status_t map_text_memory(volatile uint16_t **cells)
{
    struct map_request request = {
        .length = TEXT_LENGTH, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    status_t status = vmo_create_physical(TEXT_MEMORY, TEXT_LENGTH, &request.vmo);
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status == OK)
        *cells = (volatile uint16_t *)request.address;
    return status;
}

int main(void)
{
    volatile uint16_t *cells;
    handle_t irq;
    status_t status = enable_ports(CRTC_INDEX, 2);
    if (status == OK)
        status = enable_ports(KEYBOARD_DATA, 1);
    if (status == OK)
        status = enable_ports(KEYBOARD_STATUS, 1);
    if (status == OK)
        status = irq_create(KEYBOARD_IRQ, &irq);
    if (status == OK)
        status = map_text_memory(&cells);
    if (status != OK)
        process_fail("no screen or keyboard", status);
    console.service = startup_handle(STARTUP_SERVICE);
    console_count(&console);
    screen.answer = answer;
    screen_init(&screen, cells);
    show_cursor();
    run(irq);
}
