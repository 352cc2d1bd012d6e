/* SPDX-License-Identifier: MIT */
/*
 * Writers whose every step is made durable in another way and then said on standard output, as
 * `writer number`; and the check of what they said. `records DIRECTORY NUMBER...` (the last number
 * that was heard of each writer) first looks whether all of that is in the directory: `lost ...` and
 * exit code 1 if not. Then it says `ready`, and the writers go on until somebody ends the machine;
 * with a last argument `check` it ends instead.
 *
 * What is not heard of may be there, in part, or not: a file that a step is about to replace is never
 * the one that an earlier step promised.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH_MAX  40000u
#define APPEND_FILE 200u /* records of one file */
#define KEPT        16u  /* files of the last so many steps stay */
#define SLOTS       64u
#define PAGE        4096u
#define AHEAD       4u /* steps that may be there without having been heard of */

struct header {
    uint32_t magic, writer, number, length;
};
#define MAGIC 0x64726f63u

static unsigned char buffer[sizeof(struct header) + LENGTH_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static void lost(uint32_t writer, uint32_t number, const char *why)
{
    printf("lost: writer %u number %u: %s\n", writer, number, why);
    fflush(stdout);
    exit(1);
}

/* ---- records ----------------------------------------------------------------------------------- */

static uint32_t fill(uint32_t writer, uint32_t number, uint32_t length)
{
    struct header header = {MAGIC, writer, number, length};
    uint32_t state = number * 2654435761u ^ writer;
    memcpy(buffer, &header, sizeof header);
    for (uint32_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        buffer[sizeof header + i] = (unsigned char)(state >> 24);
    }
    return (uint32_t)sizeof header + length;
}

static uint32_t length_of(uint32_t writer, uint32_t number)
{
    return writer == 0 ? 40 + number * 7919u % 2000 : number * 7919u % 30000;
}

static bool is_record(const unsigned char *data, size_t size, uint32_t writer, uint32_t number)
{
    struct header header;
    if (size < sizeof header)
        return false;
    memcpy(&header, data, sizeof header);
    if (header.magic != MAGIC || header.writer != writer || header.number != number ||
        header.length > LENGTH_MAX || sizeof header + header.length > size)
        return false;
    return memcmp(data, buffer, fill(writer, number, header.length)) == 0;
}

static void say(uint32_t writer, uint32_t number)
{
    char line[32];
    int length = snprintf(line, sizeof line, "%u %u\n", writer, number);
    if (write(1, line, (size_t)length) != length)
        exit(3);
}

static void write_file(const char *name, uint32_t writer, uint32_t number)
{
    uint32_t size = fill(writer, number, length_of(writer, number));
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, buffer, size) != (ssize_t)size)
        fail(name);
    if (writer != 4 && (number % 2 ? fdatasync(fd) : fsync(fd)) != 0)
        fail(name);
    close(fd);
}

static void sync_directory(const char *name)
{
    int fd = open(name, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fsync(fd) != 0)
        fail(name);
    close(fd);
}

static unsigned char *read_file(const char *name, size_t *size)
{
    struct stat status;
    int fd = open(name, O_RDONLY);
    *size = 0;
    if (fd < 0 || fstat(fd, &status) != 0)
        return NULL;
    unsigned char *data = malloc((size_t)status.st_size + 1);
    ssize_t done = read(fd, data, (size_t)status.st_size);
    close(fd);
    *size = done < 0 ? 0 : (size_t)done;
    return data;
}

static bool file_is_record(const char *name, uint32_t writer, uint32_t number)
{
    size_t size;
    unsigned char *data = read_file(name, &size);
    bool right = data != NULL && is_record(data, size, writer, number);
    free(data);
    return right;
}

/* ---- writer 0: appends to a file and fsyncs ------------------------------------------------------- */

static void append_name(char name[32], uint32_t number)
{
    snprintf(name, 32, "append.%u", number / APPEND_FILE);
}

static void append_step(uint32_t number)
{
    static int fd = -1;
    char name[32];
    append_name(name, number);
    if (fd < 0 || number % APPEND_FILE == 0) {
        close(fd);
        fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644);
        sync_directory(".");
    }
    uint32_t size = fill(0, number, length_of(0, number));
    if (write(fd, buffer, size) != (ssize_t)size || (number % 3 ? fsync(fd) : fdatasync(fd)) != 0)
        fail(name);
    say(0, number);
    if (number % APPEND_FILE == 0 && number >= APPEND_FILE) {
        append_name(name, number - APPEND_FILE);
        unlink(name);
    }
}

/* Where the record of `number` ends in the file that begins with `first`; 0: it is not there. */
static size_t append_end(const unsigned char *data, size_t size, uint32_t first, uint32_t number)
{
    size_t at = 0;
    for (uint32_t i = first; i <= number; i++) {
        if (data == NULL || !is_record(data + at, size - at, 0, i))
            return 0;
        at += sizeof(struct header) + length_of(0, i);
    }
    return at;
}

static uint32_t append_check(uint32_t heard)
{
    char name[32];
    size_t size, end;
    uint32_t first = heard / APPEND_FILE * APPEND_FILE;
    append_name(name, heard);
    unsigned char *data = read_file(name, &size);
    if (heard > 0 && append_end(data, size, first > 0 ? first : 1, heard) == 0)
        lost(0, heard, "not in its file");
    end = append_end(data, size, first > 0 ? first : 1, heard);
    free(data);
    if (heard > 0 && truncate(name, (off_t)end) != 0)
        fail(name);
    for (uint32_t i = 1; i < 3; i++) { /* what nobody was promised */
        append_name(name, heard + i * APPEND_FILE);
        unlink(name);
    }
    return heard;
}

