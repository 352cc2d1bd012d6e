/* SPDX-License-Identifier: MIT */
/*
 * The native personality: processes that speak the kernel interface themselves. This server starts
 * them, carries out signals as far as a native program has them (they end, stop or continue it),
 * reports crashes, and tells init when one has ended.
 *
 * Two threads. The event thread does what init asks. The watch thread waits for processes to end
 * and for exceptions; `changed` tells it that the list has grown. process_lock guards the list.
 */
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "snapshot/restore.h"
#include "snapshot/save.h"

enum {
    SIGNAL_KILL = 9,
    SIGNAL_CHILD = 17,
    SIGNAL_CONTINUE = 18,
    SIGNAL_TTOU = 22,
    SIGNAL_URGENT = 23,
    SIGNAL_WINCH = 28
};

/* Of a process that has stopped or goes on, as for wait4. */
#define STATUS_STOPPED   0x7f
#define STATUS_CONTINUED 0xffff

handle_t native_init, exception_port;
static struct mutex process_lock;
static struct native_process *processes;
static handle_t changed;

struct native_process *native_find(uint32_t pid)
{
    struct native_process *process = processes;
    while (process != NULL && process->pid != pid)
        process = process->next;
    return process;
}

void native_lock(void)
{
    mutex_lock(&process_lock);
}

void native_unlock(void)
{
    mutex_unlock(&process_lock);
}

void native_use(struct native_process *process)
{
    process->users++;
}

void native_release(struct native_process *process)
{
    mutex_lock(&process_lock);
    bool last = --process->users == 0;
    mutex_unlock(&process_lock);
    if (last)
        native_free(process);
}

status_t native_resume(const struct native_process *process)
{
    return process->stopped || process->saving || process->held
               ? OK
               : process_set(process->program.process, PROCESS_SUSPENDED, 0);
}

/* ---- what init asks -------------------------------------------------------------------------------- */

/* What happens to a native program that a signal is sent to: it has no handlers. */
static bool signal_ends(uint32_t signal)
{
    return signal != 0 && signal != SIGNAL_CHILD && signal != SIGNAL_URGENT &&
           signal != SIGNAL_WINCH && !(signal >= SIGNAL_CONTINUE && signal <= SIGNAL_TTOU);
}

/* Stops the program, or lets it go on, and says so to init, which tells the parent. */
static void set_stopped(uint32_t pid, bool stop, uint32_t signal)
{
    mutex_lock(&process_lock);
    struct native_process *process = native_find(pid);
    bool changes = process != NULL && process->stopped != stop;
    if (changes) {
        process->stopped = stop;
        changes = (stop ? process_set(process->program.process, PROCESS_SUSPENDED, 1)
                        : native_resume(process)) == OK;
    }
    if (changes) {
        int32_t status = stop ? (int32_t)(signal << 8 | STATUS_STOPPED) : STATUS_CONTINUED;
        if (init_proc_changed(native_init, pid, status) != OK)
            log_printf("pid %u: init does not know it", (unsigned)pid);
    }
    mutex_unlock(&process_lock);
}

static void on_signal(uint32_t pid, uint32_t signal)
{
    if (signal >= SIGNAL_CONTINUE && signal <= SIGNAL_TTOU) {
        set_stopped(pid, signal != SIGNAL_CONTINUE, signal);
        return;
    }
    if (!signal_ends(signal))
        return;
    mutex_lock(&process_lock);
    struct native_process *process = native_find(pid);
    if (process != NULL && process_kill(process->program.process, 128 + signal) == OK)
        process->signal = signal;
    mutex_unlock(&process_lock);
}

/*
 * init hears that the program runs before the watch thread may see its end, which the lock takes
 * care of. If init no longer wants it (it was killed meanwhile), it goes the way of all programs.
 */
static void on_start(struct proc_event *event, handle_t handles[4])
{
    struct native_process *process = NULL;
    mutex_lock(&process_lock);
    status_t status = native_start(event, handles, &process);
    status_t told =
        status == OK ? init_start_done_process(native_init, event->start, process->program.process)
                     : init_start_done(native_init, event->start, status);
    if (status == OK) {
        (void)!init_proc_name(native_init, event->pid, process->path); /* it may have ended */
        process->next = processes;
        processes = process;
        process->users = 1;
        if (process->held)
            restore_go_on(process);
        if (told != OK && process_kill(process->program.process, 1) != OK)
            log_printf("pid %u has ended before its start", (unsigned)event->pid);
    }
    mutex_unlock(&process_lock);
    if (status == OK && event_signal(changed, 0, SIGNAL_SET) != OK)
        process_fail("event", ERR_BAD_STATE);
}

