/* SPDX-License-Identifier: MIT */
/*
 * Open file descriptions and descriptor tables. A struct file is one open file description: it
 * has the flags and the offset, and its operations say what it is. Operations are called without
 * the server lock unless noted; the caller holds a reference.
 */
#ifndef POSIX_FILE_H
#define POSIX_FILE_H

#include <protocols/fs.h>
#include <protocols/init.h>

#include "core.h"

struct file;
struct process;
struct snapshot;

/* Where the bytes of a read go or those of a write come from: guest memory in pieces, or ours. */
struct io {
    uint32_t left, done;
    uint8_t *kernel;                  /* not NULL: our memory */
    const struct linux_iovec *vector; /* pieces; at is the position in the first of them */
    uint32_t at;
    struct linux_iovec single;
};
void io_single(struct io *io, user_t buffer, uint32_t length);
void io_vector(struct io *io, const struct linux_iovec *vector, uint32_t length);
void io_kernel(struct io *io, void *buffer, uint32_t length);
/* Copies an iovec array in; *vector is `small` or allocated. The sum of lengths, or -errno. */
int32_t io_copy_in_vector(user_t from, uint32_t count, struct linux_iovec *small,
                          uint32_t small_count, struct linux_iovec **vector);
int io_put(struct io *io, const void *data, uint32_t length); /* towards the reader; advances */
/* What there is of `length` bytes from *offset on, which moves; how many those are, or -EFAULT. */
int io_put_from(struct io *io, const char *data, uint32_t length, uint64_t *offset);
int io_take(struct io *io, void *data, uint32_t length); /* from the writer; advances */
int io_probe(struct io *io, uint32_t length);            /* -EFAULT if io_put would fail */
uint32_t io_contiguous(struct io *io,
                       uint32_t length);         /* bytes of the current piece, at most length */
void io_advance(struct io *io, uint32_t length); /* past what was copied otherwise */
void io_skip(struct io *io, uint32_t length);    /* past any number of pieces */
void io_undo(struct io *io,
             uint32_t length); /* the last io_take, of one piece, went further than was used */

/* What poll waits on: kernel objects, and what their signals mean. */
#define POLL_HANDLES 2
struct poll_signal {
    uint32_t which, signals,
        bits; /* any of these signals of handle `which` means these POLL* bits */
};
struct poll_source {
    handle_t handles[POLL_HANDLES]; /* stay the same as long as the file is open */
    struct poll_signal map[6];
    uint32_t map_count;
    bool poll_bits; /* handle 0 is an event that shows POLL* bits (ready.h) */
    bool maybe;     /* its signals only say that `ready` is worth asking again */
    uint32_t ready; /* POLL* bits that hold already */
};
void source_add(struct poll_source *source, uint32_t which, uint32_t signals, uint32_t bits);

struct file_ops {
    const char *name;
    /* Bytes done, 0 at the end, or -errno. offset: where; updated. NULL for things without one. */
    int (*read)(struct file *file, struct io *io, uint64_t *offset);
    int (*write)(struct file *file, struct io *io, uint64_t *offset);
    bool seekable;
    bool seek_ignored;                              /* not seekable, but lseek answers 0 */
    int (*size)(struct file *file, uint64_t *size); /* for SEEK_END */
    int (*seek)(struct file *file,
                uint64_t offset); /* told before the offset is changed by lseek */
    int (*position)(struct file *file, uint64_t *offset); /* where it is, if not at file->offset */
    int (*stat)(struct file *file, struct fs_attr *attr);
    int (*set_attr)(struct file *file, uint32_t mask, struct fs_attr *attr);
    int (*read_directory)(struct file *file, bool wide, user_t buffer, uint32_t size);
    int (*ioctl)(struct file *file, uint32_t request, user_t argument);
    void (*poll)(struct file *file, struct poll_source *source);
    void (*poll_locked)(struct file *file, struct poll_source *source); /* if it is `maybe` */
    /* A VMO for mmap with rights for prot; *owned: the caller closes it. */
    int (*vmo)(struct file *file, uint32_t prot, bool shared, handle_t *vmo);
    int (*sync)(struct file *file);
    int (*statfs)(struct file *file, struct fs_statistics *statistics);
    /* What another personality gets of it; handles are duplicates. -errno: cannot travel. */
    int (*export)(struct file *file, struct start_fd *fd, handle_t handles[2]);
    /* Adds to a snapshot's OBJECT note what its kind needs to be made again (snapshot/kinds.h). */
    void (*save)(struct file *file, struct snapshot *snapshot);
    void (*close)(struct file *file); /* the last reference is gone; frees data, not the file */
};

struct file {
    const struct file_ops *ops;
    uint32_t references;
    uint32_t flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, ... */
    uint64_t offset;
    char *path;          /* text as opened, absolute; NULL if it has none */
    struct fs_attr attr; /* as of open; kept for devices and generated files */
    handle_t handle, handle2;
    void *data;
    uint32_t word;            /* operations' own */
    bool has_lock;            /* by flock */
    struct list epoll_items;  /* watched by epoll instances */
    struct file_owner *owner; /* whom SIGIO goes to, or NULL (owner.c) */
};

