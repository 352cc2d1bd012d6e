/* SPDX-License-Identifier: MIT */
/*
 * Services and consoles. Each has a thread that starts it, waits for its end and starts it again,
 * more slowly each time it did not last. The configuration is carried out in its order; the root
 * file system gets the first port, whose badged handle is the root directory, so nobody has to wait for it to be up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <program/program.h>

#include "init.h"

#define SERVICES_MAX    96
#define ARGUMENTS_MAX   4
#define ENVIRONMENT_MAX 32
#define BADGE_NAMED     1u /* of the handle that is registered under a service's name */
#define LASTED          (10 * NS_PER_S)
#define SYNC_PATIENCE   (30 * NS_PER_S)
#define DELAY_FIRST     (100 * NS_PER_MS)
#define DELAY_MOST      (10 * NS_PER_S)
#define CODE_FAILED     1 /* of process_fail: the service itself has given up */
#define O_RDWR          2
#define OPTIONS_LENGTH  512

struct service_entry_state {
    const char *name, *path, *mount;     /* name NULL: a free place */
    const char *source, *type, *options; /* of one that was mounted by request, else NULL */
    char *arguments[ARGUMENTS_MAX];
    struct privileges privileges;
    uint32_t flags;       /* enum process_flags */
    uint32_t mount_flags; /* enum fs_mount_flags */
    bool archives, vital, optional, mounted, is_root, leaving;
    handle_t image;
    struct program program; /* running one; no handles otherwise */
    uint32_t pid;
    uint32_t port_id; /* object id of its port, 0: it has had none */
};

struct console {
    uint32_t terminal; /* 0: the main one, 1: the other */
    const char *personality, *path;
    char **argv;  /* NULL-ended */
    uint32_t pid; /* of the running program, 0: none */
};

static struct service_entry_state services[SERVICES_MAX];
static uint32_t service_count;
static char *environment[ENVIRONMENT_MAX + 1];
static uint32_t environment_count;
static handle_t root;
static handle_t own_handle; /* our own port as a service sees it */
static handle_t exception_port;

handle_t root_directory(void)
{
    return root;
}

char **service_environment(void)
{
    return environment;
}

void env_directive(const char *assignment)
{
    if (environment_count < ENVIRONMENT_MAX)
        environment[environment_count++] = (char *)assignment;
}

/* ---- crashes --------------------------------------------------------------------------------- */

static void report_line(void *context, const char *text)
{
    (void)context;
    announce("%s", text);
}

static void report(uint32_t badge, const struct message *message)
{
    struct exception_message exception;
    if (badge == 0 || badge > service_count || message->size < sizeof exception)
        return;
    struct service_entry_state *service = &services[badge - 1];
    memcpy(&exception, message->data, sizeof exception);
    program_crash_report(service->name, service->pid, &exception, service->program.space,
                         service->image, report_line, NULL);
}

static void exception_thread(void *unused)
{
    static struct message message;
    (void)unused;
    for (;;) {
        if (port_receive(exception_port, &message, DEADLINE_NEVER) != OK ||
            message.label != NOTICE_EXCEPTION || message.token == 0)
            continue;
        report(message.badge, &message);
        struct exception_reply reply = {.action = EXCEPTION_KILL_PROCESS};
        message.label = OK;
        message.size = sizeof reply;
        message.handle_count = 0;
        memcpy(message.data, &reply, sizeof reply);
        if (port_reply(exception_port, message.token, &message) != OK)
            continue; /* it is gone already */
    }
}

status_t services_init(void)
{
    status_t status = port_badge(init_service.port, BADGE_SERVICE, &own_handle);
    if (status == OK)
        status = port_create(&exception_port);
    return status == OK ? thread_spawn(exception_thread, NULL, 0, NULL) : status;
}

/* What mount tables show it to be of. */
static const char *source_of(const struct service_entry_state *service)
{
    if (service->source != NULL)
        return service->source;
    bool device = service->arguments[0] != NULL && filesystem_has_device(service->path);
    return device ? service->arguments[0] : service->name;
}

/* ---- starting a service ---------------------------------------------------------------------- */