/* ---- writer 1: replaces a file by rename --------------------------------------------------------- */

static void rename_step(uint32_t number)
{
    write_file("file.new", 1, number);
    if (rename("file.new", "file") != 0)
        fail("rename");
    sync_directory(".");
    say(1, number);
}

static uint32_t rename_check(uint32_t heard)
{
    for (uint32_t number = heard; number <= heard + AHEAD; number++)
        if (file_is_record("file", 1, number))
            return number;
    if (heard > 0)
        lost(1, heard, "the file is none of those that were renamed");
    return 0;
}

/* ---- writers 2 and 4: new files, with fsync each or with one sync ---------------------------------- */

static void files_name(char name[32], uint32_t writer, uint32_t number, char which)
{
    snprintf(name, 32, "new%u/%u%c", writer, number, which);
}

static void files_step(uint32_t writer, uint32_t number)
{
    char name[32];
    for (char which = 'a'; which <= (writer == 4 ? 'd' : 'a'); which++) {
        files_name(name, writer, number, which);
        write_file(name, writer, number);
    }
    if (writer == 4)
        sync();
    else
        sync_directory("new2");
    say(writer, number);
    for (char which = 'a'; number > KEPT && which <= 'd'; which++) {
        files_name(name, writer, number - KEPT, which);
        unlink(name);
    }
}

static uint32_t files_check(uint32_t writer, uint32_t heard)
{
    char name[32];
    for (uint32_t number = heard > KEPT - AHEAD ? heard - (KEPT - AHEAD) : 1; number <= heard;
         number++)
        for (char which = 'a'; which <= (writer == 4 ? 'd' : 'a'); which++) {
            files_name(name, writer, number, which);
            if (!file_is_record(name, writer, number))
                lost(writer, number, name);
        }
    return heard;
}

/* ---- writer 3: pages of a mapping, msync ---------------------------------------------------------- */

static unsigned char *map_slots(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, SLOTS * PAGE) != 0)
        fail("mapped");
    unsigned char *map = mmap(NULL, SLOTS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        fail("mmap");
    fsync(fd);
    sync_directory(".");
    close(fd);
    return map;
}

static void map_step(uint32_t number)
{
    static unsigned char *map;
    if (map == NULL)
        map = map_slots();
    unsigned char *slot = map + number % SLOTS * PAGE;
    memcpy(slot, buffer, fill(3, number, PAGE - sizeof(struct header)));
    if (msync(slot, PAGE, MS_SYNC) != 0)
        fail("msync");
    say(3, number);
}

static uint32_t map_check(uint32_t heard)
{
    size_t size;
    unsigned char *data = read_file("mapped", &size);
    uint32_t first = heard + AHEAD >= SLOTS ? heard + AHEAD - SLOTS + 1 : 1;
    for (uint32_t number = first; number <= heard; number++)
        if (data == NULL || size < SLOTS * PAGE ||
            !is_record(data + number % SLOTS * PAGE, PAGE, 3, number))
            lost(3, number, "not in its page");
    free(data);
    return heard;
}

/* ---- a writer that promises nothing ---------------------------------------------------------------- */

static void noise_step(uint32_t number)
{
    char name[64], other[64];
    snprintf(name, sizeof name, "noise/%u", number % 7);
    if (mkdir(name, 0755) != 0 && errno != EEXIST)
        fail(name);
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "noise/%u/%u", number % 7, i);
        snprintf(other, sizeof other, "noise/%u/%u", (number + 3) % 7, i + number % 5);
        write_file(name, 4, number + i);
        if (i % 3 == 0 && rename(name, other) != 0 && errno != ENOENT)
            fail(other);
        if (i % 4 == 1)
            unlink(name);
        if (i % 5 == 2 && symlink(name, other) != 0 && errno != EEXIST && errno != ENOENT)
            fail(other);
    }
    for (uint32_t i = 0; i < 25 && number % 3 == 2; i++) {
        snprintf(name, sizeof name, "noise/%u/%u", number % 7, i);
        unlink(name);
    }
}

/* ---- all ------------------------------------------------------------------------------------------- */

#define WRITERS 6u

static void step(uint32_t writer, uint32_t number)
{
    if (writer == 0)
        append_step(number);
    else if (writer == 1)
        rename_step(number);
    else if (writer == 3)
        map_step(number);
    else if (writer == 5)
        noise_step(number);
    else
        files_step(writer, number);
}

static uint32_t check(uint32_t writer, uint32_t heard)
{
    if (writer == 0)
        return append_check(heard);
    if (writer == 1)
        return rename_check(heard);
    if (writer == 3)
        return map_check(heard);
    return writer == 5 ? 0 : files_check(writer, heard);
}

int main(int argc, char **argv)
{
    uint32_t found[WRITERS] = {0};
    if (argc < 2 || chdir(argv[1]) != 0)
        fail("directory");
    for (uint32_t i = 0; i < WRITERS; i++)
        found[i] = check(i, i + 2 < (uint32_t)argc ? (uint32_t)strtoul(argv[i + 2], NULL, 10) : 0);
    puts("ready");
    fflush(stdout);
    if (strcmp(argv[argc - 1], "check") == 0)
        return 0;
    mkdir("new2", 0755);
    mkdir("new4", 0755);
    mkdir("noise", 0755);
    sync();
    for (uint32_t i = 1; i < WRITERS; i++)
        if (fork() == 0)
            for (uint32_t number = found[i] + 1;; number++)
                step(i, number);
    for (uint32_t number = found[0] + 1;; number++)
        step(0, number);
}
