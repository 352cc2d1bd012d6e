/* SPDX-License-Identifier: MIT */
/* snap record, snap replay and snap step: programs from their first instruction on. */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define POLL     2000000u /* ns */
#define CREATE   (FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE)
#define WORD_MAX (SNAP_PATH_MAX + 16)

/* ---- starting ---------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct fs_walk_context context;
    handle_t node = HANDLE_NONE;
    bool there =
        file_context(&context) == OK &&
        fs_client_open(&context, HANDLE_NONE, path, strlen(path), FS_O_READ, 0, &node, NULL) == OK;
    handle_drop(&node);
    return there;
}

/* Starts a program that stands still before its first instruction. */
static bool start_held(char **argv, uint32_t *pid)
{
    static const char *const places[] = {"", "/bin/", "/usr/bin/"};
    char path[SNAP_PATH_MAX];
    for (uint32_t i = strchr(argv[0], '/') ? 0 : 1; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s%s", places[i], argv[0]);
        if (is_there(path))
            break;
    }
    struct spawn_options options = {
        .path = path, .argv = argv, .personality = "posix", .flags = START_HELD};
    status_t status = spawn_with(&options, pid);
    if (status != OK)
        complain("%s: %s", argv[0], status_text(status));
    return status == OK;
}

static status_t create(const char *path, handle_t *node)
{
    struct fs_walk_context context;
    status_t status = file_context(&context);
    return status == OK
               ? fs_client_open(&context, HANDLE_NONE, path, strlen(path), CREATE, 0700, node, NULL)
               : status;
}

static int exit_code(int32_t status)
{
    return (status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

/* ---- record ------------------------------------------------------------------------------------- */

static status_t begin_recording(const char *base, uint32_t pid)
{
    char snapshot[WORD_MAX], log[WORD_MAX];
    handle_t nodes[2] = {HANDLE_NONE, HANDLE_NONE};
    struct snapshot_result result;
    snprintf(snapshot, sizeof snapshot, "%s.snap", base);
    snprintf(log, sizeof log, "%s.log", base);
    status_t status = create(snapshot, &nodes[0]);
    if (status == OK)
        status = create(log, &nodes[1]);
    if (status == OK)
        status = init_record(startup_handle(STARTUP_INIT), pid, SNAPSHOT_RECORD, nodes[0], nodes[1],
                             &result);
    handle_drop(&nodes[0]);
    handle_drop(&nodes[1]);
    return status;
}

int command_record(int argc, char **argv)
{
    uint32_t pid, count;
    int32_t result = 0;
    if (argc < 4 || strcmp(argv[0], "-o") != 0 || strcmp(argv[2], "--") != 0 ||
        strlen(argv[1]) >= SNAP_PATH_MAX) {
        complain("usage: snap record -o NAME -- PROGRAM [ARGUMENT]...");
        return 2;
    }
    if (!start_held(argv + 3, &pid))
        return 1;
    status_t status = begin_recording(argv[1], pid);
    if (status != OK) {
        complain("%s: %s", argv[1], status_text(status));
        (void)!init_proc_signal(startup_handle(STARTUP_INIT), (int32_t)pid, 9, startup_pid(),
                                &count);
        return 1;
    }
    return wait_pid(pid, &result) == OK ? exit_code(result) : 1;
}

/* ---- replay ------------------------------------------------------------------------------------- */

static bool print_report(const char *path)
{
    uint8_t *text = NULL;
    uint32_t size = 0;
    if (!snap_file_load(path, 65536, &text, &size))
        return false;
    printf("%.*s", (int)size, (const char *)text);
    bool diverged = false;
    for (uint32_t i = 0; i + 10 <= size && !diverged; i++)
        diverged = memcmp(text + i, "divergence", 10) == 0;
    free(text);
    return diverged;
}

/* Until it stands still or has ended. */
static int watch_replay(uint32_t pid, const char *report)
{
    handle_t init = startup_handle(STARTUP_INIT);
    struct proc_stats stats;
    char command[64];
    size_t length;
    int32_t result = 0;
    for (;;) {
        status_t status = init_proc_stats(init, pid, &stats, command, sizeof command, &length);
        if (status != OK || stats.state == PROC_ZOMBIE) {
            status = wait_pid(pid, &result);
            if (print_report(report))
                return 1;
            printf("process %u ended: %d\n", (unsigned)pid, exit_code(result));
            return status == OK ? 0 : 1;
        }
        if (stats.state == PROC_STOPPED)
            break;
        time_sleep(POLL);
    }
    bool diverged = print_report(report);
    printf("process %u stands still\n", (unsigned)pid);
    return diverged;
}

int command_replay(int argc, char **argv)
{
    char snapshot[WORD_MAX], log[WORD_MAX], report[WORD_MAX], until[32];
    const char *base = NULL;
    char *options[] = {(char *)"restore",
                       (char *)"--files=current",
                       (char *)"--accept-edited",
                       log,
                       report,
                       NULL,
                       NULL,
                       NULL};
    uint32_t pid, wanted = 0, count = 5;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--until-crash") == 0 && count < 7) {
            options[count++] = argv[i];
        } else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc && count < 7) {
            snprintf(until, sizeof until, "--to=%s", argv[++i]);
            options[count++] = until;
        } else if (base == NULL && argv[i][0] != '-' && strlen(argv[i]) < SNAP_PATH_MAX) {
            base = argv[i];
        } else {
            argc = 0;
        }
    }
    if (argc == 0 || base == NULL) {
        complain("usage: snap replay [--to CALL] [--until-crash] NAME");
        return 2;
    }
    snprintf(snapshot, sizeof snapshot, "%s.snap", base);
    snprintf(log, sizeof log, "--replay=%s.log", base);
    snprintf(report, sizeof report, "--report=%s.report", base);
    if (!live_restore(snapshot, options, &wanted, &pid))
        return 1;
    return watch_replay(pid, report + strlen("--report="));
}

