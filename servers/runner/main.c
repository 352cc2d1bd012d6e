/* SPDX-License-Identifier: MIT */
/*
 * Runs one program for the host command `./atomik run` and ends the machine.
 *
 * The host speaks over four byte channels (drivers/console/ports.c). On atomik.ctl it sends one
 * request: u32 length of what follows, u32 version 1, u32 flags, u32 argc, u32 envc, and the
 * NUL-terminated strings cwd, personality ("" = the image decides), argv[], envp[]. Frames back are
 * u32 length of what follows, u32 type, payload: EXIT (1) i32 status, u32 bytes of standard output,
 * u32 of standard error; ERROR (2) i32 exit code, text. The program reads and writes the other
 * channels' streams itself; nothing is copied here.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/consoleclient.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <protocols/console.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX (4u << 20)
#define VERSION     1
enum frame_type { FRAME_EXIT = 1, FRAME_ERROR = 2 };
enum exit_code { EXIT_OURS = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

struct request {
    uint32_t argc, envc;
    const char *cwd, *personality;
    char **argv, **envp; /* NULL-ended */
};

static handle_t init_port;
static struct console_channel control, standard[3];

static void finish(void) __attribute__((noreturn));

/* ---- channels ---------------------------------------------------------------------------------- */

/* Waits until the host has all that was written; how much that was. */
static uint32_t channel_drain(struct console_channel *channel)
{
    struct console_drain_reply reply = {0};
    struct ipc ipc;
    handle_drop(&channel->output);
    ipc_begin(&ipc, LABEL_console_drain, NULL, 0);
    return ipc_call(&ipc, channel->port, &reply, sizeof reply) == OK ? (uint32_t)reply.shown : 0;
}

static void send(const void *bytes, uint32_t length)
{
    const uint8_t *at = bytes;
    uint32_t done;
    while (length > 0 && stream_write(control.output, at, length, &done, DEADLINE_NEVER) == OK) {
        at += done;
        length -= done;
    }
}

static bool receive(void *bytes, uint32_t length)
{
    uint8_t *at = bytes;
    uint32_t done;
    while (length > 0) {
        if (stream_read(control.input, at, length, &done, DEADLINE_NEVER) != OK || done == 0)
            return false;
        at += done;
        length -= done;
    }
    return true;
}

static void send_error(int32_t code, const char *text)
{
    uint32_t header[2] = {(uint32_t)(8 + strlen(text)), FRAME_ERROR};
    send(header, sizeof header);
    send(&code, sizeof code);
    send(text, (uint32_t)strlen(text));
    finish();
}

static void send_failure(int32_t code, const char *what, status_t status)
{
    char text[512];
    const char *why = status == ERR_ACCESS_DENIED ? "permission denied" : status_text(status);
    snprintf(text, sizeof text, "%s: %s", what, why);
    send_error(code, text);
}

static void finish(void)
{
    channel_drain(&control);
    status_t status = init_power(init_port, POWER_OFF);
    process_fail("powering off", status);
}

/* ---- the request ----------------------------------------------------------------------------------- */

static const char *next_string(char **at, const char *end)
{
    char *string = *at, *stop = memchr(string, 0, (size_t)(end - string));
    if (stop == NULL)
        send_error(EXIT_OURS, "malformed request");
    *at = stop + 1;
    return string;
}

static char **string_array(char **at, const char *end, uint32_t count)
{
    char **array = count < REQUEST_MAX ? calloc(count + 1, sizeof *array) : NULL;
    if (array == NULL)
        send_error(EXIT_OURS, "request too large");
    for (uint32_t i = 0; i < count; i++)
        array[i] = (char *)next_string(at, end);
    return array;
}

static void read_request(struct request *request)
{
    uint32_t length, fixed[4];
    if (!receive(&length, sizeof length) || length < sizeof fixed || length > REQUEST_MAX ||
        !receive(fixed, sizeof fixed))
        send_error(EXIT_OURS, "malformed request");
    if (fixed[0] != VERSION)
        send_error(EXIT_OURS, "request of another version");
    length -= (uint32_t)sizeof fixed;
    char *at = malloc(length + 1);
    if (at == NULL || !receive(at, length))
        send_error(EXIT_OURS, "request cut short");
    const char *end = at + length;
    request->argc = fixed[2];
    request->envc = fixed[3];
    request->cwd = next_string(&at, end);
    request->personality = next_string(&at, end);
    request->argv = string_array(&at, end, request->argc);
    request->envp = string_array(&at, end, request->envc);
    if (request->argc == 0)
        send_error(EXIT_OURS, "no program named");
}

/* ---- finding and starting the program ------------------------------------------------------------------ */

