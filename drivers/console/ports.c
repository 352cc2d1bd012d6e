/* SPDX-License-Identifier: MIT */
/*
 * Byte channels to the host over a virtio console device with several ports (Virtio 1.0, section
 * 5.3). Every port that has a name is served as "port/NAME" by abi/protocols/console.def. When the
 * host closes its end the stream of typed bytes ends, so that a reader sees end of file.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <dma/dma.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <string.h>
#include <virtio/virtio.h>

#include "console.h"

#define FEATURE_MULTIPORT 2u
#define PORTS_MAX         8 /* device ports 1..8; port 0 is a plain console that nobody attaches */
#define BUFFER            4096u
#define RECEIVE_BUFFERS   4
#define SEND_BUFFERS      8
#define CONTROL_BUFFERS   8
#define CONTROL_BYTES     128

enum control_event {
    DEVICE_READY,
    DEVICE_ADD,
    DEVICE_REMOVE,
    PORT_READY,
    CONSOLE_PORT,
    RESIZE,
    PORT_OPEN,
    PORT_NAME
};

struct control_message {
    uint32_t id;
    uint16_t event, value;
};

struct buffer {
    struct virtio_buffer device;
    uint8_t *data;
    uint32_t used, sent; /* receive: bytes in it, bytes already typed */
    bool free;
};

struct port {
    bool present, registered, host_open, ended;
    char name[48];
    struct console console; /* keys, shown */
    struct virtio_queue receive_queue, send_queue;
    struct buffer receive[RECEIVE_BUFFERS], send[SEND_BUFFERS];
    struct buffer *typed[RECEIVE_BUFFERS]; /* received, not yet all in the stream, in order */
    uint32_t typed_count;
    uint64_t shown; /* bytes the device has taken */
    uint32_t drain_token;
};

static struct virtio_device device;
static struct virtio_queue control_in, control_out;
static struct buffer control_buffers[CONTROL_BUFFERS], control_reply;
static struct port ports[PORTS_MAX + 1];
static handle_t init_port;

static void must(const char *what, status_t status)
{
    if (status != OK)
        process_fail(what, status);
}

static void make_buffers(struct buffer *buffers, uint32_t count, uint32_t length)
{
    struct dma_memory memory;
    must("buffers", dma_alloc(count * length, &memory));
    for (uint32_t i = 0; i < count; i++)
        buffers[i] = (struct buffer){.device = {memory.physical + i * length, length},
                                     .data = memory.data + i * length,
                                     .free = true};
}

/* ---- control queue -------------------------------------------------------------------------------- */

static void control_send(uint32_t id, enum control_event event, uint16_t value)
{
    struct control_message message = {id, (uint16_t)event, value};
    uint32_t length;
    memcpy(control_reply.data, &message, sizeof message);
    struct virtio_buffer piece = {control_reply.device.physical, sizeof message};
    must("control queue", virtio_submit(&control_out, &piece, 1, 0, &control_reply));
    virtio_kick(&control_out);
    while (virtio_take(&control_out, &length) == NULL) /* the device takes it at once */
        must("yield", thread_yield(0));
}

static void post_receive(struct port *port, struct buffer *buffer)
{
    must("receive queue", virtio_submit(&port->receive_queue, &buffer->device, 0, 1, buffer));
    virtio_kick(&port->receive_queue);
}

static void add_port(uint32_t id)
{
    if (id == 0 || id > PORTS_MAX || ports[id].present) {
        control_send(id, PORT_READY, 0);
        return;
    }
    struct port *port = &ports[id];
    must("receive queue", virtio_queue_open(&device, (uint16_t)(2 + 2 * id), &port->receive_queue));
    must("send queue", virtio_queue_open(&device, (uint16_t)(3 + 2 * id), &port->send_queue));
    make_buffers(port->receive, RECEIVE_BUFFERS, BUFFER);
    make_buffers(port->send, SEND_BUFFERS, BUFFER);
    port->present = true;
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++)
        post_receive(port, &port->receive[i]);
    control_send(id, PORT_READY, 1);
}

