/* SPDX-License-Identifier: MIT */
/* Power off and reboot: programs first, then services, then the machine. */
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "init.h"

#define PATIENCE      (500 * NS_PER_MS) /* what programs have after SIGTERM */
#define PATIENCE_KILL (200 * NS_PER_MS)
#define PATIENCE_SAVE (5 * NS_PER_S) /* what personalities have to write what they keep */

static uint32_t signal_all(uint32_t signal)
{
    uint32_t count = 0, one;
    mutex_lock(&init_lock);
    for (struct process *process = process_after(PID_INIT); process != NULL;
         process = process_after(process->pid)) {
        if (process->personality == NULL || process->state == PROC_ZOMBIE)
            continue;
        count++;
        if (signal != 0 &&
            process_signal((int32_t)process->pid, signal, PID_INIT, NULL, &one) != OK)
            continue; /* the next signal, or the end of its personality, gets it */
    }
    mutex_unlock(&init_lock);
    return count;
}

static void wait_for_programs(ktime_t patience)
{
    ktime_t end = time_monotonic() + patience;
    while (signal_all(0) > 0 && time_monotonic() < end)
        time_sleep(5 * NS_PER_MS);
}

static bool are_busy(void)
{
    mutex_lock(&init_lock);
    bool busy = personalities_are_busy();
    mutex_unlock(&init_lock);
    return busy;
}

static void finish_personalities(void)
{
    ktime_t end = time_monotonic() + PATIENCE_SAVE;
    mutex_lock(&init_lock);
    personalities_finish();
    mutex_unlock(&init_lock);
    while (are_busy() && time_monotonic() < end)
        time_sleep(NS_PER_MS);
}

static void power_thread(void *argument)
{
    uint32_t action = (uint32_t)argument;
    log_printf(action == POWER_REBOOT ? "restarting" : "powering off");
    if (signal_all(SIGNO_TERM) > 0) {
        wait_for_programs(PATIENCE);
        if (signal_all(SIGNO_KILL) > 0)
            wait_for_programs(PATIENCE_KILL);
    }
    finish_personalities();
    services_stop();
    status_t status = system_power(action);
    process_fail("power", status);
}

status_t power_begin(uint32_t action)
{
    if (shutting_down)
        return OK;
    status_t status = thread_spawn(power_thread, (void *)action, 0, NULL);
    if (status == OK)
        shutting_down = true;
    return status;
}

status_t handle_power(struct service *service, struct message *message)
{
    const struct power_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct process *caller = process_of_badge(message->badge);
    (void)service;
    if (request == NULL || (request->action != POWER_OFF && request->action != POWER_REBOOT))
        return ERR_INVALID_ARGUMENT;
    if (message->badge >= BADGE_PROCESS && (caller == NULL || caller->uid != 0))
        return ERR_NOT_PERMITTED;
    status_t status = power_begin(request->action);
    if (status == OK)
        service_reply(message, 0);
    return status;
}

status_t handle_root_directory(struct service *service, struct message *message)
{
    handle_t root = handle_copy(root_directory());
    (void)service;
    if (root == HANDLE_NONE)
        return ERR_NOT_FOUND;
    service_reply(message, 0);
    service_handle(message, root);
    return OK;
}
