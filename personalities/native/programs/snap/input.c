/* SPDX-License-Identifier: MIT */
/* Opening a snapshot or another file by its path, with a message when that fails. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "snap.h"

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "snap: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
}

bool snap_explain(const char *path, status_t status, const char *problem)
{
    if (status != OK)
        complain("%s: %s", path,
                 problem                   ? problem
                 : status == ERR_NO_MEMORY ? "not enough memory"
                 : status == ERR_NO_SPACE  ? "no space left"
                                           : "input or output error");
    return status == OK;
}

bool snap_file_load(const char *path, uint32_t max, uint8_t **data, uint32_t *size)
{
    struct snap_file file;
    if (!snap_file_open_raw(&file, path))
        return false;
    *data = file.size <= max ? malloc((size_t)file.size + 1) : NULL;
    *size = (uint32_t)file.size;
    bool good = *data != NULL && file.source.read(file.source.context, 0, *data, *size) == OK;
    if (!good) {
        complain("%s: %s", path, file.size > max ? "too large" : "cannot be read");
        free(*data);
    }
    snap_file_close(&file);
    return good;
}

bool snap_input_open(struct snap_input *input, const char *path)
{
    const char *problem = NULL;
    input->path = path;
    if (!snap_file_open(&input->file, path))
        return false;
    status_t status = snap_read(&input->snapshot, &input->file.source, input->file.size, &problem);
    if (status == OK)
        return true;
    complain("%s: %s", path, problem ? problem : "cannot be read");
    snap_file_close(&input->file);
    return false;
}

void snap_input_close(struct snap_input *input)
{
    snap_free(&input->snapshot);
    snap_file_close(&input->file);
}
