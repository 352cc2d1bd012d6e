/* SPDX-License-Identifier: MIT */
/* snap show --traps: the last system calls of a process, oldest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define NAMES_MAX 16384u
#define ERRNO_MAX 4095

/* The name of a number in the list of them, and its length; the number itself if it is not there. */
static int name_of(const char *names, uint32_t number, const char **name, char *room, size_t size)
{
    for (const char *line = names; line != NULL && *line;) {
        const char *end = strchr(line, '\n'), *space = strchr(line, ' ');
        if (end == NULL || space == NULL || space > end)
            break;
        if (strtoul(line, NULL, 10) == number) {
            *name = space + 1;
            return (int)(end - space - 1);
        }
        line = end + 1;
    }
    *name = room;
    return snprintf(room, size, "call %u", (unsigned)number);
}

static void print_trap(const struct snap_trap *trap, const char *names)
{
    char room[24];
    const char *name;
    int length = name_of(names, trap->number, &name, room, sizeof room);
    const uint32_t *words = trap->arguments;
    printf("%llu.%09u %u %.*s(%#x, %#x, %#x, %#x, %#x, %#x) = ",
           (unsigned long long)(trap->time / 1000000000u), (unsigned)(trap->time % 1000000000u),
           (unsigned)trap->tid, length, name, (unsigned)words[0], (unsigned)words[1],
           (unsigned)words[2], (unsigned)words[3], (unsigned)words[4], (unsigned)words[5]);
    if (trap->result < 0 && trap->result >= -ERRNO_MAX)
        printf("%d\n", (int)trap->result);
    else
        printf("%#x\n", (unsigned)trap->result);
}

static bool print_blob(const struct snap_blob *blob, const char *names)
{
    struct snap_trap trap;
    bool good = blob != NULL;
    for (uint32_t at = 0; good && blob->size - at >= sizeof trap; at += (uint32_t)sizeof trap) {
        good = snap_bytes_read(&blob->bytes, at, &trap, sizeof trap) == OK;
        if (good)
            print_trap(&trap, names);
    }
    return good;
}

bool show_traps(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_TRAPS, NULL);
    char *names = calloc(1, NAMES_MAX);
    if (note == NULL || names == NULL) {
        complain(note ? "out of memory" : "no system calls were recorded");
        free(names);
        return false;
    }
    (void)snap_get_text(note, SNAP_TRAPS_NAMES, names, NAMES_MAX);
    bool good = print_blob(snap_find_blob(snapshot, snap_get_u32(note, SNAP_TRAPS_BLOB, 0)), names);
    free(names);
    return good;
}
