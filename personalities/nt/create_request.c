/* SPDX-License-Identifier: MIT */
/* What a caller of NtCreateUserProcess asks for, copied from its memory. */
#include <personalities/nt/create_process.h>

#include <personalities/nt/debug.h>
#include <personalities/nt/file.h>
#include <personalities/nt/token.h>

#include <stdlib.h>

#define ENVIRONMENT_MAX 0x100000u
#define INHERITED_MAX   0x10000u /* handles in a list */

void creation_free(struct creation *c)
{
    for (uint32_t i = 0; i < sizeof c->storage / sizeof c->storage[0]; i++)
        free(c->storage[i]);
    free(c->runtime_info);
    free(c->environment);
    free(c->image_storage);
    free(c->inherited);
    object_release(c->file);
    object_release(c->debug);
    object_release(c->token);
    image_release(c->image);
    if (c->parent)
        object_release(&c->parent->object);
}

static NTSTATUS read_string(uint32_t block, uint32_t offset, struct text *text, WCHAR **storage)
{
    return guest_read_text(block + offset, text, storage);
}

/* Until an empty string, if the size is not given. */
static NTSTATUS environment_size(struct creation *c, uint32_t address)
{
    uint32_t length = 0;
    WCHAR previous = 1, current;
    c->environment_bytes = c->parameters.EnvironmentSize;
    while (!c->environment_bytes) {
        NTSTATUS status = guest_read(&current, address + length * sizeof current, sizeof current);
        if (status)
            return status;
        length++;
        if (!current && !previous)
            c->environment_bytes = length * sizeof current;
        if (length * sizeof current >= ENVIRONMENT_MAX)
            return STATUS_INVALID_PARAMETER;
        previous = current;
    }
    return c->environment_bytes <= ENVIRONMENT_MAX ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS read_environment(struct creation *c)
{
    uint32_t address = (uint32_t)c->parameters.Environment;
    NTSTATUS status = address ? environment_size(c, address) : STATUS_SUCCESS;
    if (status)
        return status;
    uint32_t bytes = c->environment_bytes ? c->environment_bytes : 2 * sizeof(WCHAR);
    c->environment = calloc(1, bytes);
    if (!c->environment)
        return STATUS_NO_MEMORY;
    status = address ? guest_read(c->environment, address, bytes) : STATUS_SUCCESS;
    c->environment_bytes = bytes;
    return status;
}

/* Bytes, not text: their number may be odd. */
static NTSTATUS read_runtime_info(struct creation *c)
{
    uint32_t bytes = c->parameters.RuntimeInfo.Length;
    if (bytes == 0)
        return STATUS_SUCCESS;
    c->runtime_info = malloc(bytes);
    if (!c->runtime_info)
        return STATUS_NO_MEMORY;
    c->runtime_bytes = bytes;
    return guest_read(c->runtime_info, (uint32_t)c->parameters.RuntimeInfo.Buffer, bytes);
}

static NTSTATUS read_parameters(struct creation *c)
{
    uint32_t block = c->call->args[8];
    static const uint32_t offsets[] = {
        offsetof(RTL_USER_PROCESS_PARAMETERS, ImagePathName),
        offsetof(RTL_USER_PROCESS_PARAMETERS, CurrentDirectory.DosPath),
        offsetof(RTL_USER_PROCESS_PARAMETERS, CommandLine),
        offsetof(RTL_USER_PROCESS_PARAMETERS, WindowTitle),
        offsetof(RTL_USER_PROCESS_PARAMETERS, Desktop),
        offsetof(RTL_USER_PROCESS_PARAMETERS, ShellInfo),
    };
    struct text *texts[] = {&c->image_path, &c->directory, &c->command_line,
                            &c->title,      &c->desktop,   &c->shell_info};
    NTSTATUS status = guest_read(&c->parameters, block, sizeof c->parameters);
    if (!status && !(c->parameters.Flags & PROCESS_PARAMS_FLAG_NORMALIZED))
        status = STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; !status && i < sizeof texts / sizeof texts[0]; i++)
        status = read_string(block, offsets[i], texts[i], &c->storage[i]);
    if (!status)
        status = read_runtime_info(c);
    return status ? status : read_environment(c);
}

