/* SPDX-License-Identifier: MIT */
/* The registry of all processes: pids, parents, groups, sessions, ends and who is told of them. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "init.h"

static struct process *processes[PID_LIMIT];  /* by pid */
static uint32_t used[PID_LIMIT / 32];         /* a bit for each of them that is there */
static uint32_t used_words[PID_LIMIT / 1024]; /* a bit for each word of `used` that is not 0 */
static uint32_t last_pid, last_generation;

struct process *process_find(uint32_t pid)
{
    return pid < PID_LIMIT ? processes[pid] : NULL;
}

static void set_process(uint32_t pid, struct process *process)
{
    uint32_t word = pid / 32;
    processes[pid] = process;
    used[word] = (used[word] & ~(1u << pid % 32)) | (uint32_t)(process != NULL) << pid % 32;
    used_words[word / 32] =
        (used_words[word / 32] & ~(1u << word % 32)) | (uint32_t)(used[word] != 0) << word % 32;
}

/* The first bit at or after `from` in an array of `limit` bits; limit if there is none. */
static uint32_t next_bit(const uint32_t *bits, uint32_t from, uint32_t limit)
{
    while (from < limit) {
        uint32_t rest = bits[from / 32] >> from % 32;
        if (rest != 0)
            return from + (uint32_t)__builtin_ctz(rest);
        from = (from | 31) + 1;
    }
    return limit;
}

struct process *process_after(uint32_t pid)
{
    if (pid >= PID_LIMIT - 1)
        return NULL;
    uint32_t next = pid + 1, word = next / 32;
    uint32_t rest = used[word] >> next % 32;
    if (rest != 0)
        return processes[next + (uint32_t)__builtin_ctz(rest)];
    word = next_bit(used_words, word + 1, PID_LIMIT / 32);
    return word < PID_LIMIT / 32 ? processes[word * 32 + (uint32_t)__builtin_ctz(used[word])]
                                 : NULL;
}

/* A pid is not given out while a group or session still bears its number. */
static bool number_in_use(uint32_t number)
{
    if (processes[number] != NULL)
        return true;
    if (last_generation < PID_LIMIT)
        return false; /* no pid has ever been used twice */
    for (struct process *process = process_after(0); process != NULL;
         process = process_after(process->pid))
        if (process->pgid == number || process->sid == number)
            return true;
    return false;
}

static uint32_t free_pid(void)
{
    for (uint32_t tries = 0; tries < PID_LIMIT; tries++) {
        last_pid = last_pid + 1 < PID_LIMIT ? last_pid + 1 : PID_INIT + 1;
        if (!number_in_use(last_pid))
            return last_pid;
    }
    return 0;
}

static void set_name(struct process *process, const char *name)
{
    size_t length = strnlen(name, sizeof process->name - 1);
    memcpy(process->name, name, length);
    process->name[length] = 0;
}

status_t process_new(struct personality *personality, uint32_t ppid, uint32_t pgid, uint32_t sid,
                     uint32_t uid, uint32_t wanted, const char *name, struct process **result)
{
    struct process *parent = process_find(ppid);
    if (parent == NULL || parent->state == PROC_ZOMBIE)
        return ERR_NO_PROCESS;
    bool unused = wanted > PID_INIT && wanted < PID_LIMIT && !number_in_use(wanted);
    uint32_t pid = unused ? wanted : free_pid();
    struct process *process = calloc(1, sizeof *process);
    if (pid == 0 || process == NULL) {
        free(process);
        return pid == 0 ? ERR_LIMIT_REACHED : ERR_NO_MEMORY;
    }
    bool alone = ppid == PID_INIT; /* init's children begin a session of their own */
    last_generation++;
    *process = (struct process){.pid = pid,
                                .ppid = ppid,
                                .pgid = pgid != 0 ? pgid
                                        : alone   ? pid
                                                  : parent->pgid,
                                .sid = sid != 0 ? sid
                                       : alone  ? pid
                                                : parent->sid,
                                .uid = uid,
                                .personality = personality,
                                .state = PROC_RUNNING,
                                .start_time = time_monotonic()};
    set_name(process, name);
    set_process(pid, process);
    *result = process;
    return OK;
}

