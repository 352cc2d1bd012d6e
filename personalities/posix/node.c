/* SPDX-License-Identifier: MIT */
/*
 * Files and directories of file system servers.
 *
 * A regular file whose server gives a coherent VMO is read and written through a view of that VMO
 * in the server's window: no message per read. struct inode is what is known about such a file,
 * shared by all its descriptions, and kept for a while after the last one is closed. Its size is a
 * cache of the VMO's: data below it may be copied at once; whoever meets the end asks the VMO again,
 * since another personality may have changed it. Only the file system changes the size.
 *
 * Other files go by messages, large transfers through a bulk buffer per description.
 *
 * A description that was handed to another personality keeps its position in the node itself
 * (shared_position) and from then on every transfer is a message.
 */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>
#include <string.h>

#include "file.h"
#include "inotify.h"
#include "mm.h"
#include "path.h"
#include "server.h"
#include "task.h"

#define INODE_BUCKETS  128
#define IDLE_MAX       48           /* inodes kept without an open file */
#define IDLE_PAGES_MAX 4096u        /* and the pages of their views at most */
#define VIEW_MAX       (16u << 20)  /* bytes of a file that are mapped at once */
#define VIEW_SLACK     (256u << 10) /* mapped beyond the end, for files that grow */
#define LOCKED_COPY    PAGE_SIZE    /* copies up to this size keep the server lock */
#define BULK_SIZE      65536u
#define SMALL_SIZE     16384u /* files up to this size are copied without a mapping */
#define SMALL_TIMES    4u     /* as long as that is not done more often */

struct inode {
    struct list link;      /* hash bucket */
    struct list idle_link; /* idle list, oldest first */
    uint64_t ino;
    uint32_t device, generation, references;
    handle_t vmo;          /* HANDLE_NONE until needed */
    uint32_t vmo_id, prot; /* what the VMO handle allows */
    handle_t node;   /* to sync by, from a writable shared mapping on, which outlives descriptors */
    bool paged;      /* its pages may have to be waited for */
    bool incoherent; /* there is no VMO that is the file, or the file has outgrown it */
    uint64_t size;
    uint8_t *view;
    uint64_t view_start;
    uint32_t view_length, pins;
    uint32_t copies; /* without a view so far */
};

/* file->data of a node file. */
struct node_data {
    struct inode *inode; /* NULL until the first transfer */
    handle_t bulk;
    uint8_t *bulk_view;
    bool shared_position, modified;
    handle_t
        vmo; /* of its content, as the node is open; what opening it brought, until it is used */
    uint32_t change; /* `known` was right then */
    bool is_known;
    struct fs_attr known;
    /* A directory has been read up to this offset, and there was no more when it was as of ended_at. */
    uint64_t end;
    uint32_t ended_at;
    bool ended;
    bool shared_node;    /* the node is another description's too: see node_own */
    handle_t other_node; /* what it was then; somebody may still be using it */
};

static struct list inodes[INODE_BUCKETS];
static struct list idle = LIST_INIT(idle);
static uint32_t idle_count, idle_pages;

static struct node_data *data_of(struct file *file)
{
    return file->data;
}

/* ---- inodes; lock held ------------------------------------------------------------------------- */

