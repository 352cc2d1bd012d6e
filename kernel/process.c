/* SPDX-License-Identifier: MIT */
/*
 * Processes: creation within the creator's privileges, their threads, their end, their charges;
 * and what the processor reports about their code: page faults and exceptions.
 *
 * Life of a process: process_create_object; threads come and go (process_thread_add/remove);
 * process_terminate marks it `exiting` and kills every thread wherever it is. When the last thread
 * is gone, or at once if there never was one, finish() releases handles, space and all else and
 * signals TERMINATED. The structure itself lives as long as something refers to it.
 */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/pager.h>
#include <kernel/thread.h>

#define EXIT_CODE_FAULT (128 + 11)

struct list all_processes = {&all_processes, &all_processes};
static uint32_t processes, threads;

uint32_t process_total(void)
{
    return processes;
}

uint32_t thread_total(void)
{
    return threads;
}

/* ---- privileges ---- */

static bool range_within(const struct io_range *range, const struct io_range *outer)
{
    return range->first >= outer->first && range->count <= outer->count &&
           range->first - outer->first <= outer->count - range->count;
}

bool privilege_range(const struct io_range ranges[PRIVILEGE_RANGES], uint32_t first, uint32_t count)
{
    struct io_range range = {first, count};

    for (uint32_t i = 0; i < PRIVILEGE_RANGES; i++)
        if (range_within(&range, &ranges[i]))
            return true;
    return false;
}

static bool ranges_allowed(const struct privileges *have, const struct io_range *ranges,
                           const struct io_range *outer)
{
    for (uint32_t i = 0; i < PRIVILEGE_RANGES; i++) {
        const struct io_range *range = &ranges[i];
        if (!range->count || (have->flags & PRIVILEGE_PCI))
            continue;
        if (!privilege_range(outer, range->first, range->count))
            return false;
    }
    return true;
}

/* Every field of `want` lies within `have`. */
static bool privileges_within(const struct privileges *want, const struct privileges *have)
{
    return !(want->flags & ~have->flags) && !(want->irq_lines & ~have->irq_lines) &&
           want->max_pages <= have->max_pages && want->max_threads <= have->max_threads &&
           want->max_handles <= have->max_handles && want->max_objects <= have->max_objects &&
           (!have->principal || want->principal == have->principal) &&
           ranges_allowed(have, want->ports, have->ports) &&
           ranges_allowed(have, want->physical, have->physical);
}

static status_t request_check(const struct process_request *request, const struct process *creator)
{
    if (request->flags & ~(uint32_t)PROCESS_SERVER)
        return ERR_INVALID_ARGUMENT;
    if (!creator)
        return OK;
    if (creator->exiting)
        return ERR_BAD_STATE;
    if (!(creator->privileges.flags & PRIVILEGE_CREATE_PROCESS))
        return ERR_ACCESS_DENIED;
    if ((request->flags & PROCESS_SERVER) && !(creator->privileges.flags & PRIVILEGE_SERVER))
        return ERR_ACCESS_DENIED;
    return privileges_within(&request->privileges, &creator->privileges) ? OK : ERR_ACCESS_DENIED;
}

/* ---- the end of a process ---- */

/* A process that its creator never started has nobody else who could end it. */
static void terminate_unstarted(struct process *creator)
{
    struct list *item = creator->objects.next;

    while (item != &creator->objects) {
        struct object *object = list_entry(item, struct object, owner_link);
        item = item->next;
        if (object->type != OBJECT_PROCESS)
            continue;
        struct process *process = process_from_object(object);
        if (process->exiting || process->thread_count)
            continue;
        process_terminate(process, EXIT_CODE_FAULT);
        item = creator->objects.next; /* the list may have changed anywhere */
    }
}

/* No thread is left (the last one may still be running this): give everything back. */
static void finish(struct process *process)
{
    struct object *port = process->exception_port;

    assert(!process->finished && !process->thread_count);
    process->exiting = true;
    /* What the page tables show is about to go. */
    if (current->process == process)
        thread_set_space(NULL);
    terminate_unstarted(process);
    handle_table_destroy(process);
    process->exception_port = NULL;
    if (port)
        handle_uncount(port, 0);
    ioports_drop_bitmap(process);
    if (process->space) {
        space_clear(process->space);
        object_release(space_object(process->space));
        process->space = NULL;
    }
    process->finished = true;
    object_pass_on(process);
    object_signal(&process->object, 0, SIGNAL_TERMINATED);
    boot_process_finished(process);
}

