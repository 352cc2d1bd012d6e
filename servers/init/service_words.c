/* SPDX-License-Identifier: MIT */
/* What the words of a service's line in the configuration mean: privileges, limits, arguments. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>

#include "services.h"

static bool add_range(struct io_range *ranges, const char *text)
{
    char *end;
    struct io_range range = {.first = strtoul(text, &end, 16)};
    if (*end != '+')
        return false;
    range.count = strtoul(end + 1, &end, 16);
    for (uint32_t i = 0; *end == 0 && i < PRIVILEGE_RANGES; i++)
        if (ranges[i].count == 0) {
            ranges[i] = range;
            return true;
        }
    return false;
}

static bool add_flag(struct service_entry_state *service, const char *word)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } flags[] = {{"create", PRIVILEGE_CREATE_PROCESS},
                 {"dma", PRIVILEGE_DMA},
                 {"inspect", PRIVILEGE_INSPECT},
                 {"debug", PRIVILEGE_DEBUG},
                 {"power", PRIVILEGE_POWER},
                 {"priority", PRIVILEGE_PRIORITY},
                 {"pci", PRIVILEGE_PCI},
                 {"reserve", PRIVILEGE_RESERVE}};
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(word, flags[i].word) == 0) {
            service->privileges.flags |= flags[i].flag;
            return true;
        }
    return false;
}

static bool add_argument(struct service_entry_state *service, char *word)
{
    for (uint32_t i = 0; i < ARGUMENTS_MAX; i++)
        if (service->arguments[i] == NULL) {
            service->arguments[i] = word;
            return true;
        }
    return false;
}

/* How many of something a service may have, by the memory of the machine. */
static uint32_t per_mebibyte(const char *text)
{
    struct system_info info;
    uint32_t each = strtoul(text, NULL, 10);
    if (each == 0 || system_info(&info) != OK)
        return UINT32_MAX;
    uint32_t mebibytes = info.total_pages / (1048576 / PAGE_SIZE) + 1;
    return each > UINT32_MAX / mebibytes ? UINT32_MAX : each * mebibytes;
}

bool service_add_word(struct service_entry_state *service, char *word)
{
    if (strcmp(word, "server") == 0)
        service->flags |= PROCESS_SERVER;
    else if (strcmp(word, "archives") == 0)
        service->archives = true;
    else if (strcmp(word, "vital") == 0)
        service->vital = true;
    else if (strcmp(word, "optional") == 0)
        service->optional = true;
    else if (strcmp(word, "root") == 0)
        service->is_root = true;
    else if (strncmp(word, "mount=", 6) == 0)
        service->mount = word + 6;
    else if (strncmp(word, "arg=", 4) == 0)
        return add_argument(service, word + 4);
    else if (strncmp(word, "ports=", 6) == 0)
        return add_range(service->privileges.ports, word + 6);
    else if (strncmp(word, "memory=", 7) == 0)
        return add_range(service->privileges.physical, word + 7);
    else if (strncmp(word, "threads/MiB=", 12) == 0)
        service->privileges.max_threads = per_mebibyte(word + 12);
    else if (strncmp(word, "objects/MiB=", 12) == 0)
        service->privileges.max_objects = per_mebibyte(word + 12);
    else if (strcmp(word, "irq=all") == 0)
        service->privileges.irq_lines = 0xffff;
    else if (strncmp(word, "irq=", 4) == 0)
        service->privileges.irq_lines |= 1u << (strtoul(word + 4, NULL, 10) & 15);
    else
        return add_flag(service, word);
    return true;
}
