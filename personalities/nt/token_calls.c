/* SPDX-License-Identifier: MIT */
/* System calls that open, copy and restrict tokens, and switch their privileges. */
#include <personalities/nt/token_state.h>

/* ---- opening and copying ---- */

static NTSTATUS open_process_token(struct call *call, uint32_t handle_guest, uint32_t attributes)
{
    struct nt_process *process;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_QUERY_INFORMATION, &process);
    if (status)
        return status;
    if (process->token) {
        object_hold(process->token);
        status = object_return_handle(call->thread, handle_guest, process->token, call->args[1],
                                      attributes);
    } else {
        status = STATUS_PROCESS_IS_TERMINATING;
    }
    object_release(&process->object);
    return status;
}

NTSTATUS nt_open_process_token(struct call *call)
{
    return open_process_token(call, call->args[2], 0);
}
NTSTATUS nt_open_process_token_ex(struct call *call)
{
    return open_process_token(call, call->args[3], call->args[2]);
}

static NTSTATUS open_thread_token(struct call *call, uint32_t handle_guest, uint32_t attributes)
{
    struct nt_thread *thread;
    NTSTATUS status =
        thread_from_handle(call->thread, call->args[0], THREAD_QUERY_INFORMATION, &thread);
    if (status)
        return status;
    struct object *token = thread->token;
    if (!token)
        status = STATUS_NO_TOKEN;
    else if (token_of(token)->level <= SecurityAnonymous)
        status = STATUS_CANT_OPEN_ANONYMOUS;
    if (!status) {
        object_hold(token);
        status = object_return_handle(call->thread, handle_guest, token, call->args[1], attributes);
    }
    object_release(&thread->object);
    return status;
}

NTSTATUS nt_open_thread_token(struct call *call)
{
    return open_thread_token(call, call->args[3], 0);
}
NTSTATUS nt_open_thread_token_ex(struct call *call)
{
    return open_thread_token(call, call->args[4], call->args[3]);
}

/* The level in the attributes' quality of service; `level` where there is none. */
static NTSTATUS read_level(uint32_t attributes, SECURITY_IMPERSONATION_LEVEL *level)
{
    OBJECT_ATTRIBUTES raw;
    SECURITY_QUALITY_OF_SERVICE service;
    NTSTATUS status = attributes ? guest_read(&raw, attributes, sizeof raw) : STATUS_SUCCESS;
    if (!attributes || status || !raw.SecurityQualityOfService)
        return status;
    status = guest_read(&service, (uint32_t)raw.SecurityQualityOfService, sizeof service);
    if (!status)
        *level = service.ImpersonationLevel;
    return status;
}

/* (token, access, attributes, effective only, type, *handle) */
NTSTATUS nt_duplicate_token(struct call *call)
{
    struct token *token;
    /* Wine's kernelbase passes the level where NT has a boolean, and no quality of service. */
    SECURITY_IMPERSONATION_LEVEL level = call->args[3] & 0xff;
    NTSTATUS status = read_level(call->args[2], &level);
    if (!status)
        status = token_from_handle(call, call->args[0], TOKEN_DUPLICATE, &token);
    if (status)
        return status;
    bool impersonation = call->args[4] == TokenImpersonation;
    if (call->args[4] != TokenPrimary && !impersonation)
        status = STATUS_INVALID_PARAMETER;
    else if (token->type == TokenImpersonation &&
             (impersonation ? level > token->level : token->level < SecurityImpersonation))
        status = STATUS_BAD_IMPERSONATION_LEVEL;
    struct token *copy = status ? NULL : token_copy(token);
    if (copy) {
        copy->type = call->args[4];
        copy->level = impersonation ? level : SecurityAnonymous;
        ACCESS_MASK access = call->args[1] ? call->args[1] : TOKEN_ALL_ACCESS;
        status = object_return_handle(call->thread, call->args[5], &copy->object, access, 0);
    } else if (!status) {
        status = STATUS_NO_MEMORY;
    }
    object_release(&token->object);
    return status;
}

/* (token, flags, SIDs to disable, privileges to delete, restricting SIDs, *handle) */
NTSTATUS nt_filter_token(struct call *call)
{
    struct token *token;
    uint32_t count = 0;
    NTSTATUS status = token_from_handle(call, call->args[0], TOKEN_DUPLICATE, &token);
    if (status)
        return status;
    struct token *copy = token_copy(token);
    object_release(&token->object);
    if (!copy)
        return STATUS_NO_MEMORY;
    if (call->args[1] & DISABLE_MAX_PRIVILEGE)
        for (uint32_t i = 0; i < PRIVILEGES_MAX; i++)
            if (i != SE_CHANGE_NOTIFY_PRIVILEGE)
                copy->privileges[i] = 0;
    if (call->args[3])
        status = guest_read(&count, call->args[3], sizeof count);
    for (uint32_t i = 0; !status && i < count && i < PRIVILEGES_MAX; i++) {
        LUID_AND_ATTRIBUTES entry;
        status = guest_read(&entry, call->args[3] + sizeof count + i * sizeof entry, sizeof entry);
        if (!status && entry.Luid.LowPart < PRIVILEGES_MAX)
            copy->privileges[entry.Luid.LowPart] = 0;
    }
    copy->restricted = call->args[4] != 0;
    if (!status)
        return object_return_handle(call->thread, call->args[5], &copy->object, TOKEN_ALL_ACCESS,
                                    0);
    object_release(&copy->object);
    return status;
}

