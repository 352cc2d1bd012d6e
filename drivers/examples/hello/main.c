/* SPDX-License-Identifier: MIT */
/*
 * An example to copy: a driver of the real-time clock's update interrupt (MC146818A data sheet). It
 * holds two I/O ports and one interrupt line, waits for both its device and its callers, and keeps a
 * caller waiting without waiting itself.
 *
 * One thread. A call that cannot be answered yet is kept with its token; the kernel says when its
 * caller has stopped waiting, so that no token outlives its call.
 */
#include <string.h>

#include <atomik/ioport.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <protocols/hello.h>
#include <service/loop.h>

#define RTC_INDEX   0x70
#define RTC_DATA    0x71
#define RTC_IRQ     8
#define WAITING_MAX 16

enum rtc_register {
    RTC_SECOND = 0,
    RTC_MINUTE = 2,
    RTC_HOUR = 4,
    RTC_STATUS_B = 0x0b,
    RTC_STATUS_C = 0x0c /* reading it takes the interrupt back */
};
enum { ENABLE_UPDATE = 0x10, UPDATE_ENDED = 0x10, BINARY = 4 };

struct waiting {
    uint32_t token;  /* 0: a free place */
    uint32_t answer; /* at this count of updates */
};

static uint32_t updates;
static struct waiting waiting[WAITING_MAX];

/* ---- the device -------------------------------------------------------------------------------- */

static uint8_t rtc_get(enum rtc_register reg)
{
    ioport_write8(RTC_INDEX, (uint8_t)reg);
    return ioport_read8(RTC_DATA);
}

static void rtc_set(enum rtc_register reg, uint8_t value)
{
    ioport_write8(RTC_INDEX, (uint8_t)reg);
    ioport_write8(RTC_DATA, value);
}

static uint8_t rtc_number(enum rtc_register reg)
{
    uint8_t value = rtc_get(reg);
    return rtc_get(RTC_STATUS_B) & BINARY ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
}

static status_t rtc_open(handle_t *irq)
{
    handle_t ports;
    status_t status = ioports_create(RTC_INDEX, 2, &ports);
    if (status == OK)
        status = ioports_enable(ports);
    if (status == OK)
        status = irq_create(RTC_IRQ, irq);
    if (status != OK)
        return status;
    rtc_set(RTC_STATUS_B, rtc_get(RTC_STATUS_B) | ENABLE_UPDATE);
    return OK;
}

/* ---- the service --------------------------------------------------------------------------------- */

static void greet(struct message *message)
{
    static const char text[] = "hello from a driver";
    struct hello_greet_reply *reply = service_reply(message, sizeof *reply);
    *reply = (struct hello_greet_reply){.seen = updates,
                                        .hour = rtc_number(RTC_HOUR),
                                        .minute = rtc_number(RTC_MINUTE),
                                        .second = rtc_number(RTC_SECOND)};
    if (service_tail(message, text, sizeof text - 1) != OK)
        message->size = sizeof *reply;
}

static status_t handle_greet(struct service *service, struct message *message)
{
    const struct hello_greet_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL || request->updates > HELLO_UPDATES_MAX)
        return ERR_INVALID_ARGUMENT;
    if (request->updates == 0) {
        greet(message);
        return OK;
    }
    for (uint32_t i = 0; i < WAITING_MAX; i++) {
        if (waiting[i].token != 0)
            continue;
        waiting[i] = (struct waiting){message->token, updates + request->updates};
        return SERVICE_DEFERRED;
    }
    return ERR_LIMIT_REACHED;
}

static void cancelled(struct service *service, uint32_t token)
{
    (void)service;
    for (uint32_t i = 0; i < WAITING_MAX; i++)
        if (waiting[i].token == token)
            waiting[i].token = 0;
}

static void rtc_interrupt(struct service *service)
{
    if (!(rtc_get(RTC_STATUS_C) & UPDATE_ENDED))
        return;
    updates++;
    for (uint32_t i = 0; i < WAITING_MAX; i++) {
        if (waiting[i].token == 0 || waiting[i].answer != updates)
            continue;
        struct message message = {.size = 0};
        greet(&message);
        service_answer(service, waiting[i].token, OK, &message);
        waiting[i].token = 0;
    }
}

static void __attribute__((noreturn)) run(struct service *service, handle_t irq)
{
    static struct message message;
    for (;;) {
        rtc_interrupt(service);
        if (irq_ack(irq) != OK)
            process_fail("irq_ack", ERR_IO_ERROR);
        struct wait_item items[2] = {{.handle = irq, .wanted = SIGNAL_IRQ},
                                     {.handle = service->port, .wanted = SIGNAL_READABLE}};
        status_t status = wait_any(items, 2, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("wait_any", status);
        while (port_receive(service->port, &message, DEADLINE_POLL) == OK)
            service_dispatch(service, &message);
    }
}

int main(void)
{
    static const struct service_entry entries[] = {{LABEL_hello_greet, handle_greet}, {0, NULL}};
    static struct service service = {.entries = entries, .cancelled = cancelled};
    handle_t irq;
    status_t status = rtc_open(&irq);
    if (status != OK)
        process_fail("no clock", status);
    service.port = startup_handle(STARTUP_SERVICE);
    run(&service, irq);
}
