/* SPDX-License-Identifier: MIT */
/*
 * Tokens and security descriptors. There is one user, the one that Wine's DLLs expect to be
 * (S-1-5-21-0-0-0-1000), an administrator; all objects are his.
 */
#include <personalities/nt/token.h>

#include <personalities/nt/nt.h>

#include <stdlib.h>
#include <string.h>

static void token_destroy(struct object *object)
{
    free(object);
}

static const struct nt_type token_type = {
    .name = L"Token",
    .mapping = {TOKEN_READ, TOKEN_WRITE, TOKEN_EXECUTE, TOKEN_ALL_ACCESS},
    .destroy = token_destroy,
};

static struct object default_token;

struct object *token_default(void)
{
    if (!default_token.type)
        object_init(&default_token, &token_type); /* a reference of its own: never destroyed */
    return &default_token;
}

static NTSTATUS token_new(struct object **token)
{
    *token = malloc(sizeof **token);
    if (!*token)
        return STATUS_NO_MEMORY;
    object_init(*token, &token_type);
    return STATUS_SUCCESS;
}

/* ---- identities ---- */

struct sid {
    uint8_t revision, count, authority[6];
    uint32_t parts[5];
};
static const struct sid user_sid = {1, 5, {0, 0, 0, 0, 0, 5}, {21, 0, 0, 0, 1000}};
static const struct sid group_sid = {1, 5, {0, 0, 0, 0, 0, 5}, {21, 0, 0, 0, 513}};
static const struct sid administrators_sid = {1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
static const struct sid everyone_sid = {1, 1, {0, 0, 0, 0, 0, 1}, {0}};
static const struct sid high_sid = {1, 1, {0, 0, 0, 0, 0, 16}, {0x3000}};

static uint32_t sid_size(const struct sid *sid)
{
    return 8 + 4 * sid->count;
}

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
    static const struct {
        const struct sid *sid;
        uint32_t attributes;
    } groups[] = {{&group_sid, 7}, {&administrators_sid, 15}, {&everyone_sid, 7}};
    enum { COUNT = sizeof groups / sizeof groups[0] };
    uint8_t reply[256];
    uint32_t count = COUNT, at = sizeof count + COUNT * 8;
    memcpy(reply, &count, sizeof count);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t entry[2] = {call->args[2] + at, groups[i].attributes};
        memcpy(reply + sizeof count + i * sizeof entry, entry, sizeof entry);
        memcpy(reply + at, groups[i].sid, sid_size(groups[i].sid));
        at += sid_size(groups[i].sid);
    }
    return return_bytes(call, reply, at);
}

static NTSTATUS return_privileges(struct call *call)
{
    enum { CHANGE_NOTIFY = 23, ENABLED = 3 };
    uint32_t reply[4] = {1, CHANGE_NOTIFY, 0, ENABLED};
    return return_bytes(call, reply, sizeof reply);
}

static NTSTATUS return_default_acl(struct call *call)
{
    uint32_t reply[3] = {call->args[2] + 4, 0x00080000 | ACL_REVISION, 0};
    return return_bytes(call, reply, sizeof reply);
}

static NTSTATUS return_statistics(struct call *call)
{
    TOKEN_STATISTICS statistics = {.TokenType = TokenPrimary, .GroupCount = 3, .PrivilegeCount = 1};
    statistics.TokenId.LowPart = statistics.ModifiedId.LowPart =
        statistics.AuthenticationId.LowPart = 1000;
    return return_bytes(call, &statistics, sizeof statistics);
}

static NTSTATUS return_word(struct call *call, uint32_t value)
{
    return return_bytes(call, &value, sizeof value);
}

