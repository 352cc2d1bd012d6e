/* SPDX-License-Identifier: MIT */
#include <service/loop.h>

#include <string.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

const void *service_request(const struct message *message, uint32_t size, const uint8_t **tail,
                            uint32_t *tail_length)
{
    if (message->size < size)
        return NULL;
    if (tail != NULL) {
        *tail = message->data + size;
        *tail_length = message->size - size;
    }
    return message->data;
}

handle_t service_take(struct message *message, uint32_t index)
{
    if (index >= message->handle_count)
        return HANDLE_NONE;
    handle_t handle = message->handles[index];
    message->handles[index] = HANDLE_NONE;
    return handle;
}

static void drop_handles(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        handle_drop(&message->handles[i]);
    message->handle_count = 0;
}

void *service_reply(struct message *message, uint32_t size)
{
    drop_handles(message);
    message->size = (uint16_t)size;
    memset(message->data, 0, size);
    return message->data;
}

status_t service_tail(struct message *message, const void *bytes, uint32_t length)
{
    if (length > (uint32_t)(MESSAGE_BYTES - message->size))
        return ERR_TOO_LARGE;
    memcpy(message->data + message->size, bytes, length);
    message->size = (uint16_t)(message->size + length);
    return OK;
}

void service_handle(struct message *message, handle_t handle)
{
    if (handle != HANDLE_NONE && message->handle_count < MESSAGE_HANDLES)
        message->handles[message->handle_count++] = handle;
}

void service_answer(struct service *service, uint32_t token, status_t status,
                    struct message *message)
{
    message->label = (uint32_t)status;
    if (port_reply(service->port, token, message) != OK)
        drop_handles(message);
}

void service_answer_status(struct service *service, uint32_t token, status_t status)
{
    struct message message;
    message.size = message.handle_count = 0;
    service_answer(service, token, status, &message);
}

bool service_refuses(const uint32_t *for_system, const struct message *message)
{
    if (message->principal == 0 || for_system == NULL)
        return false;
    while (*for_system != 0 && *for_system != message->label)
        for_system++;
    return *for_system != 0;
}

static status_t handle(struct service *service, struct message *message)
{
    if (service_refuses(service->for_system, message))
        return ERR_NOT_PERMITTED;
    for (const struct service_entry *entry = service->entries; entry->handler != NULL; entry++)
        if (entry->label == message->label)
            return entry->handler(service, message);
    return ERR_NOT_IMPLEMENTED;
}

static void notice(struct service *service, const struct message *message)
{
    uint32_t token;
    struct page_notice page;
    if (message->label == NOTICE_PAGE && service->page != NULL && message->size >= sizeof page) {
        memcpy(&page, message->data, sizeof page);
        service->page(service, message->badge, &page);
    }
    if (message->label == NOTICE_BADGE_CLOSED && service->badge_closed != NULL)
        service->badge_closed(service, message->badge);
    if (message->label == NOTICE_CANCELLED && service->cancelled != NULL &&
        message->size >= sizeof token) {
        memcpy(&token, message->data, sizeof token);
        service->cancelled(service, token);
    }
}

/* Make the message the reply. False: there is nothing to answer (now). */
static bool process(struct service *service, struct message *message)
{
    if (message->token == 0) {
        notice(service, message);
        drop_handles(message);
        return false;
    }
    uint16_t handles = message->handle_count;
    uint32_t token = message->token;
    status_t status = handle(service, message);
    if (status == SERVICE_DEFERRED) {
        for (uint16_t i = 0; i < handles && i < message->handle_count; i++)
            handle_drop(&message->handles[i]);
        return false;
    }
    message->token = token;
    message->label = (uint32_t)status;
    if (status != OK) {
        drop_handles(message);
        message->size = 0;
    }
    return true;
}

void service_dispatch(struct service *service, struct message *message)
{
    if (process(service, message))
        service_answer(service, message->token, (status_t)message->label, message);
}

#define MESSAGES_PER_CLOCK \
    256u /* while messages come without a pause, the clock is read so rarely */

/* When the tick is due again. Call it after each message, and after a wait that came to its deadline. */
static ktime_t next_tick(struct service *service, ktime_t due, bool passed)
{
    static uint32_t messages;
    if (service->tick == NULL)
        return DEADLINE_NEVER;
    if (!passed && ++messages % MESSAGES_PER_CLOCK != 0)
        return due;
    ktime_t time = time_monotonic();
    if (due != 0 && time < due)
        return due;
    if (due != 0)
        service->tick(service);
    return time_monotonic() + service->period;
}

void service_run(struct service *service)
{
    static struct message message; /* one loop per process */
    ktime_t due = next_tick(service, 0, true);
    message.token = 0;
    for (;;) {
        status_t status = port_reply_receive(service->port, &message, due);
        due = next_tick(service, due, status == ERR_TIMED_OUT);
        if (status == ERR_INTERRUPTED || status == ERR_TIMED_OUT) {
            message.token = 0;
            message.size = message.handle_count = 0;
            continue;
        }
        if (status != OK)
            process_fail("port_reply_receive", status);
        if (!process(service, &message)) {
            message.token = 0;
            message.size = message.handle_count = 0;
        }
    }
}
