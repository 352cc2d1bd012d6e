/* SPDX-License-Identifier: MIT */
/* The texts of /proc's files. */
#include "procinfo.h"

#include <ipc/blockclient.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockdev.h"
#include "file.h"
#include "server.h"
#include "socket.h"
#include "task.h"
#include "tty.h"

#define TICK_NS     10000000ull
#define COMMAND_MAX 4096u
#define PAGES_KB    (PAGE_SIZE / 1024)

/* ---- the machine --------------------------------------------------------------------------------- */

static void read_system(struct system_info *info)
{
    memset(info, 0, sizeof *info);
    ignore(system_info(info));
}

static uint64_t idle_time(const struct system_info *info)
{
    return info->idle_time_low | (uint64_t)info->idle_time_high << 32;
}

void proc_boot_cmdline(const struct internal_node *node, struct text *text)
{
    char line[512];
    uint32_t done = 0;
    (void)node;
    if (system_cmdline(line, sizeof line, &done) == OK)
        text_add(text, line, MIN(done, sizeof line));
    text_printf(text, "\n");
}

static void cpuid(uint32_t leaf, uint32_t words[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(words[0]), "=b"(words[1]), "=c"(words[2]), "=d"(words[3])
                     : "a"(leaf), "c"(0));
}

static void add_model_name(struct text *text)
{
    uint32_t words[12], first[4];
    char name[49];
    cpuid(0x80000000, first);
    if (first[0] < 0x80000004)
        return;
    for (uint32_t i = 0; i < 3; i++)
        cpuid(0x80000002 + i, words + 4 * i);
    memcpy(name, words, 48);
    name[48] = '\0';
    text_printf(text, "model name\t: %s\n", name);
}

void proc_cpuinfo(const struct internal_node *node, struct text *text)
{
    static const char *const flags[32] = {
        "fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic", NULL,
        "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", NULL,  "clflush", NULL,   NULL,
        "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  NULL,      "pbe"};
    uint32_t words[4], vendor[3];
    struct system_info info;
    (void)node;
    read_system(&info);
    cpuid(0, words);
    vendor[0] = words[1];
    vendor[1] = words[3];
    vendor[2] = words[2];
    text_printf(text, "processor\t: 0\nvendor_id\t: %.12s\n", (const char *)vendor);
    cpuid(1, words);
    uint32_t family = words[0] >> 8 & 15, model = words[0] >> 4 & 15;
    if (family == 6 || family == 15)
        model += (words[0] >> 16 & 15) << 4;
    if (family == 15)
        family += words[0] >> 20 & 255;
    text_printf(text, "cpu family\t: %u\nmodel\t\t: %u\n", family, model);
    add_model_name(text);
    text_printf(text,
                "stepping\t: %u\ncpu MHz\t\t: %u.%03u\nfpu\t\t: yes\nflags\t\t:", words[0] & 15,
                info.tsc_khz / 1000, info.tsc_khz % 1000);
    for (uint32_t i = 0; i < 32; i++) {
        if ((words[3] >> i & 1) && flags[i])
            text_printf(text, " %s", flags[i]);
    }
    text_printf(text, "\nbogomips\t: %u.%02u\n\n", info.tsc_khz / 500, info.tsc_khz / 5 % 100);
}

void proc_partitions(const struct internal_node *node, struct text *text)
{
    struct block_info info;
    (void)node;
    text_printf(text, "major minor  #blocks  name\n\n");
    for (uint32_t at = 0; block_next(&at, &info);) {
        uint32_t number = block_number(info.name);
        text_printf(text, "%4u  %7u %10llu %s\n", number >> 8, number & 0xff,
                    (unsigned long long)info.sectors / 2, info.name);
    }
}

/* Reads and writes of partitions are those of their disk, which alone are counted. */
void proc_diskstats(const struct internal_node *node, struct text *text)
{
    struct block_info info;
    struct block_statistics counts;
    (void)node;
    for (uint32_t at = 0; block_next(&at, &info);) {
        uint32_t number = block_number(info.name);
        if (info.partition != 0 || block_client_statistics(server.init, info.name, &counts) != OK)
            continue;
        text_printf(text, "%4u %7u %s %llu 0 %llu %llu %llu 0 %llu %llu %u %llu %llu\n",
                    number >> 8, number & 0xff, info.name, (unsigned long long)counts.reads,
                    (unsigned long long)counts.sectors_read,
                    (unsigned long long)counts.read_time / 1000000,
                    (unsigned long long)counts.writes, (unsigned long long)counts.sectors_written,
                    (unsigned long long)counts.write_time / 1000000, counts.in_flight,
                    (unsigned long long)(counts.read_time + counts.write_time) / 1000000,
                    (unsigned long long)(counts.read_time + counts.write_time) / 1000000);
    }
}

void proc_filesystems(const struct internal_node *node, struct text *text)
{
    char name[32];
    bool no_device;
    (void)node;
    text_printf(text, "nodev\tproc\nnodev\tsysfs\nnodev\tdevtmpfs\nnodev\t9p\n");
    for (uint32_t i = 0; init_file_system_type(server.init, i, name, sizeof name, &no_device) == OK;
         i++)
        text_printf(text, "%s\t%s\n", no_device ? "nodev" : "", name);
}

static uint32_t highest_pid(void)
{
    uint32_t highest = 0;
    server_lock();
    process_each(process, bucket) highest = MAX(highest, process->pid);
    server_unlock();
    return highest;
}

void proc_loadavg(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0.00 0.00 0.00 1/%u %u\n", process_count, highest_pid());
}

void proc_meminfo(const struct internal_node *node, struct text *text)
{
    struct system_info info;
    (void)node;
    read_system(&info);
    text_printf(text, "MemTotal:       %8u kB\nMemFree:        %8u kB\nMemAvailable:   %8u kB\n",
                info.total_pages * PAGES_KB, info.free_pages * PAGES_KB,
                info.free_pages * PAGES_KB);
    text_printf(
        text,
        "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
    text_printf(
        text,
        "SwapTotal:             0 kB\nSwapFree:              0 kB\nShmem:                 0 kB\n");
    text_printf(text, "Slab:           %8u kB\nSReclaimable:          0 kB\n",
                info.kernel_pages * PAGES_KB);
}

void proc_net_dev(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text,
                "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                "packets errs drop "
                "fifo colls carrier compressed\n");
}

void proc_net_table(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt "
                      "  uid  timeout inode\n");
}

