/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT_MAX 65536u
#define TYPE_MASK   0170000u

/* What a file holds, or where a link leads; at most CONTENT_MAX of it. */
static size_t content_of(struct iso_volume *volume, const struct iso_entry *entry, char *to)
{
    uint32_t done = 0;
    size_t length = 0;
    if ((entry->mode & TYPE_MASK) == 0120000)
        return iso_link(volume, entry, to, &length) == OK ? length : 0;
    if ((entry->mode & TYPE_MASK) == 0100000 &&
        iso_read(volume, entry, 0, to, CONTENT_MAX, &done) == OK) {
        if (done > CONTENT_MAX || done > entry->size)
            abort();
        return done;
    }
    return 0;
}

void iso_walk_directory(struct iso_walk *walk, const struct iso_entry *directory, const char *path)
{
    struct iso_directory place = iso_directory_of(directory);
    struct iso_entry *entry = malloc(sizeof *entry);
    char *content = malloc(CONTENT_MAX);
    for (uint64_t offset = 0; walk->steps_left > 0; offset = entry->next) {
        char below[1024];
        walk->steps_left--;
        if (iso_next(walk->volume, &place, offset, entry) != OK)
            break;
        if (entry->next <= offset || entry->name_length == 0 || entry->name_length > ISO_NAME_MAX ||
            strlen(entry->name) != entry->name_length || strchr(entry->name, '/') != NULL ||
            entry->extent_count > ISO_EXTENTS_MAX)
            abort();
        size_t length = content_of(walk->volume, entry, content);
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->name);
        if (walk->found != NULL)
            walk->found(walk->context, below, entry, content, length);
        if ((entry->mode & TYPE_MASK) == 0040000 && walk->depth_left > 0) {
            walk->depth_left--;
            iso_walk_directory(walk, entry, below);
            walk->depth_left++;
        }
    }
    free(content);
    free(entry);
}
