/* SPDX-License-Identifier: MIT */
/*
 * The object manager: reference-counted objects, handle tables, the name space.
 *
 * All of it is guarded by the server lock (lock.h). A pointer to an object is valid while the
 * holder has a reference; a handle is one reference and one count in handle_count.
 */
#ifndef NT_OBJECT_H
#define NT_OBJECT_H

#include <atomik/list.h>
#include <personalities/nt/text.h>

struct object;
struct security;
struct nt_process;
struct nt_thread;
struct restore;
struct save;
struct snap_note;

typedef NTSTATUS satisfy_function(struct object *object, struct nt_thread *thread);

/* In the order in which NtQueryObject lists them. */
enum nt_type_number {
    TYPE_DEVICE,
    TYPE_DIRECTORY,
    TYPE_SYMBOLIC_LINK,
    TYPE_TOKEN,
    TYPE_JOB,
    TYPE_PROCESS,
    TYPE_THREAD,
    TYPE_DEBUG_OBJECT,
    TYPE_EVENT,
    TYPE_MUTANT,
    TYPE_SEMAPHORE,
    TYPE_TIMER,
    TYPE_KEYED_EVENT,
    TYPE_IO_COMPLETION,
    TYPE_FILE,
    TYPE_SECTION,
    TYPE_KEY,
    TYPE_COUNT
};

struct nt_type {
    const WCHAR *name; /* as NtQueryObject reports it */
    enum nt_type_number number;
    GENERIC_MAPPING mapping;
    ACCESS_MASK more_access; /* that handles may have beyond what GENERIC_ALL means */
    /* Waitable types: is it signalled for this thread; then take what a satisfied wait takes. */
    bool (*signaled)(struct object *object, struct nt_thread *thread);
    satisfy_function *satisfy;                  /* 0 or STATUS_ABANDONED; NULL: nothing */
    void (*last_handle)(struct object *object); /* the last handle, of any process, is closed */
    void (*process_handle)(struct object *object,
                           struct nt_process *process); /* a process closed its handle */
    void (*destroy)(struct object *object);             /* frees the object too */
    /* Open what `rest` names below this object (devices); the lock is held. */
    NTSTATUS (*parse)(struct object *object, struct text rest, void *open, struct object **result);
    /*
     * Snapshots: add what the object is to its OBJECT note; make it again from one; and, when all of
     * the snapshot's are there, what it has to do with others. Without `restore` it cannot be in one.
     */
    void (*save)(struct object *object, struct save *save);
    NTSTATUS(*restore)
    (struct restore *restore, const struct snap_note *note, struct object **result);
    NTSTATUS(*connect)
    (struct restore *restore, const struct snap_note *note, struct object *object);
};

struct object {
    const struct nt_type *type;
    uint32_t references;
    uint32_t handle_count;
    struct list waiters;       /* struct wait_block.object_link */
    struct name *name;         /* in a directory, or NULL */
    struct security *security; /* that it was given, or NULL */
};

/* How many there are, and were at most. */
struct type_counts {
    const struct nt_type *type; /* NULL: there has never been one */
    uint32_t objects, objects_most, handles, handles_most;
};
extern struct type_counts type_counts[TYPE_COUNT];

void object_init(struct object *object, const struct nt_type *type);
void object_hold(struct object *object);
void object_release(struct object *object); /* NULL is allowed */

/* ---- handles ---- */

struct handle_entry {
    struct object *object; /* NULL: free */
    ACCESS_MASK access;
    uint8_t inherit, protect;
};
struct handle_table {
    struct handle_entry *entries;
    uint32_t size;  /* entries allocated */
    uint32_t first; /* no free entry below */
    uint32_t used;
};
#define HANDLES_MAX 65536u

/* access: generic bits are mapped. The handle takes a reference of its own. */
NTSTATUS handle_create(struct nt_process *process, struct object *object, ACCESS_MASK access,
                       uint32_t attributes, uint32_t *handle);
