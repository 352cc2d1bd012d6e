/* SPDX-License-Identifier: MIT */
/* The files of /proc/sys: facts, and numbers that root can set. See sysctl.h. */
#include "sysctl.h"

#include <stdlib.h>
#include <string.h>

#include "aio.h"
#include "file.h"
#include "procinfo.h"
#include "server.h"
#include "socket.h"
#include "task.h"

struct sysctl sysctl = {
    .shm_max = 0x7fffffff,
    .shm_all = 0x7ffff,
    .shm_mni = 4096,
    .sem_msl = 32000,
    .sem_mns = 1024000000,
    .sem_opm = 500,
    .sem_mni = 32000,
    .msg_max = 8192,
    .msg_mnb = 16384,
    .msg_mni = 32000,
    .shm_next_id = UINT32_MAX,
    .sem_next_id = UINT32_MAX,
    .msg_next_id = UINT32_MAX,
    .mq_queues = 256,
    .mq_messages = 10,
    .mq_size = 8192,
    .mq_messages_default = 10,
    .mq_size_default = 8192,
    .lease_break_time = 45,
    .nr_open = FD_MAX,
    .inotify_instances = FD_MAX,
    .pipe_size = 1048576,
    .map_count = 65530,
    .protected_hardlinks = 1,
    .protected_symlinks = 1,
};

/* ---- generators -------------------------------------------------------------------------------- */

static void show_number(const struct internal_node *node, struct text *text)
{
    const struct proc_file *row = node->entry;
    text_printf(text, "%u\n", *row->number);
}

static void show_signed(const struct internal_node *node, struct text *text)
{
    const struct proc_file *row = node->entry;
    text_printf(text, "%d\n", (int32_t)*row->number);
}

static void show_fixed(const struct internal_node *node, struct text *text)
{
    const struct proc_file *row = node->entry;
    text_printf(text, "%u\n", row->minimum);
}

static void show_hostname(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "%s\n", server.hostname);
}

static void show_domainname(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "%s\n", server.domainname);
}

static void show_release(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, UNIX_RELEASE "\n");
}

static void show_type(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "Linux\n");
}

static void show_version(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, UNIX_VERSION "\n");
}

static void show_semaphores(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "%u\t%u\t%u\t%u\n", sysctl.sem_msl, sysctl.sem_mns, sysctl.sem_opm,
                sysctl.sem_mni);
}

static void show_uuid(struct text *text, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < 16; i++)
        text_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    text_printf(text, "\n");
}

static bool random_uuid(uint8_t bytes[16])
{
    if (random_get(bytes, 16) != OK)
        return false;
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    return true;
}

static void show_new_uuid(const struct internal_node *node, struct text *text)
{
    uint8_t bytes[16];
    (void)node;
    if (random_uuid(bytes))
        show_uuid(text, bytes);
}

static void show_boot_id(const struct internal_node *node, struct text *text)
{
    static uint8_t bytes[16];
    static bool made;
    (void)node;
    server_lock();
    if (!made)
        made = random_uuid(bytes);
    server_unlock();
    show_uuid(text, bytes);
}

static void show_open_files(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "%u\t0\t2147483647\n", file_count);
}

/* ---- setting ---------------------------------------------------------------------------------------- */

static int store_number(const struct internal_node *node, const char *text)
{
    const struct proc_file *row = node->entry;
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end != '\0' || value < row->minimum || value > row->maximum)
        return -EINVAL;
    *row->number = (uint32_t)value;
    return 0;
}

static int store_signed(const struct internal_node *node, const char *text)
{
    const struct proc_file *row = node->entry;
    char *end;
    long value = strtol(text, &end, 0);
    if (end == text || *end != '\0' || value < -1)
        return -EINVAL;
    *row->number = (uint32_t)value;
    return 0;
}

static int store_semaphores(const struct internal_node *node, const char *text)
{
    uint32_t *const values[4] = {&sysctl.sem_msl, &sysctl.sem_mns, &sysctl.sem_opm,
                                 &sysctl.sem_mni};
    (void)node;
    for (uint32_t i = 0; i < 4; i++) {
        char *end;
        unsigned long value = strtoul(text, &end, 0);
        if (end == text)
            return i ? 0 : -EINVAL;
        if (i == 3 && value > 32768)
            return -EINVAL;
        *values[i] = (uint32_t)value;
        text = end;
    }
    return 0;
}

static int store_name(char *name, const char *text)
{
    if (strlen(text) > 64)
        return -EINVAL;
    server_lock();
    strlcpy(name, text, 65);
    server_unlock();
    return 0;
}

static int store_hostname(const struct internal_node *node, const char *text)
{
    (void)node;
    return store_name(server.hostname, text);
}

static int store_domainname(const struct internal_node *node, const char *text)
{
    (void)node;
    return store_name(server.domainname, text);
}

