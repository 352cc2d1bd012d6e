/* SPDX-License-Identifier: MIT */
#include <ipc/initclient.h>

#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#define STRINGS_MAX (2u << 20) /* bytes of arguments and environment of one start */

/* request + tail text, reply + tail text; uninterruptible; text_size 0: the reply's tail is dropped. */
static status_t call_text(handle_t init, uint32_t label, const void *request, uint32_t size,
                          const char *tail, void *reply, uint32_t reply_size, char *text,
                          size_t text_size)
{
    struct ipc ipc;
    ipc_begin(&ipc, label, request, size);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = tail == NULL ? OK : ipc_tail(&ipc, tail, strlen(tail));
    if (status == OK)
        status = ipc_call(&ipc, init, reply, reply_size);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    if (text_size > 0) {
        size_t length = ipc.tail_length < text_size ? ipc.tail_length : text_size - 1;
        memcpy(text, ipc.tail, length);
        text[length] = 0;
    }
    return OK;
}

static status_t simple(handle_t init, uint32_t label, const void *request, uint32_t size,
                       void *reply, uint32_t reply_size)
{
    return call_text(init, label, request, size, NULL, reply, reply_size, NULL, 0);
}

status_t init_name_register(handle_t init, const char *name, handle_t handle)
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_name_register, NULL, 0);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_tail(&ipc, name, strlen(name));
    if (status == OK)
        status = ipc_handle_copy(&ipc, handle);
    if (status == OK)
        status = ipc_call(&ipc, init, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t init_name_lookup(handle_t init, const char *name, bool wait, handle_t *handle)
{
    struct name_lookup_request request = {.wait = wait};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_name_lookup, &request, sizeof request);
    ipc.flags = wait ? 0 : CALL_UNINTERRUPTIBLE;
    status_t status = ipc_tail(&ipc, name, strlen(name));
    return status == OK ? ipc_call_for_handle(&ipc, init, NULL, 0, handle) : status;
}

status_t init_name_list(handle_t init, uint32_t index, char *name, size_t size)
{
    struct name_list_request request = {.index = index};
    return call_text(init, LABEL_name_list, &request, sizeof request, NULL, NULL, 0, name, size);
}

status_t init_mount_list(handle_t init, uint32_t index, char *text, size_t size, size_t *length)
{
    struct mount_list_request request = {.index = index};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_mount_list, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_call(&ipc, init, NULL, 0);
    if (status != OK)
        return status;
    if (ipc.tail_length > size || ipc.tail_length == 0 || ipc.tail[ipc.tail_length - 1] != 0)
        return ERR_IO_ERROR;
    memcpy(text, ipc.tail, ipc.tail_length);
    *length = ipc.tail_length;
    return OK;
}

status_t init_root_directory(handle_t init, handle_t *root)
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_root_directory, NULL, 0);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    return ipc_call_for_handle(&ipc, init, NULL, 0, root);
}

status_t init_proc_info(handle_t init, uint32_t pid, bool next, struct proc_record *record,
                        char *name, size_t size)
{
    struct proc_info_request request = {.pid = pid, .next = next};
    return call_text(init, LABEL_proc_info, &request, sizeof request, NULL, record, sizeof *record,
                     name, size);
}

status_t init_proc_stats(handle_t init, uint32_t pid, struct proc_stats *stats, char *command,
                         size_t size, size_t *length)
{
    struct proc_stats_request request = {.pid = pid};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_proc_stats, &request, sizeof request);
    status_t status = ipc_call(&ipc, init, stats, sizeof *stats);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    *length = ipc.tail_length < size ? ipc.tail_length : size;
    memcpy(command, ipc.tail, *length);
    return OK;
}

status_t init_proc_signal(handle_t init, int32_t pid, uint32_t signal, uint32_t sender,
                          uint32_t *count)
{
    struct proc_signal_request request = {.pid = pid, .signal = signal, .sender = sender};
    struct proc_signal_reply reply;
    status_t status =
        simple(init, LABEL_proc_signal, &request, sizeof request, &reply, sizeof reply);
    if (status == OK && count != NULL)
        *count = reply.count;
    return status;
}

status_t init_wait(handle_t init, uint32_t pid, int32_t *status)
{
    struct proc_wait_request request = {.pid = pid};
    struct proc_wait_reply reply;
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_proc_wait, &request, sizeof request);
    status_t result = ipc_call(&ipc, init, &reply, sizeof reply);
    if (result != OK)
        return result;
    ipc_drop(&ipc);
    *status = reply.status;
    return OK;
}

status_t init_snapshot(handle_t init, uint32_t pid, uint32_t flags, handle_t file,
                       struct snapshot_result *result)
{
    return init_snapshot_for(init, pid, flags, 0, file, result);
}

