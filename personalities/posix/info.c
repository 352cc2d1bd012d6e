/* SPDX-License-Identifier: MIT */
/* System calls about the machine, limits, scheduling, and other things a process is or has. */
#include <ipc/initclient.h>
#include <string.h>

#include "calls.h"
#include "sysctl.h"
#include "procinfo.h"
#include "server.h"
#include "task.h"

/* ---- names of the machine ------------------------------------------------------------------------ */

/* The six fields, each `size` bytes in the caller's structure. */
static int32_t put_names(user_t to, uint32_t size, uint32_t count)
{
    const char *const fields[6] = {"Linux",      server.hostname, UNIX_RELEASE,
                                   UNIX_VERSION, "i686",          server.domainname};
    char field[65];
    for (uint32_t i = 0; i < count; i++) {
        memset(field, 0, sizeof field);
        strlcpy(field, fields[i], size);
        if (copy_out(user_at(to, i * size), field, size) < 0)
            return -EFAULT;
    }
    return 0;
}

int32_t sys_uname(user_t to)
{
    return put_names(to, 65, 6);
}

int32_t sys_olduname(user_t to)
{
    return put_names(to, 65, 5);
}

int32_t sys_oldolduname(user_t to)
{
    return put_names(to, 9, 5);
}

static int32_t set_name(char *name, user_t from, uint32_t length)
{
    char text[65] = {0};
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (length > 64)
        return -EINVAL;
    if (copy_in(text, from, length) < 0)
        return -EFAULT;
    server_lock();
    memcpy(name, text, sizeof text);
    server_unlock();
    return 0;
}

int32_t sys_sethostname(user_t name, uint32_t length)
{
    return set_name(server.hostname, name, length);
}

int32_t sys_setdomainname(user_t name, uint32_t length)
{
    return set_name(server.domainname, name, length);
}

int32_t sys_sysinfo(user_t to)
{
    struct system_info system = {.total_pages = 0};
    ignore(system_info(&system));
    struct sysinfo info = {.uptime = (long)(now() / NS_PER_SEC),
                           .totalram = system.total_pages,
                           .freeram = system.free_pages,
                           .procs = (uint16_t)process_count,
                           .mem_unit = PAGE_SIZE};
    return copy_out(to, &info, sizeof info);
}

int32_t sys_getrandom(user_t buffer, uint32_t count, uint32_t flags)
{
    uint8_t bytes[256];
    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    count = MIN(count, 33554431u);
    for (uint32_t done = 0; done < count; done += MIN(count - done, sizeof bytes)) {
        uint32_t length = MIN(count - done, sizeof bytes);
        if (random_get(bytes, length) != OK || copy_out(user_at(buffer, done), bytes, length) < 0)
            return done ? (int32_t)done : -EFAULT;
    }
    return (int32_t)count;
}

