/* SPDX-License-Identifier: MIT */
/* Tables, keys and permissions of System V IPC, and the call that multiplexes it. See ipc.h. */
#include "ipc.h"

#include <string.h>

#include "calls.h"
#include "snapshot/save.h"
#include "task.h"

/* ---- tables ---------------------------------------------------------------------------------------- */

static bool grow(struct ipc_kind *kind)
{
    uint32_t capacity = kind->capacity ? kind->capacity * 2 : 16;
    struct ipc_object **objects = allocate(capacity * sizeof *objects);
    if (!objects)
        return false;
    if (kind->objects)
        memcpy(objects, kind->objects, kind->capacity * sizeof *objects);
    release(kind->objects);
    kind->objects = objects;
    kind->capacity = capacity;
    return true;
}

int32_t ipc_add(struct ipc_kind *kind, struct ipc_object *object, int32_t key, uint32_t mode,
                uint32_t limit)
{
    const struct credentials *own = &self()->process->credentials;
    int32_t wanted = (int32_t)*kind->next_id; /* of checkpoints: the number that is to be used */
    uint32_t index = wanted >= 0 ? (uint32_t)wanted % IPC_INDEXES : 0;
    uint32_t sequence = wanted >= 0 ? (uint32_t)wanted / IPC_INDEXES : kind->sequence;
    *kind->next_id = UINT32_MAX;
    while (index < kind->capacity && kind->objects[index])
        index++;
    if (kind->count >= limit || index >= IPC_INDEXES)
        return -ENOSPC;
    while (index >= kind->capacity) {
        if (!grow(kind))
            return -ENOMEM;
    }
    *object = (struct ipc_object){.references = 1,
                                  .key = key,
                                  .uid = own->euid,
                                  .gid = own->egid,
                                  .cuid = own->euid,
                                  .cgid = own->egid,
                                  .mode = mode & 0777,
                                  .creator = self()->process->pid,
                                  .sequence = sequence};
    object->id = object->sequence * IPC_INDEXES + index;
    if (wanted < 0)
        kind->sequence = (kind->sequence + 1) & 0xffff;
    kind->objects[index] = object;
    kind->count++;
    return (int32_t)object->id;
}

void ipc_put(struct ipc_kind *kind, struct ipc_object *object)
{
    if (--object->references == 0)
        kind->destroy(object);
}

void ipc_remove(struct ipc_kind *kind, struct ipc_object *object)
{
    kind->objects[object->id % IPC_INDEXES] = NULL;
    kind->count--;
    object->removed = true;
    ipc_put(kind, object);
}

struct ipc_object *ipc_at(struct ipc_kind *kind, uint32_t index)
{
    return index < kind->capacity ? kind->objects[index] : NULL;
}

struct ipc_object *ipc_find(struct ipc_kind *kind, uint32_t id)
{
    struct ipc_object *object = ipc_at(kind, id % IPC_INDEXES);
    return object && object->id == id ? object : NULL;
}

struct ipc_object *ipc_by_key(struct ipc_kind *kind, int32_t key)
{
    for (uint32_t i = 0; i < kind->capacity; i++) {
        if (kind->objects[i] && kind->objects[i]->key == key)
            return kind->objects[i];
    }
    return NULL;
}

uint32_t ipc_highest(const struct ipc_kind *kind)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < kind->capacity; i++) {
        if (kind->objects[i])
            highest = i;
    }
    return highest;
}

struct ipc_object *ipc_get(struct ipc_kind *kind, int32_t key, uint32_t flags, int32_t *error)
{
    struct ipc_object *object = key == IPC_PRIVATE ? NULL : ipc_by_key(kind, key);
    *error = 0;
    if (object && (flags & IPC_CREAT) && (flags & IPC_EXCL))
        *error = -EEXIST;
    else if (object)
        *error = ipc_check(object, (flags >> 6 | flags >> 3 | flags) & 7);
    else if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        *error = -ENOENT;
    return *error == 0 ? object : NULL;
}