/* Make the service's port and put its name up. */
static status_t make_port(struct service_entry_state *service, handle_t *port)
{
    handle_t named;
    struct handle_info info;
    status_t status = port_create(port);
    if (status != OK)
        return status;
    status = handle_info(*port, &info);
    if (status == OK)
        status = port_badge(*port, BADGE_NAMED, &named);
    if (status != OK) {
        handle_drop(port);
        return status;
    }
    mutex_lock(&init_lock);
    status = name_set(service->name, strlen(service->name), named);
    service->port_id = info.object_id;
    if (status == OK && root == HANDLE_NONE && (service->archives || service->is_root)) {
        root = handle_copy(named);
        mount_note(source_of(service), service->path, "/", "");
    }
    mutex_unlock(&init_lock);
    if (status != OK) {
        handle_drop(&named);
        handle_drop(port);
    }
    return status;
}

static status_t load_image(struct service_entry_state *service)
{
    uint32_t size;
    return service->image != HANDLE_NONE ? OK : boot_file(service->path, &service->image, &size);
}

static handle_t exception_handle(const struct service_entry_state *service)
{
    handle_t handle;
    uint32_t badge = (uint32_t)(service - services) + 1;
    return port_badge(exception_port, badge, &handle) == OK ? handle : HANDLE_NONE;
}

bool service_is_at(handle_t handle)
{
    struct handle_info info;
    if (handle_info(handle, &info) != OK || info.type != OBJECT_PORT)
        return false;
    for (uint32_t i = 0; i < service_count; i++)
        if (services[i].name != NULL && services[i].port_id == info.object_id)
            return true;
    return false;
}

static status_t start_service(struct service_entry_state *service)
{
    static struct mutex one_at_a_time; /* guards request, which is large */
    static struct program_request request;
    char *argv[ARGUMENTS_MAX + 2] = {(char *)service->path};
    memcpy(argv + 1, service->arguments, sizeof service->arguments);
    handle_t port;
    status_t status = load_image(service);
    if (status == OK)
        status = make_port(service, &port);
    if (status != OK)
        return status;
    mutex_lock(&one_at_a_time);
    request = (struct program_request){.name = service->name,
                                       .image = service->image,
                                       .flags = service->flags,
                                       .privileges = service->privileges,
                                       .argv = argv,
                                       .envp = environment,
                                       .exception_port = exception_handle(service)};
    program_add(&request, STARTUP_SERVICE, port);
    program_add_copy(&request, STARTUP_INIT, own_handle);
    if (!service->archives && !service->is_root) {
        program_add_copy(&request, STARTUP_ROOT, root);
        program_add_copy(&request, STARTUP_CWD, root);
    }
    for (uint32_t i = 0; service->archives && i < boot_archive_count(); i++)
        program_add_copy(&request, STARTUP_ARCHIVE, boot_archive(i));
    handle_t exceptions = request.exception_port;
    status = program_start(&request, &service->program);
    mutex_unlock(&one_at_a_time);
    handle_drop(&exceptions);
    if (status != OK)
        return status;
    mutex_lock(&init_lock);
    status = process_new_service(service->name, service->program.process, &service->pid);
    mutex_unlock(&init_lock);
    return status;
}

/* ---- mounting -------------------------------------------------------------------------------- */

/* The root directory of a server that is up; waits for it to say so. */
static status_t mounted_root(struct service_entry_state *service, handle_t *mounted)
{
    struct fs_attr attr;
    mutex_lock(&init_lock);
    *mounted = name_get(service->name);
    mutex_unlock(&init_lock);
    return *mounted == HANDLE_NONE ? ERR_PEER_CLOSED : fs_client_stat(*mounted, &attr);
}

static status_t cover(struct service_entry_state *service, handle_t directory, handle_t mounted)
{
    handle_t parent;
    struct ipc ipc;
    status_t status = OK;
    if (service->mounted) { /* what the last one left behind */
        ipc_begin(&ipc, LABEL_fs_unmount, NULL, 0);
        status = ipc_call(&ipc, directory, NULL, 0);
    }
    if (status == OK)
        status = mount_parent_open(service->mount, &parent);
    if (status != OK)
        return status;
    status = fs_client_mount(directory, parent, mounted, service->mount);
    handle_drop(&parent);
    return status;
}

status_t file_system_set_flags(handle_t named, uint32_t flags)
{
    struct fs_remount_request request = {.flags = flags};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_remount, &request, sizeof request);
    return ipc_call(&ipc, named, NULL, 0);
}

void service_options(const struct service_entry_state *service, char *to, size_t size)
{
    mount_options(service->mount_flags, service->options != NULL ? service->options : "", to, size);
}

