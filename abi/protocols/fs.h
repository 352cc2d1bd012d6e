/* SPDX-License-Identifier: MIT */
/* Structures and constants of the file system protocol (fs.def). */
#ifndef ATOMIK_PROTOCOLS_FS_H
#define ATOMIK_PROTOCOLS_FS_H

#include <protocols/message.h>

enum fs_op {
    FS_OP_OPEN = 1, /* flags: enum fs_open_flags; mode for FS_O_CREATE */
    FS_OP_STAT,     /* attributes; FS_O_NOFOLLOW = lstat */
    FS_OP_MKDIR,
    FS_OP_MKNOD, /* mode with type bits, rdev: FIFOs, devices, sockets, regular files */
    FS_OP_SYMLINK,
    FS_OP_READLINK, /* reply tail: the target */
    FS_OP_UNLINK,
    FS_OP_RMDIR,
    FS_OP_LINK,
    FS_OP_RENAME, /* flags: FS_RENAME_* */
    /*
     * extra: struct fs_path_setattr; attributes; FS_O_NOFOLLOW. BAD_STATE: the file is not what the client
     * has assumed when it checked that its user may.
     */
    FS_OP_SETATTR,
};

enum fs_open_flags {
    FS_O_READ = 1u << 0,
    FS_O_WRITE = 1u << 1,
    FS_O_CREATE = 1u << 2,
    FS_O_EXCLUSIVE = 1u << 3,
    FS_O_TRUNCATE = 1u << 4,
    FS_O_APPEND = 1u << 5,
    FS_O_DIRECTORY = 1u << 6, /* NOT_DIRECTORY otherwise */
    FS_O_NOFOLLOW = 1u << 7,  /* SYMLINK_LOOP on open of a symbolic link, unless FS_O_NODE */
    FS_O_NODE = 1u << 8,      /* name the node only (O_PATH): no data, any type */
    FS_O_VMO = 1u << 9,       /* also return the content VMO of a regular file */
    FS_O_NOCASE = 1u << 10,   /* compare names without case (NT); exact match first */
    FS_O_COVERED = 1u << 11,  /* do not cross a mount point at the last component */
    FS_O_ABSENT = 1u << 12,   /* OPEN, STAT: answer FS_WALK_ABSENT instead of NOT_FOUND */
    /*
     * OPEN of a regular file: TEXT_BUSY while it is open for writing; then it is for others while this is
     * open, or while its claim is in use (struct fs_claim).
     */
    FS_O_DENY_WRITE = 1u << 15,
    FS_O_SAME = 1u << 13, /* fs_reopen: with the flags that this node has, not checked again */
    /* A new file without a name in this directory; LINK may give it one, unless FS_O_EXCLUSIVE. */
    FS_O_UNNAMED = 1u << 14,
};
/* Of fs_path_request.who, besides uid and gid: what else there is to say about who asks. */
enum fs_who_bits {
    FS_WHO_GROUPS = 0xffff,    /* supplementary groups, 4 bytes each, at the end of the tail */
    FS_WHO_POWER = 1u << 16,   /* may do everything, whatever its uid */
    FS_WHO_NO_POWER = 1u << 17 /* may not, although its uid is 0 */
};
enum fs_xattr_op { FS_XATTR_GET = 1, FS_XATTR_SET, FS_XATTR_LIST, FS_XATTR_REMOVE };
enum fs_xattr_flags { FS_XATTR_CREATE = 1, FS_XATTR_REPLACE = 2 };
#define FS_XATTR_MAX 65536
enum fs_lock_op {
    FS_LOCK_TEST,
    FS_LOCK_TRY,      /* BUSY if another owner's lock is in the way */
    FS_LOCK_WAIT,     /* DEADLOCK if its owner waits for this one; within one file system */
    FS_LOCK_DROP_ALL, /* of this owner and kind on this node */
    FS_LOCK_NEXT, /* answers the owner's first lock of this kind that begins at `start` or behind */
};
enum fs_lock_type { FS_LOCK_NONE, FS_LOCK_SHARED, FS_LOCK_EXCLUSIVE };
/*
 * fcntl's, flock's, and those of a personality that keeps its own locks apart itself, each with an owner
 * of its own. RECORD and RANGE meet, but not two of RANGE of one personality; FILE meets neither.
 */
