/* SPDX-License-Identifier: MIT */
/* snap save and snap restore: what init and the personalities do for them. */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define US 1000u

/* ---- save --------------------------------------------------------------------------------------- */

static bool save_option(const char *text, uint32_t *flags)
{
    static const struct {
        const char *option;
        uint32_t flag;
    } options[] = {{"--stop", SNAPSHOT_STOP},
                   {"--no-text", SNAPSHOT_NO_TEXT},
                   {"--files", SNAPSHOT_FILES},
                   {"--tree", SNAPSHOT_TREE}};
    for (uint32_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(text, options[i].option) == 0) {
            *flags |= options[i].flag;
            return true;
        }
    return false;
}

static status_t save_into(struct snap_output *output, uint32_t pid, uint32_t flags,
                          struct snapshot_result *result)
{
    struct start_fd info;
    handle_t node, none;
    status_t status = file_info(output->fd, &info, &node, &none);
    return status == OK ? init_snapshot(startup_handle(STARTUP_INIT), pid, flags, node, result)
                        : status;
}

static void print_result(const char *path, const struct snapshot_result *result)
{
    printf("%s: %llu bytes, paused %u us, %u us in all\n", path, (unsigned long long)result->size,
           (unsigned)(result->pause / US), (unsigned)(result->time / US));
}

/* After a failure the output is no more. */
static bool save_or_discard(struct snap_output *output, uint32_t pid, uint32_t flags,
                            struct snapshot_result *result)
{
    status_t status = save_into(output, pid, flags, result);
    if (status == OK)
        return true;
    complain("process %u: %s", (unsigned)pid, status_text(status));
    snap_output_discard(output);
    return false;
}

static int save_process(uint32_t pid, uint32_t flags, const char *path)
{
    struct snapshot_result result;
    struct snap_output output;
    if (!snap_output_open(&output, path) || !save_or_discard(&output, pid, flags, &result) ||
        !snap_output_commit(&output))
        return 1;
    result.size = output.size;
    print_result(path, &result);
    return 0;
}

static bool save_against(const struct snap_base *base, uint32_t pid, uint32_t flags,
                         const char *path, struct snapshot_result *result)
{
    struct snap_output whole, output;
    struct snap_file file;
    if (!snap_output_begin(&whole, SNAP_TEMPORARY) ||
        !save_or_discard(&whole, pid, flags | SNAPSHOT_UNDIGESTED, result))
        return false;
    snap_output_read(&whole, &file, true);
    bool good = snap_write_delta(base, &file, &output, path);
    snap_file_close(&file);
    result->size = output.size;
    return good;
}

/* The process runs on after the same pause; what changed is found in the whole snapshot, in /tmp. */
static int save_delta(uint32_t pid, uint32_t flags, const char *base_path, const char *path)
{
    struct snapshot_result result;
    struct snap_base base;
    if (!snap_base_open(&base, base_path, path))
        return 1;
    bool good = save_against(&base, pid, flags, path, &result);
    snap_base_close(&base);
    if (good)
        print_result(path, &result);
    return good ? 0 : 1;
}

/* A new directory, open for files to be made in it. */
static status_t make_directory(const char *path, handle_t *directory)
{
    struct fs_path_args args = {.op = FS_OP_MKDIR, .mode = 0700};
    struct fs_path_result result;
    struct fs_walk_context context;
    status_t status = file_context(&context);
    if (status == OK)
        status = fs_client_path(&context, HANDLE_NONE, path, strlen(path), &args, &result);
    if (status != OK)
        return status;
    return fs_client_open(&context, HANDLE_NONE, path, strlen(path), FS_O_READ | FS_O_DIRECTORY, 0,
                          directory, NULL);
}

static int save_tree(uint32_t pid, uint32_t flags, const char *path)
{
    struct snapshot_result result;
    handle_t directory = HANDLE_NONE;
    status_t status = make_directory(path, &directory);
    if (status != OK) {
        complain("%s: %s", path, status_text(status));
        return 1;
    }
    status = init_snapshot(startup_handle(STARTUP_INIT), pid, flags, directory, &result);
    handle_drop(&directory);
    if (status != OK) {
        complain("process %u: %s", (unsigned)pid, status_text(status));
        return 1;
    }
    print_result(path, &result);
    return 0;
}

static int command_save(int argc, char **argv)
{
    const char *base = NULL;
    uint32_t flags = 0;
    uint64_t pid;
    for (; argc > 0 && argv[0][0] == '-'; argc--, argv++) {
        if (strcmp(argv[0], "--incremental") == 0 && argc > 1 && base == NULL) {
            base = *++argv;
            argc--;
        } else if (!save_option(argv[0], &flags)) {
            break;
        }
    }
    if (argc != 2 || (base != NULL && (flags & SNAPSHOT_TREE)) ||
        !parse_number(argv[0], (uint32_t)strlen(argv[0]), &pid) || pid > UINT32_MAX) {
        complain("usage: snap save [--stop] [--no-text] [--files] [--incremental BASE] PID FILE\n"
                 "       snap save --tree [...] PID DIRECTORY");
        return 2;
    }
    if (base != NULL)
        return save_delta((uint32_t)pid, flags, base, argv[1]);
    return flags & SNAPSHOT_TREE ? save_tree((uint32_t)pid, flags, argv[1])
                                 : save_process((uint32_t)pid, flags, argv[1]);
}

