/* SPDX-License-Identifier: MIT */
/*
 * Who has a file's content: open nodes that may write, clients that have or map its VMO, and nobody.
 * Then it is idle: remembered, longest first, as long as there are not too many such and the file has a
 * name. What programs map stays, whether it has a name or not.
 */
#include <fs/content.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

#define IDLE_PER_PAGE 4u /* of the machine's memory: one idle content for so many pages */

static struct list idle = LIST_INIT(idle);
static uint32_t idle_count, nameless_count; /* of the idle ones */

/* ---- writers -------------------------------------------------------------------------------------- */

/* What an open node keeps that counts as one. */
static char is_writer;

status_t fs_content_opened(struct fs_content *content, uint32_t flags, bool read_only, void **data)
{
    *data = NULL;
    if ((flags & FS_O_NODE) || !(flags & FS_O_WRITE))
        return OK;
    if (read_only)
        return ERR_READ_ONLY;
    content->writers++;
    fs_content_begin_write(content);
    *data = &is_writer;
    return OK;
}

void fs_content_closed(struct fs_content *content, const void *data)
{
    if (data == &is_writer)
        content->writers--;
}

/* ---- clients -------------------------------------------------------------------------------------- */

status_t fs_content_give(struct fs_content *content, uint32_t prot, handle_t *vmo, uint64_t *size,
                         bool *coherent)
{
    uint32_t rights = RIGHT_READ | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_DUPLICATE | RIGHT_TRANSFER;
    if (prot & PROT_W) {
        fs_content_begin_write(content);
        rights |= RIGHT_WRITE;
    }
    *size = content->size;
    *coherent = true;
    return handle_duplicate(content->vmo, rights, vmo);
}

bool fs_content_is_used(const struct fs_content *content)
{
    struct handle_info info;
    return content->vmo != HANDLE_NONE && handle_info(content->vmo, &info) == OK &&
           info.references > 1;
}

/* ---- nobody --------------------------------------------------------------------------------------- */

uint32_t fs_memory_pages(void)
{
    static uint32_t pages;
    struct system_info info;
    if (pages == 0)
        pages = system_info(&info) == OK ? info.total_pages : 4096;
    return pages;
}

static bool is_too_much(void)
{
    uint32_t limit = fs_memory_pages() / IDLE_PER_PAGE, most = fs_content_store()->idle_max;
    return idle_count > (limit < most ? limit : most);
}

void fs_content_use(struct fs_content *content)
{
    if (!content->is_idle)
        return;
    list_remove(&content->idle);
    content->is_idle = false;
    idle_count--;
    nameless_count -= content->nameless;
}

bool fs_content_rest(struct fs_content *content)
{
    if (content->vmo == HANDLE_NONE || (content->nameless && !fs_content_is_used(content)))
        return false;
    list_append(&idle, &content->idle);
    content->is_idle = true;
    idle_count++;
    nameless_count += content->nameless;
    if (is_too_much())
        fs_contents_trim();
    return true;
}

void fs_contents_trim(void)
{
    bool too_much = is_too_much();
    list_each(content, &idle, struct fs_content, idle)
    {
        if (!too_much && nameless_count == 0)
            return;
        if (!(content->nameless || too_much) || fs_content_is_used(content) ||
            fs_content_flush(content) != OK)
            continue; /* later; an error has been logged */
        fs_content_use(content);
        fs_content_store()->forget(content);
        too_much = is_too_much();
    }
}
