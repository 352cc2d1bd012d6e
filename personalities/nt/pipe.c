/* SPDX-License-Identifier: MIT */
/*
 * Named pipes. An instance is a pair of kernel streams, one in each direction; so the two ends of an
 * anonymous pipe are handed to programs of other personalities as they are. In message mode each
 * message travels with its length in front, which only ends of our own understand.
 */
#include <personalities/nt/pipe.h>

#include <atomik/thread.h>
#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define CAPACITY 0x10000u

struct pipe_name;

/* One instance; it lives while either end is open. */
struct pipe_instance {
    struct list link;       /* in its name */
    struct pipe_name *name; /* NULL once the server end has closed */
    uint32_t references;    /* ends */
    bool connected;
    handle_t to_server_read, to_client_write; /* the server's end */
    handle_t to_server_write, to_client_read; /* kept for the client to come */
    struct object *listener;                  /* event of a pending FSCTL_PIPE_LISTEN, held */
    struct nt_thread *waiting;                /* thread that waits in FSCTL_PIPE_LISTEN */
    uint32_t to_server, to_client; /* messages under way, each with its length in front */
};

struct pipe_name {
    struct list link, instances;
    WCHAR *chars;
    uint32_t length;
    uint32_t type, maximum, access;
};

struct pipe_request {
    ACCESS_MASK access;
    uint32_t disposition, options, type, read_mode, completion_mode, maximum;
};

struct pipe_end {
    struct pipe_instance *instance;
    bool server;
    uint32_t read_mode, completion_mode, type;
    uint32_t rest; /* bytes of the current message that are not read yet */
};

static struct list names = {&names, &names};

static struct pipe_name *find_name(struct text wanted)
{
    list_each(name, &names, struct pipe_name,
              link) if (text_equal((struct text){name->chars, name->length}, wanted)) return name;
    return NULL;
}

static void release_instance(struct pipe_instance *instance)
{
    if (--instance->references > 0)
        return;
    handle_drop(&instance->to_server_read);
    handle_drop(&instance->to_server_write);
    handle_drop(&instance->to_client_read);
    handle_drop(&instance->to_client_write);
    object_release(instance->listener);
    free(instance);
}

static void free_name(struct pipe_name *name)
{
    list_remove(&name->link);
    free(name->chars);
    free(name);
}

static void forget_name(struct pipe_instance *instance)
{
    struct pipe_name *name = instance->name;
    list_remove(&instance->link);
    instance->name = NULL;
    if (name && list_empty(&name->instances))
        free_name(name);
}

void pipe_closed(struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    handle_drop(&file->read_end);
    handle_drop(&file->write_end);
    if (end->server) {
        forget_name(end->instance);
        if (!end->instance->connected) {
            handle_drop(&end->instance->to_server_write);
            handle_drop(&end->instance->to_client_read);
        }
    }
    release_instance(end->instance);
    free(end);
    file->pipe = NULL;
}

/* ---- creation ---- */

static NTSTATUS make_streams(struct pipe_instance *instance)
{
    status_t status =
        stream_create(CAPACITY, &instance->to_server_read, &instance->to_server_write);
    if (status == OK)
        status = stream_create(CAPACITY, &instance->to_client_read, &instance->to_client_write);
    return nt_status(status);
}

static struct nt_file *make_end(struct pipe_instance *instance, bool server, uint32_t type,
                                ACCESS_MASK access, uint32_t options)
{
    struct nt_file *file = ntfile_new(FILE_PIPE, access, options);
    struct pipe_end *end = calloc(1, sizeof *end);
    if (!file || !end) {
        if (file)
            object_release(&file->object);
        free(end);
        return NULL;
    }
    end->instance = instance;
    end->server = server;
    end->type = type;
    instance->references++;
    file->pipe = end;
    return file;
}

