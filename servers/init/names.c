/* SPDX-License-Identifier: MIT */
/* Names of services, and look-ups that wait for one. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>

#include "init.h"

#define NAMES_MAX 256

static struct name {
    struct name *next;
    handle_t handle;
    char text[INIT_NAME_MAX];
} * names;

static struct lookup {
    struct lookup *next;
    uint32_t token;
    char text[INIT_NAME_MAX];
} * lookups;

static uint32_t name_count;

static struct name *find(const char *text)
{
    struct name *name = names;
    while (name != NULL && strcmp(name->text, text) != 0)
        name = name->next;
    return name;
}

/* Nobody can answer on it any more. */
static bool is_dead(handle_t handle)
{
    struct handle_info info;
    return handle_info(handle, &info) != OK ||
           (info.type == OBJECT_PORT && (info.signals & SIGNAL_PEER_CLOSED) != 0);
}

static void answer_lookups(const struct name *name)
{
    for (struct lookup **link = &lookups; *link != NULL;) {
        struct lookup *lookup = *link;
        if (strcmp(lookup->text, name->text) != 0) {
            link = &lookup->next;
            continue;
        }
        struct message message = {.size = 0};
        service_handle(&message, handle_copy(name->handle));
        service_answer(&init_service, lookup->token,
                       message.handle_count == 1 ? OK : ERR_NO_HANDLES, &message);
        *link = lookup->next;
        free(lookup);
    }
}

status_t name_set(const char *text, size_t length, handle_t handle)
{
    char copy[INIT_NAME_MAX];
    if (length == 0 || length >= sizeof copy || memchr(text, 0, length) != NULL)
        return ERR_INVALID_ARGUMENT;
    memcpy(copy, text, length);
    copy[length] = 0;
    struct name *name = find(copy);
    if (name != NULL && !is_dead(name->handle))
        return ERR_ALREADY_EXISTS;
    if (name == NULL) {
        if (name_count >= NAMES_MAX)
            return ERR_LIMIT_REACHED;
        name = calloc(1, sizeof *name);
        if (name == NULL)
            return ERR_NO_MEMORY;
        memcpy(name->text, copy, sizeof copy);
        struct name **end = &names;
        while (*end != NULL)
            end = &(*end)->next;
        *end = name;
        name_count++;
    }
    handle_drop(&name->handle);
    name->handle = handle;
    answer_lookups(name);
    return OK;
}

handle_t name_get(const char *text)
{
    struct name *name = find(text);
    return name != NULL && !is_dead(name->handle) ? handle_copy(name->handle) : HANDLE_NONE;
}

status_t handle_name_register(struct service *service, struct message *message)
{
    (void)service;
    if (message->badge >= BADGE_PROCESS)
        return ERR_NOT_PERMITTED; /* names are for services and personalities */
    handle_t handle = service_take(message, 0);
    if (handle == HANDLE_NONE)
        return ERR_INVALID_ARGUMENT;
    status_t status = name_set((const char *)message->data, message->size, handle);
    if (status != OK)
        handle_drop(&handle);
    else
        service_reply(message, 0);
    return status;
}

status_t handle_name_lookup(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    char text[INIT_NAME_MAX];
    const struct name_lookup_request *request =
        service_request(message, sizeof(struct name_lookup_request), &tail, &length);
    (void)service;
    if (request == NULL || length == 0 || length >= sizeof text)
        return ERR_INVALID_ARGUMENT;
    memcpy(text, tail, length);
    text[length] = 0;
    struct name *name = find(text);
    if (name != NULL && !is_dead(name->handle)) {
        service_reply(message, 0);
        service_handle(message, handle_copy(name->handle));
        return message->handle_count == 1 ? OK : ERR_NO_HANDLES;
    }
    if (!request->wait)
        return ERR_NOT_FOUND;
    struct lookup *lookup = malloc(sizeof *lookup);
    if (lookup == NULL)
        return ERR_NO_MEMORY;
    lookup->token = message->token;
    memcpy(lookup->text, text, length + 1);
    lookup->next = lookups;
    lookups = lookup;
    return SERVICE_DEFERRED;
}

status_t handle_name_list(struct service *service, struct message *message)
{
    const struct name_list_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct name *name = names;
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    for (uint32_t i = request->index; name != NULL && i > 0; i--)
        name = name->next;
    if (name == NULL)
        return ERR_NOT_FOUND;
    service_reply(message, 0);
    return service_tail(message, name->text, strlen(name->text));
}

void names_cancel(uint32_t token)
{
    for (struct lookup **link = &lookups; *link != NULL; link = &(*link)->next) {
        struct lookup *lookup = *link;
        if (lookup->token != token)
            continue;
        *link = lookup->next;
        free(lookup);
        return;
    }
}