static void process_destroy(struct object *object)
{
    struct process *process = process_from_object(object);

    if (!process->finished)
        finish(process);
    list_remove(&process->all_link);
    processes--;
    heap_free(process);
}

static const struct object_ops process_ops = {.name = "process", .destroy = process_destroy};

struct process *process_from_object(struct object *object)
{
    assert(object->type == OBJECT_PROCESS);
    return list_entry(object, struct process, object);
}

/* ---- creation ---- */

status_t process_create_object(const struct process_request *request, struct process *creator,
                               struct process **result)
{
    enum space_kind kind = request->flags & PROCESS_SERVER ? SPACE_SERVER : SPACE_NATIVE;
    status_t status = request_check(request, creator);

    if (status != OK)
        return status;
    struct object *object;
    status = object_new(sizeof **result, &process_ops, OBJECT_PROCESS, creator, &object);
    if (status != OK)
        return status;
    struct process *process = process_from_object(object);
    __builtin_memcpy(process->name, request->name, NAME_LENGTH - 1);
    process->flags = request->flags;
    process->privileges = request->privileges;
    list_init(&process->threads);
    list_init(&process->objects);
    wait_queue_init(&process->suspended_threads);
    status = space_new(kind, NULL, process, &process->space);
    if (status != OK) {
        object_cancel(object);
        return status;
    }
    list_append(&all_processes, &process->all_link); /* ids only grow, so the list is by id */
    processes++;
    *result = process;
    return OK;
}

void process_terminate(struct process *process, int32_t code)
{
    struct list *item, *following;

    if (process->exiting)
        return;
    process->exiting = true;
    process->exit_code = code;
    if (!process->thread_count) {
        object_hold(&process->object);
        finish(process);
        object_release(&process->object);
        return;
    }
    list_for_each_safe(item, following, &process->threads)
        thread_kill(list_entry(item, struct thread, process_link));
}

/* CANCELLED in a thread that is not killed: kernel_call_dispatch makes the call be made again. */
void process_suspend(struct process *process, bool suspended, bool end_waits)
{
    struct list *item;

    process->suspended = suspended;
    list_for_each (item, &process->threads) {
        struct thread *thread = list_entry(item, struct thread, process_link);
        thread->attention = suspended ? thread->attention | ATTENTION_SUSPEND
                                      : thread->attention & ~(uint32_t)ATTENTION_SUSPEND;
        if (end_waits && (thread->interruptible || thread->in_futex) && !thread->parked)
            thread_wake(thread, ERR_CANCELLED);
    }
    if (!suspended)
        wait_queue_wake(&process->suspended_threads, UINT32_MAX, OK);
}

/* ---- threads ---- */

status_t process_thread_add(struct process *process, struct thread *thread)
{
    if (process->exiting)
        return ERR_BAD_STATE;
    if (process->thread_count >= process->privileges.max_threads)
        return ERR_LIMIT_REACHED;
    list_append(&process->threads, &thread->process_link);
    process->thread_count++;
    threads++;
    thread->arch.ioports = process->ioport_bitmap;
    if (process->suspended)
        thread->attention |= ATTENTION_SUSPEND;
    return OK;
}

void process_thread_remove(struct process *process, struct thread *thread)
{
    port_thread_end(thread);
    guest_thread_end(thread);
    thread->arch.ioports = NULL;
    list_remove(&thread->process_link);
    process->dead_cpu_time += thread->cpu_time;
    process->thread_count--;
    threads--;
    if (process->thread_count)
        return;
    if (!process->exiting)
        process->exit_code = thread->exit_code;
    finish(process);
}

/* ---- charges ---- */

status_t process_charge_pages(struct process *process, uint32_t pages)
{
    if (!process)
        return OK;
    uint32_t limit = process->privileges.max_pages;
    if (process->page_count > limit || pages > limit - process->page_count)
        return ERR_LIMIT_REACHED;
    process->page_count += pages;
    return OK;
}