enum fs_lock_kind { FS_LOCK_RECORD, FS_LOCK_FILE, FS_LOCK_RANGE };
enum fs_rename_flags { FS_RENAME_NOREPLACE = 1, FS_RENAME_EXCHANGE = 2 };
enum fs_walk {
    FS_WALK_DONE,
    FS_WALK_MOUNT,
    FS_WALK_ABSOLUTE,
    FS_WALK_ABSENT /* NOT_FOUND, said as a reply with `places`; only with FS_O_ABSENT */
};
#define FS_LINKS_MAX   40
#define FS_NAME_MAX    255
#define FS_INLINE_MAX  960
#define FS_LISTING_MAX 16384u
#define FS_POSITION    UINT64_MAX
#define FS_APPEND      (UINT64_MAX - 1)

/* Bits of fs_attr.mode: the type and others, as Linux has them (inode(7)). */
#define FS_TYPE_MASK           0170000u
#define FS_TYPE_SOCKET         0140000u
#define FS_TYPE_LINK           0120000u
#define FS_TYPE_FILE           0100000u
#define FS_TYPE_BLOCK          0060000u
#define FS_TYPE_DIRECTORY      0040000u
#define FS_TYPE_CHARACTER      0020000u
#define FS_TYPE_FIFO           0010000u
#define FS_MODE_SETUID         04000u
#define FS_MODE_SETGID         02000u
#define FS_MODE_GROUP_EXECUTES 00010u
#define FS_MODE_STICKY         01000u

/*
 * Names that clients may remember. A server that is the only one to change its files gives out a
 * page of words (fs_changes), counts its changes in `now`, and stores the count in the word of each
 * node whose attributes, entries or cover it changes, before it answers. A reply to fs_path tells the
 * count and the words of all nodes that the walk passed: it would be the same again as long as none
 * of these words is later than that count. When the count is about to wrap the server ends this for
 * good by clearing `valid`.
 */
#define FS_CHANGES_SIZE  4096u
#define FS_CHANGES_WORDS (FS_CHANGES_SIZE / 4 - 2)
#define FS_PLACES_MAX    14
struct fs_changes {
    uint32_t valid, now;
    uint32_t last[FS_CHANGES_WORDS]; /* of node ino: at fs_changes_place(ino) */
};
static inline uint32_t fs_changes_place(uint64_t ino)
{
    return (uint32_t)ino % FS_CHANGES_WORDS;
}
/* Whether a node is as it was when `now` was `since`. */
static inline bool fs_unchanged(const volatile struct fs_changes *changes, uint64_t ino,
                                uint32_t since)
{
    return changes->valid && changes->last[fs_changes_place(ino)] <= since;
}

/*
 * Denying others to write without messages. An OPEN with FS_O_DENY_WRITE may bring a VMO of the client's as
 * h0, which has one of these at `rdev`. The client counts in `uses` for how many of its users the node denies;
 * it may do so at any time, and looks at `withdrawn` afterwards: unless that is 0, the count did not
 * come in time, and has to be taken back. The server, when somebody wants to write, sets `withdrawn` and then
 * looks at `uses`: if that is 0, the node denies no more and never again; else `withdrawn` becomes 0
 * again, and the answer is TEXT_BUSY. So of two at the same moment one at least sees the other.
 */
struct fs_claim {
    uint32_t uses, withdrawn;
};

/* What a client has assumed of the file; without the size, which needs a file that is open for writing. */
enum fs_assumption {
    FS_ASSUME_OWNER = 1,     /* fs_path_request.uid owns it */
    FS_ASSUME_NO_SET_ID = 2, /* its mode has no set-id bits, or it is a directory or a link */
};

