/* SPDX-License-Identifier: MIT */
/* The texts of /proc's files. */
#include "procinfo.h"

#include <ipc/blockclient.h>
#include <ipc/initclient.h>
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
    (void)node;
    text_printf(text, "nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\t9p\n\tvfat\n");
}

static uint32_t highest_pid(void)
{
    struct process *process;
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
    char text[512];
};

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
    if (strcmp(view->type, "memfs") == 0)
        view->type = "tmpfs";
    else if (strcmp(view->type, "hostfs") == 0)
        view->type = "9p";
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
        text_printf(text, "%u 1 0:%u / %s rw - %s %s %s\n", i + 1, i + 1, mount.path, mount.type,
                    mount.source, mount.options);
    text_printf(text,
                "%u 1 0:%u / /proc rw - proc proc rw\n%u 1 0:%u / /dev rw - devtmpfs devtmpfs rw\n",
                i + 1, INTERNAL_DEVICE, i + 2, INTERNAL_DEVICE);
}

/* ---- one process --------------------------------------------------------------------------------- */

struct process_view {
    uint32_t pid, ppid, pgid, sid, uid, gid, tty, foreground, threads, mapped, resident;
    uint64_t user_time, system_time, child_user_time, child_system_time, start_time;
    uint64_t pending, blocked, ignored, caught;
    char state, name[64];
    bool ours;
};

void process_command_line(struct process *process, struct text *text)
{
    char buffer[COMMAND_MAX];
    uint32_t done = 0;
    struct mm *mm = process->mm;
    if (!mm || mm->arguments_end <= mm->arguments)
        return;
    uint32_t length = MIN(mm->arguments_end - mm->arguments, sizeof buffer);
    if (space_read(mm->space, mm->arguments, buffer, length, &done) == OK)
        text_add(text, buffer, MIN(done, length));
}

static char state_letter(struct process *process)
{
    struct thread *thread;
    struct thread_info info;
    if (process->state == PROCESS_ZOMBIE)
        return 'Z';
    if (process->stopped)
        return 'T';
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread == self() ||
            (thread_info(thread->worker->handle, &info) == OK && info.state != THREAD_BLOCKED))
            return 'R';
    }
    return 'S';
}

static void view_signals(struct process *process, struct process_view *view)
{
    view->pending = process->pending.set;
    if (!list_empty(&process->threads))
        view->blocked = list_entry(process->threads.next, struct thread, link)->blocked;
    for (uint32_t signal = 1; process->sighand && signal <= SIGNAL_COUNT; signal++) {
        uint32_t handler = process->sighand->actions[signal - 1].handler;
        if (handler == 1)
            view->ignored |= SIGNAL_BIT(signal);
        else if (handler != 0)
            view->caught |= SIGNAL_BIT(signal);
    }
}

/* Lock held. */
static void view_own(struct process *process, struct process_view *view)
{
    struct thread *thread;
    uint64_t user, system;
    *view = (struct process_view){.pid = process->pid,
                                  .ppid = process->ppid,
                                  .pgid = process->pgid,
                                  .sid = process->session->sid,
                                  .uid = process->credentials.euid,
                                  .gid = process->credentials.egid,
                                  .tty = process->session->tty ? DEVICE_CONSOLE : 0,
                                  .threads = process->thread_count,
                                  .user_time = process->dead_user_time,
                                  .system_time = process->dead_system_time,
                                  .child_user_time = process->child_user_time,
                                  .child_system_time = process->child_system_time,
                                  .start_time = process->start_time,
                                  .state = state_letter(process),
                                  .ours = true};
    strlcpy(view->name, process->comm, sizeof view->name);
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &user, &system);
        view->user_time += user;
        view->system_time += system;
    }
    if (process->mm)
        ignore(space_pages(process->mm->space, &view->mapped, &view->resident));
    view_signals(process, view);
}