void process_uncharge_pages(struct process *process, uint32_t pages)
{
    if (!process)
        return;
    assert(process->page_count >= pages);
    process->page_count -= pages;
}

/* ---- faults and exceptions ---- */

static bool note_result(status_t status)
{
    current->fault_short = status == ERR_NO_MEMORY || status == ERR_LIMIT_REACHED;
    if (current->fault_short && current->arch.frame)
        current->arch.frame->shortages++;
    return status == OK;
}

/*
 * Below GUEST_LIMIT the space in use decides: the process's own or the attached guest's. The window
 * is the server's own business and does not exist for its guest, whatever the guest's page tables
 * show: in_guest, not the address, tells who is asking.
 */
static bool resolve_fault(struct space *space, uintptr_t address, bool write, bool fetch)
{
    return note_result(space ? space_fault(space, address, write, fetch) : ERR_BAD_ADDRESS);
}

bool kernel_page_fault(uintptr_t address, bool write, bool fetch)
{
    struct process *process = current->process;
    bool guest = current->arch.in_guest;

    kernel_statistics.page_faults++;
    current->fault_short = false;
    if (!process || address >= KERNEL_BASE)
        return false;
    if (address >= SERVER_BASE) {
        if (!(process->flags & PROCESS_SERVER) || guest || !process->space)
            return false;
        /* A table that this guest's directory has not seen yet; the next fault finds the page. */
        if (current->space != process->space &&
            arch_window_sync(space_arch(current->space), address))
            return true;
        return resolve_fault(process->space, address, write, fetch);
    }
    return resolve_fault(current->space, address, write, fetch);
}

/* A wait that is cut short ends as if the fault were resolved: it comes again if the thread goes on. */
bool kernel_page_fault_wait(uintptr_t address, bool write, bool fetch)
{
    status_t status;

    pager_relieve();
    do {
        current->page_need.vmo = NULL;
        if (kernel_page_fault(address, write, fetch))
            return true;
        if (current->page_need.vmo == NULL)
            return false;
        status = pager_wait(current->arch.in_guest);
    } while (status == OK);
    return note_result(status) || status == ERR_INTERRUPTED || status == ERR_CANCELLED;
}

static void log_exception(uint32_t vector, uint32_t error, uintptr_t address,
                          const struct registers *registers)
{
    const struct process *process = current->process;

    log_print("%s (process %u): %s %u error %x at eip %08x address %08x, killed\n", process->name,
              process->object.id, current->fault_short ? "out of memory, exception" : "exception",
              vector, error, registers->eip, (uint32_t)address);
    log_print("  eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x ebp %08x esp %08x\n",
              registers->eax, registers->ebx, registers->ecx, registers->edx, registers->esi,
              registers->edi, registers->ebp, registers->esp);
}

/* Asks the process's exception port. True: go on with these registers. */
static bool ask_exception_port(uint32_t vector, uint32_t error, uintptr_t address,
                               struct registers *registers)
{
    struct process *process = current->process;
    struct exception_message message = {
        .process_id = process->object.id,
        .thread_id = current->object.id,
        .vector = vector,
        .error = error,
        .address = (uint32_t)address,
        .no_memory = current->fault_short,
        .regs = *registers,
    };
    struct exception_reply reply = {0};

    current->parked = true;
    status_t status = port_call_kernel(process->exception_port, NOTICE_EXCEPTION, &message,
                                       sizeof message, &reply, sizeof reply);
    current->parked = false;
    if (status != OK || reply.action != EXCEPTION_RESUME)
        return false;
    *registers = reply.regs;
    arch_registers_sanitise(registers, process->flags & PROCESS_SERVER);
    return true;
}

void kernel_exception(uint32_t vector, uint32_t error, uintptr_t address,
                      struct registers *registers)
{
    struct process *process = current->process;

    if (process->exiting)
        return;
    if (process->exception_port) {
        if (!ask_exception_port(vector, error, address, registers))
            process_terminate(process, EXIT_CODE_FAULT);
        return;
    }
    log_exception(vector, error, address, registers);
    process_terminate(process, EXIT_CODE_FAULT);
}
