/* SPDX-License-Identifier: MIT */
/*
 * 9P2000.L over virtio; see p9.h. A request is built in `request`, the reply read from `reply`;
 * both are physically contiguous. A reader over the reply turns false at its end and stays so;
 * what a short reply lacks reads as zero and the call fails with IO_ERROR.
 */
#include "p9.h"

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <dma/dma.h>
#include <string.h>
#include <virtio/virtio.h>

enum p9_type {
    TLERROR = 6,
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TATTACH = 104,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120,
};
#define HEADER        7u
#define LOOKS         1000 /* at the reply before waiting for it: most are there within microseconds */
#define OVERHEAD      64u
#define NO_FID        0xffffffffu
#define NO_ID         0xffffffffu /* user or group: leave it as it is */
#define NO_TAG        0xffffu
#define AT_REMOVEDIR  0x200
#define GETATTR_BASIC 0x7ff
#define NS            1000000000ull

static struct virtio_device device;
static struct virtio_queue queue;
static handle_t completion; /* an event: the device has interrupted */
static struct dma_memory request, reply;
static uint32_t request_length, reply_length, reply_at;
static bool reply_short;

/* ---- building and reading ---------------------------------------------------------------------- */

static void put(const void *bytes, uint32_t count)
{
    if (count > request.length - request_length)
        process_fail("9p request too long", ERR_TOO_LARGE);
    memcpy(request.data + request_length, bytes, count);
    request_length += count;
}

static void put8(uint8_t value)
{
    put(&value, 1);
}
static void put16(uint16_t value)
{
    put(&value, 2);
}
static void put32(uint32_t value)
{
    put(&value, 4);
}
static void put64(uint64_t value)
{
    put(&value, 8);
}

static void put_string(const char *text, uint32_t length)
{
    put16((uint16_t)length);
    put(text, length);
}

static void get(void *bytes, uint32_t count)
{
    memset(bytes, 0, count);
    if (count > reply_length - reply_at) {
        reply_short = true;
        return;
    }
    memcpy(bytes, reply.data + reply_at, count);
    reply_at += count;
}

static uint8_t get8(void)
{
    uint8_t value;
    get(&value, 1);
    return value;
}
static uint16_t get16(void)
{
    uint16_t value;
    get(&value, 2);
    return value;
}
static uint32_t get32(void)
{
    uint32_t value;
    get(&value, 4);
    return value;
}
static uint64_t get64(void)
{
    uint64_t value;
    get(&value, 8);
    return value;
}

static void get_qid(struct p9_qid *qid)
{
    qid->type = get8();
    qid->version = get32();
    qid->path = get64();
}

static uint64_t get_time(void)
{
    uint64_t seconds = get64();
    return seconds * NS + get64();
}

static void begin(uint8_t type)
{
    request_length = 4;
    put8(type);
    put16(type == TVERSION ? NO_TAG : 1);
}

static status_t status_of_errno(uint32_t number)
{
    static const struct {
        uint32_t number;
        status_t status;
    } table[] = {
        /* The first row with an errno gives the status that best names it. */
        {2, ERR_NOT_FOUND},
        {17, ERR_ALREADY_EXISTS},
        {13, ERR_ACCESS_DENIED},
        {1, ERR_NOT_PERMITTED},
        {20, ERR_NOT_DIRECTORY},
        {21, ERR_IS_DIRECTORY},
        {39, ERR_NOT_EMPTY},
        {22, ERR_INVALID_ARGUMENT},
        {28, ERR_NO_SPACE},
        {30, ERR_READ_ONLY},
        {31, ERR_TOO_MANY_LINKS},
        {18, ERR_CROSS_DEVICE},
        {40, ERR_SYMLINK_LOOP},
        {36, ERR_NAME_TOO_LONG},
        {27, ERR_FILE_TOO_LARGE},
        {26, ERR_TEXT_BUSY},
        {16, ERR_BUSY},
        {95, ERR_NOT_SUPPORTED},
        {38, ERR_NOT_IMPLEMENTED},
        {12, ERR_NO_MEMORY},
        {24, ERR_NO_HANDLES},
        {29, ERR_ILLEGAL_SEEK},
        {61, ERR_NO_ATTRIBUTE},
        {34, ERR_OUT_OF_RANGE},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].number == number)
            return table[i].status;
    return ERR_IO_ERROR;
}

