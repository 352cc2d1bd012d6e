/* SPDX-License-Identifier: MIT */
/* Files of Atomik, for the native build of snap. */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <capture/capture.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define SEEK_START  0
#define WINDOW_SIZE (32u << 20)

static status_t read_file(void *context, uint64_t offset, void *to, uint32_t length)
{
    struct snap_file *file = context;
    uint8_t *at = to;
    uint64_t position;
    size_t done = 0;
    if (file->window != NULL)
        return vmo_read(file->window->vmo, offset, to, length);
    status_t status = file_seek(file->fd, (int64_t)offset, SEEK_START, &position);
    while (status == OK && length > 0) {
        status = file_read(file->fd, at, length, &done);
        if (status == OK && done == 0)
            status = ERR_IO_ERROR;
        at += done;
        length -= (uint32_t)done;
    }
    return status;
}

/* Another's file is looked at in a clone, so that nothing happens to it meanwhile. That takes time by its size. */
static bool make_visible(struct snap_file *file)
{
    handle_t clone;
    if (vmo_clone(file->window->vmo, 0, file->size, &clone) != OK)
        return false;
    handle_drop(&file->window->vmo);
    file->window->vmo = file->source.pages = clone;
    file->window->size = WINDOW_SIZE;
    return true;
}

static const void *view_file(void *context, uint64_t offset, uint32_t length)
{
    struct snap_file *file = context;
    bool visible = file->window->size > 0 || make_visible(file);
    return visible ? capture_window_look(file->window, offset, length) : NULL;
}

/* What lies on a disk is only read. */
static void offer_view(struct snap_file *file, bool written)
{
    struct vmo_info info;
    if (vmo_info(file->window->vmo, &info) != OK || info.paged)
        return;
    file->source.pages = file->window->vmo;
    file->source.view = view_file;
    if (written) /* ours: it has no name any more */
        file->window->size = WINDOW_SIZE;
}

/* written: by us, so that only memory that is the file will do. */
static void find_content(struct snap_file *file, bool written)
{
    struct capture_window *window = calloc(1, sizeof *window);
    struct start_fd info;
    handle_t node, none;
    bool coherent = false;
    if (window == NULL || file_info(file->fd, &info, &node, &none) != OK ||
        fs_client_vmo(node, PROT_R, &window->vmo, NULL, &coherent) != OK ||
        (written && !coherent)) {
        if (window != NULL)
            handle_drop(&window->vmo);
        free(window);
        return;
    }
    file->window = window;
    offer_view(file, written);
}

bool snap_file_open_raw(struct snap_file *file, const char *path)
{
    struct fs_attr attr;
    *file = (struct snap_file){.source = {.read = read_file, .context = file}, .fd = -1};
    status_t status = file_open(path, FS_O_READ, 0, &file->fd);
    if (status == OK)
        status = file_stat(file->fd, &attr);
    if (status != OK) {
        complain("%s: %s", path, status_text(status));
        if (file->fd >= 0)
            snap_file_close(file);
        file->fd = -1;
        return false;
    }
    file->size = attr.size;
    find_content(file, false);
    return true;
}

void snap_file_close(struct snap_file *file)
{
    if (file->window != NULL) {
        capture_window_close(file->window);
        handle_drop(&file->window->vmo);
        free(file->window);
    }
    if (file_close(file->fd) != OK)
        complain("a descriptor was closed twice");
}

/* ---- output ------------------------------------------------------------------------------------- */

static status_t write_file(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct snap_output *output = context;
    uint64_t position;
    size_t done = 0;
    status_t status = file_seek(output->fd, (int64_t)offset, SEEK_START, &position);
    return status == OK ? file_write(output->fd, from, length, &done) : status;
}

/* A file whose content is memory is written as such. */
static void find_memory(struct snap_output *output)
{
    struct capture_memory_file *memory = malloc(sizeof *memory);
    struct start_fd info;
    handle_t node, none;
    if (memory == NULL || file_info(output->fd, &info, &node, &none) != OK ||
        !capture_memory_file_open(memory, node)) {
        free(memory);
        return;
    }
    output->memory = memory;
    output->sink = memory->sink;
}