status_t init_snapshot_for(handle_t init, uint32_t pid, uint32_t flags, uint32_t uid, handle_t file,
                           struct snapshot_result *result)
{
    struct snapshot_request request = {.pid = pid, .flags = flags, .uid = uid};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_snapshot, &request, sizeof request);
    status_t status = file ? ipc_handle_copy(&ipc, file) : OK;
    if (status == OK)
        status = ipc_call(&ipc, init, result, sizeof *result);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t init_record(handle_t init, uint32_t pid, uint32_t flags, handle_t file, handle_t log,
                     struct snapshot_result *result)
{
    struct snapshot_request request = {.pid = pid, .flags = flags};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_snapshot, &request, sizeof request);
    status_t status = ipc_handle_copy(&ipc, file);
    if (status == OK)
        status = ipc_handle_copy(&ipc, log);
    if (status != OK) {
        ipc_drop(&ipc);
        return status;
    }
    status = ipc_call(&ipc, init, result, sizeof *result);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t init_power(handle_t init, uint32_t action)
{
    struct power_request request = {.action = action};
    return simple(init, LABEL_power, &request, sizeof request, NULL, 0);
}

status_t init_personality_name(handle_t init, uint32_t index, char *name, size_t size,
                               uint32_t *processes)
{
    struct personality_list_request request = {.index = index};
    struct personality_list_reply reply;
    status_t status = call_text(init, LABEL_personality_list, &request, sizeof request, NULL,
                                &reply, sizeof reply, name, size);
    if (status == OK && processes != NULL)
        *processes = reply.processes;
    return status;
}

/* ---- personalities --------------------------------------------------------------------------- */

status_t init_register(handle_t init, const char *name, handle_t *private_init, uint32_t *number)
{
    struct personality_register_reply reply = {0};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_personality_register, NULL, 0);
    status_t status = ipc_tail(&ipc, name, strlen(name));
    if (status == OK)
        status = ipc_call_for_handle(&ipc, init, &reply, sizeof reply, private_init);
    if (status == OK && number != NULL)
        *number = reply.personality;
    return status;
}

status_t init_next_event(handle_t init, struct proc_event *event, handle_t handles[4])
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_next_event, NULL, 0);
    status_t status = ipc_call(&ipc, init, event, sizeof *event);
    if (status != OK)
        return status;
    for (uint32_t i = 0; i < 4; i++)
        handles[i] = ipc_take(&ipc, i);
    return OK;
}

status_t init_proc_create(handle_t init, uint32_t ppid, uint32_t pgid, uint32_t sid, uint32_t uid,
                          uint32_t wanted, const char *name, uint32_t *pid)
{
    struct proc_create_request request = {
        .ppid = ppid, .pgid = pgid, .sid = sid, .uid = uid, .wanted = wanted};
    struct proc_create_reply reply;
    status_t status = call_text(init, LABEL_proc_create, &request, sizeof request, name, &reply,
                                sizeof reply, NULL, 0);
    if (status == OK)
        *pid = reply.pid;
    return status;
}

status_t init_proc_set(handle_t init, uint32_t pid, uint32_t mask, const struct proc_record *fields,
                       const char *name)
{
    struct proc_set_request request = {.pid = pid, .mask = mask};
    if (fields != NULL) {
        request.ppid = fields->ppid;
        request.pgid = fields->pgid;
        request.sid = fields->sid;
        request.uid = fields->uid;
        request.state = fields->state;
    }
    return call_text(init, LABEL_proc_set, &request, sizeof request, name, NULL, 0, NULL, 0);
}

status_t init_proc_name(handle_t init, uint32_t pid, const char *path)
{
    const char *slash = strrchr(path, '/');
    return init_proc_set(init, pid, PROC_NAME, NULL, slash != NULL ? slash + 1 : path);
}

status_t init_proc_exit(handle_t init, uint32_t pid, int32_t status)
{
    struct proc_exit_request request = {.pid = pid, .status = status};
    return simple(init, LABEL_proc_exit, &request, sizeof request, NULL, 0);
}

status_t init_proc_reap(handle_t init, uint32_t pid)
{
    struct proc_reap_request request = {.pid = pid};
    return simple(init, LABEL_proc_reap, &request, sizeof request, NULL, 0);
}

status_t init_proc_changed(handle_t init, uint32_t pid, int32_t status)
{
    struct proc_changed_request request = {.pid = pid, .status = status};
    return simple(init, LABEL_proc_changed, &request, sizeof request, NULL, 0);
}

