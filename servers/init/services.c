/* SPDX-License-Identifier: MIT */
/*
 * Services. Each has a thread that starts it, waits for its end and starts it again,
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
#include <program/program.h>

#include "services.h"

#define SERVICES_MAX    96
#define ENVIRONMENT_MAX 32
#define BADGE_NAMED     1u /* of the handle that is registered under a service's name */
#define LASTED          (10 * NS_PER_S)
#define SYNC_PATIENCE   (30 * NS_PER_S)
#define CODE_FAILED     1 /* of process_fail: the service itself has given up */
#define OPTIONS_LENGTH  512

static struct service_entry_state services[SERVICES_MAX];
static uint32_t service_count;
static char *environment[ENVIRONMENT_MAX + 1];
static uint32_t environment_count;
static handle_t root;
static handle_t own_handle; /* our own port as a service sees it */
static handle_t exception_port;

handle_t services_own_handle(void)
{
    return own_handle;
}

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

/* ---- crashes ----------------------------------------------------------------------------------------- */

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

/* ---- starting a service ------------------------------------------------------------------------------ */

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

/* ---- mounting ---------------------------------------------------------------------------------------- */

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

/* ---- supervision ------------------------------------------------------------------------------------- */

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

/* ---- the service directive --------------------------------------------------------------------------- */

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
        if (!service_add_word(service, words[i]))
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

/* ---- services that are mounted by request ------------------------------------------------------------ */

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

/* ---- the end ----------------------------------------------------------------------------------------- */

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
