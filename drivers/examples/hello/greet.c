/* SPDX-License-Identifier: MIT */
/* A caller of the example driver: `greet [UPDATES]` prints its answer. */
#include <stdio.h>
#include <stdlib.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <protocols/hello.h>

static status_t greet(handle_t driver, uint32_t updates)
{
    struct hello_greet_request request = {.updates = updates};
    struct hello_greet_reply reply;
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_hello_greet, &request, sizeof request);
    status_t status = ipc_call(&ipc, driver, &reply, sizeof reply);
    if (status != OK)
        return status;
    printf("%.*s: %02u:%02u:%02u, %u updates seen\n", (int)ipc.tail_length, (const char *)ipc.tail,
           reply.hour, reply.minute, reply.second, (unsigned)reply.seen);
    ipc_drop(&ipc);
    return OK;
}

int main(int argc, char **argv)
{
    handle_t driver;
    status_t status =
        init_name_lookup(startup_handle(STARTUP_INIT), "example/hello", false, &driver);
    if (status == OK)
        status = greet(driver, argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0);
    if (status != OK) {
        fprintf(stderr, "greet: %s\n", status_text(status));
        return 1;
    }
    return 0;
}
