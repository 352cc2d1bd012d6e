/* SPDX-License-Identifier: MIT */
/* See crash.h. */
#include "capture.h"
#include "crash.h"

#include <ipc/call.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES     "/etc/snap.conf"
#define RULES_MAX 8192u

/* ---- rules ---- */

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
    handle_drop(&file);
    free(rules);
    return found;
}

bool capture_crash_wanted(const struct fs_walk_context *walk, const char *program)
{
    char directory[FS_NAME_MAX + 1];
    return find_rule(walk, program, directory);
}

/* ---- writing ---- */

static void make_path(const char *directory, const char *program, uint32_t pid, char *path)
{
    int length = snprintf(path, CAPTURE_CRASH_PATH, "%s/crash-", directory);
    for (const char *at = program; *at && length < (int)CAPTURE_CRASH_PATH - 16; at++)
        path[length++] = *at == '/' ? '_' : *at;
    snprintf(path + length, CAPTURE_CRASH_PATH - (uint32_t)length, "-%u.snap", pid);
}

status_t capture_crash(const struct fs_walk_context *walk, const char *program, uint32_t pid,
                       status_t (*write)(void *context, handle_t file), void *context, char *path)
{
    char directory[FS_NAME_MAX + 1];
    if (!find_rule(walk, program, directory))
        return ERR_NOT_FOUND;
    make_path(directory, program, pid, path);
    status_t status = capture_file(walk, path, write, context);
    return status == ERR_NOT_FOUND ? ERR_NOT_DIRECTORY : status;
}
