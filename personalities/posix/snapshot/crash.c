/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of crashes. The process is frozen where it crashed while a thread of the server's looks for
 * a rule, saves it and lets it end. Rules are lines of /etc/snap.conf:
 *
 *   crash DIRECTORY [NAME]...     a crash of a program of this name (without names: of any) is
 *                                 written to DIRECTORY/crash-NAME-PID.snap
 */
#include "crash.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server.h"
#include "../task.h"
#include "freeze.h"
#include "save.h"

#define RULES     "/etc/snap.conf"
#define RULES_MAX 8192u
#define NAME_MAX_ 300u

struct crash_job {
    uint32_t pid;
    char name[COMM_LENGTH];
    struct crash crash;
};

/* ---- rules ---------------------------------------------------------------------------------------- */

/* The next blank-separated word of a line, terminated in place; NULL at its end. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t\r");
    if (*word == '\0' || *word == '#')
        return NULL;
    char *end = word + strcspn(word, " \t\r");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* Whether a line is a rule for the program; its directory. */
static bool rule_applies(char *line, const char *program, char *directory)
{
    char *word = next_word(&line), *target = word ? next_word(&line) : NULL, *name;
    bool any = true;
    if (!word || strcmp(word, "crash") != 0 || !target || strlen(target) >= FS_NAME_MAX)
        return false;
    strcpy(directory, target);
    while ((name = next_word(&line))) {
        any = false;
        if (strcmp(name, program) == 0)
            return true;
    }
    return any;
}

static bool find_rule(const struct fs_walk_context *walk, const char *program, char *directory)
{
    char *rules = malloc(RULES_MAX);
    handle_t file = HANDLE_NONE;
    size_t length = 0;
    bool found = false;
    if (rules &&
        fs_client_open(walk, HANDLE_NONE, RULES, strlen(RULES), FS_O_READ, 0, &file, NULL) == OK &&
        fs_client_read(file, 0, rules, RULES_MAX - 1, &length) == OK) {
        rules[length] = '\0';
        for (char *line = rules, *end; line && !found; line = end) {
            end = strchr(line, '\n');
            if (end)
                *end++ = '\0';
            found = rule_applies(line, program, directory);
        }
    }
    close_handle(file);
    free(rules);
    return found;
}

/* ---- saving --------------------------------------------------------------------------------------- */

static void make_name(const struct crash_job *job, const char *directory, char *path)
{
    int length = snprintf(path, NAME_MAX_, "%s/crash-", directory);
    for (const char *at = job->name; *at && length < (int)NAME_MAX_ - 16; at++)
        path[length++] = *at == '/' ? '_' : *at;
    snprintf(path + length, NAME_MAX_ - (uint32_t)length, "-%u.snap", job->pid);
}

/* Under a name of its own until it is complete. */
static status_t save_as(const struct fs_walk_context *walk, const struct crash_job *job,
                        const char *path)
{
    char temporary[NAME_MAX_ + 8];
    struct fs_path_args unlink = {.op = FS_OP_UNLINK};
    struct fs_path_result ignored;
    struct snapshot_result result;
    handle_t file = HANDLE_NONE;
    snprintf(temporary, sizeof temporary, "%s.new", path);
    status_t status =
        fs_client_open(walk, HANDLE_NONE, temporary, strlen(temporary),
                       FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE, 0700, &file, NULL);
    if (status != OK)
        return status;
    status = snapshot_take(job->pid, 0, &job->crash, file, &result);
    if (status == OK)
        status = fs_client_sync(file, false);
    close_handle(file);
    if (status == OK)
        return fs_client_rename(walk, HANDLE_NONE, temporary, strlen(temporary), HANDLE_NONE, path,
                                strlen(path), 0);
    ignore(fs_client_path(walk, HANDLE_NONE, temporary, strlen(temporary), &unlink, &ignored));
    return status;
}

/* The process ends: only now, so that whoever waits for it finds the file. */
static void let_end(const struct crash_job *job)
{
    server_lock();
    struct process *process = process_find(job->pid);
    if (process && process->crashing)
        process_end_all(process, job->crash.status);
    process_thaw(job->pid);
    server_unlock();
}

static void crash_thread(void *argument)
{
    struct crash_job *job = argument;
    struct fs_walk_context walk = {.root = server.root, .cwd = server.root};
    char directory[FS_NAME_MAX + 1], path[NAME_MAX_];
    if (fs_client_root(&walk) == OK && find_rule(&walk, job->name, directory)) {
        make_name(job, directory, path);
        status_t status = save_as(&walk, job, path);
        if (status == OK)
            log_line("%s (pid %u) crashed: %s", job->name, job->pid, path);
        else
            log_line("%s (pid %u) crashed; %s cannot be written: error %d", job->name, job->pid,
                     path, status);
    }
    let_end(job);
    release(job);
}

bool crash_begin(struct thread *thread, const siginfo_t *info, int32_t status)
{
    struct process *process = thread->process;
    struct crash_job *job = process->crashing ? NULL : allocate(sizeof *job);
    if (!job)
        return false;
    *job = (struct crash_job){.pid = process->pid,
                              .crash = {.tid = thread->tid,
                                        .status = status,
                                        .vector = thread->trap_vector,
                                        .error = thread->trap_error,
                                        .info = *info}};
    strlcpy(job->name, process->comm, sizeof job->name);
    process->crashing = true;
    if (!worker_background(crash_thread, job)) {
        release(job);
        return false;
    }
    process->frozen++; /* until let_end, which waits for the lock */
    return true;
}
