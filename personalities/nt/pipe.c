/* SPDX-License-Identifier: MIT */
/* Named pipes: names, ends, connecting and breaking. See pipe.h. */
#include <personalities/nt/pipe.h>

#include <atomik/thread.h>
#include <ipc/call.h>
#include <personalities/nt/path.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

struct pipe_request {
    ACCESS_MASK access;
    uint32_t share, disposition, options, type, read_mode, completion_mode, maximum;
    uint32_t in_quota, out_quota;
    int64_t timeout;
};

static struct list names = {&names, &names};

struct pipe_name *pipe_find_name(struct text wanted)
{
    list_each(name, &names, struct pipe_name, link)
    {
        if (text_equal((struct text){name->chars, name->length}, wanted))
            return name;
    }
    return NULL;
}

bool pipe_available(const struct pipe_name *name)
{
    list_each(end, &name->servers, struct pipe_end, link)
    {
        if (end->state == FILE_PIPE_LISTENING_STATE)
            return true;
    }
    return false;
}

static void end_all(struct list *requests, NTSTATUS status)
{
    while (!list_empty(requests))
        io_finish(container_of(requests->next, struct io_request, link), status, 0);
}

static void free_name(struct pipe_name *name)
{
    end_all(&name->waiters, STATUS_OBJECT_NAME_NOT_FOUND);
    list_remove(&name->link);
    free(name->chars);
    free(name);
}

void pipe_notice(struct pipe_end *end)
{
    list_each(watcher, &end->watchers, struct pipe_watcher, link)
    {
        (void)!event_signal(watcher->event, 0, SIGNAL_SET);
    }
}

/* ---- breaking ---- */

/* What the other end had sent and was not read: its writers need not wait any longer. */
static void release_writers(struct pipe_end *end, NTSTATUS status)
{
    list_each(message, &end->messages, struct pipe_message, link)
    {
        struct io_request *writer = message->writer;
        if (!writer)
            continue;
        message->writer = NULL;
        writer->context = NULL;
        io_finish(writer, status, message->taken);
    }
}

static void end_broken(struct pipe_end *end, NTSTATUS status)
{
    bool disconnected = status == STATUS_PIPE_DISCONNECTED;
    end->peer = NULL;
    end->state = disconnected ? FILE_PIPE_DISCONNECTED_STATE : FILE_PIPE_CLOSING_STATE;
    release_writers(end, status);
    if (disconnected)
        pipe_drop_messages(end);
    end_all(&end->readers, status);
    end_all(&end->flushers, status);
    pipe_notice(end);
}

void pipe_disconnect(struct pipe_end *end, NTSTATUS status)
{
    struct pipe_end *peer = end->peer;
    end_broken(end, status);
    end_all(&end->listeners, status);
    if (peer)
        end_broken(peer, status);
}

void pipe_closed(struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    struct pipe_name *name = end->name;
    pipe_disconnect(end, STATUS_PIPE_BROKEN);
    pipe_drop_messages(end);
    list_remove(&end->link);
    if (name && list_empty(&name->servers))
        free_name(name);
    free(end);
    file->pipe = NULL;
    file->pipe_closed = true;
}

/* ---- the server's end ---- */

static WCHAR *device_path(const struct pipe_name *name)
{
    static const WCHAR prefix[] = L"\\Device\\NamedPipe\\";
    uint32_t at = sizeof prefix / sizeof(WCHAR) - 1;
    WCHAR *path = malloc((at + name->length + 1) * sizeof(WCHAR));
    if (!path)
        return NULL;
    memcpy(path, prefix, sizeof prefix);
    memcpy(path + at, name->chars, name->length * sizeof(WCHAR));
    path[at + name->length] = 0;
    return path;
}

static struct nt_file *make_end(const struct pipe_name *name, ACCESS_MASK access, uint32_t options)
{
    struct nt_file *file = ntfile_new(FILE_PIPE, access, options);
    struct pipe_end *end = calloc(1, sizeof *end);
    if (!file || !end) {
        if (file)
            object_release(&file->object);
        free(end);
        return NULL;
    }
    list_init(&end->link);
    list_init(&end->messages);
    list_init(&end->readers);
    list_init(&end->listeners);
    list_init(&end->flushers);
    list_init(&end->watchers);
    end->file = file;
    file->pipe = end;
    file->nt_name = device_path(name);
    return file;
}

static NTSTATUS name_new(struct text wanted, const struct pipe_request *request,
                         struct pipe_name **result)
{
    struct pipe_name *name = calloc(1, sizeof *name);
    if (!name)
        return STATUS_NO_MEMORY;
    list_init(&name->servers);
    list_init(&name->waiters);
    name->chars = text_copy(wanted);
    if (!name->chars) {
        free(name);
        return STATUS_NO_MEMORY;
    }
    name->length = wanted.length;
    name->type = request->type;
    name->maximum = request->maximum;
    name->share = request->share;
    name->in_quota = request->in_quota ? request->in_quota : PIPE_QUOTA;
    name->out_quota = request->out_quota ? request->out_quota : PIPE_QUOTA;
    name->default_timeout = request->timeout ? request->timeout : -500000;
    list_append(&names, &name->link);
    *result = name;
    return STATUS_SUCCESS;
}

