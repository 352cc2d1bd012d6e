/* SPDX-License-Identifier: MIT */
/*
 * `large FILE MEBIBYTES`: a file of that size is written, read, changed in a fifth of its pages, some through a
 * mapping, and read again after a sync; each page says what it is. For machines with less memory than that.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE   4096u
#define PIECE  (64u * 1024)
#define WINDOW (1u << 20) /* mapped at once */
#define STEP   5u         /* one page of so many is changed */

static uint32_t piece[PIECE / 4];

static void must(int right, const char *what)
{
    if (right)
        return;
    perror(what);
    exit(1);
}

static uint32_t word(uint32_t page, uint32_t round, uint32_t at)
{
    return (page * 2654435761u ^ round * 40503u) + at * 97u;
}

static void fill(uint32_t *to, uint32_t page, uint32_t round)
{
    for (uint32_t i = 0; i < PAGE / 4; i++)
        to[i] = word(page, round, i);
}

static void check(const uint32_t *from, uint32_t page, uint32_t round)
{
    for (uint32_t i = 0; i < PAGE / 4; i++)
        if (from[i] != word(page, round, i)) {
            printf("page %u is not what was written\n", page);
            exit(1);
        }
}

static void write_all(int fd, uint32_t pages)
{
    for (uint32_t page = 0; page < pages; page += PIECE / PAGE) {
        for (uint32_t i = 0; i < PIECE / PAGE; i++)
            fill(piece + i * (PAGE / 4), page + i, 0);
        must(write(fd, piece, PIECE) == (ssize_t)PIECE, "write");
    }
}

static void check_all(int fd, uint32_t pages, uint32_t changed)
{
    must(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    for (uint32_t page = 0; page < pages; page += PIECE / PAGE) {
        must(read(fd, piece, PIECE) == (ssize_t)PIECE, "read");
        for (uint32_t i = 0; i < PIECE / PAGE; i++)
            check(piece + i * (PAGE / 4), page + i, (page + i) % STEP == 0 ? changed : 0);
    }
}

/* Every second megabyte through a mapping, from the end on. */
static void change(int fd, uint32_t pages)
{
    const uint32_t per_window = WINDOW / PAGE;
    for (uint32_t first = pages; first > 0;) {
        first -= per_window;
        if (first / per_window % 2 == 0) {
            uint8_t *at =
                mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)first * PAGE);
            must(at != MAP_FAILED, "mmap");
            for (uint32_t i = 0; i < per_window; i++)
                if ((first + i) % STEP == 0)
                    fill((uint32_t *)(at + i * PAGE), first + i, 1);
            must(munmap(at, WINDOW) == 0, "munmap");
            continue;
        }
        for (uint32_t i = 0; i < per_window; i++) {
            fill(piece, first + i, 1);
            if ((first + i) % STEP == 0)
                must(pwrite(fd, piece, PAGE, (off_t)(first + i) * PAGE) == (ssize_t)PAGE, "pwrite");
        }
    }
}

int main(int argc, char **argv)
{
    must(argc == 3, "FILE MEBIBYTES");
    uint32_t pages = (uint32_t)strtoul(argv[2], NULL, 10) * (WINDOW / PAGE);
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
    must(fd >= 0, argv[1]);
    write_all(fd, pages);
    check_all(fd, pages, 0);
    change(fd, pages);
    must(fsync(fd) == 0, "fsync");
    check_all(fd, pages, 1);
    puts("all pages are right");
    return 0;
}