static struct list *inode_bucket(uint64_t ino, uint32_t device)
{
    struct list *bucket = &inodes[((uint32_t)ino * 31 + device) % INODE_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static struct inode *inode_find(const struct fs_attr *attr)
{
    struct inode *inode;
    list_each(inode, inode_bucket(attr->ino, attr->device), struct inode, link)
    {
        if (inode->ino == attr->ino && inode->device == attr->device &&
            inode->generation == attr->generation)
            return inode;
    }
    return NULL;
}

static void view_drop(struct inode *inode)
{
    if (inode->view)
        ignore(space_unmap(HANDLE_SELF, (uintptr_t)inode->view, inode->view_length));
    inode->view = NULL;
    inode->view_length = 0;
}

static void inode_unidle(struct inode *inode)
{
    list_remove(&inode->idle_link);
    idle_count--;
    idle_pages -= inode->view_length / PAGE_SIZE;
}

static void inode_free(struct inode *inode)
{
    view_drop(inode);
    close_handle(inode->vmo);
    close_handle(inode->node);
    list_remove(&inode->link);
    release(inode);
}

/* The node stays open as long as somebody maps the file for writing. */
static void node_unless_mapped(struct inode *inode)
{
    struct vmo_info info;
    if (!inode->node || (vmo_info(inode->vmo, &info) == OK && info.writers > 0))
        return;
    close_handle(inode->node);
    inode->node = HANDLE_NONE;
}

void inodes_settle(void)
{
    struct inode *inode;
    server_lock();
    list_each(inode, &idle, struct inode, idle_link) node_unless_mapped(inode);
    server_unlock();
}

static struct inode *inode_get(const struct fs_attr *attr)
{
    struct inode *inode = inode_find(attr);
    if (inode) {
        if (inode->references++ == 0)
            inode_unidle(inode);
        return inode;
    }
    inode = allocate(sizeof *inode);
    if (!inode)
        return NULL;
    inode->ino = attr->ino;
    inode->device = attr->device;
    inode->generation = attr->generation;
    inode->references = 1;
    list_init(&inode->idle_link);
    list_append(inode_bucket(attr->ino, attr->device), &inode->link);
    return inode;
}

/* What is mapped for writing stays, for msync; the list is then longer than it should be. */
static struct inode *oldest_idle(void)
{
    struct inode *inode;
    list_each(inode, &idle, struct inode, idle_link)
    {
        node_unless_mapped(inode);
        if (!inode->node)
            return inode;
    }
    return NULL;
}

static void inode_put(struct inode *inode)
{
    if (--inode->references != 0)
        return;
    if (!inode->vmo || inode->incoherent) {
        inode_free(inode);
        return;
    }
    node_unless_mapped(inode);
    list_append(&idle, &inode->idle_link);
    idle_count++;
    idle_pages += inode->view_length / PAGE_SIZE;
    struct inode *oldest;
    while ((idle_count > IDLE_MAX || idle_pages > IDLE_PAGES_MAX) && (oldest = oldest_idle())) {
        inode_unidle(oldest);
        inode_free(oldest);
    }
}

/* The file has these attributes now: its size may be another one. */
void inode_learn(const struct fs_attr *attr)
{
    server_lock();
    struct inode *inode = inode_find(attr);
    if (inode)
        inode->size = attr->size;
    server_unlock();
}

/* A file lost its last name: do not keep its pages. */
void inode_forget(const struct fs_attr *attr)
{
    namecache_forget(attr->ino, attr->device);
    server_lock();
    struct inode *inode = inode_find(attr);
    if (inode && inode->references == 0) {
        inode_unidle(inode);
        inode_free(inode);
    }
    server_unlock();
}

static struct inode *inode_by_vmo(uint32_t vmo_id)
{
    struct inode *inode;
    for (uint32_t i = 0; i < INODE_BUCKETS; i++) {
        if (!inodes[i].next)
            continue;
        list_each(inode, &inodes[i], struct inode, link)
        {
            if (inode->vmo && inode->vmo_id == vmo_id)
                return inode;
        }
    }
    return NULL;
}

handle_t inode_vmo_by_id(uint32_t vmo_id)
{
    const struct inode *inode = inode_by_vmo(vmo_id);
    return inode ? inode->vmo : HANDLE_NONE;
}

bool inode_is_on(uint32_t vmo_id, uint32_t device)
{
    const struct inode *inode = inode_by_vmo(vmo_id);
    return inode && inode->device == device;
}

void inodes_forget_device(uint32_t device)
{
    struct inode *inode;
    server_lock();
    for (uint32_t i = 0; i < INODE_BUCKETS; i++) {
        if (!inodes[i].next)
            continue;
        list_each(inode, &inodes[i], struct inode, link)
        {
            if (inode->device != device || inode->references != 0)
                continue;
            inode_unidle(inode);
            inode_free(inode);
        }
    }
    server_unlock();
}

int inode_sync(uint32_t vmo_id)
{
    handle_t node = HANDLE_NONE;
    server_lock();
    const struct inode *inode = inode_by_vmo(vmo_id);
    if (inode && inode->node && handle_duplicate(inode->node, RIGHT_SAME, &node) != OK)
        node = HANDLE_NONE;
    bool wanted = inode && inode->node;
    server_unlock();
    if (!node)
        return wanted ? -ENOMEM : 0;
    int result = file_errno(fs_client_sync(node, false));
    close_handle(node);
    return result;
}

static void inode_refresh(struct inode *inode)
{
    struct vmo_info info;
    if (vmo_info(inode->vmo, &info) != OK)
        return;
    inode->size = info.size_low | (uint64_t)info.size_high << 32;
    inode->vmo_id = info.id;
    inode->paged = info.paged;
}

/*
 * The file is at least that long now. A VMO that is not has ceased to be the file: from now on it goes
 * by messages. Copies that are under way still end in the view.
 */
static bool inode_reaches(struct inode *inode, uint64_t size)
{
    inode_refresh(inode);
    if (inode->size >= size)
        return true;
    inode->size = size;
    inode->incoherent = true;
    if (!inode->pins) {
        view_drop(inode);
        close_handle(inode->vmo);
        inode->vmo = HANDLE_NONE;
    }
    return false;
}

/*
 * Maps the part of the file around offset. The bytes from there on, at most *length, or NULL when
 * out of memory or while the old view is pinned elsewhere.
 */
static uint8_t *inode_view(struct inode *inode, uint64_t offset, uint32_t *length)
{
    if (!inode->view || offset < inode->view_start ||
        offset >= inode->view_start + inode->view_length) {
        if (inode->pins)
            return NULL;
        view_drop(inode);
        uint64_t start =
            inode->size + VIEW_SLACK <= VIEW_MAX ? 0 : offset & ~(uint64_t)(VIEW_MAX / 2 - 1);
        uint64_t wanted =
            (inode->size - MIN(inode->size, start) + VIEW_SLACK) & ~(uint64_t)PAGE_MASK;
        struct map_request map = {.vmo = inode->vmo,
                                  .length = (uint32_t)MIN(wanted, VIEW_MAX),
                                  .offset_low = (uint32_t)start,
                                  .offset_high = (uint32_t)(start >> 32),
                                  .prot = PROT_R | (inode->prot & PROT_W),
                                  .flags = MAP_FLAG_SHARED};
        if (space_map(HANDLE_SELF, &map) != OK)
            return NULL;
        inode->view = (uint8_t *)map.address;
        inode->view_start = start;
        inode->view_length = map.length;
    }
    uint32_t at = (uint32_t)(offset - inode->view_start);
    *length = MIN(*length, inode->view_length - at);
    return inode->view + at;
}

/* ---- a file's inode ------------------------------------------------------------------------------ */

void node_give_vmo(struct file *file, handle_t vmo)
{
    data_of(file)->vmo = vmo;
}

/* The VMO that came with the node, or another one. */
static status_t take_vmo(struct file *file, uint32_t wanted, handle_t *vmo, bool *coherent)
{
    struct node_data *data = data_of(file);
    uint64_t size;
    server_lock();
    *vmo = data->vmo;
    data->vmo = HANDLE_NONE;
    server_unlock();
    *coherent = true;
    return *vmo ? OK : fs_client_vmo(file->handle, wanted, vmo, &size, coherent);
}

/* Gives the file an inode whose VMO allows `prot`. 0; 1: there is no coherent VMO; -errno. No lock. */
static int need_vmo(struct file *file, uint32_t prot)
{
    struct node_data *data = data_of(file);
    struct inode *inode = data->inode;
    handle_t vmo;
    bool coherent;
    if (unlikely(!inode)) {
        server_lock();
        if (!data->inode)
            data->inode = inode_get(&file->attr);
        inode = data->inode;
        server_unlock();
        if (!inode)
            return -ENOMEM;
    }
    if (unlikely(inode->incoherent))
        return 1;
    if (likely(inode->vmo && (inode->prot & prot) == prot))
        return 0;
    uint32_t wanted = prot | inode->prot;
    if (file_readable(file))
        wanted |= PROT_R | PROT_X;
    else
        wanted &= ~(uint32_t)(PROT_R | PROT_X);
    if (file_writable(file))
        wanted |= PROT_W;
    else
        wanted &= ~(uint32_t)PROT_W; /* a writer gets it anew with its own descriptor */
    status_t status = take_vmo(file, wanted, &vmo, &coherent);
    if (status == ERR_NOT_SUPPORTED || (status == OK && !coherent)) {
        if (status == OK)
            close_handle(vmo);
        inode->incoherent = true;
        return 1;
    }
    if (status != OK)
        return file_errno(status);
    server_lock();
    if (inode
            ->pins) { /* a copy goes on through the old view: keep it, this file goes by messages once */
        server_unlock();
        close_handle(vmo);
        return 1;
    }
    view_drop(inode);
    close_handle(inode->vmo);
    inode->vmo = vmo;
    inode->prot = wanted | PROT_R;
    inode_refresh(inode);
    server_unlock();
    return 0;
}

/* ---- transfers through the view ------------------------------------------------------------------ */

/* Copies one stretch; lock held on entry and exit, released meanwhile if it is long. */
static int copy_stretch(struct inode *inode, uint8_t *at, struct io *io, uint32_t length,
                        bool write)
{
    int result;
    if (length <= LOCKED_COPY && !inode->paged)
        return write ? io_take(io, at, length) : io_put(io, at, length);
    inode->pins++;
    server_unlock();
    result = write ? io_take(io, at, length) : io_put(io, at, length);
    server_lock();
    inode->pins--;
    return result;
}

/* A copy that ended in a fault: was it the file's page? */
static int page_error(struct inode *inode, uint64_t offset)
{
    uint8_t byte;
    handle_t vmo = inode->vmo;
    inode->pins++;
    server_unlock();
    status_t status = vmo_read(vmo, offset, &byte, 1);
    server_lock();
    inode->pins--;
    return status == OK || status == ERR_OUT_OF_RANGE ? -EFAULT : file_errno(status);
}

/* Bytes copied; stops early at a fault. */
static int copy_through_view(struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                             bool write)
{
    int error = 0;
    uint32_t before = io->done;
    uint64_t start = offset;
    while (error == 0 && count > 0) {
        uint32_t length = MIN(count, VIEW_MAX / 2);
        uint8_t *at = inode_view(inode, offset, &length);
        if (!at)
            return -ENOMEM;
        error = copy_stretch(inode, at, io, length, write);
        count -= length;
        offset += length;
    }
    uint32_t done = io->done - before;
    if (!done && error == -EFAULT && inode->paged)
        error = page_error(inode, start);
    return done ? (int)done : error;
}

static bool is_small(const struct inode *inode, struct io *io, uint32_t count, bool write)
{
    return !inode->view && inode->size <= SMALL_SIZE && inode->copies < SMALL_TIMES &&
           (!write || io->kernel || io_contiguous(io, count) == count);
}

/* Between the VMO and memory of ours. */
static int copy_content(const struct inode *inode, uint8_t *memory, uint64_t offset, uint32_t count,
                        bool write)
{
    status_t status = write ? vmo_write(inode->vmo, offset, memory, count)
                            : vmo_read(inode->vmo, offset, memory, count);
    if (write && status == ERR_NO_MEMORY)
        self()->out_of_memory = true; /* as a copy into a view has it */
    return status == ERR_OUT_OF_RANGE ? 0 : status == OK ? (int)count : file_errno(status);
}

static int copy_buffered(const struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                         bool write, uint8_t *buffer)
{
    uint32_t before = io->done;
    if (!buffer)
        return -ENOMEM;
    int result = write ? io_take(io, buffer, count) : 0;
    if (result < 0)
        return result;
    result = copy_content(inode, buffer, offset, count, write);
    if (write && result <= 0)
        io_undo(io, count);
    if (write || result <= 0)
        return result;
    int error = io_put(io, buffer, count);
    return io->done > before ? (int)(io->done - before) : error;
}

/* Of a file that is small, all at once; lock held on entry and exit. */
static int copy_small(struct inode *inode, struct io *io, uint64_t offset, uint32_t count,
                      bool write)
{
    int result;
    inode->copies++;
    inode->pins++;
    server_unlock();
    if (io->kernel) {
        result = copy_content(inode, io->kernel + io->at, offset, count, write);
        io_advance(io, (uint32_t)MAX(result, 0));
    } else {
        uint8_t *buffer = copy_buffer_take();
        result = copy_buffered(inode, io, offset, count, write, buffer);
        copy_buffer_give(buffer);
    }
    server_lock();
    inode->pins--;
    return result;
}

static int copy(struct inode *inode, struct io *io, uint64_t offset, uint32_t count, bool write)
{
    return is_small(inode, io, count, write) ? copy_small(inode, io, offset, count, write)
                                             : copy_through_view(inode, io, offset, count, write);
}

static int read_view(struct inode *inode, struct io *io, uint64_t *offset)
{
    server_lock();
    if (*offset + io->left > inode->size)
        inode_refresh(inode);
    int result = 0;
    if (*offset < inode->size)
        result = copy(inode, io, *offset, (uint32_t)MIN(io->left, inode->size - *offset), false);
    if (result > 0)
        *offset += (uint32_t)result;
    server_unlock();
    return result;
}

/* ---- nodes of one's own -------------------------------------------------------------------------- */

void node_shared(struct file *file)
{
    data_of(file)->shared_node = true;
}

/* Before anything that changes the open node itself: its position, its buffer. */
int node_own(struct file *file)
{
    struct node_data *data = data_of(file);
    handle_t node;
    if (!data->shared_node)
        return 0;
    status_t status = fs_client_reopen(file->handle, FS_O_SAME, &node);
    if (status != OK)
        return file_errno(status);
    server_lock();
    if (data->shared_node) {
        data->other_node = file->handle;
        file->handle = node;
        data->shared_node = false;
        node = HANDLE_NONE;
    }
    server_unlock();
    close_handle(node);
    return 0;
}

/* ---- transfers by message ------------------------------------------------------------------------ */

static bool need_bulk(struct file *file)
{
    struct node_data *data = data_of(file);
    struct map_request map = {
        .length = BULK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    if (data->bulk_view)
        return true;
    if (node_own(file) < 0)
        return false;
    if (!data->bulk && vmo_create(0, BULK_SIZE, &data->bulk) != OK)
        return false;
    map.vmo = data->bulk;
    if (space_map(HANDLE_SELF, &map) != OK)
        return false;
    if (fs_client_buffer(file->handle, data->bulk, BULK_SIZE) != OK) {
        ignore(space_unmap(HANDLE_SELF, map.address, BULK_SIZE));
        return false;
    }
    data->bulk_view = (uint8_t *)map.address;
    return true;
}

/* Reads up to one buffer's worth at `at`. */
static int read_message(struct file *file, struct io *io, uint64_t at)
{
    uint8_t inline_data[FS_INLINE_MAX];
    uint32_t wanted = MIN(io->left, BULK_SIZE), got = 0;
    size_t done = 0;
    status_t status;
    uint8_t *from = inline_data;
    if (wanted > FS_INLINE_MAX && need_bulk(file)) {
        from = data_of(file)->bulk_view;
        status = fs_client_read_bulk(file->handle, at, wanted, &got);
    } else {
        status = fs_client_read(file->handle, at, inline_data, MIN(wanted, FS_INLINE_MAX), &done);
        got = (uint32_t)done;
    }
    if (status != OK)
        return file_errno(status);
    if (got > wanted)
        return -EIO;
    return io_put(io, from, got) < 0 ? -EFAULT : (int)got;
}

static int write_message(struct file *file, struct io *io, uint64_t at, uint64_t *end)
{
    uint8_t inline_data[FS_INLINE_MAX];
    uint32_t wanted = io_contiguous(io, BULK_SIZE), put = 0;
    size_t done = 0;
    status_t status;
    if (wanted > FS_INLINE_MAX && need_bulk(file)) {
        if (io_take(io, data_of(file)->bulk_view, wanted) < 0)
            return -EFAULT;
        status = fs_client_write_bulk(file->handle, at, wanted, &put, end);
    } else {
        wanted = MIN(wanted, FS_INLINE_MAX);
        if (io_take(io, inline_data, wanted) < 0)
            return -EFAULT;
        status = fs_client_write(file->handle, at, inline_data, wanted, &done, end);
        put = (uint32_t)done;
    }
    if (put < wanted)
        io_undo(io, wanted - MIN(put, wanted));
    return status != OK && put == 0 ? file_errno(status) : (int)MIN(put, wanted);
}

static void learn_end(struct inode *inode, uint64_t end)
{
    server_lock();
    if (inode->vmo && !inode->incoherent)
        (void)inode_reaches(inode, end);
    else
        inode->size = end;
    server_unlock();
}

/* Repeats one of the two above until the transfer is done or comes back short. */
static int message_loop(struct file *file, struct io *io, uint64_t *offset, bool write, bool append)
{
    struct node_data *data = data_of(file);
    int result = 0, sum = 0;
    while (io->left > 0) {
        uint64_t at = append ? FS_APPEND : data->shared_position ? FS_POSITION : *offset, end = 0;
        uint32_t wanted = MIN(io->left, BULK_SIZE);
        result = write ? write_message(file, io, at, &end) : read_message(file, io, at);
        if (result <= 0)
            break;
        sum += result;
        if (append)
            *offset = end;
        else
            *offset += (uint32_t)result;
        if (!write && (uint32_t)result < MIN(wanted, FS_INLINE_MAX))
            break;
        if (data->inode && write && end > data->inode->size)
            learn_end(data->inode, end);
    }
    return sum > 0 ? sum : result;
}

/* ---- read and write ------------------------------------------------------------------------------ */

static void flush_modified(struct file *file);

static int node_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = data_of(file);
    if (unlikely(S_ISDIR(file->attr.mode)))
        return -EISDIR;
    if (unlikely(data->shared_position))
        return message_loop(file, io, offset, false, false);
    int result = need_vmo(file, PROT_R);
    if (likely(result == 0))
        return read_view(data->inode, io, offset);
    return result < 0 ? result : message_loop(file, io, offset, false, false);
}

/* Makes the file at least `size` bytes long. 1: its VMO is not it any more. */
static int extend(struct file *file, struct inode *inode, uint64_t size)
{
    struct fs_attr attr = {.size = size}, result;
    status_t status = fs_client_setattr(file->handle, FS_ATTR_SIZE | FS_ATTR_SPACE, &attr, &result);
    if (status != OK)
        return file_errno(status);
    server_lock();
    bool reaches = inode_reaches(inode, size);
    server_unlock();
    return reaches ? 0 : 1;
}

/* Where an append goes: the file is extended there at the same time. */
static int reserve_append(struct file *file, struct inode *inode, uint32_t count, uint64_t *offset)
{
    uint64_t before, after;
    status_t status = fs_client_position(file->handle, 3, count, &before, &after);
    if (status != OK)
        return file_errno(status);
    server_lock();
    bool reaches = inode_reaches(inode, after);
    server_unlock();
    *offset = before;
    return reaches ? 0 : 1;
}

/* A copy into the view that lacked memory is a full file system, not the program's end. */
static bool ran_out_of_space(void)
{
    struct thread *thread = self();
    bool was = thread->out_of_memory;
    thread->out_of_memory = false;
    return was;
}

/* Undoes what a write that got only as far as `end` extended the file by; the write's result. */
static int give_back(struct file *file, struct inode *inode, uint64_t old_size, uint64_t end,
                     int result)
{
    uint64_t wanted = MAX(old_size, end);
    if (wanted < inode->size && extend(file, inode, wanted) < 0)
        log_line("a file keeps a hole where a write found no space");
    return result > 0 ? result : -ENOSPC;
}

static int write_view(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = data_of(file);
    struct inode *inode = data->inode;
    bool append = file->flags & O_APPEND;
    uint32_t count = io->left;
    int result = 0;
    if (*offset + count > inode->size) {
        server_lock();
        inode_refresh(inode);
        server_unlock();
    }
    uint64_t old_size = inode->size;
    if (append || *offset + count > inode->size) {
        if (count <= FS_INLINE_MAX && io_contiguous(io, count) == count)
            return message_loop(file, io, offset, true, file->flags & O_APPEND);
        result = append ? reserve_append(file, inode, count, offset)
                        : extend(file, inode, *offset + count);
    }
    if (result == -ENOSPC) /* for all of it; there may be for some */
        return message_loop(file, io, offset, true, append);
    if (result < 0)
        return result;
    if (result > 0)
        return message_loop(file, io, offset, true, false);
    uint64_t start = *offset;
    bool watched = unlikely(inotify_instances != 0);
    server_lock();
    /* What lies behind the old end has been told with the new one. */
    data->modified |= watched || !(append || start >= old_size);
    result = copy(inode, io, *offset, count, true);
    server_unlock();
    if (watched)
        flush_modified(file); /* whoever watches the file is told at once */
    if (result > 0)
        *offset += (uint32_t)result;
    if (result < (int)count && ran_out_of_space())
        result = give_back(file, inode, append ? start : old_size, *offset, result);
    return result;
}

static int node_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct node_data *data = data_of(file);
    if (io->left == 0)
        return 0;
    if ((uint64_t)*offset + io->left > self()->process->limits[RLIMIT_FSIZE].current) {
        server_lock();
        signal_simple(self()->process, SIGXFSZ);
        server_unlock();
        return -EFBIG;
    }
    if (unlikely(data->shared_position))
        return message_loop(file, io, offset, true, file->flags & O_APPEND);
    int result = need_vmo(file, PROT_W);
    if (likely(result == 0))
        return write_view(file, io, offset);
    return result < 0 ? result : message_loop(file, io, offset, true, file->flags & O_APPEND);
}

/* ---- attributes and the rest --------------------------------------------------------------------- */

/* Tells the file system about writes through the view, before anyone looks at the times. */
static void flush_modified(struct file *file)
{
    struct node_data *data = data_of(file);
    if (!data->modified)
        return;
    data->modified = false;
    ignore(fs_client_modified(file->handle));
}

status_t node_stat(handle_t node, struct fs_attr *attr)
{
    return fs_client_stat(node, attr);
}

void node_known(struct file *file, const struct fs_attr *attr, uint32_t change)
{
    struct node_data *data = data_of(file);
    data->known = *attr;
    data->change = change;
    data->is_known = true;
}

/* What is known of the file, if that is still so. */
static bool recall(struct file *file, struct fs_attr *attr)
{
    const struct node_data *data = data_of(file);
    server_lock();
    bool known =
        data->is_known && namecache_unchanged(data->known.ino, data->known.device, data->change);
    if (known)
        *attr = data->known;
    server_unlock();
    return known;
}

static int op_stat(struct file *file, struct fs_attr *attr)
{
    uint32_t change;
    flush_modified(file);
    if (recall(file, attr))
        return 0;
    bool tells = namecache_now(file->attr.device, &change);
    status_t status = fs_client_stat(file->handle, attr);
    if (status == OK && tells) {
        server_lock();
        node_known(file, attr, change);
        server_unlock();
    }
    return file_errno(status);
}

static int op_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    struct fs_attr result;
    flush_modified(file);
    status_t status = fs_client_setattr(file->handle, mask, attr, &result);
    if (status != OK)
        return file_errno(status);
    *attr = result;
    if (mask & FS_ATTR_SIZE)
        inode_learn(&result);
    return 0;
}