void proc_net_unix(const struct internal_node *node, struct text *text)
{
    (void)node;
    socket_print_table(text);
}

/* Busy time is shown as user time: the kernel counts idle time only. */
void proc_stat(const struct internal_node *node, struct text *text)
{
    struct system_info info;
    uint64_t time = now();
    (void)node;
    read_system(&info);
    uint64_t idle = MIN(idle_time(&info), time), busy = time - idle;
    for (int i = 0; i < 2; i++)
        text_printf(text, "cpu%s %llu 0 0 %llu 0 0 0 0 0 0\n", i ? "0" : " ",
                    (unsigned long long)(busy / TICK_NS), (unsigned long long)(idle / TICK_NS));
    text_printf(text,
                "intr %u\nctxt %u\nbtime %llu\nprocesses %u\nprocs_running 1\nprocs_blocked 0\n",
                info.interrupts, info.context_switches,
                (unsigned long long)((wall_clock() - time) / NS_PER_SEC), total_forks);
}

void proc_swaps(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

void proc_uptime(const struct internal_node *node, struct text *text)
{
    struct system_info info;
    uint32_t up = (uint32_t)(now() / TICK_NS);
    (void)node;
    read_system(&info);
    uint32_t idle = (uint32_t)(idle_time(&info) / TICK_NS);
    text_printf(text, "%u.%02u %u.%02u\n", up / 100, up % 100, idle / 100, idle % 100);
}

void proc_version(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text,
                "Linux version " UNIX_RELEASE " (Atomik posix personality) " UNIX_VERSION "\n");
}

void proc_vmstat(const struct internal_node *node, struct text *text)
{
    struct system_info info;
    (void)node;
    read_system(&info);
    text_printf(text, "nr_free_pages %u\npgfault %u\npswpin 0\npswpout 0\n", info.free_pages,
                info.page_faults);
}

/* One mounted file system: which service it is of, its type as Linux names it, and where. */
struct mount_view {
    const char *source, *type, *path, *options;
    uint32_t device; /* number of the block device, 0: none */
    char text[512], name[sizeof "/dev/" + BLOCK_NAME_MAX];
};

/* A device is shown by its name, however the service was told it. */
static void find_device(struct mount_view *view)
{
    struct block_info info;
    const char *name = strncmp(view->source, "/dev/", 5) == 0 ? view->source + 5 : view->source;
    if (block_by_name(name, &info) < 0)
        return;
    (void)snprintf(view->name, sizeof view->name, "/dev/%s", info.name);
    view->source = view->name;
    view->device = block_number(info.name);
}

static const char *type_of(const char *program)
{
    static const char *const types[][2] = {{"memfs", "tmpfs"},
                                           {"hostfs", "9p"},
                                           {"fatfs", "vfat"},
                                           {"extfs", "ext4"},
                                           {"isofs", "iso9660"}};
    for (uint32_t i = 0; i < ARRAY_COUNT(types); i++)
        if (strcmp(program, types[i][0]) == 0)
            return types[i][1];
    return program;
}

static bool next_mount(uint32_t index, struct mount_view *view)
{
    size_t length;
    if (init_mount_list(server.init, index, view->text, sizeof view->text, &length) != OK)
        return false;
    view->source = view->text;
    view->type = view->source + strlen(view->source) + 1;
    view->path = view->type + strlen(view->type) + 1;
    if (view->path >= view->text + length)
        return false;
    view->options = view->path + strlen(view->path) + 1;
    if (view->options >= view->text + length || !*view->options)
        view->options = "rw";
    view->type = type_of(view->type);
    view->device = 0;
    find_device(view);
    return true;
}

void proc_mounts(const struct internal_node *node, struct text *text)
{
    struct mount_view mount;
    (void)node;
    for (uint32_t i = 0; next_mount(i, &mount); i++)
        text_printf(text, "%s %s %s %s 0 0\n", mount.source, mount.path, mount.type, mount.options);
    text_printf(text, "proc /proc proc rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n");
}

void proc_mountinfo(const struct internal_node *node, struct text *text)
{
    struct mount_view mount;
    uint32_t i = 0;
    (void)node;
    for (; next_mount(i, &mount); i++)
        text_printf(text, "%u 1 %u:%u / %s rw - %s %s %s\n", i + 1, mount.device >> 8,
                    mount.device != 0 ? mount.device & 0xff : i + 1, mount.path, mount.type,
                    mount.source, mount.options);
    text_printf(text,
                "%u 1 0:%u / /proc rw - proc proc rw\n%u 1 0:%u / /dev rw - devtmpfs devtmpfs rw\n",
                i + 1, INTERNAL_DEVICE, i + 2, INTERNAL_DEVICE);
}