/*
 * The line may be shared with other devices, so their interrupts must be acknowledged while nothing
 * is asked of ours: that is the only thing this thread does.
 */
static void interrupt_thread(void *unused)
{
    struct wait_item item = {.handle = device.irq, .wanted = SIGNAL_IRQ};
    (void)unused;
    for (;;) {
        status_t status = wait_any(&item, 1, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("9p interrupt", status);
        virtio_acknowledge(&device);
        if (event_signal(completion, 0, SIGNAL_SET) != OK)
            process_fail("9p interrupt", ERR_BAD_HANDLE);
    }
}

static void wait_for_device(void)
{
    struct wait_item item = {.handle = completion, .wanted = SIGNAL_SET};
    status_t status = wait_any(&item, 1, DEADLINE_NEVER);
    if (status == OK || status == ERR_INTERRUPTED)
        status = event_signal(completion, SIGNAL_SET, 0);
    if (status != OK)
        process_fail("9p wait", status);
}

/* Until the reply is there; its length. Many come at once: the device is looked at before waiting. */
static uint32_t await_reply(void)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < LOOKS; i++)
        if (virtio_take(&queue, &length) != NULL)
            return length;
    virtio_interrupts(&queue, true);
    while (virtio_take(&queue, &length) == NULL)
        wait_for_device();
    virtio_interrupts(&queue, false);
    return length;
}

/* Sends the request and leaves the reply's body to the readers. */
static status_t transact(void)
{
    struct virtio_buffer buffers[2] = {{request.physical, request_length},
                                       {reply.physical, reply.length}};
    uint8_t type = request.data[4];
    memcpy(request.data, &request_length, 4);
    status_t status = virtio_submit(&queue, buffers, 1, 1, &queue);
    if (status != OK)
        return status;
    virtio_kick(&queue);
    uint32_t length = await_reply();
    reply_length = length < reply.length ? length : reply.length;
    reply_at = 0;
    reply_short = false;
    uint32_t size = get32();
    uint8_t answer = get8();
    (void)get16();
    if (reply_short || size < HEADER || size > reply_length)
        return ERR_IO_ERROR;
    reply_length = size;
    if (answer == TLERROR + 1)
        return status_of_errno(get32());
    return answer == type + 1 ? OK : ERR_IO_ERROR;
}

static status_t finish(void)
{
    return reply_short ? ERR_IO_ERROR : OK;
}

/* ---- connecting ----------------------------------------------------------------------------------- */

static bool tag_is(const char *tag)
{
    uint16_t length = virtio_config16(&device, 0);
    if (length != strlen(tag))
        return false;
    for (uint16_t i = 0; i < length; i++)
        if (virtio_config8(&device, (uint16_t)(2 + i)) != (uint8_t)tag[i])
            return false;
    return true;
}

static status_t find_device(const char *tag)
{
    for (uint32_t nth = 0; nth < 8; nth++) {
        status_t status = virtio_find(VIRTIO_9P, nth, &device);
        if (status != OK)
            return status;
        if (tag_is(tag)) /* others may be in use by another server: they are not touched */
            return virtio_begin(&device, 1);
    }
    return ERR_NO_DEVICE;
}

/* As nobody in particular: what is created belongs to the host's user who runs the machine. */
static status_t attach(void)
{
    struct p9_qid qid;
    begin(TVERSION);
    put32(P9_DATA_MAX + OVERHEAD);
    put_string("9P2000.L", 8);
    status_t status = transact();
    if (status != OK)
        return status;
    if (get32() < P9_DATA_MAX + OVERHEAD)
        return ERR_NOT_SUPPORTED;
    begin(TATTACH);
    put32(P9_ROOT_FID);
    put32(NO_FID);
    put_string("root", 4);
    put_string("", 0);
    put32(NO_ID);
    status = transact();
    if (status == OK)
        get_qid(&qid);
    return status == OK ? finish() : status;
}

status_t p9_connect(const char *tag)
{
    status_t status = find_device(tag);
    if (status == OK)
        status = virtio_queue_open(&device, 0, &queue);
    if (status == OK)
        status = dma_alloc(P9_DATA_MAX + OVERHEAD, &request);
    if (status == OK)
        status = dma_alloc(P9_DATA_MAX + OVERHEAD, &reply);
    if (status != OK)
        return status;
    status = event_create(0, &completion);
    if (status == OK)
        status = thread_spawn(interrupt_thread, NULL, 0, NULL);
    if (status != OK)
        return status;
    dma_reset_done();
    virtio_start(&device);
    virtio_interrupts(&queue, false);
    return attach();
}

