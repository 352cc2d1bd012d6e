/* SPDX-License-Identifier: MIT */
/*
 * System V IPC: what the three kinds of objects share. An object is found by its number, which is
 * sequence * IPC_INDEXES + index in the table of its kind. The table owns one reference; calls that
 * sleep hold another and look at `removed` when they wake. Guarded by the server lock.
 */
#ifndef POSIX_IPC_H
#define POSIX_IPC_H

#include <linux/ipc.h>

#include "core.h"

struct process;

#define IPC_INDEXES 32768u

struct ipc_object {
    uint32_t references;
    bool removed;
    int32_t key;
    uint32_t id, uid, gid, cuid, cgid, mode, sequence;
    uint32_t creator; /* pid */
};

struct ipc_kind {
    struct ipc_object **objects;
    uint32_t capacity, count, sequence;
    uint32_t *next_id; /* number for the next new object, once; UINT32_MAX: any */
    void (*destroy)(struct ipc_object *object); /* the last reference is gone */
};

/* Takes over the object; -ENOSPC beyond `limit` objects. Its number. */
int32_t ipc_add(struct ipc_kind *kind, struct ipc_object *object, int32_t key, uint32_t mode,
                uint32_t limit);
void ipc_remove(struct ipc_kind *kind, struct ipc_object *object);
void ipc_put(struct ipc_kind *kind, struct ipc_object *object);
struct ipc_object *ipc_find(struct ipc_kind *kind, uint32_t id); /* NULL: none */
struct ipc_object *ipc_at(struct ipc_kind *kind, uint32_t index);
struct ipc_object *ipc_by_key(struct ipc_kind *kind, int32_t key);
/* The highest index in use; 0 also if there is none. */
uint32_t ipc_highest(const struct ipc_kind *kind);
/*
 * What get calls do with an existing key: the object; *error 0 and NULL: make a new one.
 */
struct ipc_object *ipc_get(struct ipc_kind *kind, int32_t key, uint32_t flags, int32_t *error);
/* wanted: permission bits of one class, 4 read, 2 write. 0 or -EACCES. */
int32_t ipc_check(const struct ipc_object *object, uint32_t wanted);
/* For changes and removal: 0 or -EPERM. */
int32_t ipc_check_owner(const struct ipc_object *object);
/* The object of IPC_STAT (by number) or *_STAT (by index), readable unless `any`. -errno in *error. */
struct ipc_object *ipc_stat(struct ipc_kind *kind, uint32_t id, bool by_index, bool any,
                            int32_t *error);
void ipc_fill(const struct ipc_object *object, struct ipc64_perm *perm);
void ipc_change(struct ipc_object *object, const struct ipc64_perm *perm);
static inline uint64_t ipc_time(void)
{
    return wall_clock() / NS_PER_SEC;
}

/* ---- snapshots; lock held ---- */
struct save;
struct snapshot;
struct snap_note;
/* The note of an object that a process uses; further fields may follow. */
void ipc_save(struct snapshot *snapshot, const struct ipc_object *object, const char *kind,
              uint32_t size);
/*
 * The object of a note if it is there, which it may be: *error is 0 then. NULL and *error 0: a new one
 * is to be made, which gets the number.
 */
struct ipc_object *ipc_restore(struct ipc_kind *kind, const struct snap_note *note, int32_t *error);
/* Whose it is and who may use it, as the note says: as far as the calling process may say so. */
void ipc_restore_rights(struct ipc_object *object, const struct snap_note *note);
void shm_save(struct save *save, const struct process *process);
void sem_save(struct save *save, const struct process *process);
void msg_save(struct save *save, const struct process *process);
/* *present: it was there, with content of its own. The handle is the caller's. */
int32_t shm_restore(const struct snap_note *note, handle_t *vmo, bool *present);
void shm_restore_end(
    const struct snap_note *note); /* when it is mapped: it may have been removed */
int32_t sem_restore(const struct snap_note *note);
int32_t msg_restore(const struct snap_note *note, bool *present);
int32_t msg_restore_message(uint32_t id, int32_t type, const void *text, uint32_t size);
int32_t sem_restore_undo(struct process *process, const struct snap_note *note);

/* ---- what processes do to them; lock held ---- */
void sem_process_end(struct process *process); /* undoes its operations */
void shm_reap(void);                           /* memory was unmapped: removed segments may go */

#endif