static void drop_memory(struct snap_output *output)
{
    if (output->memory != NULL)
        capture_memory_file_close(output->memory);
    free(output->memory);
    output->memory = NULL;
}

bool snap_output_begin(struct snap_output *output, const char *path)
{
    uint32_t number = 0;
    *output = (struct snap_output){.sink = {.write = write_file, .context = output}};
    snprintf(output->path, sizeof output->path, "%s", path);
    if (random_get(&number, sizeof number) != OK ||
        snprintf(output->temporary, sizeof output->temporary, "%s.%08x", path, (unsigned)number) >=
            (int)sizeof output->temporary) {
        complain("%s: name too long", path);
        return false;
    }
    status_t status =
        file_open(output->temporary, FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE, 0700,
                  &output->fd);
    if (status == OK)
        find_memory(output);
    else
        complain("%s: %s", path, status_text(status));
    return status == OK;
}

static status_t sync_and_rename(struct snap_output *output)
{
    struct fs_walk_context context;
    struct start_fd info;
    handle_t node, none;
    status_t status = file_info(output->fd, &info, &node, &none);
    if (status == OK)
        status = fs_client_sync(node, false);
    if (status == OK)
        status = file_context(&context);
    if (status == OK)
        status =
            fs_client_rename(&context, HANDLE_NONE, output->temporary, strlen(output->temporary),
                             HANDLE_NONE, output->path, strlen(output->path), 0);
    return status;
}

static uint64_t size_of(int fd)
{
    struct fs_attr attr;
    return file_stat(fd, &attr) == OK ? attr.size : 0;
}

bool snap_output_finish(struct snap_output *output)
{
    drop_memory(output);
    output->size = size_of(output->fd);
    status_t status = sync_and_rename(output);
    if (status != OK) {
        complain("%s: %s", output->path, status_text(status));
        snap_output_discard(output);
        return false;
    }
    return file_close(output->fd) == OK;
}

static void remove_name(const struct snap_output *output)
{
    struct fs_path_args args = {.op = FS_OP_UNLINK};
    struct fs_path_result result;
    struct fs_walk_context context;
    status_t status = file_context(&context);
    if (status == OK)
        status = fs_client_path(&context, HANDLE_NONE, output->temporary, strlen(output->temporary),
                                &args, &result);
    if (status != OK)
        complain("%s: cannot be removed: %s", output->temporary, status_text(status));
}

void snap_output_close(struct snap_output *output)
{
    drop_memory(output);
    if (output->fd >= 0 && file_close(output->fd) != OK)
        complain("a descriptor was closed twice");
    output->fd = -1;
}

void snap_output_discard(struct snap_output *output)
{
    snap_output_close(output);
    remove_name(output);
}

void snap_output_read(struct snap_output *output, struct snap_file *file, bool take)
{
    *file = (struct snap_file){.source = {.read = read_file, .context = file},
                               .size = size_of(output->fd),
                               .fd = output->fd};
    if (!take)
        return; /* whoever has the output closes the descriptor, and knows of nothing else */
    drop_memory(output);
    find_content(file, true);
    remove_name(output);
}

uint32_t snap_find_common(const struct snap_source *one, uint64_t offset,
                          const struct snap_source *other, uint64_t other_offset, uint32_t length)
{
    uint32_t done = 0;
    if (one->pages == HANDLE_NONE || other->pages == HANDLE_NONE ||
        ((offset | other_offset) & PAGE_MASK) ||
        vmo_shared(one->pages, (uint32_t)(offset / PAGE_SIZE), other->pages,
                   (uint32_t)(other_offset / PAGE_SIZE), length / PAGE_SIZE, &done) != OK)
        return 0;
    return done * PAGE_SIZE;
}

bool snap_random(void *to, uint32_t length)
{
    return random_get(to, length) == OK;
}

uint64_t snap_clock(void)
{
    uint64_t time = 0;
    return clock_get(CLOCK_REALTIME_NS, &time) == OK ? time : 0;
}
