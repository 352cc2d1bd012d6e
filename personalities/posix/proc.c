/* SPDX-License-Identifier: MIT */
/*
 * /proc: one table of files for the machine, one for a process. Directories follow from the names in
 * the tables. Processes of other personalities are listed too, with what init and their personality
 * tell about them; what only a Unix process has (maps, fd, cwd) is absent there.
 */
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "internal.h"
#include "procinfo.h"
#include "server.h"
#include "task.h"

#define PID_INDEX 0x10000u /* index in a listing from which on it is this plus the pid */

#define FILE_OF(path, generate)          \
    {                                    \
        path, generate, NULL, NULL, 0, 0 \
    }
#define STORED(path, generate, store)     \
    {                                     \
        path, generate, store, NULL, 0, 0 \
    }

static const struct proc_file machine_files[] = {
    FILE_OF("atomik/missing", proc_atomik_missing),
    FILE_OF("cmdline", proc_boot_cmdline),
    FILE_OF("cpuinfo", proc_cpuinfo),
    FILE_OF("diskstats", proc_diskstats),
    FILE_OF("filesystems", proc_filesystems),
    FILE_OF("loadavg", proc_loadavg),
    FILE_OF("meminfo", proc_meminfo),
    FILE_OF("net/dev", proc_net_dev),
    FILE_OF("net/tcp", proc_net_table),
    FILE_OF("net/udp", proc_net_table),
    FILE_OF("net/unix", proc_net_unix),
    FILE_OF("partitions", proc_partitions),
    FILE_OF("stat", proc_stat),
    FILE_OF("swaps", proc_swaps),
    FILE_OF("sysvipc/msg", proc_sysvipc_msg),
    FILE_OF("sysvipc/sem", proc_sysvipc_sem),
    FILE_OF("sysvipc/shm", proc_sysvipc_shm),
    FILE_OF("uptime", proc_uptime),
    FILE_OF("version", proc_version),
    FILE_OF("vmstat", proc_vmstat),
};

static const struct proc_file process_files[] = {
    FILE_OF("auxv", proc_pid_auxv),
    FILE_OF("cgroup", proc_pid_cgroup),
    FILE_OF("cmdline", proc_pid_cmdline),
    STORED("comm", proc_pid_comm, proc_store_comm),
    FILE_OF("environ", proc_pid_environ),
    FILE_OF("limits", proc_pid_limits),
    FILE_OF("maps", proc_pid_maps),
    FILE_OF("mountinfo", proc_mountinfo),
    FILE_OF("mounts", proc_mounts),
    STORED("oom_score_adj", proc_pid_oom_score_adj, proc_store_oom_score_adj),
    FILE_OF("stat", proc_pid_stat),
    FILE_OF("statm", proc_pid_statm),
    FILE_OF("status", proc_pid_status),
    STORED("timerslack_ns", proc_pid_timerslack, proc_store_timerslack),
};

/* ---- symbolic links ------------------------------------------------------------------------------ */

static int self_target(const struct internal_node *node, char *target)
{
    (void)node;
    snprintf(target, 16, "%u", self()->process->pid);
    return 0;
}

static int mounts_target(const struct internal_node *node, char *target)
{
    (void)node;
    strcpy(target, "self/mounts");
    return 0;
}

static int copy_target(char *target, const char *text)
{
    if (!text)
        return -ENOENT;
    strlcpy(target, text, PATH_MAX / 4);
    return 0;
}

/* exe, cwd and root of a process; node->number tells which. */
enum { LINK_EXE, LINK_CWD, LINK_ROOT };
static const char *const process_links[] = {"exe", "cwd", "root"};

static int process_target(const struct internal_node *node, char *target)
{
    int result = -ENOENT;
    server_lock();
    struct process *process = process_find(node->pid);
    if (process && process->mm && process->fs) {
        if (node->number == LINK_EXE)
            result = copy_target(target, process->mm->exe);
        else
            result = copy_target(target, node->number == LINK_CWD ? process->fs->cwd_text : "/");
    }
    server_unlock();
    return result;
}

static struct file *descriptor_file(const struct internal_node *node)
{
    server_lock();
    struct process *process = process_find(node->pid);
    struct file *file = process ? fd_peek(process, node->number) : NULL;
    server_unlock();
    return file;
}

static int descriptor_target(const struct internal_node *node, char *target)
{
    struct file *file = descriptor_file(node);
    if (!file)
        return -ENOENT;
    int result = copy_target(target, file->path ? file->path : "anon_inode:[file]");
    file_release(file);
    return result;
}

static const struct internal_ops self_ops = {.target = self_target},
                                 mounts_ops = {.target = mounts_target},
                                 link_ops = {.target = process_target},
                                 descriptor_ops = {.target = descriptor_target,
                                                   .magic = descriptor_file};

