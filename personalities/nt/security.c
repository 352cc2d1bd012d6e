/* SPDX-License-Identifier: MIT */
/* Security descriptors and checks of access. See security.h. */
#include <personalities/nt/security.h>

#include <personalities/nt/file.h>
#include <personalities/nt/registry.h>
#include <personalities/nt/token.h>

#include <stdlib.h>
#include <string.h>

#define SID_HEADER     8u
#define SUBAUTHORITIES 15u
#define ACL_HEADER     8u
#define DACL_CONTROL   (SE_DACL_PRESENT | SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED)
#define SACL_CONTROL   (SE_SACL_PRESENT | SE_SACL_PROTECTED | SE_SACL_AUTO_INHERITED)

/* In the order in which they follow the header of a descriptor. */
enum part_index { PART_OWNER, PART_GROUP, PART_SACL, PART_DACL, PART_COUNT };
static const uint32_t part_bits[PART_COUNT] = {
    OWNER_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, SACL_SECURITY_INFORMATION,
    DACL_SECURITY_INFORMATION};

struct part {
    uint8_t *bytes; /* NULL: none */
    uint32_t length;
};
struct security {
    uint32_t control; /* of the two lists */
    struct part parts[PART_COUNT];
};

void security_free(struct security *security)
{
    if (!security)
        return;
    for (uint32_t i = 0; i < PART_COUNT; i++)
        free(security->parts[i].bytes);
    free(security);
}

/* ---- reading -------------------------------------------------------------------------------------- */

static NTSTATUS part_length(enum part_index index, uint32_t guest, uint32_t *length)
{
    uint8_t header[SID_HEADER];
    uint16_t size;
    NTSTATUS status = guest_read(header, guest, sizeof header);
    if (status)
        return status;
    if (index == PART_SACL || index == PART_DACL) {
        memcpy(&size, header + offsetof(ACL, AclSize), sizeof size);
        *length = size;
        return size < ACL_HEADER ? STATUS_INVALID_ACL : STATUS_SUCCESS;
    }
    *length = SID_HEADER + 4u * header[1];
    return header[0] != SID_REVISION || header[1] > SUBAUTHORITIES ? STATUS_INVALID_SID
                                                                   : STATUS_SUCCESS;
}

static NTSTATUS part_read(enum part_index index, uint32_t guest, struct part *part)
{
    *part = (struct part){NULL, 0};
    if (!guest)
        return STATUS_SUCCESS;
    NTSTATUS status = part_length(index, guest, &part->length);
    if (status)
        return status;
    part->bytes = malloc(part->length);
    if (!part->bytes)
        return STATUS_NO_MEMORY;
    status = guest_read(part->bytes, guest, part->length);
    if (status) {
        free(part->bytes);
        *part = (struct part){NULL, 0};
    }
    return status;
}

/* Where the parts are in the guest; 0: there is none. */
static void part_places(uint32_t guest, const SECURITY_DESCRIPTOR_RELATIVE *header,
                        uint32_t places[PART_COUNT])
{
    uint32_t base = header->Control & SE_SELF_RELATIVE ? guest : 0;
    uint32_t fields[PART_COUNT] = {header->Owner, header->Group, header->Sacl, header->Dacl};
    if (!(header->Control & SE_SACL_PRESENT))
        fields[PART_SACL] = 0;
    if (!(header->Control & SE_DACL_PRESENT))
        fields[PART_DACL] = 0;
    for (uint32_t i = 0; i < PART_COUNT; i++)
        places[i] = fields[i] ? base + fields[i] : 0;
}

static void part_replace(struct security *security, enum part_index index, struct part part,
                         uint32_t control)
{
    uint32_t bits = index == PART_DACL ? DACL_CONTROL : index == PART_SACL ? SACL_CONTROL : 0;
    free(security->parts[index].bytes);
    security->parts[index] = part;
    security->control = (security->control & ~bits) | (control & bits);
}

NTSTATUS security_read(uint32_t guest, uint32_t which, struct security **security)
{
    SECURITY_DESCRIPTOR_RELATIVE header;
    uint32_t places[PART_COUNT];
    NTSTATUS status = guest_read(&header, guest, sizeof header);
    if (status)
        return status;
    if (header.Revision != SECURITY_DESCRIPTOR_REVISION)
        return STATUS_UNKNOWN_REVISION;
    if (!*security && !(*security = calloc(1, sizeof **security)))
        return STATUS_NO_MEMORY;
    part_places(guest, &header, places);
    for (uint32_t i = 0; i < PART_COUNT && !status; i++) {
        struct part part;
        if (!(which & part_bits[i]))
            continue;
        status = part_read(i, places[i], &part);
        if (!status)
            part_replace(*security, i, part, header.Control);
    }
    return status;
}