static int op_size(struct file *file, uint64_t *size)
{
    struct fs_attr attr;
    int result = op_stat(file, &attr);
    *size = attr.size;
    return result;
}

static int op_seek(struct file *file, uint64_t offset)
{
    uint64_t before, after;
    if (!data_of(file)->shared_position)
        return 0;
    return file_errno(fs_client_position(file->handle, 0, (int64_t)offset, &before, &after));
}

static int op_position(struct file *file, uint64_t *offset)
{
    uint64_t before;
    if (!data_of(file)->shared_position)
        return 0;
    return file_errno(fs_client_position(file->handle, 1, 0, &before, offset));
}

static int op_sync(struct file *file)
{
    flush_modified(file);
    return file_errno(fs_client_sync(file->handle, false));
}

static int op_statfs(struct file *file, struct fs_statistics *statistics)
{
    return file_errno(fs_client_statfs(file->handle, statistics));
}

/* msync of a mapping that may outlive its descriptor needs a node. */
static int keep_node(struct file *file)
{
    struct inode *inode = data_of(file)->inode;
    server_lock();
    status_t status = OK;
    if (!inode->node)
        status = handle_duplicate(file->handle, RIGHT_SAME, &inode->node);
    server_unlock();
    return file_errno(status);
}

/* A handle for mapping with the rights that prot needs and no more. */
static int op_vmo(struct file *file, uint32_t prot, bool shared, handle_t *vmo)
{
    uint32_t rights = RIGHT_MAP | RIGHT_READ | RIGHT_EXECUTE;
    uint64_t size;
    bool coherent;
    if (S_ISDIR(file->attr.mode))
        return -ENODEV;
    bool writable = shared && file_writable(file);
    int result = need_vmo(file, PROT_R | PROT_X | (writable ? PROT_W : 0));
    if (result < 0)
        return result;
    if (result == 0) {
        if (writable) {
            rights |= RIGHT_WRITE;
            data_of(file)->modified = true;
            result = keep_node(file);
        }
        return result < 0 ? result
                          : file_errno(handle_duplicate(data_of(file)->inode->vmo, rights, vmo));
    }
    if (shared && (prot & PROT_W))
        return -ENODEV; /* the writes would not reach the file */
    return file_errno(fs_client_vmo(file->handle, PROT_R | PROT_X, vmo, &size, &coherent));
}

