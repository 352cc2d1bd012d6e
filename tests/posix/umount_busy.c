/* SPDX-License-Identifier: MIT */
/* What keeps a file system from being unmounted: open files, working directories, mappings. */
#include "show.h"

#include <sys/mount.h>

static char *map(int protection, int flags)
{
    int fd = need(open("m/file", O_RDWR));
    char *text = mmap(NULL, 4096, protection, flags, fd, 0);
    close(fd);
    return text;
}

static void with_mapping(const char *text, int protection, int flags)
{
    char *bytes = map(protection, flags);
    if (bytes == MAP_FAILED) {
        say("%s: %s", text, strerrorname_np(errno));
        return;
    }
    say("%s", text);
    show(umount("m"));
    say("%.5s", bytes);
    munmap(bytes, 4096);
}

int main(void)
{
    need(mkdir("m", 0755));
    show(umount("m"));
    need(mount("none", "m", "tmpfs", 0, NULL));
    int fd = need(open("m/file", O_RDWR | O_CREAT, 0600));
    need(write(fd, "hello\n", 6));
    say("an open file");
    show(umount("m"));
    close(fd);
    with_mapping("a private mapping", PROT_READ, MAP_PRIVATE);
    with_mapping("a shared mapping", PROT_READ, MAP_SHARED);
    with_mapping("a shared mapping to write", PROT_READ | PROT_WRITE, MAP_SHARED);
    need(chdir("m"));
    say("a working directory");
    show(umount("../m"));
    need(chdir(".."));
    show(umount("m"));
    show(access("m/file", F_OK));
    show(umount("m"));
    return 0;
}