/* ---- whose ---------------------------------------------------------------------------------------- */

/* Where an object's descriptor is kept: that of a key belongs to the key, not to the handle's object. */
static struct security **place_of(struct object *object)
{
    return object->type == &key_type
               ? &container_of(object, struct key_object, object)->key->security
               : &object->security;
}

/* ---- calls ---------------------------------------------------------------------------------------- */

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

/* The part as it was given; an owner and a group are always there. */
static struct part part_of(const struct security *security, enum part_index index)
{
    struct part none = {NULL, 0};
    if (security && (security->parts[index].bytes || index == PART_DACL || index == PART_SACL))
        return security->parts[index];
    if (index == PART_OWNER)
        return (struct part){(uint8_t *)&user_sid, sid_size(&user_sid)};
    return index == PART_GROUP ? (struct part){(uint8_t *)&group_sid, sid_size(&group_sid)} : none;
}

/* Without a descriptor of its own an object has an empty list: everything is allowed. */
static uint32_t control_of(const struct security *security, uint32_t which)
{
    uint32_t control = security ? security->control : SE_DACL_PRESENT;
    if (!(which & DACL_SECURITY_INFORMATION))
        control &= ~(uint32_t)DACL_CONTROL;
    if (!(which & SACL_SECURITY_INFORMATION))
        control &= ~(uint32_t)SACL_CONTROL;
    return control | SE_SELF_RELATIVE;
}

static NTSTATUS give(struct call *call, const struct security *security)
{
    SECURITY_DESCRIPTOR_RELATIVE header = {.Revision = SECURITY_DESCRIPTOR_REVISION};
    uint32_t which = call->args[1], offsets[PART_COUNT] = {0}, total = sizeof header;
    for (uint32_t i = 0; i < PART_COUNT; i++) {
        uint32_t length = which & part_bits[i] ? part_of(security, i).length : 0;
        offsets[i] = length ? total : 0;
        total += (length + 3) & ~3u;
    }
    header.Control = control_of(security, which);
    header.Owner = offsets[PART_OWNER];
    header.Group = offsets[PART_GROUP];
    header.Sacl = offsets[PART_SACL];
    header.Dacl = offsets[PART_DACL];
    NTSTATUS status = guest_return32(call->args[4], total);
    if (!status && call->args[3] < total)
        status = STATUS_BUFFER_TOO_SMALL;
    if (!status)
        status = guest_write(call->args[2], &header, sizeof header);
    for (uint32_t i = 0; i < PART_COUNT && !status; i++) {
        struct part part = part_of(security, i);
        if (offsets[i])
            status = guest_write(call->args[2] + offsets[i], part.bytes, part.length);
    }
    return status;
}

/* (object, parts, descriptor, length, *needed) */
NTSTATUS nt_query_security_object(struct call *call)
{
    struct object *object;
    ACCESS_MASK access =
        call->args[1] & SACL_SECURITY_INFORMATION ? ACCESS_SYSTEM_SECURITY : READ_CONTROL;
    NTSTATUS status = handle_object(call->thread, call->args[0], NULL, access, &object);
    if (status)
        return status;
    status = give(call, *place_of(object));
    object_release(object);
    return status;
}

static ACCESS_MASK set_access(uint32_t which)
{
    ACCESS_MASK access = 0;
    if (which & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION))
        access |= WRITE_OWNER;
    if (which & DACL_SECURITY_INFORMATION)
        access |= WRITE_DAC;
    return access | (which & SACL_SECURITY_INFORMATION ? ACCESS_SYSTEM_SECURITY : 0);
}

/* (object, parts, descriptor) */
NTSTATUS nt_set_security_object(struct call *call)
{
    struct object *object;
    struct security *nothing = NULL;
    if (!call->args[2])
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], NULL, set_access(call->args[1]), &object);
    if (status)
        return status;
    bool kept = object->type != &file_type;
    status = security_read(call->args[2], call->args[1], kept ? place_of(object) : &nothing);
    security_free(nothing);
    object_release(object);
    return status;
}