static status_t mount_service(struct service_entry_state *service)
{
    handle_t directory, mounted;
    char options[OPTIONS_LENGTH];
    status_t status = mounted_root(service, &mounted);
    if (status == OK && service->mount_flags != 0)
        status = file_system_set_flags(mounted, service->mount_flags);
    if (status == OK)
        status = mount_point_open(service->mount, &directory);
    if (status == OK) {
        status = cover(service, directory, mounted);
        handle_drop(&directory);
        service->mounted = status == OK;
    }
    handle_drop(&mounted);
    service_options(service, options, sizeof options);
    mutex_lock(&init_lock);
    if (status == OK)
        mount_note(source_of(service), service->type != NULL ? service->type : service->path,
                   service->mount, options);
    mutex_unlock(&init_lock);
    if (status != OK && !(service->optional && status == ERR_PEER_CLOSED))
        log_printf("%s: mounting %s: %s", service->name, service->mount, status_text(status));
    return status;
}

/* ---- supervision ----------------------------------------------------------------------------- */

static int32_t wait_service(struct service_entry_state *service)
{
    struct wait_item item = {.handle = service->program.process, .wanted = SIGNAL_TERMINATED};
    struct process_info info = {0};
    while (wait_any(&item, 1, DEADLINE_NEVER) != OK)
        continue;
    if (process_info(service->program.process, &info) != OK)
        info.exit_code = -1;
    mutex_lock(&init_lock);
    struct process *process = process_find(service->pid);
    if (process != NULL && process->kernel_process == service->program.process)
        process_ended(process, (int32_t)((uint32_t)info.exit_code << 8));
    handle_drop(&service->program.process);
    handle_drop(&service->program.space);
    mutex_unlock(&init_lock);
    return info.exit_code;
}

/* True: start it again. */
static bool after_end(struct service_entry_state *service, status_t status, int32_t code,
                      ktime_t ran)
{
    if (shutting_down || service->leaving)
        return false;
    if (service->optional && ran < LASTED && status == OK && (code == CODE_FAILED || code < 0) &&
        !service->mounted) {
        log_printf("%s is not needed on this machine", service->name);
        return false;
    }
    if (status != OK)
        announce("%s (%s) could not be started: %s", service->name, service->path,
                 status_text(status));
    else
        announce("%s has ended with code %d", service->name, (int)code);
    if (service->mounted)
        announce("what was written to %s and not synced may be lost", service->mount);
    if (service->vital) {
        announce("%s is vital: the system stops", service->name);
        if (system_power(POWER_PANIC) != OK)
            abort();
    }
    return status != ERR_NOT_FOUND && status != ERR_BAD_EXECUTABLE;
}

static void supervise(void *argument)
{
    struct service_entry_state *service = argument;
    ktime_t delay = DELAY_FIRST;
    status_t status = OK; /* the first start was made by service_directive */
    for (;;) {
        ktime_t begun = time_monotonic();
        int32_t code = status == OK ? wait_service(service) : 0;
        ktime_t ran = time_monotonic() - begun;
        if (!after_end(service, status, code, ran))
            return;
        delay = ran >= LASTED ? DELAY_FIRST : delay * 2 < DELAY_MOST ? delay * 2 : DELAY_MOST;
        time_sleep(delay);
        announce("starting %s again", service->name);
        status = start_service(service);
        if (status == OK && service->mount != NULL && mount_service(service) != OK)
            continue; /* said already; what is missing may come back */
    }
}

/* ---- the service directive ------------------------------------------------------------------- */

static bool add_range(struct io_range *ranges, const char *text)
{
    char *end;
    struct io_range range = {.first = strtoul(text, &end, 16)};
    if (*end != '+')
        return false;
    range.count = strtoul(end + 1, &end, 16);
    for (uint32_t i = 0; *end == 0 && i < PRIVILEGE_RANGES; i++)
        if (ranges[i].count == 0) {
            ranges[i] = range;
            return true;
        }
    return false;
}

static bool add_flag(struct service_entry_state *service, const char *word)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } flags[] = {{"create", PRIVILEGE_CREATE_PROCESS},
                 {"dma", PRIVILEGE_DMA},
                 {"inspect", PRIVILEGE_INSPECT},
                 {"debug", PRIVILEGE_DEBUG},
                 {"power", PRIVILEGE_POWER},
                 {"priority", PRIVILEGE_PRIORITY},
                 {"pci", PRIVILEGE_PCI},
                 {"reserve", PRIVILEGE_RESERVE}};
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(word, flags[i].word) == 0) {
            service->privileges.flags |= flags[i].flag;
            return true;
        }
    return false;
}

