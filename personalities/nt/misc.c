/* SPDX-License-Identifier: MIT */
/* Time, locale and the small rest. */
#include <personalities/nt/nt.h>

#include <atomik/log.h>
#include <personalities/nt/file.h>

#include <stdlib.h>
#include <string.h>

#define ENGLISH    0x409u
#define RESOLUTION 10000u /* 1 ms, in 100 ns */

NTSTATUS nt_query_system_time(struct call *call)
{
    uint64_t now = nt_time();
    return guest_write(call->args[0], &now, sizeof now);
}

NTSTATUS nt_query_performance_counter(struct call *call)
{
    uint64_t counter = nt_uptime(), frequency = 10000000;
    NTSTATUS status = guest_write(call->args[0], &counter, sizeof counter);
    if (!status && call->args[1])
        status = guest_write(call->args[1], &frequency, sizeof frequency);
    return status;
}

NTSTATUS nt_query_timer_resolution(struct call *call)
{
    NTSTATUS status = guest_write32(call->args[0], 156250);
    if (!status)
        status = guest_write32(call->args[1], RESOLUTION);
    return status ? status : guest_write32(call->args[2], RESOLUTION);
}

NTSTATUS nt_set_timer_resolution(struct call *call)
{
    return guest_write32(call->args[2], RESOLUTION);
}

NTSTATUS nt_query_default_locale(struct call *call)
{
    return guest_write32(call->args[1], ENGLISH);
}

NTSTATUS nt_query_ui_language(struct call *call)
{
    uint16_t language = ENGLISH;
    return guest_write(call->args[0], &language, sizeof language);
}

NTSTATUS nt_allocate_locally_unique_id(struct call *call)
{
    static uint64_t next = 1000;
    uint64_t id = next++;
    return guest_write(call->args[0], &id, sizeof id);
}

NTSTATUS nt_set_thread_execution_state(struct call *call)
{
    return guest_return32(call->args[1], ES_CONTINUOUS);
}

/* A machine without a battery. */
NTSTATUS nt_power_information(struct call *call)
{
    static const SYSTEM_BATTERY_STATE battery = {.AcOnLine = TRUE};
    if (call->args[0] != SystemBatteryState)
        return STATUS_NOT_IMPLEMENTED;
    if (call->args[4] < sizeof battery)
        return STATUS_BUFFER_TOO_SMALL;
    return guest_write(call->args[3], &battery, sizeof battery);
}

NTSTATUS nt_raise_hard_error(struct call *call)
{
    log_printf("hard error %08x of process %u", call->args[0], call->process->pid);
    return guest_return32(call->args[5], 0);
}

/* Wine's own debug output goes where the program's errors go. */
NTSTATUS nt_wine_dbg_write(struct call *call)
{
    uint32_t length = call->args[1] < 1024 ? call->args[1] : 1024, done;
    char text[1024];
    NTSTATUS status = guest_read(text, call->args[0], length);
    if (status)
        return status;
    if (call->process->trace)
        (void)ntfile_write(call->thread, file_of(call->process->trace), text, length,
                           OFFSET_CURRENT, &done);
    return (NTSTATUS)call->args[1];
}
