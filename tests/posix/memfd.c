/* SPDX-License-Identifier: MIT */
/* memfd_create: data, mappings, seals. */
#include "show.h"

static void seals(void)
{
    char byte = 0;
    int fd = need(memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    show(fcntl(fd, F_GET_SEALS));
    show(write(fd, "0123456789", 10));
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    say("mapped %d, first %c", shared != MAP_FAILED, shared[0]);
    shared[0] = 'X';
    show(pread(fd, &byte, 1, 0));
    say("%c", byte);
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show(munmap(shared, 4096));
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    show(ftruncate(fd, 5));
    show(ftruncate(fd, 20));
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    show(ftruncate(fd, 30));
    show(pwrite(fd, "abc", 3, 0));
    show(pwrite(fd, "abc", 3, 19));
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show(pwrite(fd, "abc", 3, 0));
    say("shared for writing %d",
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
    say("error %s", strerrorname_np(errno));
    say("private for writing %d",
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    show(fcntl(fd, F_GET_SEALS));
    show(fcntl(fd, F_GETFD));
}

static void data(void)
{
    struct stat status;
    char path[64], text[128] = "";
    int fd = need(memfd_create("a name", 0));
    show(fcntl(fd, F_GET_SEALS));
    show(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    need(fstat(fd, &status));
    say("mode %o, links %d, size %d", status.st_mode, (int)status.st_nlink, (int)status.st_size);
    show(ftruncate(fd, 100000));
    show(pwrite(fd, "far", 3, 99999));
    show(lseek(fd, 0, SEEK_END));
    show(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 99998, 3));
    show(pread(fd, text, 10, 99997));
    say("%d %d %d %d %c", text[0], text[1], text[2], text[3], text[4]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    text[readlink(path, text, 127)] = 0;
    say("%s", text);
    int again = open(path, O_RDONLY);
    show(pread(again, text, 1, 100001));
    say("%c", text[0]);
    show(write(again, "x", 1));
    show(memfd_create("x", 0x100));
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    show(memfd_create(name, 0));
    show(memfd_create((char *)8, 0));
    int plain = need(open("file", O_CREAT | O_RDWR, 0600));
    show(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    unlink("file");
    pid_t child = fork();
    if (child == 0) {
        pwrite(fd, "child", 5, 0);
        _exit(0);
    }
    show_end("child", child);
    show(pread(fd, text, 5, 0));
    say("%.5s", text);
}

/* A shared mapping of what was opened for reading does not become writable; a private one does. */
static void only_reading(void)
{
    static const char *const names[] = {"file", "/dev/zero"};
    close(need(open(names[0], O_WRONLY | O_CREAT, 0644)));
    need(truncate(names[0], 4096));
    for (unsigned i = 0; i < 2; i++) {
        int fd = need(open(names[i], O_RDONLY));
        char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        char *own = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        say("mapped %d %d", shared != MAP_FAILED, own != MAP_FAILED);
        show(mprotect(shared, 4096, PROT_READ | PROT_WRITE));
        show(mprotect(own, 4096, PROT_READ | PROT_WRITE));
        own[0] = 'x';
        close(fd);
    }
    unlink(names[0]);
}

int main(void)
{
    seals();
    data();
    only_reading();
    return 0;
}
