/* SPDX-License-Identifier: MIT */
/*
 * File objects: disk files, directories, pipes, the null device and the console, all behind one
 * type, because NT programs hand them to the same calls.
 */
#ifndef NT_FILE_H
#define NT_FILE_H

#include <personalities/nt/file_view.h>
#include <personalities/nt/nt.h>
#include <protocols/init.h>

/* struct fs_attr.mode */
#define MODE_WRITABLE   0222u
#define MODE_EXECUTABLE 0111u

enum file_kind {
    FILE_DISK,
    FILE_DIRECTORY,
    FILE_PIPE,
    FILE_NULL,
    FILE_CONSOLE,
    FILE_VOLUME,
    FILE_PIPE_DEVICE,
    FILE_MOUNT_POINTS
};

struct console;
struct pipe_end;
struct directory_list;
struct directory_watch;

struct nt_file {
    struct object object;
    enum file_kind kind;
    ACCESS_MASK access;
    uint32_t share, options;
    WCHAR *nt_name; /* what ntfile_name gives, once it was asked for; of pipes from the beginning */
    char *unix_path; /* absolute; of disk files and directories that were opened by name */

    handle_t node;          /* disk, directory */
    handle_t other_node;    /* node before it was one of its own */
    struct fs_claim *claim; /* by which the node denies writing to other programs, or NULL */
    bool shared_node; /* other files may have the same node: its own position is not to be used */
    uint64_t ino;
    uint32_t device;
    struct list share_link; /* open disk files */
    uint64_t position;
    struct file_view view;
    bool shared_position; /* the node's own position counts: it is shared with other programs */
    bool append;
    bool delete_on_close; /* closing this object makes the deletion pending */
    bool delete_pending;  /* deleted when the last file object goes; the same in all of a file */
    bool read_only;       /* the file, by its mode */
    bool on_read_only;    /* its file system */

    /* pipes: streams of the kernel; either may be absent */
    handle_t read_end, write_end;
    struct pipe_end *pipe; /* of a named pipe, else NULL */
    bool pipe_closed;      /* it had one, which its last handle has closed */

    struct console *console; /* held */
    uint32_t console_role;   /* enum console_role */

    /* enumeration of a directory */
    struct directory_list *list; /* held, or NULL */
    uint32_t entry_next;
    WCHAR *mask;
    uint32_t mask_length;
    bool enumerating;
    struct directory_watch *watch; /* changes of a directory are told, or NULL */

    struct object *port; /* completion port, held */
    uint32_t port_key;
    uint32_t notification_modes; /* FILE_SKIP_* */
    bool signaled;
    struct list requests; /* struct io_request.file_link: what is under way */
    struct list locks;    /* byte ranges */
    struct list lock_watch_link;
    uint32_t lock_watch; /* see lock_watch.c; 0: none */
};

extern const struct nt_type file_type;

static inline struct nt_file *file_of(struct object *object)
{
    return container_of(object, struct nt_file, object);
}
struct nt_file *ntfile_new(enum file_kind kind, ACCESS_MASK access, uint32_t options);
static inline bool ntfile_synchronous(const struct nt_file *file)
{
    return (file->options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)) != 0;
}

/* Handles of wait_any for a file that is waited for (console input, pipes); false if it is no such file. */
bool file_kernel_wait(struct object *object, struct wait_item *item);

/* ---- opening ---- */