status_t init_proc_stats_answer(handle_t init, uint32_t number, int32_t status,
                                const struct proc_stats *stats, const char *command, size_t length)
{
    struct proc_stats_answer_request request = {.request = number, .status = status};
    struct ipc ipc;
    if (stats != NULL)
        request.stats = *stats;
    ipc_begin(&ipc, LABEL_proc_stats_answer, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    if (length > MESSAGE_BYTES - sizeof request)
        length = MESSAGE_BYTES - sizeof request;
    status_t result = ipc_tail(&ipc, command, length);
    if (result == OK)
        result = ipc_call(&ipc, init, NULL, 0);
    if (result == OK)
        ipc_drop(&ipc);
    return result;
}

status_t init_snapshot_answer(handle_t init, uint32_t number, status_t status,
                              const struct snapshot_result *result)
{
    struct snapshot_answer_request request = {.request = number, .status = status};
    if (result != NULL)
        request.result = *result;
    return simple(init, LABEL_snapshot_answer, &request, sizeof request, NULL, 0);
}

status_t init_process_handle(handle_t init, uint32_t pid, handle_t *handle)
{
    struct proc_handle_request request = {.pid = pid};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_proc_handle, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    return ipc_call_for_handle(&ipc, init, NULL, 0, handle);
}

/* ---- starting -------------------------------------------------------------------------------- */

status_t init_start_begin(handle_t init, const struct start_request *start_request, uint32_t *start)
{
    struct start_begin_request request = {.pid = start_request->pid,
                                          .ppid = start_request->ppid,
                                          .pgid = start_request->pgid,
                                          .sid = start_request->sid,
                                          .uid = start_request->uid,
                                          .wanted = start_request->wanted};
    struct start_begin_reply reply;
    status_t status = call_text(init, LABEL_start_begin, &request, sizeof request,
                                start_request->personality, &reply, sizeof reply, NULL, 0);
    if (status == OK)
        *start = reply.start;
    return status;
}

status_t init_start_fd(handle_t init, uint32_t start, const struct start_fd *fd, handle_t h0,
                       handle_t h1)
{
    struct start_fd_request request = {.start = start, .fd = *fd};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_start_fd, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = h0 == HANDLE_NONE ? OK : ipc_handle_copy(&ipc, h0);
    if (status == OK && h1 != HANDLE_NONE)
        status = ipc_handle_copy(&ipc, h1);
    if (status != OK) {
        ipc_drop(&ipc);
        return status;
    }
    status = ipc_call(&ipc, init, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t init_start_commit(handle_t init, uint32_t start, const struct start_arguments *arguments,
                           handle_t strings, handle_t root, handle_t cwd, handle_t image,
                           bool uninterruptible, uint32_t *pid)
{
    struct start_commit_request request = {.start = start, .arguments = *arguments};
    struct start_commit_reply reply;
    const handle_t handles[4] = {strings, root, cwd, image};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_start_commit, &request, sizeof request);
    ipc.flags = uninterruptible ? CALL_UNINTERRUPTIBLE : 0;
    for (uint32_t i = 0; i < 4; i++) {
        status_t status = ipc_handle_copy(&ipc, handles[i]);
        if (status != OK) {
            ipc_drop(&ipc);
            return status;
        }
    }
    status_t status = ipc_call(&ipc, init, &reply, sizeof reply);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    *pid = reply.pid;
    return OK;
}

void init_start_abandon(handle_t init, uint32_t start)
{
    /* start_done from the one who began it means just this; a start that is gone needs nothing. */
    if (init_start_done(init, start, ERR_CANCELLED) != OK)
        return;
}

status_t init_start_fetch(handle_t init, uint32_t start, uint32_t index, struct start_fd *fd,
                          handle_t *h0, handle_t *h1)
{
    struct start_fetch_request request = {.start = start, .index = index};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_start_fetch, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_call(&ipc, init, fd, sizeof *fd);
    if (status != OK)
        return status;
    *h0 = ipc_take(&ipc, 0);
    *h1 = ipc_take(&ipc, 1);
    ipc_drop(&ipc);
    return OK;
}

status_t init_start_done(handle_t init, uint32_t start, status_t status)
{
    struct start_done_request request = {.start = start, .status = status};
    return simple(init, LABEL_start_done, &request, sizeof request, NULL, 0);
}

status_t init_start_done_process(handle_t init, uint32_t start, handle_t process)
{
    struct start_done_request request = {.start = start, .status = OK};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_start_done, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_handle_copy(&ipc, process);
    if (status == OK)
        status = ipc_call(&ipc, init, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

/* ---- the strings VMO ------------------------------------------------------------------------- */

static char *append(char *at, const char *text)
{
    size_t length = strlen(text) + 1;
    memcpy(at, text, length);
    return at + length;
}

static size_t list_length(char *const list[], uint32_t *count)
{
    size_t length = 0;
    *count = 0;
    for (; list != NULL && list[*count] != NULL; ++*count)
        length += strlen(list[*count]) + 1;
    return length;
}

status_t start_strings_vmo(const char *image, const char *cwd, char *const argv[],
                           char *const envp[], struct start_arguments *arguments, handle_t *vmo)
{
    size_t length = strlen(image) + 1 + strlen(cwd) + 1;
    length += list_length(argv, &arguments->argc);
    length += list_length(envp, &arguments->envc);
    if (length > STRINGS_MAX)
        return ERR_TOO_LARGE;
    char *bytes = malloc(length);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    char *at = append(append(bytes, image), cwd);
    for (uint32_t i = 0; i < arguments->argc; i++)
        at = append(at, argv[i]);
    for (uint32_t i = 0; i < arguments->envc; i++)
        at = append(at, envp[i]);
    arguments->strings_length = length;
    status_t status = vmo_create(0, length, vmo);
    if (status == OK) {
        status = vmo_write(*vmo, 0, bytes, length);
        if (status != OK)
            handle_drop(vmo);
    }
    free(bytes);
    return status;
}

/* Point at the next string of [*at, end); NULL if it does not end there. */
static const char *next_string(const char **at, const char *end)
{
    const char *text = *at;
    const char *stop = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;
    if (stop == NULL)
        return NULL;
    *at = stop + 1;
    return text;
}

static bool next_list(const char **at, const char *end, uint32_t count, char **list)
{
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (char *)next_string(at, end);
        if (list[i] == NULL)
            return false;
    }
    list[count] = NULL;
    return true;
}

status_t start_strings_read(handle_t vmo, const struct start_arguments *arguments,
                            struct start_strings *strings)
{
    uint32_t length = arguments->strings_length;
    *strings = (struct start_strings){0};
    if (length > STRINGS_MAX || arguments->argc > length || arguments->envc > length)
        return ERR_INVALID_ARGUMENT;
    strings->bytes = malloc(length + 1);
    strings->argv = malloc((arguments->argc + 1) * sizeof *strings->argv);
    strings->envp = malloc((arguments->envc + 1) * sizeof *strings->envp);
    status_t status = ERR_NO_MEMORY;
    if (strings->bytes == NULL || strings->argv == NULL || strings->envp == NULL)
        goto fail;
    status = vmo_read(vmo, 0, strings->bytes, length);
    if (status != OK)
        goto fail;
    const char *at = strings->bytes, *end = at + length;
    strings->image = next_string(&at, end);
    strings->cwd = strings->image != NULL ? next_string(&at, end) : NULL;
    status = ERR_INVALID_ARGUMENT;
    if (strings->cwd == NULL || !next_list(&at, end, arguments->argc, strings->argv) ||
        !next_list(&at, end, arguments->envc, strings->envp))
        goto fail;
    return OK;
fail:
    start_strings_free(strings);
    return status;
}

void start_strings_free(struct start_strings *strings)
{
    free(strings->bytes);
    free(strings->argv);
    free(strings->envp);
    *strings = (struct start_strings){0};
}

status_t init_file_system_mount(handle_t init, const char *type, const char *device,
                                const char *source, const char *options, uint32_t flags,
                                handle_t directory)
{
    const char *texts[] = {type, device, source, options};
    struct file_system_mount_request request = {.flags = flags};
    struct ipc ipc;
    status_t status = OK;
    ipc_begin(&ipc, LABEL_file_system_mount, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    for (uint32_t i = 0; i < 4 && status == OK; i++)
        status = ipc_tail(&ipc, texts[i], (uint32_t)strlen(texts[i]) + 1);
    if (status == OK)
        status = ipc_handle_copy(&ipc, directory);
    if (status == OK)
        status = ipc_call(&ipc, init, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t init_file_system_unmount(handle_t init, const char *path, uint32_t flags)
{
    struct file_system_unmount_request request = {.flags = flags};
    return call_text(init, LABEL_file_system_unmount, &request, sizeof request, path, NULL, 0, NULL,
                     0);
}

status_t init_file_system_remount(handle_t init, const char *path, uint32_t flags)
{
    struct file_system_remount_request request = {.flags = flags};
    return call_text(init, LABEL_file_system_remount, &request, sizeof request, path, NULL, 0, NULL,
                     0);
}

status_t init_file_system_type(handle_t init, uint32_t index, char *name, size_t size,
                               bool *no_device)
{
    struct file_system_type_request request = {.index = index};
    struct file_system_type_reply reply;
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_file_system_type, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_call(&ipc, init, &reply, sizeof reply);
    if (status != OK)
        return status;
    if (ipc.tail_length > size || ipc.tail_length == 0 || ipc.tail[ipc.tail_length - 1] != 0)
        return ERR_IO_ERROR;
    memcpy(name, ipc.tail, ipc.tail_length);
    *no_device = reply.no_device != 0;
    return OK;
}