static bool add_argument(struct service_entry_state *service, char *word)
{
    for (uint32_t i = 0; i < ARGUMENTS_MAX; i++)
        if (service->arguments[i] == NULL) {
            service->arguments[i] = word;
            return true;
        }
    return false;
}

/* How many of something a service may have, by the memory of the machine. */
static uint32_t per_mebibyte(const char *text)
{
    struct system_info info;
    uint32_t each = strtoul(text, NULL, 10);
    if (each == 0 || system_info(&info) != OK)
        return UINT32_MAX;
    uint32_t mebibytes = info.total_pages / (1048576 / PAGE_SIZE) + 1;
    return each > UINT32_MAX / mebibytes ? UINT32_MAX : each * mebibytes;
}

static bool add_word(struct service_entry_state *service, char *word)
{
    if (strcmp(word, "server") == 0)
        service->flags |= PROCESS_SERVER;
    else if (strcmp(word, "archives") == 0)
        service->archives = true;
    else if (strcmp(word, "vital") == 0)
        service->vital = true;
    else if (strcmp(word, "optional") == 0)
        service->optional = true;
    else if (strcmp(word, "root") == 0)
        service->is_root = true;
    else if (strncmp(word, "mount=", 6) == 0)
        service->mount = word + 6;
    else if (strncmp(word, "arg=", 4) == 0)
        return add_argument(service, word + 4);
    else if (strncmp(word, "ports=", 6) == 0)
        return add_range(service->privileges.ports, word + 6);
    else if (strncmp(word, "memory=", 7) == 0)
        return add_range(service->privileges.physical, word + 7);
    else if (strncmp(word, "threads/MiB=", 12) == 0)
        service->privileges.max_threads = per_mebibyte(word + 12);
    else if (strncmp(word, "objects/MiB=", 12) == 0)
        service->privileges.max_objects = per_mebibyte(word + 12);
    else if (strcmp(word, "irq=all") == 0)
        service->privileges.irq_lines = 0xffff;
    else if (strncmp(word, "irq=", 4) == 0)
        service->privileges.irq_lines |= 1u << (strtoul(word + 4, NULL, 10) & 15);
    else
        return add_flag(service, word);
    return true;
}

/* A free place for a service of that name (NULL: one is made up), with no privileges and no limits. */
static struct service_entry_state *slot_take(const char *name)
{
    char made[16];
    struct service_entry_state *service = NULL;
    mutex_lock(&init_lock);
    for (uint32_t i = 0; i < SERVICES_MAX && service == NULL; i++) {
        if (services[i].name != NULL)
            continue;
        (void)snprintf(made, sizeof made, "fs/%u", (unsigned)i);
        name = name != NULL ? name : strdup(made);
        if (name == NULL)
            break;
        service = &services[i];
        service_count = i >= service_count ? i + 1 : service_count;
        *service = (struct service_entry_state){.name = name,
                                                .privileges = {.max_pages = UINT32_MAX,
                                                               .max_threads = UINT32_MAX,
                                                               .max_handles = UINT32_MAX,
                                                               .max_objects = UINT32_MAX}};
    }
    mutex_unlock(&init_lock);
    return service;
}

void service_directive(char **words, uint32_t count)
{
    struct service_entry_state *service = slot_take(words[0]);
    if (service == NULL) {
        log_printf("too many services: %s is left out", words[0]);
        return;
    }
    service->path = words[1];
    for (uint32_t i = 2; i < count; i++)
        if (!add_word(service, words[i]))
            log_printf("service %s: '%s' means nothing", service->name, words[i]);
    /* Started here, so that the order is kept; looked after in its thread. */
    status_t status = start_service(service);
    if (status != OK) {
        log_printf("%s (%s) could not be started: %s", service->name, service->path,
                   status_text(status));
        if (service->vital && system_power(POWER_PANIC) != OK)
            abort();
        return;
    }
    /* What comes later in the configuration finds the files in place. */
    if (service->mount != NULL && mount_service(service) != OK && !service->optional)
        log_printf("%s is not mounted", service->name);
    status = thread_spawn(supervise, service, 0, NULL);
    if (status != OK)
        process_fail(service->name, status);
}

/* ---- services that are mounted by request ---------------------------------------------------- */

/* Copies of the request's texts, freed with the place. */
static bool copy_texts(struct service_entry_state *service, const struct service_request *request)
{
    service->path = strdup(request->path);
    service->mount = strdup(request->mount);
    service->source = strdup(request->source);
    service->type = strdup(request->type);
    service->options = strdup(request->options);
    bool all =
        service->path && service->mount && service->source && service->type && service->options;
    for (uint32_t i = 0; i < ARGUMENTS_MAX && request->arguments[i] != NULL; i++)
        all = (service->arguments[i] = strdup(request->arguments[i])) != NULL && all;
    return all;
}