static bool view_foreign(uint32_t pid, struct process_view *view)
{
    struct proc_record record;
    struct proc_stats stats = {.state = 'S'};
    char command[256];
    size_t length;
    if (init_proc_info(server.init, pid, false, &record, view->name, sizeof view->name) != OK)
        return false;
    if (record.personality != 0)
        ignore(init_proc_stats(server.init, pid, &stats, command, sizeof command, &length));
    view->pid = record.pid;
    view->ppid = record.ppid;
    view->pgid = record.pgid;
    view->sid = record.sid;
    view->uid = record.uid;
    view->start_time = record.start_time;
    view->state = (char)(record.state == PROC_ZOMBIE || record.state == PROC_STOPPED ? record.state
                                                                                     : stats.state);
    view->threads = MAX(stats.threads, 1);
    view->mapped = stats.mapped_pages;
    view->resident = stats.resident_pages;
    view->user_time = stats.cpu_time;
    return true;
}

static bool view_process(uint32_t pid, struct process_view *view)
{
    memset(view, 0, sizeof *view);
    server_lock();
    struct process *process = process_find(pid);
    bool ours = process && process->state != PROCESS_REMOTE;
    if (ours)
        view_own(process, view);
    server_unlock();
    return ours || view_foreign(pid, view);
}

void proc_pid_stat(const struct internal_node *node, struct text *text)
{
    struct process_view view;
    if (!view_process(node->pid, &view))
        return;
    int foreground = view.tty ? (int)tty_foreground(self()->process) : -1;
    text_printf(text, "%u (%s) %c %u %u %u %u %d 0 0 0 0 0 ", view.pid, view.name, view.state,
                view.ppid, view.pgid, view.sid, view.tty, foreground);
    text_printf(text, "%llu %llu %llu %llu 20 0 %u 0 %llu ",
                (unsigned long long)(view.user_time / TICK_NS),
                (unsigned long long)(view.system_time / TICK_NS),
                (unsigned long long)(view.child_user_time / TICK_NS),
                (unsigned long long)(view.child_system_time / TICK_NS), view.threads,
                (unsigned long long)(view.start_time / TICK_NS));
    text_printf(text,
                "%llu %u 4294967295 0 0 0 0 0 %u %u %u %u 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                (unsigned long long)view.mapped * PAGE_SIZE, view.resident, (uint32_t)view.pending,
                (uint32_t)view.blocked, (uint32_t)view.ignored, (uint32_t)view.caught);
}

void proc_pid_statm(const struct internal_node *node, struct text *text)
{
    struct process_view view;
    if (view_process(node->pid, &view))
        text_printf(text, "%u %u 0 0 0 %u 0\n", view.mapped, view.resident, view.mapped);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'T':
        return "stopped";
    case 'Z':
        return "zombie";
    }
    return "sleeping";
}

void proc_pid_status(const struct internal_node *node, struct text *text)
{
    struct process_view view;
    if (!view_process(node->pid, &view))
        return;
    text_printf(text, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%u\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
                view.name, view.state, state_name(view.state), view.pid, view.pid, view.ppid);
    text_printf(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", view.uid, view.uid, view.uid,
                view.uid, view.gid, view.gid, view.gid, view.gid);
    text_printf(text, "FDSize:\t64\nVmSize:\t%8u kB\nVmRSS:\t%8u kB\nThreads:\t%u\n",
                view.mapped * PAGES_KB, view.resident * PAGES_KB, view.threads);
    text_printf(text,
                "SigQ:\t0/"
                "1024\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%"
                "016llx\nSigCgt:\t%016llx\n",
                0ull, (unsigned long long)view.pending, (unsigned long long)view.blocked,
                (unsigned long long)view.ignored, (unsigned long long)view.caught);
}

void proc_pid_comm(const struct internal_node *node, struct text *text)
{
    struct process_view view;
    if (view_process(node->pid, &view))
        text_printf(text, "%s\n", view.name);
}

void proc_pid_cmdline(const struct internal_node *node, struct text *text)
{
    char command[1024];
    size_t length = 0;
    struct proc_stats stats;
    server_lock();
    struct process *process = process_find(node->pid);
    bool ours = process && process->state != PROCESS_REMOTE;
    if (ours)
        process_command_line(process, text);
    server_unlock();
    if (ours ||
        init_proc_stats(server.init, node->pid, &stats, command, sizeof command, &length) != OK)
        return;
    text_add(text, command, (uint32_t)MIN(length, sizeof command));
}

