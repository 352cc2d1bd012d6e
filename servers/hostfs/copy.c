/* SPDX-License-Identifier: MIT */
/*
 * Copies of files when live, for running and for private mappings: what a file was when it was asked for
 * first since the host last changed it. A copy's pages come from the host when they are needed, through a
 * fid that is open, so the file may lose its name there. A host that writes to a file in place meanwhile
 * changes what has not been read so far, as with any file system that several machines share.
 *
 * A copy holds its node. It is idle from the start (fs/content.h): remembered for the next program until
 * there are too many, or, once the file has changed, as long as somebody maps it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostfs.h"

#define IDLE_MAX 64u

struct copy {
    struct fs_content content; /* nameless: the file has changed since */
    struct node *node;
    uint32_t fid;
    uint64_t ctime;
};

static uint8_t buffer[P9_DATA_MAX] __attribute__((aligned(PAGE_SIZE)));

static struct copy *copy_of(const struct fs_content *content)
{
    return container_of((uintptr_t)content, struct copy, content);
}

/* ---- for fs/content.c ---------------------------------------------------------------------------- */

static status_t store_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                           uint32_t *done)
{
    status_t status = p9_read(copy_of(content)->fid, at, to, length, done);
    if (status == OK && *done == 0) { /* it has become shorter */
        memset(to, 0, length);
        *done = length;
    }
    return status;
}

static void store_name(const struct fs_content *content, char *to, size_t size)
{
    (void)snprintf(to, size, "%s", copy_of(content)->node->name);
}

static void forget(struct fs_content *content)
{
    struct copy *copy = copy_of(content);
    fs_content_close(content);
    fid_close(copy->fid);
    if (copy->node->copy == copy)
        copy->node->copy = NULL;
    fs_node_put(&copy->node->node);
    free(copy);
}

void copies_init(void)
{
    static const struct fs_store store = {.read = store_read,
                                          .name = store_name,
                                          .forget = forget,
                                          .idle_max = IDLE_MAX,
                                          .buffer = buffer,
                                          .buffer_size = sizeof buffer};
    fs_content_init(&server, &store);
}

/* ---- for the operations -------------------------------------------------------------------------- */

static void rest(struct copy *copy)
{
    if (!fs_content_rest(&copy->content))
        forget(&copy->content);
}

static status_t make(struct node *node, const struct fs_attr *attr, struct copy **result)
{
    struct copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    status_t status = fid_open(node, OPEN_READ, &copy->fid);
    if (status != OK) {
        free(copy);
        return status;
    }
    copy->node = node_get(node);
    copy->ctime = attr->ctime;
    status = fs_content_open(&copy->content, attr->size);
    if (status != OK) {
        forget(&copy->content);
        return status;
    }
    node->copy = *result = copy;
    return OK;
}

/* The copy of the file as it is now, not idle. */
static status_t get(struct node *node, struct copy **result)
{
    struct copy *copy = node->copy;
    struct fs_attr attr;
    struct p9_qid qid;
    status_t status = p9_getattr(node->fid, &attr, &qid);
    if (status != OK)
        return status;
    if (copy != NULL)
        fs_content_use(&copy->content);
    if (copy != NULL && copy->content.size == attr.size && copy->ctime == attr.ctime) {
        *result = copy;
        return OK;
    }
    if (copy != NULL) {
        copy->content.nameless = true;
        node->copy = NULL;
        rest(copy);
    }
    fs_contents_trim();
    return make(node, &attr, result);
}

status_t copy_give(struct node *node, handle_t *vmo, uint64_t *size, bool *coherent)
{
    struct copy *copy;
    status_t status = get(node, &copy);
    if (status != OK)
        return status;
    status = fs_content_give(&copy->content, PROT_R, vmo, size, coherent);
    *coherent = false;
    rest(copy);
    return status;
}
