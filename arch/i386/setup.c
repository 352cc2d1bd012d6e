/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to kernel_main(): what the multiboot information says goes into boot_info,
 * then the processor's tables and devices are set up, with interrupts off throughout.
 */
#include <kernel/log.h>

#include "cpu.h"
#include "layout.h"
#include "segments.h"
#include "trap.h"

#define LOADER_MAGIC       0x2badb002
#define INFO_MEMORY        (1u << 0)
#define INFO_CMDLINE       (1u << 2)
#define INFO_MODULES       (1u << 3)
#define INFO_MMAP          (1u << 6)
#define MMAP_RAM           1
#define MINIMUM_MEMORY_MIB 24
#define MINIMUM_PAGES      ((MINIMUM_MEMORY_MIB - 1) * 256) /* firmware keeps some for itself */
#define NEEDED_FEATURES    (CPUID_PSE | CPUID_CMOV | CPUID_FXSR)

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    uint32_t syms[4], mmap_length, mmap_addr;
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

struct multiboot_region {
    uint32_t size; /* of the rest */
    uint64_t start, length;
    uint32_t type;
} __attribute__((packed));

extern uint8_t kernel_image_end[];
struct boot_info boot_info;

/* The machine cannot be used; nothing but the screen and COM1 works. */
static void refuse(const char *text) __attribute__((noreturn));

static void refuse(const char *text)
{
    log_text(text, (uint32_t)__builtin_strlen(text));
    arch_panic_exit();
}

/* Early pointers of the loader are physical and below the direct map's end, or not to be trusted. */
static const void *loader_data(uint32_t address, uint32_t length)
{
    uint32_t end = DIRECT_MAP_PAGES * PAGE_SIZE;

    return address < end && length <= end - address ? arch_direct(address) : NULL;
}

/* Only whole pages below 4 GiB count; page 0 is left to the firmware's data. */
static void add_ram(uint64_t start, uint64_t length)
{
    uint64_t end = start + length;
    struct boot_region *region = &boot_info.ram[boot_info.ram_count];

    if (end > 0xfffff000u)
        end = 0xfffff000u;
    if (start < PAGE_SIZE)
        start = PAGE_SIZE;
    start = (start + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    end &= ~(uint64_t)PAGE_MASK;
    if (start >= end || boot_info.ram_count == BOOT_REGIONS)
        return;
    *region = (struct boot_region){(paddr_t)start, (uint32_t)((end - start) / PAGE_SIZE)};
    boot_info.ram_count++;
}

static void read_memory_map(const struct multiboot_info *info)
{
    const uint8_t *map = NULL;
    uint32_t at = 0;

    if (info->flags & INFO_MMAP)
        map = loader_data(info->mmap_addr, info->mmap_length);
    if (!map) {
        if (info->flags & INFO_MEMORY) {
            add_ram(0, (uint64_t)info->mem_lower * 1024);
            add_ram(0x100000, (uint64_t)info->mem_upper * 1024);
        }
        return;
    }
    while (at + sizeof(struct multiboot_region) <= info->mmap_length) {
        const struct multiboot_region *region = (const void *)(map + at);

        if (region->type == MMAP_RAM && region->length <= UINT64_MAX - region->start)
            add_ram(region->start, region->length);
        at += region->size + sizeof region->size;
    }
}

static void read_modules(const struct multiboot_info *info)
{
    const struct multiboot_module *modules;

    if (!(info->flags & INFO_MODULES) || info->mods_count > BOOT_MODULES)
        return;
    modules = loader_data(info->mods_addr, info->mods_count * sizeof *modules);
    for (uint32_t i = 0; modules && i < info->mods_count; i++)
        boot_info.modules[boot_info.module_count++] =
            (struct boot_module){modules[i].start, modules[i].end - modules[i].start};
}

static void read_cmdline(const struct multiboot_info *info)
{
    const char *text = info->flags & INFO_CMDLINE ? loader_data(info->cmdline, 1) : NULL;

    for (uint32_t i = 0; text && text[i] && i < sizeof boot_info.cmdline - 1; i++)
        boot_info.cmdline[i] = text[i];
}

static void check_memory(void)
{
    uint32_t pages = 0;

    for (uint32_t i = 0; i < boot_info.ram_count; i++)
        pages += boot_info.ram[i].pages;
    if (pages >= MINIMUM_PAGES)
        return;
    log_print("Atomik needs at least %u MiB of memory; this machine has %u KiB.\n",
              MINIMUM_MEMORY_MIB, pages * 4);
    arch_panic_exit();
}

static paddr_t ram_end(void)
{
    paddr_t end = 0;

    for (uint32_t i = 0; i < boot_info.ram_count; i++) {
        paddr_t region_end = boot_info.ram[i].start + boot_info.ram[i].pages * PAGE_SIZE;

        if (region_end > end)
            end = region_end;
    }
    return end;
}

void arch_main(uint32_t magic, paddr_t info_address)
{
    const struct multiboot_info *info;
    uint32_t features = cpuid(1).edx;

    console_init();
    log_to_console(true);
    if (magic != LOADER_MAGIC)
        refuse("Atomik must be started by a multiboot boot loader (GRUB, or QEMU's -kernel).\n");
    if ((features & NEEDED_FEATURES) != NEEDED_FEATURES)
        refuse("Atomik needs an i686 processor with FXSAVE (Pentium III or later).\n");
    info = loader_data(info_address, sizeof *info);
    if (!info)
        refuse("Atomik: the boot loader's information lies above 896 MiB.\n");
    read_cmdline(info);
    read_memory_map(info);
    read_modules(info);
    check_memory();
    boot_info.kernel_end = arch_direct_to_phys(kernel_image_end);

    paging_init(ram_end());
    segments_init();
    traps_init(features & CPUID_SEP);
    fpu_init();
    interrupts_init();
    clock_start();
    kernel_main();
}