static void slot_free(struct service_entry_state *service)
{
    mutex_lock(&init_lock);
    handle_drop(&service->image);
    const char *texts[] = {service->name,   service->path, service->mount,
                           service->source, service->type, service->options};
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((char *)texts[i]);
    for (uint32_t i = 0; i < ARGUMENTS_MAX; i++)
        free(service->arguments[i]);
    *service = (struct service_entry_state){.name = NULL};
    mutex_unlock(&init_lock);
}

/* Starts and mounts it; if that fails nothing of it runs, and its own reason is the status. */
static status_t begin_mounted(struct service_entry_state *service)
{
    status_t status = start_service(service);
    if (status != OK)
        return status;
    status = mount_service(service);
    if (status == OK)
        return OK;
    service->leaving = true;
    if (process_kill(service->program.process, 0) != OK)
        log_printf("%s does not stop", service->name);
    int32_t code = wait_service(service);
    return status == ERR_PEER_CLOSED && code < 0 ? code : status;
}

void service_run_mounted(const struct service_request *request)
{
    struct service_entry_state *service = slot_take(NULL);
    status_t status = service == NULL ? ERR_LIMIT_REACHED : OK;
    if (status == OK)
        status = copy_texts(service, request) ? OK : ERR_NO_MEMORY;
    if (status == OK) {
        service->privileges.flags = PRIVILEGE_RESERVE;
        service->mount_flags = request->flags;
        status = begin_mounted(service);
    }
    request->started(request->context, service, status);
    if (status == OK)
        supervise(service);
    if (service != NULL)
        slot_free(service);
}

struct service_entry_state *service_mounted_at(const char *path, handle_t *named)
{
    for (uint32_t i = service_count; i-- > 0;) {
        struct service_entry_state *service = &services[i];
        if (service->name == NULL || service->source == NULL || !service->mounted ||
            service->leaving || strcmp(service->mount, path) != 0)
            continue;
        *named = name_get(service->name);
        return service;
    }
    return NULL;
}

struct service_entry_state *service_file_system(const char *path, handle_t *named)
{
    bool is_root = strcmp(path, "/") == 0;
    for (uint32_t i = service_count; i-- > 0;) {
        struct service_entry_state *service = &services[i];
        bool here = service->mount != NULL ? service->mounted && strcmp(service->mount, path) == 0
                                           : is_root && (service->is_root || service->archives);
        if (service->name == NULL || service->leaving || !here)
            continue;
        *named = name_get(service->name);
        return service;
    }
    return NULL;
}

void service_set_flags(struct service_entry_state *service, uint32_t flags)
{
    service->mount_flags = flags;
}

void service_no_more(struct service_entry_state *service)
{
    service->leaving = true;
}

void service_leave(struct service_entry_state *service)
{
    service->leaving = true;
    if (service->program.process != HANDLE_NONE && process_kill(service->program.process, 0) != OK)
        log_printf("%s does not stop", service->name);
}

/* ---- consoles -------------------------------------------------------------------------------- */

/* The pid is known to us before the program runs, so the terminal can be made its own. */
static status_t give_terminal(uint32_t start, handle_t terminal, handle_t event)
{
    mutex_lock(&init_lock);
    uint32_t pid = start_pid(start);
    mutex_unlock(&init_lock);
    status_t status = tty_client_set_session(terminal, pid, pid, true);
    for (uint32_t fd = 0; fd < 3 && status == OK; fd++) {
        struct start_fd row = {.fd = fd, .kind = FD_TTY, .flags = O_RDWR};
        status = init_start_fd(own_handle, start, &row, terminal, event);
    }
    return status;
}

static status_t commit(const struct console *console, uint32_t start, handle_t image, uint32_t *pid)
{
    struct start_arguments arguments = {.umask = 022};
    handle_t strings;
    status_t status =
        start_strings_vmo(console->path, "/", console->argv, environment, &arguments, &strings);
    if (status != OK)
        return status;
    status =
        init_start_commit(own_handle, start, &arguments, strings, root, root, image, true, pid);
    handle_drop(&strings);
    return status;
}