/* One directory entry into the guest's buffer; the bytes used, 0 if it does not fit, -EFAULT. */
static int put_entry(user_t at, uint32_t room, const struct fs_dirent *entry, bool wide)
{
    uint8_t record[sizeof(struct linux_dirent64) + FS_NAME_MAX + 16] __attribute__((aligned(8)));
    uint32_t header = wide ? sizeof(struct linux_dirent64) : sizeof(struct linux_dirent);
    uint32_t length = (header + entry->name_length + 2 + 7) & ~7u;
    if (length > room)
        return 0;
    memset(record, 0, sizeof record);
    if (wide) {
        struct linux_dirent64 *to = (void *)record;
        *to = (struct linux_dirent64){entry->ino, entry->cookie, (uint16_t)length, entry->type};
    } else {
        struct linux_dirent *to = (void *)record;
        *to =
            (struct linux_dirent){(uint32_t)entry->ino, (uint32_t)entry->cookie, (uint16_t)length};
        record[length - 1] = entry->type;
    }
    memcpy(record + header, entry->name, entry->name_length);
    return copy_out(at, record, length) < 0 ? -EFAULT : (int)length;
}

static int put_entries(struct file *file, const struct fs_listing *listing, bool wide,
                       user_t buffer, uint32_t size, uint32_t *used)
{
    const struct fs_dirent *entry;
    for (uint32_t at = 0; (entry = fs_listing_next(listing, &at, NULL));) {
        int put = put_entry(user_at(buffer, *used), size - *used, entry, wide);
        if (put <= 0)
            return put < 0 ? put : 1;
        *used += (uint32_t)put;
        file->offset = entry->cookie;
    }
    return 0;
}