static NTSTATUS read_handle_list(struct creation *c, const PS_ATTRIBUTE *attribute)
{
    uint32_t count = attribute->Size / sizeof(uint32_t);
    if (c->inherited || count == 0 || count > INHERITED_MAX)
        return STATUS_INVALID_PARAMETER;
    c->inherited = malloc(count * sizeof(uint32_t));
    if (!c->inherited)
        return STATUS_NO_MEMORY;
    c->inherited_count = count;
    return guest_read(c->inherited, attribute->Value, count * sizeof(uint32_t));
}

static NTSTATUS read_attribute(struct creation *c, const PS_ATTRIBUTE *attribute)
{
    struct nt_thread *thread = c->call->thread;
    switch (attribute->Attribute & 0xffff) {
    case PsAttributeImageName: {
        uint32_t bytes = attribute->Size & ~1u;
        if (bytes > 0xffff || c->image_storage)
            return STATUS_INVALID_PARAMETER;
        c->image_storage = malloc(bytes + sizeof(WCHAR));
        if (!c->image_storage)
            return STATUS_NO_MEMORY;
        c->image_name = (struct text){c->image_storage, bytes / sizeof(WCHAR)};
        return guest_read(c->image_storage, attribute->Value, bytes);
    }
    case PsAttributeClientId:
        c->client_id = attribute->Value;
        return STATUS_SUCCESS;
    case PsAttributeImageInfo:
        c->image_info = attribute->Value;
        return STATUS_SUCCESS;
    case PsAttributeParentProcess:
        object_release(&c->parent->object);
        c->parent = NULL;
        return process_from_handle(thread, attribute->Value, PROCESS_CREATE_PROCESS, &c->parent);
    case PsAttributeToken:
        object_release(c->token);
        c->token = NULL;
        return handle_object(thread, attribute->Value, &token_type, TOKEN_ASSIGN_PRIMARY,
                             &c->token);
    case PsAttributeHandleList:
        return read_handle_list(c, attribute);
    case PsAttributeJobList:
        c->job_count = attribute->Size / sizeof c->jobs[0];
        if (c->job_count > sizeof c->jobs / sizeof c->jobs[0])
            return STATUS_INSUFFICIENT_RESOURCES;
        return guest_read(c->jobs, attribute->Value, c->job_count * sizeof c->jobs[0]);
    case PsAttributeDebugPort:
        object_release(c->debug);
        c->debug = NULL;
        return handle_object(thread, attribute->Value, &debug_type, DEBUG_PROCESS_ASSIGN,
                             &c->debug);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS read_attributes(struct creation *c)
{
    uint32_t list = c->call->args[10], total;
    NTSTATUS status = guest_read(&total, list, sizeof total);
    for (uint32_t at = sizeof total;
         !status && at + sizeof(PS_ATTRIBUTE) <= total && at < PAGE_SIZE;
         at += sizeof(PS_ATTRIBUTE)) {
        PS_ATTRIBUTE attribute;
        status = guest_read(&attribute, list + at, sizeof attribute);
        if (!status)
            status = read_attribute(c, &attribute);
    }
    return status ? status : c->image_storage ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS open_image(struct creation *c)
{
    struct open_request request = {.thread = c->call->thread,
                                   .process = c->call->process,
                                   .access = FILE_EXECUTE | FILE_READ_DATA | SYNCHRONIZE,
                                   .share = FILE_SHARE_READ | FILE_SHARE_DELETE,
                                   .disposition = FILE_OPEN,
                                   .options =
                                       FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT};
    NTSTATUS status = ntfile_open_path(NULL, c->image_name, &request, &c->file);
    if (status)
        return status;
    if (file_of(c->file)->kind != FILE_DISK)
        return STATUS_INVALID_IMAGE_FORMAT;
    struct fs_attr attr;
    status = nt_status(ntfile_stat(c->call->process, file_of(c->file), &attr));
    if (!status)
        status = image_open(file_of(c->file)->node, &attr, &c->image);
    if (!status && (c->image->plan.characteristics & IMAGE_FILE_DLL))
        status = STATUS_INVALID_IMAGE_FORMAT;
    return status;
}

NTSTATUS creation_read(struct creation *c)
{
    NTSTATUS status = read_parameters(c);
    if (!status)
        status = read_attributes(c);
    return status ? status : open_image(c);
}