static void register_port(struct port *port)
{
    char name[sizeof port->name + 5];
    handle_t caller;
    snprintf(name, sizeof name, "port/%s", port->name);
    must("port", port_create(&port->console.service));
    must("badge", port_badge(port->console.service, 1, &caller));
    must("registering", init_name_register(init_port, name, caller));
    handle_drop(&caller);
    port->registered = true;
}

static void name_port(uint32_t id, const uint8_t *name, uint32_t length)
{
    struct port *port = &ports[id];
    while (length > 0 && name[length - 1] == 0)
        length--;
    if (port->registered || length == 0 || length >= sizeof port->name)
        return;
    memcpy(port->name, name, length);
    register_port(port);
    control_send(id, PORT_OPEN, 1);
}

static void control_received(const struct buffer *buffer, uint32_t length)
{
    struct control_message message;
    if (length < sizeof message || length > CONTROL_BYTES)
        return;
    memcpy(&message, buffer->data, sizeof message);
    if (message.event == DEVICE_ADD)
        add_port(message.id);
    if (message.id == 0 || message.id > PORTS_MAX || !ports[message.id].present)
        return;
    if (message.event == PORT_NAME) {
        name_port(message.id, buffer->data + sizeof message, length - (uint32_t)sizeof message);
    } else if (message.event == PORT_OPEN) {
        ports[message.id].ended = ports[message.id].host_open && message.value == 0;
        ports[message.id].host_open = message.value != 0;
    }
}

static void run_control(void)
{
    struct buffer *buffer;
    uint32_t length;
    while ((buffer = virtio_take(&control_in, &length)) != NULL) {
        control_received(buffer, length);
        must("control queue", virtio_submit(&control_in, &buffer->device, 0, 1, buffer));
        virtio_kick(&control_in);
    }
}

/* ---- one port ---------------------------------------------------------------------------------------- */

static void take_received(struct port *port)
{
    struct buffer *buffer;
    uint32_t length;
    while (port->typed_count < RECEIVE_BUFFERS &&
           (buffer = virtio_take(&port->receive_queue, &length)) != NULL) {
        buffer->used = length < BUFFER ? length : BUFFER;
        buffer->sent = 0;
        port->typed[port->typed_count++] = buffer;
    }
}

/* Into the stream as far as it goes; a buffer that is through goes back to the device. */
static void type_received(struct port *port)
{
    while (port->typed_count > 0 && port->console.keys != HANDLE_NONE) {
        struct buffer *buffer = port->typed[0];
        uint32_t done = 0;
        if (buffer->sent < buffer->used) {
            status_t status = stream_write(port->console.keys, buffer->data + buffer->sent,
                                           buffer->used - buffer->sent, &done, DEADLINE_POLL);
            if (status == ERR_PEER_CLOSED)
                done = buffer->used - buffer->sent; /* nobody will read it */
            else if (status != OK)
                return;
        }
        buffer->sent += done;
        if (buffer->sent < buffer->used)
            return;
        memmove(port->typed, port->typed + 1, --port->typed_count * sizeof port->typed[0]);
        post_receive(port, buffer);
    }
    if (port->typed_count == 0 && port->ended)
        handle_drop(&port->console.keys);
}

static bool all_sent(const struct port *port)
{
    for (uint32_t i = 0; i < SEND_BUFFERS; i++)
        if (!port->send[i].free)
            return false;
    return true;
}

static void reclaim_sent(struct port *port)
{
    struct buffer *buffer;
    uint32_t length;
    while ((buffer = virtio_take(&port->send_queue, &length)) != NULL) {
        port->shown += buffer->used;
        buffer->free = true;
    }
}

static void send_shown(struct port *port)
{
    for (uint32_t i = 0; i < SEND_BUFFERS; i++) {
        struct buffer *buffer = &port->send[i];
        if (!buffer->free)
            continue;
        buffer->used = console_take(&port->console, buffer->data, BUFFER);
        if (buffer->used == 0)
            return;
        buffer->free = false;
        struct virtio_buffer piece = {buffer->device.physical, buffer->used};
        must("send queue", virtio_submit(&port->send_queue, &piece, 1, 0, buffer));
        virtio_kick(&port->send_queue);
        reclaim_sent(port);
    }
}