/* What a listing tells is remembered for who may ask for it by name. */
static bool may_remember_entries(struct file *file)
{
    struct fs_attr attr;
    return namecache_wants_entries() && op_stat(file, &attr) == 0 && path_remembers(&attr);
}

static int op_read_directory(struct file *file, bool wide, user_t buffer, uint32_t size)
{
    struct node_data *data = data_of(file);
    struct fs_listing listing;
    uint32_t used = 0;
    if (!S_ISDIR(file->attr.mode))
        return -ENOTDIR;
    if (data->ended && file->offset == data->end &&
        namecache_unchanged(file->attr.ino, file->attr.device, data->ended_at))
        return 0;
    bool remember = may_remember_entries(file);
    data->ended = false;
    for (;;) {
        status_t status = fs_client_list(file->handle, file->offset, remember, &listing);
        if (status != OK)
            return used ? (int)used : file_errno(status);
        if (listing.length == 0)
            return (int)used;
        if (listing.attributes)
            path_remember_entries(file, &listing);
        int result = put_entries(file, &listing, wide, buffer, size, &used);
        if (result < 0)
            return result;
        if (result == 1)
            return used ? (int)used : -EINVAL;
        if (listing.last && listing.attributes) {
            data->end = file->offset;
            data->ended_at = listing.change;
            data->ended = true;
            return (int)used;
        }
    }
}

