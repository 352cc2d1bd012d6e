/* SPDX-License-Identifier: MIT */
/* Handlers of the calls on handles, processes and threads. */
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/memory.h>

/* ---- what several handlers need ---- */

status_t user_probe(user_t at, uint32_t length)
{
    uint8_t bytes[32];

    assert(length <= sizeof bytes);
    status_t status = user_read(bytes, at, length);
    return status == OK ? user_write(at, bytes, length) : status;
}

status_t handle_room(user_t result)
{
    status_t status = user_probe(result, sizeof(handle_t));
    return status == OK ? handle_reserve(current->process, 1) : status;
}

status_t handle_return_two(struct object *first, struct object *second, const uint32_t rights[2],
                           user_t first_at, user_t second_at)
{
    handle_t handles[2];

    status_t status = handle_add(current->process, first, rights[0], &handles[0]);
    assert(status == OK);
    status = handle_add(current->process, second, rights[1], &handles[1]);
    assert(status == OK);
    if (user_write(first_at, &handles[0], sizeof(handle_t)) != OK ||
        user_write(second_at, &handles[1], sizeof(handle_t)) != OK)
        status = ERR_BAD_ADDRESS;
    for (uint32_t i = 0; i < 2 && status != OK; i++)
        if (handle_remove(current->process, handles[i]) != OK)
            panic("a new handle vanished");
    return status;
}

status_t handle_get_process(handle_t handle, uint32_t rights, struct process **process)
{
    struct object *object = &current->process->object;
    status_t status = OK;

    if (handle != HANDLE_SELF)
        status = handle_get(current->process, handle, OBJECT_PROCESS, rights, &object);
    if (status == OK)
        *process = process_from_object(object);
    return status;
}

status_t handle_get_thread(handle_t handle, uint32_t rights, struct thread **thread)
{
    struct object *object = &current->object;
    status_t status = OK;

    if (handle != HANDLE_SELF)
        status = handle_get(current->process, handle, OBJECT_THREAD, rights, &object);
    if (status == OK)
        *thread = thread_from_object(object);
    return status;
}

/* The rights for a new handle, out of those of an existing one. */
static status_t narrow_rights(uint32_t have, uint32_t wanted, uint32_t *rights)
{
    if (wanted == RIGHT_SAME)
        wanted = have;
    if (wanted & ~(uint32_t)RIGHT_ALL)
        return ERR_INVALID_ARGUMENT;
    if (wanted & ~have)
        return ERR_ACCESS_DENIED;
    *rights = wanted;
    return OK;
}

/* ---- handles ---- */

status_t call_handle_close(handle_t handle)
{
    return handle_remove(current->process, handle);
}

status_t call_handle_duplicate(handle_t handle, uint32_t wanted, user_t result)
{
    struct handle_entry *entry;
    uint32_t rights;
    status_t status = handle_get_entry(current->process, handle, &entry);

    if (status != OK)
        return status;
    if (!(entry->rights & RIGHT_DUPLICATE))
        return ERR_ACCESS_DENIED;
    status = narrow_rights(entry->rights, wanted, &rights);
    if (status != OK)
        return status;
    struct object *object = entry->object;
    object_hold(object);
    return handle_return(object, rights, result);
}

status_t call_handle_info(handle_t handle, user_t result)
{
    struct handle_entry *entry;
    status_t status = handle_get_entry(current->process, handle, &entry);

    if (status != OK)
        return status;
    const struct object *object = entry->object;
    struct handle_info info = {
        .type = object->type,
        .rights = entry->rights,
        .object_id = port_identity(object),
        .badge = port_badge_of(object),
        .signals = object->signals,
        .references = object->references,
    };
    return user_write(result, &info, sizeof info);
}

/* ---- processes ---- */

status_t call_process_create(user_t user_request, user_t user_process, user_t user_space)
{
    static const uint32_t rights[2] = {RIGHT_ALL, RIGHT_ALL};
    struct process_request request;
    struct process *process;
    status_t status = user_read(&request, user_request, sizeof request);

    if (status == OK)
        status = handle_reserve(current->process, 2);
    if (status == OK)
        status = process_create_object(&request, current->process, &process);
    if (status != OK)
        return status;
    status = handle_return_two(&process->object, space_object(process->space), rights, user_process,
                               user_space);
    object_release(&process->object);
    return status;
}

