/* SPDX-License-Identifier: MIT */
/*
 * PE images: checked once, kept while anybody uses them and for a while after that, mapped privately
 * from the file's pages so that processes share what they do not write to.
 */
#ifndef NT_IMAGE_H
#define NT_IMAGE_H

#include <loaders/pe/pe.h>
#include <personalities/nt/nt.h>

struct image {
    struct list link; /* the cache, most recently used last */
    uint32_t references;
    uint64_t ino, mtime, file_size;
    uint32_t device;
    /* One of them is HANDLE_NONE: */
    handle_t vmo;    /* the file's content */
    handle_t layout; /* the image as it lies in memory, if its file pages cannot be mapped */
    bool builtin;    /* carries Wine's mark */
    bool hook_known; /* whether it is win32u has been found out: */
    uint32_t hook;   /* RVA of its hook variable, in any other image 0 */
    struct load_plan plan;
};

/*
 * The image in an open file, `attr` being what the file is like now. Status: STATUS_INVALID_IMAGE_NOT_MZ,
 * STATUS_INVALID_IMAGE_FORMAT and so on. *image is a reference. Gives the lock up.
 */
NTSTATUS image_open(handle_t node, const struct fs_attr *attr, struct image **image);
/* The part of image_open that reads the file (image_load.c); without the lock. */
NTSTATUS image_load(struct image *image, handle_t node, uint64_t size);
void image_hold(struct image *image);
void image_release(struct image *image);

/*
 * Map at its preferred base if that is free, else (unless `fixed`) elsewhere: then
 * STATUS_IMAGE_NOT_AT_BASE and nothing is relocated: ntdll does that.
 */
NTSTATUS image_map(struct nt_process *process, struct image *image, struct object *section,
                   bool fixed, uint32_t *base);
void image_information(const struct image *image, SECTION_IMAGE_INFORMATION *info);

/* Called for each image that a program maps: win32u's hook is set. (ntdll.c) */
void image_mapped(struct nt_process *process, struct image *image, uint32_t base);

/* The image in the server's own window, read-only, as mapped memory; image_unmap_server undoes it. */
status_t image_map_server(const struct image *image, uint8_t **mapped);
void image_unmap_server(const struct image *image, uint8_t *mapped);

#endif
