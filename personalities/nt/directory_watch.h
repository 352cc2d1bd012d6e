/* SPDX-License-Identifier: MIT */
/*
 * The watch of a directory object: what directory_notify.c, which speaks to programs, and
 * directory_places.c, which hears from file systems, know of it.
 */
#ifndef NT_DIRECTORY_WATCH_H
#define NT_DIRECTORY_WATCH_H

#include <personalities/nt/directory_notify.h>

struct directory_watch {
    struct nt_file *file;
    uint32_t filter, room; /* room: for changes, as bytes of records */
    bool subtree, overflow, gone;
    struct list places, changes;
    uint32_t place_count, used; /* used: bytes of records */
    struct list waiting;        /* struct io_request.link */
};

/* ---- places (directory_places.c); these give the lock up ---- */
/* Watch the directory, and the tree below it if `subtree` is set, before this returns. */
NTSTATUS places_begin(struct directory_watch *watch);
void places_end(struct directory_watch *watch);

/* ---- what happens there (directory_notify.c) ---- */
#define WATCH_NAME_EVENTS \
    ((uint32_t)(FS_EVENT_CREATE | FS_EVENT_DELETE | FS_EVENT_MOVED_FROM | FS_EVENT_MOVED_TO))
/* The events that file systems are to tell, for the filter. */
uint32_t watch_events(const struct directory_watch *watch);
/* `above`: where the event's directory is below the watched one, empty or ended by a slash. */
void watch_note(struct directory_watch *watch, const char *above, const struct fs_event *event);
void watch_overflow(struct directory_watch *watch); /* events have been lost */
void watch_gone(struct directory_watch *watch);     /* the directory itself */
/* Give what has happened to who asked first. */
void watch_tell(struct directory_watch *watch);

#endif
