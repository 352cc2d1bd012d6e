/* SPDX-License-Identifier: MIT */
/* The list of what is not there but was asked for; see missing.h. */
#include "missing.h"

#include <atomik/thread.h>
#include <stdio.h>
#include <string.h>

#include "procinfo.h"
#include "task.h"

#define ROWS_MAX 256u

struct row {
    char program[COMM_LENGTH], what[64];
    uint32_t count;
};
static struct row rows[ROWS_MAX];
static uint32_t row_count, not_listed;
static struct mutex list_lock; /* taken last, with or without the server lock */

/* Counts it; whether it is the first time that anyone asked. list_lock held. */
static bool count(const char *program, const char *what)
{
    bool first = true;
    for (uint32_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].what, what) != 0)
            continue;
        first = false;
        if (strcmp(rows[i].program, program) == 0) {
            rows[i].count++;
            return false;
        }
    }
    if (row_count == ROWS_MAX) {
        not_listed++;
        return false;
    }
    struct row *row = &rows[row_count++];
    strlcpy(row->program, program, sizeof row->program);
    strlcpy(row->what, what, sizeof row->what);
    row->count = 1;
    return first;
}

void missing_note(const char *format, ...)
{
    char what[sizeof rows[0].what], program[COMM_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    memcpy(program, self()->process->comm, sizeof program);
    mutex_lock(&list_lock);
    bool first = count(program, what);
    mutex_unlock(&list_lock);
    if (first)
        log_line("%s asks for %s, which is not implemented", program, what);
}

void proc_atomik_missing(const struct internal_node *node, struct text *text)
{
    (void)node;
    mutex_lock(&list_lock);
    for (uint32_t i = 0; i < row_count; i++)
        text_printf(text, "%8u  %-15s  %s\n", rows[i].count, rows[i].program, rows[i].what);
    if (not_listed)
        text_printf(text, "%8u  others\n", not_listed);
    mutex_unlock(&list_lock);
}