/* Times: ns since 1970. */
struct fs_attr {
    uint64_t ino, size, blocks; /* blocks of 512 bytes */
    uint64_t atime, mtime, ctime;
    uint32_t mode, nlink, uid, gid, rdev;
    uint32_t device; /* the file system's own number, unique while the machine is up */
    /* Changes when a number is used again, or the file system has forgotten what it knew: VMOs of
     * another generation are another file's. */
    uint32_t generation;
    uint32_t mount; /* enum fs_mount_flags of its file system */
    uint32_t dos;   /* FS_DOS_*; only for who asks with FS_O_NOCASE, or has opened so */
    uint32_t reserved;
    uint64_t btime; /* when it was made; 0: the file system does not say */
};
/* What holds for a whole mounted file system; numbers as statfs(2) has them. */
enum fs_mount_flags {
    FS_MOUNT_READ_ONLY = 1, /* kept by the file server; the others are its clients' to keep */
    FS_MOUNT_NO_SUID = 2,
    FS_MOUNT_NO_DEVICES = 4,
    FS_MOUNT_NO_EXECUTE = 8,
    FS_MOUNT_SYNC = 0x10,
    FS_MOUNT_NO_ATIME = 0x400,
    FS_MOUNT_NO_DIRECTORY_ATIME = 0x800,
    FS_MOUNT_RELATIVE_ATIME = 0x1000,
    FS_MOUNT_ALL = 0x1c1f,
};
/* NT's FILE_ATTRIBUTE_*: hidden, system, archive, temporary, offline, not indexed. Without FS_DOS_KNOWN: none are kept. */
#define FS_DOS_KNOWN 0x80000000u
#define FS_DOS_MASK  0x3126u
enum fs_attr_mask {
    FS_ATTR_MODE = 1,
    FS_ATTR_UID = 2,
    FS_ATTR_GID = 4,
    FS_ATTR_SIZE = 8,
    FS_ATTR_ATIME = 16,
    FS_ATTR_MTIME = 32,
    FS_ATTR_ATIME_NOW = 64,
    FS_ATTR_MTIME_NOW = 128,
    FS_ATTR_SPACE =
        512, /* with SIZE: what the file grows by will be written, so there must be room */
    FS_ATTR_DOS = 1024,    /* NOT_SUPPORTED: there is no place for them */
    FS_ATTR_BTIME = 2048,  /* has no effect where none is kept */
    FS_ATTR_CHECKED = 256, /* the client has checked that its user may (not the size) */
};

/* What FS_OP_SETATTR has behind the path. */
struct fs_path_setattr {
    uint32_t mask, assumptions; /* enum fs_attr_mask, enum fs_assumption */
    struct fs_attr attr;
};

struct fs_statistics {
    uint32_t type; /* magic number as of statfs(2) */
    uint32_t block_size;
    uint64_t blocks, blocks_free, files, files_free;
    uint32_t name_max, device, read_only;
    uint32_t mount; /* enum fs_mount_flags */
};

struct fs_dirent {
    uint64_t ino, cookie;   /* cookie: pass it to go on after this entry */
    uint16_t record_length; /* multiple of 8 */
    uint8_t type;           /* DT_* of Linux */
    uint8_t name_length;
    char name[]; /* not terminated */
};
/* "." or "..". */
static inline bool fs_is_dots(const char *name, size_t length)
{
    return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

/* What an entry is like: the last bytes of a record, if attributes were asked for. All zero: that is not told. */
struct fs_dirent_attr {
    uint64_t size, blocks, atime, mtime, ctime, btime;
    uint32_t mode, nlink, uid, gid, rdev, generation;
};

/* Bits and layout of Linux's inotify. */
enum fs_event_mask {
    FS_EVENT_MODIFY = 0x2,
    FS_EVENT_ATTRIBUTES = 0x4,
    FS_EVENT_MOVED_FROM = 0x40,
    FS_EVENT_MOVED_TO = 0x80,
    FS_EVENT_CREATE = 0x100,
    FS_EVENT_DELETE = 0x200,
    FS_EVENT_DELETE_SELF = 0x400,
    FS_EVENT_MOVE_SELF = 0x800,
    FS_EVENT_OVERFLOW = 0x4000, /* id UINT32_MAX: events were lost */
    FS_EVENT_IGNORED = 0x8000,  /* the watch has ended */
    FS_EVENT_LOCKS = 0x10000,   /* locks were dropped or changed; not one of inotify's */
    FS_EVENT_DIRECTORY = 0x40000000,
};
#define FS_EVENT_ONCE 0x80000000u /* in a mask: the first event ends the watch */
struct fs_event {
    uint32_t id, events;
    uint32_t cookie;      /* the same in the two halves of a move */
    uint32_t name_length; /* with terminating and padding NULs; a multiple of 16 */
    char name[];
};

#define PROTOCOL <protocols/fs.def>
#include <protocols/expand.def>

#endif
