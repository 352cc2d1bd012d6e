/* SPDX-License-Identifier: MIT */
/* Handlers of the port calls: arguments are checked here, port.c does the work. */
#include <kernel/calls.h>
#include <kernel/ipc.h>

status_t call_port_create(user_t result)
{
    struct object *port;
    status_t status = port_new(current->process, &port);

    return status == OK ? handle_return(port, RIGHT_ALL, result) : status;
}

status_t port_get_receiver(handle_t handle, struct object **port)
{
    status_t status = handle_get(current->process, handle, OBJECT_PORT, RIGHT_RECEIVE, port);

    if (status == OK && !port_is_receiver(*port))
        return ERR_WRONG_TYPE;
    return status;
}

status_t call_port_badge(handle_t handle, uint32_t value, user_t result)
{
    struct object *port, *badge;
    const uint32_t rights = RIGHT_CALL | RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT;
    status_t status = port_get_receiver(handle, &port);

    if (status == OK && !value)
        status = ERR_INVALID_ARGUMENT; /* what a handle without a badge shows */
    /* With room in the table nothing can fail after the badge exists and would be reported closed. */
    if (status == OK)
        status = handle_room(result);
    if (status == OK)
        status = port_new_badge(port, value, current->process, &badge);
    return status == OK ? handle_return(badge, rights, result) : status;
}

status_t call_port_call(handle_t handle, user_t message, ktime_t deadline, uint32_t flags)
{
    struct object *target;
    status_t status = handle_get(current->process, handle, OBJECT_PORT, RIGHT_CALL, &target);

    if (status != OK)
        return status;
    if (flags & ~(uint32_t)CALL_UNINTERRUPTIBLE)
        return ERR_INVALID_ARGUMENT;
    return port_call(target, message, deadline, !(flags & CALL_UNINTERRUPTIBLE));
}

status_t call_port_receive(handle_t handle, user_t message, ktime_t deadline)
{
    struct object *port;
    status_t status = port_get_receiver(handle, &port);

    return status == OK ? port_receive(port, message, deadline) : status;
}

/* The port and the header of what is to be replied at it. */
static status_t get_reply(handle_t handle, user_t message, struct object **port,
                          struct message_header *header)
{
    status_t status = port_get_receiver(handle, port);

    return status == OK ? message_read_header(header, message) : status;
}

status_t call_port_reply(handle_t handle, uint32_t token, user_t message)
{
    struct object *port;
    struct message_header header;
    status_t status = get_reply(handle, message, &port, &header);

    if (status != OK)
        return status;
    return token ? port_reply(port, token, &header, message) : ERR_INVALID_ARGUMENT;
}

status_t call_port_reply_receive(handle_t handle, user_t message, ktime_t deadline)
{
    struct object *port;
    struct message_header header;
    status_t status = get_reply(handle, message, &port, &header);

    if (status != OK)
        return status;
    if (header.token) {
        status = port_reply(port, header.token, &header, message);
        if (status == ERR_CANCELLED || status == ERR_NO_HANDLES)
            port_close_message_handles(&header);
        else if (status != OK)
            return status;
        /* A handle in the message may have been the port's own. */
        status = port_get_receiver(handle, &port);
        if (status != OK)
            return status;
    }
    return port_receive(port, message, deadline);
}
