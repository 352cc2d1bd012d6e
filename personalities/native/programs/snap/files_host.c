/* SPDX-License-Identifier: MIT */
/* Files of the host, for the host's build of snap. */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snap.h"

const struct snap_command live_commands[] = {{NULL, NULL, NULL}};

static status_t read_file(void *context, uint64_t offset, void *to, uint32_t length)
{
    struct snap_file *file = context;
    uint8_t *at = to;
    while (length > 0) {
        ssize_t done = pread(file->fd, at, length, (off_t)offset);
        if (done <= 0)
            return ERR_IO_ERROR;
        at += done;
        offset += (uint64_t)done;
        length -= (uint32_t)done;
    }
    return OK;
}

bool snap_file_open_raw(struct snap_file *file, const char *path)
{
    struct stat attributes;
    *file = (struct snap_file){.source = {.read = read_file, .context = file},
                               .fd = open(path, O_RDONLY)};
    if (file->fd < 0 || fstat(file->fd, &attributes) < 0) {
        complain("%s: %s", path, strerror(errno));
        if (file->fd >= 0)
            close(file->fd);
        file->fd = -1;
        return false;
    }
    file->size = (uint64_t)attributes.st_size;
    return true;
}

void snap_file_close(struct snap_file *file)
{
    close(file->fd);
}

static status_t write_file(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct snap_output *output = context;
    const uint8_t *at = from;
    while (length > 0) {
        ssize_t done = pwrite(output->fd, at, length, (off_t)offset);
        if (done < 0)
            return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO_ERROR;
        at += done;
        offset += (uint64_t)done;
        length -= (uint32_t)done;
    }
    return OK;
}

bool snap_output_begin(struct snap_output *output, const char *path)
{
    *output = (struct snap_output){.sink = {.write = write_file, .context = output}};
    snprintf(output->path, sizeof output->path, "%s", path);
    if (snprintf(output->temporary, sizeof output->temporary, "%s.XXXXXX", path) >=
        (int)sizeof output->temporary) {
        complain("%s: name too long", path);
        return false;
    }
    output->fd = mkstemp(output->temporary);
    if (output->fd < 0)
        complain("%s: %s", path, strerror(errno));
    return output->fd >= 0;
}

static uint64_t size_of(int fd)
{
    struct stat attributes;
    return fstat(fd, &attributes) == 0 ? (uint64_t)attributes.st_size : 0;
}

bool snap_output_finish(struct snap_output *output)
{
    output->size = size_of(output->fd);
    if (fchmod(output->fd, 0700) == 0 && fsync(output->fd) == 0 &&
        rename(output->temporary, output->path) == 0) {
        close(output->fd);
        return true;
    }
    complain("%s: %s", output->path, strerror(errno));
    snap_output_discard(output);
    return false;
}

void snap_output_discard(struct snap_output *output)
{
    close(output->fd);
    unlink(output->temporary);
}

void snap_output_read(struct snap_output *output, struct snap_file *file, bool take)
{
    *file = (struct snap_file){.source = {.read = read_file, .context = file},
                               .size = size_of(output->fd),
                               .fd = output->fd};
    if (take)
        unlink(output->temporary);
}

/* The host does not tell. */
uint32_t snap_find_common(const struct snap_source *one, uint64_t offset,
                          const struct snap_source *other, uint64_t other_offset, uint32_t length)
{
    (void)one, (void)offset, (void)other, (void)other_offset, (void)length;
    return 0;
}

bool snap_random(void *to, uint32_t length)
{
    return getrandom(to, length, 0) == (ssize_t)length;
}

uint64_t snap_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