static void on_stats(uint32_t pid, uint32_t request)
{
    struct proc_stats stats = {.state = PROC_SLEEPING};
    struct process_info info;
    mutex_lock(&process_lock);
    struct native_process *process = native_find(pid);
    status_t status =
        process != NULL ? process_info(process->program.process, &info) : ERR_NO_PROCESS;
    if (status == OK) {
        stats.threads = info.threads;
        if (process->stopped)
            stats.state = PROC_STOPPED;
        stats.cpu_time = (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low;
        status = space_pages(process->program.space, &stats.mapped_pages, &stats.resident_pages);
    }
    status = init_proc_stats_answer(native_init, request, status, &stats,
                                    status == OK ? process->command : "",
                                    status == OK ? process->command_length : 0);
    mutex_unlock(&process_lock);
    if (status != OK)
        LOG_ONCE("statistics were not wanted any more");
}

static void __attribute__((noreturn)) serve_events(void)
{
    struct proc_event event;
    handle_t handles[4];
    for (;;) {
        status_t status = init_next_event(native_init, &event, handles);
        if (status != OK)
            process_fail("next event", status);
        if (event.type == EVENT_START)
            on_start(&event, handles);
        else if (event.type == EVENT_SIGNAL)
            on_signal(event.pid, event.signal);
        else if (event.type == EVENT_STATS)
            on_stats(event.pid, event.request);
        else if (event.type == EVENT_SNAPSHOT)
            snapshot_event(&event, &handles[0]);
        for (uint32_t i = 0; i < 4; i++)
            handle_drop(&handles[i]);
    }
}

/* ---- what happens by itself ----------------------------------------------------------------------------- */

static int32_t wait_status(const struct native_process *process)
{
    struct process_info info;
    if (process->signal != 0)
        return (int32_t)process->signal;
    return process_info(process->program.process, &info) == OK ? (info.exit_code & 0xff) << 8 : 0;
}

static void reap(struct native_process *process)
{
    int32_t status = wait_status(process);
    uint32_t pid = process->pid;
    native_release(process);
    if (init_proc_exit(native_init, pid, status) != OK)
        log_printf("pid %u: init does not know it", (unsigned)pid);
}

void native_answer_exception(uint32_t token)
{
    struct message message = {.label = OK, .size = sizeof(struct exception_reply)};
    ((struct exception_reply *)message.data)->action = EXCEPTION_KILL_PROCESS;
    /* After an error somebody else has ended it meanwhile. */
    (void)!port_reply(exception_port, token, &message);
}

/* Whether the program is to be saved first: then whoever does that answers. */
static bool note_exception(struct native_process *process,
                           const struct exception_message *exception, uint32_t token)
{
    process->signal =
        exception->no_memory ? SIGNAL_KILL : program_exception_signal(exception->vector);
    crash_report(process, exception);
    return !exception->no_memory && crash_save(process, exception, token);
}

static void take_exceptions(void)
{
    struct message message;
    while (port_receive(exception_port, &message, DEADLINE_POLL) == OK) {
        bool later = false;
        if (message.label != NOTICE_EXCEPTION || message.size < sizeof(struct exception_message))
            continue;
        struct exception_message exception;
        memcpy(&exception, message.data, sizeof exception);
        mutex_lock(&process_lock);
        struct native_process *process = native_find(message.badge);
        if (process != NULL)
            later = note_exception(process, &exception, message.token);
        mutex_unlock(&process_lock);
        if (!later)
            native_answer_exception(message.token);
    }
}

/* The items to wait for; *list the processes in the same order from items[2] on. */
static uint32_t collect(struct wait_item *items, struct native_process **list)
{
    uint32_t count = 2;
    items[0] = (struct wait_item){.handle = changed, .wanted = SIGNAL_SET};
    items[1] = (struct wait_item){.handle = exception_port, .wanted = SIGNAL_READABLE};
    mutex_lock(&process_lock);
    for (struct native_process *process = processes; process != NULL && count < WAIT_MAX;
         process = process->next) {
        list[count] = process;
        items[count++] =
            (struct wait_item){.handle = process->program.process, .wanted = SIGNAL_TERMINATED};
    }
    mutex_unlock(&process_lock);
    return count;
}

static void unlink_process(struct native_process *gone)
{
    mutex_lock(&process_lock);
    struct native_process **link = &processes;
    while (*link != gone)
        link = &(*link)->next;
    *link = gone->next;
    mutex_unlock(&process_lock);
}

static void watch(void *unused)
{
    static struct wait_item items[WAIT_MAX];
    static struct native_process *list[WAIT_MAX];
    (void)unused;
    for (;;) {
        uint32_t count = collect(items, list);
        status_t status = wait_any(items, count, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("wait_any", status);
        if (event_signal(changed, SIGNAL_SET, 0) != OK)
            process_fail("event", ERR_BAD_STATE);
        take_exceptions();
        for (uint32_t i = 2; i < count; i++) {
            if (!(items[i].observed & SIGNAL_TERMINATED))
                continue;
            unlink_process(list[i]);
            reap(list[i]);
        }
    }
}

int main(void)
{
    uint32_t number;
    status_t status = init_register(startup_handle(STARTUP_INIT), "native", &native_init, &number);
    if (status == OK)
        status = port_create(&exception_port);
    if (status == OK)
        status = event_create(0, &changed);
    if (status == OK)
        status = thread_spawn(watch, NULL, 0, NULL);
    if (status != OK)
        process_fail("starting", status);
    serve_events();
}
