/* SPDX-License-Identifier: MIT */
/* Paged memory objects; see pager.h. */
#include <kernel/ipc.h>
#include <kernel/pager.h>
#include <kernel/space.h>
#include <kernel/thread.h>

#define DIRTY_PART    8u /* of memory: more is never dirty in the objects of one port */
#define RECLAIM_BATCH 256u

/* A thread that waits for a page, on its own stack. */
struct page_wait {
    struct list link;
    struct thread *thread;
    uint32_t index, wants;
    bool told; /* the pager has the notice */
    bool over; /* answered; the thread has not run since */
};

static struct list clock = {&clock, &clock}; /* struct pager.clock_link; the hand is at the first */
static uint32_t clock_index;                 /* and at this page of it */

static struct pager *pager_at(struct list *clock_link)
{
    return list_entry(clock_link, struct pager, clock_link);
}

/* ---- what is missing ------------------------------------------------------------------------------ */

static status_t need(struct vmo *vmo, uint32_t index, uint32_t wants)
{
    if (vmo->pager->gone)
        return ERR_PEER_CLOSED;
    current->page_need = (struct page_need){.vmo = vmo, .index = index, .wants = wants};
    return ERR_SHOULD_WAIT;
}

status_t pager_need_page(struct vmo *vmo, uint32_t index)
{
    return need(vmo, index, PAGE_WANT_CONTENT);
}

status_t pager_begin_write(struct vmo *vmo, uint32_t index, const struct page *page)
{
    const struct pager *pager = vmo->pager;
    if (pager->gone)
        return ERR_PEER_CLOSED;
    if ((page != NULL && (page->flags & PAGE_DIRTY)) ||
        pager->group->dirty < frame_total() / DIRTY_PART)
        return OK;
    return need(vmo, index, PAGE_WANT_CLEAN);
}

status_t pager_no_memory(struct vmo *vmo, uint32_t index)
{
    return vmo->pager->group->dirty > 0 ? need(vmo, index, PAGE_WANT_CLEAN) : ERR_NO_MEMORY;
}

static void count_dirty(struct pager *pager, int32_t change)
{
    pager->dirty += (uint32_t)change;
    pager->group->dirty += (uint32_t)change;
}

void pager_note_write(struct vmo *vmo, uint32_t index, struct page *page, uint32_t old_flags)
{
    struct pager *pager = vmo->pager;
    if (pager->dirty == 0 || index < pager->dirty_first)
        pager->dirty_first = index;
    if (pager->dirty == 0 || index >= pager->dirty_end)
        pager->dirty_end = index + 1;
    if (!(old_flags & (PAGE_DIRTY | PAGE_BUSY)))
        count_dirty(pager, 1);
    page->flags = old_flags | PAGE_DIRTY | PAGE_USED;
}

void pager_forget(struct vmo *vmo, uint32_t first, uint32_t count)
{
    uint32_t end = count > PAGEMAP_LIMIT - first ? PAGEMAP_LIMIT : first + count;
    struct pager *pager = vmo->pager;
    if (pager == NULL)
        return;
    for (uint32_t i = first; pager->dirty > 0 && (i = pagemap_next(&vmo->pages, i, end)) < end;
         i++) {
        const struct page *page = pagemap_get(&vmo->pages, i);
        if (page != NULL && (page->flags & (PAGE_DIRTY | PAGE_BUSY)))
            count_dirty(pager, -1);
    }
}

/* ---- waiting -------------------------------------------------------------------------------------- */

static status_t wait_for(struct pager *pager, const struct page_need *what, bool interruptible)
{
    struct page_wait wait = {.thread = current, .index = what->index, .wants = what->wants};
    bool clean = what->wants == PAGE_WANT_CLEAN;
    list_append(&pager->waits, &wait.link);
    pager->group->clean_waits += clean;
    port_notify(pager->port, &pager->item);
    status_t status = thread_block(DEADLINE_NEVER, interruptible);
    pager->group->clean_waits -= clean;
    list_remove(&wait.link);
    return status;
}

status_t pager_wait(bool interruptible)
{
    struct page_need what = current->page_need;
    current->page_need.vmo = NULL;
    if (what.vmo == NULL)
        return ERR_BAD_ADDRESS;
    if (what.vmo->pager->gone)
        return ERR_PEER_CLOSED;
    if (what.vmo->object.owner == current->process)
        return ERR_SHOULD_WAIT;
    object_hold(&what.vmo->object);
    status_t status = wait_for(what.vmo->pager, &what, interruptible);
    object_release(&what.vmo->object);
    if (status == ERR_INTERRUPTED)
        thread_kick_thread(current);
    return status;
}

