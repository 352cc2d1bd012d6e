/* SPDX-License-Identifier: MIT */
/* A service, for the files that make it out of the configuration and look after it. */
#ifndef INIT_SERVICES_H
#define INIT_SERVICES_H

#include <program/program.h>

#include "init.h"

#define ARGUMENTS_MAX 4
/* Between a start and the next, longer each time it did not last. */
#define DELAY_FIRST (100 * NS_PER_MS)
#define DELAY_MOST  (10 * NS_PER_S)

struct service_entry_state {
    const char *name, *path, *mount;     /* name NULL: a free place */
    const char *source, *type, *options; /* of one that was mounted by request, else NULL */
    char *arguments[ARGUMENTS_MAX];
    struct privileges privileges;
    uint32_t flags;       /* enum process_flags */
    uint32_t mount_flags; /* enum fs_mount_flags */
    bool archives, vital, optional, mounted, is_root, leaving;
    handle_t image;
    struct program program; /* running one; no handles otherwise */
    uint32_t pid;
    uint32_t port_id; /* object id of its port, 0: it has had none */
};

/* One word of its line in the configuration. False: it means nothing. */
bool service_add_word(struct service_entry_state *service, char *word);

/* Our own port as a service sees it, borrowed. */
handle_t services_own_handle(void);

#endif