static int op_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    struct node_data *data = data_of(file);
    uint64_t before, after;
    if (!data->shared_position && !S_ISDIR(file->attr.mode)) {
        flush_modified(file);
        int error = node_own(file);
        if (error < 0)
            return error;
        status_t status =
            fs_client_position(file->handle, 0, (int64_t)file->offset, &before, &after);
        if (status != OK)
            return file_errno(status);
        data->shared_position = true;
    }
    fd->kind = FD_FILE;
    fd->flags = file->flags;
    handles[0] = handle_copy(file->handle);
    return handles[0] ? 0 : -EMFILE;
}

static void op_close(struct file *file)
{
    struct node_data *data = data_of(file);
    if (!data)
        return;
    flush_modified(file);
    if (data->bulk_view)
        ignore(space_unmap(HANDLE_SELF, (uintptr_t)data->bulk_view, BULK_SIZE));
    close_handle(data->bulk);
    close_handle(data->other_node);
    close_handle(data->vmo);
    if (data->inode) {
        server_lock();
        inode_put(data->inode);
        server_unlock();
    }
    release(data);
}

static const struct file_ops node_ops = {
    .name = "file",
    .read = node_read,
    .write = node_write,
    .seekable = true,
    .size = op_size,
    .seek = op_seek,
    .position = op_position,
    .stat = op_stat,
    .set_attr = op_set_attr,
    .read_directory = op_read_directory,
    .vmo = op_vmo,
    .sync = op_sync,
    .statfs = op_statfs,
    .export = op_export,
    .close = op_close,
};