/* ---- permissions --------------------------------------------------------------------------------------- */

int32_t ipc_check(const struct ipc_object *object, uint32_t wanted)
{
    const struct credentials *own = &self()->process->credentials;
    uint32_t shift = 0;
    if (own->euid == object->uid || own->euid == object->cuid)
        shift = 6;
    else if (own->egid == object->gid || own->egid == object->cgid || in_groups(own, object->gid) ||
             in_groups(own, object->cgid))
        shift = 3;
    if ((object->mode >> shift & wanted) == wanted || capable(CAP_IPC_OWNER))
        return 0;
    return -EACCES;
}

int32_t ipc_check_owner(const struct ipc_object *object)
{
    uint32_t euid = self()->process->credentials.euid;
    return euid == object->uid || euid == object->cuid || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

struct ipc_object *ipc_stat(struct ipc_kind *kind, uint32_t id, bool by_index, bool any,
                            int32_t *error)
{
    struct ipc_object *object = by_index ? ipc_at(kind, id % IPC_INDEXES) : ipc_find(kind, id);
    *error = !object ? -EINVAL : any ? 0 : ipc_check(object, 4);
    return *error == 0 ? object : NULL;
}

void ipc_fill(const struct ipc_object *object, struct ipc64_perm *perm)
{
    memset(perm, 0, sizeof *perm);
    perm->key = object->key;
    perm->uid = object->uid;
    perm->gid = object->gid;
    perm->cuid = object->cuid;
    perm->cgid = object->cgid;
    perm->mode = (__kernel_mode_t)object->mode;
    perm->seq = (unsigned short)object->sequence;
}

void ipc_change(struct ipc_object *object, const struct ipc64_perm *perm)
{
    object->uid = perm->uid;
    object->gid = perm->gid;
    object->mode = (object->mode & ~0777u) | (perm->mode & 0777u);
}

/* ---- snapshots ----------------------------------------------------------------------------------------- */

void ipc_save(struct snapshot *snapshot, const struct ipc_object *object, const char *kind,
              uint32_t size)
{
    uint32_t owners[4] = {object->uid, object->gid, object->cuid, object->cgid};
    snap_note_begin(snapshot, SNAP_IPC);
    snap_put_text(snapshot, SNAP_IPC_KIND, kind);
    snap_put_u32(snapshot, SNAP_IPC_ID, object->id);
    snap_put_u32(snapshot, SNAP_IPC_KEY, (uint32_t)object->key);
    snap_put_u32(snapshot, SNAP_IPC_MODE, object->mode);
    snap_put(snapshot, SNAP_IPC_OWNERS, owners, sizeof owners);
    snap_put_u32(snapshot, SNAP_IPC_SIZE, size);
}

struct ipc_object *ipc_restore(struct ipc_kind *kind, const struct snap_note *note, int32_t *error)
{
    uint32_t id = snap_get_u32(note, SNAP_IPC_ID, UINT32_MAX);
    int32_t key = (int32_t)snap_get_u32(note, SNAP_IPC_KEY, 0);
    *error = id > INT32_MAX ? -EINVAL : 0;
    struct ipc_object *object = *error == 0 ? ipc_find(kind, id) : NULL;
    if (object) {
        *error = object->key == key ? ipc_check(object, 6) : -EEXIST;
        return *error == 0 ? object : NULL;
    }
    if (*error == 0 && (ipc_at(kind, id % IPC_INDEXES) || (key && ipc_by_key(kind, key))))
        *error = -EEXIST;
    if (*error == 0)
        *kind->next_id = id;
    return NULL;
}

void ipc_restore_rights(struct ipc_object *object, const struct snap_note *note)
{
    uint32_t length = 0, owners[4];
    const uint8_t *data = snap_get(note, SNAP_IPC_OWNERS, &length);
    object->mode = snap_get_u32(note, SNAP_IPC_MODE, 0600) & 0777;
    if (!data || length != sizeof owners || self()->process->credentials.euid != 0)
        return;
    memcpy(owners, data, sizeof owners);
    object->uid = owners[0], object->gid = owners[1];
    object->cuid = owners[2], object->cgid = owners[3];
}

/* ---- ipc(2) -------------------------------------------------------------------------------------------- */

#define VERSION_64 0x100 /* in a command: the wide structures, which are the only ones here */

static int32_t control(int32_t (*call)(int32_t, uint32_t, user_t), int32_t id, uint32_t command,
                       user_t argument)
{
    if (!(command & VERSION_64) && (command == IPC_STAT || command == IPC_SET))
        return -EINVAL;
    return call(id, command & ~(uint32_t)VERSION_64, argument);
}

static int32_t sem_calls(uint32_t call, uint32_t first, uint32_t second, uint32_t third,
                         user_t pointer, uint32_t fifth)
{
    uint32_t argument;
    switch (call) {
    case SEMOP:
        return sys_semtimedop((int32_t)first, pointer, second, USER(0));
    case SEMTIMEDOP:
        return sys_semtimedop((int32_t)first, pointer, second, USER(fifth));
    case SEMGET:
        return sys_semget((int32_t)first, (int32_t)second, third);
    }
    if (!pointer.address)
        return -EINVAL;
    if (get_user(&argument, pointer) < 0)
        return -EFAULT;
    if (!(third & VERSION_64) && ((third & 0xff) == IPC_STAT || (third & 0xff) == IPC_SET))
        return -EINVAL;
    return sys_semctl((int32_t)first, (int32_t)second, third & ~(uint32_t)VERSION_64, argument);
}

static int32_t msg_calls(uint32_t call, uint32_t version, uint32_t first, uint32_t second,
                         uint32_t third, user_t pointer, uint32_t fifth)
{
    uint32_t words[2];
    switch (call) {
    case MSGSND:
        return sys_msgsnd((int32_t)first, pointer, second, third);
    case MSGGET:
        return sys_msgget((int32_t)first, second);
    case MSGCTL:
        return control(sys_msgctl, (int32_t)first, second, pointer);
    }
    if (version != 0)
        return sys_msgrcv((int32_t)first, pointer, second, (int32_t)fifth, third);
    if (!pointer.address)
        return -EINVAL;
    if (copy_in(words, pointer, sizeof words) < 0)
        return -EFAULT;
    return sys_msgrcv((int32_t)first, USER(words[0]), second, (int32_t)words[1], third);
}

static int32_t shm_calls(uint32_t call, uint32_t version, uint32_t first, uint32_t second,
                         uint32_t third, user_t pointer)
{
    switch (call) {
    case SHMDT:
        return sys_shmdt(pointer);
    case SHMGET:
        return sys_shmget((int32_t)first, second, third);
    case SHMCTL:
        return control(sys_shmctl, (int32_t)first, second, pointer);
    }
    if (version == 1)
        return -EINVAL;
    int32_t result = sys_shmat((int32_t)first, pointer, second);
    if (result < 0 && result >= -4095)
        return result;
    return put_user(USER(third), (uint32_t)result);
}

int32_t sys_ipc(uint32_t call, uint32_t first, uint32_t second, uint32_t third, user_t pointer,
                uint32_t fifth)
{
    uint32_t version = call >> 16;
    call &= 0xffff;
    switch (call) {
    case SEMOP:
    case SEMGET:
    case SEMCTL:
    case SEMTIMEDOP:
        return sem_calls(call, first, second, third, pointer, fifth);
    case MSGSND:
    case MSGRCV:
    case MSGGET:
    case MSGCTL:
        return msg_calls(call, version, first, second, third, pointer, fifth);
    case SHMAT:
    case SHMDT:
    case SHMGET:
    case SHMCTL:
        return shm_calls(call, version, first, second, third, pointer);
    }
    return -ENOSYS;
}