static NTSTATUS name_for(struct text wanted, const struct pipe_request *request,
                         struct pipe_name **result, bool *existed)
{
    struct pipe_name *name = find_name(wanted);
    uint32_t count = 0;
    *existed = name != NULL;
    if (name) {
        list_each(instance, &name->instances, struct pipe_instance, link) count++;
        *result = name;
        if (request->disposition == FILE_CREATE)
            return STATUS_ACCESS_DENIED;
        return count >= name->maximum ? STATUS_INSTANCE_NOT_AVAILABLE : STATUS_SUCCESS;
    }
    if (request->disposition == FILE_OPEN)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    name = calloc(1, sizeof *name);
    if (!name)
        return STATUS_NO_MEMORY;
    list_init(&name->instances);
    name->chars = text_copy(wanted);
    name->length = wanted.length;
    name->type = request->type;
    name->maximum = request->maximum;
    list_append(&names, &name->link);
    *result = name;
    return STATUS_SUCCESS;
}

static NTSTATUS make_server(struct pipe_name *name, const struct pipe_request *request,
                            struct object **result)
{
    struct pipe_instance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return STATUS_NO_MEMORY;
    list_init(&instance->link);
    NTSTATUS status = make_streams(instance);
    struct nt_file *file =
        status ? NULL : make_end(instance, true, name->type, request->access, request->options);
    if (!file) {
        instance->references = 1;
        release_instance(instance);
        return status ? status : STATUS_NO_MEMORY;
    }
    instance->name = name;
    list_append(&name->instances, &instance->link);
    file->read_end = instance->to_server_read;
    file->write_end = instance->to_client_write;
    instance->to_server_read = instance->to_client_write = HANDLE_NONE;
    file->pipe->read_mode = request->read_mode;
    file->pipe->completion_mode = request->completion_mode;
    *result = &file->object;
    return STATUS_SUCCESS;
}

/* What is left of the path behind \Device\NamedPipe: the name with its backslash. */
static bool pipe_name_text(struct text path, struct text *name)
{
    static const struct text prefixes[] = {
        {L"\\??\\pipe\\", 9}, {L"\\Device\\NamedPipe\\", 18}, {L"\\DosDevices\\pipe\\", 17}};
    for (uint32_t i = 0; i < 3; i++)
        if (text_starts(path, prefixes[i]) && path.length > prefixes[i].length) {
            *name = text_skip(path, prefixes[i].length);
            return true;
        }
    return false;
}

NTSTATUS nt_create_named_pipe_file(struct call *call)
{
    struct attributes attributes;
    struct text wanted;
    struct pipe_name *name = NULL;
    struct object *file;
    bool existed;
    const uint32_t *a = call->args;
    struct pipe_request request = {.access = map_file_access(a[1]),
                                   .disposition = a[5],
                                   .options = a[6],
                                   .type = a[7],
                                   .read_mode = a[8],
                                   .completion_mode = a[9],
                                   .maximum = a[10]};
    NTSTATUS status = attributes_read(call->thread, a[2], &attributes);
    if (status)
        return status;
    if (attributes.root || !pipe_name_text(attributes.name, &wanted))
        status = STATUS_OBJECT_NAME_INVALID;
    if (!status)
        status = name_for(wanted, &request, &name, &existed);
    if (!status)
        status = make_server(name, &request, &file);
    if (name && list_empty(&name->instances))
        free_name(name);
    if (!status)
        status = object_return_handle(call->thread, a[0], file, request.access, attributes.flags);
    attributes_free(&attributes);
    if (status)
        return status;
    IO_STATUS_BLOCK block = {.Information = existed ? FILE_OPENED : FILE_CREATED};
    return guest_write(a[3], &block, sizeof block);
}

static void announce(struct pipe_instance *instance)
{
    instance->connected = true;
    if (instance->listener)
        event_set(instance->listener, true);
    object_release(instance->listener);
    instance->listener = NULL;
    if (instance->waiting)
        thread_wake(instance->waiting);
}