/* ---- step --------------------------------------------------------------------------------------- */

static status_t save_step(const char *path, uint32_t pid)
{
    struct fs_path_args args = {.op = FS_OP_MKDIR, .mode = 0700};
    struct fs_path_result result;
    struct snapshot_result taken;
    struct fs_walk_context context;
    handle_t directory = HANDLE_NONE;
    status_t status = file_context(&context);
    if (status == OK)
        (void)!fs_client_path(&context, HANDLE_NONE, path, strlen(path), &args, &result);
    if (status == OK)
        status = fs_client_open(&context, HANDLE_NONE, path, strlen(path),
                                FS_O_READ | FS_O_DIRECTORY, 0, &directory, NULL);
    if (status == OK)
        status = init_snapshot(startup_handle(STARTUP_INIT), pid, SNAPSHOT_TREE | SNAPSHOT_STOP,
                               directory, &taken);
    handle_drop(&directory);
    return status;
}

/*
 * The program with its descendants is saved, ended and restored again and again; in between each of
 * its processes makes as many system calls as were asked for.
 */
int command_step(int argc, char **argv)
{
    char path[64], file[96], calls[32];
    char *options[] = {(char *)"restore", (char *)"--files=current", calls, NULL};
    uint32_t pid, wanted, steps = 0;
    int32_t result = 0;
    if (argc < 4 || strcmp(argv[0], "-n") != 0 || strcmp(argv[2], "--") != 0) {
        complain("usage: snap step -n CALLS -- PROGRAM [ARGUMENT]...");
        return 2;
    }
    snprintf(calls, sizeof calls, "--calls=%s", argv[1]);
    if (!start_held(argv + 3, &pid))
        return 1;
    snprintf(path, sizeof path, "/tmp/step-%u", (unsigned)startup_pid());
    while (save_step(path, pid) == OK) {
        steps++;
        if (wait_pid(pid, &result) != OK)
            return 1;
        wanted = pid;
        snprintf(file, sizeof file, "%s/p%u.snap", path, (unsigned)pid);
        if (!live_restore(file, options, &wanted, &pid))
            return 1;
        time_sleep(POLL);
    }
    if (wait_pid(pid, &result) != OK)
        return 1;
    fprintf(stderr, "%u times saved and restored\n", (unsigned)steps);
    return exit_code(result);
}
