/* SPDX-License-Identifier: MIT */
/*
 * Configuration space of PCI bus 0 through ports 0xcf8 and 0xcfc (PCI Local Bus Specification 3.0,
 * section 3.2.2.3), for drivers with the privilege `pci`. A slot is device and function in one number.
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include <atomik/types.h>

enum pci_register {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_CLASS = 0x08,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM = 0x2c,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT = 0x3c
};
enum pci_command { PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_MASTER = 4 };

/* Opens the two ports; before anything else. */
status_t pci_open(void);
uint32_t pci_read(uint32_t slot, uint8_t reg);
void pci_write(uint32_t slot, uint8_t reg, uint32_t value);
/* The nth function of a class (class << 8 | subclass), on bus 0. NO_DEVICE. */
status_t pci_find_class(uint32_t class, uint32_t nth, uint32_t *slot);
/* Let it do what the bits of enum pci_command say, besides what it may already. */
void pci_enable(uint32_t slot, uint32_t command);
/*
 * Registers in memory, uncached: `length` bytes from `offset` of the base address register `bar`. Offset
 * and length may be the device's word: NOT_SUPPORTED when they make no sense. Stays for the program's life.
 */
struct pci_window {
    volatile uint8_t *at;
    uint32_t length;
};
status_t pci_map(uint32_t slot, uint32_t bar, uint32_t offset, uint32_t length,
                 struct pci_window *window);
/* I/O ports for this program. */
status_t pci_take_ports(uint32_t first, uint32_t count);

#endif
