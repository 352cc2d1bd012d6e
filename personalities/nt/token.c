/* SPDX-License-Identifier: MIT */
/* See token.h. */
#include <personalities/nt/token.h>

#include <personalities/nt/nt.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

enum { PRIVILEGES_MAX = 36 };
#define ENABLED_AT_FIRST (SE_PRIVILEGE_ENABLED | SE_PRIVILEGE_ENABLED_BY_DEFAULT)

/* Attributes of each privilege by its number; 0x80000000: the token has it, perhaps disabled. */
#define HELD 0x80000000u

struct token {
    struct object object;
    uint32_t id, modified;
    TOKEN_TYPE type;
    SECURITY_IMPERSONATION_LEVEL level;
    uint32_t session, integrity;
    bool restricted;
    uint32_t privileges[PRIVILEGES_MAX];
};

static uint32_t next_id = 1000;

static struct token *token_of(struct object *object)
{
    return container_of(object, struct token, object);
}

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
static const struct sid administrators_sid = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
static const struct sid users_sid = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 545}};
static const struct sid everyone_sid = {1, 1, {0, 0, 0, 0, 0, 1}, {0}};
static const struct sid local_sid = {1, 1, {0, 0, 0, 0, 0, 2}, {0}};
static const struct sid interactive_sid = {1, 1, {0, 0, 0, 0, 0, 5}, {4}};
static const struct sid authenticated_sid = {1, 1, {0, 0, 0, 0, 0, 5}, {11}};

