/* SPDX-License-Identifier: MIT */
/*
 * Tokens: who a process or an impersonating thread is. There is one user, the one that Wine's DLLs
 * expect to be (S-1-5-21-0-0-0-1000), an administrator; what tokens differ in is their kind, their
 * privileges and their labels.
 */
#ifndef NT_TOKEN_H
#define NT_TOKEN_H

#include <personalities/nt/object.h>

extern const struct nt_type token_type;

struct sid {
    uint8_t revision, count, authority[6];
    uint32_t parts[5];
};
extern const struct sid user_sid, group_sid;
static inline uint32_t sid_size(const struct sid *sid)
{
    return 8 + 4 * sid->count;
}

/* What the pseudo handles mean; not held. NULL: the thread impersonates nobody. */
struct object *token_of_process(struct nt_process *process);
struct object *token_of_thread(struct nt_thread *thread);
/* Give a new process a copy of a token (NULL: of the user's as it is at first). */
NTSTATUS token_inherit(struct nt_process *process, struct object *token);
/* Let a thread act as a token says (NULL: as its process again). */
NTSTATUS token_impersonate(struct nt_thread *thread, struct object *token);
/* A token to act as a client of another process with (of the same user); held. */
NTSTATUS token_for_client(struct nt_process *process, struct object **token);
/* The groups of a token, for checks of access. */
uint32_t token_groups(const struct object *token, const struct sid **groups, uint32_t size);

#endif
