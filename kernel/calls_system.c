/* SPDX-License-Identifier: MIT */
/* Handlers of the calls on time, the machine, power and the log. */
#include <kernel/calls.h>
#include <kernel/log.h>
#include <kernel/memory.h>

#define NS_PER_SECOND 1000000000ull
#define LINE_MAX      1024u /* of log_write */
#define CHUNK         256u

struct kernel_statistics kernel_statistics;

static ktime_t realtime_offset; /* REALTIME - MONOTONIC */

static bool has_privilege(uint32_t flag)
{
    return current->process->privileges.flags & flag;
}

/* ---- time ---- */

void clock_init(void)
{
    realtime_offset = arch_rtc_read() * NS_PER_SECOND - arch_clock_now();
}

status_t call_clock_get(uint32_t clock, user_t result)
{
    ktime_t time;

    switch (clock) {
    case CLOCK_MONOTONIC_NS:
        time = arch_clock_now();
        break;
    case CLOCK_REALTIME_NS:
        time = arch_clock_now() + realtime_offset;
        break;
    case CLOCK_THREAD_CPU_NS:
        thread_account_current();
        time = current->cpu_time;
        break;
    default:
        return ERR_INVALID_ARGUMENT;
    }
    return user_write(result, &time, sizeof time);
}

status_t call_clock_set(uint64_t time)
{
    if (!has_privilege(PRIVILEGE_POWER))
        return ERR_ACCESS_DENIED;
    realtime_offset = time - arch_clock_now();
    return OK;
}

/* ---- the machine ---- */

status_t call_system_info(user_t result)
{
    ktime_t idle = kernel_statistics.idle_time;
    struct system_info info = {
        .total_pages = frame_total(),
        .free_pages = frame_free_count(),
        .kernel_pages = heap_pages() + arch_stack_frames(),
        .processes = process_total(),
        .threads = thread_total(),
        .objects = object_total(),
        .tsc_khz = arch_clock_khz(),
        .idle_time_low = (uint32_t)idle,
        .idle_time_high = (uint32_t)(idle >> 32),
        .context_switches = kernel_statistics.context_switches,
        .interrupts = kernel_statistics.interrupts,
        .page_faults = kernel_statistics.page_faults,
    };
    return user_write(result, &info, sizeof info);
}

status_t call_system_cmdline(user_t buffer, uint32_t length, user_t done)
{
    uint32_t count = (uint32_t)__builtin_strlen(boot_info.cmdline);

    if (count > length)
        count = length;
    status_t status = user_probe(done, sizeof count);
    if (status == OK)
        status = user_write(buffer, boot_info.cmdline, count);
    return status == OK ? user_write(done, &count, sizeof count) : status;
}

status_t call_system_power(uint32_t action)
{
    if (!has_privilege(PRIVILEGE_POWER))
        return ERR_ACCESS_DENIED;
    switch (action) {
    case POWER_OFF:
        arch_power_off();
        return ERR_NO_DEVICE; /* still here: the machine cannot switch itself off */
    case POWER_REBOOT:
        arch_reboot();
    case POWER_PANIC:
        panic("asked for by %s", current->process->name);
    default:
        return ERR_INVALID_ARGUMENT;
    }
}

/* ---- the log ---- */

status_t call_log_write(user_t text, uint32_t length)
{
    char chunk[CHUNK];
    char last = 0; /* what was written last; 0: nothing yet */

    if (length > LINE_MAX)
        return ERR_TOO_LARGE;
    status_t status = user_check(text, length);
    if (status != OK)
        return status;
    while (length > 0) {
        uint32_t count = length < CHUNK ? length : CHUNK;
        status = user_read(chunk, text, count);
        if (status != OK)
            return status;
        if (!last)
            log_print("%s: ", current->process->name);
        log_text(chunk, count);
        const char *end = chunk + count;
        last = end[-1] ? end[-1] : ' ';
        text.address += count;
        length -= count;
    }
    if (last && last != '\n')
        log_text("\n", 1);
    return OK;
}

/* Copies log text from *position on, as much as there is and fits. */
static status_t copy_log(uint32_t *position, user_t buffer, uint32_t length, uint32_t *done)
{
    char chunk[CHUNK];

    for (*done = 0; *done < length;) {
        uint32_t left = length - *done;
        uint32_t count = log_copy(*position, chunk, left < CHUNK ? left : CHUNK, position);
        if (!count)
            break;
        status_t status = user_write((user_t){buffer.address + *done}, chunk, count);
        if (status != OK)
            return status;
        *done += count;
    }
    return OK;
}

status_t call_log_read(uint32_t position, user_t buffer, uint32_t length, user_t done, user_t next)
{
    uint32_t count;

    if (!has_privilege(PRIVILEGE_INSPECT))
        return ERR_ACCESS_DENIED;
    status_t status = user_check(buffer, length);
    if (status == OK)
        status = user_probe(done, sizeof count);
    if (status == OK)
        status = user_probe(next, sizeof position);
    if (status == OK)
        status = copy_log(&position, buffer, length, &count);
    if (status == OK)
        status = user_write(done, &count, sizeof count);
    return status == OK ? user_write(next, &position, sizeof position) : status;
}