static status_t open_file(const struct fs_walk_context *context, const char *path, handle_t *image)
{
    struct fs_attr attr;
    status_t status =
        fs_client_open(context, HANDLE_NONE, path, strlen(path), FS_O_READ, 0, image, &attr);
    if (status == OK && (attr.mode & FS_TYPE_MASK) != FS_TYPE_FILE) {
        handle_drop(image);
        return ERR_IS_DIRECTORY;
    }
    if (status == OK && (attr.mode & 0111) == 0) {
        handle_drop(image);
        return ERR_ACCESS_DENIED;
    }
    return status;
}

static const char *search_path(char *const *envp)
{
    for (; *envp != NULL; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return "/bin:/usr/bin";
}

/* A name without a slash is looked for in the directories of PATH. What is found goes to `path`. */
static status_t find_program(const struct fs_walk_context *context, const struct request *request,
                             char *path, size_t size, handle_t *image)
{
    const char *name = request->argv[0], *at = search_path(request->envp);
    if (strchr(name, '/') != NULL) {
        snprintf(path, size, "%s", name);
        return open_file(context, path, image);
    }
    status_t status = ERR_NOT_FOUND;
    while (*at != 0 && status == ERR_NOT_FOUND) {
        int length = (int)strcspn(at, ":");
        snprintf(path, size, "%.*s/%s", length, at, name);
        status = open_file(context, path, image);
        at += length;
        at += *at == ':';
    }
    return status;
}

static status_t give_streams(uint32_t start)
{
    for (uint32_t fd = 0; fd < 3; fd++) {
        struct start_fd row = {
            .fd = fd, .kind = fd == 0 ? FD_STREAM_READ : FD_STREAM_WRITE, .flags = fd == 0 ? 0 : 1};
        handle_t stream = fd == 0 ? standard[fd].input : standard[fd].output;
        status_t status = init_start_fd(init_port, start, &row, stream, HANDLE_NONE);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t start_program(const struct request *request, const struct fs_walk_context *context,
                              const char *path, handle_t image, uint32_t *pid)
{
    struct start_request begin = {.personality = request->personality, .ppid = 1};
    struct start_arguments arguments = {.umask = 022};
    handle_t strings;
    uint32_t start;
    status_t status =
        start_strings_vmo(path, request->cwd, request->argv, request->envp, &arguments, &strings);
    if (status != OK)
        return status;
    status = init_start_begin(init_port, &begin, &start);
    if (status == OK) {
        status = give_streams(start);
        if (status == OK)
            status = init_start_commit(init_port, start, &arguments, strings, context->root,
                                       context->cwd, image, false, pid);
        else
            init_start_abandon(init_port, start);
    }
    handle_drop(&strings);
    return status;
}

static void open_directories(const struct request *request, struct fs_walk_context *context)
{
    status_t status = init_root_directory(init_port, &context->root);
    context->cwd = context->root;
    if (status == OK)
        status = fs_client_root(context);
    if (status != OK)
        send_failure(EXIT_OURS, "root directory", status);
    status = fs_client_open(context, HANDLE_NONE, request->cwd, strlen(request->cwd),
                            FS_O_READ | FS_O_DIRECTORY, 0, &context->cwd, NULL);
    if (status != OK)
        send_failure(EXIT_OURS, request->cwd, status);
}

/* Status of wait4 to the exit code a shell would give. */
static int32_t exit_code(int32_t status)
{
    return (status & 0x7f) != 0 ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}

static int32_t run_program(const struct request *request)
{
    struct fs_walk_context context = {0};
    char path[FS_PATH_MAX];
    handle_t image;
    uint32_t pid;
    int32_t wait_status = 0;
    open_directories(request, &context);
    status_t status = find_program(&context, request, path, sizeof path, &image);
    if (status != OK)
        send_failure(status == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
                     request->argv[0], status);
    status = start_program(request, &context, path, image, &pid);
    if (status != OK)
        send_failure(EXIT_NOT_EXECUTABLE, request->argv[0], status);
    handle_drop(&standard[0].input);
    handle_drop(&standard[1].output);
    handle_drop(&standard[2].output);
    status = init_wait(init_port, pid, &wait_status);
    if (status != OK)
        send_failure(EXIT_OURS, "waiting", status);
    return exit_code(wait_status);
}

int main(void)
{
    struct request request;
    init_port = startup_handle(STARTUP_INIT);
    status_t status = console_client_open(init_port, "port/atomik.ctl", &control);
    if (status == OK)
        status = console_client_open(init_port, "port/atomik.stdin", &standard[0]);
    if (status == OK)
        status = console_client_open(init_port, "port/atomik.stdout", &standard[1]);
    if (status == OK)
        status = console_client_open(init_port, "port/atomik.stderr", &standard[2]);
    if (status != OK)
        process_fail("no channel to the host", status);
    read_request(&request);
    int32_t code = run_program(&request);
    uint32_t frame[5] = {16, FRAME_EXIT, (uint32_t)code, 0, 0};
    frame[3] = channel_drain(&standard[1]);
    frame[4] = channel_drain(&standard[2]);
    send(frame, sizeof frame);
    finish();
}
