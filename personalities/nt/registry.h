/* SPDX-License-Identifier: MIT */
/*
 * The registry: a tree of keys in memory. Keys and values are kept in the order in which NT enumerates
 * them: by name, without case. A deleted key lives on, unreachable, until its last handle is closed.
 *
 * What is not volatile is written to files some seconds after it has changed, and read from them when
 * the server starts (registry_store.c).
 */
#ifndef NT_REGISTRY_H
#define NT_REGISTRY_H

#include <personalities/nt/nt.h>

struct value {
    struct value *next;
    WCHAR *name;
    uint32_t name_length, type, size;
    uint8_t *data;
};

struct key {
    struct key *parent, *children, *next; /* children in order */
    struct value *values;                 /* in order */
    WCHAR *name, *class;
    uint32_t name_length, class_length;
    uint64_t written;          /* FILETIME */
    uint32_t references;       /* open handles and the tree */
    uint32_t user_flags;       /* NtSetInformationKey */
    struct security *security; /* that it was given in this run of the server, or NULL */
    bool deleted, is_volatile, is_link;
    bool is_hive;        /* put there by NtLoadKey */
    struct list watches; /* struct watch.link (registry_notify.c) */
};

/* What a handle refers to. */
struct key_object {
    struct object object;
    struct key *key;
    bool notifies; /* NtNotifyChangeKey was called; then what the first call asked for: */
    bool subtree;
    uint32_t filter;
};

extern const struct nt_type key_type;
extern struct key registry_root;

static inline struct text key_name(const struct key *key)
{
    return (struct text){key->name, key->name_length};
}

/* ---- registry.c: the tree ---- */

/* \REGISTRY and the roots below it. */
void registry_init(void);
/* Full name of an open key, and of any key; malloc'ed. */
WCHAR *key_path(struct object *object, uint32_t *length);
WCHAR *key_full_name(const struct key *key, uint32_t *length);
struct key *key_find_child(const struct key *key, struct text name);
struct key *key_add_child(struct key *parent, struct text name);
/* The key at a path below `from`, made as needed; NULL without memory or if it is too deep. */
struct key *key_make_path(struct key *from, struct text path);
void key_remove(struct key *key); /* without children */
void key_remove_tree(struct key *key);
void key_release(struct key *key);
/* Give the key another name, in its place in the order. */
NTSTATUS key_rename(struct key *key, struct text name);
struct value *key_find_value(struct key *key, struct text name);
/* Consumes the data. */
NTSTATUS key_set_value(struct key *key, struct text name, uint32_t type, uint8_t *data,
                       uint32_t size);
bool key_delete_value(struct key *key, struct text name);
NTSTATUS key_object_new(struct key *key, struct object **result);

/*
 * What attributes name. OBJECT_NAME_NOT_FOUND: *key is the parent and *missing the last component, or
 * empty if more is missing. Symbolic links are followed, but not the last with open_link.
 * *storage is to be freed after *missing has been used.
 */
NTSTATUS key_walk(const struct attributes *attributes, bool open_link, struct key **key,
                  struct text *missing, WCHAR **storage);
/* The key of call argument 0; *object is held. */
NTSTATUS key_from(struct call *call, ACCESS_MASK access, struct object **object, struct key **key);

/* ---- registry_text.c ---- */

/* Add keys and values from text; paths are below `from`. Wrong lines are logged and skipped. */
void registry_read_text(struct key *from, const char *text, size_t length);
/* All of a key that is not volatile, as text; malloc'ed, NULL without memory. */
char *registry_write_text(const struct key *key, size_t *length);

/* ---- registry_hardware.c ---- */

/* Make \REGISTRY\Machine\HARDWARE, once. */
void registry_describe_hardware(void);

/* ---- registry_store.c ---- */

/* Read the hives; from now on changes are written. */
void registry_store_start(handle_t root);
/* Something that is not volatile has changed. */
void registry_store_changed(const struct key *key);
/* Write now. */
NTSTATUS registry_store_flush(void);

/* ---- registry_notify.c ---- */

/* The key has changed in one of these ways (REG_NOTIFY_CHANGE_*). */
void key_changed(struct key *key, uint32_t change);
/* The key or the handle to it goes. */
void key_watches_end(struct key *key, const struct object *object);

/* registry_notify.c: what the process of a snapshot waits for through this handle's object. */
struct save;
void key_watches_save(struct object *object, struct save *save);

#endif