static NTSTATUS query_token(struct call *call)
{
    TOKEN_SOURCE source = {.SourceName = "*SYSTEM*"};
    switch (call->args[1]) {
    case TokenUser:
        return return_sid(call, &user_sid, 8, 0);
    case TokenGroups:
        return return_groups(call);
    case TokenPrivileges:
        return return_privileges(call);
    case TokenOwner:
        return return_sid(call, &user_sid, 4, 0);
    case TokenPrimaryGroup:
        return return_sid(call, &group_sid, 4, 0);
    case TokenDefaultDacl:
        return return_default_acl(call);
    case TokenSource:
        return return_bytes(call, &source, sizeof source);
    case TokenType:
        return return_word(call, TokenPrimary);
    case TokenImpersonationLevel:
        return STATUS_INVALID_PARAMETER; /* not an impersonation token */
    case TokenStatistics:
        return return_statistics(call);
    case TokenSessionId:
        return return_word(call, 1);
    case TokenElevationType:
        return return_word(call, TokenElevationTypeDefault);
    case TokenElevation:
        return return_word(call, 1);
    case TokenHasRestrictions:
    case TokenVirtualizationAllowed:
    case TokenVirtualizationEnabled:
    case TokenUIAccess:
    case TokenIsAppContainer:
        return return_word(call, 0);
    case TokenIntegrityLevel:
        return return_sid(call, &high_sid, 8, SE_GROUP_INTEGRITY | SE_GROUP_INTEGRITY_ENABLED);
    }
    return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS nt_query_information_token(struct call *call)
{
    struct object *token;
    NTSTATUS status = handle_object(call->thread, call->args[0], &token_type, 0, &token);
    if (status)
        return status;
    object_release(token);
    return query_token(call);
}

static NTSTATUS open_token(struct call *call, uint32_t handle_guest, uint32_t attributes)
{
    struct nt_process *process;
    struct object *token;
    NTSTATUS status = process_from_handle(call->thread, call->args[0], 0, &process);
    if (status)
        return status;
    object_release(&process->object);
    status = token_new(&token);
    return status
               ? status
               : object_return_handle(call->thread, handle_guest, token, call->args[1], attributes);
}

NTSTATUS nt_open_process_token(struct call *call)
{
    return open_token(call, call->args[2], 0);
}
NTSTATUS nt_open_process_token_ex(struct call *call)
{
    return open_token(call, call->args[3], call->args[2]);
}

NTSTATUS nt_open_thread_token(struct call *call)
{
    struct object *thread;
    NTSTATUS status = handle_object(call->thread, call->args[0], &thread_type, 0, &thread);
    if (status)
        return status;
    object_release(thread);
    return STATUS_NO_TOKEN;
}

NTSTATUS nt_duplicate_token(struct call *call)
{
    struct object *token;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &token_type, TOKEN_DUPLICATE, &token);
    if (status)
        return status;
    object_release(token);
    status = token_new(&token);
    return status ? status
                  : object_return_handle(call->thread, call->args[5], token, call->args[1], 0);
}

NTSTATUS nt_adjust_privileges_token(struct call *call)
{
    struct object *token;
    NTSTATUS status = handle_object(call->thread, call->args[0], &token_type, 0, &token);
    if (status)
        return status;
    object_release(token);
    if (call->args[4]) /* none were changed */
        status = guest_write32(call->args[4], 0);
    return status ? status : guest_return32(call->args[5], sizeof(uint32_t));
}

/* (descriptor, token, wanted, mapping, privileges, *length, *granted, *status) */
NTSTATUS nt_access_check(struct call *call)
{
    uint32_t wanted = call->args[2];
    GENERIC_MAPPING mapping;
    NTSTATUS status = guest_read(&mapping, call->args[3], sizeof mapping);
    if (status)
        return status;
    uint32_t granted = wanted & MAXIMUM_ALLOWED ? mapping.GenericAll : wanted;
    status = guest_write32(call->args[6], granted);
    return status ? status : guest_write32(call->args[7], STATUS_SUCCESS);
}

/* A self-relative descriptor: the user owns it; no list, so everything is allowed. */
NTSTATUS nt_query_security_object(struct call *call)
{
    struct object *object;
    struct security {
        SECURITY_DESCRIPTOR_RELATIVE header;
        struct sid owner, group;
    } reply;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &object);
    if (status)
        return status;
    object_release(object);
    memset(&reply, 0, sizeof reply);
    reply.header.Revision = SECURITY_DESCRIPTOR_REVISION;
    reply.header.Control = SE_SELF_RELATIVE;
    if (call->args[1] & OWNER_SECURITY_INFORMATION)
        reply.header.Owner = offsetof(struct security, owner);
    if (call->args[1] & GROUP_SECURITY_INFORMATION)
        reply.header.Group = offsetof(struct security, group);
    if (call->args[1] & DACL_SECURITY_INFORMATION)
        reply.header.Control |= SE_DACL_PRESENT;
    reply.owner = user_sid;
    reply.group = group_sid;
    status = guest_return32(call->args[4], sizeof reply);
    if (status)
        return status;
    return call->args[3] < sizeof reply ? STATUS_BUFFER_TOO_SMALL
                                        : guest_write(call->args[2], &reply, sizeof reply);
}

NTSTATUS nt_set_security_object(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, 0, &object);
    if (!status)
        object_release(object);
    return status;
}