void proc_pid_environ(const struct internal_node *node, struct text *text)
{
    char buffer[1024];
    server_lock();
    struct process *process = process_find(node->pid);
    struct mm *mm = process ? process->mm : NULL;
    for (uint32_t at = mm ? mm->arguments_end : 0; mm && at < mm->environment_end;) {
        uint32_t done = 0, length = MIN(mm->environment_end - at, sizeof buffer);
        if (space_read(mm->space, at, buffer, length, &done) != OK || done == 0)
            break;
        text_add(text, buffer, done);
        at += done;
    }
    server_unlock();
}

/* Debuggers find a position-independent program by its entry point in there. */
void proc_pid_auxv(const struct internal_node *node, struct text *text)
{
    server_lock();
    struct process *process = process_find(node->pid);
    if (process && process->mm)
        text_add(text, process->mm->auxv, process->mm->auxv_size * sizeof process->mm->auxv[0]);
    server_unlock();
}

void proc_pid_maps(const struct internal_node *node, struct text *text)
{
    struct mapping_info info;
    uint32_t at = 0;
    server_lock();
    struct process *process = process_find(node->pid);
    struct mm *mm = process ? process->mm : NULL;
    while (mm && space_query(mm->space, at, &info) == OK && info.address < GUEST_LIMIT) {
        at = info.address + info.length;
        const char *name = mapping_name(info.tag);
        text_printf(text, "%08x-%08x %c%c%c%c %08x 00:00 %-10u %s\n", info.address, at,
                    info.prot & PROT_R ? 'r' : '-', info.prot & PROT_W ? 'w' : '-',
                    info.prot & PROT_X ? 'x' : '-', info.flags & MAP_FLAG_SHARED ? 's' : 'p',
                    name[0] == '/' ? info.offset_low : 0, name[0] == '/' ? info.vmo_id : 0, name);
    }
    server_unlock();
}

void proc_pid_limits(const struct internal_node *node, struct text *text)
{
    static const char *const names[RLIMIT_COUNT] = {
        "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
        "Max core file size", "Max resident set",  "Max processes",         "Max open files",
        "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
        "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout"};
    text_printf(text, "%-26s%-21s%-21s\n", "Limit", "Soft Limit", "Hard Limit");
    server_lock();
    struct process *process = process_find(node->pid);
    for (uint32_t i = 0; process && i < RLIMIT_COUNT; i++) {
        const uint64_t values[2] = {process->limits[i].current, process->limits[i].maximum};
        text_printf(text, "%-26s", names[i]);
        for (int j = 0; j < 2; j++) {
            if (values[j] == RLIM64_INFINITY)
                text_printf(text, "%-21s", "unlimited");
            else
                text_printf(text, "%-21llu", (unsigned long long)values[j]);
        }
        text_printf(text, "\n");
    }
    server_unlock();
}

void proc_pid_cgroup(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0::/\n");
}

void proc_pid_zero(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0\n");
}

void proc_pid_oom_score_adj(const struct internal_node *node, struct text *text)
{
    server_lock();
    struct process *process = process_find(node->pid);
    text_printf(text, "%d\n", process ? process->oom_score_adj : 0);
    server_unlock();
}

int proc_store_oom_score_adj(const struct internal_node *node, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    int error = end == text || *end || value < -1000 || value > 1000 ? -EINVAL : -ESRCH;
    server_lock();
    struct process *process = process_find(node->pid);
    if (error == -ESRCH && process) {
        bool may = value >= process->oom_score_adj || capable(CAP_SYS_RESOURCE);
        error = may ? 0 : -EACCES;
        if (may)
            process->oom_score_adj = (int32_t)value;
    }
    server_unlock();
    return error;
}

/* Of a thread of the caller's own process. */
int proc_store_comm(const struct internal_node *node, const char *text)
{
    struct process *process = self()->process;
    if (node->pid != process->pid)
        return -EINVAL;
    server_lock();
    strlcpy(process->comm, text, sizeof process->comm);
    server_unlock();
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, NULL, process->comm));
    return 0;
}
