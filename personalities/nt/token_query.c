/* SPDX-License-Identifier: MIT */
/* What programs ask of a token, and what they set in it: the information classes. */
#include <personalities/nt/token_state.h>

#include <string.h>

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
    uint32_t count = USER_GROUPS, at = sizeof count + USER_GROUPS * 8;
    memcpy(reply, &count, sizeof count);
    for (uint32_t i = 0; i < USER_GROUPS; i++) {
        uint32_t entry[2] = {call->args[2] + at, user_groups[i].attributes};
        memcpy(reply + sizeof count + i * sizeof entry, entry, sizeof entry);
        memcpy(reply + at, user_groups[i].sid, sid_size(user_groups[i].sid));
        at += sid_size(user_groups[i].sid);
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
        if (!(token->privileges[i] & PRIVILEGE_HELD))
            continue;
        reply.entries[reply.count].Luid.LowPart = i;
        reply.entries[reply.count++].Attributes = token->privileges[i] & ~PRIVILEGE_HELD;
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
        .TokenType = token->type, .ImpersonationLevel = token->level, .GroupCount = USER_GROUPS};
    statistics.TokenId.LowPart = token->id;
    statistics.ModifiedId.LowPart = token->modified;
    statistics.AuthenticationId.LowPart = 1000;
    statistics.ExpirationTime.QuadPart = INT64_MAX;
    for (uint32_t i = 0; i < PRIVILEGES_MAX; i++)
        statistics.PrivilegeCount += (token->privileges[i] & PRIVILEGE_HELD) != 0;
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

NTSTATUS nt_query_information_token(struct call *call)
{
    struct token *token;
    NTSTATUS status =
        token_from_handle(call, call->args[0],
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
    NTSTATUS status = token_from_handle(call, call->args[0], TOKEN_ADJUST_DEFAULT, &token);
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
