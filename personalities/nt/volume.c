/* SPDX-License-Identifier: MIT */
/* Information on volumes, and what kind of device a handle means. */
#include <personalities/nt/file.h>

#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

static bool has_node(const struct nt_file *file)
{
    return file->node != HANDLE_NONE;
}

static NTSTATUS volume_label(struct call *call, uint32_t *information)
{
    static const WCHAR label[] = L"Atomik";
    FILE_FS_VOLUME_INFORMATION info;
    uint32_t header = offsetof(FILE_FS_VOLUME_INFORMATION, VolumeLabel),
             bytes = sizeof label - sizeof(WCHAR);
    if (call->args[3] < header)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(&info, 0, sizeof info);
    info.VolumeSerialNumber = VOLUME_SERIAL;
    info.VolumeLabelLength = bytes;
    info.SupportsObjects = TRUE;
    uint32_t fits = call->args[3] - header < bytes ? call->args[3] - header : bytes;
    NTSTATUS status = guest_write(call->args[2], &info, header);
    if (!status)
        status = guest_write(call->args[2] + header, label, fits);
    *information = header + fits;
    return status ? status : fits < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS volume_attributes(struct call *call, uint32_t *information)
{
    static const WCHAR name[] = L"NTFS";
    FILE_FS_ATTRIBUTE_INFORMATION info;
    uint32_t header = offsetof(FILE_FS_ATTRIBUTE_INFORMATION, FileSystemName),
             bytes = sizeof name - sizeof(WCHAR);
    if (call->args[3] < header)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(&info, 0, sizeof info);
    info.FileSystemAttributes =
        FILE_CASE_SENSITIVE_SEARCH | FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK;
    info.MaximumComponentNameLength = FS_NAME_MAX;
    info.FileSystemNameLength = bytes;
    uint32_t fits = call->args[3] - header < bytes ? call->args[3] - header : bytes;
    NTSTATUS status = guest_write(call->args[2], &info, header);
    if (!status)
        status = guest_write(call->args[2] + header, name, fits);
    *information = header + fits;
    return status ? status : fits < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS volume_size(struct call *call, struct nt_file *file, uint32_t *information)
{
    struct fs_statistics statistics;
    if (!has_node(file))
        return STATUS_INVALID_DEVICE_REQUEST;
    status_t found = BLOCKING(fs_client_statfs(file->node, &statistics));
    if (found != OK)
        return nt_status(found);
    uint32_t sectors = statistics.block_size >= SECTOR ? statistics.block_size / SECTOR : 1;
    FILE_FS_SIZE_INFORMATION size = {.SectorsPerAllocationUnit = sectors, .BytesPerSector = SECTOR};
    FILE_FS_FULL_SIZE_INFORMATION full = {.SectorsPerAllocationUnit = sectors,
                                          .BytesPerSector = SECTOR};
    size.TotalAllocationUnits.QuadPart = full.TotalAllocationUnits.QuadPart = statistics.blocks;
    size.AvailableAllocationUnits.QuadPart = statistics.blocks_free;
    full.CallerAvailableAllocationUnits.QuadPart = full.ActualAvailableAllocationUnits.QuadPart =
        statistics.blocks_free;
    bool wants_full = call->args[4] == FileFsFullSizeInformation;
    *information = wants_full ? sizeof full : sizeof size;
    if (call->args[3] < *information)
        return STATUS_BUFFER_TOO_SMALL;
    return guest_write(call->args[2], wants_full ? (void *)&full : (void *)&size, *information);
}

/* What GetFileType and isatty make of a handle. */
static NTSTATUS volume_device(struct call *call, struct nt_file *file, uint32_t *information)
{
    static const uint8_t types[] = {
        [FILE_DISK] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_DIRECTORY] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_VOLUME] = FILE_DEVICE_DISK_FILE_SYSTEM,
        [FILE_PIPE] = FILE_DEVICE_NAMED_PIPE,
        [FILE_PIPE_DEVICE] = FILE_DEVICE_NAMED_PIPE,
        [FILE_NULL] = FILE_DEVICE_NULL,
        [FILE_CONSOLE] = FILE_DEVICE_CONSOLE,
    };
    FILE_FS_DEVICE_INFORMATION info = {.DeviceType = types[file->kind]};
    if (info.DeviceType == FILE_DEVICE_DISK_FILE_SYSTEM)
        info.Characteristics = FILE_DEVICE_IS_MOUNTED;
    *information = sizeof info;
    return call->args[3] < sizeof info ? STATUS_INFO_LENGTH_MISMATCH
                                       : guest_write(call->args[2], &info, sizeof info);
}

static NTSTATUS query_volume(struct call *call, struct nt_file *file, uint32_t *information)
{
    switch (call->args[4]) {
    case FileFsVolumeInformation:
        return volume_label(call, information);
    case FileFsSizeInformation:
    case FileFsFullSizeInformation:
        return volume_size(call, file, information);
    case FileFsDeviceInformation:
        return volume_device(call, file, information);
    case FileFsAttributeInformation:
        return volume_attributes(call, information);
    }
    return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS nt_query_volume_information_file(struct call *call)
{
    return with_file(call, query_volume);
}