static const struct {
    const struct sid *sid;
    uint32_t attributes;
} groups[] = {
    {&group_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&everyone_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&local_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&interactive_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&authenticated_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
    {&administrators_sid,
     SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED | SE_GROUP_OWNER},
    {&users_sid, SE_GROUP_MANDATORY | SE_GROUP_ENABLED_BY_DEFAULT | SE_GROUP_ENABLED},
};
enum { GROUPS = sizeof groups / sizeof groups[0] };

uint32_t token_groups(const struct object *token, const struct sid **sids, uint32_t size)
{
    (void)token;
    uint32_t count = GROUPS < size ? GROUPS : size;
    for (uint32_t i = 0; i < count; i++)
        sids[i] = groups[i].sid;
    return count;
}

/* ---- tokens ---- */

static struct token *token_copy(const struct token *from)
{
    struct token *token = malloc(sizeof *token);
    if (!token)
        return NULL;
    *token = *from;
    object_init(&token->object, &token_type);
    token->id = token->modified = next_id++;
    return token;
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
        token->privileges[held[i]] = HELD;
    for (uint32_t i = 0; i < sizeof enabled; i++)
        token->privileges[enabled[i]] = HELD | ENABLED_AT_FIRST;
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
        token->privileges[i] = first.privileges[i] & HELD ? record.privileges[i] : 0;
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

/* ---- questions ---- */

/* A pointer to a SID, further words, then the SID itself. A short buffer: STATUS_BUFFER_TOO_SMALL. */
static NTSTATUS return_bytes(struct call *call, const void *bytes, uint32_t length)
{
    NTSTATUS status = guest_return32(call->args[4], length);
    if (status)
        return status;
    return call->args[3] < length ? STATUS_BUFFER_TOO_SMALL
                                  : guest_write(call->args[2], bytes, length);
}

static NTSTATUS return_sid(struct call *call, const struct sid *sid, uint32_t header,
                           uint32_t attributes)
{
    uint8_t reply[64];
    uint32_t address = call->args[2] + header;
    memcpy(reply, &address, sizeof address);
    if (header > sizeof address)
        memcpy(reply + sizeof address, &attributes, sizeof attributes);
    memcpy(reply + header, sid, sid_size(sid));
    return return_bytes(call, reply, header + sid_size(sid));
}

static NTSTATUS return_groups(struct call *call)
{
    uint8_t reply[512];
    uint32_t count = GROUPS, at = sizeof count + GROUPS * 8;
    memcpy(reply, &count, sizeof count);
    for (uint32_t i = 0; i < GROUPS; i++) {
        uint32_t entry[2] = {call->args[2] + at, groups[i].attributes};
        memcpy(reply + sizeof count + i * sizeof entry, entry, sizeof entry);
        memcpy(reply + at, groups[i].sid, sid_size(groups[i].sid));
        at += sid_size(groups[i].sid);
    }
    return return_bytes(call, reply, at);
}

static NTSTATUS return_privileges(struct call *call, const struct token *token)
{
    struct {
        uint32_t count;
        LUID_AND_ATTRIBUTES entries[PRIVILEGES_MAX];
    } reply = {0};
    for (uint32_t i = 0; i < PRIVILEGES_MAX; i++) {
        if (!(token->privileges[i] & HELD))
            continue;
        reply.entries[reply.count].Luid.LowPart = i;
        reply.entries[reply.count++].Attributes = token->privileges[i] & ~HELD;
    }
    return return_bytes(call, &reply, sizeof reply.count + reply.count * sizeof reply.entries[0]);
}

/* The user and the administrators may do everything with what the user makes. */
static NTSTATUS return_default_acl(struct call *call)
{
    struct {
        uint32_t pointer;
        ACL acl;
        uint8_t entries[64];
    } reply = {.pointer = call->args[2] + sizeof(uint32_t)};
    static const struct sid *const owners[] = {&user_sid, &administrators_sid};
    uint32_t used = 0;
    for (uint32_t i = 0; i < 2; i++) {
        ACE_HEADER header = {.AceType = ACCESS_ALLOWED_ACE_TYPE,
                             .AceSize = sizeof header + sizeof(uint32_t) + sid_size(owners[i])};
        uint32_t mask = GENERIC_ALL;
        memcpy(reply.entries + used, &header, sizeof header);
        memcpy(reply.entries + used + sizeof header, &mask, sizeof mask);
        memcpy(reply.entries + used + sizeof header + sizeof mask, owners[i], sid_size(owners[i]));
        used += header.AceSize;
    }
    reply.acl.AclRevision = ACL_REVISION;
    reply.acl.AclSize = sizeof reply.acl + used;
    reply.acl.AceCount = 2;
    return return_bytes(call, &reply, sizeof reply.pointer + reply.acl.AclSize);
}

static NTSTATUS return_statistics(struct call *call, const struct token *token)
{
    TOKEN_STATISTICS statistics = {
        .TokenType = token->type, .ImpersonationLevel = token->level, .GroupCount = GROUPS};
    statistics.TokenId.LowPart = token->id;
    statistics.ModifiedId.LowPart = token->modified;
    statistics.AuthenticationId.LowPart = 1000;
    statistics.ExpirationTime.QuadPart = INT64_MAX;
    for (uint32_t i = 0; i < PRIVILEGES_MAX; i++)
        statistics.PrivilegeCount += (token->privileges[i] & HELD) != 0;
    return return_bytes(call, &statistics, sizeof statistics);
}

static NTSTATUS return_word(struct call *call, uint32_t value)
{
    return return_bytes(call, &value, sizeof value);
}

static NTSTATUS return_logon(struct call *call)
{
    static const struct sid logon = {1, 3, {0, 0, 0, 0, 0, 5}, {5, 0, 0}};
    uint8_t reply[64];
    uint32_t head[3] = {1, call->args[2] + 12, SE_GROUP_LOGON_ID | 7};
    memcpy(reply, head, sizeof head);
    memcpy(reply + sizeof head, &logon, sid_size(&logon));
    return return_bytes(call, reply, sizeof head + sid_size(&logon));
}

static NTSTATUS query_token(struct call *call, const struct token *token)
{
    TOKEN_SOURCE source = {.SourceName = "*SYSTEM*"};
    struct sid integrity = {1, 1, {0, 0, 0, 0, 0, 16}, {token->integrity}};
    switch (call->args[1]) {
    case TokenUser:
        return return_sid(call, &user_sid, 8, 0);
    case TokenGroups:
        return return_groups(call);
    case TokenPrivileges:
        return return_privileges(call, token);
    case TokenOwner:
        return return_sid(call, &user_sid, 4, 0);
    case TokenPrimaryGroup:
        return return_sid(call, &group_sid, 4, 0);
    case TokenDefaultDacl:
        return return_default_acl(call);
    case TokenSource:
        return return_bytes(call, &source, sizeof source);
    case TokenType:
        return return_word(call, token->type);
    case TokenImpersonationLevel:
        return token->type == TokenImpersonation ? return_word(call, token->level)
                                                 : STATUS_INVALID_PARAMETER;
    case TokenStatistics:
        return return_statistics(call, token);
    case TokenSessionId:
        return return_word(call, token->session);
    case TokenElevationType:
        return return_word(call, TokenElevationTypeDefault);
    case TokenElevation:
        return return_word(call, 1);
    case TokenHasRestrictions:
        return return_word(call, token->restricted);
    case TokenSandBoxInert:
    case TokenVirtualizationAllowed:
    case TokenVirtualizationEnabled:
    case TokenUIAccess:
    case TokenIsAppContainer:
        return return_word(call, 0);
    case TokenMandatoryPolicy:
        return return_word(call, 1 /* no write up */);
    case TokenIntegrityLevel:
        return return_sid(call, &integrity, 8, SE_GROUP_INTEGRITY | SE_GROUP_INTEGRITY_ENABLED);
    case TokenLogonSid:
        return return_logon(call);
    }
    return STATUS_NOT_IMPLEMENTED;
}

static NTSTATUS token_from(struct call *call, uint32_t handle, ACCESS_MASK access,
                           struct token **token)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, handle, &token_type, access, &object);
    if (!status)
        *token = token_of(object);
    return status;
}

