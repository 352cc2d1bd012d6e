/* SPDX-License-Identifier: MIT */
/*
 * Which personality runs an image: a PE goes to nt, an ELF with an Atomik note to the one it names,
 * any other ELF and `#!` to posix, a snapshot to the one it was taken in. The image comes from a file
 * system server, so it is looked at in a thread of its own.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <loaders/plan.h>
#include <snapshot/snapshot.h>

#include "init.h"

#define LARGE (1u << 20) /* bytes; of a larger file only the headers are asked for */

struct decision {
    uint32_t start;
    handle_t image;
    handle_t vmo; /* the content; none of a large file */
    struct load_plan plan;
    char personality[PERSONALITY_NAME]; /* of a snapshot */
};

static bool read_image(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    const struct decision *decision = context;
    size_t done;
    if (decision->vmo != HANDLE_NONE)
        return vmo_read(decision->vmo, offset, buffer, length) == OK;
    return fs_client_read(decision->image, offset, buffer, length, &done) == OK && done == length;
}

static status_t read_snapshot(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct decision *decision = context;
    return vmo_read(decision->vmo, offset, to, length);
}

static bool is_snapshot(struct decision *decision, uint64_t size)
{
    struct snap_source source = {.read = read_snapshot, .context = decision};
    struct snapshot snapshot;
    const char *problem;
    if (snap_read(&snapshot, &source, size, &problem) != OK)
        return false;
    bool known =
        snap_get_personality(&snapshot, decision->personality, sizeof decision->personality);
    snap_free(&snapshot);
    return known;
}

static status_t choose(struct decision *decision, uint64_t size, const char **personality)
{
    char head[2];
    struct load_reader reader = {.read = read_image,
                                 .context = decision,
                                 .size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
    if (load_plan_any(&reader, &decision->plan) == LOAD_OK) {
        *personality = decision->plan.kind == LOAD_PE32     ? "nt"
                       : decision->plan.personality[0] != 0 ? decision->plan.personality
                                                            : "posix";
        return OK;
    }
    if (size >= sizeof head && read_image(decision, 0, head, sizeof head) && head[0] == '#' &&
        head[1] == '!') {
        *personality = "posix";
        return OK;
    }
    if (!is_snapshot(decision, size))
        return ERR_BAD_EXECUTABLE;
    *personality = decision->personality;
    return OK;
}

static void decide(void *argument)
{
    struct decision *decision = argument;
    const char *personality = "";
    struct fs_attr attr;
    status_t status = fs_client_stat(decision->image, &attr);
    if (status == OK && attr.size <= LARGE)
        status = fs_client_vmo(decision->image, PROT_R, &decision->vmo, &attr.size, NULL);
    if (status == OK)
        status = choose(decision, attr.size, &personality);
    mutex_lock(&init_lock);
    start_decided(decision->start, status, personality);
    mutex_unlock(&init_lock);
    handle_drop(&decision->vmo);
    handle_drop(&decision->image);
    free(decision);
}

status_t image_decide(uint32_t start, handle_t image)
{
    struct decision *decision = calloc(1, sizeof *decision);
    status_t status = ERR_NO_MEMORY;
    if (decision != NULL) {
        decision->start = start;
        decision->image = image;
        status = thread_spawn(decide, decision, 0, NULL);
    }
    if (status != OK) {
        handle_drop(&image);
        free(decision);
    }
    return status;
}