/* ---- privileges ---- */

struct privilege_list {
    uint32_t count;
    LUID_AND_ATTRIBUTES entries[PRIVILEGES_MAX];
};

static NTSTATUS read_privileges(uint32_t guest, struct privilege_list *list)
{
    NTSTATUS status = guest_read(&list->count, guest, sizeof list->count);
    if (!status && list->count > PRIVILEGES_MAX)
        status = STATUS_INVALID_PARAMETER;
    return status ? status
                  : guest_read(list->entries, guest + sizeof list->count,
                               list->count * sizeof list->entries[0]);
}

/* Change one; what it was goes into `before` if that is a change. False: the token does not have it. */
static bool adjust(struct token *token, const LUID_AND_ATTRIBUTES *wanted,
                   struct privilege_list *before)
{
    uint32_t number = wanted->Luid.LowPart;
    if (wanted->Luid.HighPart || number >= PRIVILEGES_MAX ||
        !(token->privileges[number] & PRIVILEGE_HELD))
        return false;
    uint32_t old = token->privileges[number], new = old & ~SE_PRIVILEGE_ENABLED;
    if (wanted->Attributes & SE_PRIVILEGE_REMOVED)
        new = 0;
    else if (wanted->Attributes & SE_PRIVILEGE_ENABLED)
        new |= SE_PRIVILEGE_ENABLED;
    if (new == old)
        return true;
    before->entries[before->count].Luid = wanted->Luid;
    before->entries[before->count++].Attributes = old & ~PRIVILEGE_HELD;
    token->privileges[number] = new;
    token_changed(token);
    return true;
}

/* (token, disable all, *new, length, *previous, *needed) */
NTSTATUS nt_adjust_privileges_token(struct call *call)
{
    struct token *token;
    struct privilege_list wanted = {0}, before = {0};
    bool disable_all = call->args[1] & 0xff, all = true;
    NTSTATUS status = disable_all ? STATUS_SUCCESS : read_privileges(call->args[2], &wanted);
    if (!status)
        status =
            token_from_handle(call, call->args[0],
                              TOKEN_ADJUST_PRIVILEGES | (call->args[4] ? TOKEN_QUERY : 0), &token);
    if (status)
        return status;
    for (uint32_t i = 0; disable_all && i < PRIVILEGES_MAX; i++)
        if (token->privileges[i] & PRIVILEGE_HELD)
            wanted.entries[wanted.count++].Luid.LowPart = i;
    uint32_t needed = sizeof before.count + wanted.count * sizeof before.entries[0];
    if (call->args[4] && call->args[3] < needed) {
        object_release(&token->object);
        status = guest_return32(call->args[5], needed);
        return status ? status : STATUS_BUFFER_TOO_SMALL;
    }
    for (uint32_t i = 0; i < wanted.count; i++)
        all = adjust(token, &wanted.entries[i], &before) && all;
    object_release(&token->object);
    if (call->args[4]) {
        needed = sizeof before.count + before.count * sizeof before.entries[0];
        status = guest_write(call->args[4], &before, needed);
        if (!status)
            status = guest_return32(call->args[5], needed);
    }
    return status ? status : all ? STATUS_SUCCESS : STATUS_NOT_ALL_ASSIGNED;
}

/* (token, *required, *result): PRIVILEGE_SET, which says of each whether it is there */
NTSTATUS nt_privilege_check(struct call *call)
{
    struct token *token;
    struct {
        uint32_t count, control;
        LUID_AND_ATTRIBUTES entries[PRIVILEGES_MAX];
    } set;
    NTSTATUS status = guest_read(&set, call->args[1], 8);
    if (!status && set.count > PRIVILEGES_MAX)
        status = STATUS_INVALID_PARAMETER;
    if (!status)
        status = guest_read(set.entries, call->args[1] + 8, set.count * sizeof set.entries[0]);
    if (!status)
        status = token_from_handle(call, call->args[0], TOKEN_QUERY, &token);
    if (status)
        return status;
    uint32_t present = 0;
    for (uint32_t i = 0; i < set.count; i++) {
        uint32_t number = set.entries[i].Luid.LowPart;
        if (number >= PRIVILEGES_MAX || !(token->privileges[number] & SE_PRIVILEGE_ENABLED))
            continue;
        set.entries[i].Attributes |= SE_PRIVILEGE_USED_FOR_ACCESS;
        present++;
    }
    object_release(&token->object);
    uint8_t result = set.control & PRIVILEGE_SET_ALL_NECESSARY ? present == set.count : present > 0;
    status = guest_write(call->args[1], &set, 8 + set.count * sizeof set.entries[0]);
    return status ? status : guest_write(call->args[2], &result, sizeof result);
}
