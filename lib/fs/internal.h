/* SPDX-License-Identifier: MIT */
/* What the files of lib/fs share. */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include <fs/fs.h>

struct fs_store;

#define FS_PATH_LIMIT 4096
#define MAY_READ      4u
#define MAY_WRITE     2u
#define MAY_EXECUTE   1u

/* ---- access.c ---- */
/*
 * A program that acts for a user (see struct privileges) is that user and in the group of the same
 * number, whatever it says. For others: who opened the node.
 */
struct fs_who fs_who_calls(const struct message *message, const struct fs_open *open);
status_t fs_attributes(struct fs_node *node, struct fs_attr *attr);
bool fs_in_group(const struct fs_who *who, uint32_t gid);
/* ACCESS_DENIED unless `who` may do all of `want` (MAY_*). */
status_t fs_access(struct fs_node *node, const struct fs_who *who, uint32_t want);
/* May this user remove or rename `child` (NULL: only add entries) in `directory`? */
status_t fs_may_change(struct fs_node *directory, struct fs_node *child, const struct fs_who *who);
status_t fs_check_setattr(const struct fs_open *open, const struct fs_who *who, uint32_t mask,
                          const struct fs_attr *wanted);

/* ---- walk.c ---- */
/*
 * The result of a path walk. FS_WALK_DONE: `node` is what the path names (NULL: the last component
 * does not exist, and the walk was asked to accept that); if the path has a last component that was
 * not `.` or `..`, `directory` and name are where it stands. Otherwise path is what is left and,
 * for FS_WALK_MOUNT, `next` the directory to go on from (owned).
 */
struct walk {
    uint32_t outcome; /* enum fs_walk */
    uint32_t links;
    struct fs_node *node, *directory; /* referenced */
    const char *name;                 /* in path, or found */
    size_t name_length;
    bool trailing_slash;
    handle_t next;
    uint32_t place_count; /* FS_PLACES_MAX + 1: too many */
    uint16_t places[FS_PLACES_MAX];
    bool own_place; /* the last one is that of `node` alone */
    char *rest;     /* in path */
    size_t rest_length;
    char path[FS_PATH_LIMIT];
    char found[FS_NAME_MAX]; /* the last component as it is written in its directory */
};
enum walk_flags {
    WALK_NOFOLLOW = 1, /* a symbolic link as the last component is the result */
    WALK_NEW = 2,      /* the last component need not exist */
    WALK_COVERED = 4,  /* the last component's mount is not crossed */
    WALK_NOCASE = 8,
};
/* With any error nothing is held. walk_end drops what a successful walk holds. */
status_t walk_path(struct fs_server *server, struct fs_node *start,
                   const struct fs_path_request *request, const struct fs_who *who,
                   const char *path, uint32_t flags, struct walk *walk);
void walk_end(struct walk *walk);

/* ---- path.c ---- */
status_t fs_handle_path(struct service *service, struct message *message);

/* ---- server.c ---- */
/* The open node and the request of a call; an error if either is missing. */
status_t fs_begin(struct service *service, struct message *message, uint32_t size,
                  struct fs_open **open);
/* Of a user who may; others are told. */
status_t fs_set_attributes(struct fs_node *node, uint32_t mask, const struct fs_attr *attr);

/* ---- data.c ---- */
service_handler fs_handle_read, fs_handle_write, fs_handle_buffer, fs_handle_vmo,
    fs_handle_position, fs_handle_modified, fs_handle_sync;
/* What somebody without power writes does not run with another's power: the bits for that go. */
void fs_drop_set_id(const struct message *message, const struct fs_open *open);

/* ---- listing.c ---- */
service_handler fs_handle_readdir, fs_handle_name_of;

/* ---- open.c ---- */
struct fs_open *fs_open_of(struct fs_server *server, uint32_t badge); /* NULL: no such badge */
/* The open node that a handle of a message names, if it is one of this server's; else NULL. */
struct fs_open *fs_open_of_handle(struct fs_server *server, handle_t handle);
/* Make an open node and a handle for it. */
status_t fs_open_new(struct fs_server *server, struct fs_node *node, uint32_t flags,
                     const struct fs_who *who, handle_t *handle);