int32_t sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command, user_t argument)
{
    (void)argument;
    if (!capable(CAP_SYS_BOOT))
        return -EPERM;
    if (magic1 != LINUX_REBOOT_MAGIC1 ||
        (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
         magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
        return -EINVAL;
    switch (command) {
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:
        return 0;
    case LINUX_REBOOT_CMD_RESTART:
        return errno_of(init_power(server.init, POWER_REBOOT));
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        return errno_of(init_power(server.init, POWER_OFF));
    }
    return -EINVAL;
}

/* Actions of klogctl: 2 read, 3 read all, 4 read all and clear, 9 unread, 10 size. */
int32_t sys_syslog(uint32_t action, user_t buffer, int32_t length)
{
    uint8_t bytes[1024];
    uint32_t position = 0, put = 0, done, next;
    if (action == 10)
        return 65536;
    if (action != 3 && action != 4)
        return action <= 9 ? 0 : -EINVAL;
    if (length < 0)
        return -EINVAL;
    while (put < (uint32_t)length) {
        uint32_t room = MIN((uint32_t)length - put, sizeof bytes);
        if (log_read(position, bytes, room, &done, &next) != OK)
            return -EPERM;
        if (done == 0)
            break;
        if (copy_out(user_at(buffer, put), bytes, done) < 0)
            return -EFAULT;
        put += done;
        position = next;
    }
    return (int32_t)put;
}

/* ---- limits -------------------------------------------------------------------------------------- */

/* Another process's limits are for who is the same user in every respect. */
static bool may_limit(const struct process *target)
{
    const struct credentials *own = &self()->process->credentials, *its = &target->credentials;
    if (target == self()->process || capable(CAP_SYS_RESOURCE))
        return true;
    return has_only_uid(its, own->uid) && has_only_gid(its, own->gid);
}

/* Reads and, if new is not NULL, sets a limit. */
static int change_limit(int32_t pid, uint32_t resource, const struct linux_rlimit64 *new,
                        struct linux_rlimit64 *old)
{
    int result = 0;
    if (resource >= RLIMIT_COUNT)
        return -EINVAL;
    server_lock();
    struct process *process = pid == 0 ? self()->process : process_find((uint32_t)pid);
    if (!process || process->state == PROCESS_REMOTE) {
        result = -ESRCH;
    } else if (!may_limit(process)) {
        result = -EPERM;
    } else {
        struct linux_rlimit64 *limit = &process->limits[resource];
        *old = *limit;
        if (new &&new->current > new->maximum)
            result = -EINVAL;
        else if (new &&resource == RLIMIT_NOFILE &&new->maximum > sysctl.nr_open)
            result = -EPERM;
        else if (new &&new->maximum > limit->maximum && !capable(CAP_SYS_RESOURCE))
            result = -EPERM;
        else if (new) {
            *limit = *new;
            cpu_limit_watch(process);
        }
    }
    server_unlock();
    return result;
}

static uint32_t narrow(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t widen(uint32_t value)
{
    return value == UINT32_MAX ? RLIM64_INFINITY : value;
}

int32_t sys_getrlimit(uint32_t resource, user_t to)
{
    struct linux_rlimit64 limit;
    int result = change_limit(0, resource, NULL, &limit);
    struct linux_rlimit small = {narrow(limit.current), narrow(limit.maximum)};
    return result < 0 ? result : copy_out(to, &small, sizeof small);
}

/* The oldest variant knows infinity as the largest signed number. */
int32_t sys_old_getrlimit(uint32_t resource, user_t to)
{
    struct linux_rlimit64 limit;
    int result = change_limit(0, resource, NULL, &limit);
    struct linux_rlimit small = {(uint32_t)MIN(limit.current, INT32_MAX),
                                 (uint32_t)MIN(limit.maximum, INT32_MAX)};
    return result < 0 ? result : copy_out(to, &small, sizeof small);
}

int32_t sys_setrlimit(uint32_t resource, user_t from)
{
    struct linux_rlimit given;
    struct linux_rlimit64 old;
    if (copy_in(&given, from, sizeof given) < 0)
        return -EFAULT;
    struct linux_rlimit64 new = {widen(given.current), widen(given.maximum)};
    return change_limit(0, resource, &new, &old);
}

int32_t sys_prlimit64(int32_t pid, uint32_t resource, user_t new, user_t old)
{
    struct linux_rlimit64 given, previous;
    if (new.address && copy_in(&given, new, sizeof given) < 0)
        return -EFAULT;
    int result = change_limit(pid, resource, new.address ? &given : NULL, &previous);
    if (result < 0 || !old.address)
        return result;
    return copy_out(old, &previous, sizeof previous);
}

int32_t sys_getcpu(user_t cpu, user_t node)
{
    if (cpu.address && put_user(cpu, 0) < 0)
        return -EFAULT;
    return node.address ? put_user(node, 0) : 0;
}

/* ---- the process --------------------------------------------------------------------------------- */

int32_t sys_personality(uint32_t persona)
{
    struct process *process = self()->process;
    uint32_t old = process->personality;
    if (persona != UINT32_MAX)
        process->personality = persona;
    return (int32_t)old;
}