extern uint32_t file_count; /* open now */
/* One reference; NULL when out of memory. */
struct file *file_new(const struct file_ops *ops, uint32_t flags);
static inline void file_hold(struct file *file)
{
    __atomic_add_fetch(&file->references, 1, __ATOMIC_RELAXED);
}
void file_release(struct file *file); /* without the lock */
static inline bool file_readable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY && !(file->flags & O_PATH);
}
static inline bool file_writable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY && !(file->flags & O_PATH);
}
int file_read_bytes(struct file *file, struct io *io); /* at its own offset */
int file_write_bytes(struct file *file, struct io *io);
void file_print(struct file *file, const char *text, uint32_t length);

/* ---- descriptor tables; shared by CLONE_FILES ---- */
struct fd_slot {
    struct file *file;
    bool close_on_exec;
};
#define FD_MAX 4096u /* descriptors of one process at most */
struct files {
    uint32_t references;
    uint32_t capacity, lowest; /* no free slot below lowest */
    struct fd_slot *slots;
};
struct files *files_new(void);
struct files *files_copy(struct files *files); /* lock held */
void files_release(struct files *files);       /* without the lock */
void files_close_on_exec(struct files *files);
int unshare_files(void); /* a table of the calling process alone */
/* Puts a file into the lowest free slot from `from` on; takes over the reference, also on failure. */
int fd_install(struct file *file, uint32_t from, bool close_on_exec);
int fd_install_at(struct files *files, uint32_t fd, struct file *file, bool close_on_exec);
/* The file of a descriptor with a reference, or NULL. */
struct file *fd_get(uint32_t fd);
struct file *fd_peek(struct process *process,
                     uint32_t fd); /* another process's; a reference; lock held */

int fd_close(uint32_t fd);
int fd_flag(uint32_t fd, int set);

/* ---- kinds of files ---- */
int stream_pair(uint32_t flags, uint32_t capacity, struct file *ends[2]);
struct file *stream_file(handle_t read_end, handle_t write_end, uint32_t flags);
bool file_is_pipe(const struct file *file);
bool file_is_socket(const struct file *file);
/* Raises SIGPIPE if that is what the result of a write means; the result. */
int32_t file_write_result(const struct file *file, int32_t result);
bool file_is_packet_socket(const struct file *file); /* writing to it raises no signal */
int stream_reopen(struct file *file, uint32_t flags, struct file **result);
int fifo_open(const struct fs_attr *attr, uint32_t flags, struct file **result);
/* The same without waiting for the other side; *fresh: nobody had it open. */
int fifo_open_again(const struct fs_attr *attr, uint32_t flags, struct file **result, bool *fresh);
bool file_is_fifo(const struct file *file);
/* Takes the node, also on failure. */
int node_file(handle_t node, const struct fs_attr *attr, uint32_t flags, const char *path,
              struct file **result);
/* The node is also another description's: it gets one of its own before its position or buffer is used. */
void node_shared(struct file *file);
/* Its attributes as of that change (namecache_now). */
void node_known(struct file *file, const struct fs_attr *attr, uint32_t change);
/* Its content, as it is open; takes the VMO. */
void node_give_vmo(struct file *file, handle_t vmo);
int node_own(struct file *file);
/* An open node whose position is the node's own, shared with other personalities. */
int node_file_shared(handle_t node, uint32_t flags, struct file **result);
status_t node_stat(handle_t node, struct fs_attr *attr);
/* COPY_BUFFER bytes for a while, not cleared; NULL when out of memory. */
#define COPY_BUFFER 32768u
uint8_t *copy_buffer_take(void);
void copy_buffer_give(uint8_t *buffer); /* NULL: nothing */

bool file_is_node(const struct file *file);
int node_reopen(struct file *file, uint32_t flags, struct file **result);
/* A file lost its last name: do not keep its pages. */
void inode_forget(const struct fs_attr *attr);
void inodes_forget_device(uint32_t device); /* of files that are not open */
void inode_learn(const struct fs_attr *attr);
/* An open file, opened again with its own flags (magic links of /proc). */
int file_reopen(struct file *file, uint32_t flags, struct file **result);
int device_open(uint32_t rdev, uint32_t flags, struct file **result);
int tty_open_index(uint32_t index, uint32_t flags, struct file **result);
int tty_file(handle_t terminal, handle_t event, uint32_t flags, struct file **result);
int file_stat_anonymous(struct file *file, struct fs_attr *attr);

#define ENTROPY_BITS 256u /* as /proc and the random devices tell it */

/* fd numbers of this server's own devices */
#define DEVICE(major, minor) (((major) << 8) | (minor))
enum device_number {
    DEVICE_NULL = DEVICE(1, 3),
    DEVICE_ZERO = DEVICE(1, 5),
    DEVICE_FULL = DEVICE(1, 7),
    DEVICE_RANDOM = DEVICE(1, 8),
    DEVICE_URANDOM = DEVICE(1, 9),
    DEVICE_KMSG = DEVICE(1, 11),
    DEVICE_TTY = DEVICE(5, 0),
    DEVICE_CONSOLE = DEVICE(5, 1),
    DEVICE_PTMX = DEVICE(5, 2),
    DEVICE_TTY0 = DEVICE(4, 0),
    DEVICE_TTYS0 = DEVICE(4, 64),
};

/* Attributes of a file that has them in memory alone: all of `mask` but the size, and the time of the change. */
void file_apply_attr(struct fs_attr *own, uint32_t mask, const struct fs_attr *attr);

#endif
