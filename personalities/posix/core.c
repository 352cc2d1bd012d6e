/* SPDX-License-Identifier: MIT */
/* The server lock, sleeping, guest copies, errors, time, log. See core.h for who may hold what. */
#include "core.h"

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/thread.h>
#include <server/guest_copy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/record.h"
#include "task.h"

struct mutex big_lock;

/* ---- sleeping -------------------------------------------------------------------------------- */

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

static bool waiter_interrupted(const struct waiter *waiter)
{
    struct thread *thread = waiter->thread;
    return waiter->until_end ? thread_must_end(thread) : thread_interrupted(thread);
}

int waiter_sleep(struct waiter *waiter, ktime_t deadline)
{
    struct thread *thread = waiter->thread;
    while (!waiter->woken) {
        if (waiter_interrupted(waiter))
            return -ERESTARTSYS;
        if (deadline == DEADLINE_POLL)
            return -ETIMEDOUT;
        uint32_t word = thread->wake_word;
        server_unlock();
        status_t status = futex_wait((uintptr_t)&thread->wake_word, word, deadline, 0);
        server_lock();
        if (status == ERR_TIMED_OUT && !waiter->woken)
            return waiter_interrupted(waiter) ? -ERESTARTSYS : -ETIMEDOUT;
    }
    return 0;
}

void waiter_wake(struct waiter *waiter)
{
    list_remove(&waiter->link);
    waiter->woken = true;
    waiter->thread->wake_word++;
    ignore(futex_wake((uintptr_t)&waiter->thread->wake_word, 1, NULL));
}

static int sleep_in(struct wait_queue *queue, ktime_t deadline, bool until_end)
{
    struct waiter waiter = {.thread = self(), .until_end = until_end};
    list_append(&queue->waiters, &waiter.link);
    int result = waiter_sleep(&waiter, deadline);
    list_remove(&waiter.link);
    return result;
}

int wait_queue_sleep(struct wait_queue *queue, ktime_t deadline)
{
    return sleep_in(queue, deadline, false);
}

int wait_queue_sleep_until_end(struct wait_queue *queue, ktime_t deadline)
{
    return sleep_in(queue, deadline, true);
}

void wait_queue_wake(struct wait_queue *queue, uint32_t count)
{
    list_each(waiter, &queue->waiters, struct waiter, link)
    {
        if (count-- == 0)
            break;
        waiter_wake(waiter);
    }
}

/* ---- guest memory ------------------------------------------------------------------------------ */

bool thread_ran_short(struct thread *thread)
{
    uint32_t before = thread->shortages;
    thread->shortages = thread->frame->shortages;
    return thread->shortages != before;
}

/* A copy failed. If it only lacked memory, the program ends before it sees the error. */
static int copy_failed(void)
{
    struct thread *thread = self();
    if (thread_ran_short(thread)) {
        thread->out_of_memory = true;
        thread->attention = 1;
    }
    return -EFAULT;
}

int copy_in(void *to, user_t from, uint32_t length)
{
    if (unlikely(guest_copy_in(to, from.address, length) != OK))
        return copy_failed();
    if (unlikely(recordings))
        record_in(from.address, to, length);
    return 0;
}

int get_user(uint32_t *value, user_t from)
{
    if (unlikely(guest_load32(value, from.address) != OK))
        return copy_failed();
    if (unlikely(recordings))
        record_in(from.address, value, sizeof *value);
    return 0;
}

int copy_out(user_t to, const void *from, uint32_t length)
{
    if (unlikely(guest_copy_out(to.address, from, length) != OK))
        return copy_failed();
    if (unlikely(recordings))
        record_out(to.address, length);
    return 0;
}

int copy_view(void *to, const void *from, uint32_t length)
{
    if (unlikely(view_copy(to, from, length) != OK))
        return copy_failed();
    if (unlikely(recordings) && (uintptr_t)to < GUEST_LIMIT)
        record_out((uint32_t)(uintptr_t)to, length);
    else if (unlikely(recordings))
        record_in((uint32_t)(uintptr_t)from, to, length);
    return 0;
}

int zero_out(user_t to, uint32_t length)
{
    if (unlikely(guest_fill_zero(to.address, length) != OK))
        return copy_failed();
    if (unlikely(recordings))
        record_out(to.address, length);
    return 0;
}

static int probe_word(uint32_t address)
{
    uint32_t value, found;
    address &= ~3u;
    if (guest_load32(&value, address) != OK ||
        guest_compare_exchange32(address, value, value, &found) != OK)
        return copy_failed();
    return 0;
}

int probe_out(user_t to, uint32_t length)
{
    if (length == 0)
        return 0;
    uint32_t last = to.address + length - 1;
    if (last < to.address)
        return -EFAULT;
    for (uint32_t address = to.address; address < last; address = (address | PAGE_MASK) + 1) {
        if (probe_word(address) < 0)
            return -EFAULT;
        if ((address | PAGE_MASK) == UINT32_MAX)
            break;
    }
    return probe_word(last);
}

int copy_in_string(char *to, user_t from, uint32_t size)
{
    int32_t length = guest_copy_string(to, from.address, size);
    if (length >= 0)
        return length;
    return length == ERR_NAME_TOO_LONG ? -ENAMETOOLONG : copy_failed();
}

/* ---- errors ------------------------------------------------------------------------------------ */

int errno_of(status_t status)
{
    if (likely(status == OK))
        return 0;
    return status == ERR_INTERRUPTED ? -ERESTARTSYS : -status_errno(status);
}

void ignore(status_t status)
{
    (void)status;
}

void close_handle(handle_t handle)
{
    if (handle != HANDLE_NONE)
        ignore(handle_close(handle));
}

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t read_clock(uint32_t clock)
{
    uint64_t time = 0;
    ignore(clock_get(clock, &time));
    return time;
}

ktime_t now(void)
{
    return read_clock(CLOCK_MONOTONIC_NS);
}

uint64_t wall_clock(void)
{
    return read_clock(CLOCK_REALTIME_NS);
}

/* ---- memory and text --------------------------------------------------------------------------- */

void *allocate(uint32_t size)
{
    return calloc(1, size);
}

void release(void *pointer)
{
    free(pointer);
}

char *text_copy(const char *text)
{
    return strdup(text);
}

void log_line(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ignore(log_write(line, MIN((uint32_t)length, sizeof line - 1)));
}

void text_add(struct text *text, const void *data, uint32_t length)
{
    if (text->length + length + 1 > text->capacity) {
        uint32_t capacity = MAX(text->capacity * 2, text->length + length + 256);
        char *grown = realloc(text->data, capacity);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_add(text, line, MIN((uint32_t)length, sizeof line - 1));
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){.data = NULL};
}
