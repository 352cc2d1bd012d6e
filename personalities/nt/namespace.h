/* SPDX-License-Identifier: MIT */
/* What directories and symbolic links of the name space hold, for the files that keep and list them. */
#ifndef NT_NAMESPACE_H
#define NT_NAMESPACE_H

#include <personalities/nt/nt.h>

struct directory {
    struct object object;
    struct list names; /* struct name.link */
};
struct symlink {
    struct object object;
    WCHAR *target;
    uint32_t length;
};

static inline struct directory *directory_of(struct object *object)
{
    return container_of(object, struct directory, object);
}
static inline struct symlink *symlink_of(struct object *object)
{
    return container_of(object, struct symlink, object);
}

#endif
