/* SPDX-License-Identifier: MIT */
/*
 * Files whose content is memory: what is written goes there without messages, and pages of a process become
 * pages of the file without being copied, until either side is written to.
 */
#include "capture.h"

#include <ipc/call.h>

#define BENCH_SIZE (1u << 19)

/* ---- looking at an object where it is ----------------------------------------------------------- */

void capture_window_close(struct capture_window *window)
{
    /* It is the caller's own: there is nothing that can fail. */
    if (window->view)
        (void)!space_unmap(HANDLE_SELF, (uintptr_t)window->view, window->size);
    window->view = NULL;
}

static bool is_in(const struct capture_window *window, uint64_t offset, uint32_t length)
{
    return window->view && offset >= window->offset &&
           offset + length <= window->offset + window->size;
}

const void *capture_window_look(struct capture_window *window, uint64_t offset, uint32_t length)
{
    uint64_t start = offset & ~(uint64_t)PAGE_MASK;
    struct map_request map = {.vmo = window->vmo,
                              .length = window->size,
                              .offset_low = (uint32_t)start,
                              .offset_high = (uint32_t)(start >> 32),
                              .prot = PROT_R};
    if (!is_in(window, offset, length)) {
        capture_window_close(window);
        if (space_map(HANDLE_SELF, &map) != OK)
            return NULL;
        window->view = (uint8_t *)map.address;
        window->offset = start;
    }
    return is_in(window, offset, length) ? window->view + (offset - window->offset) : NULL;
}

/* ---- pages of others ----------------------------------------------------------------------------- */

void capture_bench_open(struct capture_bench *bench)
{
    struct map_request map = {.length = BENCH_SIZE, .prot = PROT_R, .flags = MAP_FLAG_SHARED};
    *bench = (struct capture_bench){.view = NULL};
    if (vmo_create(0, BENCH_SIZE, &bench->vmo) != OK)
        return;
    map.vmo = bench->vmo;
    if (space_map(HANDLE_SELF, &map) == OK)
        bench->view = (const uint8_t *)map.address;
}

void capture_bench_close(struct capture_bench *bench)
{
    /* It is the caller's own: there is nothing that can fail. */
    if (bench->view)
        (void)!space_unmap(HANDLE_SELF, (uintptr_t)bench->view, BENCH_SIZE);
    handle_drop(&bench->vmo);
}

static uint32_t share_pages(handle_t to, uint64_t to_offset, handle_t from, uint64_t offset,
                            uint32_t length)
{
    uint32_t done = 0;
    if ((to_offset | offset) & PAGE_MASK)
        return 0;
    status_t status = vmo_share(to, (uint32_t)(to_offset / PAGE_SIZE), from,
                                (uint32_t)(offset / PAGE_SIZE), length / PAGE_SIZE, &done);
    return status == OK ? done * PAGE_SIZE : 0;
}

uint32_t capture_bench_bring(struct capture_bench *bench, handle_t from, uint64_t offset,
                             uint32_t length)
{
    return bench->view
               ? share_pages(bench->vmo, 0, from, offset, length < BENCH_SIZE ? length : BENCH_SIZE)
               : 0;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static status_t reserve(void *context, uint64_t size)
{
    struct capture_memory_file *to = context;
    struct fs_attr attr = {.size = size}, changed;
    status_t status = fs_client_setattr(to->file, FS_ATTR_SIZE, &attr, &changed);
    if (status == OK)
        to->size = size;
    return status == OK ? fs_client_modified(to->file) : status;
}

static status_t write_content(void *context, uint64_t offset, const void *from, uint32_t length)
{
    const struct capture_memory_file *to = context;
    uint64_t end;
    size_t done;
    if (offset + length > to->size) /* whoever writes has not told how much it will be */
        return fs_client_write(to->file, offset, from, length, &done, &end);
    status_t status = vmo_write(to->vmo, offset, from, length);
    return status == ERR_NO_MEMORY ? ERR_NO_SPACE : status;
}

static uint32_t share(void *context, uint64_t offset, const struct snap_source *source,
                      uint64_t from, uint32_t length, const uint8_t **view)
{
    struct capture_memory_file *to = context;
    if (source->pages == HANDLE_NONE)
        return 0;
    if (view == NULL)
        return share_pages(to->vmo, offset, source->pages, from, length);
    length = capture_bench_bring(&to->bench, source->pages, from, length);
    *view = to->bench.view;
    return length > 0 ? share_pages(to->vmo, offset, to->bench.vmo, 0, length) : 0;
}

bool capture_memory_file_open(struct capture_memory_file *to, handle_t file)
{
    bool coherent = false;
    *to = (struct capture_memory_file){
        .file = file,
        .sink = {.write = write_content, .context = to, .reserve = reserve, .share = share}};
    if (fs_client_vmo(file, PROT_R | PROT_W, &to->vmo, NULL, &coherent) == OK && coherent) {
        capture_bench_open(&to->bench);
        return true;
    }
    handle_drop(&to->vmo);
    return false;
}

void capture_memory_file_close(struct capture_memory_file *to)
{
    capture_bench_close(&to->bench);
    handle_drop(&to->vmo);
}
