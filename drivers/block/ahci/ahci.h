/* SPDX-License-Identifier: MIT */
/*
 * Serial ATA disks and optical drives on an AHCI controller (Serial ATA AHCI 1.3.1). Each port has one
 * device and a list of commands that the controller carries out one after the other; command n of the list
 * is request n of the port.
 */
#ifndef AHCI_AHCI_H
#define AHCI_AHCI_H

#include <ata/commands.h>
#include <block/block.h>
#include <dma/dma.h>

#define COMMANDS_MAX 8u
#define PORTS_MAX    32u

enum hba_register { /* in words of 32 bits */
                    HBA_CAPABILITIES = 0,
                    HBA_CONTROL = 1,
                    HBA_INTERRUPT = 2,
                    HBA_PORTS = 3,
                    HBA_FIRST_PORT = 64,
                    HBA_PORT_WORDS = 32
};
enum hba_control { HBA_RESET = 1u << 0, HBA_INTERRUPTS = 1u << 1, HBA_ENABLE = 1u << 31 };

enum port_register { /* in words of 32 bits */
                     PORT_LIST = 0,
                     PORT_LIST_HIGH = 1,
                     PORT_RECEIVED = 2,
                     PORT_RECEIVED_HIGH = 3,
                     PORT_INTERRUPT = 4,
                     PORT_INTERRUPT_ENABLE = 5,
                     PORT_COMMAND = 6,
                     PORT_TASK_FILE = 8,
                     PORT_SIGNATURE = 9,
                     PORT_LINK = 10,
                     PORT_LINK_CONTROL = 11,
                     PORT_LINK_ERROR = 12,
                     PORT_ISSUED = 14
};
enum port_interrupt {
    INTERRUPT_RECEIVED = 0x0f, /* of the device: registers, PIO set-up, DMA set-up, device bits */
    INTERRUPT_FAILED = 0x78000000
};

struct port {
    struct block_disk disk;
    volatile uint32_t *registers;
    uint32_t number;
    struct dma_memory memory; /* one page: see command.c */
    struct block_request *requests[COMMANDS_MAX];
    uint32_t commands; /* that its list takes, at most COMMANDS_MAX */
    uint32_t busy;     /* a bit for each command that is with the device */
    uint32_t checks;   /* seconds since a command has ended */
    bool optical, wide;
};

/* ---- command.c: a port and its list ---- */

struct command {
    enum ata_command code;
    bool write;
    uint64_t sector;
    uint32_t count;            /* of sectors */
    const uint8_t *packet;     /* or NULL */
    uint32_t physical, length; /* of the data; 0: none */
};

/* Resets the port and its device. False: nothing is there, or it does not answer; the port is closed. */
bool port_open(struct port *port);
/* The port is not used. */
void port_close(struct port *port);
/* Ends what is under way and begins anew; the list is empty then. */
void port_reset(struct port *port);
/* After a failed command: the list goes on with the commands in port->busy. */
void port_go_on(struct port *port);
bool port_is_there(const struct port *port);
void port_issue(struct port *port, uint32_t index, const struct command *command);
/*
 * While nothing else is under way, without interrupts: at most a second. The answer of a command whose
 * data go to port_answer_physical is copied to `answer`, if that is not NULL.
 */
bool port_run_now(struct port *port, const struct command *command, void *answer);
uint32_t port_answer_physical(const struct port *port);
/* What is in an optical drive: `look` of struct block_driver. */
status_t port_look(struct block_disk *disk);

/* ---- transfer.c: requests of lib/block ---- */
extern const struct block_driver ahci_driver, ahci_optical_driver;
extern const struct block_driver ahci_narrow_driver; /* of disks without 48-bit addresses */
void port_interrupt(struct port *port);

#endif
