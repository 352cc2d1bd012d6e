/* SPDX-License-Identifier: MIT */
/*
 * The mount point manager: which names lead to which volume. Each volume has two, its letter and its
 * Volume{...} name. Programs ask for them to find out a file's path from a handle.
 */
#include <personalities/nt/mount_points.h>

#include <string.h>

#include <ddk/mountmgr.h>

struct mount_point {
    struct text link, device;
    uint32_t volume; /* what tells volumes apart */
};

static const struct mount_point points[] = {
    {LITERAL("\\DosDevices\\C:"), LITERAL("\\Device\\HarddiskVolume1"), 1},
    {LITERAL("\\??\\" VOLUME_NAME_C), LITERAL("\\Device\\HarddiskVolume1"), 1},
    {LITERAL("\\DosDevices\\Z:"), LITERAL("\\Device\\HarddiskVolume2"), 2},
    {LITERAL("\\??\\" VOLUME_NAME_Z), LITERAL("\\Device\\HarddiskVolume2"), 2},
};
#define POINT_COUNT (sizeof points / sizeof points[0])

struct query {
    const uint8_t *bytes; /* what was asked, of `length` bytes */
    uint32_t length;
    MOUNTMGR_MOUNT_POINT wanted;
};

static bool within(const struct query *query, uint32_t offset, uint32_t length)
{
    return offset <= query->length && length <= query->length - offset;
}

static bool text_matches(const struct query *query, uint32_t offset, uint32_t length,
                         struct text text)
{
    WCHAR chars[64];
    if (length == 0)
        return true;
    if (length > sizeof chars || (length & 1))
        return false;
    memcpy(chars, query->bytes + offset, length);
    return text_equal((struct text){chars, length / sizeof(WCHAR)}, text);
}

static bool matches(const struct query *query, const struct mount_point *point)
{
    const MOUNTMGR_MOUNT_POINT *wanted = &query->wanted;
    bool id = wanted->UniqueIdLength == 0 || (wanted->UniqueIdLength == sizeof point->volume &&
                                              memcmp(query->bytes + wanted->UniqueIdOffset,
                                                     &point->volume, sizeof point->volume) == 0);
    return id &&
           text_matches(query, wanted->SymbolicLinkNameOffset, wanted->SymbolicLinkNameLength,
                        point->link) &&
           text_matches(query, wanted->DeviceNameOffset, wanted->DeviceNameLength, point->device);
}

static uint32_t tail_bytes(const struct mount_point *point)
{
    return (point->link.length + point->device.length) * sizeof(WCHAR) + sizeof point->volume;
}

static uint32_t put(uint8_t *out, uint32_t *at, const void *bytes, uint32_t length)
{
    uint32_t offset = *at;
    memcpy(out + offset, bytes, length);
    *at += length;
    return offset;
}

static void put_point(const struct mount_point *point, MOUNTMGR_MOUNT_POINT *to, uint8_t *out,
                      uint32_t *at)
{
    to->SymbolicLinkNameLength = point->link.length * sizeof(WCHAR);
    to->DeviceNameLength = point->device.length * sizeof(WCHAR);
    to->UniqueIdLength = sizeof point->volume;
    to->SymbolicLinkNameOffset = put(out, at, point->link.chars, to->SymbolicLinkNameLength);
    to->DeviceNameOffset = put(out, at, point->device.chars, to->DeviceNameLength);
    to->UniqueIdOffset = put(out, at, &point->volume, sizeof point->volume);
}

static NTSTATUS answer(const struct query *query, uint8_t *out, uint32_t out_length,
                       uint32_t *information)
{
    MOUNTMGR_MOUNT_POINTS *reply = (MOUNTMGR_MOUNT_POINTS *)out;
    uint32_t header = offsetof(MOUNTMGR_MOUNT_POINTS, MountPoints), count = 0, tails = 0;
    for (uint32_t i = 0; i < POINT_COUNT; i++)
        if (matches(query, &points[i])) {
            count++;
            tails += tail_bytes(&points[i]);
        }
    uint32_t at = header + count * sizeof reply->MountPoints[0];
    reply->NumberOfMountPoints = count;
    reply->Size = at + tails;
    *information = header;
    if (out_length < reply->Size)
        return STATUS_BUFFER_OVERFLOW;
    *information = reply->Size;
    MOUNTMGR_MOUNT_POINT *to = reply->MountPoints;
    for (uint32_t i = 0; i < POINT_COUNT; i++)
        if (matches(query, &points[i]))
            put_point(&points[i], to++, out, &at);
    return count ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS mount_points_control(uint32_t code, const void *in, uint32_t in_length, void *out,
                              uint32_t out_length, uint32_t *information)
{
    struct query query = {.bytes = in, .length = in_length};
    if (code != IOCTL_MOUNTMGR_QUERY_POINTS)
        return STATUS_NOT_SUPPORTED;
    if (in_length < sizeof query.wanted || out_length < sizeof(MOUNTMGR_MOUNT_POINTS))
        return STATUS_INVALID_PARAMETER;
    memcpy(&query.wanted, in, sizeof query.wanted);
    if (!within(&query, query.wanted.SymbolicLinkNameOffset, query.wanted.SymbolicLinkNameLength) ||
        !within(&query, query.wanted.UniqueIdOffset, query.wanted.UniqueIdLength) ||
        !within(&query, query.wanted.DeviceNameOffset, query.wanted.DeviceNameLength))
        return STATUS_INVALID_PARAMETER;
    return answer(&query, out, out_length, information);
}
