/* SPDX-License-Identifier: MIT */
/*
 * The posix personality server: start-up, and the control thread, which waits for what init tells.
 * Guests run in threads of their own (thread.c).
 */
#include <atomik/startup.h>
#include <atomik/thread.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <server/guest_copy.h>
#include <string.h>

#include "procinfo.h"
#include "server.h"
#include "start.h"
#include "task.h"
#include "time.h"

struct server server = {.hostname = "atomik", .domainname = "(none)"};

/* ---- events ---------------------------------------------------------------------------------------- */

static void deliver_signal(const struct proc_event *event)
{
    siginfo_t info = signal_info(event->signal, event->sender ? SI_USER : SI_KERNEL);
    if (event->signal == 0 || event->signal > SIGNAL_COUNT)
        return;
    info.si_pid = (int)event->sender;
    server_lock();
    struct process *process = process_find(event->pid);
    if (process && process->state == PROCESS_ALIVE)
        signal_process(process, &info);
    server_unlock();
}

static void sum_times(struct process *process, struct proc_stats *stats)
{
    struct thread *thread;
    struct thread_info info;
    uint64_t user, system;
    stats->cpu_time = process->dead_user_time + process->dead_system_time;
    stats->state = process->stopped ? PROC_STOPPED : PROC_SLEEPING;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &user, &system);
        stats->cpu_time += user + system;
        if (thread_info(thread->worker->handle, &info) == OK && info.state != THREAD_BLOCKED && !process->stopped)
            stats->state = PROC_RUNNING;
    }
}

static void answer_stats(const struct proc_event *event)
{
    struct proc_stats stats = {.state = PROC_ZOMBIE};
    struct text command = {.data = NULL};
    server_lock();
    struct process *process = process_find(event->pid);
    if (process && process->state == PROCESS_ALIVE) {
        sum_times(process, &stats);
        stats.threads = process->thread_count;
        if (process->mm)
            ignore(space_pages(process->mm->space, &stats.mapped_pages, &stats.resident_pages));
        process_command_line(process, &command);
    }
    server_unlock();
    ignore(init_proc_stats_answer(server.init, event->request, process ? OK : ERR_NO_PROCESS, &stats,
                                  command.data ? command.data : "", MIN(command.length, 800u)));
    text_free(&command);
}

static void handle_event(const struct proc_event *event, handle_t handles[4])
{
    if (event->type == EVENT_START) {
        start_process(event, handles);
        return;
    }
    for (uint32_t i = 0; i < 4; i++)
        close_handle(handles[i]);
    switch (event->type) {
    case EVENT_SIGNAL:
        deliver_signal(event);
        break;
    case EVENT_CHILD:
        remote_child_event(event->pid, event->ppid, event->status);
        break;
    case EVENT_STATS:
        answer_stats(event);
        break;
    case EVENT_REPARENT:
        process_reparented(event->pid);
        break;
    }
}

static void control_thread(void *unused)
{
    (void)unused;
    for (;;) {
        struct proc_event event;
        handle_t handles[4];
        status_t status = init_next_event(server.init, &event, handles);
        if (status == OK)
            handle_event(&event, handles);
        else if (status != ERR_INTERRUPTED)
            process_fail("next_event", status); /* init is gone, and with it everything */
    }
}

/* ---- start-up --------------------------------------------------------------------------------------- */

static void require(const char *what, status_t status)
{
    if (status != OK)
        process_fail(what, status);
}

int main(void)
{
    handle_t init = startup_handle(STARTUP_INIT);
    require("guest copies", guest_copy_init());
    for (uint32_t i = 0; i < PID_BUCKETS; i++)
        list_init(&all_processes[i]);
    if (mm_init_vdso() < 0)
        require("vDSO page", ERR_NO_MEMORY);
    timers_start();
    require("registering", init_register(init, "posix", &server.init, &server.personality));
    worker_background(control_thread, NULL);
    thread_end();
}