/* ---- restore ------------------------------------------------------------------------------------ */

static int exit_code(int32_t status)
{
    return (status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

#define FORWARDED_MAX 4u
struct restore_options {
    bool detach, new_pid;
    const char *path;
    /* for the personality; [0] stands for the program's name, and a NULL ends them */
    char *forwarded[FORWARDED_MAX + 1];
    uint32_t count;
};

static bool restore_options(int argc, char **argv, struct restore_options *options)
{
    *options = (struct restore_options){.forwarded = {(char *)"restore"}, .count = 1};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--detach") == 0)
            options->detach = true;
        else if (strcmp(argv[i], "--as-new-pid") == 0)
            options->new_pid = true;
        else if ((strncmp(argv[i], "--files=", 8) == 0 || strcmp(argv[i], "--accept-edited") == 0 ||
                  strcmp(argv[i], "--lazy") == 0) &&
                 options->count < FORWARDED_MAX)
            options->forwarded[options->count++] = argv[i];
        else if (argv[i][0] == '-' || options->path != NULL)
            return false;
        else
            options->path = argv[i];
    }
    return options->path != NULL;
}

/* What the start needs to know of the snapshot. */
static bool look_into(const char *path, char *personality, uint32_t size, uint32_t *pid)
{
    struct snap_input input;
    if (!snap_input_open(&input, path))
        return false;
    const struct snap_note *process = snap_next(&input.snapshot, SNAP_PROCESS, NULL);
    *pid = process ? snap_get_u32(process, SNAP_PROCESS_PID, 0) : 0;
    bool known = snap_get_personality(&input.snapshot, personality, size);
    if (!known)
        complain("%s: of no personality", path);
    snap_input_close(&input);
    return known;
}

static bool restore_plain(const char *path, char *const *options, const uint32_t *wanted,
                          uint32_t *pid)
{
    char personality[16];
    uint32_t old_pid;
    if (!look_into(path, personality, sizeof personality, &old_pid))
        return false;
    char *const no_environment[] = {NULL}; /* that is in the snapshot's memory */
    struct spawn_options start = {.path = path,
                                  .argv = options,
                                  .envp = no_environment,
                                  .personality = personality,
                                  .wanted = wanted ? *wanted : old_pid};
    status_t status = spawn_with(&start, pid);
    if (status != OK)
        complain("%s: %s", path, status_text(status));
    return status == OK;
}

/* A personality restores plain, complete files: another one becomes such for as long as the start takes. */
bool live_restore(const char *path, char *const *options, const uint32_t *wanted, uint32_t *pid)
{
    struct snap_output output;
    enum snap_plain kind = snap_make_plain(path, &output);
    if (kind != SNAP_MADE)
        return kind == SNAP_IS_PLAIN && restore_plain(path, options, wanted, pid);
    snap_output_close(&output); /* what is open for writing is not started */
    bool good = restore_plain(output.temporary, options, wanted, pid);
    snap_output_discard(&output);
    return good;
}

static int command_restore(int argc, char **argv)
{
    static const uint32_t any = 0;
    struct restore_options options;
    int32_t result = 0;
    uint32_t pid;
    if (!restore_options(argc, argv, &options)) {
        complain("usage: snap restore [--as-new-pid] [--detach] [--lazy] "
                 "[--files=fail|current|snapshot] [--accept-edited] FILE");
        return 2;
    }
    if (!live_restore(options.path, options.forwarded, options.new_pid ? &any : NULL, &pid))
        return 1;
    if (options.detach) {
        printf("%u\n", (unsigned)pid);
        return 0;
    }
    status_t status = wait_pid(pid, &result);
    return status == OK ? exit_code(result) : 1;
}

const struct snap_command live_commands[] = {
    {"save", command_save,
     "save [--stop] [--no-text] [--files] [--incremental BASE] PID FILE, or save --tree [...] PID "
     "DIRECTORY\n"
     "                                a snapshot of a running process, which goes on or (--stop) "
     "ends"},
    {"restore", command_restore,
     "restore [--as-new-pid] [--detach] [--lazy] [--files=fail|current|snapshot] [--accept-edited] "
     "FILE\n"
     "                                a process that goes on where it was"},
    {"record", command_record,
     "record -o NAME -- PROGRAM [ARGUMENT]...\n"
     "                                a program with one thread: NAME.snap, and what happens to it "
     "in NAME.log"},
    {"replay", command_replay,
     "replay [--to CALL] [--until-crash] NAME\n"
     "                                it happens again, without an effect outside; then it stands "
     "still"},
    {"step", command_step,
     "step -n CALLS -- PROGRAM [ARGUMENT]...\n"
     "                                a program that is saved, ended and restored after so many "
     "calls, again and again"},
    {NULL, NULL, NULL},
};
