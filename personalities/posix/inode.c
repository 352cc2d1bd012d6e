/* SPDX-License-Identifier: MIT */
/*
 * Inodes: found by the file's number and generation, kept for a while after the last description is closed. An
 * inode's size is a cache of its VMO's: data below it may be copied at once; whoever meets the end asks the
 * VMO again, since another personality may have changed it. Only the file system changes the size.
 */
#include "inode.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/namecache.h>

#include "file.h"
#include "mm.h"
#include "path.h"
#include "server.h"

#define INODE_BUCKETS  128
#define IDLE_MAX       48           /* inodes kept without an open file */
#define IDLE_PAGES_MAX 4096u        /* and the pages of their views at most */
#define VIEW_SLACK     (256u << 10) /* mapped beyond the end, for files that grow */

static struct list inodes[INODE_BUCKETS];
static struct list idle = LIST_INIT(idle);
static uint32_t idle_count, idle_pages;

static struct list *inode_bucket(uint64_t ino, uint32_t device)
{
    struct list *bucket = &inodes[((uint32_t)ino * 31 + device) % INODE_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static struct inode *inode_find(const struct fs_attr *attr)
{
    list_each(inode, inode_bucket(attr->ino, attr->device), struct inode, link)
    {
        if (inode->ino == attr->ino && inode->device == attr->device &&
            inode->generation == attr->generation)
            return inode;
    }
    return NULL;
}

void inode_drop_view(struct inode *inode)
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
    inode_drop_view(inode);
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
    server_lock();
    list_each(inode, &idle, struct inode, idle_link) node_unless_mapped(inode);
    server_unlock();
}

struct inode *inode_get(const struct fs_attr *attr)
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
    list_each(inode, &idle, struct inode, idle_link)
    {
        node_unless_mapped(inode);
        if (!inode->node)
            return inode;
    }
    return NULL;
}

void inode_put(struct inode *inode)
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

void inode_refresh(struct inode *inode)
{
    struct vmo_info info;
    if (vmo_info(inode->vmo, &info) != OK)
        return;
    inode->size = info.size_low | (uint64_t)info.size_high << 32;
    inode->vmo_id = info.id;
    inode->paged = info.paged;
}

bool inode_reaches(struct inode *inode, uint64_t size)
{
    inode_refresh(inode);
    if (inode->size >= size)
        return true;
    inode->size = size;
    inode->incoherent = true;
    if (!inode->pins) {
        inode_drop_view(inode);
        close_handle(inode->vmo);
        inode->vmo = HANDLE_NONE;
    }
    return false;
}

uint8_t *inode_view(struct inode *inode, uint64_t offset, uint32_t *length)
{
    if (!inode->view || offset < inode->view_start ||
        offset >= inode->view_start + inode->view_length) {
        if (inode->pins)
            return NULL;
        inode_drop_view(inode);
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
