/* SPDX-License-Identifier: MIT */
/* The working directory: its name after links, renames and removal; fchdir; chroot. Attributes of devices. */
#include "show.h"

#include <utime.h>

static char start[4096];

/* The working directory's name, below where the program began. */
static void show_cwd(const char *text)
{
    char path[4096];
    if (!getcwd(path, sizeof path))
        say("%s: %s", text, strerrorname_np(errno));
    else if (strncmp(path, start, strlen(start)) == 0)
        say("%s: <start>%s", text, path + strlen(start));
    else
        say("%s: %s", text, path);
}

static void names(void)
{
    need(mkdir("a", 0755));
    need(mkdir("a/b", 0755));
    need(symlink("a/b", "link"));
    show(chdir("link"));
    show_cwd("through a link");
    show(chdir(".."));
    show_cwd("up");
    show(chdir("b/../b/."));
    show_cwd("with dots");
    need(rename("../../a", "../../c"));
    show_cwd("renamed above");
    int here = need(open(".", O_RDONLY | O_DIRECTORY));
    show(chdir(start));
    show(fchdir(here));
    show_cwd("back by descriptor");
    need(mkdir("gone", 0755));
    show(chdir("gone"));
    int gone = need(open(".", O_PATH));
    need(rmdir("../gone"));
    show_cwd("removed");
    show(open("x", O_CREAT | O_WRONLY, 0600));
    show(mkdir("x", 0700));
    show(fchdir(gone));
    show(fchdir(1));
    show(fchdir(99));
    show(chdir("nothing"));
    need(chdir(start));
    show(chdir("/proc/self"));
    show(chdir("/dev/pts/../shm"));
    show_cwd("in /dev");
    show(chdir(start));
    char small[2];
    show(syscall(SYS_getcwd, small, 2));
    show(syscall(SYS_getcwd, 8, 4096) == -1);
}

static void roots(void)
{
    pid_t child = fork();
    if (child == 0) {
        need(chdir("c/b"));
        show(chroot(".."));
        show_cwd("below the new root");
        show(chdir("/"));
        show_cwd("the new root");
        show(chdir("/../b/.."));
        show_cwd("still");
        show(access("/b", F_OK));
        show(access("/c", F_OK));
        _exit(0);
    }
    show_end("child", child);
    show_cwd("the parent");
}

static void devices(void)
{
    struct stat status;
    struct utimbuf times = {1000, 2000};
    show(chmod("/dev/null", 0622));
    need(stat("/dev/null", &status));
    say("mode %o", status.st_mode);
    show(chmod("/dev/null", 0666));
    show(chown("/dev/zero", 3, 4));
    need(stat("/dev/zero", &status));
    say("owner %d %d", status.st_uid, status.st_gid);
    show(chown("/dev/zero", 0, 0));
    show(utime("/dev/full", &times));
    need(stat("/dev/full", &status));
    say("times %d %d", (int)status.st_atime, (int)status.st_mtime);
    show(truncate("/dev/null", 10));
    show(truncate("/proc", 10));
    int fd = need(open("/dev/null", O_RDWR));
    show(fchmod(fd, 0600));
    need(stat("/dev/null", &status));
    say("mode %o", status.st_mode);
    show(fchmod(fd, 0666));
    show(ftruncate(fd, 10));
}

/* A relative path of as many bytes as there may be leads below the working directory, whose own name comes on top. */
static void long_paths(void)
{
    enum { PART = 250, PARTS = 16 };
    static char path[PART * PARTS + 4];
    need(mkdir("deep", 0755));
    need(chdir("deep"));
    for (int i = 0; i < PARTS; i++) {
        memset(path + i * PART, 'a' + i, PART - 1);
        path[i * PART + PART - 1] = '/';
        need(mkdir(path, 0755));
    }
    strcpy(path + PART * PARTS, "end");
    int fd = show(open(path, O_CREAT | O_RDWR, 0600));
    show((int)write(fd, "x", 1));
    struct stat status;
    show(stat(path, &status));
    show(chdir(path));
    show(unlink(path));
    show(stat(path, &status));
    path[PART * PARTS] = '\0';
    show(chdir(path));
    show(open("here", O_CREAT | O_RDWR, 0600) >= 0);
    show(unlink("here"));
    for (int i = 0; i < PARTS; i++)
        need(chdir(".."));
    show_cwd("up again");
    for (int i = PARTS; i > 0; i--) {
        path[i * PART] = '\0';
        need(rmdir(path));
    }
    show(chdir(start));
    show(rmdir("deep"));
}

/* A directory gets another parent only from who may write it. */
static void moves(void)
{
    umask(0);
    need(chmod(start, 0755));
    need(mkdir("one", 0777));
    need(mkdir("two", 0777));
    need(mkdir("one/theirs", 0755));
    need(mkdir("one/all", 0777));
    if (fork() == 0) {
        need(setresuid(1000, 1000, 1000));
        show(rename("one/theirs", "two/theirs"));
        show(rename("one/theirs", "one/renamed"));
        show(rename("one/all", "two/all"));
        show((int)syscall(SYS_renameat2, AT_FDCWD, "two/all", AT_FDCWD, "one/renamed", 2));
        show(rmdir("two/all/.."));
        show(rmdir("two/all/."));
        _exit(0);
    }
    wait(NULL);
}

int main(void)
{
    need(getcwd(start, sizeof start) != NULL ? 0 : -1);
    names();
    roots();
    devices();
    long_paths();
    moves();
    return 0;
}