static NTSTATUS name_for(struct text wanted, const struct pipe_request *request,
                         struct pipe_name **result, bool *existed)
{
    struct pipe_name *name = pipe_find_name(wanted);
    uint32_t count = 0;
    *existed = name != NULL;
    if (!name)
        return request->disposition == FILE_OPEN ? STATUS_OBJECT_NAME_NOT_FOUND
                                                 : name_new(wanted, request, result);
    list_each(end, &name->servers, struct pipe_end, link) count++;
    if (count >= name->maximum)
        return STATUS_INSTANCE_NOT_AVAILABLE;
    if (name->share != request->share || request->disposition == FILE_CREATE)
        return STATUS_ACCESS_DENIED;
    *result = name;
    return STATUS_SUCCESS;
}

static NTSTATUS make_server(struct pipe_name *name, const struct pipe_request *request,
                            struct object **result)
{
    struct nt_file *file = make_end(name, request->access, request->options);
    if (!file)
        return STATUS_NO_MEMORY;
    struct pipe_end *end = file->pipe;
    end->server = true;
    end->name = name;
    end->state = FILE_PIPE_LISTENING_STATE;
    end->type = name->type;
    end->share = name->share;
    end->maximum = name->maximum;
    end->read_mode = request->read_mode;
    end->completion_mode = request->completion_mode;
    end->quota = name->in_quota;
    end->peer_quota = name->out_quota;
    list_append(&name->servers, &end->link);
    end_all(&name->waiters, STATUS_SUCCESS);
    *result = &file->object;
    return STATUS_SUCCESS;
}

/* The name behind \??\pipe\, or relative to a handle of the pipe device. */
static bool pipe_name_text(const struct attributes *attributes, struct text *name)
{
    static const struct text prefixes[] = {
        {L"\\??\\pipe\\", 9}, {L"\\Device\\NamedPipe\\", 18}, {L"\\DosDevices\\pipe\\", 17}};
    struct text path = attributes->name;
    if (attributes->root) {
        *name = path;
        return attributes->root->type == &file_type && path.length > 0 &&
               file_of(attributes->root)->kind == FILE_PIPE_DEVICE;
    }
    for (uint32_t i = 0; i < 3; i++)
        if (text_starts(path, prefixes[i]) && path.length > prefixes[i].length) {
            *name = text_skip(path, prefixes[i].length);
            return true;
        }
    return false;
}

static NTSTATUS check_request(const struct pipe_request *request)
{
    bool message = request->type & FILE_PIPE_TYPE_MESSAGE;
    if (!request->share || (request->share & ~(FILE_SHARE_READ | FILE_SHARE_WRITE)) ||
        request->read_mode > FILE_PIPE_MESSAGE_MODE ||
        request->completion_mode > FILE_PIPE_COMPLETE_OPERATION ||
        (request->read_mode == FILE_PIPE_MESSAGE_MODE && !message) || request->maximum == 0)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

NTSTATUS nt_create_named_pipe_file(struct call *call)
{
    struct attributes attributes;
    struct text wanted;
    struct pipe_name *name = NULL;
    struct object *file;
    bool existed = false;
    const uint32_t *a = call->args;
    struct pipe_request request = {.access = map_file_access(a[1]),
                                   .share = a[4],
                                   .disposition = a[5],
                                   .options = a[6],
                                   .type = a[7],
                                   .read_mode = a[8],
                                   .completion_mode = a[9],
                                   .maximum = a[10],
                                   .in_quota = a[11],
                                   .out_quota = a[12]};
    NTSTATUS status =
        a[13] ? guest_read(&request.timeout, a[13], sizeof request.timeout) : STATUS_SUCCESS;
    if (!status)
        status = check_request(&request);
    if (!status)
        status = attributes_read_open(call->thread, a[2], &attributes);
    if (status)
        return status;
    if (!pipe_name_text(&attributes, &wanted))
        status = STATUS_OBJECT_NAME_INVALID;
    if (!status)
        status = name_for(wanted, &request, &name, &existed);
    if (!status)
        status = make_server(name, &request, &file);
    if (name && list_empty(&name->servers))
        free_name(name);
    if (!status)
        status = object_return_handle(call->thread, a[0], file, request.access, attributes.flags);
    attributes_free(&attributes);
    if (status)
        return status;
    IO_STATUS_BLOCK block = {.Information = existed ? FILE_OPENED : FILE_CREATED};
    return guest_write(a[3], &block, sizeof block);
}

/* ---- the client's end ---- */

static void connect_ends(struct pipe_end *server, struct pipe_end *client,
                         const struct pipe_name *name)
{
    client->type = name->type;
    client->share = name->share;
    client->maximum = name->maximum;
    client->quota = name->out_quota;
    client->peer_quota = name->in_quota;
    client->state = server->state = FILE_PIPE_CONNECTED_STATE;
    client->peer = server;
    server->peer = client;
    end_all(&server->listeners, STATUS_SUCCESS);
    pipe_notice(server);
}

static NTSTATUS open_device(struct open_request *request, struct object **result)
{
    struct nt_file *file = ntfile_new(FILE_PIPE_DEVICE, request->access, request->options);
    if (!file)
        return STATUS_NO_MEMORY;
    request->information = FILE_OPENED;
    *result = &file->object;
    return STATUS_SUCCESS;
}

/* What a client asks for must be what the server's end does. */
static bool access_fits(const struct pipe_name *name, ACCESS_MASK access)
{
    if ((access & FILE_READ_DATA) && !(name->share & FILE_SHARE_READ))
        return false;
    return !(access & FILE_WRITE_DATA) || (name->share & FILE_SHARE_WRITE);
}

NTSTATUS pipe_open(struct text path, struct open_request *request, struct object **result)
{
    if (path.length <= 1)
        return open_device(request, result);
    struct pipe_name *name = pipe_find_name(path.chars[0] == '\\' ? text_skip(path, 1) : path);
    if (!name)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!access_fits(name, request->access))
        return STATUS_ACCESS_DENIED;
    list_each(server, &name->servers, struct pipe_end, link)
    {
        if (server->state != FILE_PIPE_LISTENING_STATE)
            continue;
        struct nt_file *file = make_end(name, request->access, request->options);
        if (!file)
            return STATUS_NO_MEMORY;
        server->peer_pid = request->process->pid;
        connect_ends(server, file->pipe, name);
        request->information = FILE_OPENED;
        *result = &file->object;
        return STATUS_SUCCESS;
    }
    return STATUS_PIPE_NOT_AVAILABLE;
}

