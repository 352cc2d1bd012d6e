/* SPDX-License-Identifier: MIT */
/*
 * atrace PROGRAM [ARGUMENTS]: runs a Unix or NT program with its system calls decoded on its error
 * output. The decoder is the personality's own; it is switched on by a variable in the environment
 * of the program that is started.
 *
 * atrace --missing: what Unix programs have asked for since the start and did not get because it is
 * not there, with how often and by which program: a file of the Unix personality's /proc.
 */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWITCH "ATOMIK_TRACE=1"

static char **traced_environment(char **envp)
{
    size_t count = 0;
    while (envp[count] != NULL)
        count++;
    char **result = calloc(count + 2, sizeof *result);
    if (result == NULL)
        process_fail("atrace", ERR_NO_MEMORY);
    memcpy(result, envp, count * sizeof *result);
    result[count] = (char *)SWITCH;
    return result;
}

/* Where the program is, as a shell looks for it. */
static status_t find(const char *name, char *path, size_t size)
{
    static const char *const directories[] = {"", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"};
    size_t first = strchr(name, '/') != NULL ? 0 : 1,
           last = first == 0 ? 1 : sizeof directories / sizeof directories[0];
    struct fs_walk_context context;
    struct fs_attr attr;
    status_t status = file_context(&context);
    if (status != OK)
        return status;
    status = ERR_NOT_FOUND;
    for (size_t i = first; i < last && status == ERR_NOT_FOUND; i++) {
        snprintf(path, size, "%s%s", directories[i], name);
        status = fs_client_stat_path(&context, HANDLE_NONE, path, strlen(path), 0, &attr);
    }
    return status;
}

static status_t run(char **argv, char **envp, bool traced, int32_t *result)
{
    char path[FS_PATH_MAX];
    struct spawn_options options = {
        .path = path, .argv = argv, .envp = traced ? traced_environment(envp) : envp};
    uint32_t pid;
    status_t status = find(argv[0], path, sizeof path);
    if (status == OK)
        status = spawn_with(&options, &pid);
    return status == OK ? wait_pid(pid, result) : status;
}

int main(int argc, char **argv, char **envp)
{
    static char *missing[] = {(char *)"cat", (char *)"/proc/atomik/missing", NULL};
    int32_t result;
    if (argc < 2) {
        fprintf(stderr, "usage: atrace PROGRAM [ARGUMENTS]\n       atrace --missing\n");
        return 2;
    }
    bool list = argc == 2 && strcmp(argv[1], "--missing") == 0;
    status_t status = run(list ? missing : argv + 1, envp, !list, &result);
    if (status != OK) {
        fprintf(stderr, "atrace: %s: %s\n", argv[1], status_text(status));
        return status == ERR_NOT_FOUND ? 127 : 126;
    }
    return (result & 0x7f) != 0 ? 128 + (result & 0x7f) : (result >> 8) & 0xff;
}
