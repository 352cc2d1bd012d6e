/* SPDX-License-Identifier: MIT */
/* Finds the controllers, their ports and what is attached to them; see ahci.h. */
#include "ahci.h"

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <dma/dma.h>
#include <pci/pci.h>

#define CLASS_AHCI      0x0106u
#define BAR_REGISTERS   5u
#define REGISTER_BYTES  0x1100u
#define CONTROLLERS_MAX 4u
#define RESET_PATIENCE  NS_PER_S

struct controller {
    struct pci_window window;
    handle_t irq;
    struct port *ports[PORTS_MAX];
};

static struct block_server server;
static struct controller controllers[CONTROLLERS_MAX];
static struct port ports[BLOCK_DISKS_MAX];
static uint32_t port_count;

static volatile uint32_t *registers_of(const struct controller *controller)
{
    return (volatile uint32_t *)(volatile void *)controller->window.at;
}

static void serve(void *context)
{
    struct controller *controller = context;
    volatile uint32_t *registers = registers_of(controller);
    uint32_t causes = registers[HBA_INTERRUPT];
    for (uint32_t number = 0; number < PORTS_MAX; number++)
        if ((causes >> number & 1) && controller->ports[number] != NULL)
            port_interrupt(controller->ports[number]);
    registers[HBA_INTERRUPT] = causes;
    if (irq_ack(controller->irq) != OK)
        log_printf("an interrupt line cannot be acknowledged");
}

/* ---- set-up -------------------------------------------------------------------------------------- */

static bool describe(struct port *port)
{
    static uint16_t words[IDENTITY_WORDS];
    const struct command identify = {.code =
                                         port->optical ? COMMAND_IDENTIFY_PACKET : COMMAND_IDENTIFY,
                                     .physical = port_answer_physical(port),
                                     .length = sizeof words};
    if (!port_run_now(port, &identify, words))
        return false;
    if (port->optical) {
        port->disk.driver = &ahci_optical_driver;
        ata_describe_drive(words, &port->disk.info);
        (void)port_look(&port->disk); /* a drive may be empty */
        return true;
    }
    if (!ata_describe_disk(words, &port->disk.info, &port->wide))
        return false;
    if (!port->wide)
        port->disk.driver = &ahci_narrow_driver;
    return true;
}

static uint32_t commands_of(const volatile uint32_t *registers)
{
    uint32_t slots = (registers[HBA_CAPABILITIES] >> 8 & 31) + 1;
    return slots < COMMANDS_MAX ? slots : COMMANDS_MAX;
}

static void add_port(struct controller *controller, uint32_t number)
{
    volatile uint32_t *registers = registers_of(controller);
    if (port_count == BLOCK_DISKS_MAX)
        return;
    struct port *port = &ports[port_count];
    *port = (struct port){.registers = registers + HBA_FIRST_PORT + number * HBA_PORT_WORDS,
                          .number = number,
                          .commands = commands_of(registers),
                          .disk = {.driver = &ahci_driver, .context = port}};
    if (!port_open(port))
        return;
    if (!describe(port)) {
        log_printf("port %u: its device is not used", (unsigned)number);
        port_close(port);
        return;
    }
    port_count++;
    controller->ports[number] = port;
    port->registers[PORT_INTERRUPT_ENABLE] = INTERRUPT_RECEIVED | INTERRUPT_FAILED;
    status_t status = block_server_add(&server, &port->disk);
    if (status != OK)
        log_printf("%s: %s", port->disk.info.model, status_text(status));
}

/* Ends whatever a driver before this one began. */
static bool reset_controller(volatile uint32_t *registers)
{
    ktime_t end = time_monotonic() + RESET_PATIENCE;
    registers[HBA_CONTROL] |= HBA_ENABLE;
    registers[HBA_CONTROL] |= HBA_RESET;
    while ((registers[HBA_CONTROL] & HBA_RESET) && time_monotonic() < end)
        continue;
    bool done = !(registers[HBA_CONTROL] & HBA_RESET);
    registers[HBA_CONTROL] |= HBA_ENABLE;
    return done;
}

static status_t open_controller(struct controller *controller, uint32_t slot)
{
    pci_enable(slot, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    status_t status = pci_map(slot, BAR_REGISTERS, 0, REGISTER_BYTES, &controller->window);
    if (status == OK)
        status = irq_create(pci_read(slot, PCI_INTERRUPT) & 0xff, &controller->irq);
    if (status != OK)
        return status;
    volatile uint32_t *registers = registers_of(controller);
    if (!reset_controller(registers))
        return ERR_IO_ERROR;
    status = block_server_interrupt(&server, controller->irq, serve, controller);
    registers[HBA_INTERRUPT] = UINT32_MAX;
    registers[HBA_CONTROL] |= HBA_INTERRUPTS;
    uint32_t implemented = registers[HBA_PORTS];
    for (uint32_t number = 0; number < PORTS_MAX && status == OK; number++)
        if (implemented >> number & 1)
            add_port(controller, number);
    return status;
}

int main(void)
{
    uint32_t slot;
    block_server_init(&server);
    status_t status = pci_open();
    for (uint32_t nth = 0; status == OK && nth < CONTROLLERS_MAX; nth++) {
        if (pci_find_class(CLASS_AHCI, nth, &slot) != OK)
            break;
        status_t opened = open_controller(&controllers[nth], slot);
        if (opened != OK)
            log_printf("AHCI controller %u: %s", (unsigned)nth, status_text(opened));
    }
    if (server.disk_count == 0)
        process_fail("no AHCI disk", status != OK ? status : ERR_NO_DEVICE);
    dma_reset_done(); /* all controllers have been reset */
    block_server_run(&server);
}
