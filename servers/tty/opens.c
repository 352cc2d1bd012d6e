/* SPDX-License-Identifier: MIT */
/* Who has which terminal open: a badge of the service's port for each, free again when it closes. */
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

#define BADGE_FIRST 16u /* below: the service's own name */
#define NO_OPEN     UINT32_MAX

struct terminal *terminals[CONSOLES + PTY_MAX];
static struct open **opens; /* by badge; each stays where it is: requests that wait point there */
static uint32_t capacity, first_free = NO_OPEN;

struct open *open_of_badge(uint32_t badge)
{
    uint32_t index = badge - BADGE_FIRST;
    return badge >= BADGE_FIRST && index < capacity && opens[index]->terminal ? opens[index] : NULL;
}

static bool add_slot(void)
{
    struct open **grown = realloc(opens, (capacity + 1) * sizeof *opens);
    if (grown == NULL)
        return false;
    opens = grown;
    opens[capacity] = calloc(1, sizeof **opens);
    if (opens[capacity] == NULL)
        return false;
    opens[capacity]->next_free = first_free;
    first_free = capacity++;
    return true;
}

static status_t open_new(struct terminal *terminal, bool master, handle_t port, handle_t *handle)
{
    if (first_free == NO_OPEN && !add_slot())
        return ERR_NO_MEMORY;
    uint32_t index = first_free;
    status_t status = port_badge(port, BADGE_FIRST + index, handle);
    if (status != OK)
        return status;
    first_free = opens[index]->next_free;
    *opens[index] = (struct open){.terminal = terminal, .master = master};
    if (master)
        terminal->master_opens++;
    else
        terminal->opens++;
    return OK;
}

void open_answer(struct terminal *terminal, bool master, handle_t port, struct message *message)
{
    handle_t handle, event, source = master ? terminal->master_event : terminal->event;
    status_t status =
        handle_duplicate(source, RIGHT_WAIT | RIGHT_TRANSFER | RIGHT_DUPLICATE, &event);
    message->size = 0;
    if (status == OK) {
        status = open_new(terminal, master, port, &handle);
        if (status != OK)
            handle_drop(&event);
    }
    message->label = (uint32_t)status;
    if (status != OK)
        return;
    terminal->was_opened |= !master;
    message->handles[0] = handle;
    message->handles[1] = event;
    message->handle_count = 2;
}

void open_closed(uint32_t badge, handle_t port)
{
    struct open *open = open_of_badge(badge);
    if (open == NULL)
        return;
    struct terminal *terminal = open->terminal;
    bool master = open->master;
    if (master)
        terminal->master_opens--;
    else if (open->hung)
        terminal->hung_opens--;
    else
        terminal->opens--;
    *open = (struct open){.next_free = first_free};
    first_free = badge - BADGE_FIRST;
    if (terminal->console == NULL)
        pty_closed(terminal, port, master);
}

void opens_hang(struct terminal *terminal)
{
    for (uint32_t i = 0; i < capacity; i++) {
        struct open *open = opens[i];
        if (open->terminal == terminal && !open->master)
            open->hung = true;
    }
    terminal->hung_opens += terminal->opens;
    terminal->opens = 0;
}
