/* SPDX-License-Identifier: MIT */
/*
 * The loop of a single-threaded ring-3 service: receive, find the handler by label, reply.
 *
 * A handler checks the request (service_request), edits the message into the reply (service_reply,
 * service_tail, service_handle) and returns its status. SERVICE_DEFERRED: it has kept
 * message->token and will call service_answer later. Handles of a request are closed after the
 * handler unless it takes them (service_take).
 */
#ifndef SERVICE_LOOP_H
#define SERVICE_LOOP_H

#include <atomik/objects.h>

#define SERVICE_DEFERRED 1

struct service;
typedef status_t service_handler(struct service *service, struct message *message);

struct service_entry {
    uint32_t label;
    service_handler *handler;
};

struct service {
    handle_t port;
    const struct service_entry *entries; /* ends with handler NULL */
    const uint32_t *for_system;          /* labels, ends with 0: see service_refuses; may be NULL */
    void (*badge_closed)(struct service *service, uint32_t badge); /* may be NULL */
    void (*cancelled)(struct service *service, uint32_t token);    /* may be NULL */
    /* A page of a paged VMO of this port is wanted; may be NULL. */
    void (*page)(struct service *service, uint32_t key, const struct page_notice *notice);
    void *context;
    /* Called about once a period, between messages; may be NULL. */
    void (*tick)(struct service *service);
    ktime_t period;
};

/* Never returns. */
void service_run(struct service *service) __attribute__((noreturn));
/* One message, for services with a loop of their own: handled and answered. */
void service_dispatch(struct service *service, struct message *message);

/*
 * Is it one of these labels (NULL: none; 0 ends them), and from a program that acts for a user (struct privileges)?
 * Such requests are for the system's own programs: NOT_PERMITTED.
 */
bool service_refuses(const uint32_t *for_system, const struct message *message);
/* The request structure if the message is that long, else NULL; *tail is what follows it. */
const void *service_request(const struct message *message, uint32_t size, const uint8_t **tail,
                            uint32_t *tail_length);
/* Take the index-th handle out of a request. */
handle_t service_take(struct message *message, uint32_t index);
/* Start a reply: the message is emptied, handles of the request are closed. Returns the data. */
void *service_reply(struct message *message, uint32_t size);
status_t service_tail(struct message *message, const void *bytes, uint32_t length);
void service_handle(struct message *message, handle_t handle);
/* Answer a deferred call. Handles that could not be delivered are closed. */
void service_answer(struct service *service, uint32_t token, status_t status,
                    struct message *message);
/* The same without data. */
void service_answer_status(struct service *service, uint32_t token, status_t status);

#endif
