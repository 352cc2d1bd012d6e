/* SPDX-License-Identifier: MIT */
/* The little of /sys that C libraries and tools look at: processors, clock, memory pages. */
#include "internal.h"
#include "procinfo.h"

static void processors(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0\n");
}

static void one(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "1\n");
}

static void clock_source(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "tsc\n");
}

static void huge_pages(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "always madvise [never]\n");
}

#define SHOWN(path, generate)            \
    {                                    \
        path, generate, NULL, NULL, 0, 0 \
    }

/* Sorted, as listings want it. */
const struct proc_file sysfs_files[] = {
    SHOWN("devices/system/clocksource/clocksource0/available_clocksource", clock_source),
    SHOWN("devices/system/clocksource/clocksource0/current_clocksource", clock_source),
    SHOWN("devices/system/cpu/cpu0/topology/core_cpus", one),
    SHOWN("devices/system/cpu/cpu0/topology/core_cpus_list", processors),
    SHOWN("devices/system/cpu/cpu0/topology/core_id", processors),
    SHOWN("devices/system/cpu/cpu0/topology/core_siblings", one),
    SHOWN("devices/system/cpu/cpu0/topology/core_siblings_list", processors),
    SHOWN("devices/system/cpu/cpu0/topology/physical_package_id", processors),
    SHOWN("devices/system/cpu/cpu0/topology/thread_siblings", one),
    SHOWN("devices/system/cpu/cpu0/topology/thread_siblings_list", processors),
    SHOWN("devices/system/cpu/kernel_max", processors),
    SHOWN("devices/system/cpu/online", processors),
    SHOWN("devices/system/cpu/possible", processors),
    SHOWN("devices/system/cpu/present", processors),
    SHOWN("kernel/mm/transparent_hugepage/enabled", huge_pages),
};
const uint32_t sysfs_count = ARRAY_COUNT(sysfs_files);
