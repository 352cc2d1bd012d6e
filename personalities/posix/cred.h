/* SPDX-License-Identifier: MIT */
/*
 * Who a process is: user and group numbers, supplementary groups, capabilities. Credentials belong to
 * the process, not to each thread: a set*id call changes all threads at once, as POSIX has it.
 */
#ifndef POSIX_CRED_H
#define POSIX_CRED_H

#include <linux/capability.h>

#include "core.h"

/* Never changed once a process has it, so copies share it. */
struct group_list {
    uint32_t references, count;
    uint32_t gids[];
};

struct credentials {
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    struct group_list *groups; /* NULL: none */
    uint64_t effective, permitted, inheritable, bounding, ambient;
    uint32_t securebits;
};

#define CAPABILITY(number) (1ull << (number))
#define CAPABILITY_ALL     (CAPABILITY(LAST_CAPABILITY + 1) - 1)

struct group_list *groups_new(uint32_t count); /* gids zero; NULL when out of memory */
/* Of a program that init starts as this user. */
void credentials_init(struct credentials *credentials, uint32_t uid);
void credentials_copy(struct credentials *to, const struct credentials *from);
void credentials_release(struct credentials *credentials);
bool in_groups(const struct credentials *credentials, uint32_t gid); /* supplementary */
static inline bool in_group(const struct credentials *credentials, uint32_t gid)
{
    return credentials->fsgid == gid || in_groups(credentials, gid);
}
/* Whether a process is that user, or group, and no other in any respect. */
static inline bool has_only_uid(const struct credentials *credentials, uint32_t uid)
{
    return credentials->uid == uid && credentials->euid == uid && credentials->suid == uid;
}
static inline bool has_only_gid(const struct credentials *credentials, uint32_t gid)
{
    return credentials->gid == gid && credentials->egid == gid && credentials->sgid == gid;
}
/* Whether the calling process has a capability in effect. */
bool capable(uint32_t capability);

/* What executing a program does to them; file: of the program. True: others than before. */
struct fs_attr;
bool credentials_exec(struct credentials *credentials, const struct fs_attr *file, bool may_gain);

#endif