void fs_open_end(struct fs_server *server, uint32_t badge);
status_t fs_open_buffer(struct fs_open *open, handle_t vmo, uint32_t size);

/* ---- share.c ---- */
/* TEXT_BUSY if who has it open does not let it be opened so, or would have to be denied it. */
status_t fs_share_check(struct fs_node *node, uint32_t flags);
/* One more open node of that file, or one less. */
void fs_share_begin(struct fs_node *node, uint32_t flags);
void fs_share_end(struct fs_node *node, uint32_t flags);
/* From now on the open node denies only while its claim is in use. With OK the VMO is taken. */
status_t fs_share_claim(struct fs_open *open, handle_t vmo, uint32_t at);

/* ---- changes.c: what clients may remember, see struct fs_changes ---- */
status_t fs_changes_init(struct fs_server *server);
/* Attributes, entries or cover of the node have changed; NULL: nothing. Before the answer. */
void fs_changed(struct fs_node *node);
/* Attributes of all nodes have. */
void fs_changed_all(struct fs_server *server);
/* The walk has looked at this node. */
void fs_passed(struct walk *walk, const struct fs_node *node);
/* The same of its end. */
void fs_passed_last(struct walk *walk);
void fs_tell_places(struct fs_server *server, const struct walk *walk, struct fs_path_reply *reply);
status_t fs_handle_changes(struct service *service, struct message *message);

/* ---- xattr.c ---- */
status_t fs_handle_xattr(struct service *service, struct message *message);

/* ---- mount.c ---- */
service_handler fs_handle_mount, fs_handle_unmount, fs_handle_set_parent, fs_handle_finish;
bool fs_is_read_only(const struct fs_server *server);
status_t fs_handle_remount(struct service *service, struct message *message);

/* ---- folded.c: names without case, for file systems that do not look them up so themselves ---- */
/* The name that is there; NOT_FOUND. found: FS_NAME_MAX bytes. */
status_t fs_folded_find(struct fs_node *directory, const char *name, size_t length, char *found,
                        size_t *found_length);
void fs_folded_added(struct fs_node *directory, const char *name, size_t length);
void fs_folded_removed(struct fs_node *directory, const char *name, size_t length);
void fs_folded_forget(const struct fs_node *directory); /* it is gone: its number may come again */

/* ---- names.c: what look-ups have found ---- */
status_t fs_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                   struct fs_node **child);
/* child NULL: there is no such name. */
void fs_name_set(struct fs_node *directory, const char *name, size_t length, struct fs_node *child);
void fs_name_drop(struct fs_node *directory, const char *name, size_t length);
void fs_names_drop_all(struct fs_node *directory); /* it is gone */

/* ---- content.c ---- */
const struct fs_store *fs_content_store(void);

/* ---- dos.c ---- */
void fs_dos_get(struct fs_node *node, struct fs_attr *attr); /* into attr->dos */
status_t fs_dos_set(struct fs_node *node, uint32_t bits);

/* ---- locks.c ---- */
status_t fs_handle_lock(struct service *service, struct message *message);
void fs_locks_cancel(struct fs_server *server, uint32_t token);
/* The open node is gone, and so are the locks set through it. */
void fs_locks_closed(struct fs_server *server, struct fs_node *node, uint32_t badge);
void fs_locks_free(struct fs_node *node);

/* ---- events.c ---- */
status_t fs_handle_watch(struct service *service, struct message *message);
/* To who watches the node itself. */
void fs_event(struct fs_node *node, uint32_t events);
/* To who watches the directory, about an entry. */
void fs_event_entry(struct fs_node *directory, const char *name, size_t length, uint32_t events,
                    uint32_t cookie);
/* To both: who watches the node, and who watches a directory that has it. */
void fs_event_content(struct fs_node *node, uint32_t events);
void fs_event_gone(struct fs_node *node); /* its last name is gone; its watches end */

static inline struct fs_server *fs_server_of(struct service *service)
{
    return service->context;
}

#endif
