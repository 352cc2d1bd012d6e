/* SPDX-License-Identifier: MIT */
/* Sections: images, mapped files, shared memory. */
#ifndef NT_SECTION_H
#define NT_SECTION_H

#include <personalities/nt/image.h>

struct section {
    struct object object;
    struct image *image; /* of SEC_IMAGE, held */
    handle_t vmo;        /* of all others */
    handle_t node;       /* the file behind it, or HANDLE_NONE */
    bool coherent;       /* writing to the VMO writes to the file */
    uint64_t size;
    uint32_t protect, flags;
    WCHAR *file_name; /* NT path or NULL */
    struct list use;  /* of a file: all sections of files of that bucket */
    uint64_t ino;
    uint32_t device;
};

extern const struct nt_type section_type;

static inline struct section *section_of(struct object *object)
{
    return container_of(object, struct section, object);
}

/* With nothing in it yet; NULL: no memory. */
struct section *section_new(uint32_t protect, uint32_t flags);
/* Whether memory of this protection (PAGE_*) writes to what it shows. */
static inline bool protect_writes(uint32_t protect)
{
    return (protect & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE)) != 0;
}

/* What sections of a file there are, with or without a handle: views keep theirs. */
enum file_use { FILE_USE_IMAGE = 1, FILE_USE_DATA = 2, FILE_USE_WRITE = 4 };
uint32_t section_file_uses(uint64_t ino, uint32_t device);

/* A section over an image, as the start of a process needs it. Consumes the reference to the image. */
NTSTATUS section_create_image(struct image *image, const WCHAR *file_name, struct object **section);

/* A file as it is mapped; its handles are consumed. */
struct section_content {
    const char *path; /* Unix */
    handle_t node, vmo;
    uint64_t size;
    bool coherent;
};
/* A view of all of it to read, behind a section that nobody has a handle of. */
NTSTATUS section_map_content(struct nt_process *process, struct section_content *content,
                             uint32_t *base);

/* ---- for snapshots ---- */
struct snap_bytes;
/* A view of a section that is no image, exactly there. */
NTSTATUS section_map_at(struct nt_process *process, struct object *section, uint32_t base,
                        uint32_t size, uint64_t offset, uint32_t protect);
/* Write the first bytes of one without a file. */
NTSTATUS section_restore_content(struct object *section, const struct snap_bytes *bytes,
                                 uint32_t size);

#endif