bool file_is_node(const struct file *file)
{
    return file->ops == &node_ops;
}

int node_file(handle_t node, const struct fs_attr *attr, uint32_t flags, const char *path,
              struct file **result)
{
    struct file *file = file_new(&node_ops, flags);
    if (!file) {
        close_handle(node);
        return -ENOMEM;
    }
    file->handle = node;
    file->attr = *attr;
    file->data = allocate(sizeof(struct node_data));
    file->path = path ? text_copy(path) : NULL;
    if (!file->data || (path && !file->path)) {
        file_release(file);
        return -ENOMEM;
    }
    inode_learn(attr);
    *result = file;
    return 0;
}

int node_file_shared(handle_t node, uint32_t flags, struct file **result)
{
    struct fs_attr attr;
    status_t status = fs_client_stat(node, &attr);
    if (status != OK) {
        close_handle(node);
        return file_errno(status);
    }
    int error = node_file(node, &attr, flags, NULL, result);
    if (error == 0)
        data_of(*result)->shared_position = !S_ISDIR(attr.mode);
    return error;
}

static uint32_t reopen_flags(uint32_t flags)
{
    uint32_t result = flags & O_APPEND ? FS_O_APPEND : 0;
    if ((flags & O_ACCMODE) != O_WRONLY)
        result |= FS_O_READ;
    if ((flags & O_ACCMODE) != O_RDONLY)
        result |= FS_O_WRITE;
    return result | (flags & O_TRUNC ? FS_O_TRUNCATE : 0);
}

int node_reopen(struct file *file, uint32_t flags, struct file **result)
{
    handle_t node;
    struct fs_attr attr;
    flush_modified(file);
    status_t status = fs_client_reopen(file->handle, reopen_flags(flags), &node);
    if (status != OK)
        return file_errno(status);
    status = fs_client_stat(node, &attr);
    if (status != OK) {
        close_handle(node);
        return file_errno(status);
    }
    return node_file(node, &attr, flags, file->path, result);
}
