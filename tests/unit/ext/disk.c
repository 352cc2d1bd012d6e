/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t random_state = 1;

void disk_seed(uint32_t seed)
{
    random_state = seed * 2654435761u + 1;
}

uint32_t disk_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* ---- the device ------------------------------------------------------------------------------------- */

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "disk: %s\n", what);
        abort();
    }
}

static status_t disk_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct disk *disk = context;
    must(offset + length <= disk->size && length > 0, "read outside");
    memcpy(to, disk->bytes + offset, length);
    return OK;
}

static void record(struct disk *disk, uint64_t offset, const void *from, uint32_t length)
{
    if (!disk->recording)
        return;
    if (disk->write_count == disk->write_capacity) {
        disk->write_capacity = disk->write_capacity * 2 + 1024;
        disk->writes = realloc(disk->writes, disk->write_capacity * sizeof *disk->writes);
    }
    struct disk_write *write = &disk->writes[disk->write_count++];
    *write = (struct disk_write){offset, length, length > 0 ? malloc(length) : NULL};
    if (length > 0)
        memcpy(write->data, from, length);
}

static status_t disk_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct disk *disk = context;
    must(offset + length <= disk->size && length > 0, "write outside");
    if (disk->writes_left > 0 && --disk->writes_left == 0)
        disk->failing = true;
    if (disk->failing)
        return ERR_IO_ERROR;
    memcpy(disk->bytes + offset, from, length);
    record(disk, offset, from, length);
    return OK;
}

static status_t disk_flush(void *context)
{
    record(context, 0, NULL, 0);
    return OK;
}

static uint64_t disk_now(void *context)
{
    struct disk *disk = context;
    return disk->time += 1000003;
}

struct ext_device disk_device(struct disk *disk)
{
    return (struct ext_device){.context = disk,
                               .size = disk->size,
                               .read = disk_read,
                               .write = disk_write,
                               .flush = disk_flush,
                               .now = disk_now};
}

/* ---- mke2fs and e2fsck ------------------------------------------------------------------------------ */

static void image_name(char *name, size_t size)
{
    const char *directory = getenv("TMPDIR");
    snprintf(name, size, "%s/atomik-ext-%d.img", directory != NULL ? directory : "/tmp", getpid());
}

void disk_make(struct disk *disk, const char *options, uint32_t kibibytes)
{
    char name[256], command[4096];
    memset(disk, 0, sizeof *disk);
    image_name(name, sizeof name);
    disk->size = (uint64_t)kibibytes * 1024;
    disk->bytes = malloc(disk->size);
    disk->time = 1700000000ull * 1000000000ull;
    snprintf(command, sizeof command,
             "PATH=$PATH:/sbin:/usr/sbin; rm -f %s; mke2fs -q -F %s %s %uk >/dev/null 2>&1", name,
             options, name, kibibytes);
    must(system(command) == 0, "mke2fs");
    FILE *file = fopen(name, "rb");
    must(file != NULL && fread(disk->bytes, 1, disk->size, file) == disk->size, "image");
    fclose(file);
    unlink(name);
}

static void save(const struct disk *disk, char *name, size_t size)
{
    image_name(name, size);
    FILE *file = fopen(name, "wb");
    must(file != NULL && fwrite(disk->bytes, 1, disk->size, file) == disk->size, "image");
    fclose(file);
}

/* The image stays, for the caller to remove. */
static int run_e2fsck(const char *name, const char *options, const char *why, int accepted)
{
    char command[4096];
    snprintf(command, sizeof command,
             "PATH=$PATH:/sbin:/usr/sbin; e2fsck %s %s >%s.log 2>&1; r=$?; "
             "[ $r -le %d ] || { echo '%s'; cat %s.log; cp %s %s.bad; }; rm %s.log; exit $r",
             options, name, name, accepted, why, name, name, name, name);
    return WEXITSTATUS(system(command));
}

bool disk_is_clean(const struct disk *disk, const char *why)
{
    char name[256];
    save(disk, name, sizeof name);
    int code = run_e2fsck(name, "-fn", why, 0);
    unlink(name);
    return code == 0;
}

bool disk_replay(struct disk *disk, const char *why)
{
    char name[256];
    save(disk, name, sizeof name);
    int code = run_e2fsck(name, "-p", why, 1);
    FILE *file = fopen(name, "rb");
    must(file != NULL && fread(disk->bytes, 1, disk->size, file) == disk->size, "image");
    fclose(file);
    unlink(name);
    return code <= 1;
}

void disk_free(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->write_count; i++)
        free(disk->writes[i].data);
    free(disk->writes);
    free(disk->bytes);
    memset(disk, 0, sizeof *disk);
}

/* ---- power cuts ------------------------------------------------------------------------------------- */

void disk_start_recording(struct disk *disk)
{
    disk->recording = true;
}

void disk_cut(const struct disk *recorded, const uint8_t *base, uint32_t count,
              bool (*lucky)(uint32_t), struct disk *result)
{
    uint32_t flushed = 0;
    *result = (struct disk){.size = recorded->size, .time = recorded->time};
    result->bytes = malloc(result->size);
    memcpy(result->bytes, base, result->size);
    for (uint32_t i = 0; i < count; i++)
        if (recorded->writes[i].length == 0)
            flushed = i;
    for (uint32_t i = 0; i < count; i++) {
        const struct disk_write *write = &recorded->writes[i];
        if (write->length > 0 && (i < flushed || lucky(i)))
            memcpy(result->bytes + write->offset, write->data, write->length);
    }
}