NTSTATUS nt_query_information_token(struct call *call)
{
    struct token *token;
    NTSTATUS status =
        token_from(call, call->args[0],
                   call->args[1] == TokenSource ? TOKEN_QUERY_SOURCE : TOKEN_QUERY, &token);
    if (status)
        return status;
    status = query_token(call, token);
    object_release(&token->object);
    return status;
}

static NTSTATUS set_integrity(struct call *call, struct token *token)
{
    struct {
        uint32_t sid, attributes;
    } label;
    struct sid sid;
    NTSTATUS status = call->args[3] < sizeof label
                          ? STATUS_INFO_LENGTH_MISMATCH
                          : guest_read(&label, call->args[2], sizeof label);
    if (!status)
        status = guest_read(&sid, label.sid, 12);
    if (status)
        return status;
    if (sid.count != 1 || sid.authority[5] != 16)
        return STATUS_INVALID_SID;
    if (sid.parts[0] > token->integrity)
        return STATUS_PRIVILEGE_NOT_HELD;
    token->integrity = sid.parts[0];
    return STATUS_SUCCESS;
}

NTSTATUS nt_set_information_token(struct call *call)
{
    struct token *token;
    NTSTATUS status = token_from(call, call->args[0], TOKEN_ADJUST_DEFAULT, &token);
    if (status)
        return status;
    switch (call->args[1]) {
    case TokenIntegrityLevel:
        status = set_integrity(call, token);
        break;
    case TokenSessionId:
        status = call->args[3] < sizeof token->session
                     ? STATUS_INFO_LENGTH_MISMATCH
                     : guest_read(&token->session, call->args[2], sizeof token->session);
        break;
    default:
        status = STATUS_NOT_IMPLEMENTED;
    }
    object_release(&token->object);
    return status;
}

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
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &thread_type, THREAD_QUERY_INFORMATION, &object);
    if (status)
        return status;
    struct object *token = thread_of(object)->token;
    if (!token)
        status = STATUS_NO_TOKEN;
    else if (token_of(token)->level <= SecurityAnonymous)
        status = STATUS_CANT_OPEN_ANONYMOUS;
    if (!status) {
        object_hold(token);
        status = object_return_handle(call->thread, handle_guest, token, call->args[1], attributes);
    }
    object_release(object);
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
        status = token_from(call, call->args[0], TOKEN_DUPLICATE, &token);
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
    NTSTATUS status = token_from(call, call->args[0], TOKEN_DUPLICATE, &token);
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
    if (wanted->Luid.HighPart || number >= PRIVILEGES_MAX || !(token->privileges[number] & HELD))
        return false;
    uint32_t old = token->privileges[number], new = old & ~SE_PRIVILEGE_ENABLED;
    if (wanted->Attributes & SE_PRIVILEGE_REMOVED)
        new = 0;
    else if (wanted->Attributes & SE_PRIVILEGE_ENABLED)
        new |= SE_PRIVILEGE_ENABLED;
    if (new == old)
        return true;
    before->entries[before->count].Luid = wanted->Luid;
    before->entries[before->count++].Attributes = old & ~HELD;
    token->privileges[number] = new;
    token->modified = next_id++;
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
        status = token_from(call, call->args[0],
                            TOKEN_ADJUST_PRIVILEGES | (call->args[4] ? TOKEN_QUERY : 0), &token);
    if (status)
        return status;
    for (uint32_t i = 0; disable_all && i < PRIVILEGES_MAX; i++)
        if (token->privileges[i] & HELD)
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
        status = token_from(call, call->args[0], TOKEN_QUERY, &token);
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
