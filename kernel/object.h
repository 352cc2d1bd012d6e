/* SPDX-License-Identifier: MIT */
/* Kernel objects: reference counting, signals, waiting; handles and their tables. */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <atomik/objects.h>
#include <kernel/list.h>
#include <stdbool.h>

struct object;
struct process;

struct object_ops {
    const char *name;
    /* Last reference is gone: release everything and free the memory. */
    void (*destroy)(struct object *object);
    /* The last handle is gone (references may remain). May be NULL. */
    void (*last_handle)(struct object *object);
    /* The last handle with RIGHT_RECEIVE is gone; called before last_handle. May be NULL. */
    void (*last_receiver)(struct object *object);
};

struct object {
    const struct object_ops *ops;
    enum object_type type;
    uint32_t id;
    uint32_t references; /* handles and kernel pointers */
    uint32_t handles;    /* in tables, and kept by the kernel (handle_count) */
    uint32_t receivers;  /* handles with RIGHT_RECEIVE */
    uint32_t signals;
    struct list waiters; /* struct waiter.link, of wait_any and the object's own calls */
    /*
     * Who is charged, or NULL for the kernel. Not held: a process that ends passes its objects and
     * what they are charged (pages too) on to its own owner, so always charge and uncharge through
     * this field and keep no second pointer to the process.
     */
    struct process *owner;
    struct list owner_link; /* in owner->objects */
};

/* init: one reference, no handle. Charges `owner` one object: LIMIT_REACHED. */
status_t object_init(struct object *object, const struct object_ops *ops, enum object_type type,
                     struct process *owner);
/* A structure of `size` bytes, zeroed but for the object, which is its first field. */
status_t object_new(uint32_t size, const struct object_ops *ops, enum object_type type,
                    struct process *owner, struct object **result);
void object_free(
    struct object *object); /* destroy, for those that have nothing else to give back */
/* Undoes object_new of an object that nobody else has seen; does not call destroy. */
void object_cancel(struct object *object);
void object_hold(struct object *object);
void object_release(struct object *object);
/* Change signals and wake whoever waits for a bit that is now set. May be called in an interrupt. */
void object_signal(struct object *object, uint32_t clear, uint32_t set);
/* Block until the object has one of these signals; the caller holds the object. */
status_t object_wait(struct object *object, uint32_t wanted, ktime_t deadline, bool interruptible);
/* A signal that a watch waits for was set; called by object_signal alone. */
struct waiter;
void watch_fire(struct waiter *waiter);
uint32_t object_total(void); /* objects that exist */
/* The process ends: its objects are its owner's from now on. */
void object_pass_on(struct process *process);

/* What waits in a port's queue; port.c's. */
enum port_item_kind { ITEM_CALL, ITEM_CANCELLED, ITEM_BADGE_CLOSED, ITEM_PAGER };
struct port_item {
    struct list link; /* in port->queue, in order of arrival */
    enum port_item_kind kind;
};

struct handle_entry {
    struct object *object; /* NULL = free */
    uint32_t rights;
    bool locked; /* travels in a message that is not received yet: BAD_HANDLE to everyone */
};
struct handle_table {
    struct handle_entry *entries;  /* index = (handle >> 2) - 1 */
    uint32_t capacity, used, next; /* next: where the search for a free one begins, in a circle */
};
void handle_table_destroy(struct process *process);
/* Adds a handle (takes its own reference). NO_HANDLES, NO_MEMORY. A value is (index + 1) << 2: never 0. */
status_t handle_add(struct process *process, struct object *object, uint32_t rights,
                    handle_t *result);
/* After success the next `count` handle_add cannot fail. */
status_t handle_reserve(struct process *process, uint32_t count);
/* Looks a handle up; the object is NOT held: valid until the next block. type OBJECT_NONE = any. BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED. */
status_t handle_get(struct process *process, handle_t handle, enum object_type type,
                    uint32_t rights, struct object **object);
status_t handle_get_entry(struct process *process, handle_t handle, struct handle_entry **entry);
/* The same at a value of the caller's choice: INVALID_ARGUMENT, ALREADY_EXISTS. */
status_t handle_add_at(struct process *process, struct object *object, uint32_t rights,
                       handle_t value);
/* The handle with the lowest value above *value, which becomes that: NOT_FOUND. */
status_t handle_next(struct process *process, handle_t *value, struct handle_entry **entry);
status_t handle_remove(struct process *process, handle_t handle); /* close */
/*
 * A handle in a message stays in the sender's table, locked, until the receiver has its own; then
 * handle_unlock_remove takes it away, and on a failure handle_unlock gives it back at its value.
 */
status_t handle_lock(struct process *process, handle_t handle, struct object **object,
                     uint32_t *rights); /* needs RIGHT_TRANSFER */
void handle_unlock(struct process *process, handle_t handle);
void handle_unlock_remove(struct process *process, handle_t handle);
/* A handle that the kernel itself keeps (an exception port, a call in progress): counts like one in a table. */
void handle_count(struct object *object, uint32_t rights);
void handle_uncount(struct object *object, uint32_t rights);

#endif
