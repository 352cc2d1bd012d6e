/* SPDX-License-Identifier: MIT */
/*
 * Tries what only root may, by asking the servers directly and telling them that it is root. One line for
 * each attempt: what, and the status that came back. Run once as root and once as a user.
 *
 *     user-check PID      PID: a process of root's; descriptor 1 is a regular file of whoever runs it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/blockclient.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <protocols/console.h>

#define SECRET "/tmp/secret"

static handle_t init;
static struct fs_walk_context as_root; /* what it says of itself */

static void say(const char *what, status_t status)
{
    printf("%s: %s\n", what, status_text(status));
}

static status_t open_as_root(const char *path, uint32_t flags, handle_t *node)
{
    return fs_client_open(&as_root, HANDLE_NONE, path, strlen(path), flags, 0644, node, NULL);
}

/* ---- files ------------------------------------------------------------------------------------------ */

static void try_names(void)
{
    handle_t node = HANDLE_NONE, again = HANDLE_NONE;
    say("read a file of root's", open_as_root(SECRET, FS_O_READ, &node));
    handle_drop(&node);
    say("make a file in root's directory",
        open_as_root("/etc/made", FS_O_WRITE | FS_O_CREATE, &node));
    handle_drop(&node);
    status_t status = open_as_root(SECRET, FS_O_NODE, &node);
    say("name a file of root's", status);
    if (status == OK)
        say("open what is only named", fs_client_reopen(node, FS_O_READ, &again));
    handle_drop(&node);
    handle_drop(&again);
}

static void try_attributes(void)
{
    const struct fs_attr theirs = {.mode = 04755, .uid = 0}, own = {.mode = 0640};
    struct start_fd fd;
    handle_t node, none;
    uint32_t length;
    if (file_info(1, &fd, &node, &none) != OK || fd.kind != FD_FILE)
        return;
    say("give a file to root",
        fs_client_setattr(node, FS_ATTR_MODE | FS_ATTR_UID | FS_ATTR_CHECKED, &theirs, NULL));
    say("change the mode of an own file", fs_client_setattr(node, FS_ATTR_MODE, &own, NULL));
    say("set an attribute",
        fs_client_xattr(node, FS_XATTR_SET, 0, "user.x", HANDLE_NONE, 0, &length));
}

static void try_mounts(void)
{
    struct fs_finish_request finish = {.force = 0};
    struct ipc ipc;
    handle_t root = HANDLE_NONE;
    say("the machine's root directory", init_root_directory(init, &root));
    ipc_begin(&ipc, LABEL_fs_finish, &finish, sizeof finish);
    say("end its file system", ipc_call(&ipc, root, NULL, 0)); /* BUSY: it is in use */
    handle_drop(&root);
}

/* ---- devices ------------------------------------------------------------------------------------------ */

static void try_devices(void)
{
    struct block_session session;
    struct message message = {.label = LABEL_console_connect};
    handle_t terminal = HANDLE_NONE, event = HANDLE_NONE, tty = HANDLE_NONE;
    status_t status = block_client_open(init, "vda", 0, 65536, &session);
    say("open a disk", status);
    if (status == OK)
        block_client_close(&session);
    status = init_name_lookup(init, "tty", true, &tty);
    if (status == OK)
        status = tty_client_open(tty, 0, &terminal, &event);
    say("open the console", status);
    handle_drop(&terminal);
    handle_drop(&event);
    handle_drop(&tty);
    if (init_name_lookup(init, "console/vga", false, &tty) == OK)
        say("take the screen away", port_call(tty, &message, DEADLINE_NEVER, 0) == OK
                                        ? (status_t)message.label
                                        : ERR_PEER_CLOSED);
}

/* ---- processes -------------------------------------------------------------------------------------- */

static void try_processes(uint32_t pid)
{
    struct snapshot_result result;
    handle_t node = HANDLE_NONE;
    uint32_t count;
    say("signal a process of root's", init_proc_signal(init, (int32_t)pid, 0, 0, &count));
    if (file_context(&as_root) == OK &&
        open_as_root("taken", FS_O_READ | FS_O_WRITE | FS_O_CREATE, &node) == OK)
        say("take a snapshot of it", init_snapshot(init, pid, 0, node, &result));
    handle_drop(&node);
}

/* A server of one's own instead of files: it could say that they are root's, with set-id bits. */
static void try_own_server(void)
{
    struct start_request request = {.ppid = startup_pid(), .personality = "posix"};
    struct start_arguments arguments = {.umask = 022};
    char *argv[] = {(char *)"x", NULL};
    handle_t port = HANDLE_NONE, caller = HANDLE_NONE, strings = HANDLE_NONE;
    uint32_t start, pid;
    status_t status = port_create(&port);
    if (status == OK)
        status = port_badge(port, 1, &caller);
    if (status == OK)
        status = start_strings_vmo("/x", "/", argv, argv + 1, &arguments, &strings);
    if (status == OK)
        status = init_start_begin(init, &request, &start);
    handle_drop(&port); /* nobody answers: who asks fails at once */
    if (status == OK)
        status = init_start_commit(init, start, &arguments, strings, as_root.root, as_root.cwd,
                                   caller, false, &pid);
    say("start a program of an own server's", status);
}

int main(int argc, char **argv)
{
    init = startup_handle(STARTUP_INIT);
    if (argc < 2 || file_context(&as_root) != OK)
        return 2;
    as_root.uid = as_root.gid = 0;
    try_names();
    try_attributes();
    try_mounts();
    try_devices();
    try_processes((uint32_t)strtoul(argv[1], NULL, 10));
    try_own_server();
    return 0;
}
