/* SPDX-License-Identifier: MIT */
/*
 * The NT personality server. The main thread waits for init's events; every program that is started
 * gets its own server threads.
 */
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/thread.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/alarm.h>
#include <personalities/nt/console.h>
#include <personalities/nt/path.h>
#include <personalities/nt/process.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/shared_data.h>
#include <personalities/nt/snapshot/save.h>
#include <server/guest_copy.h>

#include <stdlib.h>
#include <string.h>

/* Signals by their Linux numbers. */
enum {
    SIGNAL_INT = 2,
    SIGNAL_QUIT = 3,
    SIGNAL_CHLD = 17,
    SIGNAL_CONT = 18,
    SIGNAL_STOP = 19,
    SIGNAL_TSTP = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_URG = 23,
    SIGNAL_WINCH = 28,
};

handle_t nt_init;
uint32_t nt_number;
static handle_t root;

handle_t root_node(void)
{
    return root;
}

/* ---- signals ---- */

static void handle_signal(struct nt_process *process, uint32_t signal)
{
    switch (signal) {
    case SIGNAL_INT:
        if (!console_tell(process, CONSOLE_CTRL_C))
            process_terminate_signal(process, signal);
        break;
    case SIGNAL_QUIT:
        if (!console_tell(process, CONSOLE_CTRL_BREAK))
            process_terminate_signal(process, signal);
        break;
    case SIGNAL_STOP:
    case SIGNAL_TSTP:
    case SIGNAL_TTIN:
    case SIGNAL_TTOU:
        process_stop(process, signal);
        break;
    case SIGNAL_CONT:
        process_continue(process);
        break;
    case SIGNAL_CHLD:
    case SIGNAL_URG:
    case SIGNAL_WINCH:
        break;
    default:
        process_terminate_signal(process, signal);
    }
}

static void signal_event(const struct proc_event *event)
{
    struct nt_process *process = process_by_pid(event->pid);
    if (!process || process->foreign || event->signal == 0)
        return;
    object_hold(&process->object);
    handle_signal(process, event->signal);
    object_release(&process->object);
}

/* ---- the other events ---- */

static void start_event(const struct proc_event *event, handle_t handles[4])
{
    struct start_event *start = malloc(sizeof *start);
    if (start) {
        start->event = *event;
        memcpy(start->handles, handles, sizeof start->handles);
        memset(handles, 0, sizeof start->handles);
        if (thread_spawn(start_program, start, 0, NULL) == OK)
            return;
        memcpy(handles, start->handles, sizeof start->handles);
        free(start);
    }
    (void)!init_start_done(nt_init, event->start, ERR_NO_MEMORY);
}

static void stats_event(const struct proc_event *event)
{
    struct proc_stats stats = {.state = PROC_SLEEPING};
    struct nt_process *process = process_by_pid(event->pid);
    if (!process) {
        (void)!BLOCKING(
            init_proc_stats_answer(nt_init, event->request, ERR_NO_PROCESS, &stats, "", 0));
        return;
    }
    stats.threads = process->thread_count;
    stats.cpu_time = process->cpu_time;
    if (process->stopped)
        stats.state = PROC_STOPPED;
    if (process->space &&
        space_pages(process->space, &stats.mapped_pages, &stats.resident_pages) != OK)
        stats.mapped_pages = stats.resident_pages = 0;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        struct thread_info info;
        if (thread->server_thread && thread_info(thread->server_thread, &info) == OK)
            stats.cpu_time += (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low;
        if (thread->in_guest && !process->stopped)
            stats.state = PROC_RUNNING;
    }
    uint32_t length = process->command_length < 900 ? process->command_length : 900;
    char command[900];
    memcpy(command, process->command ? process->command : "", length);
    (void)!BLOCKING(init_proc_stats_answer(nt_init, event->request, OK, &stats, command, length));
}

static void reparent_event(const struct proc_event *event)
{
    struct nt_process *process = process_by_pid(event->pid);
    if (!process)
        return;
    process->ppid = 1;
    process->reap = false;
}

static void child_event(const struct proc_event *event)
{
    process_child_ended(event->pid, event->status);
    (void)!BLOCKING(init_proc_reap(nt_init, event->pid));
}

static void handle_event(const struct proc_event *event, handle_t handles[4])
{
    if (event->type == EVENT_START) {
        start_event(event, handles);
        return;
    }
    nt_lock();
    if (event->type == EVENT_SIGNAL)
        signal_event(event);
    else if (event->type == EVENT_STATS)
        stats_event(event);
    else if (event->type == EVENT_CHILD)
        child_event(event);
    else if (event->type == EVENT_REPARENT)
        reparent_event(event);
    else if (event->type == EVENT_SNAPSHOT)
        snapshot_event(event, &handles[0]);
    else if (event->type == EVENT_FINISH && registry_store_flush() != STATUS_SUCCESS)
        log_printf("the registry is not saved");
    nt_unlock();
}

static void __attribute__((noreturn)) event_loop(void)
{
    for (;;) {
        struct proc_event event;
        handle_t handles[4];
        status_t status = init_next_event(nt_init, &event, handles);
        if (status == ERR_INTERRUPTED)
            continue;
        if (status != OK)
            process_fail("next event", status);
        handle_event(&event, handles);
        for (uint32_t i = 0; i < 4; i++)
            handle_drop(&handles[i]);
    }
}

/* ---- start ---- */

static void check(const char *what, status_t status)
{
    if (status != OK)
        process_fail(what, status);
}

int main(void)
{
    handle_t init = startup_handle(STARTUP_INIT);
    check("guest memory", guest_copy_init());
    guest_limit = NT_GUEST_LIMIT;
    check("root directory", init_root_directory(init, &root));
    nt_lock();
    namespace_init();
    devices_init();
    registry_init();
    registry_describe_hardware();
    shared_data_init();
    alarm_init();
    nt_unlock();
    /* Programs that are started from now on wait until events are asked for: the registry may come from a disk. */
    check("register", init_register(init, "nt", &nt_init, &nt_number));
    registry_store_start(root);
    event_loop();
}