/* ---- the table; sorted, as listings want it ----------------------------------------------------------- */

#define NUMBER(path, field, minimum, maximum)                                   \
    {                                                                           \
        "sys/" path, show_number, store_number, &sysctl.field, minimum, maximum \
    }
#define SIGNED(path, field)                                         \
    {                                                               \
        "sys/" path, show_signed, store_signed, &sysctl.field, 0, 0 \
    }
#define FIXED(path, value)                                \
    {                                                     \
        "sys/" path, show_fixed, NULL, NULL, value, value \
    }
#define SHOWN(path, show, store)             \
    {                                        \
        "sys/" path, show, store, NULL, 0, 0 \
    }

const struct proc_file sysctl_files[] = {
    FIXED("fs/aio-max-nr", AIO_EVENTS_MAX),
    FIXED("fs/epoll/max_user_watches", 65536),
    FIXED("fs/file-max", 2147483647),
    SHOWN("fs/file-nr", show_open_files, NULL),
    FIXED("fs/inotify/max_queued_events", 8192),
    NUMBER("fs/inotify/max_user_instances", inotify_instances, 0, FD_MAX),
    FIXED("fs/inotify/max_user_watches", 65536),
    NUMBER("fs/lease-break-time", lease_break_time, 0, 3600),
    NUMBER("fs/mqueue/msg_default", mq_messages_default, 1, 65536),
    NUMBER("fs/mqueue/msg_max", mq_messages, 1, 65536),
    NUMBER("fs/mqueue/msgsize_default", mq_size_default, 128, 16777216),
    NUMBER("fs/mqueue/msgsize_max", mq_size, 128, 16777216),
    NUMBER("fs/mqueue/queues_max", mq_queues, 0, 65536),
    NUMBER("fs/nr_open", nr_open, 8, FD_MAX),
    FIXED("fs/overflowgid", 65534),
    FIXED("fs/overflowuid", 65534),
    NUMBER("fs/pipe-max-size", pipe_size, 4096, 1048576),
    NUMBER("fs/protected_hardlinks", protected_hardlinks, 0, 1),
    NUMBER("fs/protected_symlinks", protected_symlinks, 0, 1),
    FIXED("kernel/cap_last_cap", LAST_CAPABILITY),
    SHOWN("kernel/domainname", show_domainname, store_domainname),
    SHOWN("kernel/hostname", show_hostname, store_hostname),
    SIGNED("kernel/msg_next_id", msg_next_id),
    NUMBER("kernel/msgmax", msg_max, 0, 0x7fffffff),
    NUMBER("kernel/msgmnb", msg_mnb, 0, 0x7fffffff),
    NUMBER("kernel/msgmni", msg_mni, 0, 32768),
    FIXED("kernel/ngroups_max", GROUPS_MAX),
    SHOWN("kernel/osrelease", show_release, NULL),
    SHOWN("kernel/ostype", show_type, NULL),
    FIXED("kernel/overflowgid", 65534),
    FIXED("kernel/overflowuid", 65534),
    FIXED("kernel/pid_max", 4194304),
    FIXED("kernel/pty/max", 256),
    SHOWN("kernel/random/boot_id", show_boot_id, NULL),
    FIXED("kernel/random/entropy_avail", ENTROPY_BITS),
    FIXED("kernel/random/poolsize", ENTROPY_BITS),
    SHOWN("kernel/random/uuid", show_new_uuid, NULL),
    FIXED("kernel/randomize_va_space", 0),
    SHOWN("kernel/sem", show_semaphores, store_semaphores),
    SIGNED("kernel/sem_next_id", sem_next_id),
    SIGNED("kernel/shm_next_id", shm_next_id),
    NUMBER("kernel/shmall", shm_all, 0, 0x7fffffff),
    NUMBER("kernel/shmmax", shm_max, 0, 0x7fffffff),
    NUMBER("kernel/shmmni", shm_mni, 0, 32768),
    FIXED("kernel/tainted", 0),
    FIXED("kernel/threads-max", 4194304),
    SHOWN("kernel/version", show_version, NULL),
    FIXED("net/core/rmem_default", SOCKET_BUFFER),
    FIXED("net/core/rmem_max", SOCKET_BUFFER),
    FIXED("net/core/somaxconn", SOCKET_BACKLOG),
    FIXED("net/core/wmem_default", SOCKET_BUFFER),
    FIXED("net/core/wmem_max", SOCKET_BUFFER),
    FIXED("net/unix/max_dgram_qlen", SOCKET_QUEUE),
    NUMBER("vm/max_map_count", map_count, 0, 65530),
    FIXED("vm/mmap_min_addr", USER_BASE),
    FIXED("vm/overcommit_memory", 1),
    FIXED("vm/overcommit_ratio", 50),
};
const uint32_t sysctl_count = ARRAY_COUNT(sysctl_files);
