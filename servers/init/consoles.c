/* SPDX-License-Identifier: MIT */
/* Consoles: a program on a terminal, which is started again when it ends, by a thread of its own. */
#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>

#include "services.h"

#define O_RDWR 2
/* How long a personality may take to be there. */
#define PATIENCE (10 * NS_PER_S)

struct console {
    uint32_t terminal; /* 0: the main one, 1: the other */
    const char *personality, *path;
    char **argv;  /* NULL-ended */
    uint32_t pid; /* of the running program, 0: none */
};

/* The pid is known to us before the program runs, so the terminal can be made its own. */
static status_t give_terminal(uint32_t start, handle_t terminal, handle_t event)
{
    mutex_lock(&init_lock);
    uint32_t pid = start_pid(start);
    mutex_unlock(&init_lock);
    status_t status = tty_client_set_session(terminal, pid, pid, true);
    for (uint32_t fd = 0; fd < 3 && status == OK; fd++) {
        struct start_fd row = {.fd = fd, .kind = FD_TTY, .flags = O_RDWR};
        status = init_start_fd(services_own_handle(), start, &row, terminal, event);
    }
    return status;
}

static status_t commit(const struct console *console, uint32_t start, handle_t image, uint32_t *pid)
{
    struct start_arguments arguments = {.umask = 022};
    handle_t strings;
    status_t status = start_strings_vmo(console->path, "/", console->argv, service_environment(),
                                        &arguments, &strings);
    if (status != OK)
        return status;
    status = init_start_commit(services_own_handle(), start, &arguments, strings, root_directory(),
                               root_directory(), image, true, pid);
    handle_drop(&strings);
    return status;
}

static status_t start_console(struct console *console, handle_t terminal, handle_t event,
                              handle_t image)
{
    struct start_request request = {.personality = console->personality, .ppid = PID_INIT};
    uint32_t start;
    status_t status = init_start_begin(services_own_handle(), &request, &start);
    if (status != OK)
        return status;
    status = give_terminal(start, terminal, event);
    if (status != OK) {
        init_start_abandon(services_own_handle(), start);
        return status;
    }
    return commit(console, start, image, &console->pid);
}

static status_t run_console(struct console *console)
{
    struct fs_walk_context context = {.root = root_directory(), .cwd = root_directory()};
    handle_t tty, terminal = HANDLE_NONE, event = HANDLE_NONE, image = HANDLE_NONE;
    int32_t wait_status;
    status_t status = init_name_lookup(services_own_handle(), "tty", true, &tty);
    if (status != OK)
        return status;
    status = tty_client_open(tty, console->terminal, &terminal, &event);
    if (status == OK)
        status = fs_client_root(&context);
    if (status == OK)
        status = fs_client_open(&context, context.root, console->path, strlen(console->path),
                                FS_O_READ, 0, &image, NULL);
    if (status == OK)
        status = start_console(console, terminal, event, image);
    if (status == OK)
        status = init_wait(services_own_handle(), console->pid, &wait_status);
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
    for (ktime_t end = time_monotonic() + PATIENCE; time_monotonic() < end;
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