/* At a value of its own, which is told to `result`, or at this one. */
static status_t give(handle_t target, handle_t handle, uint32_t wanted, handle_t at, user_t result)
{
    struct process *process;
    struct handle_entry *entry;
    uint32_t rights;
    handle_t given;
    status_t status = handle_get_process(target, RIGHT_MANAGE, &process);

    if (status == OK)
        status = handle_get_entry(current->process, handle, &entry);
    if (status != OK)
        return status;
    if (process->exiting || !(entry->rights & RIGHT_TRANSFER))
        return process->exiting ? ERR_BAD_STATE : ERR_ACCESS_DENIED;
    status = narrow_rights(entry->rights, wanted, &rights);
    if (status == OK && !at)
        status = user_probe(result, sizeof given);
    if (status == OK)
        status = at ? handle_add_at(process, entry->object, rights, at)
                    : handle_add(process, entry->object, rights, &given);
    if (status == OK && !at && user_write(result, &given, sizeof given) != OK)
        return handle_remove(process, given) == OK ? ERR_BAD_ADDRESS : ERR_BAD_STATE;
    return status == OK ? handle_remove(current->process, handle) : status;
}

status_t call_process_give(handle_t target, handle_t handle, uint32_t wanted, user_t result)
{
    return give(target, handle, wanted, 0, result);
}

status_t call_process_put(handle_t target, handle_t handle, uint32_t value)
{
    return value ? give(target, handle, RIGHT_SAME, value, (user_t){0}) : ERR_INVALID_ARGUMENT;
}

status_t call_process_handle(handle_t handle, handle_t after, user_t value, user_t result)
{
    struct process *process;
    struct handle_entry *entry;
    status_t status = handle_get_process(handle, RIGHT_MANAGE, &process);

    if (status == OK)
        status = handle_next(process, &after, &entry);
    if (status == OK)
        status = user_write(value, &after, sizeof after);
    if (status != OK)
        return status;
    object_hold(entry->object);
    return handle_return(entry->object, entry->rights, result);
}

status_t call_process_exit(uint32_t code)
{
    process_terminate(current->process, (int32_t)code);
    return OK; /* nobody sees it: the thread ends on its way out of the kernel */
}

status_t call_process_kill(handle_t handle, uint32_t code)
{
    struct process *process;
    status_t status = handle_get_process(handle, RIGHT_MANAGE, &process);

    if (status == OK)
        process_terminate(process, (int32_t)code);
    return status;
}

static void fill_process_info(struct process *process, struct process_info *info)
{
    ktime_t time = process->dead_cpu_time;
    struct list *item;

    thread_account_current();
    list_for_each (item, &process->threads)
        time += list_entry(item, struct thread, process_link)->cpu_time;
    *info = (struct process_info){
        .id = process->object.id,
        .flags = process->flags,
        .threads = process->thread_count,
        .handles = process->handles.used,
        .pages = process->page_count,
        .terminated = process->finished,
        .exit_code = process->exit_code,
        .cpu_time_low = (uint32_t)time,
        .cpu_time_high = (uint32_t)(time >> 32),
    };
    __builtin_memcpy(info->name, process->name, NAME_LENGTH);
}

status_t call_process_info(handle_t handle, user_t result)
{
    struct process *process;
    struct process_info info;
    status_t status = handle_get_process(handle, RIGHT_READ, &process);

    if (status != OK)
        return status;
    fill_process_info(process, &info);
    return user_write(result, &info, sizeof info);
}

status_t call_process_next(uint32_t after_id, user_t result)
{
    struct process_info info;
    struct list *item;

    if (!(current->process->privileges.flags & PRIVILEGE_INSPECT))
        return ERR_ACCESS_DENIED;
    list_for_each (item, &all_processes) {
        struct process *process = list_entry(item, struct process, all_link);
        if (process->object.id <= after_id)
            continue;
        fill_process_info(process, &info);
        return user_write(result, &info, sizeof info);
    }
    return ERR_NOT_FOUND;
}

