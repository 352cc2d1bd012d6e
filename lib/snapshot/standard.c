/* SPDX-License-Identifier: MIT */
/* Notes of core files that debuggers know, in the forms that Linux gives them. */
#include "snapshot/snapshot.h"

#include <stdlib.h>
#include <string.h>

/* NT_FILE: how many, the unit of the offsets; a row for each (start, end, offset); then the names. */
enum { FILE_HEAD = 2 };

static bool make_room(struct snap_files *files, uint32_t row, uint32_t name)
{
    uint8_t *rows = realloc(files->rows, (files->count + 1) * row);
    if (rows == NULL)
        return false;
    files->rows = rows;
    char *names = realloc(files->names, files->length + name);
    if (names == NULL)
        return false;
    files->names = names;
    return true;
}

void snap_files_add(struct snap_files *files, uint32_t start, uint32_t end, uint32_t page,
                    const char *name)
{
    uint32_t row[] = {start, end, page}, size = (uint32_t)strlen(name) + 1;
    files->failed |= !make_room(files, sizeof row, size);
    if (files->failed)
        return;
    memcpy(files->rows + files->count++ * sizeof row, row, sizeof row);
    memcpy(files->names + files->length, name, size);
    files->length += size;
}

void snap_files_end(struct snapshot *snapshot, struct snap_files *files)
{
    uint32_t head[FILE_HEAD] = {files->count, PAGE_SIZE},
             rows = files->count * 3 * sizeof(uint32_t);
    uint8_t *note = files->failed ? NULL : malloc(sizeof head + rows + files->length);
    if (note == NULL) {
        snapshot->failed = true;
    } else {
        memcpy(note, head, sizeof head);
        if (files->count > 0) {
            memcpy(note + sizeof head, files->rows, rows);
            memcpy(note + sizeof head + rows, files->names, files->length);
        }
        snap_note_standard(snapshot, "CORE", CORE_FILE, note, sizeof head + rows + files->length);
    }
    free(note);
    free(files->rows);
    free(files->names);
    *files = (struct snap_files){.count = 0};
}

void snap_put_command(struct snapshot *snapshot, const char *words, uint32_t length)
{
    char *line = length > 0 ? malloc(length) : NULL;
    if (line == NULL)
        return;
    memcpy(line, words, length);
    length -= line[length - 1] == '\0';
    for (uint32_t i = 0; i < length; i++)
        line[i] = line[i] == '\0' ? ' ' : line[i];
    snap_put(snapshot, SNAP_PROCESS_COMMAND, line, length);
    free(line);
}
