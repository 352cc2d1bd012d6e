/* SPDX-License-Identifier: MIT */
/*
 * A port's registers and the memory it shares with the controller, one page:
 *
 *     0x000  the list, 32 bytes for each command (section 4.2.2)
 *     0x400  what the device sends (4.2.1)
 *     0x500  answers that the driver itself asked for
 *     0x800  the commands, 256 bytes each (4.2.3): registers for the device, packet, one piece of memory
 */
#include "ahci.h"

#include <string.h>

#include <atomik/time.h>

#define RECEIVED_AT  0x400u
#define ANSWER_AT    0x500u
#define COMMANDS_AT  0x800u
#define COMMAND_SIZE 0x100u
#define PACKET_AT    0x40u
#define MEMORY_AT    0x80u

#define FIS_WORDS     5u /* of the registers for the device */
#define FIS_TO_DEVICE 0x27u
#define PATIENCE      NS_PER_S
#define STOP_PATIENCE (500 * NS_PER_MS)
#define LINK_RESET    NS_PER_MS
#define LINK_PATIENCE (20 * NS_PER_MS)

enum port_command {
    COMMAND_START = 1u << 0,
    COMMAND_SPIN_UP = 1u << 1,
    COMMAND_POWER = 1u << 2,
    COMMAND_RECEIVE = 1u << 4,
    COMMAND_RECEIVING = 1u << 14,
    COMMAND_RUNNING = 1u << 15
};
enum port_link { LINK_MASK = 15, LINK_UP = 3, LINK_DO_RESET = 1 };
enum list_flag { LIST_PACKET = 1u << 5, LIST_WRITE = 1u << 6, LIST_ONE_PIECE = 1u << 16 };
enum signature { SIGNATURE_DISK = 0x00000101u, SIGNATURE_OPTICAL = 0xeb140101u };

static uint32_t get(const struct port *port, enum port_register reg)
{
    return port->registers[reg];
}

static void put(const struct port *port, enum port_register reg, uint32_t value)
{
    port->registers[reg] = value;
}

/* Until the bits of `mask` are `value`. */
static bool wait_until(const struct port *port, enum port_register reg, uint32_t mask,
                       uint32_t value, ktime_t patience)
{
    ktime_t end = time_monotonic() + patience;
    do {
        if ((get(port, reg) & mask) == value)
            return true;
    } while (time_monotonic() < end);
    return false;
}

static bool is_idle(const struct port *port, ktime_t patience)
{
    return wait_until(port, PORT_TASK_FILE, STATUS_BUSY | STATUS_DATA, 0, patience);
}

static void stop(const struct port *port)
{
    put(port, PORT_COMMAND, get(port, PORT_COMMAND) & ~(uint32_t)COMMAND_START);
    (void)wait_until(port, PORT_COMMAND, COMMAND_RUNNING, 0, STOP_PATIENCE);
}

static void start(const struct port *port)
{
    put(port, PORT_LINK_ERROR, UINT32_MAX);
    put(port, PORT_INTERRUPT, UINT32_MAX);
    put(port, PORT_COMMAND, get(port, PORT_COMMAND) | COMMAND_START);
}

/* A new beginning for the link, and so for the device. */
static bool reset_link(const struct port *port)
{
    put(port, PORT_LINK_CONTROL, LINK_DO_RESET);
    time_sleep(LINK_RESET);
    put(port, PORT_LINK_CONTROL, 0);
    bool up = wait_until(port, PORT_LINK, LINK_MASK, LINK_UP, LINK_PATIENCE);
    put(port, PORT_LINK_ERROR, UINT32_MAX);
    return up && is_idle(port, PATIENCE);
}

/* From now on the controller writes nothing into the port's page. */
static bool stop_receiving(const struct port *port)
{
    stop(port);
    put(port, PORT_COMMAND, get(port, PORT_COMMAND) & ~(uint32_t)COMMAND_RECEIVE);
    return wait_until(port, PORT_COMMAND, COMMAND_RUNNING | COMMAND_RECEIVING, 0, STOP_PATIENCE);
}

static void give_memory(const struct port *port)
{
    put(port, PORT_LIST, port->memory.physical);
    put(port, PORT_LIST_HIGH, 0);
    put(port, PORT_RECEIVED, port->memory.physical + RECEIVED_AT);
    put(port, PORT_RECEIVED_HIGH, 0);
    put(port, PORT_INTERRUPT_ENABLE, 0);
    put(port, PORT_COMMAND,
        get(port, PORT_COMMAND) | COMMAND_SPIN_UP | COMMAND_POWER | COMMAND_RECEIVE);
}