/* Ends the waits for pages of the range, or (PAGE_WANT_CLEAN) all of that kind. */
static void end_waits(struct pager *pager, uint32_t wants, uint32_t first, uint32_t count,
                      status_t status)
{
    struct list *item;
    list_for_each (item, &pager->waits) {
        struct page_wait *wait = list_entry(item, struct page_wait, link);
        if (wait->over || wait->wants != wants ||
            (wants == PAGE_WANT_CONTENT && (wait->index < first || wait->index - first >= count)))
            continue;
        wait->told = wait->over = true;
        thread_wake(wait->thread, status);
    }
}

bool pager_has_notice(const struct port_item *at)
{
    const struct pager *pager = list_entry(at, const struct pager, item);
    const struct list *item;
    list_for_each (item, &pager->waits)
        if (!list_entry(item, const struct page_wait, link)->told)
            return true;
    return false;
}

bool pager_notice(struct port_item *at, uint32_t *key, struct page_notice *notice)
{
    struct pager *pager = list_entry(at, struct pager, item);
    struct list *item;
    bool found = false;
    list_for_each (item, &pager->waits) {
        struct page_wait *wait = list_entry(item, struct page_wait, link);
        if (!wait->told && !found)
            *notice = (struct page_notice){.index = wait->index, .wants = wait->wants};
        found |= !wait->told;
        wait->told |= wait->index == notice->index && wait->wants == notice->wants;
    }
    *key = pager->key;
    return found;
}

void pager_group_gone(struct pager_group *group)
{
    struct list *item;
    list_for_each (item, &group->pagers) {
        struct pager *pager = list_entry(item, struct pager, group_link);
        pager->gone = true;
        vmo_hide(pager->vmo, 0, PAGEMAP_LIMIT); /* nothing is written any more */
        end_waits(pager, PAGE_WANT_CONTENT, 0, PAGEMAP_LIMIT, ERR_PEER_CLOSED);
        end_waits(pager, PAGE_WANT_CLEAN, 0, 0, ERR_PEER_CLOSED);
    }
}

/* ---- objects -------------------------------------------------------------------------------------- */

status_t pager_new_vmo(struct object *port, uint32_t key, uint64_t size, struct process *charge,
                       struct vmo **result)
{
    struct vmo *vmo;
    struct pager *pager = heap_alloc(sizeof *pager);
    if (pager == NULL)
        return ERR_NO_MEMORY;
    status_t status = vmo_new(VMO_CONTENT, size, charge, &vmo);
    if (status != OK) {
        heap_free(pager);
        return status;
    }
    object_hold(port);
    *pager = (struct pager){
        .vmo = vmo, .port = port, .group = port_pagers(port), .key = key, .backed = pages_of(size)};
    list_init(&pager->waits);
    list_init(&pager->item.link);
    list_append(&pager->group->pagers, &pager->group_link);
    list_append(&clock, &pager->clock_link);
    vmo->pager = pager;
    *result = vmo;
    return OK;
}

void pager_destroy(struct vmo *vmo)
{
    struct pager *pager = vmo->pager;
    if (pager == NULL)
        return;
    pager_forget(vmo, 0, PAGEMAP_LIMIT);
    if (list_first(&clock) == &pager->clock_link)
        clock_index = 0;
    list_remove(&pager->clock_link);
    list_remove(&pager->group_link);
    port_unnotify(pager->port, &pager->item);
    object_release(pager->port);
    heap_free(pager);
    vmo->pager = NULL;
}

/* ---- the pager's side ------------------------------------------------------------------------------ */