struct open_request {
    struct nt_thread *thread;
    struct nt_process *process;
    ACCESS_MASK access;
    uint32_t attributes, share, disposition, options;
    uint32_t information; /* out: FILE_OPENED and so on */
    bool attributes_only; /* NtQueryAttributesFile: fill `attr`, make no object */
    bool trailing_slash;
    struct fs_claim *claim; /* of the node that was opened, until a file has it */
    char **path_only;       /* give the Unix path back (malloc'ed) and do nothing */
    struct fs_attr attr;
};
static inline bool ntfile_is_directory(const struct fs_attr *attr)
{
    return (attr->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
}
/* Whether an access is one that changes the content. */
static inline bool access_writes(ACCESS_MASK access)
{
    return (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
}
/* The open disk files among which is that of a number, by share_link. */
struct list *ntfile_bucket(uint64_t ino);
/* parse of file objects: relative to an open directory, or below the console's object. */
NTSTATUS ntfile_parse(struct object *object, struct text rest, void *open, struct object **result);
/* The object that a path names, opened as the request says. */
NTSTATUS ntfile_open_path(struct object *root, struct text path, struct open_request *request,
                          struct object **file);
/* ---- for snapshots (snapshot/files.c) ---- */
void ntfile_save(struct object *object, struct save *save);
NTSTATUS ntfile_restore(struct restore *restore, const struct snap_note *note,
                        struct object **result);
NTSTATUS ntfile_connect(struct restore *restore, const struct snap_note *note,
                        struct object *object);
/* Open what an absolute Unix path (consumed) names; the volume that begins at one ("" or "/c"). */
NTSTATUS ntfile_open_disk(char *path, struct open_request *request, struct object **file);
NTSTATUS ntfile_new_volume(struct nt_process *process, const char *path, ACCESS_MASK access,
                           struct object **file);

/* Device objects of the name space. */
void devices_init(void);

/* The name as NtQueryObject gives it (malloc'ed, or NULL), and below the volume or device. */
WCHAR *ntfile_object_name(struct nt_file *file, uint32_t *length);
struct text ntfile_volume_name(struct nt_file *file);
/* \??\C:\..., of pipes \Device\NamedPipe\..., or NULL; the file's own. */
const WCHAR *ntfile_name(struct nt_file *file);

/* A standard stream or inherited descriptor as a file object; consumes the handles. */
NTSTATUS ntfile_from_descriptor(struct nt_process *process, const struct start_fd *fd, handle_t h0,
                                handle_t h1, struct object **file);
/* The other way, for a program of another personality; the handles are new. */
NTSTATUS ntfile_to_descriptor(struct nt_file *file, struct start_fd *fd, handle_t *h0,
                              handle_t *h1);

/* What an open disk file is like now. Asked of its name, which is remembered, while that leads to it. */
status_t ntfile_stat(struct nt_process *process, const struct nt_file *file, struct fs_attr *attr);
/* Is the file open, by whichever object? */
bool ntfile_is_open(const struct fs_attr *attr);
/* Mark all objects of the file for deletion, or not. */
void ntfile_set_pending(struct nt_file *file, bool pending);
/* It has another name now: in all its objects. */
void ntfile_renamed(struct nt_file *file, const char *path);

/* ---- names ---- */
/* An absolute Unix path as NT sees it, without \??\: C:\... below /c, else Z:\.... malloc'ed. */
WCHAR *path_to_nt(const char *unix_path, uint32_t *length);

/* ---- transfers: from and to server memory, blocking, the lock is given up ---- */
NTSTATUS ntfile_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                     uint64_t offset, uint32_t *done);
NTSTATUS ntfile_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                      uint32_t length, uint64_t offset, uint32_t *done);
#define OFFSET_CURRENT (UINT64_MAX - 1)
#define OFFSET_APPEND  UINT64_MAX

/* An operation on the file has ended: event, status block, APC or packet, the file's own state. */
struct io_call {
    uint32_t event, apc, apc_context, status_block;
};
NTSTATUS io_complete(struct nt_thread *thread, struct nt_file *file, const struct io_call *io,
                     NTSTATUS status, uint32_t information);
/* The same for disk files: at the end of the file too, and overlapped transfers "are pending". */
NTSTATUS io_complete_disk(struct nt_thread *thread, struct nt_file *file, const struct io_call *io,
                          NTSTATUS status, uint32_t information);
/* Before it: the event is reset. */
NTSTATUS io_begin(struct nt_thread *thread, struct nt_file *file, const struct io_call *io);

#define VOLUME_SERIAL 0x41544d4bu

/* ---- parts ---- */
/* The frame of the information calls: (file, *status block, buffer, length, class). */
NTSTATUS with_file(struct call *call, NTSTATUS (*act)(struct call *, struct nt_file *, uint32_t *));
/* file_locks.c: forget the locks of a process (NULL: of all) on a file. */
void locks_release(struct nt_file *file, struct nt_process *process);
/* FILE_LOCK_CONFLICT if a lock forbids the process this transfer of a disk file. */
NTSTATUS locks_check(struct nt_process *process, const struct nt_file *file, uint64_t offset,
                     uint32_t length, bool write);
/* Notes of a snapshot: those that its process has; and one of them set again. */
struct save;
struct snap_note;
/* A call of NtLockFile whose range is in these words, since its own place for that is gone. */
#define LOCK_AGAIN_RANGE 12u
NTSTATUS lock_file_again(struct call *call);
void locks_save(const struct nt_file *file, uint32_t id, struct save *save);
NTSTATUS locks_restore(struct nt_file *file, struct nt_process *process,
                       const struct snap_note *note);
void fill_basic(const struct fs_attr *attr, FILE_BASIC_INFORMATION *info);
/* Hidden, system, archive, ...; `attr` is what the file has now. */
NTSTATUS ntfile_set_dos(handle_t node, const struct fs_attr *attr, uint32_t attributes);
NTSTATUS path_status(struct nt_process *process, const char *path, status_t status);

NTSTATUS console_ioctl(struct nt_thread *thread, struct nt_file *file, uint32_t code,
                       const void *in, uint32_t in_length, void *out, uint32_t out_length,
                       uint32_t *information);
NTSTATUS pipe_control(struct call *call, struct nt_file *file, const struct io_call *io,
                      uint32_t *information);
void pipe_closed(struct nt_file *file);
NTSTATUS pipe_open(struct text name, struct open_request *request, struct object **file);

#endif