static status_t set_exception_port(struct process *process, handle_t value)
{
    struct object *port = NULL, *old = process->exception_port;

    if (process->exiting)
        return ERR_BAD_STATE;
    if (value) {
        status_t status = handle_get(current->process, value, OBJECT_PORT, RIGHT_CALL, &port);
        if (status != OK)
            return status;
        handle_count(port, 0);
    }
    process->exception_port = port;
    if (old)
        handle_uncount(old, 0);
    return OK;
}

status_t call_process_set(handle_t handle, uint32_t property, uint32_t value)
{
    struct process *process;
    status_t status = handle_get_process(handle, RIGHT_MANAGE, &process);

    if (status != OK)
        return status;
    if (property == PROCESS_EXCEPTION_PORT)
        return set_exception_port(process, value);
    if (property == PROCESS_SUSPENDED && value <= 2) {
        if (process->flags & PROCESS_SERVER)
            return ERR_NOT_SUPPORTED; /* its threads are its guests': it decides itself who runs */
        process_suspend(process, value, value == 2);
        return OK;
    }
    return ERR_INVALID_ARGUMENT;
}

static bool in_window(uint32_t address)
{
    return address >= SERVER_BASE && address < SERVER_LIMIT;
}

status_t call_process_set_recovery(uint32_t start, uint32_t end, uint32_t handler)
{
    struct process *process = current->process;

    if (!(process->flags & PROCESS_SERVER))
        return ERR_NOT_SUPPORTED;
    if (!in_window(start) || !in_window(end) || start >= end || !in_window(handler))
        return ERR_INVALID_ARGUMENT;
    process->recovery_start = start;
    process->recovery_end = end;
    process->recovery_handler = handler;
    return OK;
}

/* ---- threads ---- */

/* Entry and stack must lie where the process's code can be; 0 < stack, since it is an end. */
static bool start_ok(const struct process *process, uint32_t entry, uint32_t stack)
{
    if (process->flags & PROCESS_SERVER)
        return in_window(entry) && stack > SERVER_BASE && stack <= SERVER_LIMIT;
    return entry >= USER_BASE && entry < GUEST_LIMIT && stack >= USER_BASE && stack <= GUEST_LIMIT;
}

status_t call_thread_create(handle_t handle, uint32_t entry, uint32_t stack, uint32_t argument,
                            user_t result)
{
    struct process *process;
    struct thread *thread;
    status_t status = handle_get_process(handle, RIGHT_MANAGE, &process);

    if (status != OK)
        return status;
    if (!start_ok(process, entry, stack))
        return ERR_INVALID_ARGUMENT;
    if (!result.address)
        return thread_create_user(process, entry, stack, argument, NULL);
    /* A thread cannot be taken back: make sure that the handle will fit. */
    status = handle_room(result);
    if (status == OK)
        status = thread_create_user(process, entry, stack, argument, &thread);
    return status == OK ? handle_return(&thread->object, RIGHT_ALL, result) : status;
}

status_t call_thread_exit(uint32_t code)
{
    thread_exit_current((int32_t)code);
}

status_t call_thread_kick(handle_t handle)
{
    struct thread *thread;
    status_t status = handle_get_thread(handle, RIGHT_MANAGE, &thread);

    if (status == OK)
        thread_kick_thread(thread);
    return status;
}

status_t call_thread_info(handle_t handle, user_t result)
{
    struct thread *thread;
    status_t status = handle_get_thread(handle, RIGHT_READ, &thread);

    if (status != OK)
        return status;
    thread_account_current();
    struct thread_info info = {
        .id = thread->object.id,
        .process_id = thread->process ? thread->process->object.id : 0,
        .state = thread->state,
        .priority = thread->priority,
        .in_guest = thread->arch.in_guest,
        .cpu_time_low = (uint32_t)thread->cpu_time,
        .cpu_time_high = (uint32_t)(thread->cpu_time >> 32),
        .guest_time_low = (uint32_t)thread->guest_time,
        .guest_time_high = (uint32_t)(thread->guest_time >> 32),
        .exit_code = thread->exit_code,
    };
    return user_write(result, &info, sizeof info);
}