/* ---- listings ------------------------------------------------------------------------------------ */

/* The name of the next entry at `prefix` in a table, whose entries are sorted; repeated directories are skipped. */
static bool list_table(const struct proc_file *files, uint32_t count, const char *prefix,
                       uint32_t *index, char *name, uint32_t *type)
{
    uint32_t skip = (uint32_t)strlen(prefix);
    for (; *index < count; ++*index) {
        const char *path = files[*index].path;
        if (strncmp(path, prefix, skip) != 0)
            continue;
        uint32_t length = (uint32_t)strcspn(path + skip, "/");
        if (*index > 0 && strncmp(files[*index - 1].path, path, skip + length) == 0 &&
            files[*index - 1].path[skip + length] == '/')
            continue;
        memcpy(name, path + skip, length);
        name[length] = '\0';
        *type = (path[skip + length] ? S_IFDIR : S_IFREG) >> 12;
        return true;
    }
    return false;
}

/* The lowest process number from `pid` on, of any personality; 0: there is none. */
static uint32_t next_pid(uint32_t pid)
{
    struct proc_record record;
    char name[64];
    if (init_proc_info(server.init, pid ? pid - 1 : 0, true, &record, name, sizeof name) != OK)
        return 0;
    return record.pid;
}

static bool list_root(const struct internal_node *node, uint32_t *index, char *name, uint32_t *type)
{
    static const char *const links[] = {"self", "mounts", "sys"};
    (void)node;
    if (list_table(machine_files, ARRAY_COUNT(machine_files), "", index, name, type))
        return true;
    uint32_t at = *index - ARRAY_COUNT(machine_files);
    if (at < ARRAY_COUNT(links)) {
        strcpy(name, links[at]);
        *type = (at < 2 ? S_IFLNK : S_IFDIR) >> 12;
        return true;
    }
    uint32_t pid = next_pid(*index > PID_INDEX ? *index - PID_INDEX : 1);
    if (pid == 0)
        return false;
    *index = PID_INDEX + pid;
    snprintf(name, 16, "%u", pid);
    *type = S_IFDIR >> 12;
    return true;
}

/* The two directories of sysblock.c come last in /sys. */
static bool list_block(uint32_t index, char *name, uint32_t *type)
{
    strcpy(name, index == 0 ? "block" : "dev");
    *type = S_IFDIR >> 12;
    return index < 2;
}

static bool list_machine(const struct internal_node *node, uint32_t *index, char *name,
                         uint32_t *type)
{
    char prefix[96];
    const struct proc_file *first = node->entry;
    memcpy(prefix, first->path, node->number);
    prefix[node->number] = '\0';
    if (first >= sysctl_files && first < sysctl_files + sysctl_count)
        return list_table(sysctl_files, sysctl_count, prefix, index, name, type);
    if (first >= sysfs_files && first < sysfs_files + sysfs_count)
        return list_table(sysfs_files, sysfs_count, prefix, index, name, type) ||
               (!*prefix && list_block(*index - sysfs_count, name, type));
    return list_table(machine_files, ARRAY_COUNT(machine_files), prefix, index, name, type);
}

static bool list_process(const struct internal_node *node, uint32_t *index, char *name,
                         uint32_t *type)
{
    static const char *const others[] = {"exe", "cwd", "root", "fd", "fdinfo", "task", "mem"};
    (void)node;
    if (list_table(process_files, ARRAY_COUNT(process_files), "", index, name, type))
        return true;
    uint32_t at = *index - ARRAY_COUNT(process_files);
    if (at >= ARRAY_COUNT(others))
        return false;
    strcpy(name, others[at]);
    *type = (at < 3 ? S_IFLNK : at < 6 ? S_IFDIR : S_IFREG) >> 12;
    return true;
}

/* Which directory of descriptors a node is. */
enum { LIST_LINKS, LIST_INFO };

static bool list_descriptors(const struct internal_node *node, uint32_t *index, char *name,
                             uint32_t *type)
{
    bool found = false;
    server_lock();
    struct process *process = process_find(node->pid);
    struct files *files = process ? process->files : NULL;
    for (; files && *index < files->capacity && !found; ++*index) {
        if (!files->slots[*index].file)
            continue;
        snprintf(name, 16, "%u", *index);
        *type = node->number == LIST_INFO ? S_IFREG >> 12 : S_IFLNK >> 12;
        found = true;
        break;
    }
    server_unlock();
    return found;
}

