/* SPDX-License-Identifier: MIT */
/*
 * See file_view.h. What a file's size is, its VMO says, at each transfer: any program may change it.
 * The bytes of a view may go away at any time then; copies from and to a view are guest copies, which
 * end at such a byte, and the rest of the transfer goes by message. The views of all files together
 * are limited; the one that was used longest ago goes first.
 */
#include <personalities/nt/file_view.h>

#include <ipc/call.h>
#include <personalities/nt/file.h>

#define WINDOW      (8u << 20)    /* of one file */
#define ALL_WINDOWS (96u << 20)   /* of all files */
#define SLACK       (64u << 10)   /* mapped beyond the end, for files that grow */
#define PIECE       0x100000u     /* copied in one go */
#define SHORT       PAGE_SIZE     /* copies up to that long keep the lock */
#define INLINE      FS_INLINE_MAX /* writes beyond the end up to that long are one message anyway */

static struct list mapped = {&mapped, &mapped};
static uint32_t mapped_bytes;

static void unmap(struct file_view *view)
{
    if (!view->address)
        return;
    (void)!space_unmap(HANDLE_SELF, (uintptr_t)view->address, view->length);
    list_remove(&view->link);
    mapped_bytes -= view->length;
    view->address = NULL;
}

/* Makes room for `length` more bytes of views; false while too many are in use. */
static bool make_room(uint32_t length)
{
    struct list *item = mapped.next;
    while (mapped_bytes + length > ALL_WINDOWS && item != &mapped) {
        struct file_view *view = container_of(item, struct file_view, link);
        item = item->next;
        if (!view->pins)
            unmap(view);
    }
    return mapped_bytes + length <= ALL_WINDOWS;
}

static bool ready(struct nt_file *file)
{
    struct file_view *view = &file->view;
    bool writes = file->access & (FILE_WRITE_DATA | FILE_APPEND_DATA), coherent;
    handle_t vmo;
    uint64_t size;
    if (view->vmo)
        return true;
    if (view->refused || file->shared_position || !(file->access & FILE_READ_DATA))
        return false;
    status_t status =
        BLOCKING(fs_client_vmo(file->node, PROT_R | (writes ? PROT_W : 0), &vmo, &size, &coherent));
    if (status == OK && coherent && !view->vmo) {
        view->vmo = vmo;
        view->writable = writes;
        return true;
    }
    view->refused = status == ERR_NOT_SUPPORTED || (status == OK && !coherent);
    if (status == OK)
        handle_drop(&vmo);
    return view->vmo != HANDLE_NONE;
}

static bool size_of(const struct file_view *view, uint64_t *size)
{
    struct vmo_info info;
    if (vmo_info(view->vmo, &info) != OK)
        return false;
    *size = info.size_low | (uint64_t)info.size_high << 32;
    return true;
}

static bool covers(const struct file_view *view, uint64_t offset)
{
    return view->address && offset >= view->start && offset - view->start < view->length;
}

static bool map(struct file_view *view, uint64_t offset, uint64_t size)
{
    if (view->pins)
        return false;
    unmap(view);
    uint64_t start = size + SLACK <= WINDOW ? 0 : offset & ~(uint64_t)(WINDOW / 2 - 1);
    uint64_t wanted = (size - start + SLACK) & ~(uint64_t)PAGE_MASK;
    struct map_request request = {.vmo = view->vmo,
                                  .length = wanted < WINDOW ? (uint32_t)wanted : WINDOW,
                                  .offset_low = (uint32_t)start,
                                  .offset_high = (uint32_t)(start >> 32),
                                  .prot = PROT_R | (view->writable ? PROT_W : 0),
                                  .flags = MAP_FLAG_SHARED};
    if (!make_room(request.length) || space_map(HANDLE_SELF, &request) != OK)
        return false;
    view->address = (uint8_t *)request.address;
    view->start = start;
    view->length = request.length;
    mapped_bytes += view->length;
    list_append(&mapped, &view->link);
    return true;
}

static NTSTATUS copy(uint8_t *at, uint32_t guest, uint32_t length, bool write)
{
    return write ? guest_read(at, guest, length) : guest_write(guest, at, length);
}

/* All of `length` bytes lie within `size`. */
static bool transfer(struct file_view *view, uint32_t guest, uint32_t length, uint64_t offset,
                     uint64_t size, bool write, uint32_t *done)
{
    while (*done < length) {
        if (!covers(view, offset + *done) && !map(view, offset + *done, size))
            return false;
        uint32_t at = (uint32_t)(offset + *done - view->start), part = length - *done;
        part = part < view->length - at ? part : view->length - at;
        part = part < PIECE ? part : PIECE;
        view->pins++;
        NTSTATUS status = part <= SHORT
                              ? copy(view->address + at, guest + *done, part, write)
                              : BLOCKING(copy(view->address + at, guest + *done, part, write));
        view->pins--;
        if (status)
            return false;
        *done += part;
    }
    return true;
}

bool view_read(struct nt_file *file, uint32_t guest, uint32_t length, uint64_t offset,
               uint32_t *done)
{
    uint64_t size;
    *done = 0;
    if (!ready(file) || !size_of(&file->view, &size))
        return false;
    if (offset >= size)
        return true;
    if (length > size - offset)
        length = (uint32_t)(size - offset);
    return transfer(&file->view, guest, length, offset, size, false, done);
}

static bool readable(uint32_t guest, uint32_t length)
{
    uint8_t byte;
    for (uint32_t at = 0; at < length; at += PAGE_SIZE)
        if (guest_read(&byte, guest + at, 1))
            return false;
    return !guest_read(&byte, guest + length - 1, 1);
}

/* A longer file, in one message. */
static bool extend(struct nt_file *file, uint64_t size)
{
    struct fs_attr attr = {.size = size}, result;
    return BLOCKING(fs_client_setattr(file->node, FS_ATTR_SIZE | FS_ATTR_SPACE, &attr, &result)) ==
           OK;
}

bool view_write(struct nt_file *file, uint32_t guest, uint32_t length, uint64_t offset,
                uint32_t *done)
{
    uint64_t size;
    *done = 0;
    if (!ready(file) || !file->view.writable || !size_of(&file->view, &size) ||
        offset > UINT64_MAX / 2)
        return false;
    if (offset + length > size &&
        (length <= INLINE || !readable(guest, length) || !extend(file, offset + length)))
        return false;
    if (offset + length > size)
        size = offset + length;
    file->view.modified = true;
    return transfer(&file->view, guest, length, offset, size, true, done);
}

void view_flush(struct nt_file *file)
{
    if (!file->view.modified)
        return;
    file->view.modified = false;
    (void)!BLOCKING(fs_client_modified(file->node));
}

void view_end(struct nt_file *file)
{
    struct file_view *view = &file->view;
    if (view->modified)
        (void)!fs_client_modified(file->node);
    unmap(view);
    handle_drop(&view->vmo);
}
