/* SPDX-License-Identifier: MIT */
/*
 * init: the first program. Its main thread serves abi/protocols/init.def; a second one reads the
 * configuration out of the boot archive and starts what it names (config.c, services.c).
 */
#include "init.h"

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

struct mutex init_lock;
struct service init_service;
bool shutting_down;

static const struct service_entry entries[] = {
    {LABEL_name_register, handle_name_register},
    {LABEL_name_lookup, handle_name_lookup},
    {LABEL_name_list, handle_name_list},
    {LABEL_personality_register, handle_personality_register},
    {LABEL_next_event, handle_next_event},
    {LABEL_proc_create, handle_proc_create},
    {LABEL_proc_set, handle_proc_set},
    {LABEL_proc_exit, handle_proc_exit},
    {LABEL_proc_reap, handle_proc_reap},
    {LABEL_proc_changed, handle_proc_changed},
    {LABEL_proc_signal, handle_proc_signal},
    {LABEL_proc_info, handle_proc_info},
    {LABEL_proc_stats, handle_proc_stats},
    {LABEL_proc_stats_answer, handle_proc_stats_answer},
    {LABEL_snapshot, handle_snapshot},
    {LABEL_snapshot_answer, handle_snapshot_answer},
    {LABEL_proc_wait, handle_proc_wait},
    {LABEL_proc_handle, handle_proc_handle},
    {LABEL_start_begin, handle_start_begin},
    {LABEL_start_fd, handle_start_fd},
    {LABEL_start_commit, handle_start_commit},
    {LABEL_start_fetch, handle_start_fetch},
    {LABEL_start_done, handle_start_done},
    {LABEL_power, handle_power},
    {LABEL_root_directory, handle_root_directory},
    {LABEL_personality_list, handle_personality_list},
    {LABEL_mount_list, handle_mount_list},
    {LABEL_file_system_mount, handle_file_system_mount},
    {LABEL_file_system_unmount, handle_file_system_unmount},
    {LABEL_file_system_remount, handle_file_system_remount},
    {LABEL_file_system_type, handle_file_system_type},
    {0, NULL},
};

static void badge_closed(struct service *service, uint32_t badge)
{
    struct personality *personality = personality_of_badge(badge);
    (void)service;
    starts_of_badge_ended(badge);
    if (personality != NULL)
        personality_ended(personality);
}

static void cancelled(struct service *service, uint32_t token)
{
    (void)service;
    names_cancel(token);
    events_cancel(token);
    processes_cancel(token);
    starts_cancel(token);
}

static void boot_thread(void *unused)
{
    (void)unused;
    config_run();
}

int main(void)
{
    static struct message message;
    init_service =
        (struct service){.entries = entries, .badge_closed = badge_closed, .cancelled = cancelled};
    status_t status = port_create(&init_service.port);
    if (status != OK)
        process_fail("port", status);
    registry_init();
    boot_files_open();
    status = services_init();
    if (status == OK)
        status = thread_spawn(boot_thread, NULL, 0, NULL);
    if (status != OK)
        process_fail("boot", status);
    for (;;) {
        status = port_receive(init_service.port, &message, DEADLINE_NEVER);
        if (status == ERR_INTERRUPTED)
            continue;
        if (status != OK)
            process_fail("port_receive", status);
        mutex_lock(&init_lock);
        service_dispatch(&init_service, &message);
        mutex_unlock(&init_lock);
    }
}