status_t process_new_service(const char *name, handle_t kernel_process, uint32_t *pid)
{
    struct process *process;
    status_t status = process_new(NULL, PID_INIT, 0, 0, 0, 0, name, &process);
    if (status == OK) {
        process->kernel_process = kernel_process;
        *pid = process->pid;
    }
    return status;
}

void registry_init(void)
{
    struct process *init = calloc(1, sizeof *init);
    if (init == NULL)
        abort();
    *init = (struct process){.pid = PID_INIT,
                             .pgid = PID_INIT,
                             .sid = PID_INIT,
                             .state = PROC_RUNNING,
                             .kernel_process = HANDLE_SELF};
    set_name(init, "init");
    set_process(PID_INIT, init);
    last_pid = PID_INIT;
}

void process_free(struct process *process)
{
    while (process->waiters != NULL) {
        struct waiter *waiter = process->waiters;
        process->waiters = waiter->next;
        service_answer_status(&init_service, waiter->token, ERR_NO_PROCESS);
        free(waiter);
    }
    if (process->personality != NULL)
        handle_drop(&process->kernel_process);
    handle_drop(&process->root);
    set_process(process->pid, NULL);
    free(process);
}

uint32_t process_count(const struct personality *personality)
{
    uint32_t count = 0;
    for (struct process *process = process_after(0); process != NULL;
         process = process_after(process->pid))
        count += process->personality == personality && process->state != PROC_ZOMBIE;
    return count;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void tell(struct process *process, uint32_t type, struct personality *whom, int32_t status)
{
    struct proc_event event = {.type = type,
                               .pid = process->pid,
                               .ppid = process->ppid,
                               .pgid = process->pgid,
                               .sid = process->sid,
                               .uid = process->uid,
                               .status = status};
    if (event_push(whom, &event, NULL, 0, true) != OK)
        return; /* out of memory: the registry itself stays right, and proc_info tells it */
}

/* A zombie that nobody will ask for. */
static bool is_unwanted(const struct process *process)
{
    const struct process *parent = process_find(process->ppid);
    if (process->kept)
        return false;
    return parent == NULL || parent->pid == PID_INIT || parent->state == PROC_ZOMBIE;
}

static void orphan_children(const struct process *parent)
{
    struct process *next;
    for (struct process *child = process_after(0); child != NULL; child = next) {
        next = process_after(child->pid);
        if (child->ppid != parent->pid || child == parent)
            continue;
        child->ppid = PID_INIT;
        if (child->state == PROC_ZOMBIE)
            process_free(child);
        else if (child->personality != NULL)
            tell(child, EVENT_REPARENT, child->personality, 0);
    }
}

/* True if one of them takes the status with it. */
static bool answer_waiters(struct process *process)
{
    bool taken = false;
    while (process->waiters != NULL) {
        struct waiter *waiter = process->waiters;
        struct message message = {.size = sizeof(struct proc_wait_reply)};
        ((struct proc_wait_reply *)message.data)->status = process->status;
        process->waiters = waiter->next;
        taken |= waiter->reaps;
        service_answer(&init_service, waiter->token, OK, &message);
        free(waiter);
    }
    return taken;
}

void process_ended(struct process *process, int32_t status)
{
    struct process *parent = process_find(process->ppid);
    process->state = PROC_ZOMBIE;
    process->status = status;
    if (process->personality != NULL)
        handle_drop(&process->kernel_process);
    process->kernel_process = HANDLE_NONE;
    orphan_children(process);
    if (answer_waiters(process) || is_unwanted(process)) {
        process_free(process);
        return;
    }
    if (parent != NULL && parent->personality != NULL &&
        parent->personality != process->personality)
        tell(process, EVENT_CHILD, parent->personality, status);
}

void process_changed(struct process *process, int32_t status)
{
    const struct process *parent = process_find(process->ppid);
    process->state = (status & 0xff) == 0x7f ? PROC_STOPPED : PROC_RUNNING;
    if (parent != NULL && parent->personality != NULL &&
        parent->personality != process->personality)
        tell(process, EVENT_CHILD, parent->personality, status);
}

void processes_cancel(uint32_t token)
{
    for (struct process *process = process_after(0); process != NULL;
         process = process_after(process->pid))
        for (struct waiter **link = &process->waiters; *link != NULL; link = &(*link)->next) {
            struct waiter *waiter = *link;
            if (waiter->token != token)
                continue;
            *link = waiter->next;
            free(waiter);
            return;
        }
}

/* ---- signals --------------------------------------------------------------------------------- */

/* What Unix's poweroff, halt and reboot send to process 1; anything else it ignores. */
static status_t signal_init(uint32_t signal, uint32_t sender)
{
    const struct process *from = process_find(sender);

    if (from == NULL || from->uid != 0)
        return OK;
    if (signal == SIGNO_USR1 || signal == SIGNO_USR2)
        return power_begin(POWER_OFF);
    return signal == SIGNO_TERM ? power_begin(POWER_REBOOT) : OK;
}

/* A service, or a program that is only being started, which then does not run. */
static void signal_other(struct process *process, uint32_t signal)
{
    if (signal != SIGNO_KILL)
        return;
    if (process->kernel_process == HANDLE_NONE)
        process_ended(process, SIGNO_KILL);
    else if (process_kill(process->kernel_process, SIGNO_KILL) != OK)
        return; /* it has just ended */
}

/* The record may be gone afterwards. */
static status_t signal_one(struct process *process, uint32_t signal, uint32_t sender,
                           const struct process *program)
{
    struct proc_event event = {.type = EVENT_SIGNAL,
                               .pid = process->pid,
                               .signal = signal,
                               .sender = sender,
                               .uid = process->uid};
    if (program != NULL && !process_is_open_to(process, program->uid))
        return ERR_NOT_PERMITTED;
    if (signal == 0 || process->state == PROC_ZOMBIE)
        return OK;
    if (process->personality != NULL)
        return event_push(process->personality, &event, NULL, 0, false);
    if (process->pid == PID_INIT)
        return signal_init(signal, sender);
    signal_other(process, signal);
    return OK;
}

status_t process_signal(int32_t pid, uint32_t signal, uint32_t sender,
                        const struct process *program, uint32_t *count)
{
    *count = 0;
    if (signal > 64 || pid == 0 || pid == -1)
        return ERR_INVALID_ARGUMENT;
    if (pid > 0) {
        struct process *process = process_find((uint32_t)pid);
        if (process == NULL)
            return ERR_NO_PROCESS;
        *count = 1;
        return signal_one(process, signal, sender, program);
    }
    status_t status = ERR_NO_PROCESS;
    uint32_t at = PID_INIT;
    for (struct process *process; (process = process_after(at)) != NULL;) {
        at = process->pid;
        if (process->pgid != (uint32_t)-pid)
            continue;
        status_t one = signal_one(process, signal, sender, program);
        if (one == OK)
            ++*count;
        if (status == ERR_NO_PROCESS || one == OK)
            status = one;
    }
    return status;
}

/* ---- callers ---- */

struct process *process_of_badge(uint32_t badge)
{
    if (badge < BADGE_PROCESS)
        return NULL;
    struct process *process = process_find(badge & (PID_LIMIT - 1));
    return process != NULL && process->badge == badge && process->state != PROC_ZOMBIE ? process
                                                                                       : NULL;
}

uint32_t process_next_badge(uint32_t pid)
{
    uint32_t badge = (last_generation++ & 0xffff) << 15 | pid;
    return badge < BADGE_PROCESS ? badge | BADGE_PROCESS : badge;
}
