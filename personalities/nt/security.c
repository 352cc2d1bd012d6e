/* SPDX-License-Identifier: MIT */
/* Security descriptors and checks of access: every object belongs to the user. */
#include <personalities/nt/nt.h>

#include <personalities/nt/token.h>

#include <string.h>

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