/* Threads: the index is the position in the process's list. */
static bool list_threads(const struct internal_node *node, uint32_t *index, char *name,
                         uint32_t *type)
{
    uint32_t at = 0;
    bool found = false;
    server_lock();
    struct process *process = process_find(node->pid);
    if (process) {
        list_each(thread, &process->threads, struct thread, link)
        {
            if (at++ != *index)
                continue;
            snprintf(name, 16, "%u", thread->tid);
            *type = S_IFDIR >> 12;
            found = true;
            break;
        }
    }
    server_unlock();
    return found;
}

static const struct internal_ops root_ops = {.list = list_root},
                                 machine_directory_ops = {.list = list_machine},
                                 process_ops = {.list = list_process},
                                 fd_ops = {.list = list_descriptors},
                                 task_ops = {.list = list_threads};

/* ---- finding ------------------------------------------------------------------------------------- */

static void generate_entry(const struct internal_node *node, struct text *text)
{
    const struct proc_file *file = node->entry;
    file->generate(node, text);
}
static int store_entry(const struct internal_node *node, const char *text)
{
    const struct proc_file *file = node->entry;
    return file->store(node, text);
}

/* /proc/PID/fdinfo/FD */
static void generate_descriptor(const struct internal_node *node, struct text *text)
{
    struct file *file = descriptor_file(node);
    bool cloexec = false;
    if (!file)
        return;
    uint64_t offset = file->offset;
    if (file->ops->position && file->ops->position(file, &offset) < 0)
        offset = file->offset;
    server_lock();
    const struct process *process = process_find(node->pid);
    if (process && process->files && node->number < process->files->capacity)
        cloexec = process->files->slots[node->number].close_on_exec;
    server_unlock();
    text_printf(text, "pos:\t%llu\nflags:\t0%o\n", offset,
                (unsigned)(file->flags | (cloexec ? O_CLOEXEC : 0)));
    file_release(file);
}

static const struct internal_ops info_ops = {.generate = generate_descriptor};

static const struct internal_ops text_file_ops = {.generate = generate_entry},
                                 stored_ops = {.generate = generate_entry, .store = store_entry},
                                 mem_ops = {.open = proc_open_mem};

static int set_node(struct internal_node *node, const struct internal_ops *ops, uint32_t mode,
                    uint32_t pid, uint32_t number)
{
    node->ops = ops;
    node->mode = mode;
    node->pid = pid;
    node->number = number;
    node->ino = (uint64_t)pid << 20 | (number + 2) | (uint64_t)(uintptr_t)ops << 32;
    return 0;
}

static int file_node(struct internal_node *node, const struct proc_file *file, uint32_t pid,
                     uint32_t number)
{
    node->entry = file;
    return set_node(node, file->store ? &stored_ops : &text_file_ops,
                    S_IFREG | (file->store ? 0644 : 0444), pid, number);
}

/* A file of a table or a directory that its paths imply. */
static int table_lookup(const struct proc_file *files, uint32_t count, const char *rest,
                        struct internal_node *node)
{
    uint32_t length = (uint32_t)strlen(rest);
    for (uint32_t i = 0; i < count; i++) {
        const char *path = files[i].path;
        if (strncmp(path, rest, length) != 0 || (path[length] && path[length] != '/'))
            continue;
        node->entry = &files[i];
        if (path[length])
            return set_node(node, &machine_directory_ops, S_IFDIR | 0555, 0, length + 1);
        return file_node(node, &files[i], 0, i);
    }
    return -ENOENT;
}

static int machine_lookup(const char *rest, struct internal_node *node)
{
    uint32_t length = (uint32_t)strlen(rest);
    if (length == 0)
        return set_node(node, &root_ops, S_IFDIR | 0555, 0, 0);
    if (strcmp(rest, "self") == 0)
        return set_node(node, &self_ops, S_IFLNK | 0777, 0, 0);
    if (strcmp(rest, "mounts") == 0)
        return set_node(node, &mounts_ops, S_IFLNK | 0777, 0, 0);
    if (table_lookup(machine_files, ARRAY_COUNT(machine_files), rest, node) == 0)
        return 0;
    return table_lookup(sysctl_files, sysctl_count, rest, node);
}

static bool parse_number(const char *text, uint32_t *number, const char **rest)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *number = (uint32_t)strtoul(text, &end, 10);
    if (*end != '\0' && *end != '/')
        return false;
    *rest = end + (*end == '/');
    return true;
}

static int descriptor_lookup(const char *rest, struct internal_node *node, uint32_t pid,
                             char *redirect)
{
    uint32_t fd;
    const char *more;
    if (!*rest)
        return set_node(node, &fd_ops, S_IFDIR | 0500, pid, LIST_LINKS);
    if (!parse_number(rest, &fd, &more))
        return -ENOENT;
    set_node(node, &descriptor_ops, S_IFLNK | 0700, pid, fd);
    struct file *file = descriptor_file(node);
    if (!file)
        return -ENOENT;
    int result = 0;
    if (*more) { /* a name below an open directory */
        result =
            file->path && file->path[0] == '/' && strlen(file->path) + strlen(more) + 2 < PATH_MAX
                ? 1
                : -ENOTDIR;
        if (result == 1)
            snprintf(redirect, PATH_MAX, "%s/%s", file->path, more);
    }
    file_release(file);
    return result;
}

