/* SPDX-License-Identifier: MIT */
/*
 * Contents of files as memory that is the file (coherent), for file systems on lib/fs. A file that is
 * used gets a paged VMO: what is read of it comes from the file system when it is first needed, ahead of
 * who reads in order; what is written goes back by and by (FS_CONTENT_AGE), at fsync, and when much is
 * dirty or memory is short. The kernel takes back what is clean, so there is no limit to a file's size,
 * nor one to the number of files whose contents are remembered.
 *
 * An error of writing back is kept and told to the next fs_content_sync; the data stays and is tried
 * again, until its memory is needed: then it is given up, and the log says so.
 */
#ifndef FS_CONTENT_H
#define FS_CONTENT_H

#include <atomik/list.h>
#include <fs/fs.h>

#define FS_CONTENT_AGE (5 * NS_PER_S) /* between two times that everything is written back */

struct fs_content {
    handle_t vmo;     /* HANDLE_NONE: not used yet */
    uint64_t size;    /* of the file */
    uint64_t stored;  /* of what the file system has of it */
    uint32_t writers; /* open nodes that may write */
    status_t error;   /* of an attempt to write back that no fsync has been told of */
    uint32_t key;     /* among all */
    uint32_t next;    /* page: who reads in order asks for it next */
    uint32_t window;  /* pages that are read at once then */
    struct fs_content *previous_written, *next_written; /* that may be dirty */
    bool may_be_dirty;
    bool nameless;    /* an unlinked file: only written back when its memory is needed */
    bool is_idle;     /* nobody holds its node, but it is remembered (holders.c) */
    struct list idle; /* then */
};

/*
 * What a file system does for its contents. One that is only read has no more than `read`, `name` and
 * `forget`.
 */
struct fs_store {
    /* At most `length` bytes below `stored`; *done 0 is an error. */
    status_t (*read)(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                     uint32_t *done);
    /* Behind the last byte there are zeros up to the end of its page. */
    status_t (*write)(struct fs_content *content, uint64_t at, const void *from, uint32_t length,
                      uint32_t *done);
    status_t (*set_size)(struct fs_content *content, uint64_t size);
    /* Everything is stored; any: some data was. */
    status_t (*stored)(struct fs_content *content, bool any);
    /* For the log: what could not be written. */
    void (*name)(const struct fs_content *content, char *to, size_t size);
    /*
     * What `write` was given may be under way until then, out of the buffer, so that many small files are
     * one transfer: now all of it has arrived, or none of it is sure to have. NULL: nothing ever is.
     */
    status_t (*drain)(void);
    /* An idle content, and with it its node, is remembered no longer. */
    void (*forget)(struct fs_content *content);
    uint32_t idle_max; /* contents that are remembered though nobody holds them */
    uint8_t *buffer;   /* for transfers, page-aligned size */
    uint32_t buffer_size;
};

void fs_content_init(struct fs_server *server, const struct fs_store *store);
/* NOT_SUPPORTED: too large for a VMO. */
status_t fs_content_open(struct fs_content *content, uint64_t size);
void fs_content_close(struct fs_content *content); /* what is dirty is lost */
/* Before a VMO is given out for writing. */
void fs_content_begin_write(struct fs_content *content);
status_t fs_content_resize(struct fs_content *content, uint64_t size);
status_t fs_content_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                         uint32_t *done);
/* Within the size. */
status_t fs_content_write(struct fs_content *content, uint64_t at, const void *from,
                          uint32_t length);
/* Stored now; and the same with the error of an earlier attempt. */
status_t fs_content_flush(struct fs_content *content);
status_t fs_content_sync(struct fs_content *content);
status_t fs_contents_flush(void); /* all; the first error */

/* ---- holders.c ---- */
/* For ops->open and ops->close of a file: counts the open nodes that may write. */
status_t fs_content_opened(struct fs_content *content, uint32_t flags, bool read_only, void **data);
void fs_content_closed(struct fs_content *content, const void *data);
/* For ops->content, of an open content. */
status_t fs_content_give(struct fs_content *content, uint32_t prot, handle_t *vmo, uint64_t *size,
                         bool *coherent);
/* Somebody else has its VMO, or maps it: it must not be closed. */
bool fs_content_is_used(const struct fs_content *content);
/* Nobody holds its node any more. False: it is not remembered, the node ends now. */
bool fs_content_rest(struct fs_content *content);
/* Somebody does again. */
void fs_content_use(struct fs_content *content);
/* Forget what nobody uses: what has no name, and the oldest of too many. */
void fs_contents_trim(void);
uint32_t fs_memory_pages(void); /* of the machine */

#endif
