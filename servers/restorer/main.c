/* SPDX-License-Identifier: MIT */
/*
 * The memory of processes that were restored lazily. Each snapshot is a paged VMO here: what is first used of it
 * is read from the snapshot's content, compared with its digest, and supplied with what lies around it.
 *
 * A page that does not match its digest fails for whoever wants it: the process gets what an unreadable page of
 * a mapped file gets. The content of a file in memory is a clone that nobody changes; that of a file on a disk may
 * change, which is found here too.
 */
#include <stdlib.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <protocols/restorer.h>
#include <service/loop.h>
#include <snapshot/snapshot.h>

#define SOURCES_MAX   256u
#define WINDOW_PAGES  16u /* that come together, aligned */
#define WINDOW_BYTES  (WINDOW_PAGES * PAGE_SIZE)
#define MEMORY_RIGHTS (RIGHT_READ | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_DUPLICATE | RIGHT_TRANSFER)

struct source {
    handle_t content;
    handle_t memory; /* the paged VMO; HANDLE_NONE: the place is free */
    struct snapshot snapshot;
    struct snap_source reader;
    uint32_t *digests; /* of the pages of all loads, in their order */
};

static struct source sources[SOURCES_MAX]; /* by key */
static uint8_t window[WINDOW_BYTES];

/* ---- snapshots ----------------------------------------------------------------------------------- */

static status_t read_content(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(((const struct source *)context)->content, offset, to, length);
}

static void close_source(struct source *source)
{
    handle_drop(&source->memory);
    handle_drop(&source->content);
    snap_free(&source->snapshot);
    free(source->digests);
    source->digests = NULL;
}

/* The notes are the restoring server's to verify; wrong headers lead to pages that do not match their digests. */
static status_t read_source(struct source *source, uint64_t size)
{
    const char *problem;
    source->reader = (struct snap_source){.read = read_content, .context = source};
    status_t status = snap_read(&source->snapshot, &source->reader, size, &problem);
    return status == OK ? snap_page_digests(&source->snapshot, &source->digests) : status;
}

/* Takes the content. */
static status_t open_source(struct service *service, uint32_t key, handle_t content)
{
    struct source *source = &sources[key];
    struct vmo_info info;
    *source = (struct source){.content = content};
    status_t status = vmo_info(content, &info);
    uint64_t size = status == OK ? info.size_low | (uint64_t)info.size_high << 32 : 0;
    if (status == OK)
        status = read_source(source, size);
    if (status == OK)
        status = port_paged_vmo(service->port, key, size, &source->memory);
    if (status != OK)
        close_source(source);
    return status;
}

static status_t handle_open(struct service *service, struct message *message)
{
    handle_t content = service_take(message, 0), memory;
    uint32_t key = 0;
    while (key < SOURCES_MAX && sources[key].memory != HANDLE_NONE)
        key++;
    if (content == HANDLE_NONE || key == SOURCES_MAX) {
        handle_drop(&content);
        return key == SOURCES_MAX ? ERR_LIMIT_REACHED : ERR_INVALID_ARGUMENT;
    }
    status_t status = open_source(service, key, content);
    if (status == OK)
        status = handle_duplicate(sources[key].memory, MEMORY_RIGHTS, &memory);
    if (status != OK)
        return status; /* a source that nobody got is closed by the next tick */
    (void)service_reply(message, 0);
    service_handle(message, memory);
    return OK;
}

/* Those that nobody maps any more. */
static void close_unused(struct service *service)
{
    (void)service;
    for (uint32_t key = 0; key < SOURCES_MAX; key++) {
        struct handle_info info;
        if (sources[key].memory != HANDLE_NONE && handle_info(sources[key].memory, &info) == OK &&
            info.references == 1)
            close_source(&sources[key]);
    }
}

/* ---- pages --------------------------------------------------------------------------------------- */

/* The load that has a page of the file, and the digest of the load's first one; NULL: it is not memory. */
static const struct snap_load *load_of_page(const struct source *source, uint32_t index,
                                            const uint32_t **digests)
{
    const struct snapshot *snapshot = &source->snapshot;
    *digests = source->digests;
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        uint32_t first = (uint32_t)(load->bytes.offset / PAGE_SIZE);
        uint32_t pages = load->file_size / PAGE_SIZE;
        if (index >= first && index - first < pages)
            return load;
        *digests += pages;
    }
    return NULL;
}

/* Pages from `first` on, of which `digests` has the digests. */
static status_t supply(const struct source *source, uint32_t first, uint32_t count,
                       const uint32_t *digests)
{
    status_t status =
        vmo_read(source->content, (uint64_t)first * PAGE_SIZE, window, count * PAGE_SIZE);
    for (uint32_t i = 0; i < count && status == OK; i++)
        if (snap_page_digest(window + i * PAGE_SIZE) != digests[i])
            status = ERR_IO_ERROR;
    return status == OK
               ? vmo_supply(source->memory, (uint64_t)first * PAGE_SIZE, window, count * PAGE_SIZE)
               : status;
}

/* The window around a page or, if not all of that is good, the page alone; what it was goes into *first, *count. */
static status_t supply_around(const struct source *source, uint32_t index, uint32_t *first,
                              uint32_t *count)
{
    const uint32_t *digests;
    const struct snap_load *load = load_of_page(source, index, &digests);
    *first = index;
    *count = 1;
    if (load == NULL)
        return ERR_IO_ERROR;
    uint32_t base = (uint32_t)(load->bytes.offset / PAGE_SIZE);
    uint32_t end = base + load->file_size / PAGE_SIZE;
    uint32_t start = index & ~(WINDOW_PAGES - 1), stop = start + WINDOW_PAGES;
    start = start > base ? start : base;
    stop = stop < end ? stop : end;
    if (supply(source, start, stop - start, digests + (start - base)) == OK) {
        *first = start;
        *count = stop - start;
        return OK;
    }
    return supply(source, index, 1, digests + (index - base));
}

static void want_page(struct service *service, uint32_t key, const struct page_notice *notice)
{
    uint32_t first, count;
    (void)service;
    if (key >= SOURCES_MAX || sources[key].memory == HANDLE_NONE ||
        notice->wants != PAGE_WANT_CONTENT)
        return;
    status_t status = supply_around(&sources[key], notice->index, &first, &count);
    if (status == ERR_IO_ERROR)
        log_printf("a page of a snapshot is not as it was written: page %u of its file",
                   (unsigned)notice->index);
    if (vmo_answer(sources[key].memory, first, count, (uint32_t)status) != OK)
        log_printf("pages cannot be answered for");
}

int main(void)
{
    static const struct service_entry entries[] = {
        {LABEL_restorer_open, handle_open},
        {0, NULL},
    };
    /* A user's memory may be paged by the user, who need not answer: personalities bring files. */
    static const uint32_t for_system[] = {LABEL_restorer_open, 0};
    struct service service = {.port = startup_handle(STARTUP_SERVICE),
                              .entries = entries,
                              .for_system = for_system,
                              .page = want_page,
                              .tick = close_unused,
                              .period = NS_PER_S};
    service_run(&service);
}
