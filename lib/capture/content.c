/* SPDX-License-Identifier: MIT */
/* What files and shared memory held while the process stood still, and what a restore asks of a snapshot. */
#include "capture.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <stdlib.h>
#include <string.h>

static status_t read_content(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(((const struct capture_content *)context)->vmo, offset, to, length);
}

status_t capture_content_add(struct capture_content **list, uint32_t object, handle_t vmo,
                             uint64_t size)
{
    struct capture_content *content = calloc(1, sizeof *content);
    status_t status = content == NULL ? ERR_NO_MEMORY : size > INT32_MAX ? ERR_TOO_LARGE : OK;
    if (status == OK && size > 0)
        status = fs_client_freeze(vmo, size, &content->vmo);
    if (status != OK) {
        free(content);
        return status;
    }
    content->object = object;
    content->size = size;
    content->source = (struct snap_source){.read = read_content, .context = content};
    content->next = *list;
    *list = content;
    return OK;
}

void capture_contents_put(const struct capture_content *list, struct snapshot *snapshot)
{
    for (const struct capture_content *content = list; content != NULL; content = content->next) {
        struct snap_bytes bytes = {.source = &content->source};
        uint32_t blob = snap_add_blob(snapshot, (uint32_t)content->size, &bytes);
        snap_note_begin(snapshot, SNAP_FILEDATA);
        snap_put_u32(snapshot, SNAP_FILEDATA_OBJECT, content->object);
        snap_put_u64(snapshot, SNAP_FILEDATA_OFFSET, 0);
        snap_put_u32(snapshot, SNAP_FILEDATA_BLOB, blob);
        snap_put_u64(snapshot, SNAP_FILEDATA_SIZE, content->size);
    }
}

void capture_contents_free(struct capture_content **list)
{
    while (*list != NULL) {
        struct capture_content *content = *list;
        *list = content->next;
        handle_drop(&content->vmo);
        free(content);
    }
}

/* ---- restores ------------------------------------------------------------------------------------ */

bool capture_option(const char *text, struct capture_options *options)
{
    if (strcmp(text, "--files=current") == 0)
        options->policy = POLICY_CURRENT;
    else if (strcmp(text, "--files=snapshot") == 0)
        options->policy = POLICY_SNAPSHOT;
    else if (strcmp(text, "--files=fail") == 0)
        options->policy = POLICY_FAIL;
    else if (strcmp(text, "--accept-edited") == 0)
        options->accept_edited = true;
    else if (strcmp(text, "--lazy") == 0)
        options->lazy = true;
    else
        return false;
    return true;
}

status_t capture_check(const struct snapshot *snapshot, const char *personality,
                       const char **problem)
{
    const struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    char own[16] = "";
    *problem = "another format";
    if (snap_get_u32(header, SNAP_HEADER_MAJOR, 0) != SNAP_MAJOR)
        return ERR_NOT_SUPPORTED;
    *problem = "of another personality";
    if (!snap_get_personality(snapshot, own, sizeof own) || strcmp(own, personality) != 0)
        return ERR_BAD_EXECUTABLE;
    *problem = "needs features that are not here";
    if (snap_get_u32(header, SNAP_HEADER_NEEDS, 0) & ~(uint32_t)SNAP_NEEDS_KNOWN)
        return ERR_NOT_SUPPORTED;
    *problem = "without a process or a thread";
    return snap_next(snapshot, SNAP_PROCESS, NULL) != NULL &&
                   snap_next(snapshot, SNAP_THREAD, NULL) != NULL
               ? OK
               : ERR_BAD_EXECUTABLE;
}