status_t pager_supply(struct vmo *vmo, uint32_t index, user_t from, uint32_t length)
{
    char piece[512];
    if (pagemap_get(&vmo->pages, index) != NULL)
        return OK;
    struct page *page = frame_alloc(FRAME_FOR_FILE);
    if (page == NULL)
        return ERR_NO_MEMORY;
    char *view = arch_map_temporary(frame_address(page));
    status_t status = OK;
    for (uint32_t at = 0; status == OK && at < PAGE_SIZE; at += sizeof piece) {
        uint32_t count = at >= length                 ? 0
                         : length - at < sizeof piece ? length - at
                                                      : (uint32_t)sizeof piece;
        status = count ? user_read(piece, (user_t){from.address + at}, count) : OK;
        __builtin_memset(piece + count, 0, sizeof piece - count);
        __builtin_memcpy(view + at, piece, sizeof piece);
    }
    arch_unmap_temporary(view);
    if (status == OK) {
        vmo_hide(vmo, index, 1); /* where a zero page was shown */
        status = pagemap_set(&vmo->pages, index, page, &vmo->object);
    }
    if (status != OK)
        frame_release(page);
    return status;
}

void pager_answer(struct vmo *vmo, uint32_t first, uint32_t count, status_t status)
{
    end_waits(vmo->pager, PAGE_WANT_CONTENT, first, count, status);
}

bool pager_take(struct vmo *vmo, uint32_t index)
{
    struct page *page = pagemap_get(&vmo->pages, index);
    if (page == NULL || !(page->flags & PAGE_DIRTY))
        return false;
    page->flags = (page->flags & ~(uint32_t)PAGE_DIRTY) | PAGE_BUSY;
    vmo_write_protect(vmo, index, 1);
    return true;
}

static void page_written(struct pager *pager, struct page *page, bool done)
{
    if (!(page->flags & PAGE_BUSY))
        return;
    page->flags &= ~(uint32_t)PAGE_BUSY;
    if (!done)
        page->flags |= PAGE_DIRTY; /* its entries say read-only: whoever writes faults once more */
    else if (!(page->flags & PAGE_DIRTY))
        count_dirty(pager, -1);
}

void pager_written(struct vmo *vmo, uint32_t first, uint32_t count, bool done)
{
    struct pager *pager = vmo->pager;
    uint32_t end = first + count;
    for (uint32_t i = first; (i = pagemap_next(&vmo->pages, i, end)) < end; i++) {
        struct page *page = pagemap_get(&vmo->pages, i);
        if (page == NULL)
            continue;
        page_written(pager, page, done);
        if (done && i >= pager->backed)
            pager->backed = i + 1; /* what was zero before is the pager's to supply now */
    }
    if (pager->group->clean_waits == 0)
        return;
    struct list *item;
    list_for_each (item, &pager->group->pagers)
        end_waits(list_entry(item, struct pager, group_link), PAGE_WANT_CLEAN, 0, 0, OK);
}

/* ---- reclaim --------------------------------------------------------------------------------------- */

/* Who waits for a page finds it when he runs, however short memory is: else he would wait for ever. */
static bool is_awaited(const struct pager *pager, uint32_t index)
{
    const struct list *item;
    list_for_each (item, &pager->waits)
        if (list_entry(item, const struct page_wait, link)->index == index)
            return true;
    return false;
}

/* One look of the clock at a page: taken back if nobody has used it since the last. */
static bool try_page(struct pager *pager, uint32_t index)
{
    struct page *page = pagemap_get(&pager->vmo->pages, index);
    if (page == NULL || page->references > 1 || (page->flags & (PAGE_DIRTY | PAGE_BUSY)) ||
        pager->gone || is_awaited(pager, index))
        return false;
    vmo_hide(pager->vmo, index, 1);
    if (page->flags & PAGE_USED) {
        page->flags &= ~(uint32_t)PAGE_USED;
        return false;
    }
    pagemap_take_out(&pager->vmo->pages, index, &pager->vmo->object);
    return true;
}

uint32_t pager_reclaim(uint32_t count)
{
    uint32_t taken = 0, rounds = 0;
    struct list *last = clock.previous;
    while (taken < count && !list_empty(&clock) && rounds < 3) {
        struct list *at = list_first(&clock);
        struct pager *pager = pager_at(at);
        uint32_t end = pager->vmo->pages.chunk_count * PAGEMAP_CHUNK;
        while (taken < count &&
               (clock_index = pagemap_next(&pager->vmo->pages, clock_index, end)) < end)
            taken += try_page(pager, clock_index++);
        if (clock_index < end)
            break;
        clock_index = 0;
        list_remove(at);
        list_append(&clock, at);
        rounds += at == last;
    }
    return taken;
}

void pager_relieve(void)
{
    if (frame_is_short(RECLAIM_BATCH))
        (void)pager_reclaim(RECLAIM_BATCH);
}
