/* SPDX-License-Identifier: MIT */
/* What a token holds, for the files that answer questions about it and change it. See token.h. */
#ifndef NT_TOKEN_STATE_H
#define NT_TOKEN_STATE_H

#include <personalities/nt/nt.h>
#include <personalities/nt/token.h>

enum { PRIVILEGES_MAX = 36, USER_GROUPS = 7 };

/* Attributes of each privilege by its number; 0x80000000: the token has it, perhaps disabled. */
#define PRIVILEGE_HELD 0x80000000u

struct token {
    struct object object;
    uint32_t id, modified;
    TOKEN_TYPE type;
    SECURITY_IMPERSONATION_LEVEL level;
    uint32_t session, integrity;
    bool restricted;
    uint32_t privileges[PRIVILEGES_MAX];
};

/* The groups that the user is in, whatever the token. */
struct token_group {
    const struct sid *sid;
    uint32_t attributes;
};
extern const struct token_group user_groups[USER_GROUPS];
extern const struct sid administrators_sid;

static inline struct token *token_of(struct object *object)
{
    return container_of(object, struct token, object);
}

/* Held; a pseudo handle stands for the token of the caller's process or thread. */
NTSTATUS token_from_handle(struct call *call, uint32_t handle, ACCESS_MASK access,
                           struct token **token);
struct token *token_copy(const struct token *from); /* with an id of its own; NULL: no memory */
void token_changed(struct token *token);

#endif