/* Give a handle that is there another access and attributes. */
void handle_change(struct handle_entry *entry, ACCESS_MASK access, uint32_t attributes);
/* The same at a given value (inheritance); false if it is taken. */
bool handle_put(struct nt_process *process, uint32_t handle, const struct handle_entry *entry);
struct handle_entry *handle_entry(struct nt_process *process, uint32_t handle);
NTSTATUS nt_handle_close(struct nt_process *process, uint32_t handle);
void handle_close_all(struct nt_process *process);
/* One handle, or something that counts as one, is gone; the reference stays. */
void object_drop_use(struct object *object);

/*
 * A held reference to what a handle or pseudo handle means. type NULL: any. access: all of these
 * bits must have been granted.
 */
NTSTATUS handle_object(struct nt_thread *thread, uint32_t handle, const struct nt_type *type,
                       ACCESS_MASK access, struct object **object);

/* ---- names ---- */

struct name {
    struct list link;         /* in the directory */
    struct object *directory; /* held */
    struct object *object;    /* not held: a name does not keep a temporary object */
    bool permanent;           /* then the name does hold it */
    uint32_t length;
    WCHAR chars[];
};

extern const struct nt_type directory_type, symlink_type;

void namespace_init(void);
/*
 * What a path leads to, from `root` (NULL: the root directory), following symbolic links.
 * - STATUS_SUCCESS: *object is held. *rest is empty, or what is left behind an object with `parse`.
 * - STATUS_OBJECT_NAME_NOT_FOUND with *directory (held): only the last component (*rest) is missing.
 * - STATUS_OBJECT_PATH_NOT_FOUND and others: an error.
 * *storage, if not NULL afterwards, holds the characters of *rest: the caller frees it.
 */
enum {
    LOOKUP_OPEN_LINK = 1,
    LOOKUP_EXACT = 2
}; /* of the last component: not what it links to; case */
NTSTATUS namespace_lookup(struct object *root, struct text path, uint32_t how,
                          struct object **object, struct object **directory, struct text *rest,
                          WCHAR **storage);
NTSTATUS namespace_insert(struct object *directory, struct text name, struct object *object,
                          bool permanent);
void namespace_remove(struct object *object); /* forget its name */
NTSTATUS directory_create(struct object **directory);
NTSTATUS symlink_create(struct text target, struct object **symlink);
/* Full path of a named object, malloc'ed; NULL if it has none. */
WCHAR *namespace_path(struct object *object, uint32_t *length);

/* The name of any object as NtQueryObject gives it, malloc'ed; NULL: none. */
WCHAR *object_full_name(struct object *object, uint32_t *length);

/* ---- object attributes ---- */

/* OBJECT_ATTRIBUTES read from the guest: root is held, name is a copy. */
struct attributes {
    struct object *root;
    WCHAR *storage;
    struct text name;
    uint32_t flags;
    uint32_t security_descriptor; /* guest address */
};
/* For a new object, which may be without attributes or name: the root is then not looked at. */
NTSTATUS attributes_read(struct nt_thread *thread, uint32_t guest, struct attributes *attributes);
/* For what is to be found: by a name, a root, or both. */
NTSTATUS attributes_read_open(struct nt_thread *thread, uint32_t guest,
                              struct attributes *attributes);
void attributes_free(struct attributes *attributes);

/*
 * Give a new object its name, or find the existing one, as the attributes say, and make a handle.
 * `created` is consumed. STATUS_OBJECT_NAME_EXISTS: the handle is to an older object (OBJ_OPENIF).
 */
NTSTATUS object_create_named(struct nt_thread *thread, uint32_t handle_guest, ACCESS_MASK access,
                             uint32_t attributes_guest, struct object *created);
NTSTATUS object_open_named(struct nt_thread *thread, uint32_t handle_guest, ACCESS_MASK access,
                           uint32_t attributes_guest, const struct nt_type *type);
/* Make a handle and store it at a guest address; consumes the reference. */
NTSTATUS object_return_handle(struct nt_thread *thread, uint32_t handle_guest,
                              struct object *object, ACCESS_MASK access, uint32_t attributes);

#endif