/* ---- the requests ------------------------------------------------------------------------------------ */

status_t p9_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                 struct p9_qid *qid)
{
    begin(TWALK);
    put32(fid);
    put32(newfid);
    put16(1);
    put_string(name, length);
    status_t status = transact();
    if (status != OK)
        return status;
    if (get16() != 1)
        return ERR_NOT_FOUND;
    get_qid(qid);
    return finish();
}

status_t p9_clone(uint32_t fid, uint32_t newfid)
{
    begin(TWALK);
    put32(fid);
    put32(newfid);
    put16(0);
    return transact();
}

status_t p9_clunk_status(uint32_t fid)
{
    begin(TCLUNK);
    put32(fid);
    return transact();
}

void p9_clunk(uint32_t fid)
{
    if (p9_clunk_status(fid) != OK)
        return; /* the fid is gone on the host either way */
}

status_t p9_xattr_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                       uint64_t *size)
{
    begin(TXATTRWALK);
    put32(fid);
    put32(newfid);
    put_string(name, length);
    status_t status = transact();
    if (status != OK)
        return status;
    *size = get64();
    return finish();
}

status_t p9_xattr_create(uint32_t fid, const char *name, uint32_t length, uint32_t size,
                         uint32_t flags)
{
    begin(TXATTRCREATE);
    put32(fid);
    put_string(name, length);
    put64(size);
    put32(flags);
    return transact();
}

status_t p9_getattr(uint32_t fid, struct fs_attr *attr, struct p9_qid *qid)
{
    begin(TGETATTR);
    put32(fid);
    put64(GETATTR_BASIC);
    status_t status = transact();
    if (status != OK)
        return status;
    (void)get64();
    get_qid(qid);
    *attr = (struct fs_attr){.ino = qid->path};
    attr->mode = get32();
    attr->uid = get32();
    attr->gid = get32();
    attr->nlink = (uint32_t)get64();
    attr->rdev = (uint32_t)get64();
    attr->size = get64();
    (void)get64();
    attr->blocks = get64();
    attr->atime = get_time();
    attr->mtime = get_time();
    attr->ctime = get_time();
    return finish();
}

/* Bits of Tsetattr's valid field. */
enum {
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 16,
    SET_MTIME = 32,
    SET_ATIME_GIVEN = 128,
    SET_MTIME_GIVEN = 256
};

static uint32_t setattr_bits(uint32_t mask)
{
    uint32_t bits = mask & (SET_MODE | SET_UID | SET_GID | SET_SIZE);
    if (mask & FS_ATTR_ATIME)
        bits |= SET_ATIME | SET_ATIME_GIVEN;
    if (mask & FS_ATTR_MTIME)
        bits |= SET_MTIME | SET_MTIME_GIVEN;
    if (mask & FS_ATTR_ATIME_NOW)
        bits |= SET_ATIME;
    if (mask & FS_ATTR_MTIME_NOW)
        bits |= SET_MTIME;
    return bits;
}

status_t p9_setattr(uint32_t fid, uint32_t mask, const struct fs_attr *attr)
{
    begin(TSETATTR);
    put32(fid);
    put32(setattr_bits(mask));
    put32(attr->mode & 07777);
    put32(attr->uid);
    put32(attr->gid);
    put64(attr->size);
    put64(attr->atime / NS);
    put64(attr->atime % NS);
    put64(attr->mtime / NS);
    put64(attr->mtime % NS);
    return transact();
}

status_t p9_open(uint32_t fid, uint32_t linux_flags)
{
    begin(TLOPEN);
    put32(fid);
    put32(linux_flags);
    return transact();
}

status_t p9_create(uint32_t fid, const char *name, uint32_t length, uint32_t linux_flags,
                   uint32_t mode)
{
    begin(TLCREATE);
    put32(fid);
    put_string(name, length);
    put32(linux_flags);
    put32(mode);
    put32(NO_ID);
    return transact();
}

