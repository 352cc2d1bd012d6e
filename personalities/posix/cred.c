/* SPDX-License-Identifier: MIT */
/* Credentials as objects, and what changes of users do to capabilities. See cred.h. */
#include "cred.h"

#include <linux/securebits.h>
#include <string.h>

#include "file.h"
#include "task.h"

void credentials_init(struct credentials *credentials, uint32_t uid)
{
    uint64_t powers = uid == 0 ? CAPABILITY_ALL : 0;
    /* What another personality starts comes with a user alone: its group is the user's own, never root's. */
    *credentials = (struct credentials){.uid = uid,
                                        .euid = uid,
                                        .suid = uid,
                                        .fsuid = uid,
                                        .gid = uid,
                                        .egid = uid,
                                        .sgid = uid,
                                        .fsgid = uid,
                                        .effective = powers,
                                        .permitted = powers,
                                        .bounding = CAPABILITY_ALL};
}

void credentials_copy(struct credentials *to, const struct credentials *from)
{
    *to = *from;
    if (to->groups)
        __atomic_add_fetch(&to->groups->references, 1, __ATOMIC_RELAXED);
}

void credentials_release(struct credentials *credentials)
{
    struct group_list *groups = credentials->groups;
    if (groups && __atomic_sub_fetch(&groups->references, 1, __ATOMIC_ACQ_REL) == 0)
        release(groups);
    credentials->groups = NULL;
}

struct group_list *groups_new(uint32_t count)
{
    struct group_list *groups = allocate(sizeof *groups + count * 4);
    if (groups)
        *groups = (struct group_list){1, count};
    return groups;
}

bool in_groups(const struct credentials *credentials, uint32_t gid)
{
    for (uint32_t i = 0; credentials->groups && i < credentials->groups->count; i++) {
        if (credentials->groups->gids[i] == gid)
            return true;
    }
    return false;
}

bool capable(uint32_t capability)
{
    return self()->process->credentials.effective >> capability & 1;
}

/* Capabilities after the execution of a program, by capabilities(7); no program file has any itself. */
static void exec_capabilities(struct credentials *credentials, bool gained)
{
    bool root = !(credentials->securebits & SECBIT_NOROOT);
    if (gained)
        credentials->ambient = 0;
    credentials->permitted = credentials->ambient;
    credentials->effective = credentials->ambient;
    if (root && (credentials->uid == 0 || credentials->euid == 0))
        credentials->permitted = credentials->inheritable | credentials->bounding;
    if (root && credentials->euid == 0)
        credentials->effective = credentials->permitted;
    credentials->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
}

bool credentials_exec(struct credentials *credentials, const struct fs_attr *file, bool may_gain)
{
    uint32_t euid = credentials->euid, egid = credentials->egid;
    may_gain = may_gain && !(file->mount & FS_MOUNT_NO_SUID);
    if (may_gain && (file->mode & S_ISUID))
        credentials->euid = file->uid;
    if (may_gain && (file->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
        credentials->egid = file->gid;
    credentials->suid = credentials->fsuid = credentials->euid;
    credentials->sgid = credentials->fsgid = credentials->egid;
    bool changed = credentials->euid != euid || credentials->egid != egid;
    exec_capabilities(credentials, changed);
    return changed;
}
