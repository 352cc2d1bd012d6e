/* SPDX-License-Identifier: MIT */
/*
 * 16550 UART on COM1 (NS16550A data sheet), interrupt-driven both ways: received bytes are typed
 * ones, bytes to show are sent 16 at a time when the transmitter is empty. Each counts as shown as soon
 * as the transmitter has it: that sends it whatever becomes of this program.
 */
#include <atomik/ioport.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>

#include "console.h"

#define COM1       0x3f8
#define COM1_IRQ   4
#define FIFO_DEPTH 16
#define SEND_TIME  (20 * NS_PER_MS) /* longer than a full transmitter takes */

enum uart_register {
    UART_DATA,
    UART_INTERRUPT_ENABLE,
    UART_FIFO_CONTROL,
    UART_IDENTIFICATION = UART_FIFO_CONTROL, /* when read */
    UART_LINE_CONTROL,
    UART_MODEM_CONTROL,
    UART_LINE_STATUS
};
enum { LINE_DATA_READY = 1, LINE_TRANSMIT_EMPTY = 0x20, LINE_IDLE = 0x40 };
enum { ENABLE_RECEIVE = 1, ENABLE_TRANSMIT = 2 };
enum { NO_INTERRUPT = 1 };

static struct console console = {
    .size = {.rows = 0, .columns = 0}}; /* 0: the terminal server's default */
static uint8_t pending[512];            /* taken from the stream, not yet in the transmitter */
static uint32_t pending_from, pending_to;

static void uart_set(enum uart_register reg, uint8_t value)
{
    ioport_write8((uint16_t)(COM1 + reg), value);
}

static uint8_t uart_get(enum uart_register reg)
{
    return ioport_read8((uint16_t)(COM1 + reg));
}

/* 115200 baud, 8N1, FIFOs on, OUT2 (the interrupt gate), RTS and DTR; after what is still being sent. */
static void uart_init(void)
{
    ktime_t end = time_monotonic() + SEND_TIME;
    while (!(uart_get(UART_LINE_STATUS) & LINE_IDLE) && time_monotonic() < end)
        continue;
    uart_set(UART_INTERRUPT_ENABLE, 0);
    uart_set(UART_LINE_CONTROL, 0x80);
    uart_set(UART_DATA, 1);
    uart_set(UART_INTERRUPT_ENABLE, 0);
    uart_set(UART_LINE_CONTROL, 0x03);
    uart_set(UART_FIFO_CONTROL, 0x01); /* on, keeping what has been typed since power-on */
    uart_set(UART_MODEM_CONTROL, 0x0b);
    uart_set(UART_INTERRUPT_ENABLE, ENABLE_RECEIVE);
}

static void receive(void)
{
    uint8_t bytes[64];
    uint32_t count = 0;
    while ((uart_get(UART_LINE_STATUS) & LINE_DATA_READY) && count < sizeof bytes)
        bytes[count++] = uart_get(UART_DATA);
    if (count > 0)
        console_type(&console, bytes, count);
}

/* Fills the transmitter as long as it takes bytes. True: more is left for its next interrupt. */
static bool transmit(void)
{
    for (;;) {
        if (pending_from == pending_to) {
            pending_from = 0;
            pending_to = console_take(&console, pending, sizeof pending);
            if (pending_to == 0)
                return false;
        }
        if (!(uart_get(UART_LINE_STATUS) & LINE_TRANSMIT_EMPTY))
            return true;
        for (uint32_t i = 0; i < FIFO_DEPTH && pending_from < pending_to; i++) {
            uart_set(UART_DATA, pending[pending_from++]);
            ++*console
                   .counter; /* nothing between the two: whoever ends this program here is rare */
        }
    }
}

/*
 * Serves the line until it asks for nothing: the interrupt controller sees edges, so the next
 * interrupt comes only if the line was quiet before. Reading the identification register takes a
 * transmit interrupt back, hence transmit() must run after each read that found one. True as
 * transmit() says.
 */
static bool serve_line(void)
{
    bool more;

    do {
        receive();
        more = transmit();
        uart_set(UART_INTERRUPT_ENABLE, more ? ENABLE_RECEIVE | ENABLE_TRANSMIT : ENABLE_RECEIVE);
    } while (!(uart_get(UART_IDENTIFICATION) & NO_INTERRUPT));
    return more;
}

static void __attribute__((noreturn)) run(handle_t irq)
{
    for (;;) {
        bool more = serve_line();
        if (irq_ack(irq) != OK)
            process_fail("irq_ack", ERR_IO_ERROR);
        struct wait_item items[3] = {
            {.handle = irq, .wanted = SIGNAL_IRQ},
            {.handle = console.service, .wanted = SIGNAL_READABLE},
            {.handle = console.shown, .wanted = SIGNAL_READABLE | SIGNAL_PEER_CLOSED}};
        /* While the transmitter is busy its interrupt says when to go on, not the stream. */
        uint32_t count = console.shown == HANDLE_NONE || more ? 2 : 3;
        status_t status = wait_any(items, count, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("wait_any", status);
        if (items[1].observed & SIGNAL_READABLE)
            console_serve(&console);
    }
}

int main(void)
{
    handle_t ports, irq;
    status_t status = ioports_create(COM1, 8, &ports);
    if (status == OK)
        status = ioports_enable(ports);
    if (status == OK)
        status = irq_create(COM1_IRQ, &irq);
    if (status != OK)
        process_fail("no serial port", status);
    console.service = startup_handle(STARTUP_SERVICE);
    console_count(&console);
    uart_init();
    run(irq);
}