NTSTATUS pipe_open(struct text path, struct open_request *request, struct object **result)
{
    if (path.length <= 1)
        return STATUS_OBJECT_NAME_INVALID;
    struct pipe_name *name = find_name(text_skip(path, 1));
    if (!name)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    list_each(instance, &name->instances, struct pipe_instance, link)
    {
        if (instance->connected)
            continue;
        struct nt_file *file =
            make_end(instance, false, name->type, request->access, request->options);
        if (!file)
            return STATUS_NO_MEMORY;
        file->read_end = instance->to_client_read;
        file->write_end = instance->to_server_write;
        instance->to_client_read = instance->to_server_write = HANDLE_NONE;
        request->information = FILE_OPENED;
        announce(instance);
        *result = &file->object;
        return STATUS_SUCCESS;
    }
    return STATUS_PIPE_NOT_AVAILABLE;
}

/* ---- transfers ---- */

/* Messages that wait at the reading side of this end, or that it has sent. */
static uint32_t *message_count(const struct pipe_end *end, bool reading)
{
    return end->server == reading ? &end->instance->to_server : &end->instance->to_client;
}

static bool message_type(const struct nt_file *file)
{
    return file->pipe->type & FILE_PIPE_TYPE_MESSAGE;
}

/* All of it or an error; used for the framing of messages. */
static NTSTATUS read_all(struct nt_file *file, void *to, uint32_t length)
{
    uint32_t done = 0;
    while (done < length) {
        uint32_t moved;
        status_t status = BLOCKING(stream_read(file->read_end, (uint8_t *)to + done, length - done,
                                               &moved, DEADLINE_NEVER));
        if (status == ERR_INTERRUPTED && done == 0)
            return STATUS_RESTART_CALL;
        if (status != OK && status != ERR_INTERRUPTED)
            return nt_status(status);
        if (status == OK && moved == 0)
            return STATUS_PIPE_BROKEN;
        if (status == OK)
            done += moved;
    }
    return STATUS_SUCCESS;
}

NTSTATUS named_pipe_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                         uint32_t *done)
{
    struct pipe_end *end = file->pipe;
    (void)thread;
    if (end->completion_mode == FILE_PIPE_COMPLETE_OPERATION && !end->rest) {
        uint32_t queued, capacity;
        if (stream_info(file->read_end, &queued, &capacity) == OK && queued == 0)
            return STATUS_PIPE_EMPTY;
    }
    if (!message_type(file)) {
        status_t status = BLOCKING(stream_read(file->read_end, to, length, done, DEADLINE_NEVER));
        if (status == ERR_INTERRUPTED)
            return STATUS_RESTART_CALL;
        return status != OK       ? nt_status(status)
               : *done || !length ? STATUS_SUCCESS
                                  : STATUS_PIPE_BROKEN;
    }
    if (!end->rest) {
        NTSTATUS status = read_all(file, &end->rest, sizeof end->rest);
        if (status)
            return status;
        --*message_count(end, true);
    }
    uint32_t part = end->rest < length ? end->rest : length;
    NTSTATUS status = read_all(file, to, part);
    if (status)
        return status;
    *done = part;
    end->rest -= part;
    return end->rest ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS write_all(struct nt_file *file, const void *from, uint32_t length)
{
    uint32_t done = 0;
    while (done < length) {
        uint32_t moved = 0;
        status_t status = BLOCKING(stream_write(file->write_end, (const uint8_t *)from + done,
                                                length - done, &moved, DEADLINE_NEVER));
        if (status == ERR_INTERRUPTED && done == 0)
            return STATUS_RESTART_CALL;
        if (status != OK && status != ERR_INTERRUPTED)
            return status == ERR_PEER_CLOSED ? STATUS_PIPE_CLOSING : nt_status(status);
        if (status == OK && moved == 0)
            return STATUS_PIPE_CLOSING;
        done += moved;
    }
    return STATUS_SUCCESS;
}

NTSTATUS named_pipe_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                          uint32_t length, uint32_t *done)
{
    (void)thread;
    if (!message_type(file)) {
        NTSTATUS status = write_all(file, from, length);
        *done = status ? 0 : length;
        return status;
    }
    uint8_t *framed = malloc(sizeof length + length);
    if (!framed)
        return STATUS_NO_MEMORY;
    memcpy(framed, &length, sizeof length);
    memcpy(framed + sizeof length, from, length);
    ++*message_count(file->pipe, false);
    NTSTATUS status = write_all(file, framed, sizeof length + length);
    if (status)
        --*message_count(file->pipe, false);
    free(framed);
    *done = status ? 0 : length;
    return status;
}

