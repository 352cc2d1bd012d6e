/* SPDX-License-Identifier: MIT */
/* The list of what is not there but was asked for; see missing.h. */
#include "missing.h"

#include <atomik/thread.h>
#include <stdio.h>
#include <string.h>

#include "procinfo.h"
#include "task.h"

#define ROWS_MAX  256u
#define NO_NUMBER UINT32_MAX

struct row {
    char program[COMM_LENGTH], what[64];
    uint32_t count;
};
static struct row rows[ROWS_MAX];
static uint32_t row_count, not_listed;
static struct mutex list_lock; /* taken last, with or without the server lock */
/* What was counted last, if it is a system call without a name, and its number: asked for again it needs no text. */
static struct row *last_row;
static uint32_t last_number;

/* Counts it; whether it is the first time that anyone asked. list_lock held. */
static bool count(const char *program, const char *what)
{
    bool first = true;
    last_row = NULL;
    for (uint32_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].what, what) != 0)
            continue;
        first = false;
        if (strcmp(rows[i].program, program) == 0) {
            last_row = &rows[i];
            last_row->count++;
            return false;
        }
    }
    if (row_count == ROWS_MAX) {
        not_listed++;
        return false;
    }
    last_row = &rows[row_count++];
    strlcpy(last_row->program, program, sizeof last_row->program);
    strlcpy(last_row->what, what, sizeof last_row->what);
    last_row->count = 1;
    return first;
}

static void note(uint32_t number, const char *what)
{
    char program[COMM_LENGTH];
    memcpy(program, self()->process->comm, sizeof program);
    mutex_lock(&list_lock);
    bool first = count(program, what);
    last_number = number;
    if (number == NO_NUMBER)
        last_row = NULL;
    mutex_unlock(&list_lock);
    if (first)
        log_line("%s asks for %s, which is not implemented", program, what);
}

void missing_note(const char *format, ...)
{
    char what[sizeof rows[0].what];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    note(NO_NUMBER, what);
}

static bool is_last(uint32_t number)
{
    return last_row && last_number == number &&
           memcmp(last_row->program, self()->process->comm, COMM_LENGTH) == 0;
}

void missing_number(uint32_t number)
{
    char what[sizeof rows[0].what];
    mutex_lock(&list_lock);
    bool again = is_last(number);
    if (again)
        last_row->count++;
    mutex_unlock(&list_lock);
    if (again)
        return;
    snprintf(what, sizeof what, "system call number %u", number);
    note(number, what);
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
