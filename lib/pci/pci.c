/* SPDX-License-Identifier: MIT */
/* PCI configuration space; see pci.h. */
#include <pci/pci.h>

#include <atomik/ioport.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#define ADDRESS    0xcf8
#define DATA       0xcfc
#define SLOTS      256u
#define NO_DEVICE  0xffffffffu
#define BARS       6u
#define WINDOW_MAX (1u << 20)

status_t pci_take_ports(uint32_t first, uint32_t count)
{
    handle_t ports;
    status_t status = ioports_create(first, count, &ports);
    return status == OK ? ioports_enable(ports) : status;
}

status_t pci_open(void)
{
    return pci_take_ports(ADDRESS, 8);
}

/*
 * Several drivers use the two ports, and each may be interrupted between them: what is read counts
 * only if the address is still ours afterwards.
 */
uint32_t pci_read(uint32_t slot, uint8_t reg)
{
    uint32_t address = 0x80000000u | slot << 8 | reg, value;
    do {
        ioport_write32(ADDRESS, address);
        value = ioport_read32(DATA);
    } while (ioport_read32(ADDRESS) != address);
    return value;
}

/* What is written cannot be checked like this: the two instructions only stand as close as they can. */
void pci_write(uint32_t slot, uint8_t reg, uint32_t value)
{
    ioport_write32(ADDRESS, 0x80000000u | slot << 8 | reg);
    ioport_write32(DATA, value);
}

status_t pci_find_class(uint32_t class, uint32_t nth, uint32_t *slot)
{
    for (uint32_t at = 0; at < SLOTS; at++)
        if (pci_read(at, PCI_ID) != NO_DEVICE && pci_read(at, PCI_CLASS) >> 16 == class &&
            nth-- == 0) {
            *slot = at;
            return OK;
        }
    return ERR_NO_DEVICE;
}

status_t pci_map(uint32_t slot, uint32_t bar, uint32_t offset, uint32_t length,
                 struct pci_window *window)
{
    uint32_t base = bar < BARS ? pci_read(slot, (uint8_t)(PCI_BAR0 + 4 * bar)) : 1;
    if ((base & 1) || (base & ~15u) == 0 || length == 0 || length > WINDOW_MAX ||
        offset > WINDOW_MAX ||
        ((base & 6) == 4 && pci_read(slot, (uint8_t)(PCI_BAR0 + 4 * bar + 4))))
        return ERR_NOT_SUPPORTED;
    uint32_t at = (base & ~15u) + offset, within = at & PAGE_MASK;
    struct map_request request = {.length = (within + length + PAGE_MASK) & ~PAGE_MASK,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_SHARED | MAP_FLAG_UNCACHED};
    status_t status = vmo_create_physical(at - within, request.length, &request.vmo);
    if (status != OK)
        return status;
    status = space_map(HANDLE_SELF, &request);
    handle_drop(&request.vmo);
    if (status == OK)
        *window =
            (struct pci_window){(volatile uint8_t *)(uintptr_t)request.address + within, length};
    return status;
}

void pci_enable(uint32_t slot, uint32_t command)
{
    uint32_t now = pci_read(slot, PCI_COMMAND) & 0xffff;
    if ((now & command) != command)
        pci_write(slot, PCI_COMMAND, now | command);
}