status_t p9_read(uint32_t fid, uint64_t offset, void *buffer, uint32_t length, uint32_t *done)
{
    begin(TREAD);
    put32(fid);
    put64(offset);
    put32(length < P9_DATA_MAX ? length : P9_DATA_MAX);
    status_t status = transact();
    if (status != OK)
        return status;
    uint32_t count = get32();
    if (count > length || count > reply_length - reply_at)
        return ERR_IO_ERROR;
    memcpy(buffer, reply.data + reply_at, count);
    *done = count;
    return finish();
}

status_t p9_write(uint32_t fid, uint64_t offset, const void *buffer, uint32_t length,
                  uint32_t *done)
{
    if (length > P9_DATA_MAX)
        length = P9_DATA_MAX;
    begin(TWRITE);
    put32(fid);
    put64(offset);
    put32(length);
    put(buffer, length);
    status_t status = transact();
    if (status != OK)
        return status;
    *done = get32();
    return *done <= length ? finish() : ERR_IO_ERROR;
}

status_t p9_mkdir(uint32_t fid, const char *name, uint32_t length, uint32_t mode)
{
    begin(TMKDIR);
    put32(fid);
    put_string(name, length);
    put32(mode);
    put32(NO_ID);
    return transact();
}

status_t p9_symlink(uint32_t fid, const char *name, uint32_t length, const char *target,
                    uint32_t target_length)
{
    begin(TSYMLINK);
    put32(fid);
    put_string(name, length);
    put_string(target, target_length);
    put32(NO_ID);
    return transact();
}

status_t p9_readlink(uint32_t fid, char *target, uint32_t size, uint32_t *length)
{
    begin(TREADLINK);
    put32(fid);
    status_t status = transact();
    if (status != OK)
        return status;
    uint32_t count = get16();
    if (count > size)
        return ERR_NAME_TOO_LONG;
    get(target, count);
    *length = count;
    return finish();
}

status_t p9_link(uint32_t directory, uint32_t fid, const char *name, uint32_t length)
{
    begin(TLINK);
    put32(directory);
    put32(fid);
    put_string(name, length);
    return transact();
}

status_t p9_unlink(uint32_t directory, const char *name, uint32_t length, bool is_directory)
{
    begin(TUNLINKAT);
    put32(directory);
    put_string(name, length);
    put32(is_directory ? AT_REMOVEDIR : 0);
    return transact();
}

status_t p9_rename(uint32_t from, const char *name, uint32_t length, uint32_t to,
                   const char *new_name, uint32_t new_length)
{
    begin(TRENAMEAT);
    put32(from);
    put_string(name, length);
    put32(to);
    put_string(new_name, new_length);
    return transact();
}

status_t p9_fsync(uint32_t fid, bool data_only)
{
    begin(TFSYNC);
    put32(fid);
    put32(data_only);
    return transact();
}

status_t p9_statfs(uint32_t fid, struct fs_statistics *statistics)
{
    begin(TSTATFS);
    put32(fid);
    status_t status = transact();
    if (status != OK)
        return status;
    statistics->type = get32();
    statistics->block_size = get32();
    statistics->blocks = get64();
    statistics->blocks_free = get64();
    (void)get64();
    statistics->files = get64();
    statistics->files_free = get64();
    (void)get64();
    statistics->name_max = get32();
    return finish();
}

status_t p9_readdir(uint32_t fid, uint64_t cookie, uint8_t *buffer, uint32_t length, uint32_t *done)
{
    begin(TREADDIR);
    put32(fid);
    put64(cookie);
    put32(length < P9_DATA_MAX ? length : P9_DATA_MAX);
    status_t status = transact();
    if (status != OK)
        return status;
    uint32_t count = get32();
    if (count > length)
        return ERR_IO_ERROR;
    get(buffer, count);
    *done = count;
    return finish();
}

bool p9_next_entry(const uint8_t **at, const uint8_t *end, struct p9_entry *entry)
{
    enum { FIXED = 13 + 8 + 1 + 2 };
    const uint8_t *p = *at;
    uint16_t length;
    if ((uint32_t)(end - p) < FIXED)
        return false;
    entry->qid.type = p[0];
    memcpy(&entry->qid.version, p + 1, 4);
    memcpy(&entry->qid.path, p + 5, 8);
    memcpy(&entry->cookie, p + 13, 8);
    entry->type = p[21];
    memcpy(&length, p + 22, 2);
    if (length > (uint32_t)(end - p) - FIXED)
        return false;
    entry->name = (const char *)p + FIXED;
    entry->name_length = length;
    *at = p + FIXED + length;
    return true;
}