bool port_open(struct port *port)
{
    (void)stop_receiving(port); /* what a driver before this one began */
    if (dma_alloc(PAGE_SIZE, &port->memory) != OK)
        return false;
    give_memory(port);
    bool there = reset_link(port);
    uint32_t signature = get(port, PORT_SIGNATURE);
    port->optical = signature == SIGNATURE_OPTICAL;
    if (there && (port->optical || signature == SIGNATURE_DISK)) {
        start(port);
        return true;
    }
    port_close(port);
    return false;
}

void port_close(struct port *port)
{
    if (stop_receiving(port))
        dma_free(&port->memory);
}

void port_reset(struct port *port)
{
    stop(port);
    (void)reset_link(port);
    start(port);
}

void port_go_on(struct port *port)
{
    stop(port); /* which empties the list */
    if (!is_idle(port, 0))
        (void)reset_link(port);
    start(port);
    if (port->busy != 0)
        put(port, PORT_ISSUED, port->busy);
}

bool port_is_there(const struct port *port)
{
    return (get(port, PORT_LINK) & LINK_MASK) == LINK_UP;
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* The registers of the device as a frame (Serial ATA 3.0, section 10.3.4). */
static void fill_registers(const struct command *command, uint8_t fis[4 * FIS_WORDS])
{
    memset(fis, 0, 4 * FIS_WORDS);
    fis[0] = FIS_TO_DEVICE;
    fis[1] = 0x80; /* a command */
    fis[2] = (uint8_t)command->code;
    fis[3] = command->packet != NULL && command->length > 0; /* by DMA */
    for (uint32_t i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(command->sector >> 8 * i);
        fis[8 + i] = (uint8_t)(command->sector >> (24 + 8 * i));
    }
    fis[7] =
        (uint8_t)(0x40 | (command->sector >> 24 & 15)); /* the upper bits only count without EXT */
    fis[12] = (uint8_t)command->count;
    fis[13] = (uint8_t)(command->count >> 8);
}

static void fill_memory(volatile uint32_t *piece, const struct command *command)
{
    piece[0] = command->physical;
    piece[1] = piece[2] = 0;
    piece[3] = command->length - 1;
}

void port_issue(struct port *port, uint32_t index, const struct command *command)
{
    uint32_t at = COMMANDS_AT + index * COMMAND_SIZE;
    uint8_t *bytes = port->memory.data + at;
    volatile uint32_t *entry = (volatile uint32_t *)(void *)port->memory.data + 8 * index;
    fill_registers(command, bytes);
    if (command->packet != NULL)
        memcpy(bytes + PACKET_AT, command->packet, PACKET_LENGTH);
    if (command->length > 0)
        fill_memory((volatile uint32_t *)(void *)(bytes + MEMORY_AT), command);
    entry[0] = FIS_WORDS | (command->packet != NULL ? LIST_PACKET : 0) |
               (command->write ? LIST_WRITE : 0) | (command->length > 0 ? LIST_ONE_PIECE : 0);
    entry[1] = 0;
    entry[2] = port->memory.physical + at;
    entry[3] = 0;
    __asm__ volatile("" : : : "memory"); /* the list is in memory before the controller looks */
    put(port, PORT_ISSUED, 1u << index);
}

uint32_t port_answer_physical(const struct port *port)
{
    return port->memory.physical + ANSWER_AT;
}

bool port_run_now(struct port *port, const struct command *command, void *answer)
{
    ktime_t end = time_monotonic() + PATIENCE;
    port_issue(port, 0, command);
    while ((get(port, PORT_ISSUED) & 1) && !(get(port, PORT_INTERRUPT) & INTERRUPT_FAILED) &&
           time_monotonic() < end)
        continue;
    bool done = !(get(port, PORT_ISSUED) & 1) && !(get(port, PORT_TASK_FILE) & STATUS_ERROR);
    put(port, PORT_INTERRUPT, UINT32_MAX);
    if (!done)
        port_go_on(port);
    else if (answer != NULL)
        memcpy(answer, port->memory.data + ANSWER_AT, command->length);
    return done;
}

static bool run_packet(void *context, const uint8_t packet[PACKET_LENGTH], void *answer,
                       uint32_t length)
{
    struct port *port = context;
    const struct command command = {.code = COMMAND_PACKET,
                                    .packet = packet,
                                    .physical = port_answer_physical(port),
                                    .length = length};
    return port_run_now(port, &command, answer);
}

status_t port_look(struct block_disk *disk)
{
    struct port *port = disk->context;
    return port->busy != 0 ? ERR_SHOULD_WAIT : ata_look_at_medium(run_packet, port, &disk->info);
}
