/* SPDX-License-Identifier: MIT */
#include <ipc/consoleclient.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <protocols/console.h>

status_t console_client_open(handle_t init, const char *name, struct console_channel *channel)
{
    struct ipc ipc;
    handle_t port;
    status_t status = init_name_lookup(init, name, true, &port);
    if (status != OK)
        return status;
    ipc_begin(&ipc, LABEL_console_connect, NULL, 0);
    status = ipc_call(&ipc, port, NULL, 0);
    if (status != OK) {
        handle_drop(&port);
        return status;
    }
    channel->port = port;
    channel->input = ipc_take(&ipc, 0);
    channel->output = ipc_take(&ipc, 1);
    ipc_drop(&ipc);
    return OK;
}
