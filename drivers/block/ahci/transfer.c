/* SPDX-License-Identifier: MIT */
/*
 * Requests and their ends. A failed command stops the list: it is taken out, the rest is given to the
 * device again. Commands that take more than ten seconds are given up with a reset of their port.
 */
#include "ahci.h"

#include <atomik/log.h>

#define GIVE_UP_AFTER 10u /* checks, one a second */
#define SECTORS_MAX   2048u

static uint32_t find_free(const struct port *port)
{
    uint32_t index = 0;
    while (index < port->commands && (port->busy >> index & 1))
        index++;
    return index;
}

static status_t begin(struct port *port, struct block_request *request, struct command *command)
{
    uint32_t index = find_free(port);
    if (index == port->commands)
        return ERR_SHOULD_WAIT;
    if (port->busy == 0)
        port->checks = 0;
    request->slot = index;
    port->requests[index] = request;
    port->busy |= 1u << index;
    port_issue(port, index, command);
    return OK;
}

static status_t start_disk(struct block_disk *disk, struct block_request *request)
{
    struct port *port = disk->context;
    struct command command = {.code = ata_dma_command(request->op, port->wide),
                              .write = request->op == BLOCK_REQUEST_WRITE,
                              .sector = request->sector,
                              .count = request->count,
                              .physical = request->physical,
                              .length = request->count * BLOCK_SECTOR};
    if (request->op == BLOCK_REQUEST_DISCARD)
        return ERR_NOT_SUPPORTED;
    if (request->op == BLOCK_REQUEST_FLUSH)
        command = (struct command){.code = command.code};
    return begin(port, request, &command);
}

static status_t start_drive(struct block_disk *disk, struct block_request *request)
{
    struct port *port = disk->context;
    uint8_t packet[PACKET_LENGTH];
    struct command command = {.code = COMMAND_PACKET,
                              .packet = packet,
                              .physical = request->physical,
                              .length = request->count * BLOCK_SECTOR};
    if (request->op != BLOCK_REQUEST_READ)
        return ERR_NOT_SUPPORTED;
    ata_read_packet(request, packet);
    return begin(port, request, &command);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static void finish(struct port *port, uint32_t commands, status_t status)
{
    port->busy &= ~commands;
    port->checks = 0;
    for (uint32_t index = 0; index < COMMANDS_MAX; index++)
        if (commands >> index & 1)
            block_request_end(&port->disk, port->requests[index], status);
}

/* The command that the list stopped at; any, if the controller names none of ours. */
static uint32_t failed_command(const struct port *port)
{
    uint32_t current = port->registers[PORT_COMMAND] >> 8 & 31;
    return port->busy >> current & 1 ? 1u << current : port->busy & -port->busy;
}

static status_t failure(const struct port *port)
{
    uint32_t task_file = port->registers[PORT_TASK_FILE];
    if (!port->optical || !(task_file & STATUS_ERROR))
        return ERR_IO_ERROR;
    return ata_packet_status((uint8_t)(task_file >> 8));
}

void port_interrupt(struct port *port)
{
    uint32_t causes = port->registers[PORT_INTERRUPT];
    port->registers[PORT_INTERRUPT] = causes;
    finish(port, port->busy & ~port->registers[PORT_ISSUED], OK);
    if (!(causes & INTERRUPT_FAILED))
        return;
    uint32_t failed = failed_command(port);
    finish(port, failed, failure(port));
    port_go_on(port);
}

static void check(struct block_disk *disk)
{
    struct port *port = disk->context;
    if (!port_is_there(port)) {
        log_printf("%s is gone", disk->info.name);
        block_disk_gone(disk);
        port_reset(port);
        finish(port, port->busy, ERR_NO_DEVICE);
    } else if (++port->checks >= GIVE_UP_AFTER) {
        log_printf("%s does not answer and is reset", disk->info.name);
        port_reset(port);
        finish(port, port->busy, ERR_IO_ERROR);
    }
}

const struct block_driver ahci_driver = {
    .start = start_disk, .check = check, .max_sectors = SECTORS_MAX};
const struct block_driver ahci_narrow_driver = {
    .start = start_disk, .check = check, .max_sectors = ATA_SECTORS_AT_ONCE_28};
const struct block_driver ahci_optical_driver = {
    .start = start_drive, .check = check, .look = port_look, .max_sectors = SECTORS_MAX};
