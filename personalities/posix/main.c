/* SPDX-License-Identifier: MIT */
/* The posix server: connects to init and the root directory, then serves init's events. */
#include <atomik/startup.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <server/guest_copy.h>
#include <string.h>

#include "calls.h"
#include "node.h"
#include "procinfo.h"
#include "server.h"
#include "signals.h"
#include "snapshot/save.h"
#include "traps.h"
#include "start.h"
#include "task.h"
#include "timeout.h"

struct server server = {.hostname = "atomik", .domainname = "(none)"};

static void on_signal(const struct proc_event *event)
{
    server_lock();
    struct process *process = process_find(event->pid);
    if (process && process->state == PROCESS_ALIVE && event->signal >= 1 &&
        event->signal <= SIGNAL_COUNT) {
        siginfo_t info = signal_info(event->signal, SI_USER);
        info.si_pid = (int)event->sender;
        signal_process(process, &info);
    }
    server_unlock();
}

/* Of a process of ours; how it runs is the business of /proc too. Lock held. */
static void fill_stats(struct process *process, struct proc_stats *stats)
{
    stats->threads = process->thread_count;
    stats->cpu_time = process->dead_user_time + process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        uint64_t user, system;
        thread_times(thread, &user, &system);
        stats->cpu_time += user + system;
    }
    stats->state = process->state == PROCESS_ZOMBIE ? PROC_ZOMBIE
                   : process->stopped               ? PROC_STOPPED
                                                    : PROC_SLEEPING;
    if (process->mm &&
        space_pages(process->mm->space, &stats->mapped_pages, &stats->resident_pages) != OK)
        stats->mapped_pages = stats->resident_pages = 0;
}

static void on_stats(const struct proc_event *event)
{
    struct proc_stats stats = {.state = 0};
    struct text command = {.length = 0};
    server_lock();
    struct process *process = process_find(event->pid);
    status_t status = process ? OK : ERR_NO_PROCESS;
    if (process) {
        fill_stats(process, &stats);
        process_command_line(process, &command);
    }
    server_unlock();
    ignore(init_proc_stats_answer(server.init, event->request, status, &stats,
                                  command.data ? command.data : "", command.length));
    text_free(&command);
}

static void serve(struct proc_event *event, handle_t handles[4])
{
    switch (event->type) {
    case EVENT_START:
        start_process(event, handles);
        break;
    case EVENT_SIGNAL:
        on_signal(event);
        break;
    case EVENT_CHILD:
        remote_child_event(event->pid, event->ppid, event->status);
        break;
    case EVENT_STATS:
        on_stats(event);
        break;
    case EVENT_SNAPSHOT:
        snapshot_event(event, handles);
        break;
    case EVENT_REPARENT:
        process_reparented(event->pid);
        break;
    }
}

static void must(const char *what, status_t status)
{
    if (status != OK)
        process_fail(what, status);
}

static void connect(void)
{
    struct fs_walk_context walk = {.cwd = HANDLE_NONE};
    must("posix: init",
         init_register(startup_handle(STARTUP_INIT), "posix", &server.init, &server.personality));
    must("posix: root directory", init_root_directory(server.init, &server.root));
    walk.root = walk.cwd = server.root;
    must("posix: root directory", fs_client_root(&walk));
    server.root_ino = walk.root_ino;
    server.root_device = walk.root_device;
    if (mm_init_vdso() != 0)
        process_fail("posix: vDSO page", ERR_NO_MEMORY);
}

int main(void)
{
    struct proc_event event;
    handle_t handles[4];
    must("posix: guest memory", guest_copy_init());
    traps_init();
    processes_init();
    node_list_init();
    connect();
    timeouts_begin();
    workers_start();
    for (;;) {
        must("posix: next event", init_next_event(server.init, &event, handles));
        serve(&event, handles);
        for (uint32_t i = 0; i < 4; i++)
            handle_drop(&handles[i]);
    }
}