static status_t set_priority(struct thread *thread, uint32_t value)
{
    if (value <= PRIORITY_IDLE || value >= PRIORITY_COUNT)
        return ERR_OUT_OF_RANGE;
    if (value > PRIORITY_NORMAL && !(current->process->privileges.flags & PRIVILEGE_PRIORITY))
        return ERR_ACCESS_DENIED;
    if (thread->state != THREAD_DEAD)
        thread_set_priority(thread, value);
    return OK;
}

/* From its next slice on. */
static status_t set_slice(struct thread *thread, uint32_t ticks)
{
    if (ticks == 0 || ticks > SLICE_MAX)
        return ERR_OUT_OF_RANGE;
    if (ticks > SLICE_NORMAL && !(current->process->privileges.flags & PRIVILEGE_PRIORITY))
        return ERR_ACCESS_DENIED;
    thread->slice_ticks = ticks;
    return OK;
}

status_t call_thread_set(handle_t handle, uint32_t property, uint32_t value)
{
    struct thread *thread;
    status_t status = handle_get_thread(handle, RIGHT_MANAGE, &thread);

    if (status != OK)
        return status;
    switch (property) {
    case THREAD_PRIORITY:
        return set_priority(thread, value);
    case THREAD_SLICE:
        return set_slice(thread, value);
    }
    return ERR_INVALID_ARGUMENT;
}

status_t call_thread_yield(uint32_t reserved)
{
    if (reserved)
        return ERR_INVALID_ARGUMENT;
    thread_yield_current();
    return OK;
}

/* A native process, which the caller may do anything to. */
static status_t get_native(handle_t handle, struct process **process)
{
    status_t status = handle_get_process(handle, RIGHT_MANAGE, process);

    return status == OK && ((*process)->flags & PROCESS_SERVER) ? ERR_NOT_SUPPORTED : status;
}

status_t call_process_thread(handle_t handle, uint32_t after_id, user_t result)
{
    struct process *process;
    struct list *item;
    status_t status = get_native(handle, &process);

    if (status != OK)
        return status;
    list_for_each (item, &process->threads) {
        struct thread *thread = list_entry(item, struct thread, process_link);
        if (thread->object.id <= after_id) /* the list is by id */
            continue;
        if (!thread->parked)
            return ERR_SHOULD_WAIT;
        struct thread_context state = {.id = thread->object.id};
        state.regs = *arch_user_registers(thread);
        __builtin_memcpy(state.tls, thread->arch.tls[0], sizeof state.tls);
        __builtin_memcpy(state.fpu, arch_fpu_image(thread), sizeof state.fpu);
        return user_write(result, &state, sizeof state);
    }
    return ERR_NOT_FOUND;
}

status_t call_thread_create_at(handle_t handle, user_t from, user_t result)
{
    struct thread_context state;
    struct process *process;
    struct thread *thread;
    status_t status = get_native(handle, &process);

    if (status == OK)
        status = user_read(&state, from, sizeof state);
    if (status == OK)
        status = handle_room(result);
    if (status == OK)
        status = thread_create_user(process, 0, 0, 0, &thread);
    if (status != OK)
        return status;
    *arch_user_registers(thread) = state.regs;
    arch_registers_sanitise(arch_user_registers(thread), false);
    if (arch_descriptor_ok(state.tls[0], state.tls[1]))
        arch_tls_set(thread, 0, state.tls[0], state.tls[1]);
    __builtin_memcpy(arch_fpu_replace(thread), state.fpu, sizeof state.fpu);
    return handle_return(&thread->object, RIGHT_ALL, result);
}

status_t call_thread_tls(uint32_t base)
{
    if (current->process->flags & PROCESS_SERVER)
        return ERR_NOT_SUPPORTED;
    if (base >= GUEST_LIMIT)
        return ERR_BAD_ADDRESS;
    arch_native_tls_set(base);
    return OK;
}