/* ---- control ---- */

static NTSTATUS pipe_listen(struct call *call, struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    struct nt_thread *thread = call->thread;
    if (!end || !end->server)
        return STATUS_ILLEGAL_FUNCTION;
    if (end->instance->connected)
        return STATUS_PIPE_CONNECTED;
    if (!ntfile_synchronous(file)) {
        IO_STATUS_BLOCK block = {.Information = 0};
        object_release(end->instance->listener);
        end->instance->listener = NULL;
        if (call->args[1])
            (void)!handle_object(thread, call->args[1], &event_type, EVENT_MODIFY_STATE,
                                 &end->instance->listener);
        NTSTATUS status = guest_write(call->args[4], &block, sizeof block);
        return status ? status : STATUS_PENDING;
    }
    end->instance->waiting = thread;
    while (!end->instance->connected && !thread_attention(thread))
        thread_sleep(thread, 0);
    end->instance->waiting = NULL;
    return end->instance->connected ? STATUS_SUCCESS : STATUS_RESTART_CALL;
}

struct peek {
    uint32_t queued, message, first;
};

static NTSTATUS pipe_state(struct nt_file *file, struct peek *peek)
{
    uint32_t capacity;
    struct handle_info info;
    memset(peek, 0, sizeof *peek);
    if (!file->read_end)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (stream_info(file->read_end, &peek->queued, &capacity) != OK ||
        handle_info(file->read_end, &info) != OK)
        return STATUS_INVALID_HANDLE;
    if (peek->queued == 0 && (info.signals & SIGNAL_PEER_CLOSED))
        return STATUS_PIPE_BROKEN;
    if (!file->pipe || !message_type(file))
        return STATUS_SUCCESS;
    uint32_t lengths = *message_count(file->pipe, true) * sizeof peek->message,
             queued = peek->queued;
    peek->queued = queued > lengths ? queued - lengths : 0;
    if (file->pipe->rest) {
        peek->message = file->pipe->rest;
    } else if (queued >= sizeof peek->message) {
        uint32_t done;
        if (stream_peek(file->read_end, &peek->message, sizeof peek->message, &done) != OK)
            return STATUS_INVALID_HANDLE;
        peek->first = sizeof peek->message;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS pipe_peek(struct call *call, struct nt_file *file, uint32_t *information)
{
    FILE_PIPE_PEEK_BUFFER header = {.NamedPipeState = FILE_PIPE_CONNECTED_STATE};
    uint32_t size = call->args[9], header_size = offsetof(FILE_PIPE_PEEK_BUFFER, Data), done = 0;
    struct peek peek;
    if (size < header_size)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = pipe_state(file, &peek);
    if (status)
        return status;
    uint32_t available = peek.message ? peek.message : peek.queued;
    uint32_t room = size - header_size, wanted = room < available ? room : available;
    uint8_t *bytes = malloc(peek.first + wanted + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    if (wanted && stream_peek(file->read_end, bytes, peek.first + wanted, &done) != OK)
        done = 0;
    done = done > peek.first ? done - peek.first : 0;
    header.ReadDataAvailable = peek.queued;
    header.MessageLength = peek.message;
    status = guest_write(call->args[8], &header, header_size);
    if (!status && done)
        status = guest_write(call->args[8] + header_size, bytes + peek.first, done);
    free(bytes);
    *information = header_size + done;
    return status ? status : room && available > room ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS pipe_wait(struct call *call)
{
    FILE_PIPE_WAIT_FOR_BUFFER buffer;
    WCHAR chars[256];
    uint32_t header = offsetof(FILE_PIPE_WAIT_FOR_BUFFER, Name);
    NTSTATUS status = guest_read(&buffer, call->args[6], header);
    if (status)
        return status;
    if (buffer.NameLength > sizeof chars || call->args[7] < header + buffer.NameLength)
        return STATUS_INVALID_PARAMETER;
    status = guest_read(chars, call->args[6] + header, buffer.NameLength);
    if (status)
        return status;
    struct pipe_name *name = find_name((struct text){chars, buffer.NameLength / sizeof(WCHAR)});
    if (!name)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    list_each(instance, &name->instances, struct pipe_instance,
              link) if (!instance->connected) return STATUS_SUCCESS;
    return STATUS_IO_TIMEOUT;
}

/* The client sees the end of the pipe; the instance can be connected again. */
static NTSTATUS pipe_disconnect(struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    if (!end || !end->server)
        return STATUS_ILLEGAL_FUNCTION;
    handle_drop(&file->read_end);
    handle_drop(&file->write_end);
    struct pipe_instance *old = end->instance, *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return STATUS_NO_MEMORY;
    NTSTATUS status = make_streams(fresh);
    fresh->references = 1;
    list_init(&fresh->link);
    fresh->name = old->name;
    list_append(&old->name->instances, &fresh->link);
    list_remove(&old->link);
    old->name = NULL;
    release_instance(old);
    end->instance = fresh;
    file->read_end = fresh->to_server_read;
    file->write_end = fresh->to_client_write;
    fresh->to_server_read = fresh->to_client_write = HANDLE_NONE;
    return status;
}

NTSTATUS pipe_control(struct call *call, struct nt_file *file, uint32_t code, uint32_t *information)
{
    switch (code) {
    case FSCTL_PIPE_LISTEN:
        return pipe_listen(call, file);
    case FSCTL_PIPE_PEEK:
        return pipe_peek(call, file, information);
    case FSCTL_PIPE_DISCONNECT:
        return pipe_disconnect(file);
    case FSCTL_PIPE_WAIT:
        return pipe_wait(call);
    }
    return STATUS_INVALID_DEVICE_REQUEST;
}

void pipe_information(struct nt_file *file, FILE_PIPE_INFORMATION *info)
{
    if (!file->pipe)
        return;
    info->ReadMode = file->pipe->read_mode;
    info->CompletionMode = file->pipe->completion_mode;
}

NTSTATUS pipe_set_information(struct nt_file *file, const FILE_PIPE_INFORMATION *info)
{
    if (file->kind != FILE_PIPE)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!file->pipe)
        return info->CompletionMode || info->ReadMode ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    if (info->ReadMode > 1 || info->CompletionMode > 1 || (info->ReadMode && !message_type(file)))
        return STATUS_INVALID_PARAMETER;
    file->pipe->read_mode = info->ReadMode;
    file->pipe->completion_mode = info->CompletionMode;
    return STATUS_SUCCESS;
}

void pipe_local_information(struct nt_file *file, FILE_PIPE_LOCAL_INFORMATION *info)
{
    struct peek peek;
    info->NamedPipeConfiguration = FILE_PIPE_FULL_DUPLEX;
    info->MaximumInstances = info->CurrentInstances = 1;
    info->InboundQuota = info->OutboundQuota = CAPACITY;
    info->WriteQuotaAvailable = CAPACITY;
    info->NamedPipeState = FILE_PIPE_CONNECTED_STATE;
    if (!pipe_state(file, &peek))
        info->ReadDataAvailable = peek.queued;
    if (!file->pipe)
        return;
    info->NamedPipeType =
        file->pipe->type & FILE_PIPE_TYPE_MESSAGE ? FILE_PIPE_TYPE_MESSAGE : FILE_PIPE_TYPE_BYTE;
    info->NamedPipeEnd = file->pipe->server ? FILE_PIPE_SERVER_END : FILE_PIPE_CLIENT_END;
    if (!file->pipe->instance->connected)
        info->NamedPipeState = FILE_PIPE_LISTENING_STATE;
}