static int descriptor_info_lookup(const char *rest, struct internal_node *node, uint32_t pid)
{
    uint32_t fd;
    const char *more;
    if (!*rest)
        return set_node(node, &fd_ops, S_IFDIR | 0555, pid, LIST_INFO);
    if (!parse_number(rest, &fd, &more) || *more)
        return -ENOENT;
    set_node(node, &info_ops, S_IFREG | 0444, pid, fd);
    struct file *file = descriptor_file(node);
    if (!file)
        return -ENOENT;
    file_release(file);
    return 0;
}

static uint32_t process_of_thread(uint32_t tid)
{
    server_lock();
    const struct thread *thread = thread_find(tid);
    uint32_t pid = thread ? thread->process->pid : 0;
    server_unlock();
    return pid;
}

static bool thread_exists(uint32_t pid, uint32_t tid)
{
    return process_of_thread(tid) == pid;
}

/* tid: 0, or the thread that the path names. */
static int process_lookup(const char *rest, struct internal_node *node, uint32_t pid, uint32_t tid,
                          char *redirect)
{
    uint32_t length = (uint32_t)strcspn(rest, "/");
    if (length == 0)
        return set_node(node, &process_ops, S_IFDIR | 0555, pid, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(process_links); i++) {
        if (strlen(process_links[i]) != length || memcmp(rest, process_links[i], length) != 0)
            continue;
        set_node(node, &link_ops, S_IFLNK | 0777, pid, i);
        if (!rest[length])
            return 0;
        int result = process_target(node, redirect);
        if (result < 0 || strlen(redirect) + strlen(rest + length) >= PATH_MAX)
            return result < 0 ? result : -ENAMETOOLONG;
        strcat(redirect, rest + length);
        return 1;
    }
    if (strncmp(rest, "fd", length) == 0 && length == 2)
        return descriptor_lookup(rest + 2 + (rest[2] == '/'), node, pid, redirect);
    if (strncmp(rest, "fdinfo", length) == 0 && length == 6)
        return descriptor_info_lookup(rest + 6 + (rest[6] == '/'), node, pid);
    if (strncmp(rest, "task", length) == 0 && length == 4) {
        if (!rest[4] || !rest[5])
            return set_node(node, &task_ops, S_IFDIR | 0555, pid, 1);
        if (!parse_number(rest + 5, &tid, &rest))
            return -ENOENT;
        if (!thread_exists(pid, tid))
            return -ENOENT;
        return process_lookup(rest, node, pid, tid, redirect);
    }
    if (strcmp(rest, "mem") == 0)
        return set_node(node, &mem_ops, S_IFREG | 0600, pid, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(process_files); i++) {
        if (strcmp(process_files[i].path, rest) != 0)
            continue;
        file_node(node, &process_files[i], pid, i);
        node->number = tid;
        return 0;
    }
    return -ENOENT;
}

/* Whose it is, unless it is one of ours. */
static bool process_exists(uint32_t pid, uint32_t *uid)
{
    struct proc_record record;
    char name[64];
    server_lock();
    bool ours = process_find(pid) != NULL;
    server_unlock();
    *uid = 0;
    if (ours)
        return true;
    bool found = init_proc_info(server.init, pid, false, &record, name, sizeof name) == OK;
    if (found)
        *uid = record.uid;
    return found;
}

int proc_lookup(const char *rest, struct internal_node *node, char *redirect)
{
    uint32_t pid;
    if (strncmp(rest, "self/", 5) == 0)
        return process_lookup(rest + 5, node, self()->process->pid, 0, redirect);
    if (!parse_number(rest, &pid, &rest))
        return machine_lookup(rest, node);
    if (process_exists(pid, &node->uid))
        return process_lookup(rest, node, pid, 0, redirect);
    uint32_t tgid = process_of_thread(pid); /* threads are found here, though not listed */
    return tgid ? process_lookup(rest, node, tgid, pid, redirect) : -ENOENT;
}

/* ---- /sys ---------------------------------------------------------------------------------------- */

int sysfs_lookup(const char *rest, struct internal_node *node, char *redirect)
{
    if (!*rest) {
        node->entry = sysfs_files;
        return set_node(node, &machine_directory_ops, S_IFDIR | 0555, 0, 0);
    }
    int result = sysblock_lookup(rest, node, redirect);
    return result != -ENOENT ? result : table_lookup(sysfs_files, sysfs_count, rest, node);
}
