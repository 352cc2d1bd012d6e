/* SPDX-License-Identifier: MIT */
/*
 * Works with a named file, a file that was unlinked while open and a pipe to itself; prints at the end
 * what is in them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 30

static void print_file(const char *name, int fd)
{
    char bytes[4096];
    ssize_t length = pread(fd, bytes, sizeof bytes - 1, 0);
    bytes[length > 0 ? length : 0] = '\0';
    printf("%s: position %ld, %s\n", name, (long)lseek(fd, 0, SEEK_CUR), bytes);
}

int main(void)
{
    int named = open("named.txt", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int unnamed = open("unnamed.txt", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600), ends[2];
    if (named < 0 || unnamed < 0 || unlink("unnamed.txt") < 0 || pipe(ends) < 0)
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%d ", i);
        if (write(named, text, (size_t)length) != length ||
            write(unnamed, text, (size_t)length) != length ||
            write(ends[1], text, (size_t)length) != length)
            return 2;
        usleep(10000);
    }
    char queued[4096];
    ssize_t length = read(ends[0], queued, sizeof queued - 1);
    queued[length > 0 ? length : 0] = '\0';
    print_file("named", named);
    print_file("unnamed", unnamed);
    printf("pipe: %s\n", queued);
    return access("unnamed.txt", F_OK) == 0;
}
