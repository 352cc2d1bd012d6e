/* SPDX-License-Identifier: MIT */
/* Token objects: identities, what a token is at first, whose token is whose. See token.h. */
#include <personalities/nt/token_state.h>

#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define ENABLED_AT_FIRST (SE_PRIVILEGE_ENABLED | SE_PRIVILEGE_ENABLED_BY_DEFAULT)

static uint32_t next_id = 1000;

static void token_destroy(struct object *object)
{
    free(token_of(object));
}

/* What a token is, as PRIVILEGES has it. */
struct token_record {
    uint32_t type, level, session, integrity, restricted;
    uint32_t privileges[PRIVILEGES_MAX];
};

static void token_save(struct object *object, struct save *save)
{
    const struct token *token = token_of(object);
    struct token_record record = {token->type,      token->level,      token->session,
                                  token->integrity, token->restricted, {0}};
    memcpy(record.privileges, token->privileges, sizeof record.privileges);
    snap_put(&save->snapshot, SNAP_OBJECT_PRIVILEGES, &record, sizeof record);
}

static NTSTATUS token_restore(struct restore *restore, const struct snap_note *note,
                              struct object **result);

const struct nt_type token_type = {
    .name = L"Token",
    .number = TYPE_TOKEN,
    .more_access = SYNCHRONIZE,
    .mapping = {TOKEN_READ | TOKEN_QUERY_SOURCE | TOKEN_DUPLICATE,
                TOKEN_WRITE | TOKEN_ADJUST_SESSIONID,
                TOKEN_EXECUTE | TOKEN_IMPERSONATE | TOKEN_ASSIGN_PRIMARY, TOKEN_ALL_ACCESS},
    .destroy = token_destroy,
    .save = token_save,
    .restore = token_restore,
};

/* ---- identities ---- */

const struct sid user_sid = {1, 5, {0, 0, 0, 0, 0, 5}, {21, 0, 0, 0, 1000}};
const struct sid group_sid = {1, 5, {0, 0, 0, 0, 0, 5}, {21, 0, 0, 0, 513}};
const struct sid administrators_sid = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
static const struct sid users_sid = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 545}};
static const struct sid everyone_sid = {1, 1, {0, 0, 0, 0, 0, 1}, {0}};
static const struct sid local_sid = {1, 1, {0, 0, 0, 0, 0, 2}, {0}};
static const struct sid interactive_sid = {1, 1, {0, 0, 0, 0, 0, 5}, {4}};
static const struct sid authenticated_sid = {1, 1, {0, 0, 0, 0, 0, 5}, {11}};

const struct token_group user_groups[USER_GROUPS] = {
    {&group_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&everyone_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&local_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&interactive_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&authenticated_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&administrators_sid,
     SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED | SE_GROUP_OWNER},
    {&users_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
};

uint32_t token_groups(const struct object *token, const struct sid **sids, uint32_t size)
{
    (void)token;
    uint32_t count = USER_GROUPS < size ? USER_GROUPS : size;
    for (uint32_t i = 0; i < count; i++)
        sids[i] = user_groups[i].sid;
    return count;
}

/* ---- tokens ---- */

struct token *token_copy(const struct token *from)
{
    struct token *token = malloc(sizeof *token);
    if (!token)
        return NULL;
    *token = *from;
    object_init(&token->object, &token_type);
    token->id = token->modified = next_id++;
    return token;
}

void token_changed(struct token *token)
{
    token->modified = next_id++;
}

static void fill_first(struct token *token)
{
    static const uint8_t held[] = {5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 22, 24, 25, 28};
    static const uint8_t enabled[] = {SE_CHANGE_NOTIFY_PRIVILEGE, SE_IMPERSONATE_PRIVILEGE,
                                      SE_CREATE_GLOBAL_PRIVILEGE};
    memset(token, 0, sizeof *token);
    token->type = TokenPrimary;
    token->session = 1;
    token->integrity = SECURITY_MANDATORY_HIGH_RID;
    for (uint32_t i = 0; i < sizeof held; i++)
        token->privileges[held[i]] = PRIVILEGE_HELD;
    for (uint32_t i = 0; i < sizeof enabled; i++)
        token->privileges[enabled[i]] = PRIVILEGE_HELD | ENABLED_AT_FIRST;
}

/* Privileges that the user's own token does not hold are not to be had from a file. */
static NTSTATUS token_restore(struct restore *restore, const struct snap_note *note,
                              struct object **result)
{
    struct token first;
    struct token_record record;
    (void)restore;
    fill_first(&first);
    if (!restored_bytes(note, SNAP_OBJECT_PRIVILEGES, &record, sizeof record) ||
        (record.type != TokenPrimary && record.type != TokenImpersonation) ||
        record.level > SecurityDelegation)
        return STATUS_INVALID_PARAMETER;
    struct token *token = token_copy(&first);
    if (!token)
        return STATUS_NO_MEMORY;
    token->type = record.type;
    token->level = record.level;
    token->restricted = record.restricted;
    if (record.integrity < token->integrity)
        token->integrity = record.integrity;
    for (uint32_t i = 0; i < PRIVILEGES_MAX; i++)
        token->privileges[i] = first.privileges[i] & PRIVILEGE_HELD ? record.privileges[i] : 0;
    *result = &token->object;
    return STATUS_SUCCESS;
}

NTSTATUS token_inherit(struct nt_process *process, struct object *from)
{
    struct token first;
    fill_first(&first);
    struct token *token = token_copy(from ? token_of(from) : &first);
    if (!token)
        return STATUS_NO_MEMORY;
    token->type = TokenPrimary;
    process->token = &token->object;
    return STATUS_SUCCESS;
}

struct object *token_of_process(struct nt_process *process)
{
    return process->token;
}

struct object *token_of_thread(struct nt_thread *thread)
{
    return thread->token;
}

NTSTATUS token_impersonate(struct nt_thread *thread, struct object *token)
{
    if (token && token_of(token)->type != TokenImpersonation)
        return STATUS_BAD_TOKEN_TYPE;
    if (token)
        object_hold(token);
    object_release(thread->token);
    thread->token = token;
    return STATUS_SUCCESS;
}

NTSTATUS token_for_client(struct nt_process *process, struct object **result)
{
    struct token *token = token_copy(token_of(process->token));
    if (!token)
        return STATUS_NO_MEMORY;
    token->type = TokenImpersonation;
    token->level = SecurityImpersonation;
    *result = &token->object;
    return STATUS_SUCCESS;
}

NTSTATUS token_from_handle(struct call *call, uint32_t handle, ACCESS_MASK access,
                           struct token **token)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, handle, &token_type, access, &object);
    if (!status)
        *token = token_of(object);
    return status;
}