/* ---- snapshots ---- */

void pipe_record(const struct pipe_end *end, struct pipe_record *record)
{
    const struct pipe_name *name = end->name;
    *record = (struct pipe_record){.server = end->server,
                                   .state = end->state,
                                   .type = end->type,
                                   .share = end->share,
                                   .read_mode = end->read_mode,
                                   .completion_mode = end->completion_mode,
                                   .quota = end->quota,
                                   .peer_quota = end->peer_quota};
    if (!name)
        return;
    record->in_quota = name->in_quota;
    record->out_quota = name->out_quota;
    record->default_timeout = name->default_timeout;
}

static NTSTATUS restored_name(struct text wanted, const struct pipe_request *request,
                              struct pipe_name **name)
{
    bool existed;
    NTSTATUS status = check_request(request);
    return status ? status : name_for(wanted, request, name, &existed);
}

NTSTATUS pipe_restore(struct text wanted, const struct pipe_record *record, uint32_t maximum,
                      ACCESS_MASK access, uint32_t options, struct nt_file **result)
{
    struct pipe_request request = {.access = access,
                                   .share = record->share,
                                   .disposition = FILE_OPEN_IF,
                                   .options = options,
                                   .type = record->type,
                                   .read_mode = record->read_mode,
                                   .completion_mode = record->completion_mode,
                                   .maximum = maximum,
                                   .in_quota = record->in_quota,
                                   .out_quota = record->out_quota,
                                   .timeout = record->default_timeout};
    struct pipe_name client = {.chars = (WCHAR *)wanted.chars, .length = wanted.length}, *name;
    struct object *object;
    bool listens = record->server && record->state == FILE_PIPE_LISTENING_STATE;
    NTSTATUS status = record->server ? restored_name(wanted, &request, &name) : STATUS_SUCCESS;
    bool named = record->server && !status;
    /* Nobody needs the name any more of an end that has, or had, its peer. */
    if (status && (listens || status == STATUS_INVALID_PARAMETER))
        return status;
    if (named) {
        status = make_server(name, &request, &object);
        if (status && list_empty(&name->servers))
            free_name(name);
        *result = status ? NULL : file_of(object);
    } else {
        *result = make_end(&client, access, options);
        status = *result ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    if (status)
        return status;
    struct pipe_end *end = (*result)->pipe;
    end->type = record->type;
    end->share = record->share;
    end->maximum = maximum;
    end->read_mode = record->read_mode;
    end->completion_mode = record->completion_mode;
    end->quota = record->quota;
    end->peer_quota = record->peer_quota;
    end->server = record->server;
    end->state = listens ? FILE_PIPE_LISTENING_STATE : FILE_PIPE_CLOSING_STATE;
    return STATUS_SUCCESS;
}

void pipe_join(struct pipe_end *end, struct pipe_end *peer)
{
    if (end->peer || peer->peer || end == peer)
        return;
    end->peer = peer;
    peer->peer = end;
    end->state = peer->state = FILE_PIPE_CONNECTED_STATE;
}
