/* SPDX-License-Identifier: MIT */
/* Kernel objects: reference counting, signals, waiting; handles and their tables. */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <atomik/objects.h>
#include <kernel/list.h>

struct object;
struct process;

struct object_ops {
    const char *name;
    /* Last reference is gone: release everything and free the memory. */
    void (*destroy)(struct object *object);
    /* The last handle is gone (references may remain). May be NULL. */
    void (*last_handle)(struct object *object);
};

struct object {
    const struct object_ops *ops;
    enum object_type type;
    uint32_t id;
    uint32_t references;   /* handles and kernel pointers */
    uint32_t handles;
    uint32_t signals;
    struct list waiters;   /* struct waiter.link, of wait_any and the object's own calls */
    struct process *owner; /* who is charged, or NULL; held weakly through process->objects */
};

/* init: one reference, no handle. Charges `owner` one object: LIMIT_REACHED. */
status_t object_init(struct object *object, const struct object_ops *ops, enum object_type type, struct process *owner);
void object_hold(struct object *object);
void object_release(struct object *object);
/* Change signals and wake whoever waits for a bit that is now set. */
void object_signal(struct object *object, uint32_t clear, uint32_t set);

struct handle_entry {
    struct object *object; /* NULL = free */
    uint32_t rights;
};
struct handle_table {
    struct handle_entry *entries; /* index = handle >> 2 */
    uint32_t capacity, used, first_free_hint;
};
void handle_table_destroy(struct process *process);
/* Adds a handle (takes its own reference). NO_HANDLES. Handle values are (index << 2) | 3 style: never 0. */
status_t handle_add(struct process *process, struct object *object, uint32_t rights, handle_t *result);
/* Looks a handle up; the object is NOT held: valid until the next block. type OBJECT_NONE = any. BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED. */
status_t handle_get(struct process *process, handle_t handle, enum object_type type, uint32_t rights, struct object **object);
status_t handle_get_entry(struct process *process, handle_t handle, struct handle_entry **entry);
status_t handle_remove(struct process *process, handle_t handle); /* close */
/* Take a handle out of the table without closing (for transfer): the caller owns one reference and one handle count. */
status_t handle_take(struct process *process, handle_t handle, uint32_t rights_needed, struct object **object, uint32_t *rights);
/* Put what handle_take took into a table. On failure the caller still owns it. */
status_t handle_put(struct process *process, struct object *object, uint32_t rights, handle_t *result);
void handle_drop(struct object *object); /* give up what handle_take took */

#endif
