/* SPDX-License-Identifier: MIT */
/* What the files of /proc say. Each appends its text; the server lock is not held. */
#ifndef POSIX_PROCINFO_H
#define POSIX_PROCINFO_H

#include "internal.h"

/* A file of /proc. Numbers of the tables of sysctl.c: `number`, between minimum and maximum. */
struct proc_file {
    const char *path;
    void (*generate)(const struct internal_node *node, struct text *text);
    int (*store)(const struct internal_node *node, const char *text);
    uint32_t *number;
    uint32_t minimum, maximum;
};
extern const struct proc_file sysctl_files[];
extern const uint32_t sysctl_count;
extern const struct proc_file sysfs_files[];
extern const uint32_t sysfs_count;

typedef void proc_generator(const struct internal_node *node, struct text *text);
proc_generator proc_boot_cmdline, proc_cpuinfo, proc_filesystems, proc_loadavg, proc_meminfo,
    proc_net_dev, proc_net_table, proc_net_unix, proc_stat, proc_swaps, proc_uptime, proc_version,
    proc_vmstat, proc_mounts, proc_mountinfo;
proc_generator proc_pid_auxv, proc_pid_cgroup, proc_pid_cmdline, proc_pid_comm, proc_pid_environ,
    proc_pid_limits, proc_pid_maps, proc_pid_zero, proc_pid_stat, proc_pid_statm, proc_pid_status,
    proc_pid_oom_score_adj;
proc_generator proc_diskstats, proc_partitions;
proc_generator proc_pid_timerslack;
int proc_store_timerslack(const struct internal_node *node, const char *text);
proc_generator proc_atomik_missing;
proc_generator proc_sysvipc_msg, proc_sysvipc_sem, proc_sysvipc_shm;
int proc_store_oom_score_adj(const struct internal_node *node, const char *text);
int proc_store_comm(const struct internal_node *node, const char *text);

/* Command line and memory of a process of ours, for init and for /proc. Lock held. */
struct process;
void process_command_line(struct process *process, struct text *text);

/* /proc/PID/mem */
int proc_open_mem(const struct internal_node *node, uint32_t flags, struct file **result);

#define UNIX_RELEASE "6.1.0-atomik"
#define UNIX_VERSION "#1 Atomik"

#endif