static bool stream_is_empty(const struct port *port)
{
    uint32_t queued = 0, capacity;
    return port->console.shown == HANDLE_NONE ||
           stream_info(port->console.shown, &queued, &capacity) != OK || queued == 0;
}

static bool can_send(const struct port *port)
{
    for (uint32_t i = 0; i < SEND_BUFFERS; i++)
        if (port->send[i].free)
            return true;
    return false;
}

static void answer_drain(struct port *port)
{
    struct message message = {.label = OK, .size = sizeof(struct console_drain_reply)};
    if (port->drain_token == 0 || !all_sent(port) || !stream_is_empty(port))
        return;
    ((struct console_drain_reply *)message.data)->shown = port->shown;
    uint32_t token = port->drain_token;
    port->drain_token = 0;
    if (port_reply(port->console.service, token, &message) != OK)
        return; /* the caller gave up */
}

static void run_port(struct port *port)
{
    take_received(port);
    reclaim_sent(port);
    if (port->registered)
        console_serve(&port->console);
    type_received(port);
    send_shown(port);
    answer_drain(port);
}

/* console_serve hands over what it does not know; here: the drain. */
bool console_other(struct console *console, uint32_t token, const struct message *message)
{
    if (message->label != LABEL_console_drain)
        return false;
    ((struct port *)((char *)console - offsetof(struct port, console)))->drain_token = token;
    return true;
}

static void wait_for_work(void)
{
    struct wait_item items[1 + 3 * PORTS_MAX] = {{.handle = device.irq, .wanted = SIGNAL_IRQ}};
    uint32_t count = 1;
    for (uint32_t id = 1; id <= PORTS_MAX; id++) {
        struct port *port = &ports[id];
        if (!port->registered)
            continue;
        items[count++] =
            (struct wait_item){.handle = port->console.service, .wanted = SIGNAL_READABLE};
        if (port->console.shown != HANDLE_NONE && can_send(port))
            items[count++] = (struct wait_item){.handle = port->console.shown,
                                                .wanted = SIGNAL_READABLE | SIGNAL_PEER_CLOSED};
        if (port->console.keys != HANDLE_NONE && port->typed_count > 0)
            items[count++] = (struct wait_item){.handle = port->console.keys,
                                                .wanted = SIGNAL_WRITABLE | SIGNAL_PEER_CLOSED};
    }
    status_t status = wait_any(items, count, DEADLINE_NEVER);
    if (status != OK && status != ERR_INTERRUPTED)
        process_fail("wait_any", status);
}

int main(void)
{
    init_port = startup_handle(STARTUP_INIT);
    must("no virtio console device", virtio_open(VIRTIO_CONSOLE, 0, FEATURE_MULTIPORT, &device));
    if (!(device.features & FEATURE_MULTIPORT))
        process_fail("virtio console without ports", ERR_NOT_SUPPORTED);
    must("control queue", virtio_queue_open(&device, 2, &control_in));
    must("control queue", virtio_queue_open(&device, 3, &control_out));
    make_buffers(control_buffers, CONTROL_BUFFERS, CONTROL_BYTES);
    make_buffers(&control_reply, 1, CONTROL_BYTES);
    dma_reset_done();
    virtio_start(&device);
    for (uint32_t i = 0; i < CONTROL_BUFFERS; i++)
        must("control queue",
             virtio_submit(&control_in, &control_buffers[i].device, 0, 1, &control_buffers[i]));
    virtio_kick(&control_in);
    control_send(0, DEVICE_READY, 1);
    for (;;) {
        run_control();
        for (uint32_t id = 1; id <= PORTS_MAX; id++)
            if (ports[id].present)
                run_port(&ports[id]);
        wait_for_work();
        virtio_acknowledge(&device);
    }
}