static status_t start_console(struct console *console, handle_t terminal, handle_t event,
                              handle_t image)
{
    struct start_request request = {.personality = console->personality, .ppid = PID_INIT};
    uint32_t start;
    status_t status = init_start_begin(own_handle, &request, &start);
    if (status != OK)
        return status;
    status = give_terminal(start, terminal, event);
    if (status != OK) {
        init_start_abandon(own_handle, start);
        return status;
    }
    return commit(console, start, image, &console->pid);
}

static status_t run_console(struct console *console)
{
    struct fs_walk_context context = {.root = root, .cwd = root};
    handle_t tty, terminal = HANDLE_NONE, event = HANDLE_NONE, image = HANDLE_NONE;
    int32_t wait_status;
    status_t status = init_name_lookup(own_handle, "tty", true, &tty);
    if (status != OK)
        return status;
    status = tty_client_open(tty, console->terminal, &terminal, &event);
    if (status == OK)
        status = fs_client_root(&context);
    if (status == OK)
        status = fs_client_open(&context, root, console->path, strlen(console->path), FS_O_READ, 0,
                                &image, NULL);
    if (status == OK)
        status = start_console(console, terminal, event, image);
    if (status == OK)
        status = init_wait(own_handle, console->pid, &wait_status);
    console->pid = 0;
    handle_drop(&image);
    handle_drop(&terminal);
    handle_drop(&event);
    handle_drop(&tty);
    return status;
}

/* A personality that is still starting is given a moment. */
static bool wait_personality(const struct console *console)
{
    for (ktime_t end = time_monotonic() + LASTED; time_monotonic() < end;
         time_sleep(5 * NS_PER_MS)) {
        mutex_lock(&init_lock);
        bool there = personality_find(console->personality, strlen(console->personality)) != NULL;
        mutex_unlock(&init_lock);
        if (there)
            return true;
    }
    return false;
}

static void console_thread(void *argument)
{
    struct console *console = argument;
    ktime_t delay = DELAY_FIRST;
    while (!shutting_down) {
        ktime_t begun = time_monotonic();
        status_t status = wait_personality(console) ? run_console(console) : ERR_NOT_FOUND;
        if (shutting_down)
            return;
        if (status != OK)
            announce("%s on the console, personality %s: %s", console->path, console->personality,
                     status_text(status));
        bool lasted = time_monotonic() - begun >= NS_PER_S;
        delay = lasted ? DELAY_FIRST : delay * 2 < DELAY_MOST ? delay * 2 : DELAY_MOST;
        time_sleep(delay);
    }
}

void console_directive(char **words, uint32_t count)
{
    struct console *console = calloc(1, sizeof *console + (count - 2) * sizeof(char *));
    if (console == NULL)
        process_fail("console", ERR_NO_MEMORY);
    console->terminal = strtoul(words[0], NULL, 10);
    console->personality = words[1];
    console->path = words[2];
    console->argv = (char **)(console + 1);
    for (uint32_t i = 3; i < count; i++)
        console->argv[i - 3] = words[i];
    status_t status = thread_spawn(console_thread, console, 0, NULL);
    if (status != OK)
        process_fail("console", status);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What file systems have not written yet; they are left clean. One that does not answer is not waited for. */
static void finish_files(void)
{
    struct fs_finish_request request = {.force = 1};
    struct ipc ipc;
    for (uint32_t i = service_count; i-- > 0;) {
        struct service_entry_state *service = &services[i];
        if (service->name == NULL || (service->mount == NULL && !service->is_root))
            continue;
        mutex_lock(&init_lock);
        handle_t named = name_get(service->name);
        mutex_unlock(&init_lock);
        if (named == HANDLE_NONE)
            continue;
        ipc_begin(&ipc, LABEL_fs_finish, &request, sizeof request);
        status_t status = ipc_call_until(&ipc, named, NULL, 0, time_monotonic() + SYNC_PATIENCE);
        if (status != OK && status != ERR_PEER_CLOSED)
            log_printf("%s: not all is written: %s", service->name, status_text(status));
        handle_drop(&named);
    }
}

/* In the opposite order of their start; what shows the last lines goes last. */
void services_stop(void)
{
    finish_files();
    for (uint32_t i = service_count; i-- > 0;) {
        struct service_entry_state *service = &services[i];
        mutex_lock(&init_lock);
        if (service->program.process != HANDLE_NONE && !service->vital &&
            strncmp(service->name, "console/", 8) != 0 &&
            process_kill(service->program.process, 0) != OK)
            log_printf("%s does not stop", service->name);
        mutex_unlock(&init_lock);
    }
}
