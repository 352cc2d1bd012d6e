/* SPDX-License-Identifier: MIT */
/*
 * The file that a snapshot is restored from. What is restored is not the file but its content as it is when
 * it is opened (a clone, which costs no copy where the file is in memory): so what was verified is what is used,
 * whatever happens to the file. The server looks at it through a window, without copying it.
 *
 * A lazy restore verifies all but the memory. Pages of that come from servers/restorer, which verifies them.
 */
#include "capture.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <protocols/restorer.h>
#include <string.h>

#define WINDOW_SIZE (1u << 20)

static status_t read_image(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(((const struct capture_image *)context)->content, offset, to, length);
}

/* Within the file, as the reader has checked. */
static const void *view_image(void *context, uint64_t offset, uint32_t length)
{
    return capture_window_look(&((struct capture_image *)context)->window, offset, length);
}

static status_t vmo_size(handle_t vmo, uint64_t *size, bool *paged)
{
    struct vmo_info info;
    status_t status = vmo_info(vmo, &info);
    *size = status == OK ? info.size_low | (uint64_t)info.size_high << 32 : 0;
    *paged = status == OK && info.paged;
    return status;
}

/* What is on a disk cannot be cloned: it is copied or, for a lazy restore, left there if nobody may write to it. */
static status_t open_content(struct capture_image *image, bool lazy, uint64_t *size)
{
    bool paged;
    status_t status = vmo_size(image->vmo, size, &paged);
    if (status != OK)
        return status;
    image->needs_file = lazy && paged && image->file != HANDLE_NONE;
    return image->needs_file
               ? fs_client_vmo(image->file, PROT_R | PROT_X, &image->content, NULL, NULL)
               : fs_client_freeze(image->vmo, *size, &image->content);
}

void capture_image_close(struct capture_image *image)
{
    capture_window_close(&image->window);
    handle_drop(&image->content);
    handle_drop(&image->memory);
}

/* ---- memory that comes when it is used ------------------------------------------------------------- */

static status_t read_memory(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(((const struct capture_image *)context)->memory, offset, to, length);
}

static status_t ask_restorer(struct capture_image *image)
{
    struct ipc ipc;
    handle_t restorer;
    status_t status = init_name_lookup(image->init, RESTORER_NAME, true, &restorer);
    if (status != OK)
        return status;
    ipc_begin(&ipc, LABEL_restorer_open, NULL, 0);
    status = ipc_handle_copy(&ipc, image->content);
    if (status == OK)
        status = ipc_call(&ipc, restorer, NULL, 0);
    if (status == OK) {
        image->memory = ipc_take(&ipc, 0);
        ipc_drop(&ipc);
    }
    handle_drop(&restorer);
    return status;
}

static status_t open_memory(struct snapshot *snapshot, struct capture_image *image, bool lazy,
                            const char **problem)
{
    if (!lazy) {
        image->memory = handle_copy(image->content);
        return image->memory != HANDLE_NONE ? OK : ERR_NO_MEMORY;
    }
    status_t status = ask_restorer(image);
    if (status != OK)
        *problem = "nobody supplies its memory lazily";
    image->memory_source = (struct snap_source){.read = read_memory, .context = image};
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        if (snapshot->loads[i].file_size > 0)
            snapshot->loads[i].bytes.source = &image->memory_source;
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------- */

static status_t verify(const struct snapshot *snapshot, const struct capture_image *image,
                       bool memory, bool accept_edited, const char **problem)
{
    enum snap_verdict verdict;
    status_t status = snap_verify(snapshot, &image->source, memory, &verdict, problem);
    if (status == OK && verdict == SNAP_DAMAGED)
        status = ERR_BAD_EXECUTABLE;
    if (status == OK && verdict != SNAP_VERIFIED && !accept_edited) {
        *problem =
            "its memory was edited by another tool: --accept-edited restores it all the same";
        status = ERR_NOT_PERMITTED;
    }
    return status;
}

/* Memory that another tool has changed is found by looking at all of it. */
static bool is_lazy(const struct capture_options *options)
{
    return options->lazy && !options->accept_edited;
}

status_t capture_read(struct snapshot *snapshot, struct capture_image *image,
                      const struct capture_options *options, const char **problem)
{
    bool lazy = is_lazy(options);
    uint64_t size;
    *problem = NULL;
    status_t status = open_content(image, lazy, &size);
    image->window = (struct capture_window){.vmo = image->content, .size = WINDOW_SIZE};
    /* What is on a disk may turn out to be unreadable: then a read fails, where a look would be this server's fault. */
    image->source = (struct snap_source){
        .read = read_image, .context = image, .view = image->needs_file ? NULL : view_image};
    if (status == OK)
        status = snap_read(snapshot, &image->source, size, problem);
    if (status != OK)
        return status;
    status = verify(snapshot, image, !lazy, options->accept_edited, problem);
    capture_window_close(&image->window);
    if (status == OK)
        status = open_memory(snapshot, image, lazy, problem);
    if (status != OK)
        snap_free(snapshot);
    return status;
}

/* ---- without a restore --------------------------------------------------------------------------- */

static status_t read_vmo(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(*(const handle_t *)context, offset, to, length);
}

bool capture_recognise(handle_t vmo)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    struct elf32_ehdr ehdr;
    return vmo_read(vmo, 0, &ehdr, sizeof ehdr) == OK &&
           memcmp(ehdr.ident, magic, sizeof magic) == 0 && ehdr.type == ELF_ET_CORE &&
           ehdr.machine == ELF_EM_386;
}

bool capture_personality(handle_t vmo, char *to, uint32_t size)
{
    struct snap_source source = {.read = read_vmo, .context = &vmo};
    struct snapshot snapshot;
    const char *problem;
    uint64_t length;
    bool paged;
    if (vmo_size(vmo, &length, &paged) != OK ||
        snap_read(&snapshot, &source, length, &problem) != OK)
        return false;
    bool known = snap_get_personality(&snapshot, to, size);
    snap_free(&snapshot);
    return known;
}
